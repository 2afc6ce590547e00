"""What a reader takes away from the page: pictures as files, and the call that makes them again."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from .conftest import Show
from .explorer import VIEWS, ExplorerOnPage
from .lab import Notebook
from .notebooks import DIGITS
from .pixels import middle, n_colours, spread

SHOW_CELL = 2
# Data in a fixed order: a loader that shuffles makes other batches, whose losses differ by rounding.
FIXED = """
data = (inputs, targets)
explorer = LandscapeExplorer(model, data, loss_fn, resolution=21)
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a network trained on digits."""
    with show(DIGITS, FIXED) as notebook:
        yield notebook


@pytest.fixture
def digits(notebook: Notebook) -> ExplorerOnPage:
    """The explorer, with a result on show."""
    notebook.cell(SHOW_CELL)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    return explorer


def saved(explorer: ExplorerOnPage, view: str, file_format: str) -> tuple[str, bytes]:
    """Name and content of the file that a view's button gives, reached with the keyboard alone."""
    button = explorer.part(view).get_by_role("button", name=f"Save the {view} as {file_format.upper()}")
    button.focus()
    with explorer.page.expect_download(timeout=120_000) as download:
        button.press("Enter")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_saved_as_png(digits: ExplorerOnPage, view: str) -> None:
    name, content = saved(digits, view, "png")
    plane = "" if view == "curvature" else "_hessian-max_hessian-min"
    assert name == f"{view}{plane}.png"
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    box = digits.part(view).locator(".js-plotly-plot").bounding_box()
    assert box is not None
    assert image.width == 2 * round(box["width"])
    above = image.height - 2 * round(box["height"])  # a title of two to four lines
    assert 60 < above < 200
    pixels = np.asarray(image.convert("RGB"))
    assert n_colours(middle(pixels)) > (4 if view == "curvature" else 100)
    assert spread(middle(pixels)) > 5
    assert np.asarray(image.convert("RGBA"))[0, 0].tolist() == [255, 255, 255, 255]  # JupyterLab's paper


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_saved_as_svg(digits: ExplorerOnPage, view: str) -> None:
    name, content = saved(digits, view, "svg")
    assert name.endswith(".svg")
    root = ET.fromstring(content)
    assert root.tag == f"{SVG}svg"
    pictures = list(root.iter(f"{SVG}image"))
    words = "".join(text for element in root.iter(f"{SVG}text") for text in element.itertext())
    if view == "curvature":
        assert "projected curvature" in words
        assert len(list(root.iter(f"{SVG}path"))) > 10
    else:
        assert pictures, "neither cells nor a scene"
    if view == "heatmap":
        assert "α" in words


def test_copied_call_makes_the_same_surface(digits: ExplorerOnPage) -> None:
    digits.set_traits(axes=("random:filter", "hessian:min"), seed=5, domain=None)
    digits.page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    digits.press("copy-python", "Enter")

    expect(digits.part("copied")).to_have_text("Copied.")
    source = digits.page.evaluate("navigator.clipboard.readText()")
    digits.kernel.run(re.sub(r"\bexplorer\b", "again", source) + "again.compute()")
    assert digits.kernel.value("again.axes") == ["random:filter", "hessian:min"]
    for axis in ("alpha", "beta", "loss"):
        here, there = (digits.kernel.value(f"{e}.surface.{axis}.tolist()") for e in ("explorer", "again"))
        # The strategy of evaluation is chosen by its speed, and each rounds in its own way in float32.
        np.testing.assert_allclose(here, there, rtol=1e-5 if axis == "loss" else 0, err_msg=axis)
    digits.assert_plots_equal_kernel()
