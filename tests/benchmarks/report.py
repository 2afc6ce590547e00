"""Figures beside their goals: as JSON, as a table for the terminal, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure."""

    part: str
    what: str
    figure: float | None
    """None where the goal's quantity never came about, which is a miss."""
    unit: str
    """"×" is to be large, everything else small."""
    goal: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """"seconds", "others" (times the reference's speed), "notes" and "refused" by contender, "bound"."""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        if self.figure is None:
            return False
        return self.figure >= self.goal if self.unit == "×" else self.figure <= self.goal

    @property
    def shown(self) -> str:
        """The figure with its unit."""
        return "none" if self.figure is None else _with_unit(self.figure, self.unit)

    @property
    def wanted(self) -> str:
        """The goal with its unit, and whether it was missed."""
        if self.goal is None:
            return ""
        sign = "≥" if self.unit == "×" else "≤"
        return f"{sign} {_with_unit(self.goal, self.unit)}" + ("" if self.met else ", missed")

    @property
    def beside(self) -> str:
        """The other contenders, and what bounds the figure."""
        others, notes = self.details.get("others", {}), self.details.get("notes", {})
        parts = []
        for name in {**notes, **others}:
            speed = f" {_with_unit(others[name], '×')}" if name in others else ""
            told = ", ".join(f"{key} {value}" for key, value in notes.get(name, {}).items())
            if speed or told:
                parts.append(name + speed + (f" ({told})" if told else ""))
        parts += [f"{name}: {why}" for name, why in self.details.get("refused", {}).items()]
        parts += [self.details["bound"]] if "bound" in self.details else []
        return "; ".join(parts)


def write(path: Path, about: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Everything as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**about, "rows": [asdict(row) | {"met": row.met} for row in rows]}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False))


def read(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """What ``write`` wrote."""
    content = json.loads(path.read_text())
    rows = [Row(**{k: v for k, v in row.items() if k != "met"}) for row in content.pop("rows")]
    return content, rows


def line(row: Row) -> str:
    """One row for the terminal."""
    return f"{row.what:58} {row.shown:>10}  {row.wanted:20} {row.beside}"


def markdown(about: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """A table, and one line on what it was measured with."""
    lines = ["| what | figure | goal | beside it |", "|---|---|---|---|"]
    part = None
    for row in rows:
        if row.part != part:
            part = row.part
            lines.append(f"| **{part}** | | | |")
        lines.append(f"| {row.what} | {row.shown} | {row.wanted} | {row.beside} |")
    machine, versions, threads = about["machine"], about["versions"], about["threads"]
    packages = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    ratios = "a quick run, not to be quoted" if about["quick"] else f"medians of {about['ratios']} runs each"
    hardware = f"{machine['processor']}, {machine['cores']} cores, {threads['torch']} threads of torch"
    hardware += " and processor time" if threads["torch"] == 1 else ""
    return "\n".join([*lines, "", f"{hardware}; {packages}; {ratios}."])


def _with_unit(value: float, unit: str) -> str:
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return digits + ("×" if unit == "×" else f" {unit}").rstrip()
