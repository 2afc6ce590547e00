"""Checkpoints of a run in words and on an axis, those among them whose step of training nobody told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.tables import brief

#: Steps of checkpoints: integers, or with NaN among them.
Steps = npt.NDArray[np.int_ | np.floating[Any]]

#: What weights that an explorer was made with are called, unless a recorder told their step; and what is
#: noted beside those of a list without steps: which of them they are.
GIVEN = "as given"

#: What is noted beside weights that were taken from the model later on: which of them they are.
UPDATE = "update"

#: What is noted beside weights of which nobody told the step, only which record of a run they are.
RECORD = "record"

#: Least distance of a point without a step from the last one, as a share of the run.
_APART = 0.08


def called(step: float, scalars: Mapping[str, float] | None = None) -> str:
    """What a checkpoint is called: "step 30", "step 30, epoch 2"; without a step "as given" or "update 1".

    Where only the records were counted it is "record 4", or "record 4, epoch 2"; of a list without steps
    "as given 4".

    Args:
        step: Of training, or what records count; NaN where nobody told it.
        scalars: What was noted beside it.
    """
    noted = scalars or {}
    if math.isnan(step):
        update = noted.get(UPDATE, math.nan)
        return f"{UPDATE} {int(update)}" if math.isfinite(update) else GIVEN
    epoch = noted.get("epoch", math.nan)
    words = [f"epoch {brief(epoch)}"] if math.isfinite(epoch) else []
    unit = next((name for name in (RECORD, GIVEN) if math.isfinite(noted.get(name, math.nan))), "step")
    return ", ".join(words if epoch == step else [f"{unit} {int(step)}", *words])


def span(names: Sequence[str]) -> str:
    """The first and the last of several checkpoints, by what they are called."""
    return f"{names[0]} to {names[-1]}"


def unit_of(names: Sequence[str]) -> str:
    """What an axis of checkpoints counts, by what they are called: steps, records, or only themselves."""
    units = {name.split()[0] for name in names} & {"step", RECORD, "epoch"}
    return "step" if units - {RECORD} else RECORD if units else "checkpoint"


def places(steps: Steps) -> FloatArray:
    """Where checkpoints stand on an axis of steps, shape (n,).

    One without a step stands between those before and after it; beyond the last one it is set off by the mean
    spacing of the run, or by 8 % of the run where that is more.

    Args:
        steps: Ascending, shape (n,); NaN where nobody told it.
    """
    found = np.array(steps, float)
    known = np.flatnonzero(np.isfinite(found))
    if not len(known):
        return np.arange(len(found), dtype=float)
    first, last = found[known[[0, -1]]]
    apart = max((last - first) / max(1, len(known) - 1), _APART * (last - first)) or 1.0
    index = np.arange(len(found))
    beyond = np.maximum(index - known[-1], 0) - np.maximum(known[0] - index, 0)
    along: FloatArray = np.interp(index, known, found[known]) + apart * beyond
    return along
