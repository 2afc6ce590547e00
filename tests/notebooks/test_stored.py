"""What the shipped notebooks show before anybody runs them."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from .test_notebooks import NOTEBOOKS, WIDGET

LESSONS = sorted(NOTEBOOKS.glob("teaching/*_answers.ipynb"))
OTHERS = sorted(NOTEBOOKS.glob("*.ipynb"))

#: The last line of a cell that ends in a picture: an explorer, a figure, or an animation.
PICTURE = re.compile(r"^(explorer|other|figure\..*|(\w+_figure|draw|Image)\(.*\))\Z", re.MULTILINE)


@pytest.mark.parametrize("path", OTHERS + LESSONS, ids=lambda path: path.stem)
def test_what_is_stored_shows_finished_pictures(path: Path) -> None:
    """Below each cell that ends in one. `make notebooks` refreshes them."""
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if PICTURE.search(cell.source)] == [c.id for c in code if pictures(c)]
    for cell in code:
        assert not [output for output in cell.outputs if output.output_type == "error"]
        found = pictures(cell)
        assert len(found) <= 1
        for output in found:
            assert len(output.data["image/png"]) * 3 / 4 <= 60_000
    explorers = [cell for cell in code if any(WIDGET in output.get("data", {}) for output in cell.outputs)]
    assert explorers, "its picture belongs to one"
    assert all(map(pictures, explorers))


def test_all_of_them_stay_small() -> None:
    for paths, most in ((OTHERS, 700_000), (LESSONS, 400_000)):
        assert sum(path.stat().st_size for path in paths) <= most


def pictures(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Outputs of a cell that hold a picture."""
    return [output for output in cell.outputs if "image/png" in output.get("data", {})]
