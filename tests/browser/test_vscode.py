"""The explorer in VS Code's widget manager: require.js on the page, a content security policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from .conftest import OpenPage
from .explorer import VIEWS, ExplorerOnPage
from .jupyter import JupyterServer
from .notebooks import BOWL, SHOW
from .pixels import middle, n_colours, pixels, spread
from .vscode_host import HostServer, VSCode
from .waiting import wait_until


@pytest.fixture(scope="module")
def vscode(server: JupyterServer, vscode_host: HostServer, open_page: OpenPage) -> Iterator[VSCode]:
    """A page with a kernel in which a function's explorer is on show."""
    with closing(VSCode(server, vscode_host, open_page())) as vscode:
        vscode.execute(BOWL)
        vscode.execute(SHOW)
        ExplorerOnPage(vscode.page, vscode.kernel).wait_for_result()
        yield vscode


@pytest.fixture
def explorer(vscode: VSCode) -> ExplorerOnPage:
    """The explorer, with a result on show."""
    explorer = ExplorerOnPage(vscode.page, vscode.kernel)
    explorer.wait_for_result()
    return explorer


def test_page_has_requirejs_and_a_policy(vscode: VSCode) -> None:
    assert vscode.page.evaluate("typeof window.define.amd") == "object"
    policy = vscode.page.request.get(vscode.page.url).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_drawn(explorer: ExplorerOnPage, view: str) -> None:
    image = middle(pixels(explorer.part(view).locator(".js-plotly-plot")))
    assert n_colours(image) > (4 if view == "curvature" else 100)
    assert spread(image) > 5


def test_control_changes_trait_and_brings_a_result(explorer: ExplorerOnPage) -> None:
    explorer.assert_plots_equal_kernel()
    request = explorer.request()

    explorer.part("preset-random").locator("xpath=..").click()

    wait_until(lambda: explorer.trait("axes") == ["random", "random"], "the trait axes")
    explorer.wait_for_result(request)
    explorer.assert_plots_equal_kernel()


def test_dark_theme_is_followed(vscode: VSCode, explorer: ExplorerOnPage) -> None:
    vscode.set_theme("dark")
    expect(explorer.root).to_have_attribute("data-theme", "dark")
    for view in VIEWS:
        corner = pixels(explorer.part(view))[-4:, -4:]
        assert corner.mean() < 100, f"{view} is bright on a dark page"
