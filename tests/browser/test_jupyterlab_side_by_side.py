"""Two models of other shapes side by side in JupyterLab: one scale, one domain, one camera, one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .lab import Notebook
from .notebooks import DIGITS
from .test_jupyterlab_compare import CAMERA, COLOURS, on_plot
from .waiting import wait_until

TWO = f"""{DIGITS}
from landscape_widget import SideBySide
narrow = explorer
torch.manual_seed(1)
other = torch.nn.Sequential(torch.nn.Linear(64, 4), torch.nn.Tanh(), torch.nn.Linear(4, 10))
wide = LandscapeExplorer(other, loader, loss_fn)
pair = SideBySide({{"narrow": narrow, "wide": wide}})
explorer = pair
"""


@pytest.fixture(scope="module")
def both(show: Show) -> Iterator[tuple[Notebook, list[ExplorerOnPage]]]:
    """A pair on show, each with its final picture on the common domain."""
    with show(TWO, height=1600, wait=False) as notebook:
        names = ("narrow", "wide")
        explorers = [ExplorerOnPage(notebook.page, notebook.kernel, name, i) for i, name in enumerate(names)]
        wait_until(
            lambda: notebook.kernel.value("narrow.domain is not None and narrow.domain == wide.domain"),
            "one domain",
            90,
        )
        for explorer in explorers:
            explorer.wait_for_result()
        yield notebook, explorers


def scales(explorers: list[ExplorerOnPage]) -> list[Any]:
    return [on_plot(explorer, view, COLOURS) for explorer in explorers for view in ("heatmap", "surface")]


def test_both_have_one_domain_and_one_scale(both: tuple[Notebook, list[ExplorerOnPage]]) -> None:
    """One scale once it is asked for: their losses lie too far apart for both to be seen on it."""
    _, explorers = both
    wait_until(lambda: scales(explorers)[0] != scales(explorers)[2], "a scale of its own for each")
    for explorer in explorers:
        expect(explorer.part("one-scale")).not_to_be_checked()
    explorers[0].part("one-scale").check()
    wait_until(lambda: scales(explorers)[1:] == scales(explorers)[:-1], "one scale for all four pictures")
    ends = [
        explorer.kernel.value(f"{explorer._name}.surface.alpha[[0, -1]].tolist()") for explorer in explorers
    ]
    assert ends[0] == ends[1]
    for explorer in explorers:
        expect(explorer.part("one-scale")).to_be_checked()
    explorers[1].part("one-scale").uncheck()
    wait_until(lambda: scales(explorers)[0] != scales(explorers)[2], "a scale of its own for each")
    expect(explorers[0].part("one-scale")).not_to_be_checked()
    explorers[0].part("one-scale").check()
    wait_until(lambda: scales(explorers)[1:] == scales(explorers)[:-1], "one scale again")


def test_turning_one_turns_the_other(both: tuple[Notebook, list[ExplorerOnPage]]) -> None:
    notebook, (first, second) = both
    start = on_plot(second, "surface", CAMERA)
    scene = first.part("surface").locator(".js-plotly-plot canvas").first
    scene.scroll_into_view_if_needed()
    box = scene.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = notebook.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 60, y, steps=4)
    mouse.move(x + 90, y + 10, steps=4)
    mouse.up()
    wait_until(lambda: abs(on_plot(second, "surface", CAMERA)["x"] - start["x"]) > 0.1, "the other to turn")
    wait_until(
        lambda: (
            on_plot(second, "surface", CAMERA) == pytest.approx(on_plot(first, "surface", CAMERA), abs=1e-6)
        ),
        "both to be seen from one place",
    )


def test_what_is_chosen_in_one_is_chosen_in_the_other(both: tuple[Notebook, list[ExplorerOnPage]]) -> None:
    notebook, (first, second) = both
    requests = first.request(), second.request()
    second.part("preset-filter").check(force=True)
    for explorer, request in zip((first, second), requests, strict=True):
        explorer.wait_for_result(request)
        assert explorer.trait("axes") == ["random:filter", "random:filter"]
    second.part("scale").select_option("linear", force=True)
    expect(first.part("scale")).to_have_value("linear")
    second.part("scale").select_option("auto", force=True)
    largest = notebook.kernel.value("pair.comparison.largest.tolist()")
    table = notebook.page.locator(".widget-html table, .jupyter-widgets table").filter(has_text="lambda_max")
    for value in largest:
        expect(table.first).to_contain_text(f"{value:.4g}")
    expect(table.first).to_contain_text("narrow")
