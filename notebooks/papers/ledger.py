"""Writes docs/papers.md: what both papers state, beside what results/ holds: ``make papers``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "papers.md"
TABLE = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)

#: Files of results that measure.py can write.
PARTS = ("examples", "approximation", "resnet56")

#: All results: file, then what measure.py wrote.
Results = dict[str, Any]


def results() -> Results:
    """Figures of each file, and the command that made them under ``commands``."""
    read = {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted((HERE / "results").glob("*.json"))
    }
    commands = {name: each["made by"]["command"] for name, each in read.items()}
    return {**{name: each["figures"] for name, each in read.items()}, "commands": commands}


@dataclass(frozen=True)
class Claim:
    """One figure or sentence of a paper.

    Attributes:
        place: Where it stands.
        says: What is stated there.
        here: What is obtained here, or how it is written from the results.
        verdict: "same", "differs" or "not done".
        source: The file of results or the notebook.
        holds: What a test asserts of the results, so that the verdict stays true.
        why: Why it differs or is not done.
    """

    place: str
    says: str
    here: str | Callable[[Results], str]
    verdict: str
    source: str
    holds: Callable[[Results], bool] | None = None
    why: str = ""


def near(pair: Sequence[float], value: float, errors: float = 5) -> bool:
    """Whether an estimate lies within five standard errors of a value."""
    return abs(pair[0] - value) < errors * pair[1]


def estimate(pair: Sequence[float]) -> str:
    """``600.3 ± 0.4``."""
    return f"{pair[0]:.1f} ± {pair[1]:.1f}"


def means(case: str, *quantities: str) -> Callable[[Results], str]:
    """The estimates of some quantities of one example."""
    return lambda r: ", ".join(estimate(r["examples"][case]["means"][each]) for each in quantities)


def hidden(case: str) -> Callable[[Results], str]:
    """How often a random plane hides the saddle, by three ways."""

    def text(r: Results) -> str:
        found = r["examples"][case]["hidden"]
        low, high = found["measured"]
        return (
            f"measured {low:.4f} to {high:.4f}, closed form {found['closed form']:.4f}, "
            f"by the spectrum {found['spectral']:.4f}"
        )

    return text


def lower(name: str) -> Callable[[Results], str]:
    """By how much the Hessian plane's lowest node is lower, in both kept states of a network."""

    def text(r: Results) -> str:
        states = [r["approximation"][each]["Hessian plane"] for each in (f"{name}-early", name)]
        return "; ".join(f"{s['training']:.0%} in training, {s['test']:.1%} in test loss" for s in states)

    return text


def lowest_at_origin(r: Results) -> bool:
    """Whether the random planes' lowest node is θ* everywhere."""
    return all(state["random plane"]["at"] == [0, 0] for state in r["approximation"].values())


def network(name: str, write: Callable[[dict[str, Any]], str]) -> Callable[[Results], str]:
    """A figure of one ResNet-56."""
    return lambda r: write(r["resnet56"][name])


def ends(name: str) -> Callable[[Results], str]:
    """Both certified ends, and what they are once a sum over minibatches is taken."""

    def text(r: Results) -> str:
        found, factor = r["resnet56"][name], r["resnet56"]["minibatches"]
        low, high = found["λmin"], found["λmax"]
        return (
            f"{low:.4g} and {high:.6g} for the mean loss of {r['resnet56']['images of curvature']} images, "
            f"certified; times {factor}: {factor * low:.4g} and {factor * high:.4g}"
        )

    return text


def rim(r: Results) -> str:
    """The highest loss along the first axis of both filter-normalised planes."""
    highest = {}
    for name in ("with shortcuts", "without shortcuts"):
        plane = r["resnet56"][name]["planes"]["random, filter-normalised"]
        highest[name] = max(plane["loss along α"])
    return "; ".join(f"{name}: loss {loss:.3g} at the most along α in ±1" for name, loss in highest.items())


BOTTCHER = [
    Claim(
        "Eqs. 22, 23; Fig. 1, (26)",
        "⟨A⟩, ⟨C⟩ → tr(H) = 0, ⟨B⟩ → 0; ⟨κ±⟩ stay apart",
        means("26", "A", "B", "C", "kappa_minus", "kappa_plus"),
        "same",
        "examples",
        lambda r: all(near(r["examples"]["26"]["means"][each], 0) for each in "ABC"),
    ),
    Claim(
        "Fig. 1, (31)",
        "⟨A⟩, ⟨C⟩ → 600, ⟨B⟩ → 0",
        means("31", "A", "B", "C", "kappa_minus", "kappa_plus"),
        "same",
        "examples",
        lambda r: near(r["examples"]["31"]["means"]["A"], 600) and near(r["examples"]["31"]["means"]["B"], 0),
    ),
    Claim(
        "Fig. 2, (26)",
        "some 0.3 of random projections hide the saddle",
        hidden("26"),
        "same",
        "examples",
        lambda r: abs(r["examples"]["26"]["hidden"]["closed form"] - 0.3) < 0.01,
    ),
    Claim(
        "Fig. 2, (31)",
        "all hide it",
        hidden("31"),
        "same",
        "examples",
        lambda r: r["examples"]["31"]["hidden"]["measured"][1] == 1,
    ),
    Claim(
        "Fig. 3",
        "Hutchinson's estimate and the curvature fit agree on the same vectors; true traces 0 and 600",
        lambda r: "; ".join(
            f"{r['examples'][c]['hutchinson']:.2f} and {r['examples'][c]['curvature fit']:.2f}"
            for c in ("26", "31")
        ),
        "same",
        "examples",
        lambda r: all(
            abs(r["examples"][c]["hutchinson"] - r["examples"][c]["curvature fit"]) < 1e-3
            for c in ("26", "31")
        ),
    ),
    Claim(
        "Fig. 4",
        "planes of eigenvectors show a saddle, a minimum, a maximum; a random plane shows a minimum",
        lambda r: ", ".join(f"{name}: {kind}" for name, kind in r["examples"]["planes"].items()),
        "same",
        "examples",
        lambda r: list(r["examples"]["planes"].values()) == ["saddle", "minimum", "maximum", "minimum"],
    ),
    Claim(
        "Text on Fig. 4, n = 900, ñ = 1000",
        "about 0.005 of random planes show the saddle",
        lambda r: f"{1 - r['examples']['33']['hidden']['closed form']:.4f}; hidden: {hidden('33')(r)}",
        "differs",
        "examples",
        lambda r: r["examples"]["33"]["hidden"]["measured"][0] > 0.996,
        "100,000 drawings of the projected Hessian without this package give 0.0027 as well (notebook 02)",
    ),
    Claim(
        "Table II, ResNet-56: parameters",
        "855,770; 853,018 without shortcuts",
        lambda r: "; ".join(
            f"{r['resnet56'][n]['parameters']:,}" for n in ("with shortcuts", "without shortcuts")
        ),
        "same",
        "resnet56",
        lambda r: r["resnet56"]["with shortcuts"]["parameters"] == 855_770,
    ),
    Claim(
        "Table II, with shortcuts: training loss and accuracy",
        "9.2e-4 and 99.998 % (50,000 images)",
        network("with shortcuts", lambda f: f"{f['loss']:.1e} and {f['accuracy']:.2%} (4,000 of them)"),
        "same",
        "resnet56",
        lambda r: abs(r["resnet56"]["with shortcuts"]["loss"] / 9.2e-4 - 1) < 0.25,
        "another part of the images",
    ),
    Claim(
        "Table II, without shortcuts: training loss and accuracy",
        "0.137 and 95.546 %",
        network("without shortcuts", lambda f: f"{f['loss']:.4f} and {f['accuracy']:.2%} (4,000 images)"),
        "same",
        "resnet56",
        lambda r: abs(r["resnet56"]["without shortcuts"]["loss"] / 0.137 - 1) < 0.05,
        "another part of the images",
    ),
    Claim(
        "Table II, without shortcuts: λmin and λmax",
        "−39,308.9 and 50,064,044",
        ends("without shortcuts"),
        "differs",
        "resnet56",
        lambda r: (
            abs(r["resnet56"]["minibatches"] * r["resnet56"]["without shortcuts"]["λmax"] / 50_064_044 - 1)
            < 0.1
        ),
        "a sum over minibatches, see below",
    ),
    Claim(
        "Table II, with shortcuts: λmin and λmax",
        "−16.4 and 5007.9",
        ends("with shortcuts"),
        "differs",
        "resnet56",
        why="a sum over minibatches, and fewer images, see below",
    ),
    Claim(
        "Table II: DenseNet-121, MobileNetV2, GoogLeNet",
        "−109.1, 1937.5; −405.0, 1,061,115; −8208.8, 1,427,483",
        "–",
        "not done",
        "",
        why="these networks are not trained here",
    ),
    Claim(
        "Figs. 6 and 7",
        "planes of these networks",
        "–",
        "not done",
        "",
        why="as above",
    ),
    Claim(
        "App. D: parameters",
        "20,501 and 101,301",
        lambda r: (
            f"{r['approximation']['fcnn1']['parameters']:,} and {r['approximation']['fcnn2']['parameters']:,}"
        ),
        "same",
        "approximation",
        lambda r: [r["approximation"][n]["parameters"] for n in ("fcnn1", "fcnn2")] == [20_501, 101_301],
    ),
    Claim(
        "App. D, Fig. 9: the minimum is off the origin in the Hessian plane, at it in a random one",
        "so it is",
        "off it along the first eigenvector in all four states, at it in all four random planes of ±1",
        "same",
        "approximation",
        lambda r: (
            lowest_at_origin(r)
            and all(state["Hessian plane"]["at"][0] > 0 for state in r["approximation"].values())
        ),
    ),
    Claim(
        "Fig. 9, FCNN 1: lower than the random plane's best",
        "more than 9 % in training, 1 % in test loss",
        lower("fcnn1"),
        "differs",
        "approximation",
        why="the offset is the slope that the last step of gradient descent leaves, so it depends on where "
        "a run is stopped (first loss below 1e-4; lowest loss)",
    ),
    Claim(
        "Fig. 9, FCNN 2",
        "more than 26 % in training, 6 % in test loss",
        lower("fcnn2"),
        "differs",
        "approximation",
        why="as above",
    ),
    Claim(
        "Video: both planes during training",
        "the Hessian plane shows ways down that the random one does not",
        "nine checkpoints of FCNN 2, both planes",
        "same",
        "05_training_evolution",
    ),
]

LI = [
    Claim(
        "Fig. 2: interpolation between small and large batches",
        "VGG-9 on CIFAR-10",
        "two-layer network on scikit-learn's digits, with barrier and test loss",
        "differs",
        "06_paths_between_minima",
        why="another network: VGG-9 is not trained here",
    ),
    Claim(
        "Figs. 1 and 5: ResNet-56 with and without shortcuts, filter-normalised",
        "smooth with, rough and sharp without shortcuts",
        rim,
        "same",
        "resnet56",
        lambda r: r["resnet56"]["without shortcuts"]["λmax"] > 100 * r["resnet56"]["with shortcuts"]["λmax"],
        "on 100 images",
    ),
    Claim(
        "Fig. 7: the ratio of λmin and λmax over a plane",
        "convexity maps",
        "convexity_map, held against dense Hessians at every node of small networks",
        "not done",
        "",
        why="each node of ResNet-56 takes both certified ends",
    ),
    Claim(
        "Fig. 8: random directions show almost nothing of a path",
        "cos ~ √(2/(πN))",
        "in every plane the share of a path that lies in it is told (docs/paths.md)",
        "not done",
        "",
        why="not on the paper's networks",
    ),
    Claim(
        "Fig. 9: paths in the plane of their own principal components",
        "most of the variation on two axes",
        "trajectory_plane, with the share of each axis (docs/paths.md)",
        "not done",
        "",
        why="not on the paper's networks",
    ),
]

TABLES = {"bottcher": BOTTCHER, "li": LI}


def table(claims: list[Claim], found: Results) -> str:
    """The rows of one paper; of a part that was not measured, what the paper states."""
    rows = ["| place | the paper | here | verdict | by |", "|---|---|---|---|---|"]
    for claim in claims:
        here, verdict, source, why = claim.here, claim.verdict, claim.source, claim.why
        if source in PARTS and source not in found:
            here, verdict, why = "–", "not done", "`make papers DATA=folder`"
        elif callable(here):
            here = here(found)
        here = re.sub(r"-(?=\d)", "−", here)
        by = source if source in PARTS else f"notebook {source[:2]}" if source else ""
        rows.append(
            f"| {claim.place} | {claim.says} | {here} | **{verdict}**{f': {why}' if why else ''} | {by} |"
        )
    return "\n".join(rows)


def page(text: str, found: Results) -> str:
    """The page with its tables and commands written anew."""
    commands = "\n".join(f"- {name}: `{command}`" for name, command in found["commands"].items())

    def part(match: re.Match[str]) -> str:
        name = match[1]
        return f"{name}{match[2]}{commands if name == 'commands' else table(TABLES[name], found)}\n"

    return TABLE.sub(part, text)


if __name__ == "__main__":
    written = page(PAGE.read_text("utf-8"), results())
    PAGE.write_text(written, "utf-8")
    print(f"{PAGE}: {len(written)} characters", file=sys.stderr)
