"""Most hosts take long and need packages of their own: they run where they are asked for."""

from __future__ import annotations

import os

import pytest

collect_ignore = (
    []
    if os.environ.get("LANDSCAPE_HOSTS")
    else ["test_documents.py", "test_embedded.py", "test_kernel.py", "test_sphinx.py"]
)

WITHOUT_KERNEL = {
    "test_cancel[static]",
    "test_second_view_follows_the_first_and_other_explorers_do_not[static]",
}
"""What a page cannot do that has no kernel, and one view: nothing to cancel, nobody else who would follow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out acts that a host has nothing for."""
    items[:] = [item for item in items if item.name not in WITHOUT_KERNEL]
