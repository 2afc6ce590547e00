"""Executes the notebooks and stores what they show, for readers without a kernel: ``make notebooks``.

The state of widgets, 2 MB of it plotly.js, stays out: below each explorer its cell has a still picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent

#: Read by JupyterLab with an extension alone, and large; a page that has none of it shows the cells' text.
PLOTLY = "application/vnd.plotly.v1+json"


def refresh(path: Path) -> int:
    """Executes one notebook in place and returns its size in bytes."""
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(HERE)}}
    NotebookClient(notebook, timeout=3600, store_widget_state=False, resources=folder).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
    notebook.metadata.pop("widgets", None)
    nbformat.write(notebook, path)
    return path.stat().st_size


if __name__ == "__main__":
    for chosen in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb")):
        print(f"{chosen.name}: {refresh(chosen) / 1000:.0f} kB")
