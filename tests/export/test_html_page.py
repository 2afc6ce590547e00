"""The page of figures: words that a column would cut are text of the page, not of the pictures."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import plotly.graph_objects as go
import pytest

from landscape_widget import Surface, heatmap_figure, slices_figure, surface_figure
from landscape_widget.export.html_page import page

LONG = "A<very>LongName" + " of a network & its blocks" * 4


def surface() -> Surface:
    """A saddle, half of whose nodes were evaluated, of a model with a name that needs several lines."""
    axis = np.linspace(-1, 1, 5)
    done = np.ones((5, 5), dtype=bool)
    done[1] = False
    told = {"model": LONG, "axes": ("hessian:max", "random"), "dtype": "float64", "plane": {"seed": 3}}
    return Surface(axis, axis, 2 + axis**2 - axis[:, None] ** 2, done, told)


def text_of(html: str) -> str:
    """What a reader reads of HTML, on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


@pytest.mark.parametrize("draw", [heatmap_figure, surface_figure, slices_figure])
def test_titles_and_provenance_are_text_of_the_page(draw: object) -> None:
    figure = draw(surface())  # type: ignore[operator] # one of three functions
    before = figure.to_dict()
    html = page("Run", "", [figure], {})
    (caption,) = re.findall(r"<figcaption>(.*?)</figcaption>", html, re.DOTALL)
    assert f"Loss of {LONG}: λmax × random (seed 3)" in text_of(caption)
    assert "not finished: 20 of 25 points evaluated" in text_of(caption)
    (below,) = re.findall(r'<p class="below">(.*?)</p></figure>', html, re.DOTALL)
    assert f"{LONG} · float64 · seed 3" in text_of(below)
    assert "<very>" not in caption + below
    # the picture itself has none of them, nor a height that the page would have to keep to
    drawn = html[html.index("Plotly.newPlot(") :]
    assert "points evaluated" not in drawn
    assert '"name":"below"' not in drawn
    assert '"height":' not in drawn
    assert go.Figure(before) == figure, "the figure is as it was"


def test_each_line_that_stands_in_the_legend_alone_is_told_to_the_page() -> None:
    """So that a dark page can draw it in its own ink."""
    html = page("Run", "", [heatmap_figure(surface())], {})
    assert 'meta === "key"' in html
    assert html.count('"meta":"key"') == 1
