"""The floors in docs/architecture.md, drawn from the import contract and the docstrings of the rooms.

Run it as ``python -m tests.project.floors`` from the repository's root to draw the picture anew.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PICTURE = re.compile(r"(?<=<!-- floors -->\n```text\n).*?(?=\n```)", re.DOTALL)


def contracts() -> list[dict[str, object]]:
    """The contracts of import-linter, in their order."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[dict[str, object]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return found


def floors() -> list[list[str]]:
    """Rooms by floor, the top one first: a layer of the contract may hold several ("a | b" or "a : b")."""
    layers = next(contract["layers"] for contract in contracts() if contract["type"] == "layers")
    assert isinstance(layers, list)
    return [[room.strip(" ()") for room in re.split(r"[|:]", layer)] for layer in layers]


def without_widgets() -> set[str]:
    """Rooms that may not import what draws."""
    sources = next(c["source_modules"] for c in contracts() if "ipywidgets" in c.get("forbidden_modules", ()))
    assert isinstance(sources, list)
    return {source.split(".")[1] for source in sources}


def sentence(room: str) -> str:
    """What a room is for: the first line of its docstring."""
    text = ast.get_docstring(ast.parse((ROOT / "landscape_widget" / room / "__init__.py").read_text("utf-8")))
    assert text, f"expected a docstring in landscape_widget/{room}/__init__.py"
    return text.splitlines()[0]


def picture() -> str:
    """A line for each room, a rule between floors; a bar marks the rooms without widgets and plots."""
    plain = without_widgets()
    width = max(len(room) for floor in floors() for room in floor)
    lines = []
    for floor in floors():
        lines += [f"{'│' if room in plain else ' '} {room:{width}}  {sentence(room)}" for room in floor]
        lines.append("  " + "─" * width)
    return "\n".join(lines[:-1])


if __name__ == "__main__":
    PAGE.write_text(PICTURE.sub(lambda _: picture(), PAGE.read_text("utf-8")), "utf-8")
