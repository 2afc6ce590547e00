"""A notebook of three explorers that was executed as a whole, from which documents are made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from playwright.sync_api import Page, expect

from . import sources
from .sources import NAMES


def execute(folder: Path, state: bool) -> Any:
    """The notebook with its outputs.

    Args:
        folder: Where it runs.
        state: Whether the state of its widgets is stored, too, as is nbclient's custom.
    """
    codes = [sources.made(folder / "slow"), *NAMES]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    client = NotebookClient(
        notebook, timeout=300, store_widget_state=state, resources={"metadata": {"path": str(folder)}}
    )
    return client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})


def size(notebook: Any) -> int:
    """Bytes of its file."""
    return len(nbformat.writes(notebook).encode())


def assert_pictures(page: Page, count: int = len(NAMES)) -> None:
    """A document shows a still picture of each explorer, and says what it is."""
    pictures = page.locator(".landscape-still img")
    expect(pictures).to_have_count(count)
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth") == 860
        assert "Saddle" in (picture.get_attribute("alt") or "")
    expect(page.locator(".landscape-still figcaption").first).to_contain_text("A still picture")
