"""What a reader takes away from the page: pictures as files, and the call that makes them again."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .lab import Notebook
from .notebooks import DIGITS
from .pixels import middle, n_colours, spread

SHOW_CELL = 2
# Data in a fixed order: a loader that shuffles makes other batches, whose losses differ by rounding.
FIXED = """
data = (inputs, targets)
explorer = LandscapeExplorer(model, data, loss_fn, resolution=21)
"""


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


def test_a_view_is_saved_with_the_keyboard(digits: ExplorerOnPage) -> None:
    """In JupyterLab; what is in each view's files is tested on a page without a kernel."""
    name, content = saved(digits, "heatmap", "png")
    assert name == "heatmap_hessian-max_hessian-min.png"
    image = Image.open(io.BytesIO(content))
    assert image.format == "PNG"
    box = digits.part("heatmap").locator(".js-plotly-plot").bounding_box()
    assert box is not None
    assert image.width == 3 * round(box["width"])
    pixels = np.asarray(image.convert("RGB"))
    assert n_colours(middle(pixels)) > 100
    assert spread(middle(pixels)) > 5
    assert np.asarray(image.convert("RGBA"))[0, 0].tolist() == [255, 255, 255, 255]  # paper


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
