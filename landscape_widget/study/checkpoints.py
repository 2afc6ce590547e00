"""What is known of a training run so far: one more checkpoint, and what an earlier call found."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from landscape_widget.numerics.checks import told
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.evolution import Evolution

#: Entries of a provenance in which a run that goes on is like the one before.
_ALIKE = (
    "model",
    "loss_fn",
    "n_parameters",
    "n_examples",
    "dtype",
    "batch_norm",
    "k",
    "tol",
    "trace_samples",
)

#: Relative difference of a loss that is computed again.
_SAME_LOSS = 1e-4

#: Fields with a value for each checkpoint that is computed.
_ROWS = (
    "done",
    "loss",
    "gradient_norm",
    "values",
    "residuals",
    "converged",
    "overlaps",
    "follows",
    "n_hvp",
    "verdict",
    "trace",
    "trace_stderr",
    "preconditioned",
    "preconditioned_residual",
    "preconditioned_converged",
)


def with_row(state: Evolution, row: int, found: dict[str, Any], pairs: EigenPairs | None) -> Evolution:
    """The same with one more checkpoint; what was handed out before stays as it was."""
    changed: dict[str, Any] = {}
    for name, value in found.items():
        column = getattr(state, name)
        if isinstance(column, tuple):
            changed[name] = (*column[:row], value, *column[row + 1 :])
        else:
            changed[name] = column.copy()
            changed[name][row] = value
    if pairs is not None:
        changed |= {"pairs": pairs, "latest": row}
    return replace(state, **changed)


def taken_over(empty: Evolution, known: Evolution, objective: Objective, trajectory: Trajectory) -> Evolution:
    """What is done in ``known``, by its steps, in the place of what is not."""
    unlike = [
        f"{name} {told(known.provenance.get(name))} for {told(empty.provenance.get(name))}"
        for name in _ALIKE
        if known.provenance.get(name) != empty.provenance.get(name)
    ]
    if (known.preconditioned is None) != (empty.preconditioned is None):
        unlike.append("a preconditioner in one of them only")
    places = {int(step): row for row, step in enumerate(empty.step)}
    rows = [
        (row, places[int(known.step[row])])
        for row in np.flatnonzero(known.done)
        if int(known.step[row]) in places
    ]
    if not unlike and rows:
        old, new = rows[-1]
        i = int(empty.checkpoint[new])
        weights = trajectory[i]
        with trajectory.named(i):
            loss = objective.with_state(weights).loss().item()
        if not math.isclose(loss, known.loss[old], rel_tol=_SAME_LOSS) and math.isfinite(loss):
            unlike.append(f"a loss of {known.loss[old]:.6g} at step {known.step[old]} where it is {loss:.6g}")
    if unlike:
        raise ValueError(
            f"Expected known as what was found of the same run, with the same settings, got "
            f"{'; '.join(unlike)}. Leave it out to begin anew."
        )
    state = empty
    for old, new in rows:
        found = {name: getattr(known, name)[old] for name in _ROWS if getattr(known, name) is not None}
        state = with_row(state, new, found, known.pairs if old == known.latest else None)
    return state
