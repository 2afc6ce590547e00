"""One look tells a saddle: the hues of the plane as the browser renders it, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .pixels import pixels, sectors
from .waiting import wait_until

FUNCTION = """
import torch
from landscape_widget import LandscapeExplorer, Objective

curvatures = torch.tensor([4.0, 2.0, 1.0, 0.02], dtype=torch.float64)
signs = torch.ones(100, dtype=torch.float64)
signs[40:] = -1

def paper(t):  # Böttcher & Wheeler's Eq. (31), at θ* = (0, …, 0, 1)
    return 0.5 * t[-1] * (signs * t[:-1] ** 2).sum()

def minimum(t):
    return 1 + (curvatures * t**2).sum() / 2

def slope(t):
    return 1 + t.sum() + (curvatures * t**2).sum() / 200

theta = torch.zeros({n}, dtype=torch.float64)
theta[-1] = {last}
explorer = LandscapeExplorer(Objective.from_function({name}, theta), resolution=31)
"""


@pytest.mark.parametrize(
    ("name", "n", "last", "told", "holds", "themes"),
    [
        ("paper", 101, 1, "this plane shows it", lambda count: count >= 4, ("Dark", "Light")),
        ("minimum", 4, 0, "Minimum", lambda count: count == 0, ("Light",)),
        ("slope", 4, 0, "On a slope", lambda count: count == 2, ("Light",)),
    ],
    ids=["Eq. (31)", "minimum", "slope"],
)
def test_sectors_of_the_rendered_plane(
    show: Show, name: str, n: int, last: int, told: str, holds: Callable[[int], bool], themes: tuple[str, ...]
) -> None:
    """A saddle in either theme, for colours differ; at last in that which the server keeps for others."""
    with show(FUNCTION.format(name=name, n=n, last=last)) as notebook:
        explorer = ExplorerOnPage(notebook.page, notebook.kernel)
        for theme in themes:
            notebook.set_theme(f"JupyterLab {theme}")
            expect(explorer.root).to_have_attribute("data-theme", theme.lower())
            expect(explorer.part("verdict")).to_contain_text(told)
            plane = explorer.part("heatmap").locator(".nsewdrag")
            wait_until(lambda plane=plane: holds(sectors(pixels(plane))), f"the hues of a {name}, {theme}")
