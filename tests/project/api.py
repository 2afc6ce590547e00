"""The lists in docs/api.md, made of the docstrings of what the package offers.

Run it as ``python -m tests.project.api`` from the repository's root to write them anew.
"""

from __future__ import annotations

import inspect
import re
from types import FunctionType
from typing import Any

import landscape_widget

from .floors import ROOT

PAGE = ROOT / "docs" / "api.md"
LISTS = re.compile(r"(?<=<!-- lists -->\n).*?(?=\n<!-- end -->)", re.DOTALL)

#: Headings by the room that a name comes from, in the order of the page.
HEADINGS = {
    "explorer": "The explorer",
    "objective": "The loss",
    "planes": "Planes",
    "curvature": "Curvature",
    "paths": "Paths",
    "study": "Training runs",
    "figures": "Figures",
    "export": "Files",
    "results": "Results",
}

#: Kinds whose methods and attributes have lines of their own.
WHOLE = ("LandscapeExplorer", "Objective", "TrajectoryRecorder", "Trajectory", "Results")

#: What these have for other rooms of the package, not for people.
INNER = {
    *(
        "check_batch_norm",
        "check_examples",
        "divisible",
        "findings",
        "first_batch",
        "frozen",
        "get_state",
        "has_workers",
        "named",
        "of",
    ),
    *("of_recorded", "open", "precise", "provenance", "regrouped", "set_state", "spans", "statistics_at"),
    *("terms", "weights", "with_statistics"),
}


def sentence(thing: Any) -> str:
    """The first sentence of a docstring, for a cell of a table."""
    text = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    first = re.match(r"(.*?(?<!\bal)(?<!\bFig)(?<!\bEqs)\.)(\s|$)", text)
    words = (first[1] if first else text).replace("``", "`").replace("|", "\\|")
    return re.sub(r"(?<=\w)\*|_(?=±)", lambda mark: f"\\{mark[0]}", words)


def members(kind: type) -> dict[str, Any]:
    """Public methods and properties that this package gives a kind, by name."""
    own = [c for c in kind.__mro__ if c.__module__.startswith("landscape_widget.")]
    found: dict[str, Any] = {}
    for cls in reversed(own):
        found |= {n: v for n, v in vars(cls).items() if isinstance(v, property | classmethod | FunctionType)}
    return {n: v for n, v in sorted(found.items()) if not n.startswith("_") and n not in INNER}


def lists() -> str:
    """All names under their headings."""
    public = {name: getattr(landscape_widget, name) for name in landscape_widget.__all__}
    parts = []
    for room, heading in HEADINGS.items():
        names = {n: thing for n, thing in public.items() if thing.__module__.split(".")[1] == room}
        rows = [f"| `{name}` | {sentence(thing)} |" for name, thing in names.items()]
        parts.append("\n".join([f"## {heading}", "", "| name | what |", "|---|---|", *rows, ""]))
        for name in filter(WHOLE.__contains__, names):
            rows = [f"| `.{member}` | {sentence(value)} |" for member, value in members(names[name]).items()]
            head = [f"### What `{name}` has", "", "| name | what |", "|---|---|"]
            parts.append("\n".join([*head, *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(LISTS.sub(lambda _: lists(), PAGE.read_text("utf-8")), "utf-8")
