"""What is on show while the kernel computes: never nothing, and nothing wrong that is not marked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from .conftest import OpenNotebook
from .explorer import TIMEOUT, ExplorerOnPage
from .lab import Notebook
from .notebooks import QUARTIC, SHOW
from .waiting import wait_until

SHOW_CELL = 1
HESSIAN = ("hessian:max", "hessian:min")


@pytest.fixture(scope="module")
def notebook(open_notebook: OpenNotebook) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a function that its quadratic model describes near θ* only."""
    with closing(open_notebook([QUARTIC, SHOW])) as notebook:
        notebook.run_all()
        notebook.cell(SHOW_CELL)
        ExplorerOnPage(notebook.page, notebook.kernel).wait_for_result()
        yield notebook


@pytest.fixture
def quartic(notebook: Notebook) -> Iterator[ExplorerOnPage]:
    """That explorer with a result on [−1, 1]², and from then on a function that takes its time."""
    notebook.cell(SHOW_CELL)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    notebook.kernel.run("fast.set()")
    explorer.set_traits(axes=HESSIAN, domain=(-1, 1, -1, 1), resolution=21)
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


def test_other_eigenvectors_are_shown_to_second_order_where_the_kernel_will_look(
    quartic: ExplorerOnPage,
) -> None:
    quartic.set_traits(axes=("hessian:max:2", "hessian:min"), domain=None)
    quartic.set_traits(axes=HESSIAN)
    request = quartic.request()
    quartic.kernel.run("fast.clear()")

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
