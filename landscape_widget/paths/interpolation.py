"""The loss along the straight line between two solutions."""

from __future__ import annotations

import numpy as np

from landscape_widget.numerics.checks import check_integer, check_real
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.solutions import Solution
from landscape_widget.paths.ways import Way
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import Interpolation


def interpolation(
    objective: Objective,
    a: Solution,
    b: Solution,
    n: int = 51,
    *,
    test: Objective | None = None,
    beyond: float = 0.5,
    batch_norm: str = "interpolated",
) -> Interpolation:
    """Loss and metrics along f(t) = L((1 − t)·θ_a + t·θ_b) (Li et al. 2018, Section 3), with the barrier.

    Args:
        objective: L with its metrics; its own θ* does not count.
        a: The first solution: a state dict, a model, a file, or θ, shape (N,).
        b: The second.
        n: Points from a to b, both included; those beyond them come in addition, as densely: with
            ``beyond=0.5`` it returns 2n − 1 points, with ``beyond=0`` n as ``bezier_curve`` does.
        test: The same objective on test data.
        beyond: How far the line goes on beyond either end, as a share of their distance.
        batch_norm: "interpolated": frozen parameters and batch-norm statistics lie between those of a and b,
            so that both ends have their true loss; "frozen": they stay the objective's own; "recomputed":
            statistics are estimated anew from the training data at every point.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a solution is of another model, naming the tensors, or for bad numbers.
    """
    check_given(Objective, objective=objective)
    check_given(Objective | None, test=test)
    n, beyond = check_integer(n, "n", 3), check_real(beyond, "beyond")
    if beyond < 0:
        raise ValueError(f"Expected beyond as a share of 0 or more, got {beyond}.")
    way = Way.between(objective, a, b, batch_norm)
    further = round(beyond * (n - 1))
    t = np.arange(-further, n + further) / (n - 1)
    start, end = way.thetas
    return way.measured(t, test, distance=float((end - start).norm()))
