"""The views of the plane: provisional pictures, quadratic model, slices and zoom, as the kernel has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from .conftest import Show
from .explorer import TIMEOUT, ExplorerOnPage
from .lab import Notebook
from .notebooks import AS_MANY_PICTURES_AS_IN_USE, QUARTIC
from .waiting import wait_until

SHOW_CELL = 1
HESSIAN = ("hessian:max", "hessian:min")

READ_NAMED = """(plot, name) => {
  const { x, y, z, visible } = plot._fullData.find(trace => trace.name === name);
  const plain = value => Number.isFinite(value) ? value : null;
  const list = values => Array.from(values ?? [], value => value?.length ? list(value) : plain(value));
  return { x: list(x), y: list(y), z: list(z), visible };
}"""


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a function that its quadratic model describes near θ* only."""
    with show(QUARTIC) as notebook:
        yield notebook


@pytest.fixture
def quartic(notebook: Notebook) -> Iterator[ExplorerOnPage]:
    """That explorer with a result on [−1, 1]²."""
    notebook.cell(SHOW_CELL)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    notebook.kernel.run("fast.set()")
    explorer.set_traits(axes=HESSIAN, domain=(-1, 1, -1, 1), resolution=21, accuracy=0.002)
    explorer.open_settings()
    yield explorer
    notebook.kernel.run("fast.set()")


def quadratic(
    explorer: ExplorerOnPage, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The kernel's quadratic model on a grid, shape (nβ, nα)."""
    grid = f"np.array({x.tolist()}), np.array({y.tolist()})[:, None]"
    return np.array(explorer.kernel.value(f"explorer.quadratic({grid}).tolist()"))


def wait_for_provisional(explorer: ExplorerOnPage, half_width: float) -> None:
    """Wait until both views show so wide a picture, which the kernel has not been asked for before."""
    for view in ("surface", "heatmap"):
        wait_until(
            lambda view=view: explorer.grid(view).x[-1] == pytest.approx(half_width),
            f"a picture up to {half_width} in {view}",
        )
        expect(explorer.part(view)).to_have_attribute("data-provisional", "true")


def test_a_wider_domain_shows_the_old_picture_and_the_quadratic_model_around_it(
    quartic: ExplorerOnPage,
) -> None:
    known = np.array(quartic.kernel.value("explorer.surface.loss.tolist()"))
    request = quartic.request()
    quartic.kernel.run("fast.clear()")

    quartic.press("half-width", "ArrowRight")

    wait_for_provisional(quartic, 1.5)
    assert quartic.kernel.value("explorer.surface.alpha[-1]") == 1, "the kernel has answered already"
    note = quartic.part("heatmap").get_by_test_id("provisional")
    expect(note).to_have_text("Provisional: quadratic model outside the dashed line")
    heatmap, surface = quartic.grid("heatmap"), quartic.grid("surface")
    np.testing.assert_array_equal(heatmap.z, surface.z)
    outside = (np.abs(heatmap.x) > 1 + 1e-9) | (np.abs(heatmap.y) > 1 + 1e-9)[:, None]
    model = quadratic(quartic, heatmap.x, heatmap.y)
    np.testing.assert_allclose(heatmap.z[outside], model[outside], rtol=1e-6)
    # Every other node of the new grid within ±0.9 is every third of the old one.
    np.testing.assert_allclose(heatmap.z[4:17:2, 4:17:2], known[1:20:3, 1:20:3], rtol=1e-6)
    assert np.abs(known - quadratic(quartic, np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))).max() > 0.5

    quartic.kernel.run("fast.set()")
    quartic.wait_for_result(request)
    quartic.assert_plots_equal_kernel()
    expect(quartic.part("heatmap")).to_have_attribute("data-provisional", "false")
    expect(note).to_be_hidden()


def named(explorer: ExplorerOnPage, view: str, name: str) -> dict[str, Any]:
    """x, y, z and visibility of a plot's trace."""
    found: dict[str, Any] = explorer.part(view).locator(".js-plotly-plot").evaluate(READ_NAMED, name)
    return found


def test_the_quadratic_model_lies_over_heatmap_and_surface(quartic: ExplorerOnPage) -> None:
    quartic.part("quadratic").check()
    wait_until(lambda: named(quartic, "heatmap", "quadratic")["visible"], "the model's contours")
    grid = quartic.grid("heatmap")
    model = quadratic(quartic, grid.x, grid.y)
    np.testing.assert_allclose(named(quartic, "heatmap", "quadratic")["z"], model, rtol=1e-6)

    wait_until(lambda: named(quartic, "surface", "quadratic")["z"], "the wire frame")
    wires = {key: np.array(named(quartic, "surface", "quadratic")[key], dtype=float) for key in "xyz"}
    seen = np.isfinite(wires["z"])
    assert seen.sum() > 100
    # as a whole they stand a hair nearer to the eye than the surface
    x, y = ((wires[k][seen] - wires[k][seen].min() + getattr(grid, k).min()).tolist() for k in "xy")
    expected = np.array(quartic.kernel.value(f"explorer.quadratic({x}, {y}).tolist()"))
    hair = wires["z"][seen] - expected
    np.testing.assert_allclose(hair, hair[0], atol=1e-6)
    assert 0 < hair[0] < 0.02 * np.ptp(expected)
    quartic.assert_plots_equal_kernel()

    quartic.part("quadratic").uncheck()
    wait_until(lambda: not named(quartic, "heatmap", "quadratic")["visible"], "the contours to go")


def test_the_error_map_is_what_second_order_leaves(quartic: ExplorerOnPage) -> None:
    grid = quartic.grid("heatmap")
    loss = np.array(quartic.kernel.value("explorer.surface.loss.tolist()"))
    error = loss - quadratic(quartic, grid.x, grid.y)

    quartic.part("colour").select_option("error")

    wait_until(lambda: quartic.grid("heatmap").z.min() < 1, "the error map")
    # A difference of two losses that travelled as float32.
    np.testing.assert_allclose(quartic.grid("heatmap").z, error, atol=1e-6)
    wrong = np.abs(error) >= 0.1 * (loss.max() - loss.min())
    assert 0 < wrong.sum() < wrong.size
    distance = np.hypot(*np.meshgrid(grid.x, grid.y))[
        wrong
    ].min()  # eigenvectors: of length 1, at right angles
    words = quartic.part("model-words").text_content()
    numbers = [float(n) for n in re.findall(r"\d+\.\d+", words or "")]
    assert numbers == pytest.approx([100 * (1 - wrong.mean()), distance], rel=1e-2)

    quartic.part("colour").select_option("loss")
    wait_until(lambda: quartic.grid("heatmap").z.min() > 1, "the losses again")
    quartic.assert_plots_equal_kernel()


def test_loss_as_a_logarithm(quartic: ExplorerOnPage) -> None:
    loss = np.array(quartic.kernel.value("explorer.surface.loss.tolist()"))
    quartic.grid("surface")  # of losses
    quartic.part("scale").select_option("log")
    for view in ("surface", "heatmap"):
        wait_until(lambda view=view: quartic.grid(view).z.max() < 1, f"logarithms in {view}")
        np.testing.assert_allclose(quartic.grid(view).z, np.log10(loss), rtol=1e-6)
    quartic.part("scale").select_option("linear")
    wait_until(lambda: quartic.grid("heatmap").z.max() > 1, "the losses again")


def test_colours_and_heights_are_those_of_the_figure(quartic: ExplorerOnPage) -> None:
    """The page's scale about L(θ*) is the kernel's, number by number, and a saddle has four sectors on it."""
    quartic.part("scale").select_option("auto")
    wait_until(lambda: quartic.positions("heatmap").min() < 0, "losses below L(θ*)")
    figure = "explorer.figure('heatmap').data[0]"
    expected = np.array(quartic.kernel.value(f"{figure}.z.tolist()"))
    for view in ("surface", "heatmap"):
        np.testing.assert_allclose(quartic.positions(view), expected, rtol=1e-4, atol=1e-5)
    drawn = quartic.part("heatmap").locator(".js-plotly-plot").evaluate("plot => plot.data[0].colorscale")
    expected_scale = quartic.kernel.value(f"[list(stop) for stop in {figure}.colorscale]")
    assert [colour for _, colour in drawn] == [colour for _, colour in expected_scale]
    middle = len(expected) // 2
    # at half of the way: further out the quartic wall takes over
    near, far = middle // 2, middle + middle // 2
    ring = [expected[middle, far], expected[far, middle], expected[middle, near], expected[near, middle]]
    assert [np.sign(value) for value in ring] in ([1, -1, 1, -1], [-1, 1, -1, 1])
    quartic.part("scale").select_option("linear")


def at(explorer: ExplorerOnPage, alpha: float, beta: float) -> tuple[float, float]:
    """Where a point of the plane is on the page."""
    grid = explorer.grid("heatmap")  # before the place: the line of what is set moves it
    area = explorer.part("heatmap").locator(".nsewdrag")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    u = (alpha - grid.x[0]) / (grid.x[-1] - grid.x[0])
    v = (beta - grid.y[0]) / (grid.y[-1] - grid.y[0])
    return box["x"] + u * box["width"], box["y"] + (1 - v) * box["height"]


def drag(explorer: ExplorerOnPage, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse from one point of the plane to another."""
    mouse = explorer.page.mouse
    start, end = at(explorer, *start), at(explorer, *end)
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=8)
    mouse.up()


def read_slices(explorer: ExplorerOnPage) -> dict[str, dict[str, Any]]:
    """Both slices and the point they go through."""
    return {name: named(explorer, "slices", name) for name in ("α", "β", "α here", "β here")}


def assert_slices_through(explorer: ExplorerOnPage, i: int, j: int) -> None:
    """Check that the slices are row i and column j of the kernel's losses."""
    loss = np.array(explorer.kernel.value("explorer.surface.loss.tolist()"))
    grid = explorer.grid("heatmap")
    wait_until(
        lambda: (
            named(explorer, "slices", "α here")["x"] == [grid.x[j]]
            and named(explorer, "slices", "β here")["x"] == [grid.y[i]]
        ),
        f"slices through node {i}, {j}; they show {read_slices(explorer)}",
    )
    slices = read_slices(explorer)
    np.testing.assert_allclose(slices["α"]["y"], loss[i], rtol=1e-6)
    np.testing.assert_allclose(slices["β"]["y"], loss[:, j], rtol=1e-6)
    np.testing.assert_allclose(slices["β here"]["y"], loss[i, j], rtol=1e-6)


def test_one_crosshair_for_heatmap_surface_and_slices(quartic: ExplorerOnPage) -> None:
    mouse = quartic.page.mouse
    mouse.move(*at(quartic, 0.5, -0.3))
    assert_slices_through(quartic, 7, 15)
    loss = np.array(quartic.kernel.value("explorer.surface.loss.tolist()"))
    wait_until(lambda: len(named(quartic, "surface", "slices")["z"]) == 43, "the slices on the surface")
    cuts = named(quartic, "surface", "slices")["z"]
    np.testing.assert_allclose(cuts[:21], loss[7], rtol=1e-6)
    np.testing.assert_allclose(cuts[22:], loss[:, 15], rtol=1e-6)

    beta_slice = quartic.part("slices").locator(".x2y2 .nsewdrag, .nsewdrag[data-subplot='x2y2']").first
    beta_slice.scroll_into_view_if_needed()
    box = beta_slice.bounding_box()
    assert box
    mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])  # the node at β = 0.8
    # The pointer has left the heatmap: α is that of θ* again.
    assert_slices_through(quartic, 18, 10)
    expect(quartic.part("readout")).to_have_text(re.compile("α = 0\\s+β = 0.800"))


def test_a_box_is_evaluated_with_the_nodes_that_are_known(quartic: ExplorerOnPage) -> None:
    # a plane of which no other test has evaluated a node, and of which each one counts
    quartic.set_traits(axes=("hessian:max:2", "hessian:min:2"), domain=(-1.2, 1.2, -1.2, 1.2), accuracy=0.0)
    request, calls = quartic.request(), quartic.kernel.value("calls")

    drag(quartic, (-0.59, -0.58), (0.59, 0.6))

    quartic.wait_for_result(request)
    assert quartic.trait("domain") == pytest.approx([-0.6, 0.6, -0.6, 0.6])
    quartic.assert_plots_equal_kernel()
    # Every other node of the new picture is one of the former; the loss near θ* is seen before and after.
    assert quartic.kernel.value("calls") - calls == 21**2 - 11**2 + 2


MOVES: list[tuple[Callable[[ExplorerOnPage], None], list[float]]] = [
    (lambda q: zoom_by_wheel(q, -120, "Control"), [-0.8, 0.8, -0.8, 0.8]),
    (lambda q: press_in_plane(q, "+"), [-0.6, 0.6, -0.6, 0.6]),
    (lambda q: zoom_by_wheel(q, 120, "Control"), [-0.8, 0.8, -0.8, 0.8]),
    (lambda q: press_in_plane(q, "Shift+ArrowUp"), [-0.8, 0.8, -0.64, 0.96]),
    (lambda q: pan_by_mouse(q, 0.32), [-1.12, 0.48, -0.64, 0.96]),
]
"""Each way to zoom and pan, and the domain that it leads to from that of the one before."""


READ_ENDS = "plot => [plot._fullData[0].x, plot._fullData[0].y].flatMap(at => [at[0], at[at.length - 1]])"
"""The domain of the plane's picture, provisional or not."""


def wait_for_domain(explorer: ExplorerOnPage, domain: list[float]) -> None:
    """Wait until the plane shows a domain and the kernel has been asked for it."""
    plot = explorer.part("heatmap").locator(".js-plotly-plot")
    expected = pytest.approx(domain)
    wait_until(lambda: plot.evaluate(READ_ENDS) == expected, f"a picture of {domain}")
    wait_until(lambda: explorer.trait("domain") == expected, f"the trait {domain}")


def test_zoom_and_undo(quartic: ExplorerOnPage) -> None:
    """One after another, without waiting for the kernel, and back by as many steps."""
    before = quartic.request()
    expect(quartic.part("undo-zoom")).to_be_hidden()

    domains = [[-1.0, 1.0, -1.0, 1.0]]
    for move, domain in MOVES:
        move(quartic)
        wait_for_domain(quartic, domain)
        domains.append(domain)
    last = quartic.wait_for_result(before)
    quartic.assert_plots_equal_kernel()

    for domain in domains[-2::-1]:
        quartic.part("undo-zoom").click()
        wait_for_domain(quartic, domain)
    quartic.wait_for_result(last)
    quartic.assert_plots_equal_kernel()
    expect(quartic.part("undo-zoom")).to_be_hidden()


def zoom_by_wheel(explorer: ExplorerOnPage, pixels: float, modifier: str) -> None:
    """Turn the wheel over θ* while a key is held."""
    explorer.page.mouse.move(*at(explorer, 0, 0))
    explorer.page.keyboard.down(modifier)
    explorer.page.mouse.wheel(0, pixels)
    explorer.page.keyboard.up(modifier)


def press_in_plane(explorer: ExplorerOnPage, key: str) -> None:
    """Press a key while the heatmap has the focus."""
    body = explorer.part("heatmap").locator("[tabindex]")
    body.focus()
    body.press(key)


def pan_by_mouse(explorer: ExplorerOnPage, right: float) -> None:
    """Drag the picture to the right while Shift is held."""
    explorer.page.keyboard.down("Shift")
    drag(explorer, (-0.3, 0.2), (-0.3 + right, 0.2))
    explorer.page.keyboard.up("Shift")


def test_a_double_click_goes_back_to_the_kernels_domain(quartic: ExplorerOnPage) -> None:
    request = quartic.request()
    quartic.page.mouse.dblclick(*at(quartic, 0.2, 0.2))
    quartic.wait_for_result(request)
    assert quartic.trait("domain") is None
    quartic.assert_plots_equal_kernel()


def test_the_picture_of_a_domain_between_nodes_is_the_one_that_was_asked_for(quartic: ExplorerOnPage) -> None:
    """As a cell sets it: the kernel lays a node on 0, so its nodes begin half a step from there."""
    quartic.set_traits(domain=(-0.975, 1.025, -1.0, 1.0))
    expect(quartic.part("heatmap")).to_have_attribute("data-provisional", "false")
    quartic.assert_plots_equal_kernel()
    assert quartic.grid("heatmap").x[0] != pytest.approx(-0.975, abs=0.02)


def test_a_plane_that_cannot_be_had_says_why_and_one_that_is_refused_is_put_back(
    quartic: ExplorerOnPage,
) -> None:
    choice, reason = quartic.part("preset-filter"), re.compile("Expected parameters that form filters")
    expect(choice).to_be_disabled()
    expect(choice.locator("xpath=..")).to_have_attribute("title", reason)
    choice.evaluate("input => { input.disabled = false; input.click(); }")  # as a page that does not know
    expect(quartic.part("error")).to_have_text(reason, timeout=TIMEOUT * 1e3)
    expect(quartic.part("preset-hessian")).to_be_checked(timeout=TIMEOUT * 1e3)
    expect(quartic.part("heatmap")).to_have_attribute("data-provisional", "false")
    assert quartic.kernel.value("[explorer.axes, explorer.domain]") == [[*HESSIAN], [-1, 1, -1, 1]]
    before = quartic.request()
    quartic.part("preset-random").check(force=True)
    quartic.wait_for_result(before)
    expect(quartic.part("error")).to_be_hidden()


def test_the_wheel_alone_scrolls_the_page(quartic: ExplorerOnPage) -> None:
    request = quartic.request()
    area = quartic.part("heatmap").locator(".nsewdrag")
    quartic.page.mouse.move(*at(quartic, 0, 0))
    before = area.bounding_box()
    quartic.page.mouse.wheel(0, 60)
    wait_until(lambda: area.bounding_box() != before, "the page to scroll")
    assert quartic.trait("domain") == [-1, 1, -1, 1]
    assert quartic.request() == request


def test_other_eigenvectors_are_shown_to_second_order_where_the_kernel_will_look(
    quartic: ExplorerOnPage,
) -> None:
    quartic.set_traits(axes=("hessian:max:2", "hessian:min"), domain=None)
    quartic.set_traits(axes=HESSIAN)
    request = quartic.request()
    quartic.kernel.run(AS_MANY_PICTURES_AS_IN_USE + "fast.clear()")

    quartic.part("axis-beta").select_option("hessian:max:2")

    note = quartic.part("heatmap").get_by_test_id("provisional")
    expect(note).to_have_text("Provisional: quadratic model", timeout=TIMEOUT * 1e3)
    shown = quartic.grid("heatmap")
    assert quartic.kernel.value("explorer.plane.axes") == list(HESSIAN), "the kernel has answered already"

    quartic.kernel.run("fast.set()")
    quartic.wait_for_result(request)
    answer = quartic.grid("heatmap")
    np.testing.assert_allclose(shown.x, answer.x, atol=1e-12)
    np.testing.assert_allclose(shown.y, answer.y, atol=1e-12)
    np.testing.assert_allclose(shown.z, quadratic(quartic, answer.x, answer.y), rtol=1e-6)
    quartic.assert_plots_equal_kernel()
