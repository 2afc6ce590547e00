"""Ways from one solution to another, and the loss along them with the barrier in between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_widget.numerics.checks import check_choice
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import full_state, moving_names, theta_of
from landscape_widget.paths.solutions import Solution, solution_state
from landscape_widget.results.base import Provenance
from landscape_widget.results.paths import Interpolation

#: What happens to frozen parameters and batch-norm statistics on the way.
BATCH_NORM = ("interpolated", "frozen", "recomputed")

#: Rounding of a mean loss, in units of the last place.
_ROUNDING = 16

#: Groups of examples that the sampling error of a barrier is told from, where there are as many.
_GROUPS = 64


@dataclass(frozen=True)
class Way:
    """A straight line, or a quadratic Bézier curve, between two solutions of an objective."""

    objective: Objective
    """L at any point of the way, whatever its θ* is."""
    source: Objective
    """The same as it was given, from whose data batch-norm statistics are recomputed for test data, too."""
    ends: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
    """The complete states of the two solutions, by the names of the objective's model."""
    batch_norm: str
    """One of ``BATCH_NORM``."""
    moving: frozenset[str]
    """Keys of the states that belong to θ."""
    bend: Tensor | None = None
    """Control point of the curve, shape (N,), float64."""

    @classmethod
    def between(cls, objective: Objective, a: Solution, b: Solution, batch_norm: str) -> Way:
        """The line between two solutions.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a solution is of another model, naming the tensors, or for another ``batch_norm``.
        """
        check_choice(batch_norm, BATCH_NORM, "batch_norm")
        ends = [full_state(objective, solution_state(objective, s, n)) for n, s in (("a", a), ("b", b))]
        ends = [{name: tensor.cpu() for name, tensor in end.items()} for end in ends]
        moving = frozenset(moving_names(objective))
        here = objective.with_batch_norm("recomputed") if batch_norm == "recomputed" else objective
        return cls(here, objective, (ends[0], ends[1]), batch_norm, moving)

    @cached_property
    def thetas(self) -> tuple[Tensor, Tensor]:
        """θ of both ends in float64, shape (N,) each."""
        keys = {name: name for name in self.ends[0]}
        a, b = (theta_of(self.objective, end, keys).double() for end in self.ends)
        return a, b

    def theta(self, t: float) -> Tensor:
        """θ at t, shape (N,), put together in float64."""
        a, b = self.thetas
        if self.bend is None:
            return (1 - t) * a + t * b
        return (1 - t) ** 2 * a + 2 * t * (1 - t) * self.bend + t**2 * b

    def at(self, t: float, objective: Objective | None = None) -> Objective:
        """The objective, or another one of the same model, at t, with what its model has beside θ there.

        Floating-point numbers beside θ, batch-norm statistics among them, lie on the straight line between
        both ends, and beyond an end are that end's; other numbers are those of the nearer end.
        """
        objective = objective or self.objective
        theta = self.theta(t)
        if self.batch_norm == "frozen" or not self._others_differ:
            frozen = objective if self.batch_norm == "frozen" else objective.with_state(self.ends[0])
            return frozen.at(theta)
        inner = min(max(t, 0.0), 1.0)
        a, b = self.ends
        state = {
            name: (1 - inner) * tensor.double() + inner * b[name].double()
            if name not in self.moving and tensor.is_floating_point()
            else (a, b)[inner > 0.5][name]
            for name, tensor in a.items()
        }
        return objective.with_state(state).at(theta)

    @cached_property
    def _others_differ(self) -> bool:
        a, b = self.ends
        return any(not torch.equal(a[name], b[name]) for name in a if name not in self.moving)

    def measured(self, t: FloatArray, test: Objective | None = None, **provenance: Any) -> Interpolation:
        """Loss and metrics at the points t, ascending, among them 0 and 1, and the barrier in between."""
        found = None
        if test is not None:
            test = self.on_test_data(test)
            found = self._on(t, test, self.told(test, "test loss between solutions", provenance))
        train = self.told(self.objective, "loss between solutions", provenance)
        return self._on(t, self.objective, train, found)

    def on_test_data(self, test: Objective) -> Objective:
        """The objective on test data, with batch-norm statistics of training data where those count."""
        if self.batch_norm == "recomputed":
            return test.with_batch_norm("recomputed", self.source)
        return test

    def told(self, objective: Objective, quantity: str, details: Provenance) -> Provenance:
        """What losses rest on, with what becomes of batch-norm statistics on the way, if there are any."""
        told = objective.provenance(quantity, **details)
        del told["batch_norm"]
        return told | ({"batch_norm": self.batch_norm} if self.source.has_batch_norm else {})

    def _on(
        self, t: FloatArray, objective: Objective, provenance: Provenance, test: Interpolation | None = None
    ) -> Interpolation:
        losses, metrics = np.empty(len(t)), []
        for i, point in enumerate(t):
            there = self.at(float(point), objective)
            losses[i] = there.loss().item()
            metrics.append(there.metrics())
        losses = np.where(np.isfinite(losses), losses, np.nan)
        height, at = barrier(t, losses, torch.finfo(objective.dtype).eps)
        return Interpolation(
            t=t,
            loss=losses,
            barrier=height,
            barrier_stderr=self._stderr(at, objective) if height > 0 else height,
            barrier_at=at,
            metrics={name: np.array([values[name] for values in metrics]) for name in metrics[0]},
            test=test,
            bend=None if self.bend is None else self.bend.numpy(),
            provenance=provenance,
        )

    def _stderr(self, t: float, objective: Objective) -> float:
        """Standard error of the excess at t over the draw of the examples, the same ones at all three points.

        It is that of a mean over groups of examples, which weigh by their examples.
        """
        size = max(1, objective.n_examples // _GROUPS)
        (here, weights), (start, _), (end, _) = (self.at(s, objective).losses(size) for s in (t, 0.0, 1.0))
        if len(here) < 2:
            return math.nan
        excess = here - (1 - t) * start - t * end
        squares = (weights * (excess - weights @ excess)) ** 2
        return math.sqrt(float(squares.sum()) * len(here) / (len(here) - 1))


def barrier(t: FloatArray, loss: FloatArray, eps: float) -> tuple[float, float]:
    """Largest excess over the straight line between the losses at 0 and 1, and where it is.

    What rounding to ``eps`` can make of equal losses is no barrier.
    """
    between = (t >= 0) & (t <= 1)
    t, loss = t[between], loss[between]
    excess = loss - ((1 - t) * loss[0] + t * loss[-1])
    if not np.isfinite(excess).all():
        return math.nan, float(t[np.argmax(~np.isfinite(loss))])
    highest = int(np.argmax(excess))
    rounding = _ROUNDING * eps * float(np.abs(loss).max())
    return float(excess[highest]) if excess[highest] > rounding else 0.0, float(t[highest])
