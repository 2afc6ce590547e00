"""How the explorer is laid out: what is on the first screen, what touches, and what mouse and wheel do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Show
from .dev_page import DONE, FINAL, showing
from .explorer import ExplorerOnPage, without_plots
from .lab import Notebook
from .notebooks import BOWL
from .waiting import wait_until

BOXES = (Path(__file__).parent / "boxes.js").read_text(encoding="utf-8")
PATIENCE = 60_000
WIDTHS = (1400, 1000, 700, 500)
FACES = ("spectrum", "trace", "projections")
LEAST = 320
"""Pixels that an explorer is wide at least."""

UNTRAINED = """
import torch
from landscape_widget import LandscapeExplorer
torch.manual_seed(1)
x = torch.randn(400, 6)
y = (x[:, 0] * x[:, 1] + 0.5 * x[:, 2] > 0).long()
net = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
explorer = LandscapeExplorer(net, (x, y), torch.nn.CrossEntropyLoss(), resolution=5)
"""

BOXED = """
import ipywidgets
other = LandscapeExplorer(Objective.from_function(bowl, torch.zeros(6, dtype=torch.float64)), resolution=5)
explorer.resolution = 5
grid = ipywidgets.GridspecLayout(1, 2)
grid[0, 0], grid[0, 1] = explorer, other
boxes = {
    "HBox": ipywidgets.HBox([explorer, other]),
    "GridspecLayout": grid,
    "Tab": ipywidgets.Tab([explorer, ipywidgets.VBox([other])]),
}
"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def open_(dev: Page) -> Iterator[Open]:
    """Show an explorer without a kernel, as an address asks for it: final answers, and none on the way.

    Tests of one address stand together and share what it shows: each leaves what the next ones look at as
    it was. The page is as wide as the widest layout that is looked at.
    """
    with showing(dev, "views=0", width=1432, height=900, wait=False) as page:
        shown = [""]
        page.add_style_tag(content=".without-plots .lw-plot { display: none; }")

        def open_(query: str = "", *, pace: str = FINAL, plots: bool = True) -> Page:
            """Without ``plots`` all else is in its place, and a change of width costs next to nothing."""
            asked = f"{query}&{pace}".lstrip("&")
            page.mouse.move(0, 0)
            if shown != [asked]:
                page.evaluate("asked => show(asked)", asked)
                shown[:] = [asked]
            page.wait_for_function(DONE, timeout=PATIENCE)
            page.evaluate("hidden => document.body.classList.toggle('without-plots', hidden)", not plots)
            return page

        yield open_
        page.evaluate("document.body.classList.remove('without-plots')")


def root(page: Page) -> Locator:
    return page.get_by_test_id("landscape-explorer").first


FOLLOWED = """() => [...document.querySelectorAll(".js-plotly-plot")].every((plot) => {
  const { width, height } = plot._fullLayout;
  const off = Math.max(Math.abs(width - plot.offsetWidth), Math.abs(height - plot.offsetHeight));
  return !plot.offsetWidth || off <= 1;
})"""
"""Whether all plots in sight have followed the last change of their places, but for what is rounded."""

FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def wait_for_plots(page: Page) -> None:
    """Wait until plots are as large as the last change of widths made their places."""
    page.evaluate(FRAMES)
    page.wait_for_function(FOLLOWED, timeout=PATIENCE)


def faults(page: Page) -> list[str]:
    """What touches, covers or is cut off."""
    wait_for_plots(page)
    found: list[str] = root(page).evaluate(BOXES)
    return found


def assert_nothing_touches(page: Page, what: object) -> None:
    """Wait until what follows the last change of places is there, and nothing touches."""
    try:
        wait_until(lambda: not faults(page), "nothing to touch", timeout=15)
    except TimeoutError:
        pytest.fail(f"{what}: {faults(page)}")


def set_width(page: Page, width: int) -> None:
    """Give the explorer so much room."""
    page.locator(".lw-host").first.evaluate("(el, width) => { el.style.width = `${width}px`; }", width)


def box(part: Locator) -> dict[str, float]:
    found = part.bounding_box()
    assert found is not None
    return {**found, "right": found["x"] + found["width"], "bottom": found["y"] + found["height"]}


AREAS = """() => [...document.querySelectorAll("[data-testid^='heatmap'] .nsewdrag")].map((area) => {
  const { width, height } = area.getBoundingClientRect();
  return [width, height];
})"""


def assert_planes_are_square(page: Page, width: int) -> None:
    """Wait, at this width, until the plane's picture, or each of two, is as wide as high within 2 %."""
    set_width(page, width)

    def square() -> bool:
        areas = page.evaluate(AREAS)
        return bool(areas) and all(abs(width / height - 1) <= 0.02 for width, height in areas)

    wait_for_plots(page)
    try:
        wait_until(square, "square planes", timeout=15)
    except TimeoutError:
        pytest.fail(f"{width}: {page.evaluate(AREAS)}")


def assert_planes_are_square_on_a_low_screen(page: Page) -> None:
    """There, too, where the height limits them."""
    usual = page.viewport_size
    assert usual is not None
    try:
        page.set_viewport_size({"width": usual["width"], "height": 720})
        for width in (1280, 1000, 700, 500):
            assert_planes_are_square(page, width)
    finally:
        page.set_viewport_size(usual)


def assert_pictures_are_equal(page: Page, width: int) -> None:
    """Check that plane and surface are as large as each other, and beside each other where there is room."""
    surface, heatmap = (
        box(page.get_by_test_id(view).locator(".lw-panel-body")) for view in ("surface", "heatmap")
    )
    beside = ("y", "width", "height") if width >= 560 else ("width", "height")
    assert [surface[k] for k in beside] == pytest.approx([heatmap[k] for k in beside], abs=0.1)


def test_a_plane_beside_long_numbers_is_square(open_: Open) -> None:
    """On a low screen; on a higher one it is below."""
    assert_planes_are_square_on_a_low_screen(open_("theme=dark&scale=1e-7&half=0.003"))


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("theme=dark&scale=1e-7&half=0.003", 0),
        ("theme=light&scale=1e7&half=300", 1),
        ("theme=dark&scale=1e-2&stretch=10", 1),
        ("group=together&half=0.0008", 0),
        ("", 2),  # and ends with the face that is usual
    ],
)
def test_nothing_touches_and_the_pictures_are_equal_and_square(open_: Open, query: str, first: int) -> None:
    """Every picture at every width and with every face, and every face at every width."""
    page = open_(query)
    for number, width in enumerate(WIDTHS, first):
        page.get_by_test_id(f"face-{FACES[number % 3]}").locator("xpath=..").click()
        page.wait_for_function(DONE, timeout=PATIENCE)
        assert_planes_are_square(page, width)
        if not query:  # long numbers take room of their own picture alone
            assert_pictures_are_equal(page, width)
        assert_nothing_touches(page, (FACES[number % 3], width))


def test_the_bar_is_one_line_and_two_in_a_narrow_place(open_: Open) -> None:
    page = open_(plots=False)
    bar = page.get_by_role("group", name="Plane and accuracy")
    for width, lines in ((1400, 1), (900, 1), (899, 2), (500, 2)):
        set_width(page, width)
        assert box(bar)["height"] == 28 * lines + 8 * (lines - 1), width


def test_everything_is_within_three_keys(open_: Open) -> None:
    page = open_()
    set_width(page, 1000)
    page.get_by_test_id("settings-open").focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("scale").select_option("linear")  # the other scale has colours of its own
    for name in ("seed", "examples", "colour", "scale", "colour-map", "contours", "quadratic"):
        part = page.get_by_test_id(name)
        part.focus()
        expect(part).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("settings")).to_be_hidden()
    expect(page.get_by_test_id("settings-open")).to_be_focused()


def test_nothing_touches_with_all_unfolded_and_two_planes(open_: Open) -> None:
    page = open_()
    for button in ("settings-open", "glossary-open", "compare"):
        page.get_by_test_id(button).click()
    expect(page.get_by_test_id("heatmap-2")).to_have_attribute("data-final", "true", timeout=PATIENCE)
    page.wait_for_function(DONE, timeout=PATIENCE)
    for width in WIDTHS:
        assert_planes_are_square(page, width)
        assert_nothing_touches(page, width)


def test_a_touch_would_be_found(open_: Open) -> None:
    page = open_()
    set_width(page, 1000)
    assert_nothing_touches(page, 1000)
    root(page).evaluate("""root => {
      const move = (part, ...by) => root.querySelector(part).setAttribute("transform", `translate(${by})`);
      root.querySelector(".lw-tools").style.marginLeft = "-200px";
      move('[data-testid="heatmap"] .g-ytitle', 36, 0);
      move('[data-testid="curvature"] .annotation', 40, 120);
    }""")
    said = "\n".join(faults(page))
    for part in ("lw-bar", 'heatmap: "', "bars"):
        assert part in said


@pytest.mark.parametrize("beside", [False, True])
def test_what_says_that_a_picture_is_provisional_covers_no_labels(open_: Open, beside: bool) -> None:
    page = open_("stretch=3")
    if beside:
        page.get_by_test_id("compare").click()
        expect(page.get_by_test_id("heatmap-2")).to_have_attribute("data-final", "true", timeout=PATIENCE)
    wider = [-0.7, 0.7, -2, 2]
    try:
        # Nobody answers.
        page.evaluate("domain => model.receive({ domain, compared_domain: domain })", wider)
        notes = page.locator(".lw-of-plane").get_by_test_id("provisional")
        for i in range(4 if beside else 2):
            expect(notes.nth(i)).to_have_text(re.compile("^Provisional: (quadratic model|from earlier)"))
            expect(notes.nth(i)).to_have_attribute("title", notes.nth(i).text_content() or "")
        for width in WIDTHS:
            set_width(page, width)
            assert_nothing_touches(page, width)
    finally:
        page.evaluate("model.receive({ domain: null, compared_domain: null })")
        if beside:
            page.get_by_test_id("compare").click()


def test_the_way_back_from_a_bars_plane_touches_nothing(open_: Open) -> None:
    page = open_("stretch=3")
    set_width(page, 1400)
    histogram = page.get_by_test_id("curvature").locator(".lw-panel-body")
    wait_for_plots(page)  # bars lie where they stay
    histogram.scroll_into_view_if_needed()
    bar = box(histogram.locator(".barlayer .point path").nth(12))
    page.mouse.move(bar["x"] + bar["width"] / 2, bar["bottom"] - 4)
    expect(histogram).to_have_attribute("data-clickable", "true")
    page.mouse.down()
    page.mouse.up()
    back = page.get_by_test_id("former-plane")
    expect(back).to_have_text("↶ Hessian λmax × λmin")
    page.wait_for_function(DONE, timeout=PATIENCE)
    for width in WIDTHS:
        set_width(page, width)
        assert_nothing_touches(page, width)
    back.click()
    expect(back).to_be_hidden()
    assert page.evaluate("model.get('axes')") == ["hessian:max", "hessian:min"]


@pytest.mark.parametrize(("query", "width"), [("stretch=30", 1232), ("paths&stretch=10", 700)])
def test_a_slider_stays_in_place_under_the_pointer(open_: Open, query: str, width: int) -> None:
    """In a bar of one line, and in one of two."""
    page = open_(query, plots=False)
    slider = page.get_by_test_id("half-width")
    set_width(page, width)
    at = box(slider)
    assert at["width"] >= 80
    last = int(slider.get_attribute("max") or 0)
    thumb = 12
    x = at["x"] + thumb / 2 + (at["width"] - thumb) * int(slider.input_value()) / last
    page.mouse.move(x, at["bottom"] - 7)
    page.mouse.down()
    before = int(slider.input_value())
    for _ in range(15):
        x -= 1
        page.mouse.move(x, at["bottom"] - 7)
        page.wait_for_timeout(10)  # what is tried is a hand that waits for nothing
        after = int(slider.input_value())
        assert before - 1 <= after <= before
        before = after
        now = box(slider)
        assert [now[side] for side in ("x", "width")] == [at[side] for side in ("x", "width")]
    page.mouse.up()
    assert page.evaluate("model.get('domain')") is not None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("drift", {"drift": {"words": "Your model has moved.", "takes": True}}),
        ("centre", {"centre": {"depth": 1, "request": 0, "moved": 0.314}}),
    ],
)
def test_a_notice_takes_its_room_from_the_pictures(open_: Open, name: str, told: dict[str, Any]) -> None:
    page = open_("paths&stretch=10")
    set_width(page, 1232)
    usual = page.viewport_size
    assert usual is not None
    page.set_viewport_size({"width": 1280, "height": 720})
    try:
        before = box(page.get_by_test_id("heatmap"))["bottom"]
        page.evaluate("told => model.receive({ _pins: { ...model.get('_pins'), ...told } })", told)
        expect(page.get_by_test_id(name)).to_be_visible()
        assert box(page.get_by_test_id(name))["bottom"] <= box(page.get_by_test_id("surface"))["y"]
        assert box(page.get_by_test_id("heatmap"))["bottom"] == pytest.approx(before, abs=2)
    finally:
        none = {"drift": None, "centre": {"depth": 0, "request": 0, "moved": 0}}
        page.evaluate("none => model.receive({ _pins: { ...model.get('_pins'), ...none } })", none)
        page.set_viewport_size(usual)


ON_TOP = """part => {
  const { right, top } = part.getBoundingClientRect();
  return part.contains(document.elementFromPoint(right - 30, top + 10));
}"""


@pytest.mark.parametrize("width", [1280, 720])
def test_the_glossary_pushes_no_picture_and_is_read_whole(open_: Open, width: int) -> None:
    page = open_()
    set_width(page, width)
    usual = page.viewport_size
    assert usual is not None
    page.set_viewport_size({"width": usual["width"], "height": 720})
    try:
        parts = [page.get_by_test_id(view) for view in ("surface", "heatmap", "curvature", "slices")]
        before = [box(part) for part in parts]
        page.get_by_test_id("glossary-open").press("Enter")
        glossary = page.get_by_test_id("glossary")
        assert [box(part) for part in parts] == before
        assert box(glossary)["bottom"] <= 720
        glossary.press("End")
        last = glossary.locator("dd").last
        wait_until(lambda: box(last)["bottom"] <= box(glossary)["bottom"], "the last words to be in sight")
        assert glossary.evaluate(ON_TOP), "also of plotly's buttons"
        ground = glossary.evaluate("e => getComputedStyle(e).backgroundColor")
        assert ground.startswith("rgb("), "nothing is seen through it"
        glossary.press("Escape")
        expect(glossary).to_be_hidden()
        expect(page.get_by_test_id("glossary-open")).to_be_focused()
    finally:
        page.set_viewport_size(usual)


CUT = """root => [...root.querySelectorAll(".lw-along, .lw-pins-scroll")]
  .filter((part) => part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight + 1)
  .map((part) => part.textContent)"""

PINNED = """() => {
  const scores = (loss, n) => ({ loss, metrics: { accuracy: 0.9642 }, n_examples: n });
  const pin = {
    number: 1, alpha: -0.00267, beta: -0.2, places: [[-0.00267, -0.2], null], plane: "Hessian λmax × λmin",
    axes: ["hessian:max", "hessian:min"], symbols: ["λ₁", "λₙ"], n_examples: 1797, here: true, centred: true,
    train: scores(0.004551, 1797), test: scores(0.09685, 450), gradient_norm: 0.02651, error: "",
    hessian: [[4.5, 0], [0, -0.02]], curvatures: [-0.006431, 5.596], done: true,
  };
  model.receive({ _pins: { ...model.get("_pins"), writable: true, pins: [pin] } });
}"""


def test_path_and_pins_are_read_whole_in_a_narrow_place(open_: Open) -> None:
    page = open_("paths&stretch=10")
    set_width(page, 700)
    page.evaluate(PINNED)
    page.locator(".lw-along").evaluate("""along => {
      along.firstChild.textContent = "path, 0.299 % of ‖Δθ‖² in the plane, 1 of 7 checkpoints outside";
      along.replaceChildren(along.firstChild);
    }""")
    assert root(page).evaluate(CUT) == []
    expect(page.get_by_test_id("pin-1-remove")).to_be_visible()


@pytest.mark.parametrize("width", [700, 500])
def test_words_of_a_pin_on_another_plane_take_no_more_lines_than_its_buttons(open_: Open, width: int) -> None:
    page = open_("paths&stretch=10")
    set_width(page, width)
    page.evaluate(PINNED)
    pins = page.evaluate("model.get('_pins')")
    try:
        page.evaluate("""() => {
          const { pins, ...others } = model.get("_pins");
          const pin = { ...pins[0], number: 2, n_examples: 400, here: false, centred: false };
          model.receive({ _pins: { ...others, pins: [...pins, pin] } });
        }""")
        expect(page.get_by_test_id("pin-2-place")).to_contain_text("of 400 examples, around another centre")
        here, elsewhere = (box(page.get_by_test_id(f"pin-{number}"))["height"] for number in (1, 2))
        assert elsewhere <= here + 1, "but for its share of the line between both"
        assert width == 500 or root(page).evaluate(CUT) == []
    finally:
        page.evaluate("pins => model.receive({ _pins: pins })", pins)


@pytest.mark.parametrize("beside", [False, True])
def test_a_path_of_many_words_is_read_whole_and_moves_nothing(open_: Open, beside: bool) -> None:
    """In one picture of two, and in one of four, the readout above it in as many lines as it takes."""
    page = open_("paths&checkpoints=7&stretch=10")
    set_width(page, 1232)
    if beside:
        page.get_by_test_id("compare").click()
        expect(page.get_by_test_id("heatmap-2")).to_have_attribute("data-final", "true", timeout=PATIENCE)
    before = box(page.get_by_test_id("curvature"))["y"]
    part, words = (
        (".lw-readout", "× α = −0.00267  β = −0.00267  loss =")
        if beside
        else (".lw-along", "path, 71.2 % of ‖Δθ‖² in the plane, 1 of 7 checkpoints outside")
    )
    page.get_by_test_id("heatmap").locator(part).first.evaluate(
        "(part, words) => { part.firstChild.textContent = words; }", words
    )
    assert root(page).evaluate(CUT) == []
    assert box(page.get_by_test_id("curvature"))["y"] == before
    if beside:
        page.get_by_test_id("compare").click()
    page.mouse.move(0, 0)


def test_play_and_pause_are_equally_wide(open_: Open) -> None:
    page = open_("paths&checkpoints=7&stretch=10")
    set_width(page, 1232)
    play, slider = page.get_by_test_id("play"), page.get_by_test_id("checkpoint")
    before = box(slider)["x"]
    play.click()
    expect(play).to_have_text("❚❚ Pause")
    assert box(slider)["x"] == before
    assert [fault for fault in faults(page) if fault.startswith("the words of")] == []
    play.click()
    expect(play).to_have_text("▶ Play")
    page.evaluate("model.receive({ checkpoint: null })")


def test_a_plane_below_checkpoints_is_square(open_: Open) -> None:
    page = open_("paths&checkpoints=7&stretch=10")
    for width in WIDTHS:
        assert_planes_are_square(page, width)
    assert_planes_are_square_on_a_low_screen(page)


NOTE_TOPS = """() => {
  window.tops = {};
  const note = () => {
    for (const root of document.querySelectorAll("[data-testid='landscape-explorer']")) {
      for (const part of root.querySelectorAll(".lw-bar, .lw-panel-body")) {
        if (!part.checkVisibility()) continue;
        const name = `${root.clientWidth} ${part.closest("section")?.dataset.testid ?? part.ariaLabel}`;
        const below = part.getBoundingClientRect().top - root.getBoundingClientRect().top;
        (window.tops[name] ??= {})[below.toFixed(1)] = true;
      }
    }
    window.noting = requestAnimationFrame(note);
  };
  note();
}"""
"""Notes at every frame how far below the top of its explorer each row of controls and each picture is."""

FORGET = """() => model.receive(Object.fromEntries(
  ["_eigenpairs", "_surface", "_projections", "_landmarks"].map((name) => [name, null])))"""


@pytest.mark.parametrize("query", ["stretch=30&half=0.02", "paths&checkpoints=7"])
def test_nothing_moves_while_a_computation_runs_or_ends(open_: Open, query: str) -> None:
    """Neither during the first one, when there is no verdict yet, nor during a later one."""
    page = open_(f"{query}&views=3", pace="pace=120&resolution=21", plots=False)
    for i, width in enumerate((700, 900, 1280)):
        page.locator(".lw-host").nth(i).evaluate("(el, width) => { el.style.width = `${width}px`; }", width)
    page.evaluate(FORGET)
    page.evaluate(NOTE_TOPS)
    for start in ("model.send({ type: 'compute' })", "model.set('resolution', 25); model.save_changes()"):
        page.evaluate(start)
        page.wait_for_function(DONE, timeout=PATIENCE)
        page.wait_for_timeout(100)
    tops: dict[str, dict[str, bool]] = page.evaluate("() => { cancelAnimationFrame(noting); return tops; }")
    assert len(tops) >= 15
    assert [(name, *seen) for name, seen in tops.items() if len(seen) > 1] == []


SAY = """([words, sight]) => {
  const pairs = { ...model.get("_eigenpairs"), request: model.get("progress").request, sentence: words };
  model.receive({ _eigenpairs: { ...pairs, sights: sight && [words, `${words} ${sight}`] } });
}"""

WORDS = (
    "Saddle at this scale: λmax 4.752, λmin −0.02027, ‖∇L‖ 0.04478. The quadratic model turns within"
    " ‖Δθ‖ = 0.0399, inside the domain, along λmax, λmin and the rest of ∇L (taken as one direction). "
)
CLAUSE = (
    "A random plane hides it in 96.3–100 % of cases (100 in 100 drawn; 57–100 % as the spectrum predicts);"
)
UNSEEN = "it lies in this plane but cannot be seen at this domain and scale."


@pytest.mark.parametrize("width", [1084, 700])
def test_a_verdict_of_fewer_lines_and_a_button_beside_it_move_nothing(open_: Open, width: int) -> None:
    page = open_("stretch=30&half=2&still")
    page.get_by_test_id("scale").select_option("linear")
    set_width(page, width)
    page.evaluate(SAY, [WORDS + CLAUSE, None])
    page.evaluate(FRAMES)
    expect(page.get_by_test_id("show-saddle")).to_be_hidden()
    parts = [root(page).locator(".lw-bar").first, *map(page.get_by_test_id, ("heatmap", "progress-text"))]
    before = [box(part) for part in parts]
    for words, sight in ((WORDS, None), ("Saddle: λmax 4.752.", None), (WORDS + CLAUSE, UNSEEN)):
        page.evaluate(SAY, [words, sight])
        page.evaluate(FRAMES)
        assert [box(part) for part in parts] == before, words
    expect(page.get_by_test_id("show-saddle")).to_be_visible()
    assert_nothing_touches(page, width)


TELL_PLAN = """([plan, judged]) => model.receive({
  status: "computing",
  progress: { ...model.get("progress"), stage: "curvature", fraction: 0.4, eta: 400, plan },
  ...(judged ? {} : { _eigenpairs: null }),
})"""
PLAN = "about 12 min: 1,190 Hessian-vector products, 1.1 GB"


@pytest.mark.parametrize("width", [1200, 700, 500])
@pytest.mark.parametrize(
    "words", [None, "Saddle: λmax 4.752. A random plane hides it.", f"Saddle: λmax 4.752. {WORDS}"]
)
def test_what_all_takes_comes_and_goes_and_moves_nothing(open_: Open, width: int, words: str | None) -> None:
    """Where there is no verdict yet, at the end of its last line, and below that."""
    page = open_("stretch=30&half=2&still")
    set_width(page, width)
    pairs = page.evaluate("model.get('_eigenpairs')")
    if words is not None:
        page.evaluate(SAY, [words, None])
    page.evaluate(FRAMES)  # the room of a verdict is that of this width
    names = ("heatmap", "surface", "progress")
    parts = [root(page).locator(".lw-bar").first, *map(page.get_by_test_id, names)]
    plan = page.get_by_test_id("plan")
    try:
        page.evaluate(TELL_PLAN, ["", words is not None])
        page.evaluate(FRAMES)
        expect(plan).to_be_hidden()
        before = [box(part) for part in parts]
        page.evaluate(TELL_PLAN, [PLAN, words is not None])
        page.evaluate(FRAMES)
        expect(plan).to_have_text("About 12 min: 1,190 Hessian-vector products, 1.1 GB")
        expect(plan).to_be_visible()
        assert plan.evaluate("plan => plan.scrollWidth <= plan.clientWidth"), "read whole"
        assert [box(part) for part in parts] == before
        assert_nothing_touches(page, (width, words))
        page.evaluate(TELL_PLAN, ["", words is not None])
        page.evaluate(FRAMES)
        expect(plan).to_be_hidden()
        assert [box(part) for part in parts] == before
    finally:
        page.evaluate("pairs => model.receive({ status: 'done', _eigenpairs: pairs })", pairs)


SAY_MORE_AND_MORE = f"""async ([plan]) => {{
  const [say, tell, boxes, frames] = [{SAY}, {TELL_PLAN}, {BOXES.strip()}, {FRAMES}];
  const root = document.querySelector("[data-testid='landscape-explorer']");
  const [part, bar] = ["[data-testid='plan']", ".lw-bar"].map((name) => root.querySelector(name));
  const found = [];
  for (let n = 0; n < 60; n += 2) {{
    say([`Saddle: λmax 4.752. ${{"A random plane. ".repeat(n)}}`, null]);
    tell([plan, true]);
    await frames();
    const touched = boxes(root).filter((fault) => /About 12|Cancel/.test(fault));
    const seen = part.checkVisibility({{ visibilityProperty: true }});
    const above = part.getBoundingClientRect().bottom <= bar.getBoundingClientRect().top;
    found.push({{ n, touched, seen, above }});
  }}
  return found;
}}"""


def test_what_all_takes_covers_nothing_where_a_verdict_takes_all_of_the_room(open_: Open) -> None:
    """Its tooltip tells it there."""
    page = open_("stretch=30&half=2&still", plots=False)
    pairs = page.evaluate("model.get('_eigenpairs')")
    seen = set()
    try:
        for width in (1200, 700, LEAST):
            set_width(page, width)
            for found in page.evaluate(SAY_MORE_AND_MORE, [PLAN]):
                assert found["touched"] == [], (width, found["n"])
                seen.add(found["seen"])
                assert not found["seen"] or found["above"], (width, found["n"])
            expect(page.locator(".lw-progress")).to_have_attribute("title", re.compile("About 12 min: 1,190"))
        assert seen == {True, False}
    finally:
        page.evaluate("pairs => model.receive({ status: 'done', _eigenpairs: pairs })", pairs)


def ends_of_lines(page: Page) -> list[float]:
    """Where each line of what follows the verdict's first sentence ends, in pixels from the left."""
    found: list[float] = page.locator(".lw-more").evaluate("""words => {
      const range = document.createRange();
      range.selectNodeContents(words);
      return [...range.getClientRects()].map(line => line.right);
    }""")
    return found


@pytest.mark.parametrize("width", [1084, 700])
def test_the_verdict_takes_all_of_the_width_below_the_progress(open_: Open, width: int) -> None:
    page = open_("stretch=30&half=2&still")
    set_width(page, width)
    page.evaluate(SAY, [f"{WORDS}{CLAUSE} {UNSEEN}", None])
    assert max(ends_of_lines(page)) > box(root(page))["right"] - 100


@pytest.mark.parametrize("width", [1232, 1084, 700])
def test_only_the_verdicts_first_line_ends_beside_the_progress(open_: Open, width: int) -> None:
    page = open_("stretch=30&half=2&still")
    set_width(page, width)
    page.evaluate(SAY, [f"Saddle: λmax 4.752. {WORDS}{CLAUSE}", None])
    assert ends_of_lines(page)[0] > box(root(page))["right"] - 100
    assert width < 1080 or box(page.locator(".lw-head"))["height"] == 62, "no blank line below three"
    assert_nothing_touches(page, width)


def test_no_blank_lines_lie_between_verdict_and_progress_in_a_narrow_place(open_: Open) -> None:
    page = open_("stretch=30&half=2&still")
    set_width(page, 500)
    page.evaluate(SAY, ["Saddle: λmax 4.752.", None])
    verdict, corner = page.locator(".lw-sentence"), page.locator(".lw-corner")
    assert 0 <= box(verdict)["y"] - box(corner)["bottom"] < 8


def cut_choice(page: Page, name: str) -> str:
    """What is chosen in a list, if there is no room for its words."""
    cut: str = page.get_by_test_id(name).evaluate("""select => {
      const style = getComputedStyle(select);
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = style.font;
      const edges = ["paddingLeft", "paddingRight", "borderLeftWidth", "borderRightWidth"];
      const room = select.offsetWidth - edges.reduce((sum, name) => sum + parseFloat(style[name]), 0);
      const { label } = select.selectedOptions[0];
      return pen.measureText(label).width > room ? label : "";
    }""")
    return cut


def test_choices_of_axes_are_read_whole_beside_four_planes(open_: Open) -> None:
    """The chosen axis is read whole, in a bar of one line and in one of two."""
    page = open_("paths&stretch=30&half=0.02", plots=False)
    for width in (1400, 1232, 1100, 1000, 960, 900, 800, 700):
        set_width(page, width)
        for name in ("axis-alpha", "axis-beta"):
            assert cut_choice(page, name) == "", (width, name)


@pytest.mark.parametrize("query", ["still", "paths&still"])
def test_long_choices_of_axes_are_read_where_there_is_room_and_told_elsewhere(
    open_: Open, query: str
) -> None:
    """Beside three planes and beside four."""
    page = open_(query, plots=False)
    page.evaluate("model.receive({ axes: ['random:filter', 'random:filter'] })")
    for width in (1400, 1232, 1084, 1000, 900, 800, 700, 500):
        set_width(page, width)
        for name in ("axis-alpha", "axis-beta"):
            field = page.get_by_test_id(name).locator("xpath=..")
            expect(field).to_have_attribute("title", re.compile("^Filter-normalised. The direction"))
            assert cut_choice(page, name) == "" or width in (900, 500), (width, name)
        assert [fault for fault in faults(page) if fault.startswith("lw-")] == [], width
    page.evaluate("model.receive({ axes: ['hessian:max', 'hessian:min'] })")


def covered(page: Page, view: str = "") -> list[str]:
    """Words under the buttons of pictures, those that save them and plotly's own."""
    found: list[str] = root(page).evaluate(
        """(root, view) => [...root.querySelectorAll(".lw-save, .modebar-group")].flatMap(buttons => {
      if (!(buttons.closest("section")?.dataset.testid ?? "").startsWith(view)) return [];
      const { left, right, top, bottom } = buttons.getBoundingClientRect();
      const panel = buttons.closest("section");
      const words = [...panel.querySelectorAll(".lw-plot text, .lw-panel-foot *, .lw-panel-head *")];
      return words.filter(text => {
        const box = text.getBoundingClientRect();
        return box.left < right && left < box.right && box.top + 2 < bottom && top < box.bottom - 2;
      }).map(text => text.textContent);
    })""",
        view,
    )
    return found


@pytest.mark.parametrize("query", ["views=2&row=yes", "views=2&row=yes&group=together"])
def test_pictures_of_equally_wide_explorers_beside_each_other_start_at_one_height(
    open_: Open, query: str
) -> None:
    page = open_(query)
    explorers = page.get_by_test_id("landscape-explorer")
    assert box(explorers.nth(0))["width"] == box(explorers.nth(1))["width"]

    def starts() -> list[float]:
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return [box(explorers.nth(i).get_by_test_id("heatmap"))["y"] for i in (0, 1)]

    before = starts()
    assert before[0] == before[1]
    said = (
        "words => Object.assign(document.querySelector('.lw-error'), { textContent: words, hidden: !words })"
    )
    page.evaluate(said, "What one explorer says and the other one does not.")
    wait_until(lambda: starts()[0] > before[0], "the pictures to give way")
    assert starts()[0] == pytest.approx(starts()[1], abs=0.1)
    page.evaluate(said, "")
    wait_until(lambda: starts() == before, "them to be back")


BESIDE = """() => model.receive({
  compared_checkpoint: 1,
  _compared: { ...model.get("_surface"), sights: [["", ""], ["", ""]] },
})"""
"""Shows a picture around another checkpoint."""


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("views=2&group=together", [("surface", "heatmap")]),
        ("checkpoints=4&scale=1", [("surface", "surface-2"), ("heatmap", "heatmap-2")]),
    ],
    ids=["two explorers", "two checkpoints"],
)
def test_pictures_side_by_side_start_at_one_height(
    open_: Open, query: str, rows: list[tuple[str, str]]
) -> None:
    page = open_(query)
    if "checkpoints" in query:
        page.evaluate(BESIDE)
    scale = root(page).get_by_test_id("one-scale").locator("xpath=..")
    expect(scale).to_have_text("one scale, about first θ*")
    for width in WIDTHS[:3]:
        set_width(page, width)
        for row in rows:
            bodies = [box(root(page).get_by_test_id(name).locator(".lw-panel-body")) for name in row]
            assert bodies[0]["y"] == pytest.approx(bodies[1]["y"], abs=0.1), (width, row)


LONG = """label => model.receive({ _info: { ...model.get("_info"), checkpoints: [0, 1, 2, 3].map(i => ({
  step: i, label: i === 1 ? label : `epoch ${i}`,
})) } })"""
"""Calls the second checkpoint so."""


def test_a_long_name_of_one_picture_pushes_none_out_of_line(open_: Open) -> None:
    """It is read whole, and heads, pictures and feet are as high as those beside them."""
    page = open_("checkpoints=4")
    page.evaluate(BESIDE)
    for width, row in (
        (1200, ("surface", "heatmap", "surface-2", "heatmap-2")),
        (1000, ("surface", "surface-2")),
        (700, ("heatmap", "heatmap-2")),
    ):
        set_width(page, width)
        heads = {}
        for label in ("epoch 1", "epoch 1 of the second run, with a rate that is ten times as large"):
            page.evaluate(LONG, label)
            title = root(page).get_by_test_id(row[-1]).locator(".lw-panel-title")
            expect(title).to_contain_text(label)
            for part, at in product(("head", "body", "foot"), ("y", "height")):
                parts = [root(page).get_by_test_id(name).locator(f".lw-panel-{part}") for name in row]
                found = [box(each)[at] for each in parts]
                assert found == pytest.approx([found[0]] * len(row), abs=0.1), (width, part, at)
            heads[label] = box(title)["height"]
            assert title.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert heads[label] > heads["epoch 1"] == 28, "of more than a line"


def test_the_buttons_of_a_picture_cover_no_words_of_it(open_: Open) -> None:
    page = open_("stretch=10")
    for width in WIDTHS:
        set_width(page, width)
        for view in ("surface", "heatmap", "curvature", "slices"):
            panel = page.get_by_test_id(view)
            panel.hover()
            wait_until(
                lambda view=view: not covered(page, view), f"{view} to be free at {width} pixels", timeout=15
            )


def test_without_a_pointer_that_hovers_the_buttons_to_save_cover_nothing(open_: Open) -> None:
    page = open_("stretch=10")
    usual = page.viewport_size
    assert usual is not None
    device = page.context.new_cdp_session(page)
    device.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.set_viewport_size({"width": usual["width"], "height": 2400})
    try:
        page.wait_for_function("matchMedia('(hover: none)').matches", timeout=PATIENCE)
        for width in WIDTHS:
            set_width(page, width)
            wait_for_plots(page)
            wait_until(lambda: not covered(page), "nothing to be covered", timeout=15)
    finally:
        device.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
        device.detach()
        page.set_viewport_size(usual)


def test_the_wheel_is_the_pages_until_the_surface_was_clicked(open_: Open) -> None:
    page = open_("width=500")
    scene = page.get_by_test_id("surface").locator(".lw-panel-body")
    eye = "body => body.querySelector('.js-plotly-plot')._fullLayout.scene._scene.getCamera().eye.x"
    at = box(scene)
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    start = scene.evaluate(eye)
    page.mouse.wheel(0, 60)
    wait_until(lambda: page.evaluate("scrollY") > 0, "the page to scroll")
    assert scene.evaluate(eye) == start

    page.mouse.wheel(0, -60)
    wait_until(lambda: page.evaluate("scrollY") == 0, "the page to scroll back")
    # A browser takes what follows a turn of the wheel for the same gesture, until the pointer moves.
    page.mouse.move(at["x"] + at["width"] / 3, at["y"] + at["height"] / 3)
    page.mouse.down()
    page.mouse.up()

    def closer() -> bool:
        page.mouse.wheel(0, 20)
        return bool(scene.evaluate(eye) != start)

    wait_until(closer, "the scene to come closer")
    assert page.evaluate("scrollY") == 0

    page.mouse.move(2, 2)
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    page.mouse.wheel(0, 60)
    wait_until(lambda: page.evaluate("scrollY") > 0, "the page to scroll again")


def test_a_double_click_resets_and_pins_nothing(open_: Open) -> None:
    page = open_("half=0.5")
    for number, pause in enumerate((0, 350), 1):
        page.evaluate("model.set('domain', [-0.5, 0.5, -0.5, 0.5]); model.save_changes()")
        page.wait_for_function(DONE, timeout=PATIENCE)
        at = box(page.get_by_test_id("heatmap").locator(".nsewdrag"))
        page.mouse.move(at["x"] + 60, at["y"] + 60)
        for count in (1, 2):
            page.mouse.down(click_count=count)
            page.mouse.up(click_count=count)
            if count == 1:
                page.wait_for_timeout(pause)  # what is tried is a slow hand
        page.wait_for_function("() => model.get('domain') === null", timeout=PATIENCE)
        page.mouse.move(at["x"] + 160, at["y"] + 60)
        page.mouse.down()
        page.mouse.up()
        asked = "model.messages.filter(({ type }) => type === 'pin')"
        page.wait_for_function(f"number => {asked}.length >= number", arg=number, timeout=PATIENCE)
        pins: list[dict[str, Any]] = page.evaluate(asked)
        assert len(pins) == number, "that of each single click after it"


def test_a_click_elsewhere_right_after_a_double_click_pins(open_: Open) -> None:
    """Plotly has drawn anew since, counts from the first press on, and knows of nothing under the pointer."""
    page = open_("half=0.5")
    plane = page.get_by_test_id("heatmap").locator(".js-plotly-plot")
    at = box(page.get_by_test_id("heatmap").locator(".nsewdrag"))
    asked = "model.messages.filter(({ type }) => type === 'pin')"
    before = page.evaluate(f"{asked}.length")
    page.wait_for_timeout(600)  # no second click of the test before
    page.mouse.move(at["x"] + 160, at["y"] + 60)
    plane.evaluate("plot => { plot._mouseDownTime = Date.now(); plot._hoverdata = undefined; }")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function(f"number => {asked}.length > number", arg=before, timeout=PATIENCE)
    assert page.evaluate(f"{asked}.length") == before + 1


def test_a_click_on_what_was_drawn_anew_pins_all_the_same(open_: Open) -> None:
    """Plotly forgets what is under the pointer as it draws, here between the move and the click."""
    page = open_("half=0.5")
    plane = page.get_by_test_id("heatmap").locator(".js-plotly-plot")
    at = box(page.get_by_test_id("heatmap").locator(".nsewdrag"))
    before = page.evaluate("model.messages.filter(({ type }) => type === 'pin').length")
    page.wait_for_timeout(600)  # no second click of the test before
    page.mouse.move(at["x"] + at["width"] / 2 + 5, at["y"] + at["height"] / 2 - 5)
    plane.evaluate("plot => { plot._hoverdata = undefined; }")
    page.mouse.down()
    page.mouse.up()
    pins = "model.messages.filter(({ type }) => type === 'pin')"
    page.wait_for_function(f"number => {pins}.length > number", arg=before, timeout=PATIENCE)
    *_, pin = page.evaluate(pins)
    assert len(page.evaluate(pins)) == before + 1
    extent = page.evaluate("[...model.get('domain') ?? [-0.5, 0.5, -0.5, 0.5]]")
    assert abs(pin["alpha"]) < 0.05 * (extent[1] - extent[0])
    assert abs(pin["beta"]) < 0.05 * (extent[3] - extent[2])


@pytest.fixture(scope="module")
def small_screen(show: Show) -> Iterator[Notebook]:
    """An explorer in JupyterLab on a laptop's screen."""
    with show(BOWL, width=1280, height=720) as notebook:
        yield notebook


@pytest.mark.parametrize("sidebar", ["open", "closed"])
def test_the_answer_and_both_pictures_are_on_the_first_screen(small_screen: Notebook, sidebar: str) -> None:
    page = small_screen.page
    if sidebar == "closed":
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    explorer = ExplorerOnPage(page, small_screen.kernel)
    explorer.root.evaluate("root => root.scrollIntoView()")
    window = box(page.locator(".jp-WindowedPanel-outer").first)
    parts = [
        explorer.part("verdict"),
        page.get_by_role("group", name="Plane and accuracy"),
        explorer.part("surface"),
        explorer.part("heatmap"),
    ]

    def whole() -> bool:
        boxes = [box(part) for part in parts]
        return all(b["y"] >= window["y"] and b["bottom"] <= window["bottom"] for b in boxes)

    wait_until(whole, "verdict, bar and pictures to be whole on the screen")
    verdict, bar, surface, heatmap = (box(part) for part in parts)
    if sidebar == "closed":
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    assert verdict["bottom"] <= bar["y"] < bar["bottom"] <= surface["y"]
    assert surface["right"] <= heatmap["x"]


def test_both_planes_of_a_comparison_are_on_the_first_screen(small_screen: Notebook) -> None:
    page = small_screen.page
    explorer = ExplorerOnPage(page, small_screen.kernel)
    page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    explorer.part("compare").click()
    try:
        expect(explorer.part("heatmap-2")).to_have_attribute("data-final", "true", timeout=PATIENCE)
        explorer.root.evaluate("root => root.scrollIntoView()")
        window = box(page.locator(".jp-WindowedPanel-outer").first)
        names = ("verdict", "comparison", "surface", "heatmap", "surface-2", "heatmap-2")
        first, *others = (explorer.part(name) for name in names)
        wait_until(
            lambda: (
                box(first)["y"] >= window["y"]
                and all(box(part)["bottom"] <= window["bottom"] for part in others)
            ),
            "verdict and four pictures to be whole on the screen",
        )
        places = [box(part)["x"] for part in others[1:]]
        assert places == sorted(places), "each plane below what it shows of θ*"
        tops = [box(part.locator(".lw-panel-body"))["y"] for part in others[1:]]
        assert max(tops) - min(tops) < 0.1
        assert_nothing_touches(page, "four pictures")
    finally:
        explorer.part("compare").click()
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")


def test_a_narrower_page_that_changes_its_theme_at_once_stays_within_its_place(
    small_screen: Notebook,
) -> None:
    """JupyterLab swaps a style sheet: for less than a frame a place is wider, and then as wide as it was."""
    page = small_screen.page
    explorer = ExplorerOnPage(page, small_screen.kernel)
    explorer.root.evaluate("root => root.scrollIntoView()")
    try:
        for theme in ("Dark", "Light"):
            page.set_viewport_size({"width": 1280, "height": 720})
            assert_nothing_touches(page, "wide")
            page.set_viewport_size({"width": 700, "height": 720})
            small_screen.set_theme(f"JupyterLab {theme}")
            expect(explorer.root).to_have_attribute("data-theme", theme.lower())
            assert_nothing_touches(page, theme)
    finally:
        page.set_viewport_size({"width": 1280, "height": 720})


def test_labels_of_projections_at_the_left_end_stay_clear_of_the_count_of_none(show: Show) -> None:
    """An untrained network has projected curvatures from a little below a label of the axis on."""
    with show(UNTRAINED, width=1280, height=900) as notebook:
        axis = notebook.page.get_by_test_id("curvature").locator(".xtick text")
        expect(axis.first).to_have_text("−5", timeout=PATIENCE)
        assert_nothing_touches(notebook.page, "untrained")


def test_boxes_keep_a_least_width_and_gutters(lab: Notebook) -> None:
    lab.page.set_viewport_size({"width": 1400, "height": 900})
    lab.set_cells([BOWL + BOXED, "boxes['HBox']", "boxes['GridspecLayout']", "boxes['Tab']"])
    try:
        with without_plots(lab.page):
            lab.run_all()
            for width in (1400, 800):
                lab.page.set_viewport_size({"width": width, "height": 900})
                for index, shown in ((1, 2), (2, 2), (3, 1)):
                    explorers = lab.cell(index).get_by_test_id("landscape-explorer")
                    expect(explorers.first).to_be_visible(timeout=PATIENCE)
                    boxes = [box(explorers.nth(i)) for i in range(shown)]
                    assert all(b["width"] >= LEAST for b in boxes), (index, width)
                    bodies = [
                        box(explorers.nth(i).get_by_role("group", name="Plane and accuracy"))
                        for i in range(shown)
                    ]
                    if shown == 2 and width == 1400:
                        assert bodies[0]["right"] + 16 <= bodies[1]["x"], index
    finally:
        lab.kernel.run("explorer.close(); other.close(); del boxes, grid, other")
        lab.set_cells([""])
