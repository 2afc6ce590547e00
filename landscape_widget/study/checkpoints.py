"""What is known of a training run so far: one more checkpoint, and what an earlier call found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import torch

from landscape_widget.numerics.checks import few, told
from landscape_widget.numerics.vectors import FloatArray
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
    "seed",
    "max_hvp",
)

#: Entry of a provenance with digests of preconditioners.
_PRECONDITIONERS = "preconditioners"

#: Entry of a provenance with the names of the parameters in θ; files of former versions lack it.
_PARAMETERS = "parameters"

#: Relative difference of a loss that is computed again, and of a ‖∇L‖.
_SAME_LOSS, _SAME_SLOPE = 1e-4, 1e-3

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


def noted(state: Evolution, row: int, diagonal: FloatArray) -> Evolution:
    """The same with the digest of a checkpoint's preconditioner, by its step."""
    digests = {**state.provenance.get(_PRECONDITIONERS, {}), str(state.step[row]): _digest(diagonal)}
    return replace(state, provenance={**state.provenance, _PRECONDITIONERS: digests})


def _digest(diagonal: FloatArray) -> str:
    return blake2b(np.ascontiguousarray(diagonal).tobytes(), digest_size=8).hexdigest()


def _settings_unlike(empty: Evolution, known: Evolution) -> list[str]:
    """In what two differ before any loss is computed, in words."""
    unlike = [
        f"{name} {told(known.provenance.get(name))} for {told(empty.provenance.get(name))}"
        for name in _ALIKE
        if known.provenance.get(name) != empty.provenance.get(name)
    ]
    theta, was_of = (run.provenance.get(_PARAMETERS, ()) for run in (empty, known))
    if was_of and {*was_of} != {*theta}:
        former, now = (
            [n for n in one if n not in other] for one, other in ((was_of, theta), (theta, was_of))
        )
        unlike.append(f"parameters {few(former) or 'none'} for {few(now) or 'none'}")
    if (known.preconditioned is None) != (empty.preconditioned is None):
        unlike.append("a preconditioner in one of them only")
    return unlike


def _same_slope(here: Objective, was: float, loss: float) -> bool:
    """Whether ‖∇L‖ is what it was: data, or parts of a model, may differ under an equal loss."""
    precise = here.precise()
    rounding = abs(loss) * torch.finfo(precise.dtype).eps ** 0.5
    slope = float(precise.gradient().double().norm())
    return math.isclose(slope, was, rel_tol=_SAME_SLOPE, abs_tol=rounding)


def taken_over(
    empty: Evolution,
    known: Evolution,
    objective: Objective,
    trajectory: Trajectory,
    diagonal: Callable[[int], FloatArray | None] | None = None,
) -> Evolution:
    """What is done in ``known``, by its steps, in the place of what is not.

    Raises:
        ValueError: If it is of another run, or was found in another way: every loss is computed again.
    """
    if "k" not in known.provenance:
        raise ValueError(
            "Expected known as what evolution() found, got the curves of an explorer, which were found "
            "in another way and come without eigenvectors. Leave known out; the explorer itself goes on with "
            'them, by compute("evolution").'
        )
    unlike = _settings_unlike(empty, known)
    places = {int(step): row for row, step in enumerate(empty.step)}
    rows = [
        (row, places[int(known.step[row])])
        for row in np.flatnonzero(known.done)
        if int(known.step[row]) in places
    ]
    digests, slopes = known.provenance.get(_PRECONDITIONERS, {}), known.gradient_norm
    # one gradient is enough, where it is told best from rounding
    steepest = max((old for old, _ in rows), key=lambda old: np.nan_to_num(slopes[old]), default=None)
    dropped = set()
    for old, new in rows if not unlike else []:
        i, step = int(empty.checkpoint[new]), int(known.step[old])
        weights = trajectory.if_kept(i)
        if weights is None:
            dropped.add(new)  # nothing is left to hold it against
            continue
        with trajectory.named(i):
            here = objective.with_state(weights)
            loss = here.loss().item()
        was = known.loss[old]
        same = math.isclose(loss, was, rel_tol=_SAME_LOSS) or (np.isnan(was) and not math.isfinite(loss))
        if not same:
            unlike.append(f"a loss of {was:.6g} at {known.called(int(old))} where it is {loss:.6g}")
        elif old == steepest and np.isfinite(slopes[old]) and not _same_slope(here, slopes[old], loss):
            unlike.append(f"another gradient at {known.called(int(old))}")
        scale = None if diagonal is None or not np.isfinite(known.values[old]).any() else diagonal(i)
        if scale is not None and digests.get(str(step)) != _digest(scale):
            unlike.append(f"another preconditioner at {known.called(int(old))}")
        if unlike:
            break
    if unlike:
        raise ValueError(
            f"Expected known as what was found of the same run, with the same settings, got "
            f"{'; '.join(unlike)}. Leave it out to begin anew."
        )
    state = empty
    for old, new in rows:
        if new in dropped:
            continue
        found = {name: getattr(known, name)[old] for name in _ROWS if getattr(known, name) is not None}
        before = known.step[old - 1] if old else None
        if new and (before is None or before != empty.step[new - 1]):  # it goes on from another checkpoint
            found["overlaps"] = np.full_like(known.overlaps[old], math.nan)
            found["follows"] = np.full_like(known.follows[old], -1)
        state = with_row(state, new, found, known.pairs if old == known.latest else None)
    return replace(state, provenance={**state.provenance, **({_PRECONDITIONERS: digests} if digests else {})})
