"""A Hessian-vector product beside central differences of the gradient, parameter tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from itertools import product as grid

import torch
from torch import Tensor

from landscape_widget.admission.jump_places import told
from landscape_widget.admission.slope_check import check_slope_between
from landscape_widget.admission.step_scales import scales, tells
from landscape_widget.objective.objective import Objective

#: Steps of the central difference relative to ``scales``, tried in this order until one agrees. A wrong
#: second derivative disagrees at all of them, a kink (ReLU) that lies between the two points only at some;
#: the more examples, the shorter are the steps that cross none.
STEPS = (1e-6, 1e-8, 1e-7, 1e-9, 1e-5)

#: In float32 differences of gradients tell faults of tens of percent, at these steps.
_STEPS_IN_SINGLE, _TOLERANCE_IN_SINGLE = (1e-3, 1e-2, 1e-4), 0.1

#: Relative difference in one parameter tensor that counts as disagreement: central differences in float64
#: are good to about 1e-9 at these steps, the faults known are above 1e-1.
TOLERANCE = 1e-3

#: Share of the largest entry of a product below which others are compared by themselves.
_HARDLY_ANY = 1e-3


def disagreement(
    objective: Objective,
    v: Tensor,
    product: Tensor,
    where: str = "",
    steps: Sequence[float] = STEPS,
    within: Tensor | None = None,
) -> dict[str, float]:
    """Relative difference in each parameter tensor where no step agrees; empty if there is none.

    Args:
        objective: L, in float64 or float32.
        v: A vector of length 1, shape (N,).
        product: Hv, with zeros where it is not compared.
        where: What data the loss is of, in words; "" where its gradient was held against it elsewhere.
        steps: The steps of the differences in float64.
        within: Which parameters are compared, shape (N,); None for all.

    Raises:
        CutOffError: If the gradient is not that of the loss.
    """
    theta = objective.theta
    single = theta.dtype is torch.float32
    tolerance = _TOLERANCE_IN_SINGLE if single else TOLERANCE
    gaps: dict[str, dict[float, float]] = {name: {} for name in objective.spans}
    shares = dict.fromkeys(gaps, float("inf"))
    checked = not where
    whole, *own = scales(theta, v, objective.spans)
    for scale, step in grid((whole, *own), _STEPS_IN_SINGLE if single else steps):
        h = scale * step
        ahead, behind = ends_of(objective, v, h)
        if not bool(ahead.isfinite().all() and behind.isfinite().all()):  # beside a pole, for instance
            continue
        if not checked:
            _check_slope(objective, v, h, (behind, ahead), where)
            checked = True
        rounding = _rounding(ahead, h)
        roundings = {name: _rounding(ahead[objective.spans[name]], h) for name in gaps if scale != whole}
        difference = _difference(ahead, behind, h, within)
        del ahead, behind
        # a tensor that hardly takes part may be all rounding, as may be a function that is flat here
        least = torch.finfo(theta.dtype).eps ** 0.5 * float(difference.norm() > product.norm())
        floor = rounding + 1e-3 * tolerance * float(product.norm()) + least * h
        for name in list(gaps):
            span = objective.spans[name]
            size = max(float(product[span].norm()), float(difference[span].norm()))
            gap = float((product[span] - difference[span]).norm())
            if scale != whole:  # where the gradient of another tensor may be 10⁸ times this one's
                rounding = roundings[name]
                known = tells(rounding, min(gaps[name].values(), default=0.0))
                if known and gap <= tolerance * size + rounding:
                    del gaps[name]
            elif gap <= tolerance * size + floor:
                del gaps[name]
            else:
                gaps[name][h] = gap
                shares[name] = min(shares[name], gap / size)
        if not gaps:
            return {}
        del difference  # while the next two gradients are computed
    return {name: shares[name] for name, by_step in gaps.items() if not _vanishes(by_step)}


def smaller(v: Tensor, product: Tensor) -> Tensor:
    """The parameters that ``v`` changes and whose part of Hv is hardly any of it, shape (N,).

    What is compared with all of Hv says nothing of these: inputs in large units make curvatures of 10⁹ beside
    others of 1.
    """
    size = product.abs() * (v != 0)
    return (v != 0) & (size < _HARDLY_ANY * size.max())


def _difference(ahead: Tensor, behind: Tensor, h: float, within: Tensor | None) -> Tensor:
    """Hv by gradients at θ ± hv, with zeros where it is not compared; in the place of the first."""
    difference = ahead.sub_(behind).div_(2 * h)
    return difference if within is None else difference.mul_(within)


def steady(
    objective: Objective,
    v: Tensor,
    product: Tensor,
    wrong: Iterable[str],
    steps: tuple[float, float],
    within: Tensor | None = None,
) -> bool:
    """Whether the difference in each tensor is the same at two steps, as that of a wrong derivative is.

    That of rounding grows as the step gets shorter, and so does that of a kink between the two points in all
    tensors before it; in those behind it a kink at θ* itself makes one that is the same at every step.

    Args:
        objective: L, in float64.
        v: A vector of length 1, shape (N,).
        product: Hv, with zeros where it is not compared.
        wrong: Names of tensors in which product and difference disagree.
        steps: Two steps as those of ``disagreement``, the longer one first.
        within: As of ``disagreement``.
    """
    found: dict[str, float] = dict.fromkeys(wrong, 0.0)
    for scale in scales(objective.theta, v, objective.spans):
        gaps, rounding = [], 0.0
        for h in (step * scale for step in steps):
            ahead, behind = ends_of(objective, v, h)
            rounding = max(rounding, _rounding(ahead, h))
            gaps.append(_difference(ahead, behind, h, within).sub_(product))
            del ahead, behind
        longer, shorter = gaps
        for name, before in found.items():
            span = objective.spans[name]
            least = min(float(longer[span].norm()), float(shorter[span].norm()))
            unlike = float((longer[span] - shorter[span]).norm()) > least / 2
            if unlike and (not before or tells(rounding, before)):
                return False
            found[name] = least
    return True


def ends_of(objective: Objective, v: Tensor, h: float) -> tuple[Tensor, Tensor]:
    """∇L at θ + hv and at θ − hv."""
    return objective.gradient_beside(v, h), objective.gradient_beside(v, -h)


def _rounding(gradient: Tensor, h: float) -> float:
    """What the difference of two such gradients over 2h may be off by."""
    return 1e3 * torch.finfo(gradient.dtype).eps * float(gradient.norm()) / h


def _vanishes(gaps: dict[float, float]) -> bool:
    """Whether a difference goes to zero with the step, as where the second derivative is zero at θ alone."""
    last = [gap for _, gap in sorted(gaps.items())[:3]]
    return len(last) == 3 and all(shorter <= longer / 2 for shorter, longer in pairwise(last))


def _check_slope(
    objective: Objective, v: Tensor, h: float, gradients: tuple[Tensor, Tensor], where: str
) -> None:
    check_slope_between(
        objective.loss,
        objective.gradient,
        objective.theta,
        v,
        h,
        gradients,
        where,
        lambda jump: told(objective.terms, objective.spans, jump, where),
    )
