"""Measures, prints each figure beside its goal, and writes all of it as JSON.

For instance::

    python -m tests.benchmarks                                  # everything, an hour or so
    python -m tests.benchmarks --parts grid --workloads fcnn1 --ratios 7
    python -m tests.benchmarks --parts grid hvp --threads 1     # beside other work: processor time
    python -m tests.benchmarks --quick                          # whether everything runs
    python -m tests.benchmarks --markdown test-output/benchmark.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from . import (
    certified,
    curvature,
    evolution,
    growth,
    machine,
    memory,
    page,
    picture,
    planes,
    products,
    report,
    startup,
)
from .measure import Rounds, WrongResultError
from .report import Row
from .workloads import ROOT, WORKLOADS, Workload

#: What growth is counted in, and how much of it is none: one view that stayed behind holds 500 nodes, 70
#: listeners and megabytes, and there are 40 of them.
GROWTH = {
    "heap": ("MB", 10),
    "nodes": ("", 5000),
    "listeners": ("", 1000),
    "contexts": ("", 0),
    "objects": ("", 10_000),
    "threads": ("", 0),
}

#: How many times sooner than the plain loop's full grid a certified picture is to be there.
CERTIFIED_GOALS = {"fcnn1": 60, "convnet": 25, "resnet20": 8, "transformer": 8}

#: Nodes for each axis in a quick run.
QUICK_RESOLUTION = 7


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    workloads: list[Workload]
    ratios: int
    peaks: dict[str, float]
    """GFLOP/s of a large matrix product, by dtype."""

    def cases(self) -> Iterator[tuple[Workload, str]]:
        """Every workload in each of its dtypes."""
        for workload in self.workloads:
            for dtype in workload.goals:
                yield workload, dtype


def grid(plan: Plan) -> Iterator[Row]:
    """Full grids against the plain loop."""
    for workload, dtype in plan.cases():
        row = _ratio(
            "Full grid, against the plain loop",
            f"{workload.title}, {dtype}",
            workload.goals[dtype],
            planes.measure,
            *(workload, dtype, plan.ratios),
        )
        if row.figure is not None:
            work = planes.gflop(workload.problem(dtype)) * workload.resolution**2
            rate = work / row.details["median_seconds"][planes.OURS]
            share = f"{rate:.3g} of {plan.peaks[dtype]:.3g} GFLOP/s ({rate / plan.peaks[dtype]:.0%})"
            row = replace(row, details={**row.details, "GFLOPs": rate, "bound": share})
        yield row


def pictured(plan: Plan) -> Iterator[Row]:
    """Pictures that are certified against full grids by the plain loop."""
    for workload in plan.workloads:
        if (goal := CERTIFIED_GOALS.get(workload.name)) is not None:
            yield _ratio(
                f"Certified picture of {planes.RESOLUTION}×{planes.RESOLUTION}, against the plain loop",
                f"{workload.title.rpartition(', ')[0]}, float32",
                goal,
                planes.measure_certified,
                *(workload, "float32", plan.ratios),
            )


def hvp(plan: Plan) -> Iterator[Row]:
    """Hessian-vector products against PyHessian's."""
    for workload, dtype in plan.cases():
        yield _ratio(
            "Hessian-vector product, against PyHessian's over the loader",
            f"{workload.title.rpartition(', ')[0]}, {dtype}",
            2.5,
            products.measure,
            *(workload, dtype, plan.ratios),
        )


def ends(plan: Plan) -> Iterator[Row]:
    """Both ends of the spectrum against Algorithm 1."""
    for name in curvature.NETWORKS:
        yield _ratio(
            "Both ends certified to 1e-3 in float64, against Algorithm 1 at equal accuracy",
            name,
            4,
            curvature.measure,
            *(name, plan.ratios),
        )


def evolved(_plan: Plan) -> Iterator[Row]:
    """Products along a training run."""
    for part in evolution.measure():
        fewer = float(np.mean(part.cold) / np.mean(part.warm))
        bound = (
            f"{np.mean(part.warm):.3g} warm, {np.mean(part.cold):.3g} cold; eigenvectors of λmax overlap by "
            f"{part.overlaps:.3g}"
        )
        details = {"bound": bound, "warm": part.warm, "cold": part.cold}
        yield Row("Products a checkpoint, cold over warm-started", part.name, fewer, "×", 2, details)


def first(plan: Plan) -> Iterator[Row]:
    """The first picture of an explorer."""
    for workload in plan.workloads:
        for axes in picture.AXES:
            found = picture.measure(workload, "float32", axes, min(plan.ratios, 3))
            part, what = "First picture", f"{workload.title}, {axes} axes"
            seconds = _median([p.good_after for p in found])
            after, off = (float(np.median(values)) for values in zip(*(p.first for p in found), strict=True))
            very_first = {"bound": f"the very first after {after:.3g} s, {off:.3g} % off"}
            yield Row(
                part, f"{what}: until within {picture.GOOD:g} %", seconds, "s", picture.SOON, very_first
            )
            error = _median([p.error_soon for p in found])
            yield Row(part, f"{what}: rms error after {picture.SOON:g} s", error, "%", picture.GOOD)


def evaluations(plan: Plan) -> Iterator[Row]:
    """Nodes that a picture takes, and its error."""
    for workload in plan.workloads:
        if workload.resolution <= QUICK_RESOLUTION:  # the full grids alone take minutes
            continue
        for part in certified.measure(workload, "float32"):
            size = f"{part.resolution}×{part.resolution}"
            title = f"{workload.title.rpartition(', ')[0]}, {part.plane}, {size}, accuracy {part.accuracy:g}"
            kinked = (workload.name, part.plane) in certified.KINKED
            bound = (
                f"off by {part.worst:.2g} % of the range at most, {part.rms:.2g} % rms; "
                f"bound {part.bound:.2g} %, {part.within:.3g} % of the interpolated nodes within it"
            )
            figure = part.evaluated if part.worst <= certified.GOOD else None
            row = "Nodes evaluated for a picture within 0.5 % everywhere"
            details = {"bound": bound, "evaluated": part.evaluated}
            yield Row(row, title, figure, "%", certified.GOALS[part.resolution][kinked], details)
        yield from audits(workload)


def audits(workload: Workload) -> Iterator[Row]:
    """Planes on which a picture's bound does not hold, by kind and by what was known, and what they took."""
    found: dict[tuple[str, float], list[certified.Part]] = {}
    for kind, known, part in certified.audits(workload, "float32"):
        found.setdefault((kind, known), []).append(part)
    for (kind, known), parts in found.items():
        taken = sorted(part.evaluated for part in parts)
        details = {
            "bound": f"{_median(taken):.3g} % of the nodes evaluated ({taken[0]:.3g} to {taken[-1]:.3g}); "
            f"off by {max(part.worst for part in parts):.2g} % of the range at most"
        }
        title = f"{workload.title.rpartition(', ')[0]}, {len(parts)} {kind} planes, {known:.0%} known before"
        failed = 100 * float(np.mean([part.within < 90 for part in parts]))
        yield Row("Audits: planes of which the bound does not hold", title, failed, "%", 1, details)


def held(plan: Plan) -> Iterator[Row]:
    """Memory over the model and its data."""
    for workload in plan.workloads:
        for task, resolution in (("grid", workload.resolution), ("Hessian-vector product", 0)):
            figure = memory.measure(workload.name, "float32", resolution)
            yield Row("Memory over the model and data", f"{workload.title}, {task}", figure, "MB", 200)


def in_lab(plan: Plan) -> Iterator[Row]:
    """The page in JupyterLab."""
    found = page.measure(plan.ratios)
    part = "Page"
    size = f"{page.RESOLUTION}×{page.RESOLUTION}"
    yield Row(part, f"{size} update of three views", _median(found.update), "ms", 80)
    in_row = _median(found.update_in_row)
    yield Row(part, f"{size} updates, one after another without a pause", in_row, "ms")
    yield Row(part, f"bytes of a {size} update", _median(found.update_bytes), "kB", 60)
    yield Row(part, f"longest pause of the page while {size} are computed", _median(found.stall), "ms", 150)
    yield Row(part, f"frames while the camera of {size} is turned", _median(found.turning), "/s")
    yield Row(part, f"frames while the half-width of {size} is dragged", _median(found.sliding), "/s")
    finest = f"{page.FINEST}×{page.FINEST}"
    yield Row(
        part, f"from Cancel at {finest} until the page tells of it", _median(found.cancel_told), "ms", 300
    )
    yield Row(
        part, f"from Cancel at {finest} until the kernel has obeyed", _median(found.cancel_obeyed), "ms"
    )
    yield Row(part, "from display to the first picture", _median(found.first_picture), "s", 2)
    yield Row("Start-up", "a second explorer on the wire", _median(found.second_explorer), "kB", 60)


def grown(_plan: Plan) -> Iterator[Row]:
    """What many moves and displays leave behind."""
    for what, (few, many) in growth.measure().items():
        for name, (unit, most) in GROWTH.items():
            before, after = getattr(few, name), getattr(many, name)
            bound = {"bound": f"{after:.6g} after, {before:.6g} after a few"}
            yield Row("Growth of page and kernel", f"{what}: {name}", after - before, unit, most, bound)


def start(plan: Plan) -> Iterator[Row]:
    """Import, bundle, saved notebook."""
    part = "Start-up"
    importing = startup.importing(plan.ratios).seconds
    over = _median(np.subtract(importing["landscape_widget"], importing["torch"]).tolist())
    alone = _median(importing["torch"])
    bound = {"bound": f"torch alone {alone:.3g} s"}
    yield Row(part, "import landscape_widget over torch", over, "s", details=bound)
    yield Row(part, "bundle", startup.bundle(), "MB", 1.85)
    yield Row(part, "a second explorer in a saved notebook", startup.second_in_notebook(), "kB", 60)


PARTS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "grid": grid,
    "certified": pictured,
    "hvp": hvp,
    "ends": ends,
    "evolution": evolved,
    "picture": first,
    "evaluations": evaluations,
    "memory": held,
    "page": in_lab,
    "growth": grown,
    "startup": start,
}


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--ratios", type=int, default=5, help="runs of each contender")
    parser.add_argument(
        "--threads", type=int, help="threads of torch; with one, grids and products are by processor time"
    )
    parser.add_argument("--quick", action="store_true", help="one run on few nodes: nothing to quote")
    parser.add_argument("--json", type=Path, default=ROOT / "test-output" / "benchmark.json")
    parser.add_argument("--markdown", type=Path, metavar="JSON", help="print the table of an earlier run")
    chosen = parser.parse_args()
    if chosen.markdown:
        print(report.markdown(*report.read(chosen.markdown)))
        return
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    workloads = [WORKLOADS[name] for name in chosen.workloads]
    if chosen.quick:
        workloads = [planes.smaller(workload, QUICK_RESOLUTION) for workload in workloads]
    ratios = 1 if chosen.quick else chosen.ratios
    about = machine.describe() | {"quick": chosen.quick, "ratios": ratios}
    rows: list[Row] = []
    for part in chosen.parts:
        for row in PARTS[part](Plan(workloads, ratios, about["peak_GFLOPs"])):
            if not rows or rows[-1].part != row.part:
                print(f"\n{row.part}")
            rows.append(row)
            print(report.line(row), flush=True)
            report.write(chosen.json, about, rows)  # what was measured survives an interrupt
    print(f"\n{chosen.json}")


def _ratio(part: str, what: str, goal: float, measure: Callable[..., Rounds], *arguments: object) -> Row:
    """A row of how many times faster than the first contender the second one is."""
    try:
        rounds = measure(*arguments)
    except WrongResultError as error:
        return Row(part, what, None, "×", goal, {"bound": f"wrong result: {error}"})
    reference, ours, *others = rounds.seconds
    speeds = {name: rounds.speed(name, reference) for name in [ours, *others]}
    details = {
        "seconds": rounds.seconds,
        "median_seconds": {name: rounds.median(name) for name in rounds.seconds},
        "others": {name: speeds[name] for name in others},
        "refused": rounds.refused,
        "notes": {name: dict(notes) for name, notes in rounds.notes.items()},
    }
    return Row(part, what, speeds[ours], "×", goal, details)


def _median(values: list[float | None]) -> float | None:
    """The median, where a value that never came about is larger than any other."""
    median = float(np.median([np.inf if value is None else value for value in values]))
    return median if np.isfinite(median) else None


if __name__ == "__main__":
    main()
