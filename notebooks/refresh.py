"""Executes the notebooks and stores what they show, for readers without a kernel: ``make notebooks``.

They stay small enough for a repository, 700 kB in all, and the lessons with answers, 400 kB: of an explorer
its picture is kept, in fewer colours, and not the state of its widget, 2 MB of it plotly.js. Pages that run
no scripts show nothing of plotly's own figures, and animations are too large: Chromium draws a still picture
of the figures, and four of its pictures stand for an animation. Students' lessons hold none, as one predicts
before one sees (``teaching/hand_out.py``).
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from plotly.io import to_html

from landscape_widget.figures.still_plane import N_COLOURS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.browser.browser import launch  # noqa: E402

PLOTLY = "application/vnd.plotly.v1+json"

#: The width of a plotly figure that has none of its own; its colours and those of an animation's pictures.
WIDTH, OF_A_FIGURE = 900, 64

#: So many of the colours of losses are kept, white in the middle, and these greys of lines and text.
COLOURS, GREYS = 21, (32, 128, 255)


def smaller(picture: str) -> str:
    """The PNG of an explorer in base64, in fewer colours: each gives way to the next one that is kept."""
    image = Image.open(BytesIO(b64decode(picture)))
    palette = np.asarray(image.getpalette(), np.uint8).reshape(-1, 3)
    kept = np.linspace(0, N_COLOURS - 1, COLOURS).round().astype(int)
    greys = palette[N_COLOURS:, :1].astype(int)
    place = [np.abs(np.arange(N_COLOURS)[:, None] - kept), np.abs(greys - GREYS)]
    places = np.concatenate([place[0].argmin(axis=1), COLOURS + place[1].argmin(axis=1)])
    fewer = Image.fromarray(places.astype(np.uint8)[np.asarray(image)], "P")
    fewer.putpalette(
        np.vstack([palette[kept], np.repeat(GREYS, 3).reshape(-1, 3)]).astype(np.uint8).tobytes()
    )
    return encoded(fewer)


def encoded(image: Image.Image) -> str:
    """An image as a PNG in base64."""
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def of_a_figure(figure: dict[str, object], browser: Browser) -> Image.Image:
    """What plotly draws of a figure."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 600})
    page.set_content(to_html(figure, config={"displayModeBar": False}))
    page.locator(".main-svg").first.wait_for()
    picture = Image.open(BytesIO(page.locator(".js-plotly-plot").screenshot()))
    page.close()
    return picture


def of_an_animation(gif: str) -> Image.Image:
    """Four of its pictures, two by two, from the first to the last."""
    film = Image.open(BytesIO(b64decode(gif)))
    strip = Image.new("RGB", (2 * film.width, 2 * film.height))
    for i, frame in enumerate(np.linspace(0, film.n_frames - 1, 4).round()):
        film.seek(int(frame))
        strip.paste(film.convert("RGB"), (i % 2 * film.width, i // 2 * film.height))
    return strip


def keep(output: nbformat.NotebookNode, browser: Browser) -> None:
    """Leaves of a cell's output what is stored."""
    data = output.get("data", {})
    if PLOTLY in data or "image/gif" in data:
        still = of_a_figure(data[PLOTLY], browser) if PLOTLY in data else of_an_animation(data["image/gif"])
        few = still.convert("RGB").quantize(OF_A_FIGURE, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        output.data = {"image/png": encoded(few)}
    elif "image/png" in data:
        data.pop("text/html", None)  # the same picture again
        data["image/png"] = smaller(data["image/png"])


def refresh(path: Path) -> int:
    """Executes one notebook in place and returns its size in bytes."""
    notebook = nbformat.read(path, as_version=4)
    options = {"timeout": 3600, "store_widget_state": False, "coalesce_streams": True}
    NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, **options).execute()
    with sync_playwright() as playwright, launch(playwright) as browser:
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # when it ran
            for output in cell.get("outputs", []):
                keep(output, browser)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)
    return path.stat().st_size


if __name__ == "__main__":
    every = sorted([*HERE.glob("*.ipynb"), *HERE.glob("teaching/*_answers.ipynb")])
    for chosen in [Path(name) for name in sys.argv[1:]] or every:
        print(f"{chosen.name}: {refresh(chosen) / 1000:.0f} kB", flush=True)
