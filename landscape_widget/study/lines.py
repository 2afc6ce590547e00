"""Losses along straight lines from θ*: to other solutions, or along random directions of several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import others_that_differ
from landscape_widget.paths.lines import INTERVALS, line_steps
from landscape_widget.paths.solutions import solution_theta
from landscape_widget.paths.ways import Way
from landscape_widget.results.lines import SOLUTIONS, LineLosses
from landscape_widget.results.paths import Interpolation
from landscape_widget.study.centre import Centre
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import automatic_domain
from landscape_widget.study.findings import Findings
from landscape_widget.study.landmark_losses import digest_of
from landscape_widget.study.progress import Work

#: Random directions of one picture: those of the seed on show and of the next ones.
SEEDS = 5

#: How far a line to a solution reaches, where θ* is 0 and the solution 1: beyond both (Li et al. 2018).
_BEYOND = -0.5, 1.5

#: What is said while they are computed.
STAGE = "losses along lines"

#: The name of this kind of work.
_KIND = "line point"


@dataclass(frozen=True)
class _Line:
    """One line that is wanted."""

    name: str
    key: str
    """What tells its losses from those of others, in one word."""
    make: Callable[[Objective], tuple[Way, FloatArray]]
    """Makes the line and the points on it, for the objective on as many examples as are asked for."""


def lines_ahead(centre: Centre, controls: Controls) -> dict[str, Work]:
    """The work that the lines are, as if nothing of them were known."""
    if controls.lines is None:
        return {}
    n = len(centre.around.landmarks.solutions) if controls.lines == SOLUTIONS else SEEDS
    return {_KIND: Work(n * _losses_each(centre), "loss")}


def along_lines(
    centre: Centre, objective: Objective, controls: Controls, found: Findings
) -> Iterator[Findings]:
    """Finds the losses along the lines that the controls ask for, one line after the other.

    They are on training data and, where there are any, on test data. Batch-norm statistics lie between those
    of both ends, so that each end has its true loss; along random directions they are those of θ*. Where
    those of the pictures are recomputed at every point, so are these.
    """
    if controls.lines is None:
        return
    found.stage = STAGE
    yield found
    to_solutions = controls.lines == SOLUTIONS
    mode = "interpolated" if to_solutions else "frozen"
    if controls.batch_norm == "recomputed":
        mode = controls.batch_norm
    wanted = list(_to_solutions(centre, mode) if to_solutions else _of_seeds(centre, controls, mode))
    words: dict[str, list[str]] = {"train": []} | ({} if centre.test is None else {"test": ["test"]})
    caches = [
        {
            split: centre.known.losses_on((objective.n_examples, " ".join([line.key, *own, mode, "line"])))
            for split, own in words.items()
        }
        for line in wanted
    ]

    def count() -> int:
        return sum(len(losses) for splits in caches for losses in splits.values())

    found.meter.expect(_KIND, len(wanted) * _losses_each(centre), count())
    lines: dict[str, Interpolation] = {}
    told = {"batch_norm": mode} if objective.has_batch_norm else {}
    about = objective.provenance("losses along lines", **told)
    for done, (line, known) in enumerate(zip(wanted, caches, strict=True)):
        started = monotonic()
        way, t = line.make(objective)
        on = {"train": way.objective}
        if centre.test is not None:
            on["test"] = way.on_test_data(centre.test)
        for lines[line.name] in line_steps(way, t, on, known, to_solutions):
            found.line_losses = LineLosses(controls.lines, dict(lines), done, len(wanted), about)
            found.meter.record(_KIND, count(), monotonic() - started)
            yield found
            started = monotonic()
    found.line_losses = LineLosses(controls.lines, lines, len(wanted), len(wanted), about)
    found.meter.finish(_KIND)
    yield found


def _to_solutions(centre: Centre, mode: str) -> Iterator[_Line]:
    """The lines to all solutions but those that are θ* itself, in what the model has beside θ, too."""
    t, objective = np.linspace(*_BEYOND, INTERVALS + 1), centre.objective
    here = objective.theta.detach().cpu().double().numpy()
    for name, state in centre.around.landmarks.solutions.items():
        moved = not np.array_equal(solution_theta(objective, state, name), here)
        if moved or others_that_differ(objective, state, {key: key for key in state}):
            yield _Line(name, digest_of(state), partial(_toward, state, mode, t))


def _toward(
    solution: Mapping[str, Tensor], mode: str, t: FloatArray, objective: Objective
) -> tuple[Way, FloatArray]:
    return Way.between(objective, objective.theta, solution, mode), t


def _of_seeds(centre: Centre, controls: Controls, mode: str) -> Iterator[_Line]:
    """The lines along α of the planes of random directions, of one seed after the other."""
    assert controls.lines is not None
    axes = controls.lines, controls.lines
    for seed in range(controls.seed, controls.seed + SEEDS):
        yield _Line(f"seed {seed}", f"{axes[0]}:{seed}", partial(_drawn, centre, axes, seed, mode))


def _drawn(
    centre: Centre, axes: tuple[str, str], seed: int, mode: str, objective: Objective
) -> tuple[Way, FloatArray]:
    plane = centre.around.plane(objective, axes, seed, None)
    low, high, *_ = automatic_domain(plane, None, None, centre.theta_norm)
    there = torch.from_numpy(plane.origin + plane.eta)
    return Way.between(objective, objective.theta, there, mode), np.linspace(low, high, INTERVALS + 1)


def _losses_each(centre: Centre) -> int:
    """Losses that one line takes."""
    return (INTERVALS + 1) * (1 if centre.test is None else 2)
