"""Pictures that a person saves say what they show: in the picture, and in the file."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page

from .dev_page import FINAL, showing
from .pixels import middle, n_colours, spread

SVG = "{http://www.w3.org/2000/svg}"
PAPER = [255, 255, 255, 255]
"""White, though the page that they are saved from is dark."""
INK = [31, 35, 40]
TITLES = {
    "surface": "Loss of Sequential: Hessian λmax × λmin",
    "heatmap": "Loss of Sequential: Hessian λmax × λmin",
    "slices": "Loss of Sequential: Hessian λmax × λmin, slices through θ*",
    "curvature": "Curvature of random planes of Sequential",
}


@pytest.fixture(scope="module")
def page(dev: Page) -> Iterator[Page]:
    """An explorer without a kernel, with its pictures on show; its scene is drawn for one file."""
    with showing(dev, f"{FINAL}&theme=dark", width=1000, height=1100) as page:
        yield page


def saved(page: Page, view: str, kind: str) -> bytes:
    """The file that a view's button gives, pressed by the mouse for a PNG and by a key for an SVG."""
    panel = page.get_by_test_id(view)
    panel.hover()
    button = panel.get_by_role("button", name=f"Save the {view} as {kind.upper()}")
    with page.expect_download(timeout=60_000) as download:
        if kind == "png":
            button.click()
        else:
            button.focus()
            button.press("Enter")
    plane = "" if view == "curvature" else "_hessian-max_hessian-min"
    assert download.value.suggested_filename == f"{view}{plane}.{kind}"
    path: Path = download.value.path()
    return path.read_bytes()


@pytest.mark.parametrize("view", TITLES)
def test_a_png_carries_title_and_provenance(page: Page, view: str) -> None:
    page.evaluate("drawn => { sessionStorage.drawn = drawn; }", "yes" if view == "surface" else "")
    image = Image.open(io.BytesIO(saved(page, view, "png")))
    page.evaluate("sessionStorage.drawn = ''")
    assert image.format == "PNG"
    image.load()
    box = page.get_by_test_id(view).locator(".js-plotly-plot").bounding_box()
    assert box is not None
    assert image.width == 3 * round(box["width"])
    assert 90 < image.height - 3 * round(box["height"]) < 300, "a title of two to four lines, a legend"
    drawn = middle(np.asarray(image.convert("RGB")))
    assert n_colours(drawn) > (100 if view in ("surface", "heatmap") else 4)
    assert spread(drawn) > 5
    assert np.asarray(image.convert("RGBA"))[0, 0].tolist() == PAPER
    title = np.asarray(image.convert("RGB"))[:60].reshape(-1, 3)
    assert (title == INK).all(axis=1).any()
    texts: dict[str, str] = image.text  # type: ignore[attr-defined] # of PNG files alone
    assert texts["Title"] == TITLES[view]
    told = json.loads(texts["landscape-widget"])
    assert told == {"title": TITLES[view]} | dict(
        line.split(": ", 1) for line in texts["Description"].split("\n")
    )
    assert told["Model"] == "Sequential, 23,946 parameters"
    assert told["Axes"] == "hessian:max × hessian:min"
    assert told["Eigenvalues"].startswith("λmax 3.821 ± ")
    assert told["Examples"] == "1797 training examples"
    of_planes = {"Half-widths": "α ±1, β ±1", "Resolution": "21 × 21", "Scale": "about L(θ*)"}
    assert {name: told[name] for name in of_planes if name in told} == (
        {} if view == "curvature" else of_planes
    )
    assert texts["Software"].startswith("landscape-widget ")


@pytest.mark.parametrize("view", TITLES)
def test_an_svg_carries_title_and_provenance(page: Page, view: str) -> None:
    root = ElementTree.fromstring(saved(page, view, "svg"))
    title, description, metadata = (
        root.findtext(f"{SVG}{name}") or "" for name in ("title", "desc", "metadata")
    )
    assert title == TITLES[view]
    assert ("Half-widths: α ±1, β ±1\n" in description) == (view != "curvature")
    assert json.loads(metadata)["Axes"] == "hessian:max × hessian:min"
    words = "".join(text for element in root.iter(f"{SVG}text") for text in element.itertext())
    if view in ("surface", "heatmap"):
        assert list(root.iter(f"{SVG}image")), "neither cells nor a scene"
    if view == "heatmap":
        assert "α" in words
    if view == "curvature":
        assert "projected curvature" in words
        assert len(list(root.iter(f"{SVG}path"))) > 10
    seen = "".join(root.find(f".//{SVG}g[@class='g-gtitle']").itertext())  # type: ignore[union-attr] # it has one
    assert seen.replace(" ", "").startswith(TITLES[view].replace(" ", ""))


def pixels(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_title_takes_no_room_from_the_picture_and_can_be_left_out(page: Page) -> None:
    titled = pixels(saved(page, "heatmap", "png"))
    page.get_by_test_id("settings-open").click()
    page.get_by_test_id("titled").uncheck()
    assert page.get_by_test_id("holds").text_content() == "Set: no titles in saved pictures"
    try:
        bare = pixels(saved(page, "heatmap", "png"))
    finally:
        page.get_by_test_id("titled").check()
        page.get_by_test_id("settings-open").click()
    added = titled.shape[0] - bare.shape[0]
    assert added > 0
    assert titled.shape[1] == bare.shape[1]
    # from the picture's own upper edge on both are the same but for how lines fall on pixels
    assert np.abs(titled[added + 60 :].astype(int) - bare[60:]).mean() < 2
    assert titled[:added].std() > 3, "there are words in the room above"
