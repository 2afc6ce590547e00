"""The curvature along eigenvectors held against slopes on either side of θ*, before the pairs are certified.

A product along one random vector tells little of the smallest eigenvalue, which may be a thousandth of the
largest: a second derivative that is wrong for a few examples is seen in it first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from landscape_widget.admission.step_scales import scales, tells
from landscape_widget.curvature.product_check import WAY_OUT
from landscape_widget.curvature.product_differences import ends_of
from landscape_widget.objective.objective import Objective

#: Steps relative to each of ``scales``: the first is long enough for rounding, both are short for kinks.
_STEPS = 1e-8, 1e-9

#: Share of a curvature that slopes may be off, and that of the least gap by which four of them may differ
#: to be of one mind.
_OFF, _APART = 1e-2, 0.5

#: Roundings of a slope, of its own size, that say nothing; more of them differ from step to step.
_ROUNDING = 30.0


def doubt_of(objective: Objective, vectors: Tensor, values: Tensor, least: float) -> str:
    """Why curvatures cannot be trusted; "" where slopes agree with them, or nothing can be told.

    Costs two gradients for each vector, and three more where these disagree; no product.

    Args:
        objective: L, in the dtype that the curvatures were computed in; only float64 tells.
        vectors: Vectors v of length 1 as columns, shape (N, m).
        values: vᵀHv by products, shape (m,).
        least: What a curvature may be off by rounding, whatever it is.
    """
    if objective.theta.dtype is not torch.float64:
        return ""
    for v, value in zip(vectors.T, values.tolist(), strict=True):
        by_slopes = _contradiction(objective, v, value, least)
        if by_slopes is not None:
            return (
                f"Expected the curvature along an eigenvector, {value:.3g} by Hessian-vector products, to "
                f"agree with the slopes on either side of θ*, got {by_slopes:.3g} by their differences. The "
                "cause may be a second derivative that is wrong for some examples, as of a custom backward. "
                f"No curvature counts as certified. {WAY_OUT}"
            )
    return ""


def _contradiction(objective: Objective, v: Tensor, value: float, least: float) -> float | None:
    """The curvature along v by slopes on each side, at each step, where all of them contradict ``value``.

    A kink at θ* makes the two sides differ, and kinks nearby, rounding and higher derivatives the steps:
    only what all four agree in is a wrong second derivative.
    """
    found = None
    for scale in scales(objective.theta, v, objective.spans):
        h = scale * _STEPS[0]
        ahead, behind = ends_of(objective, v, h)
        # of the entries that v takes: what others round by, as beside a slope, is no part of the difference
        rounding = _ROUNDING * torch.finfo(ahead.dtype).eps * float((v * ahead).norm()) / h
        if found is not None and not tells(rounding, abs(found - value)):
            return found
        allowed = max(_OFF * abs(value), rounding, least)
        if not abs(float(v @ (ahead - behind)) / (2 * h) - value) > allowed:
            return None  # as where it is not finite
        here = objective.gradient()
        sides = [float(v @ ahead.sub_(here)) / h, float(v @ behind.sub_(here)) / -h]
        del ahead, behind  # while the next two are computed
        h = scale * _STEPS[1]
        ahead, behind = ends_of(objective, v, h)
        sides += [float(v @ ahead.sub_(here)) / h, float(v @ behind.sub_(here)) / -h]
        del ahead, behind
        nearest = min(abs(side - value) for side in sides)
        if max(sides) - min(sides) > _APART * nearest:
            return None
        found = sum(sides) / 4
    return found
