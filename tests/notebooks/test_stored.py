"""What the shipped notebooks show before anybody runs them."""

from __future__ import annotations

import nbformat

from .test_notebooks import NOTEBOOKS, WIDGET


def test_what_is_stored_shows_finished_pictures_and_stays_small() -> None:
    """`make notebooks` refreshes it."""
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    assert sum(path.stat().st_size for path in paths) <= 300_000
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        shown = [output for output in outputs if WIDGET in output.get("data", {})]
        pictures = [output for output in outputs if "image/png" in output.get("data", {})]
        assert len(shown) == len(pictures) == 1, path.name
        assert "widgets" not in notebook.metadata
        assert not [output for output in outputs if output.output_type == "error"]
        assert len(pictures[0].data["image/png"]) * 3 / 4 <= 60_000
