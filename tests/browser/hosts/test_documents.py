"""Documents that are made of an executed notebook, opened by readers without kernel and network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser

from tests.browser.conftest import OUTPUT

from .documents import NAMES, assert_pictures, execute, size
from .network import Network


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Without the state of its widgets."""
    return execute(tmp_path_factory.mktemp("executed"), state=False)


def test_three_explorers_take_little_room(executed: Any) -> None:
    """Each picture is stored twice, as a PNG and in HTML, in base64."""
    assert size(executed) < len(NAMES) * 2 * 60_000 * 4 / 3 + 20_000


def test_a_converted_notebook_shows_a_picture_of_each_without_network(
    browser: Browser, executed: Any, tmp_path: Path
) -> None:
    html, _ = HTMLExporter().from_notebook_node(executed)
    path = tmp_path / "notebook.html"
    path.write_text(html)
    with browser.new_context() as context:
        network = Network(context, packages=False)
        page = context.new_page()
        page.goto(path.as_uri(), wait_until="commit")
        assert_pictures(page)
        OUTPUT.mkdir(exist_ok=True)
        page.screenshot(path=OUTPUT / "converted-offline.png")
        # what it asks for is the converter's own: formulas, and the manager of widgets
        assert all("landscape" not in url for url in network.refused)
        assert network.refused, "the guard is on"
