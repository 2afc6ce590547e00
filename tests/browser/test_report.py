"""The saved page: it opens without kernel and network, shows the very numbers, and switches pictures."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from landscape_widget import LandscapeExplorer, load, save

from ..support.gates import gated_saddle
from .browser import UNDRAWN, Watch
from .conftest import OpenPage
from .hosts.network import Network
from .waiting import wait_until

READ = """plot => {
  const full = plot._fullData.find(trace => trace.z?.length && trace.z[0]?.length);
  const [x, y, z] = [Array.from(full.x), Array.from(full.y), Array.from(full.z, row => Array.from(row))];
  return { type: full.type, x, y, z };
}"""
DRAWN = """["surface", "heatmap", "curvature", "slices"].every(
  view => document.querySelector(`[data-testid=${view}]`)?.dataset.final === "true")"""
SHOWN = "request => document.querySelector('[data-testid=surface]').dataset.request === request"
#: The milliseconds from a click to the new heatmap.
SWITCH = """async id => {
  const find = name => document.querySelector(`[data-testid=${name}]`);
  const before = find("heatmap").dataset.request;
  const drawn = new Promise(resolve => {
    const look = () => find("heatmap").dataset.request !== before && resolve(performance.now());
    new MutationObserver(look).observe(find("heatmap"), { attributeFilter: ["data-request"] });
  });
  const start = performance.now();
  find(id).click();
  return await drawn - start;
}"""
#: While the page is printed: the ink of each plot, and how many colours the surface's copy has.
NOTE_PRINTING = """() => addEventListener("beforeprint", () => {
  const find = view => document.querySelector(`[data-testid=${view}] .js-plotly-plot`);
  const ink = view => find(view)._fullLayout.font.color;
  const copy = [...find("surface").querySelectorAll("canvas")].at(-1);
  const { data } = copy.getContext("2d").getImageData(0, 0, copy.width, copy.height);
  window.printed = {
    inks: ["surface", "heatmap", "curvature", "slices"].map(ink),
    colours: new Set(new Uint32Array(data.buffer)).size,
    width: copy.width,
  };
})"""
#: Milliseconds for all plots, one of them in software WebGL, on a busy machine.
PATIENCE = 120_000


@pytest.fixture
def explorer() -> LandscapeExplorer:
    return LandscapeExplorer(
        gated_saddle()[1], domain=(-1, 1, -0.5, 0.5), resolution=9, samples=20, face="trace"
    ).compute()


@pytest.fixture
def opened(open_page: OpenPage, tmp_path: Path) -> Callable[[Path], Watch]:
    def open_(path: Path) -> Watch:
        watch = open_page()
        watch.page.add_init_script(UNDRAWN)
        network = Network(watch.page.context, packages=False)
        watch.page.goto(path.as_uri(), wait_until="commit")
        watch.page.wait_for_function(DRAWN, timeout=PATIENCE)
        network.check()
        return watch

    return open_


def test_page_shows_the_results(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path
) -> None:
    path = tmp_path / "run.html"
    explorer.to_html(path, title="Saddle <5 parameters>")
    page = opened(path).page
    assert page.get_by_role("heading", level=1).inner_text() == page.title() == "Saddle <5 parameters>"
    assert explorer.results.verdict.sentence in " ".join(page.get_by_test_id("verdict").inner_text().split())
    page.get_by_test_id("scale").select_option("linear", force=True)
    surface = explorer.surface
    lowest = np.float32(surface.loss.min())
    for view in ("surface", "heatmap"):
        plot = page.get_by_test_id(view).locator(".js-plotly-plot")
        wait_until(lambda plot=plot: np.min(plot.evaluate(READ)["z"]) == lowest, f"losses in {view}")
        found = plot.evaluate(READ)
        assert found["type"] == view
        np.testing.assert_array_equal(found["x"], surface.alpha)
        np.testing.assert_array_equal(found["y"], surface.beta)
        # in 16 bits, whose steps here are 1e-4 of the distance from L(θ*) at most
        np.testing.assert_allclose(
            np.array(found["z"]), surface.loss, rtol=0, atol=1e-4 * np.ptp(surface.loss)
        )
        assert found["z"][4][4] == surface.loss[4, 4] == explorer.results.centre_loss
    for face in ("projections", "spectrum", "trace"):
        page.get_by_test_id(f"face-{face}").check(force=True)
        drawn = page.get_by_test_id("curvature")
        expect(drawn).to_have_attribute("data-face", face)
        expect(drawn).to_have_attribute("data-final", "true")
    page.get_by_text("What it rests on").click()
    assert '"n_parameters": 5' in page.locator("pre").inner_text()
    assert "rounded to 16 bits" in page.locator("details p").last.inner_text()
    expect(page.get_by_test_id("preset-random")).to_be_disabled()
    expect(page.get_by_test_id("resolution")).to_be_disabled()


def test_page_switches_between_planes_also_in_a_frame(
    explorer: LandscapeExplorer,
    open_page: OpenPage,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """In a frame without an address or an origin, as pages of other people may be put into one."""
    path, outer = tmp_path / "run.html", tmp_path / "outer.html"
    explorer.to_html(path, planes=["hessian", "random", {"axes": "random", "seed": 1}], resolutions=31)
    frame = f'<iframe sandbox="allow-scripts" width="1300" height="1100" srcdoc="{escape(path.read_text())}">'
    outer.write_text(f"<!doctype html><meta charset=utf-8><title>outer</title>{frame}</iframe>")
    watch = open_page()
    watch.page.add_init_script(UNDRAWN)
    network = Network(watch.page.context, packages=False)
    watch.page.goto(outer.as_uri(), wait_until="commit")
    page = watch.page.wait_for_selector("iframe").content_frame()
    page.wait_for_function(DRAWN, timeout=PATIENCE)
    expect(page.get_by_test_id("preset-filter")).to_be_disabled()
    times = [page.evaluate(SWITCH, f"preset-{plane}") for plane in ("random", "hessian", "random")]
    assert page.get_by_test_id("heatmap").get_attribute("data-provisional") == "false"
    record_property("milliseconds of a switch", times)
    record_property("bytes", path.stat().st_size)
    assert page.evaluate(SWITCH, "new-seed") > 0
    expect(page.get_by_test_id("seed")).to_have_value("1")
    page.get_by_test_id("compare").click()
    expect(page.get_by_test_id("heatmap-2")).to_have_attribute("data-final", "true", timeout=PATIENCE)
    expect(page.get_by_test_id("sight-2")).to_contain_text("Shows the saddle")
    network.check()


def test_sliders_stop_at_what_is_held(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path
) -> None:
    """Each width that is held can be had by keys, whatever its resolution, and nothing between."""
    path = tmp_path / "run.html"
    wide = {"axes": "random", "domain": (-9, 9, -9, 9)}
    explorer.to_html(path, planes=["random", wide | {"resolution": 11}, {"axes": "random", "resolution": 11}])
    page = opened(path).page
    width, resolution = page.get_by_test_id("half-width"), page.get_by_test_id("resolution")
    narrow = page.get_by_test_id("half-width-value").inner_text()
    resolution.press("ArrowRight")
    expect(page.get_by_test_id("resolution-value")).to_have_text("11 × 11")
    expect(page.get_by_test_id("half-width-value")).to_have_text(narrow)
    for key, shown in [("ArrowRight", "9")] * 2 + [("ArrowLeft", narrow)] * 2:
        width.press(key)
        expect(page.get_by_test_id("half-width-value")).to_have_text(shown)
        expect(page.get_by_test_id("heatmap")).to_have_attribute("data-provisional", "false")
        expect(page.locator("[data-testid=provisional]:visible")).to_have_count(0)
    page.get_by_test_id("heatmap").locator("[tabindex]").first.press("+")
    note = page.get_by_test_id("heatmap").get_by_test_id("provisional")
    expect(note).to_have_text("Part of a saved picture")
    page.get_by_test_id("domain-auto").click()
    expect(note).to_be_hidden()


@pytest.mark.parametrize("width", [1200, 700, 500])
def test_no_empty_lines_stand_below_the_verdict(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path, width: int
) -> None:
    """A page that lives keeps room for a verdict that is still to come; here none is."""
    path = tmp_path / "run.html"
    explorer.to_html(path)
    page = opened(path).page
    page.set_viewport_size({"width": width, "height": 800})
    verdict, head = page.get_by_test_id("verdict"), page.locator(".lw-head")
    height = "e => Math.ceil(e.getBoundingClientRect().height)"
    wait_until(lambda: head.evaluate(height) == verdict.evaluate(height), "the head to end with the verdict")


def test_page_follows_the_readers_theme_and_width(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path
) -> None:
    save(explorer.results, tmp_path / "run.npz")
    path = tmp_path / "run.html"
    load(tmp_path / "run.npz").to_html(path)
    page = opened(path).page
    root, paper = page.get_by_test_id("landscape-explorer"), "getComputedStyle(document.body).backgroundColor"
    expect(root).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")
    assert (
        page.evaluate(paper) == root.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(17, 17, 17)"
    )
    page.evaluate(NOTE_PRINTING)
    page.evaluate("sessionStorage.drawn = 'yes'")
    printed_page = page.pdf(prefer_css_page_size=True, print_background=True)
    printed = page.evaluate("window.printed")
    assert printed["inks"] == ["#626a73"] * 4, "that of a light page"
    assert printed["colours"] > 100, "the picture in three dimensions, of which browsers print nothing"
    assert f"/Width {printed['width']}\n".encode() in printed_page, "is on the paper"
    expect(root).to_have_attribute("data-theme", "dark")
    expect(page.get_by_test_id("surface").locator("canvas")).to_have_count(1)
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.querySelector('.js-plotly-plot').clientWidth < 380", timeout=PATIENCE)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=PATIENCE)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    expect(page.get_by_test_id("heatmap")).to_be_visible()
    for control in ("scale", "half-width", "compare", "kernel", "copy-python"):
        expect(page.get_by_test_id(control)).to_be_hidden()
    expect(root.locator("button:visible, select:visible, input:visible")).to_have_count(0)


def test_on_paper_pictures_are_as_high_as_on_the_screen(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path
) -> None:
    """Plots stay as large as they are: on paper, which is not as high, they would lie on the words below."""
    path = tmp_path / "run.html"
    explorer.compared_axes = ("random", "random")
    explorer.compute().to_html(path)
    page = opened(path).page
    page.set_viewport_size({"width": 1000, "height": 1200})
    expect(page.get_by_text("one scale")).to_be_visible()
    bodies, height = page.locator(".lw-of-plane .lw-panel-body"), "all => all.map(e => e.clientHeight)"
    wait_until(lambda: min(bodies.evaluate_all(height)) > 400, "pictures as high as the window lets them be")
    before = bodies.evaluate_all(height)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": 1000, "height": 670})
    page.emulate_media(media="print")
    assert bodies.evaluate_all(height) == before
    expect(page.get_by_text("one scale")).to_be_hidden()


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="there are none yet"):
        LandscapeExplorer(gated_saddle()[1]).to_html(tmp_path / "run.html")
    assert not list(tmp_path.iterdir())
