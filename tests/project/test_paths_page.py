"""The page on paths: its code runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .floors import ROOT

BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's code has defined by its end."""
    page = (ROOT / "docs" / "paths.md").read_text("utf-8")
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        exec("\n".join(BLOCKS.findall(page)), names)
        names["folder"] = Path.cwd()
    return names


def test_the_run_is_recorded(names: dict[str, Any]) -> None:
    assert (names["folder"] / "runs" / "0" / "trajectory.json").exists()
    assert names["accuracy"](names["model"](names["test"][0]), names["test"][1]) > 0.8
