"""Fixtures: one JupyterLab server and one browser for all tests, notebooks as the tests ask."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from ..support.scripts import SHORT_DENSITIES
from .browser import UNDRAWN, Watch, launch
from .dev_page import serving
from .explorer import ExplorerOnPage
from .jupyter import JupyterServer
from .lab import Notebook
from .notebooks import FEW_PICTURES, FEW_STILLS, SHOW, STILLS
from .vscode_host import HostServer, build_host

OUTPUT = Path(__file__).parents[2] / "test-output"

OpenPage = Callable[..., Watch]
OpenNotebook = Callable[..., Notebook]
Show = Callable[..., AbstractContextManager[Notebook]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A running JupyterLab server."""
    server = JupyterServer(tmp_path_factory.mktemp("jupyter"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def watches() -> list[Watch]:
    """The pages that the tests have opened, for the check and the screenshots after each test."""
    return []


@pytest.fixture(scope="session")
def open_page(browser: Browser, watches: list[Watch]) -> OpenPage:
    """Open a page of the given width and height, on which nothing fades or glides; who opens it closes it."""

    def open_(width: int = 1400, height: int = 1200) -> Watch:
        size: ViewportSize = {"width": width, "height": height}
        watch = Watch(browser.new_page(viewport=size, reduced_motion="reduce"))
        watches.append(watch)
        return watch

    return open_


@pytest.fixture(scope="session")
def dev(open_page: OpenPage) -> Iterator[Page]:
    """A page without a kernel that modules use one after another, each for explorers of its own.

    To load the bundles anew takes more time than to show an explorer. Scenes are empty.
    """
    page = open_page().page
    page.add_init_script(UNDRAWN)
    with serving() as url:
        page.goto(f"{url}?views=0")
        page.wait_for_function("() => globalThis.show", timeout=60_000)
        yield page
        page.close()


@pytest.fixture(scope="session")
def lab(server: JupyterServer, open_page: OpenPage) -> Iterator[Notebook]:
    """A notebook, its page and its kernel, that modules use one after another.

    To start JupyterLab's page, a kernel and torch anew takes most of the time of a few tests. Who changes
    more of them than names in the kernel opens a notebook of its own.
    """
    watch = open_page()
    watch.page.add_init_script(UNDRAWN)
    with closing(Notebook(server, watch, [SHOW])) as notebook:
        notebook.kernel.run(SHORT_DENSITIES + FEW_PICTURES + FEW_STILLS)
        yield notebook


@pytest.fixture(scope="session")
def open_notebook(server: JupyterServer, open_page: OpenPage) -> OpenNotebook:
    """Open a notebook of the given cells on a page and with a kernel of its own; who opens it closes it."""

    def open_(cells: list[str] | Path, **size: int) -> Notebook:
        return Notebook(server, open_page(**size), cells)

    return open_


@pytest.fixture(scope="session")
def show(lab: Notebook) -> Show:
    """Show the explorer that some cells make in the notebook that all modules use.

    Its scenes are there and empty, unless they are to be ``drawn``: for tests of their pixels. Its still
    picture stays the first one, unless there are to be ``stills`` of all results.
    """

    @contextmanager
    def show_(
        *cells: str,
        width: int = 1400,
        height: int = 1200,
        wait: bool = True,
        drawn: bool = False,
        stills: bool = False,
    ) -> Iterator[Notebook]:
        lab.kernel.run("if 'explorer' in globals(): explorer.close()" + STILLS.format(stills))
        lab.draw_scenes(drawn)
        lab.page.set_viewport_size({"width": width, "height": height})
        lab.set_cells([*cells, SHOW])
        lab.run_all()
        lab.cell(len(cells))
        if wait:
            ExplorerOnPage(lab.page, lab.kernel).wait_for_result()
        yield lab
        lab.kernel.run("explorer.close()")
        lab.set_cells([""])

    return show_


@pytest.fixture(scope="session")
def vscode_host(server: JupyterServer) -> Iterator[HostServer]:
    """The built page that hosts VS Code's widget manager, being served."""
    host = HostServer(build_host(), server.url)
    host.start()
    yield host
    host.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save what every open page shows when a test fails, before its fixtures close them."""
    report = yield
    if report.failed:
        watches: list[Watch] = getattr(item, "funcargs", {}).get("watches", [])
        for index, watch in enumerate(w for w in watches if not w.page.is_closed()):
            name = re.sub(r"\W+", "-", f"{item.name}-{report.when}-{index}").strip("-")
            watch.screenshot(OUTPUT / f"{name}.png")
    return report


@pytest.fixture(autouse=True)
def no_console_errors(watches: list[Watch]) -> Iterator[None]:
    """Fail a test during which a page has put an error on its console."""
    yield
    errors = [error for watch in watches for error in watch.take_errors()]
    watches[:] = [watch for watch in watches if not watch.page.is_closed()]
    assert not errors, "errors on the page's console:\n" + "\n".join(errors)
