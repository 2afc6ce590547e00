"""Training and landscape in JupyterLab: the path in every kind of plane, and weights that moved since."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, expect

from .conftest import Show
from .explorer import ExplorerOnPage, without_plots
from .lab import Notebook
from .notebooks import PATHS
from .test_jupyterlab_points import PIXEL_OF, SHOW_CELL
from .waiting import wait_until

PATH = "path path"

PLANES = [
    ("hessian:max", "hessian:min"),
    ("random:filter", "random:filter"),
    ("trajectory:1", "trajectory:2"),
    ("trajectory:1", "toward:other seed"),
]

BY_HAND: dict[tuple[str, str], Callable[[ExplorerOnPage], object]] = {
    PLANES[2]: lambda explorer: explorer.part("preset-trajectory").check(force=True),
    PLANES[3]: lambda explorer: explorer.part("axis-beta").select_option(label="→ other seed"),
}
"""How a person comes to a plane from the one before it."""


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a recorded run."""
    with show(PATHS) as notebook:
        yield notebook


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerOnPage:
    notebook.cell(SHOW_CELL)
    return ExplorerOnPage(notebook.page, notebook.kernel)


@pytest.fixture
def unseen_plots(notebook: Notebook) -> Iterator[None]:
    with without_plots(notebook.page):
        yield


def drawn(explorer: ExplorerOnPage, view: str) -> list[float]:
    """α of the checkpoints that a view has drawn, those outside of a scene left out."""
    for trace in explorer.traces(view):
        if trace["name"] == PATH:
            return [x for x in trace["x"] if x is not None and x == x]  # noqa: PLR0124 - NaN
    return []


@pytest.mark.parametrize("axes", PLANES)
def test_every_kind_of_plane_shows_the_path_and_how_far_off_it_is(
    explorer: ExplorerOnPage, axes: tuple[str, str]
) -> None:
    if axes in BY_HAND:
        request = explorer.request()
        BY_HAND[axes](explorer)
        explorer.wait_for_result(request)
        assert explorer.trait("axes") == [*axes]
    else:
        explorer.set_traits(axes=axes)
    path = "explorer.landmarks.path"
    alpha = explorer.kernel.value(f"{path}.alpha.tolist()")
    wait_until(lambda: drawn(explorer, "heatmap") == alpha, "the path in the plane")
    inside = explorer.kernel.value(
        f"(({path}.alpha >= explorer.surface.alpha[0]) & ({path}.alpha <= explorer.surface.alpha[-1])"
        f" & ({path}.beta >= explorer.surface.beta[0]) & ({path}.beta <= explorer.surface.beta[-1])).tolist()"
    )
    wanted = [a for a, within in zip(alpha, inside, strict=True) if within]
    # lines in the scene stand a hair nearer to the eye than they are
    hair = 0.015 * explorer.kernel.value("float(explorer.surface.alpha[-1] - explorer.surface.alpha[0])")
    wait_until(
        lambda: drawn(explorer, "surface") == pytest.approx(wanted, abs=hair), "the path above the surface"
    )
    line = explorer.part("readout-path")
    expect(line).to_contain_text("in the plane")
    expect(line).to_contain_text("other seed, true loss")
    # where one points, a checkpoint says step, loss and distance; in a random plane all lie on each other
    i = inside.index(True)
    plot = explorer.part("heatmap").locator(".js-plotly-plot")
    plot.scroll_into_view_if_needed()
    x, y = plot.evaluate(PIXEL_OF, [alpha[i], explorer.kernel.value(f"float({path}.beta[{i}])")])
    explorer.page.mouse.move(x - 3, y - 3)
    explorer.page.mouse.move(x, y)
    expect(line).to_contain_text(re.compile("^step "))
    told = [float(number) for number in re.findall(r"(?:step|loss|=) ?([\d.e-]+)", line.inner_text())]
    steps = explorer.kernel.value(f"{path}.step.tolist()")
    at = steps.index(told[0])
    assert at == i or axes == ("random:filter", "random:filter")
    assert told[1] == pytest.approx(explorer.kernel.value(f"float({path}.loss[{at}])"), rel=1e-3)
    off = explorer.kernel.value(f"float({path}.off_plane[{at}])")
    assert told[2] == pytest.approx(off, rel=1e-2, abs=1e-4)
    explorer.page.mouse.move(0, 0)


def test_losses_along_lines_are_a_click_away(explorer: ExplorerOnPage) -> None:
    """To the solution, whose own loss is at t = 1, and along directions of five seeds; pictures stay."""
    explorer.part("lines-along-solutions").check(force=True)
    line = "explorer.line_losses.lines['other seed']"
    wait_until(lambda: explorer.kernel.value("bool(explorer.wait().line_losses)"), "losses along the line")
    t, loss = (explorer.kernel.value(f"{line}.{name}.tolist()") for name in ("t", "loss"))
    wait_until(
        lambda: [(trace["x"], trace["y"]) for trace in explorer.traces("lines")] == [(t, loss)],
        "the line on the page",
    )
    own = explorer.kernel.value("float(explorer.landmarks.solutions['other seed'].loss[0])")
    assert loss[t.index(1.0)] == pytest.approx(own, rel=1e-6)
    assert loss[t.index(0.0)] == pytest.approx(
        explorer.kernel.value("explorer.results.centre_loss"), rel=1e-6
    )
    expect(explorer.part("lines")).to_contain_text("other seed: barrier")
    explorer.part("lines-along-random:filter").check(force=True)
    wait_until(
        lambda: [trace["name"] for trace in explorer.traces("lines")] == [f"seed {i}" for i in range(5)],
        "lines of five seeds",
    )
    expect(explorer.part("lines")).to_have_attribute("data-final", "true")
    explorer.part("lines-along-none").check(force=True)
    expect(explorer.part("lines").locator(".lw-panel-body")).to_be_hidden()


@pytest.mark.usefixtures("unseen_plots")
def test_training_on_is_told_and_taken_by_a_click_while_the_page_shows_the_old_state(
    explorer: ExplorerOnPage,
) -> None:
    explorer.set_traits(axes=("hessian:max", "hessian:min"))
    expect(explorer.part("drift")).to_be_hidden()
    explorer.kernel.run("before = explorer.objective.theta.clone(); train(model, 20)")
    # the page asks its kernel from time to time, with nothing else running
    expect(explorer.part("drift")).to_contain_text("Your model has moved ‖Δθ‖ =", timeout=60_000)
    assert explorer.kernel.value("bool((explorer.objective.theta == before).all())")
    request = explorer.request()
    explorer.part("update").click()
    expect(explorer.part("drift")).to_be_hidden()
    explorer.wait_for_result(request)
    assert explorer.kernel.value("float(explorer.results.centre_loss)") == pytest.approx(
        explorer.kernel.value("loss_fn(model(inputs), targets).item()"), rel=1e-5
    )
    assert explorer.trait("axes") == ["hessian:max", "hessian:min"]
    request = explorer.request()
    explorer.part("centre-back").click()
    explorer.wait_for_result(request)
    assert explorer.kernel.value("bool((explorer.objective.theta == before).all())")
    expect(explorer.part("drift")).to_contain_text("Your model has moved")


def test_update_from_a_cell_while_the_page_shows_the_old_state(explorer: ExplorerOnPage) -> None:
    explorer.set_traits(axes=("random", "random"))
    old = explorer.grid("heatmap").z
    request = explorer.request()
    explorer.kernel.run("train(model, 5); explorer.update()")
    explorer.wait_for_result(request)
    explorer.assert_plots_equal_kernel()
    assert (explorer.grid("heatmap").z != old).any()
    expect(explorer.part("centre")).to_contain_text("your model's weights as they were last taken")


def test_checkpoints_are_played_paused_and_scrubbed_while_it_computes(explorer: ExplorerOnPage) -> None:
    explorer.set_traits(axes=("random", "random"))
    last = explorer.kernel.value("len(explorer._info['checkpoints'])") - 1
    loss = "loss_at(explorer.objective.theta)"
    explorer.kernel.run("loss_at = lambda theta: float(explorer.objective.loss(theta))")
    slider, play = explorer.part("checkpoint"), explorer.part("play")
    expect(slider).to_have_value(str(last))
    play.click()
    wait_until(lambda: (explorer.trait("checkpoint") or 0) >= 2, "play to go on")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")
    slider.focus()
    for _ in range(3):  # each while the one before is computed
        explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Home")
    wait_until(lambda: explorer.trait("checkpoint") == 0, "the first checkpoint")
    explorer.wait_for_result()
    explorer.assert_plots_equal_kernel()
    first = explorer.kernel.value(loss)
    assert first == pytest.approx(explorer.kernel.value("float(explorer.landmarks.path.loss[0])"), rel=1e-5)
    request = explorer.request()
    explorer.page.keyboard.press("End")
    explorer.wait_for_result(request)
    assert explorer.trait("checkpoint") is None
    assert explorer.kernel.value(loss) != first


TOP = "plot => plot._fullLayout._size.t"
"""Where the curves of a plot begin, in pixels below its upper end."""

BELOW_TOP = """plot => plot.querySelector(".legend .bg").getBoundingClientRect().bottom
  - plot.getBoundingClientRect().top - plot._fullLayout._size.t - 1
"""
"""How far the legend of a plot reaches down into it, in pixels."""


def curves(explorer: ExplorerOnPage) -> Locator:
    """The plot of the curves once it has all that is known of the checkpoint on show."""
    plot = explorer.part("curves").locator(".js-plotly-plot")
    wait_until(lambda: "λmax" in [trace["name"] for trace in explorer.traces("curves")], "the curvature")
    plot.scroll_into_view_if_needed()
    return plot


def click_curve(explorer: ExplorerOnPage, plot: Locator, number: int) -> None:
    """Click a checkpoint's point of the curve of losses."""
    place = next(trace["x"][number] for trace in explorer.traces("curves") if trace["name"] == "loss")
    loss = explorer.kernel.value(f"float(explorer.landmarks.path.loss[{number}])")
    x, y = plot.evaluate(PIXEL_OF, [place, loss])
    explorer.page.mouse.move(x - 3, y)
    explorer.page.mouse.move(x, y)
    hover = explorer.part("curves").locator(".hovertext").first
    expect(hover).to_be_visible()  # plotly clicks what it hovers
    explorer.page.mouse.click(x, y)


def test_a_click_on_a_curve_goes_to_its_checkpoint_while_all_others_are_computed(
    explorer: ExplorerOnPage,
) -> None:
    explorer.set_traits(axes=("random", "random"))
    plot = curves(explorer)
    explorer.part("along").click()
    request = explorer.request()
    click_curve(explorer, plot, 2)
    explorer.wait_for_result(request)  # which does not wait for the others
    assert explorer.trait("checkpoint") == 2
    explorer.assert_plots_equal_kernel()
    expect(explorer.part("along")).to_be_hidden(timeout=120_000)
    found = "explorer.evolution"
    assert explorer.kernel.value(f"bool({found}.done.all())")
    largest = explorer.kernel.value(f"{found}.largest.tolist()")
    drawn = {trace["name"]: trace["y"] for trace in explorer.traces("curves")}
    assert drawn["λmax"] == pytest.approx(largest)
    request = explorer.request()
    explorer.kernel.run("explorer.checkpoint = None")
    explorer.wait_for_result(request)


def test_the_legend_of_the_curves_stays_above_them_when_the_window_is_widened(
    explorer: ExplorerOnPage,
) -> None:
    plot, page = curves(explorer), explorer.page
    size = page.viewport_size
    assert size is not None
    for width in (700, 1280):
        before = plot.evaluate(TOP)
        page.set_viewport_size({"width": width, "height": size["height"]})
        wait_until(
            lambda before=before: plot.evaluate(TOP) != before, f"a legend of other lines at {width}", 20
        )
    wait_until(lambda: plot.evaluate(BELOW_TOP) <= 0, "the legend to be above the curves", 5)
    page.set_viewport_size(size)


def test_another_checkpoint_is_shown_beside_on_one_scale_with_one_camera(explorer: ExplorerOnPage) -> None:
    explorer.set_traits(axes=("random", "random"))
    plot = curves(explorer)
    explorer.part("beside").check()
    request = explorer.request()
    click_curve(explorer, plot, 1)
    explorer.wait_for_result(request)
    assert explorer.trait("checkpoint") is None
    assert explorer.trait("compared_checkpoint") == 1
    expect(explorer.part("heatmap-2")).to_contain_text("step 5")
    expect(explorer.part("sight-2")).to_contain_text("λmax", timeout=60_000)
    expect(explorer.part("one-scale")).to_be_checked()
    wait_until(
        lambda: explorer.grid("heatmap-2").z.shape == explorer.grid("heatmap").z.shape, "the second picture"
    )
    middle = explorer.grid("heatmap-2").z.shape[0] // 2
    expected = explorer.kernel.value("float(explorer.comparison.loss[1])")
    assert explorer.grid("heatmap-2").z[middle, middle] == pytest.approx(expected, rel=1e-5)
    explorer.part("compare").click()
    expect(explorer.part("heatmap-2")).to_have_count(0)
    assert explorer.trait("compared_checkpoint") is None
