"""A curve between two solutions along which the loss stays low, trained as by Garipov et al. (2018)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from landscape_widget.numerics.checks import check_integer, check_real
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.solutions import Solution
from landscape_widget.paths.ways import Way
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import Interpolation

#: The fractional parts of its multiples spread evenly over [0, 1], however many there are.
_GOLDEN = (math.sqrt(5) - 1) / 2


def bezier_curve(
    objective: Objective,
    a: Solution,
    b: Solution,
    n: int = 51,
    *,
    steps: int = 1000,
    rate: float = 0.1,
    test: Objective | None = None,
) -> Interpolation:
    """Trains θ_c so that the loss is low along φ(t) = (1 − t)²·θ_a + 2t(1 − t)·θ_c + t²·θ_b.

    The mean of L(φ(t)) over t from 0 to 1 is minimised over θ_c by Adam, one gradient on all data a step,
    with the t's evenly spread and a rate that falls to 0 as a cosine. Nothing in it is random. Statistics
    of batch norm are recomputed at every point, as Garipov et al. do: compare it with
    ``interpolation(…, batch_norm="recomputed")`` then.

    Args:
        objective: L with its metrics; ``objective.subset(n)`` has fewer examples, and is faster.
        a: The first solution: a state dict, a model, a file, or θ, shape (N,).
        b: The second.
        n: Points from a to b, both included, at which the curve is measured.
        steps: The number of steps of training.
        rate: The rate of learning at first, as a share of the root mean square of θ_b − θ_a.
        test: The same objective on test data.

    Returns:
        Loss, metrics and barrier along the curve; θ_c is its ``bend``.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a solution is of another model, naming the tensors, both are the same, or for bad
            numbers.
    """
    check_given(Objective, objective=objective)
    check_given(Objective | None, test=test)
    n, steps = check_integer(n, "n", 3), check_integer(steps, "steps", 1)
    rate = check_real(rate, "rate")
    if rate <= 0:
        raise ValueError(f"Expected rate as a positive share, got {rate}.")
    batch_norm = "recomputed" if objective.has_batch_norm else "interpolated"
    way = Way.between(objective, a, b, batch_norm)
    start, end = way.thetas
    distance = float((end - start).norm())
    if not distance:
        raise ValueError("Expected two solutions that differ, got the same θ twice.")
    with torch.inference_mode(False), torch.enable_grad():
        bend = ((start + end) / 2).clone()
        optimizer = torch.optim.Adam([bend], lr=rate * distance / math.sqrt(len(bend)))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for t in _spread(steps):
            here = replace(way, bend=bend).at(t)
            bend.grad = 2 * t * (1 - t) * here.gradient().cpu().double()
            optimizer.step()
            schedule.step()
    curve = replace(way, bend=bend)
    return curve.measured(np.arange(n) / (n - 1), test, distance=distance, steps=steps, rate=rate)


def _spread(steps: int) -> Iterator[float]:
    """Numbers evenly spread over (0, 1), any first few of them as well."""
    return ((0.5 + _GOLDEN * step) % 1.0 for step in range(steps))
