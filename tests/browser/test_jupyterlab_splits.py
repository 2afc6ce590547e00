"""Training and test loss in JupyterLab: singly, side by side, their difference; values from the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .lab import Notebook
from .notebooks import POINTS
from .pixels import middle, pixels, spread
from .test_jupyterlab_compare import COLOURS, assert_second_equals_kernel, on_plot, wait_for_both

MARKS = """plot => {
  const { x, y, marker } = plot._fullData.find(trace => trace.name === "lowest");
  return Array.from(x, (value, i) => [marker.symbol[i], value, y[i]]);
}"""


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a network with data held out."""
    with show(POINTS, height=1600) as notebook:
        yield notebook


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerOnPage:
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.open_settings()
    return explorer


def choose(explorer: ExplorerOnPage, choice: str) -> int:
    """Click a choice and wait for its picture."""
    request = explorer.request()
    explorer.part(f"split-{choice}").locator("xpath=..").click()
    return explorer.wait_for_result(request)


def minimum(explorer: ExplorerOnPage, split: str) -> list[float]:
    """α and β of the lowest loss on a split, from the kernel's array."""
    place: list[float] = explorer.kernel.value(
        f"(lambda s: [s.alpha[(i := np.argmin(s.loss)) % len(s.alpha)], s.beta[i // len(s.alpha)]])"
        f"(explorer.surfaces[{split!r}])"
    )
    return place


def marks(explorer: ExplorerOnPage, view: str = "heatmap") -> list[list[Any]]:
    found: list[list[Any]] = on_plot(explorer, view, MARKS)
    return found


def test_each_loss_and_the_difference(explorer: ExplorerOnPage) -> None:
    explorer.kernel.run("import numpy as np")
    pictures = {}
    for choice, look in (("test", look_at_test), ("difference", look_at_difference), ("train", None)):
        choose(explorer, choice)
        assert explorer.trait("split") == choice
        explorer.assert_plots_equal_kernel()
        pictures[choice] = explorer.grid("heatmap").z
        if choice != "difference":
            symbol = {"train": "x", "test": "cross"}[choice]
            assert marks(explorer) == [[symbol, *minimum(explorer, choice)]]
        if look:
            look(explorer)
    difference = pictures["test"] - pictures["train"]
    # three numbers of 24 bits each, as they travel
    np.testing.assert_allclose(pictures["difference"], difference, rtol=0, atol=2e-7 * pictures["test"].max())
    assert np.abs(difference).max() > 0.01


def look_at_test(explorer: ExplorerOnPage) -> None:
    """Its values are those of plain torch."""
    grid = explorer.grid("heatmap")
    for i, j in ((0, 0), (5, 5), (10, 3)):
        loss, _ = explorer.kernel.value(f"scores(explorer.parameters_at({grid.x[j]!r}, {grid.y[i]!r}), test)")
        assert grid.z[i, j] == pytest.approx(loss, rel=1e-5)
    expect(explorer.part("caption")).to_contain_text("the loss on 300 test examples")


def look_at_difference(explorer: ExplorerOnPage) -> None:
    """It marks both minima, on colours about 0."""
    expected = [["x", *minimum(explorer, "train")], ["cross", *minimum(explorer, "test")]]
    assert marks(explorer) == expected
    low, high = on_plot(explorer, "heatmap", COLOURS)
    values = explorer.grid("heatmap").z
    if values.min() > 0 or values.max() < 0:  # one hue, over their own range
        assert (low, high) == (values.min(), values.max())
    else:
        assert low == -high
    expect(explorer.part("readout")).to_contain_text("× training (")
    expect(explorer.part("readout")).to_contain_text("+ test (")


def test_side_by_side_on_one_scale(notebook: Notebook, explorer: ExplorerOnPage) -> None:
    notebook.draw_scenes(True)
    request = explorer.request()
    explorer.part("split-beside").locator("xpath=..").click()
    wait_for_both(explorer, request)
    explorer.assert_plots_equal_kernel()
    assert_second_equals_kernel(explorer)
    assert explorer.trait("compared.surface.provenance['split']") == "test"
    for views in (("heatmap", "heatmap-2"), ("surface", "surface-2")):
        scales = [on_plot(explorer, view, COLOURS) for view in views]
        assert scales[0] == scales[1]
        for view in views:
            assert spread(middle(pixels(explorer.part(view)))) > 5, f"{view} is blank"
    notebook.draw_scenes(False)
    assert marks(explorer) == marks(explorer, "heatmap-2")
    for view, name in (("surface", "Training loss"), ("heatmap-2", "Test loss")):
        expect(explorer.part(view).locator("h3")).to_contain_text(name)


def test_zooming_the_second_picture_zooms_both(explorer: ExplorerOnPage) -> None:
    request = explorer.request()
    explorer.part("heatmap-2").locator('[tabindex="0"]').press("+")
    wait_for_both(explorer, request)
    first, second = explorer.grid("heatmap"), explorer.grid("heatmap-2")
    assert first.x[-1] < 1
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y, second.y)
    assert_second_equals_kernel(explorer)


def test_the_table_has_the_minimum_of_each_loss(explorer: ExplorerOnPage) -> None:
    explorer.part("table-open").click()
    rows = explorer.part("score-table").locator("tbody th")
    lowest = [f"{loss}, Hessian λmax × λmin" for loss in ("Lowest loss", "Lowest test loss")]
    expect(rows).to_have_text(["θ*", *lowest])


def test_back_to_one_picture(explorer: ExplorerOnPage) -> None:
    choose(explorer, "train")
    assert explorer.trait("compared_split") is None
    assert explorer.trait("compared") is None
    expect(explorer.part("surface-2")).to_have_count(0)
    expect(explorer.part("surface").locator("h3")).to_have_text("Surface")
