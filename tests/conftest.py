"""Fixtures for tests of the kernel side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from landscape_widget import LandscapeExplorer


@pytest.fixture
def make_explorer() -> Iterator[Callable[..., LandscapeExplorer]]:
    """Makes explorers, small unless told otherwise, and closes them after the test."""
    made: list[LandscapeExplorer] = []

    def make(*arguments: Any, **keywords: Any) -> LandscapeExplorer:
        made.append(LandscapeExplorer(*arguments, **{"resolution": 5, "samples": 4, **keywords}))
        return made[-1]

    yield make
    for explorer in made:
        explorer.close()
