"""The loss along one straight line, coarse to fine, with what was evaluated before."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, MutableMapping

import numpy as np
import torch

from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.ways import Way, barrier
from landscape_widget.results.base import Provenance
from landscape_widget.results.paths import Interpolation

log = logging.getLogger(__name__)

#: Intervals of a line; the first losses are at every sixteenth of its points, later ones between.
INTERVALS = 64
_STRIDES = 16, 8, 4, 2, 1

#: Losses by (t, 0), as those on planes are by (α, β).
Losses = MutableMapping[tuple[float, float], float]


def line_steps(
    way: Way,
    t: FloatArray,
    splits: Mapping[str, Objective],
    known: Mapping[str, Losses],
    to_solution: bool = True,
) -> Iterator[Interpolation]:
    """Finds the losses along a line, and the barriers once all of them are there.

    Args:
        way: The line.
        t: Where, ascending, ``INTERVALS`` + 1 points, to a solution with 0 and 1 among them.
        splits: The objectives whose losses are wanted, by "train" and perhaps "test".
        known: Losses that are known, by the same names; what is found is added.
        to_solution: Whether the line ends in a solution, so that there is a barrier before it.

    Yields:
        What is known so far, with NaN where nothing is yet; what cannot be evaluated is NaN, too.
    """
    provenances = {
        split: way.told(objective, f"{'test ' * (split == 'test')}loss along a line", {})
        for split, objective in splits.items()
    }
    order = dict.fromkeys(i for stride in _STRIDES for i in range(0, len(t), stride))
    wanted = [(split, float(t[i])) for i in order for split in splits]
    missing = [(split, at) for split, at in wanted if (at, 0.0) not in known[split]]
    for done, (split, at) in enumerate(missing, 1):
        known[split][at, 0.0] = _loss(way, at, splits[split])
        if done < len(missing):
            yield _line(t, splits, known, provenances, with_barrier=False)
    yield _line(t, splits, known, provenances, to_solution)


def _loss(way: Way, t: float, objective: Objective) -> float:
    """The loss at t, NaN where the model or the loss fails there."""
    check_wanted()
    try:
        return way.at(t, objective).loss().item()
    except Exception as error:
        log.info("No loss at t = %g: %s: %s", t, type(error).__name__, error)
        return math.nan


def _line(
    t: FloatArray,
    splits: Mapping[str, Objective],
    known: Mapping[str, Losses],
    provenances: Mapping[str, Provenance],
    with_barrier: bool,
) -> Interpolation:
    found: dict[str, Interpolation] = {}
    for split, objective in reversed([*splits.items()]):  # that of test data is part of the other
        losses = np.array([known[split].get((at, 0.0), math.nan) for at in t.tolist()])
        losses = np.where(np.isfinite(losses), losses, np.nan)
        height, place = math.nan, math.nan
        if with_barrier:
            height, place = barrier(t, losses, torch.finfo(objective.dtype).eps)
        found[split] = Interpolation(
            t, losses, height, math.nan, place, test=found.get("test"), provenance=provenances[split]
        )
    return found["train"]
