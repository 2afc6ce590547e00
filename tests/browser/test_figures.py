"""Figures as a browser shows them: nothing above or below a plot touches anything else, or is cut off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import plotly.graph_objects as go
import pytest
from playwright.sync_api import Page
from plotly.offline import get_plotlyjs

from landscape_widget import Path as TrainingPath
from landscape_widget import (
    Plane,
    ProjectedCurvatures,
    Surface,
    curvature_figure,
    heatmap_figure,
    slices_figure,
    surface_figure,
)

from .browser import UNDRAWN
from .conftest import OpenPage

#: Texts, the legend and the area of the plot, by their boxes: pairs that touch, and what is cut off.
FAULTS = """() => {
  const box = element => element.getBoundingClientRect();
  const plot = document.querySelector(".js-plotly-plot");
  const words = [".gtitle", ".gtitle-subtitle", ".legend", ".xtitle", ".x2title", ".ytitle", ".annotation"]
    .flatMap(name => [...plot.querySelectorAll(name)]).filter(part => box(part).width > 0);
  const area = [...plot.querySelectorAll(".nsewdrag")];
  const name = part => `${part.getAttribute("class")} "${part.textContent.slice(0, 30)}"`;
  const faults = [];
  const parts = [...words, ...area];
  parts.forEach((a, i) => parts.slice(i + 1).forEach(b => {
    const [p, q] = [box(a), box(b)];
    if (a.contains(b) || b.contains(a)) return;
    if (a.matches(".annotation") && b.matches(".nsewdrag") && p.bottom < q.bottom && p.top >= q.top) return;
    const x = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const y = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (x > 1 && y > 2) faults.push(`${name(a)} touches ${name(b)} by ${x.toFixed()} × ${y.toFixed()}`);
  }));
  const paper = box(plot);
  for (const part of words) {
    const { left, right, top, bottom } = box(part);
    const [wide, high] = [right > paper.right + 1, bottom > paper.bottom + 1];
    if (wide || high || left < paper.left - 1 || top < paper.top - 1) faults.push(`${name(part)} is cut off`);
  }
  return faults;
}"""

AXES = ("hessian:max:2", "hessian:min")


def saddle(size: float = 1.0, *, coarse: bool = True) -> Surface:
    alpha, beta = np.linspace(-0.05, 0.05, 21), np.linspace(-0.5, 0.5, 21)
    loss = size * (2 + 400 * alpha**2 - 4 * beta[:, None] ** 2)
    done = np.ones_like(loss, dtype=bool)
    if coarse:
        done[1::2] = False
    told = {
        "axes": AXES,
        "model": "ConvolutionalNetwork",
        "loss_fn": "cross_entropy",
        "dtype": "float64",
        "n_examples": 50_000,
        "n_parameters": 855_770,
        "versions": {"landscape-widget": "0.1.0", "torch": "2.13.0+cpu"},
    }
    return Surface(alpha, beta, loss, done, told, error_bound=1e-3 * size)


PLANE = Plane(np.array([3.0, 4.0]), np.array([2.0, 0]), np.array([0, 0.5]), axes=AXES)


def run() -> TrainingPath:
    alpha = np.linspace(-0.04, 0, 9)
    return TrainingPath(
        alpha, 8 * alpha, 0 * alpha + 0.1, np.abs(alpha), 2 + 0 * alpha, np.arange(9), {}, {"axes": AXES}
    )


def many() -> go.Figure:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 200))
    return curvature_figure(
        ProjectedCurvatures(a, b, c, 400, {"model": "ConvolutionalNetwork"}), (-1.5, 2.25)
    )


DRAWN: dict[str, Callable[[], go.Figure]] = {
    "heatmap": lambda: heatmap_figure(saddle(), PLANE),
    "heatmap of huge losses": lambda: heatmap_figure(saddle(1e7), PLANE, scale="linear"),
    "heatmap of small losses": lambda: heatmap_figure(saddle(1e-7, coarse=False)),
    "heatmap with two paths": lambda: heatmap_figure(saddle(), PLANE, path={"SGD": run(), "Adam": run()}),
    "surface": lambda: surface_figure(saddle(), PLANE),
    "surface with a path": lambda: surface_figure(saddle(), PLANE, path=run()),
    "slices": lambda: slices_figure(saddle(), PLANE),
    "curvature": many,
}


#: Puts a figure in the place of the one before, as its own page would show it.
SHOW = """async ({ data, layout }) => {
  const plot = document.getElementById("plot");
  Plotly.purge(plot);
  plot.replaceChildren();
  await Plotly.newPlot(plot, data, layout, { responsive: true });
}"""

#: What a responsive figure does some time after its page was given another width.
RESIZE = "() => Plotly.Plots.resize(document.getElementById('plot'))"


@pytest.fixture(scope="module")
def page(open_page: OpenPage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page with plotly.js, which takes long to load, and room for a figure."""
    file = tmp_path_factory.mktemp("figures") / "figures.html"
    file.write_text(
        f"<!doctype html><meta charset='utf-8'><script>{get_plotlyjs()}</script>"
        "<div id='plot' style='height: 100vh'></div><style>body { margin: 0 }</style>",
        encoding="utf-8",
    )
    page = open_page(1200, 640).page
    page.add_init_script(UNDRAWN)
    page.goto(file.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_touches_and_nothing_is_cut(page: Page, name: str) -> None:
    figure = json.loads(DRAWN[name]().to_json())
    page.set_viewport_size({"width": 700, "height": 640})
    page.evaluate(SHOW, figure)
    assert page.evaluate(FAULTS) == []
    page.set_viewport_size({"width": 1200, "height": 640})
    page.evaluate(RESIZE)
    assert page.evaluate(FAULTS) == []
