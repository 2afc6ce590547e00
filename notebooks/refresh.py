"""Executes the notebooks and stores what they show, for readers without a kernel: ``make notebooks``.

They stay small enough for a repository, 300 kB in all: of an explorer its picture is kept, in fewer colours,
and not the state of its widget, 2 MB of it plotly.js. Plotly's own figures are left out, since pages that run
no scripts show nothing of them, and so are animations, which are too large.
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

from landscape_widget.figures.still_plane import N_COLOURS

HERE = Path(__file__).parent
LEFT_OUT = {"application/vnd.plotly.v1+json", "image/gif"}

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
    file = BytesIO()
    fewer.save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def stored(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """What is kept of a cell's output, if anything."""
    data = output.get("data", {})
    if LEFT_OUT & data.keys():
        return None
    if "image/png" in data:
        data.pop("text/html", None)  # the same picture again
        data["image/png"] = smaller(data["image/png"])
    return output


def refresh(path: Path) -> int:
    """Executes one notebook in place and returns its size in bytes."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(HERE)}}
    NotebookClient(notebook, timeout=3600, store_widget_state=False, resources=place).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(stored, cell.outputs) if output]
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)
    return path.stat().st_size


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb")):
        print(f"{chosen.name}: {refresh(chosen) / 1000:.0f} kB", flush=True)
