"""The explorer in JupyterLab: what is drawn, what the controls do, and what a person may count on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

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


@dataclass(frozen=True)
class Control:
    """A control, where it starts, how a person moves it, and what the trait must be then."""

    test_id: str
    trait: str
    move: Callable[[ExplorerOnPage], Any]
    holds: Callable[[Any, Any], bool]
    """Called with the trait's values before and after."""
    start: dict[str, Any] = field(default_factory=dict)


def _is(value: object) -> Callable[[Any, Any], bool]:
    return lambda _, after: bool(after == value)


def _select(test_id: str, value: str) -> Callable[[ExplorerOnPage], Any]:
    return lambda explorer: explorer.part(test_id).select_option(value)


def _press(test_id: str, *keys: str) -> Callable[[ExplorerOnPage], Any]:
    return lambda explorer: explorer.press(test_id, *keys)


def _type_seed(explorer: ExplorerOnPage) -> None:
    explorer.part("seed").fill("7")
    explorer.part("seed").press("Enter")


HESSIAN = {"axes": ("hessian:max", "hessian:min")}
SECOND = {"axes": ("hessian:max:2", "hessian:min")}
MIXED = {"axes": ("hessian:max:2", "random")}

#: In an order in which most start where the one before has ended: another start is another computation.
CONTROLS = [
    Control(
        "axis-alpha",
        "axes",
        _select("axis-alpha", "hessian:max:2"),
        _is(["hessian:max:2", "hessian:min"]),
        HESSIAN,
    ),
    Control(
        "axis-beta",
        "axes",
        _select("axis-beta", "random"),
        _is(["hessian:max:2", "random"]),
        SECOND,
    ),
    Control("seed", "seed", _type_seed, _is(7), MIXED),
    Control(
        "new-seed",
        "seed",
        lambda explorer: explorer.part("new-seed").click(),
        lambda before, after: after != before and after >= 0,
        MIXED,
    ),
    Control(
        "preset",
        "axes",
        lambda explorer: explorer.part("preset-filter").locator("xpath=..").click(),
        _is(["random:filter", "random:filter"]),
        MIXED,
    ),
    Control(
        "half-width",
        "domain",
        _press("half-width", "ArrowRight"),
        lambda before, after: after[1] > before[1] and after == [-after[1], after[1], -after[1], after[1]],
        {"domain": (-0.5, 0.5, -0.5, 0.5)},
    ),
    Control(
        "domain-auto",
        "domain",
        lambda explorer: explorer.part("domain-auto").click(),
        _is(None),
        {"domain": (-0.3, 0.3, -0.3, 0.3)},
    ),
    Control(
        "resolution",
        "resolution",
        _press("resolution", "ArrowRight"),
        lambda before, after: after > before and after % 2 == 1,
        {"resolution": 21},
    ),
    Control(
        "examples",
        "examples",
        _press("examples", "ArrowLeft"),
        lambda before, after: 1 <= after < before,
        {"examples": 400},
    ),
]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.test_id)
def test_control_changes_trait_and_brings_a_result(digits: ExplorerOnPage, control: Control) -> None:
    digits.set_traits(**control.start)
    before = digits.trait(control.trait)
    request = digits.request()

    control.move(digits)

    wait_until(lambda: digits.trait(control.trait) != before, f"the trait {control.trait}")
    after = digits.trait(control.trait)
    assert control.holds(before, after), f"{control.trait}: {before} became {after}"
    digits.wait_for_result(request)
    digits.assert_plots_equal_kernel()
    assert_result_answers_traits(digits)


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
    digits.set_traits(resolution=21)
    request = digits.request()
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
