"""The scene: what of it is drawn, and when, by what the page asks of WebGL."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from .dev_page import DONE, FINAL, showing
from .pixels import HUE, pixels
from .waiting import wait_until

PATIENCE = 60_000

#: Share of the place of a scene that a surface takes at least; paths and words alone take 0.02.
LEAST = 0.1

#: Nodes for each axis of a small surface in the scene: plotly puts three between every two.
NODES = 4 * 21 + 1

#: Bytes of a node: its number twice, its place, colour and normal.
NODE = 4 * 10

#: Counts how often pixels are read back and programs are linked, which a page waits for until all is drawn,
#: how often anything is drawn, and how often a surface is; remembers the largest list of nodes that is sent.
COUNT = """() => {
  window.reads = window.links = window.draws = window.surfaces = window.largest = 0;
  const { bufferData, drawArrays, drawElements, linkProgram, readPixels } = WebGLRenderingContext.prototype;
  WebGLRenderingContext.prototype.bufferData = function (type, data, use) {
    if (type === this.ARRAY_BUFFER) window.largest = Math.max(window.largest, data.byteLength ?? data);
    return bufferData.call(this, type, data, use);
  };
  WebGLRenderingContext.prototype.drawArrays = function (...args) {
    window.draws++;
    return drawArrays.apply(this, args);
  };
  WebGLRenderingContext.prototype.drawElements = function (...args) {
    window.surfaces++;
    return drawElements.apply(this, args);
  };
  WebGLRenderingContext.prototype.linkProgram = function (program) {
    window.links++;
    return linkProgram.call(this, program);
  };
  WebGLRenderingContext.prototype.readPixels = function (...args) {
    window.reads++;
    return readPixels.apply(this, args);
  };
}"""


@pytest.fixture(scope="module")
def page(dev: Page) -> Iterator[Page]:
    """An explorer that has computed; its scene is empty, and at first nobody has pointed at it."""
    dev.evaluate(COUNT)
    with showing(dev, FINAL, width=1280, height=900) as page:
        yield page


@pytest.fixture(scope="module")
def narrow(dev: Page) -> Iterator[Page]:
    """The same in a narrow place, with a path and another solution, and drawn; for the last tests."""
    dev.evaluate("sessionStorage.drawn = 'yes'")
    with showing(dev, f"{FINAL}&paths", width=700, height=900) as page:
        yield page
    dev.evaluate("sessionStorage.drawn = ''")


def test_nothing_is_read_back_until_the_pointer_asks(page: Page) -> None:
    assert page.evaluate("reads") == 0
    page.evaluate("sessionStorage.drawn = 'yes'")  # what is under the pointer is read from pixels
    readout = page.get_by_test_id("readout")
    lowest = readout.text_content() or ""
    box = page.get_by_test_id("surface").locator("canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    expect(readout).not_to_have_text(lowest)
    asked = page.evaluate("reads")
    assert asked > 0
    page.evaluate("model.receive({ progress: { ...model.get('progress'), elapsed: 1e3 } })")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert page.evaluate("reads") == asked
    page.get_by_test_id("landscape-explorer").evaluate(
        "() => { model.set('seed', 5); model.save_changes(); }"
    )
    page.wait_for_function(DONE, timeout=PATIENCE)
    assert page.evaluate("reads") == asked
    page.evaluate("sessionStorage.drawn = ''")


def test_another_picture_sends_each_node_once_and_links_no_program(page: Page) -> None:
    page.evaluate("window.links = window.largest = 0")
    page.get_by_test_id("landscape-explorer").evaluate(
        "() => { model.set('domain', [-0.3, 0.7, -0.2, 0.5]); model.save_changes(); }"
    )
    page.wait_for_function(DONE, timeout=PATIENCE)
    plot = page.get_by_test_id("surface").locator(".js-plotly-plot")
    wait_until(
        lambda: plot.evaluate("plot => plot._fullLayout.scene.xaxis.range[1]") == pytest.approx(0.7),
        "the scene",
    )
    assert page.evaluate("[links, largest]") == [0, NODE * NODES**2]


def test_a_file_takes_few_drawings(page: Page) -> None:
    """Not one for each frame of the time that plotly waits for a scene to be there."""
    page.evaluate("window.surfaces = 0")
    panel = page.get_by_test_id("surface")
    panel.hover()
    with page.expect_download(timeout=PATIENCE):
        panel.get_by_role("button", name="Save the surface as PNG").click()
    assert 0 < page.evaluate("surfaces") <= 6


def test_keys_turn_it(page: Page) -> None:
    surface = page.get_by_test_id("surface")
    plot = surface.locator(".js-plotly-plot")

    def eye() -> list[float]:
        found = plot.evaluate("plot => plot._fullLayout.scene._scene.getCamera().eye")
        return [found[axis] for axis in "xyz"]

    start = eye()
    surface.locator(".lw-panel-body").focus()
    for key in ("ArrowLeft", "ArrowLeft", "+"):
        page.keyboard.press(key)
    wait_until(lambda: math.hypot(*eye()) < math.hypot(*start) and eye()[0] < start[0], "the camera to turn")
    page.keyboard.press("0")
    wait_until(lambda: np.allclose(eye(), start, atol=1e-6), "the camera to be back")


def test_the_house_takes_the_camera_to_where_it_began(page: Page) -> None:
    surface = page.get_by_test_id("surface")
    house = surface.locator(".modebar-btn[data-title='Reset camera']")
    plot = surface.locator(".js-plotly-plot")
    box = plot.bounding_box()
    assert box is not None
    middle = (box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])

    def eye() -> list[float]:
        found = plot.evaluate("plot => plot._fullLayout.scene._scene.getCamera().eye")
        return [found[axis] for axis in "xyz"]

    def began() -> bool:
        return eye() == pytest.approx(start, abs=1e-3)

    start = eye()
    house.click()
    for _ in range(2):
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + 120, middle[1] + 30, steps=4)
        page.mouse.up()
        wait_until(lambda: not began(), "the camera to turn")
        house.click()
        wait_until(began, "the camera to be where it began")


FRAMES = """() => new Promise((done) => {
  const ask = window.requestAnimationFrame;
  let asked = 0;
  window.requestAnimationFrame = (run) => { asked++; return ask(run); };
  setTimeout(() => { window.requestAnimationFrame = ask; done(asked); }, 300);
})"""
"""How many frames the page asks for in a while."""


def test_it_asks_for_frames_and_is_drawn_only_while_it_changes(page: Page) -> None:
    wait_until(lambda: page.evaluate(FRAMES) == 0, "no more frames to be asked for")
    still = page.evaluate("draws")
    box = page.get_by_test_id("surface").locator("canvas").first.bounding_box()
    assert box is not None
    middle = (box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.move(*middle)
    page.evaluate(FRAMES)
    pointed = page.evaluate("draws")
    page.mouse.down()
    page.mouse.move(middle[0] + 60, middle[1], steps=3)
    wait_until(lambda: page.evaluate("draws") > pointed >= still, "the turned scene to be drawn")
    page.mouse.up()
    wait_until(lambda: page.evaluate(FRAMES) == 0, "no more frames to be asked for")


def test_a_picture_that_comes_while_the_scene_is_turned_stops_no_turn(page: Page) -> None:
    """Plotly takes no turns for half a second after each picture."""
    scene = page.get_by_test_id("surface").locator(".js-plotly-plot")
    box = scene.bounding_box()
    assert box is not None
    eye = "plot => { const { x, y, z } = plot._fullLayout.scene._scene.getCamera().eye; return [x, y, z]; }"
    before = scene.evaluate(eye)
    told = """plot => new Promise((done) => {
      plot.once("plotly_react", () => done());
      model.set("seed", 6);
      model.save_changes();
    })"""
    scene.evaluate(told)
    turns = """(plot, [x, y]) => {
      const canvas = plot.querySelector("canvas");
      const at = (type, x, buttons) =>
        canvas.dispatchEvent(new MouseEvent(type, { clientX: x, clientY: y, buttons, bubbles: true }));
      at("mousemove", x, 0);
      at("mousedown", x, 1);
      for (let k = 1; k <= 4; k++) at("mousemove", x + 30 * k, 1);
      at("mouseup", x + 120, 0);
    }"""
    scene.evaluate(turns, [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    wait_until(lambda: scene.evaluate(eye) != pytest.approx(before, abs=0.1), "the camera to turn")


def test_the_surface_is_there_below_paths_and_words(narrow: Page) -> None:
    """Marks that let through what is behind them once locked depths, and it was not drawn at all."""
    scene = narrow.get_by_test_id("surface").locator(".js-plotly-plot")
    wait_until(lambda: scene.locator(".annotation-scene").count(), "words in the scene")

    def hued() -> float:
        image = pixels(scene).astype(int)
        return float((abs(image[..., 0] - image[..., 2]) > HUE).mean())

    wait_until(lambda: hued() > LEAST, "the colours of a surface", timeout=60)


def test_the_surface_tells_where_the_pointer_is_each_time_that_it_comes(narrow: Page) -> None:
    page = narrow
    box = page.get_by_test_id("surface").locator("canvas").first.bounding_box()
    assert box is not None
    places = [(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"]) for share in (0.4, 0.6)]
    readout = page.get_by_test_id("readout")
    page.mouse.move(*places[0])
    expect(readout).to_contain_text("α =")
    first = readout.text_content() or ""
    page.mouse.move(0, 0)
    expect(readout).not_to_have_text(first)
    page.mouse.move(*places[1])
    expect(readout).to_contain_text("α =")
    expect(readout).not_to_have_text(first)
