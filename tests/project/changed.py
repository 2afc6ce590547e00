"""Says what ``make check`` has pytest run: the tests of what changed, or all quick ones.

What changed is told from the last common commit with ``main``, or where nothing did, from the last commit.
Tests of a browser and of notebooks are left to ``make test``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]

#: Rooms beyond which everything quick is tested instead: their own tests take as long.
MOST_ROOMS = 2

#: Folders under tests/ whose tests are too long for this.
_LONG = ("browser", "notebooks")

#: What is left out besides where everything is tested: most of these compute a run of their own, and they
#: take as long as all the others.
_WHOLE_RUNS = (
    "explorer",
    "export/test_crafted_files.py",
    "export/test_python_call.py",
    "export/test_runs.py",
    "objective/test_products.py",
    "study/test_study.py",
)

ALL = ["tests", *(f"--ignore=tests/{name}" for name in (*_LONG, *_WHOLE_RUNS))]

#: Folders under tests/ that other tests rest on.
_SHARED = ("support", "conftest.py", "__init__.py")

#: What tests/project looks at.
_PROJECT = ("README.md", "CONTRIBUTING.md", "docs", "Makefile", "hatch_build.py")


def chosen(paths: Iterable[str], root: Path = ROOT) -> list[str]:
    """What pytest is to run for files that changed, as its arguments; empty where none of them has tests."""
    rooms: set[str] = set()
    files: set[str] = set()
    for path in paths:
        first, *rest = PurePosixPath(path).parts
        if first in _PROJECT:
            rooms.add("tests/project")
        elif first == "pyproject.toml" or (first == "landscape_widget" and len(rest) == 1):
            return ALL
        elif first == "landscape_widget":
            rooms.add(f"tests/{rest[0]}")
        elif first == "tests" and rest[0] in _SHARED:
            return ALL
        elif first == "tests" and rest[0] == "benchmarks":
            rooms.add("tests/project")
        elif first == "tests" and rest[0] not in _LONG:
            is_test = rest[-1].startswith("test_")
            (files if is_test else rooms).add(path if is_test else f"tests/{rest[0]}")
    if len(rooms) > MOST_ROOMS:
        return ALL
    kept = {path for path in rooms | files if (root / path).exists()}
    return sorted(path for path in kept if path in rooms or str(PurePosixPath(path).parent) not in rooms)


def changed() -> list[str]:
    """Files that differ from the last common commit with main, or else from the last commit; new ones too."""
    new = _git("ls-files", "--others", "--exclude-standard")
    for base in _git("merge-base", "main", "HEAD"), ["HEAD~1"]:
        found = [*_git("diff", "--name-only", *base), *new] if base else new
        if found:
            return found
    return []


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


if __name__ == "__main__":
    arguments = chosen(changed()) or ALL
    print(*arguments)
