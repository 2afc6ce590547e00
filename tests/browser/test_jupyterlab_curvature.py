"""The curvature panel in JupyterLab: its three faces show the kernel's numbers, and marks answer clicks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from landscape_widget.results.shares import interval_words

from .conftest import Show
from .explorer import TIMEOUT, ExplorerOnPage
from .notebooks import DIGITS, SETTLING
from .pixels import middle, pixels, spread
from .waiting import wait_until

#: Where a bar stands on the page: half-way up the tallest bar of a histogram.
TALLEST_BAR = """(plot, name) => {
  const trace = plot._fullData.findIndex(t => t.type === "bar" && t.name === name);
  const { x, y } = plot._fullData[trace];
  const i = y.indexOf(Math.max(...y));
  const { xaxis, yaxis, _size: size } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return {
    centre: x[i],
    width: plot._fullData[trace].width,
    page: [box.left + size.l + xaxis.d2p(x[i]), box.top + size.t + yaxis.d2p(y[i] * 0.97)],
  };
}"""


@pytest.fixture(scope="module")
def explorer(show: Show) -> Iterator[ExplorerOnPage]:
    """A trained network's explorer with a result on show; a test begins where the one before it has ended."""
    with show(DIGITS) as notebook:
        yield ExplorerOnPage(notebook.page, notebook.kernel)


def choose(explorer: ExplorerOnPage, face: str) -> None:
    """Chooses a face as a person does, where it is another one, and waits until it shows its result."""
    if explorer.trait("face") == face:
        return
    request = explorer.request()
    explorer.part(f"face-{face}").locator("xpath=..").click()
    expect(explorer.part("curvature")).to_have_attribute("data-face", face)
    explorer.wait_for_result(request)
    assert explorer.trait("face") == face


def sent(explorer: ExplorerOnPage, expression: str) -> NDArray[np.float64]:
    """A float64 buffer among what the kernel sent."""
    values = explorer.kernel.value(
        f"__import__('numpy').frombuffer(explorer.{expression}, 'float64').tolist()"
    )
    return np.array(values)


def test_a_bar_shows_a_random_plane_of_its_curvature(explorer: ExplorerOnPage) -> None:
    request = explorer.request()
    bar = explorer.part("curvature").locator(".js-plotly-plot").evaluate(TALLEST_BAR, "κ₊")

    explorer.page.mouse.move(*bar["page"])
    explorer.page.mouse.click(*bar["page"])

    explorer.wait_for_result(request)
    assert explorer.trait("axes") == ["random", "random"]
    kappa_plus = explorer.kernel.value("explorer._projections['plane']['kappa_plus']")
    # the plane that was asked for is one of those in the bar; its curvature is computed anew
    assert abs(kappa_plus - bar["centre"]) <= bar["width"] / 2 * (1 + 1e-6)
    explorer.assert_plots_equal_kernel()


#: The ends of the mark that the arrow keys move.
MARKED = """plot => {
  const { x0, x1 } = plot.layout.shapes.find(({ type }) => type === "rect");
  return [x0, x1];
}"""


def test_keys_alone_show_a_random_plane_of_a_bar(explorer: ExplorerOnPage) -> None:
    keyboard = explorer.page.keyboard
    explorer.part("face-projections").focus()
    keyboard.press("Tab")
    expect(explorer.part("curvature").locator(".lw-panel-body")).to_be_focused()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        keyboard.press(key)
    expect(explorer.part("mark")).to_contain_text("κ₊ ≈")
    low, high = explorer.part("curvature").locator(".js-plotly-plot").evaluate(MARKED)
    request = explorer.request()

    keyboard.press("Enter")

    explorer.wait_for_result(request)
    assert explorer.trait("axes") == ["random", "random"]
    seed = explorer.trait("seed")
    assert low <= explorer.projections("kappa_plus")[seed] <= high
    kappa_plus = explorer.kernel.value("explorer._projections['plane']['kappa_plus']")
    slack = 1e-6 * (high - low)
    assert low - slack <= kappa_plus <= high + slack, "the plane on show is that of the bar"
    explorer.assert_plots_equal_kernel()


def test_three_ways_to_the_same_probability_stand_side_by_side(explorer: ExplorerOnPage) -> None:
    text = explorer.part("blindness").inner_text()
    assert "±" not in text
    for name in ("measured", "closed_form", "spectral"):
        low, high = (explorer.kernel.value(f"explorer.blindness.{name}.{end}") for end in ("low", "high"))
        assert interval_words(low, high) in text, name


def test_the_spectrum_is_the_kernels_density(explorer: ExplorerOnPage) -> None:
    choose(explorer, "spectrum")

    x, density = sent(explorer, "_spectrum['x']"), sent(explorer, "_spectrum['density']")
    plotted = [trace for trace in explorer.traces("curvature") if trace["x"] and len(trace["x"]) > 2]
    drawn = {round(a, 9): b for trace in plotted for a, b in zip(trace["x"], trace["y"], strict=True) if b}
    floor = min(drawn.values())
    above = [(a, b) for a, b in zip(x.tolist(), density.tolist(), strict=True) if b > 2 * floor]
    assert len(above) > 5
    np.testing.assert_allclose([drawn[round(a, 9)] for a, _ in above], [b for _, b in above], rtol=1e-9)
    assert spread(middle(pixels(explorer.part("curvature")))) > 1


def test_an_eigenvalue_becomes_an_axis(explorer: ExplorerOnPage) -> None:
    explorer.set_traits(axes=("hessian:max", "hessian:min"))
    choose(explorer, "spectrum")
    request = explorer.request()

    explorer.part("eigenvalue-hessian:min").click()

    explorer.wait_for_result(request)
    assert explorer.trait("axes") == ["hessian:min", "hessian:max"], "the other one gives way"
    explorer.assert_plots_equal_kernel()


def test_keys_alone_make_an_eigenvalue_an_axis(explorer: ExplorerOnPage) -> None:
    explorer.set_traits(axes=("hessian:min", "hessian:max"))
    choose(explorer, "spectrum")
    keyboard = explorer.page.keyboard
    explorer.part("face-spectrum").focus()
    keyboard.press("Tab")
    keyboard.press("ArrowRight")
    keyboard.press("Home")
    expect(explorer.part("mark")).to_contain_text("λₙ =")
    keyboard.press("End")
    expect(explorer.part("mark")).to_contain_text("λ₁ =")
    request = explorer.request()

    keyboard.press("Enter")

    request = explorer.wait_for_result(request)
    assert explorer.trait("axes") == ["hessian:max", "hessian:min"]

    explorer.press("eigenvalue-hessian:max-beta", "Enter")

    explorer.wait_for_result(request)
    assert explorer.trait("axes") == ["hessian:min", "hessian:max"]


def test_both_estimates_of_the_trace_are_drawn(explorer: ExplorerOnPage) -> None:
    choose(explorer, "trace")

    lines = [trace["y"] for trace in explorer.traces("curvature") if trace["y"]]
    for i, method in enumerate(("hutchinson", "curvature-fit")):
        values = sent(explorer, f"_trace['methods'][{i}]['value']")
        assert values[-1] == explorer.kernel.value(f"explorer.traces['{method}'][-1].value")
        assert any(len(y) == len(values) and np.array_equal(y, values) for y in lines), method
    expect(explorer.part("trace-text")).to_contain_text("Hutchinson, 100 vectors")


def test_eigenvalues_are_seen_settling(show: Show) -> None:
    """While the kernel is in the midst of its products, with the residuals of the moment."""
    with show(SETTLING, wait=False) as notebook:
        explorer = ExplorerOnPage(notebook.page, notebook.kernel)
        largest = explorer.part("eigenvalue-hessian:max")
        seen = []
        for halt in (20, 26):
            wait_until(
                lambda halt=halt: explorer.kernel.value("calls") == halt, "the kernel to stop", TIMEOUT
            )
            spent = explorer.kernel.value("explorer._eigenpairs['n_hvp']")
            expect(explorer.part("curvature")).to_contain_text(f"{spent} products so far")
            expect(largest).to_contain_text("±")
            ticks = explorer.traces("curvature")[-1]["x"]
            assert ticks == explorer.kernel.value("explorer._eigenpairs['values']")
            seen.append((spent, ticks))
            explorer.kernel.run(f"halts[{halt}].set()")
        assert seen[1][0] > seen[0][0]
        assert seen[0][1][0] < seen[1][1][0] < 3, "Ritz values grow towards the largest eigenvalue"
        explorer.wait_for_result()
        expect(largest).to_contain_text("3.000")
