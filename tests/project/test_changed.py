"""What ``make check`` tests for what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .changed import ALL, ROOT, chosen

HERE = "tests/project/test_changed.py"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["landscape_widget/planes/surface.py"], ["tests/planes"]),
        (["landscape_widget/study/deep/er.py", "README.md"], ["tests/project", "tests/study"]),
        ([HERE], [HERE]),
        ([HERE, "docs/guide.md"], ["tests/project"]),
        (["tests/data/helper.py"], ["tests/data"]),
        (["tests/benchmarks/planes.py"], ["tests/project"]),
        (["js/src/ui/dom.js", "tests/browser/lab.py", "tests/notebooks/test_notebooks.py", "LICENSE"], []),
        (["tests/planes/test_that_was_deleted.py"], []),
        (["pyproject.toml"], ALL),
        (["landscape_widget/__init__.py"], ALL),
        (["tests/support/cases.py", HERE], ALL),
        (["tests/conftest.py"], ALL),
        ([f"landscape_widget/{room}/x.py" for room in ("data", "loss", "planes")], ALL),
        ([], []),
    ],
)
def test_rooms_that_changed_have_their_tests_run(paths: list[str], expected: list[str]) -> None:
    assert chosen(paths) == expected


def test_every_room_has_a_folder_of_tests() -> None:
    rooms = {path.parent.name for path in (ROOT / "landscape_widget").glob("*/__init__.py")}
    assert {room for room in rooms if not (ROOT / "tests" / room).is_dir()} == set()


def test_a_room_without_tests_asks_for_none(tmp_path: Path) -> None:
    assert chosen(["landscape_widget/planes/surface.py"], tmp_path) == []
