"""Writes docs/papers.md: what both papers state, beside what results/ holds: ``make papers``."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from claims import BARE, BOTTCHER, LI, MINIBATCHES, PARTS, Claim, Results

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "papers.md"
TABLE = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def results() -> Results:
    """Figures of each file, and the command that made them under ``commands``."""
    read = {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted((HERE / "results").glob("*.json"))
    }
    commands = {name: each["made by"]["command"] for name, each in read.items()}
    return {**{name: each["figures"] for name, each in read.items()}, "commands": commands}


TABLES = {"bottcher": BOTTCHER, "li": LI}

#: λmax in Table II.
STATED = {"with shortcuts": 5007.9, "without shortcuts": 50_064_044.0}


def _headed(*names: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]


def table(claims: list[Claim], found: Results) -> str:
    """The rows of one paper; of a part that was not measured, what the paper states."""
    rows = _headed("place", "the paper", "here", "verdict", "by")
    for claim in claims:
        here, verdict, source, why = claim.here, claim.verdict, claim.source, claim.why
        if source in PARTS and source not in found:
            here, verdict, why = "–", "not done", "`make papers DATA=folder`"
        elif callable(here):
            here = here(found)
        here = re.sub(r"(?<![A-Za-z])-(?=\d)", "−", here)
        by = source if source in PARTS else f"notebook {source[:2]}" if source else ""
        rows.append(
            f"| {claim.place} | {claim.says} | {here} | **{verdict}**{f': {why}' if why else ''} | {by} |"
        )
    return "\n".join(rows)


def referee(found: Results) -> str:
    """One row for each choice that was measured, beside what the paper states."""
    choices = "network", "images", "batch norm", "parameters"
    rows = _headed(*choices, "λmax of the mean loss", "times 391", "of the paper's")
    for key, each in found.get("referee", {}).items():
        name, images, statistics, parameters = key.split("; ")
        value = each["λmax"]
        error = each["residual"] / value
        rows.append(
            f"| {name} | {images} | {statistics.removeprefix('statistics ')} | {parameters} "
            f"| {value:,.5g} ± {error:.1g} of it | {MINIBATCHES * value:,.4g} "
            f"| {MINIBATCHES * value / STATED[name]:.3g} |"
        )
    return "\n".join(rows)


def carried(found: Results) -> str:
    """Which examples and parameters carry λmax, of both networks."""
    shares = "λmax by one example", "by a tenth of them", "vᵀHv of it on other images", "most of ‖v‖²"
    rows = _headed("network", *shares)
    for name, part in (("with shortcuts", "resnet56"), ("without shortcuts", BARE)):
        if part not in found:
            continue
        each = found[part]
        value, error = each["vᵀHv of λmax on others"]
        most = [f"{p} {share:.0%}" for p, share in each["parameters that carry most of λmax"].items()]
        rows.append(
            f"| {name}, {each['images of curvature']} images "
            f"| {each['share of the example that carries most of λmax']:.1%} "
            f"| {each['share of the tenth of the examples that carry most of λmax']:.1%} "
            f"| {value:.3g} ± {error:.2g} for {each['λmax']:.4g} | {', '.join(most)} |"
        )
    return "\n".join(rows)


def page(text: str, found: Results) -> str:
    """The page with its tables and commands written anew."""
    commands = "\n".join(f"- {name}: `{command}`" for name, command in found["commands"].items())
    written = {
        "commands": commands,
        "referee": referee(found),
        "carried": carried(found),
        **{name: table(claims, found) for name, claims in TABLES.items()},
    }
    return TABLE.sub(lambda match: f"{match[1]}{match[2]}{written[match[1]]}\n", text)


if __name__ == "__main__":
    written = page(PAGE.read_text("utf-8"), results())
    PAGE.write_text(written, "utf-8")
    print(f"{PAGE}: {len(written)} characters", file=sys.stderr)
