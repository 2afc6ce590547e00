"""Pages with the saved state of widgets, which html-manager brings to life without a kernel.

The files that such a page asks a delivery network for come from installed packages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ipywidgets.embed import embed_minimal_html
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect

from tests.browser.browser import Watch
from tests.browser.conftest import OUTPUT
from tests.browser.explorer import expect_no_kernel

from . import sources
from .documents import NAMES, execute, size
from .network import Network, install_packages
from .view import View


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """With the state of its widgets."""
    return execute(tmp_path_factory.mktemp("executed"), state=True)


@pytest.fixture
def opened(browser: Browser, watches: list[Watch]) -> Callable[[Path], Any]:
    install_packages()

    @contextmanager
    def open_(path: Path) -> Iterator[Page]:
        with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
            network = Network(context)
            watch = Watch(context.new_page())
            watch.page.goto(path.as_uri(), wait_until="commit")
            yield watch.page
            network.check()
            watches.append(watch)

    return open_


def assert_alive_without_a_kernel(view: View) -> None:
    """It shows the losses, says that there is no kernel, and keeps what needs none."""
    view.wait_for_result()
    expect_no_kernel(view.root)
    view.assert_losses("hessian:max", "hessian:min")


def test_a_converted_notebook_with_its_state(executed: Any, opened: Any, tmp_path: Path) -> None:
    assert 2_000_000 < size(executed) < 2_700_000, "plotly.js is in it once"
    html, _ = HTMLExporter().from_notebook_node(executed)
    path = tmp_path / "notebook.html"
    path.write_text(html)
    with opened(path) as page:
        expect(page.get_by_test_id("landscape-explorer")).to_have_count(len(NAMES), timeout=60_000)
        for index in range(len(NAMES)):
            assert_alive_without_a_kernel(View(page, index))
        for picture in page.locator(".landscape-still").all():
            expect(picture).to_be_hidden()
        page.screenshot(path=OUTPUT / "converted-with-state.png")


def test_embed_minimal_html(opened: Any, tmp_path: Path) -> None:
    """With its defaults: the page shows the explorer where it may load ipywidgets and anywidget."""
    made = sources.run(tmp_path / "slow")
    path = tmp_path / "page.html"
    try:
        embed_minimal_html(str(path), views=[made["first"].compute()], title="Explorer")
    finally:
        for explorer in made.values():
            explorer.close()
    html = path.read_text(encoding="utf-8")
    assert 1_500_000 < len(html) < 2_200_000, "plotly.js is in it once"
    # the page names the digest of another build of require.js than is installed here
    path.write_text(re.sub(r' integrity="[^"]*"', "", html), encoding="utf-8")
    with opened(path) as page:
        assert_alive_without_a_kernel(View(page, 0))
        page.screenshot(path=OUTPUT / "embedded.png")
