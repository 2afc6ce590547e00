"""A page without a kernel whose explorer is in a shadow root, as marimo and Panel put it into one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dev_page import FINAL, showing
from tests.browser.pixels import middle, n_colours, pixels
from tests.browser.waiting import wait_until

from .view import View

TOPS = """plot => [plot, ...plot.querySelectorAll(".main-svg")]
  .map(each => Math.round(each.getBoundingClientRect().top))"""


@pytest.fixture(scope="module")
def page(dev: Page) -> Iterator[Page]:
    """The page, with results."""
    with showing(dev, f"{FINAL}&shadow&theme=dark", width=1280, height=900, wait=False) as page:
        View(page, 0).wait_for_result()
        yield page


@pytest.fixture
def view(page: Page) -> View:
    """Its explorer."""
    return View(page, 0)


def test_style_sheets_reach_it(view: View) -> None:
    assert view.root.evaluate("root => root.getRootNode() instanceof ShadowRoot")
    assert view.part("preset").evaluate("e => getComputedStyle(e.closest('.lw-bar')).display") == "flex"
    heatmap = view.part("heatmap").locator(".js-plotly-plot")
    tops = heatmap.evaluate(TOPS)
    assert len(tops) > 2
    assert len(set(tops)) == 1
    assert n_colours(middle(pixels(heatmap))) > 50
    assert not view.faults()


def test_theme_around_the_root_is_followed(page: Page, view: View) -> None:
    """Its colours, too: the page chose the theme itself."""
    dark, light = "rgb(17, 17, 17)", "rgb(255, 255, 255)"
    expect(view.root).to_have_css("background-color", dark)
    page.evaluate("document.documentElement.dataset.lwTheme = 'light'")
    expect(view.root).to_have_css("background-color", light)
    page.evaluate("document.documentElement.dataset.lwTheme = 'dark'")
    expect(view.root).to_have_css("background-color", dark)


def test_keyboard_and_mouse_reach_it(page: Page, view: View) -> None:
    view.part("settings-open").click()
    seed = view.part("seed")
    seed.fill("3")
    seed.press("Enter")
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.dataset.testid") == "seed"
    wait_until(lambda: page.evaluate("model.get('seed')") == 3, "the seed")
    view.wait_for_result()

    def pointed() -> bool:
        box = view.part("heatmap").locator(".nsewdrag").first.bounding_box()  # where it is by now
        assert box
        for share in (0.3, 0.4):  # a plot that is being drawn does not hear of every move
            page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        return "α = −0.2" in (view.part("readout").text_content() or "")

    wait_until(pointed, "the crosshair under the pointer")
