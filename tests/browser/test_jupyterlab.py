"""The explorer in JupyterLab: what is drawn, what the controls do, and what a person may count on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from .conftest import Show
from .explorer import VIEWS, ExplorerOnPage
from .lab import Notebook
from .notebooks import DIGITS
from .pixels import middle, n_colours, pixels, spread
from .waiting import wait_until

SHOW_CELL = 1


@pytest.fixture(scope="module")
def digits_notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that trains a network on digits and shows its explorer."""
    with show(DIGITS, drawn=True) as notebook:
        yield notebook


@pytest.fixture
def digits(digits_notebook: Notebook) -> ExplorerOnPage:
    """The explorer of the trained network, with a result on show."""
    digits_notebook.cell(SHOW_CELL)
    explorer = ExplorerOnPage(digits_notebook.page, digits_notebook.kernel)
    explorer.wait_for_result()
    explorer.open_settings()
    return explorer


def test_views_are_drawn(digits_notebook: Notebook, digits: ExplorerOnPage) -> None:
    for view in VIEWS:
        image = pixels(digits.part(view).locator(".js-plotly-plot"))
        # A frame with axes and a blank plot has a few dozen colours, nearly all of them at the edges.
        assert n_colours(middle(image)) > (4 if view == "curvature" else 100), view
        assert spread(middle(image)) > 5, view
    digits_notebook.draw_scenes(False)


def test_plots_hold_the_kernels_values(digits: ExplorerOnPage) -> None:
    digits.assert_plots_equal_kernel()
    assert digits.grid("surface").z.shape == (21, 21)


def test_caption_and_verdict_are_filled(digits: ExplorerOnPage) -> None:
    expect(digits.part("caption")).to_contain_text("610")
    expect(digits.part("verdict")).to_contain_text("λ")


def test_histogram_counts_the_kernels_projections(digits: ExplorerOnPage) -> None:
    bars = [trace for trace in digits.traces("curvature") if trace["type"] == "bar"]
    assert len(bars) == 2
    for bar, name in zip(bars, ("kappa_minus", "kappa_plus"), strict=True):
        kappa = np.array(digits.projections(name))
        centres, counts = np.array(bar["x"]), np.array(bar["y"])
        half = (centres[1] - centres[0]) / 2
        expected, _ = np.histogram(kappa, [*(centres - half), centres[-1] + half])
        # A value on an edge may fall to either side of it.
        assert np.abs(counts - expected).sum() <= 2
        # The plot leaves out the outermost 0.2 % at each end of the two samples together.
        assert counts.sum() >= 0.98 * len(kappa)


def moved(explorer: ExplorerOnPage, trait: str, test_id: str, act: Callable[[Locator], object]) -> Any:
    """What a trait becomes once a person has done something to its control."""
    before = explorer.trait(trait)
    act(explorer.part(test_id))
    wait_until(lambda: explorer.trait(trait) != before, f"the trait {trait} after {test_id}")
    return explorer.trait(trait)


def pressed(key: str) -> Callable[[Locator], None]:
    """Press a key on a control that has the focus, as a person without a mouse does."""
    return lambda control: control.press(key)


def typed(text: str) -> Callable[[Locator], None]:
    """Type into a field and leave it by Enter."""

    def act(field: Locator) -> None:
        field.fill(text)
        field.press("Enter")

    return act


def chosen(option: Locator) -> None:
    """Click the words of an option, which cover its button."""
    option.locator("xpath=..").click()


def assert_result_of_traits(explorer: ExplorerOnPage, after: int) -> None:
    """Wait for the result of the last request, and check that it is the one that the traits describe."""
    explorer.wait_for_result(after)
    explorer.assert_plots_equal_kernel()
    assert_result_answers_traits(explorer)


def test_controls_of_the_plane_change_traits_and_bring_a_result(digits: ExplorerOnPage) -> None:
    """One after another, while the kernel computes what the one before has asked for."""
    request = digits.request()
    second = "hessian:max:2"
    assert digits.trait("axes") == ["hessian:max", "hessian:min"]
    choose = Locator.select_option
    assert moved(digits, "axes", "axis-alpha", lambda at: choose(at, second)) == [second, "hessian:min"]
    assert moved(digits, "axes", "axis-beta", lambda at: choose(at, "random")) == [second, "random"]
    assert moved(digits, "seed", "seed", typed("7")) == 7
    assert moved(digits, "seed", "new-seed", Locator.click) >= 0
    assert_result_of_traits(digits, request)

    request = digits.request()
    assert moved(digits, "axes", "preset-filter", chosen) == ["random:filter", "random:filter"]
    assert_result_of_traits(digits, request)


def test_controls_of_the_picture_change_traits_and_bring_a_result(digits: ExplorerOnPage) -> None:
    request, shown, before = digits.request(), digits.grid("heatmap").x[-1], digits.trait("examples")
    assert digits.trait("domain") is None
    domain = moved(digits, "domain", "half-width", pressed("ArrowRight"))
    assert domain == [-domain[1], domain[1], -domain[1], domain[1]]
    assert domain[1] > shown
    resolution = moved(digits, "resolution", "resolution", pressed("ArrowRight"))
    assert resolution > 21
    assert resolution % 2 == 1
    assert 1 <= moved(digits, "examples", "examples", pressed("ArrowLeft")) < before
    assert_result_of_traits(digits, request)

    request = digits.request()
    assert moved(digits, "domain", "domain-auto", Locator.click) is None
    assert_result_of_traits(digits, request)
    assert digits.grid("heatmap").x[-1] != domain[1]


def assert_result_answers_traits(explorer: ExplorerOnPage) -> None:
    """Check that the surface on show is the one that the traits describe."""
    surface = explorer.trait("_surface | {k: 0 for k in ('alpha', 'beta', 'loss', 'done', 'provenance')}")
    assert surface["axes"] == explorer.trait("axes")
    assert surface["seed"] == explorer.trait("seed")
    assert surface["n_examples"] == explorer.trait("examples")
    grid = explorer.grid("heatmap")
    assert len(grid.x) == len(grid.y) == explorer.trait("resolution")
    domain = explorer.trait("domain")
    if domain is not None:
        assert [grid.x[0], grid.x[-1], grid.y[0], grid.y[-1]] == pytest.approx(domain)


def test_trait_set_in_a_cell_moves_the_control(digits_notebook: Notebook, digits: ExplorerOnPage) -> None:
    request = digits.request()
    assert digits.trait("resolution") != 15
    cell = digits_notebook.add("explorer.resolution = 15")
    digits_notebook.run(cell)
    digits_notebook.cell(SHOW_CELL)

    digits.wait_for_result(request)
    expect(digits.part("resolution-value")).to_contain_text("15")
    digits.assert_plots_equal_kernel()


@pytest.mark.parametrize("test_id", ["axis-alpha", "resolution", "new-seed"])
def test_keys_in_a_control_stay_there(
    digits_notebook: Notebook, digits: ExplorerOnPage, test_id: str
) -> None:
    cells = digits_notebook.n_cells()

    # In JupyterLab "b" adds a cell and ArrowDown goes to the next one; in a control they must not.
    digits.press(test_id, "b", "ArrowDown")

    assert digits_notebook.n_cells() == cells
    expect(digits.part(test_id)).to_be_focused()
    digits.wait_for_result()


def test_hover_reads_out_the_point(digits: ExplorerOnPage) -> None:
    heatmap = digits.part("heatmap").locator(".js-plotly-plot .nsewdrag")
    heatmap.scroll_into_view_if_needed()
    heatmap.hover()
    expect(digits.part("readout")).to_contain_text("loss =")


def test_dark_theme_is_followed(digits_notebook: Notebook, digits: ExplorerOnPage) -> None:
    digits_notebook.set_theme("JupyterLab Dark")
    expect(digits.root).to_have_attribute("data-theme", "dark")
    try:
        for view in VIEWS:
            corner = pixels(digits.part(view))[-4:, -4:]
            assert corner.mean() < 100, f"{view} is bright on a dark page"
    finally:
        digits_notebook.set_theme("JupyterLab Light")
    expect(digits.root).to_have_attribute("data-theme", "light")
