"""The still picture in JupyterLab: unseen beside the live explorer, on show wherever that is not."""

from __future__ import annotations

import io
import math
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from nbconvert import HTMLExporter
from nbformat import read
from nbformat.sign import NotebookNotary
from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from landscape_widget import Surface
from landscape_widget.figures.shade import shade_of
from landscape_widget.figures.still_plane import N_COLOURS, contour_levels
from landscape_widget.planes.scale import automatic_scale
from landscape_widget.results.quadratic import QuadraticModel

from ..figures.test_still import loss_of, middle
from .conftest import OUTPUT, Show
from .explorer import ExplorerOnPage
from .hosts.documents import assert_pictures
from .hosts.network import Network
from .jupyter import JupyterServer
from .lab import Notebook
from .notebooks import BOWL
from .pixels import pixels
from .waiting import wait_until


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    with show(BOWL, stills=True) as notebook:
        yield notebook


def still(notebook: Notebook) -> Locator:
    return notebook.cell(1).locator(".landscape-still, figure:has(img[src^='data:image/png'])")


def has_picture(notebook: Notebook) -> bool:
    outputs = notebook._cell(1, "model.outputs.toJSON()")
    return any("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture
def live(notebook: Notebook) -> ExplorerOnPage:
    notebook.cell(1)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    wait_until(lambda: has_picture(notebook), "the picture")
    return explorer


def test_beside_the_live_explorer_it_is_unseen_and_leaves_its_view_alone(
    notebook: Notebook, live: ExplorerOnPage
) -> None:
    expect(still(notebook)).to_have_count(1)
    expect(still(notebook)).to_be_hidden()
    view = live.part("heatmap")
    view.evaluate("element => { element.marked = true; }")
    before = still(notebook).locator("img").get_attribute("src")
    live.set_traits(axes=("random", "hessian:min"))
    wait_until(lambda: still(notebook).locator("img").get_attribute("src") != before, "a new picture")
    assert view.evaluate("element => element.marked && element.isConnected")
    notebook.watch.screenshot(OUTPUT / "still-live.png")


PLACE = """(plot, [x, y]) => {
  const { xaxis, yaxis } = plot._fullLayout;
  return [xaxis._offset + xaxis.l2p(x), yaxis._offset + yaxis.l2p(y)].map(Math.round);
}"""
"""Where a point of the plane is drawn on the page, in pixels from the plot's corner."""

COLOURS = """plot => {
  const { colorscale, zmin, zmax } = plot._fullData[0];
  return [colorscale, zmin, zmax];
}"""


def rgb(colour: str) -> list[int]:
    if colour.startswith("#"):
        return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return [int(part) for part in re.findall(r"\d+", colour)[:3]]


def test_the_losses_under_its_pixels_are_those_of_the_page(notebook: Notebook, live: ExplorerOnPage) -> None:
    def picture() -> Image.Image:
        """The one that was drawn last."""
        outputs = notebook._cell(1, "model.outputs.toJSON()")
        data = next(
            output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})
        )
        return Image.open(io.BytesIO(b64decode(data))).convert("RGB")

    before, request = picture().tobytes(), live.request()
    notebook.kernel.run("explorer.view = {'contours': False}")  # no lines over the colours
    notebook.kernel.run("explorer.axes, explorer.resolution = ('hessian:max', 'hessian:min'), 23")
    live.wait_for_result(request)
    wait_until(lambda: picture().tobytes() != before, "the picture of this")
    value = notebook.kernel.value
    alpha, beta, loss = (
        np.array(value(f"explorer.surface.{name}.tolist()")) for name in ("alpha", "beta", "loss")
    )
    surface = Surface(alpha, beta, loss, np.ones(loss.shape, bool))
    quadratic = QuadraticModel(*value("__import__('dataclasses').astuple(explorer.quadratic)"))
    scale = automatic_scale(surface, quadratic)
    assert scale is not None

    plot = live.part("heatmap").locator(".js-plotly-plot")
    wait_until(lambda: plot.evaluate("plot => plot._fullData[0].z.length") == 23, "the page's picture")
    page = pixels(plot)
    stops, low, high = plot.evaluate(COLOURS)
    shares = np.linspace(0, 1, 20_001)
    map_ = np.stack(
        [np.interp(shares, [at for at, _ in stops], part) for part in np.array([rgb(c) for _, c in stops]).T],
        axis=1,
    )
    heights, order = live.positions("heatmap"), np.argsort(loss, axis=None)

    def loss_on_page(colour: np.ndarray) -> float:
        share = shares[np.argmin(((map_ - colour) ** 2).sum(axis=1))]
        return float(np.interp(low + share * (high - low), heights.ravel()[order], loss.ravel()[order]))

    still_ = picture()
    rng = np.random.default_rng(0)
    lowest = np.unravel_index(np.argmin(loss), loss.shape)
    lines = np.append(contour_levels(shade_of(surface, "auto", False, quadratic)), 0.0)
    seen = 0
    for k in rng.permutation(21 * 21):
        i, j = (1 + int(index) for index in divmod(int(k), 21))
        near = scale(loss[i - 1 : i + 2, j - 1 : j + 2])
        marked = min(math.hypot(i - 11, j - 11), math.hypot(i - lowest[0], j - lowest[1])) < 3
        # two fifths of the way to the next node are some pixels, more than half of a line
        beside = np.abs(lines - float(scale(loss[i, j]))) < 0.2 * (near.max() - near.min())
        if seen == 20 or marked or beside.any():
            continue  # under a mark or a contour line, that of L(θ*) at 0 among them
        seen += 1
        x, y = plot.evaluate(PLACE, [alpha[j], beta[i]])
        on_page, in_picture = (
            loss_on_page(page[y, x]),
            loss_of(still_.getpixel(middle(surface, i, j)), surface, quadratic),
        )
        # half of the step between two of the picture's colours; and as much for the page's, rounded, too
        first, last = scale.range
        step = (last - first) / (N_COLOURS - 1)
        slack = 2 * scale.width * math.cosh(math.asinh((loss[i, j] - scale.centre) / scale.width)) * step
        assert on_page == pytest.approx(in_picture, abs=slack)
        assert on_page == pytest.approx(loss[i, j], abs=slack)
    assert seen == 20
    notebook.kernel.run("explorer.view = {}")


def test_a_converted_notebook_shows_it_without_a_network(
    notebook: Notebook, live: ExplorerOnPage, server: JupyterServer, browser: Browser, tmp_path: Path
) -> None:
    notebook.save()
    path = server.root / notebook.name
    wait_until(lambda: "image/png" in path.read_text(), "the saved notebook")
    converted = tmp_path / "converted.html"
    converted.write_text(HTMLExporter().from_filename(path)[0])
    with browser.new_context() as context:
        network = Network(context, packages=False)
        page = context.new_page()
        page.goto(converted.as_uri(), wait_until="commit")
        assert_pictures(page, 1)
        # what it asks for is the converter's own: formulas, and the manager of widgets
        assert network.refused, "the guard is on"
        assert all("landscape" not in url for url in network.refused)


def test_a_saved_notebook_shows_it_without_a_kernel_that_knows_it(
    notebook: Notebook, live: ExplorerOnPage, server: JupyterServer
) -> None:
    """Its picture has another name: on a page with the live explorer it would be unseen."""
    notebook.save()
    path: Path = server.root / notebook.name
    wait_until(lambda: "image/png" in path.read_text(), "the saved notebook")
    picture = notebook.kernel.value("explorer._still_class")
    copies = {name: path.with_name(f"{name}.ipynb") for name in ("untrusted", "trusted")}
    for name, copy in copies.items():  # whose content nobody has signed yet
        copy.write_text(path.read_text().replace(picture, f"{picture}-{name}"))
    NotebookNotary(data_dir=str(server.root.parent / "data")).sign(read(copies["trusted"], as_version=4))
    for name, copy in copies.items():
        with closing(Notebook(server, notebook.watch, copy, tab=True)) as reader:
            assert reader._cell(1, "model.trusted") is (name == "trusted")
            image = reader.cell(1).locator("img[src^='data:image/png']")
            expect(image).to_be_visible()
            assert image.evaluate("image => image.complete && image.naturalWidth") == 860
            expect(reader.cell(1)).to_contain_text("still picture")
            reader.watch.screenshot(OUTPUT / f"still-{name}.png")
            reader.watch.take_errors()  # JupyterLab complains of the widget that it does not find
    notebook.show()
