"""Hessian plane beside random plane in JupyterLab: one click, both ends from the kernel, cameras linked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .lab import Notebook
from .notebooks import DIGITS
from .pixels import middle, pixels, spread
from .waiting import wait_until

CAMERA = "plot => plot._fullLayout.scene._scene.getCamera().eye"
COLOURS = "plot => { const t = plot._fullData[0]; return [t.zmin ?? t.cmin, t.zmax ?? t.cmax]; }"


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A trained network's explorer with a result on show."""
    with show(DIGITS, height=1600, drawn=True) as notebook:
        yield notebook


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerOnPage:
    """The same, with the comparison on show."""
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    if explorer.trait("compared_axes") is None:
        request = explorer.request()
        explorer.part("compare").click()
        wait_for_both(explorer, request)
    return explorer


def wait_for_both(explorer: ExplorerOnPage, after: int) -> None:
    """Waits until the second views, too, show the final answer to a later request."""
    request = explorer.wait_for_result(after)
    for view in ("surface-2", "heatmap-2"):
        expect(explorer.part(view)).to_have_attribute("data-request", str(request), timeout=30_000)
        expect(explorer.part(view)).to_have_attribute("data-final", "true", timeout=30_000)


def on_plot(explorer: ExplorerOnPage, view: str, script: str) -> Any:
    return explorer.part(view).locator(".js-plotly-plot").evaluate(script)


def assert_second_equals_kernel(explorer: ExplorerOnPage) -> None:
    alpha, beta, loss = (
        np.array(explorer.trait(f"compared.surface.{field}.tolist()")) for field in ("alpha", "beta", "loss")
    )
    for view in ("surface-2", "heatmap-2"):
        grid = explorer.grid(view)
        np.testing.assert_array_equal(grid.x, alpha, err_msg=view)
        np.testing.assert_array_equal(grid.y, beta, err_msg=view)
        np.testing.assert_allclose(grid.z, loss, rtol=6e-8, atol=0, err_msg=view)


def test_one_click_brings_the_random_plane_beside_the_hessian_one(
    notebook: Notebook, explorer: ExplorerOnPage
) -> None:
    assert explorer.trait("axes") == ["hessian:max", "hessian:min"]
    assert explorer.trait("compared.plane.axes") == ["random", "random"]
    explorer.assert_plots_equal_kernel()
    assert_second_equals_kernel(explorer)
    for view in ("surface", "surface-2", "heatmap", "heatmap-2"):
        assert spread(middle(pixels(explorer.part(view)))) > 5, f"{view} is blank"
    notebook.draw_scenes(False)


def test_both_ends_are_named_and_what_they_show_is_said(explorer: ExplorerOnPage) -> None:
    for view in ("surface", "heatmap"):
        expect(explorer.part(view).locator("h3")).to_contain_text("Hessian λmax × λmin")
        expect(explorer.part(f"{view}-2").locator("h3")).to_contain_text("Random (seed 0)")
    for i in range(2):
        said = explorer.part(f"sight-{i + 1}")
        seen, unseen = explorer.trait("_compared['sights']")[i]
        assert said.text_content() in (seen, unseen)
        if i == 1:
            for value in explorer.trait("compared.curvature"):
                expect(said).to_contain_text(f"{value:.4g}".replace("-", "−"))


def test_a_domain_of_its_own_and_another_second_plane(explorer: ExplorerOnPage) -> None:
    request, first = explorer.request(), explorer.grid("heatmap").x
    before = explorer.grid("heatmap-2").x[-1]
    explorer.press("compared-half-width", "ArrowRight", "ArrowRight")
    wait_for_both(explorer, request)
    domain = explorer.trait("compared_domain")
    assert domain[1] > before
    grid = explorer.grid("heatmap-2")
    assert [grid.x[0], grid.x[-1], grid.y[0], grid.y[-1]] == pytest.approx(domain)
    assert np.array_equal(explorer.grid("heatmap").x, first)
    assert_second_equals_kernel(explorer)

    request = explorer.request()
    explorer.part("compared-domain-auto").click()
    wait_until(lambda: explorer.trait("compared_domain") is None, "the kernel's domain")
    explorer.part("compared-preset").select_option("filter")
    wait_for_both(explorer, request)
    assert explorer.trait("compared.plane.axes") == ["random:filter", "random:filter"]
    assert explorer.grid("heatmap-2").x[-1] != domain[1]
    assert_second_equals_kernel(explorer)


def test_turning_one_surface_turns_the_other(explorer: ExplorerOnPage) -> None:
    start = on_plot(explorer, "surface-2", CAMERA)
    scene = explorer.part("surface").locator(".js-plotly-plot canvas").first
    scene.scroll_into_view_if_needed()
    box = scene.bounding_box()
    assert box is not None
    mouse = explorer.page.mouse
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y, steps=4)
    mouse.move(x + 90, y + 10, steps=4)
    mouse.up()

    def turned(view: str) -> bool:
        return abs(on_plot(explorer, view, CAMERA)["x"] - start["x"]) > 0.1

    wait_until(lambda: turned("surface"), "the surface to turn with the mouse")
    wait_until(
        lambda: (
            on_plot(explorer, "surface-2", CAMERA)
            == pytest.approx(on_plot(explorer, "surface", CAMERA), abs=1e-6)
        ),
        "the second surface to turn with the first",
    )
    assert turned("surface-2")


def test_one_scale_for_both(explorer: ExplorerOnPage) -> None:
    pairs = ("heatmap", "heatmap-2"), ("surface", "surface-2")
    own = [on_plot(explorer, view, COLOURS) for view in pairs[0]]
    assert own[0] != own[1]
    union = [min(low for low, _ in own), max(high for _, high in own)]

    explorer.part("one-scale").check()
    for views in pairs:
        for view in views:
            wait_until(lambda view=view: on_plot(explorer, view, COLOURS) == union, f"{view} to span {union}")
    explorer.part("one-scale").uncheck()
    wait_until(lambda: on_plot(explorer, "heatmap", COLOURS) == own[0], "a scale of its own")


def test_a_second_click_takes_it_away(explorer: ExplorerOnPage) -> None:
    request = explorer.request()
    explorer.press("compare", "Enter")
    explorer.wait_for_result(request)
    assert explorer.trait("compared_axes") is None
    assert explorer.trait("compared") is None
    expect(explorer.part("surface-2")).to_have_count(0)
    expect(explorer.part("comparison")).to_be_hidden()
    expect(explorer.part("surface").locator("h3")).to_have_text("Surface")
