"""The gradient held against differences of the loss: whether the two are of one function of θ.

What is cut off from θ by ``no_grad``, ``detach``, ``.item()``, numpy or ``.data`` changes the loss and not
its gradient, and every curvature that rests on it would be certified and wrong. So would one of a loss that
jumps, which a gradient does not show, and one of a loss that is too rough for differences cannot be vouched
for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product

import torch
from torch import Tensor

from landscape_widget.admission.jumps import Jump, jump_between
from landscape_widget.admission.rounding import floor, unit
from landscape_widget.admission.step_scales import scales, tells
from landscape_widget.numerics.checks import few

#: Steps of the central difference relative to ``scales``, tried in this order until one agrees: a kink (ReLU)
#: that lies between the two points disturbs only some.
STEPS = {torch.float64: (1e-5, 1e-6, 1e-7, 1e-4, 1e-8), torch.float32: (1e-2, 3e-3, 1e-3)}

#: Share of the slopes in all parameter tensors that counts as disagreement. Differences in float64 are good
#: to 1e-8 at these steps; what is cut off differs by the slope of at least one tensor.
TOLERANCE = {torch.float64: 1e-4, torch.float32: 0.05}

#: How far a jump is looked for, relative to max(‖θ‖, 1): where a slope is wrong; and along parameters without
#: any gradient, which move the loss by jumps or not at all.
_NEAR, _FAR = (1e-4, 1e-2, 1e-1), (1e-2, 1e-1, 1.0)

#: Slopes at two steps that differ by less than this share settle: a loss may be rounded to few digits, while
#: that of a chaotic recurrence has slopes of another size and sign at each step.
_SETTLED = 0.1

#: Share of a slope that the ``floor`` of a loss may make for it to be told.
_TELLING = 1e-2

_TOO_SMALL = (
    "What fits its data so closely has hardly any curvature left: take the model from earlier in its "
    "training, or add weight decay to the loss. A loss in small units is to be multiplied by a number."
)

WAY_OUT = (
    "Something in the model or in loss_fn is cut off from them (no_grad, inference_mode, detach, .item(), "
    "numpy, .data, a checkpoint with use_reentrant=True), or has a gradient of its own (straight-through "
    "estimators, custom backward). Compute the loss from the parameters by torch operations with gradients."
)

#: What is said where a loss is another one each time.
_NOISY = (
    "The model or loss_fn draws random numbers, or keeps a state from call to call: curvature would be that "
    "of the noise. Fix it, for instance by a generator seeded in each call."
)

#: Evaluations at one point in which a noise shows.
_AGAIN = 4

_TOO_ROUGH = (
    "The loss is too rough there for its gradient to be held against it, as that of a recurrence over many "
    "steps which each amplify differences, or of numbers that are rounded to few digits. Take fewer steps, "
    "smaller weights or more digits. Losses on random planes need no gradient: Objective.from_function has "
    "them."
)

#: Says of a jump between which losses and where it is, and the way out.
Telling = Callable[[Jump], tuple[str, str]]


class CutOffError(ValueError):
    """The gradient is not that of the loss, or cannot be shown to be."""


class AllRoundingError(CutOffError):
    """All that a loss changes by is rounding, as on examples that a classifier is sure of."""


def check_slope(
    loss: Callable[[Tensor], float],
    gradient: Tensor,
    theta: Tensor,
    spans: Mapping[str, slice],
    where: str,
    tell: Telling,
    cause: Callable[[], str] = str,
) -> None:
    """Compares the gradient with central differences of the loss along two random directions.

    One moves all parameter tensors by equal lengths, the other those without any gradient, along which the
    loss must not jump either. Where norms are very different, a third one moves each by a share of its own.

    Args:
        loss: The loss L(θ).
        gradient: The gradient ∇L(θ), shape (N,).
        theta: θ, shape (N,), in float64 or float32; in others nothing can be told.
        spans: Where each parameter tensor lies in θ.
        where: What data the loss is of, in words.
        tell: Words for a jump.
        cause: Words for what may be cut off, before all else that may be.

    Raises:
        CutOffError: If they disagree at all steps, naming the tensors, or the loss jumps.
    """
    if theta.dtype not in STEPS:
        return
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(len(theta), generator=generator, dtype=torch.float32).to(theta)
    for span in spans.values():
        v[span] /= v[span].norm()
    flat = [name for name, span in spans.items() if not bool(gradient[span].any())]
    still = torch.zeros_like(v)
    for name in flat:
        still[spans[name]] = v[spans[name]]
    directions = [(still, flat), (v, [*spans])]
    if len(scales(theta, v, spans)) > 1:
        directions.append((_along_itself(theta, v, spans), [*spans]))
    for direction, names in directions:
        if not names:
            continue
        slopes = [float(gradient[spans[name]] @ direction[spans[name]]) for name in names]
        found = _disagreement(loss, theta, direction, spans, slopes)
        if found:
            raise _refusal(loss, theta, direction, *found, f"on {where}, in {few(names)}", tell, cause)
        if direction is still and (jump := _jump_along(loss, theta, direction, _FAR)):
            raise jumping(*tell(jump), f"in {few(names)} its gradient is zero")


def check_slope_between(
    loss: Callable[[Tensor], Tensor],
    gradient: Callable[[Tensor], Tensor],
    theta: Tensor,
    v: Tensor,
    h: float,
    gradients: tuple[Tensor, Tensor],
    where: str,
    tell: Telling,
) -> None:
    """Compares a difference of the loss with the gradients at its two ends, by the trapezoidal rule.

    Args:
        loss: The loss L(θ).
        gradient: ∇L(θ), asked for between the two where they disagree.
        theta: θ, shape (N,).
        v: A vector, shape (N,).
        h: How many times v the two ends, θ − hv and θ + hv, are from θ.
        gradients: ∇L at the ends.
        where: What data the loss is of, in words.
        tell: Words for a jump.

    Raises:
        CutOffError: If the loss changes by another amount than the gradients say.
    """
    dtype = theta.dtype
    before, after = (loss(torch.add(theta, v, alpha=step)).item() for step in (-h, h))
    move = torch.add(theta, v, alpha=h).sub_(torch.add(theta, v, alpha=-h))
    slopes = [float(g @ move) for g in gradients]
    mean = sum(slopes) / 2
    rounding = unit(dtype) * max(abs(before), abs(after))

    def agree() -> bool:
        # between two points on either side of a kink the slope lies between those at the ends
        spread = max(slopes) - min(slopes)
        gap = abs(after - before - mean)
        return not gap > TOLERANCE[dtype] * max(map(abs, slopes)) + spread + rounding  # NaN tells nothing

    if agree():
        return
    slopes.append(float(gradient(theta) @ move))  # smaller than at both ends where the loss has an inflection

    def value(theta: Tensor) -> float:
        return loss(theta).item()

    if agree():
        return
    rounding += floor(value, theta)
    if agree():
        return
    length = float(move.norm())
    raise _refusal(value, theta, move / length, (after - before) / length, mean / length, f"on {where}", tell)


def jumping(found: str, way_out: str, consequence: str) -> CutOffError:
    """The refusal of a loss that jumps."""
    return CutOffError(
        f"Expected a loss without jumps near θ*, got one that {found}: {consequence}, and "
        f"curvature would be that of another function. {way_out}"
    )


def _refusal(
    loss: Callable[[Tensor], float],
    theta: Tensor,
    direction: Tensor,
    found: float,
    told: float,
    where: str,
    tell: Telling,
    cause: Callable[[], str] = str,
) -> CutOffError:
    """Why a slope by differences and one by the gradient disagree: noise, a jump, roughness, or a cut."""
    if noise := _noise(loss, theta):
        return CutOffError(
            f"Expected the same loss at the same parameters, got ones that differ by {noise:.2g}, {where}, "
            f"and so a slope of {found:.4g} by differences where it is {told:.4g} by the gradient. {_NOISY}"
        )
    jump, largest = _jump_along(loss, theta, direction, _NEAR), unit(theta.dtype)
    slopes = _slopes(loss, theta, direction)
    longest, least = slopes[0][0], floor(loss, theta) or largest
    rounded = least > abs(found - told) * longest
    # where all is rounding, its steps look like jumps, but none is as high as those of numbers of size 1
    if jump and not (rounded and abs(jump.losses[1] - jump.losses[0]) <= largest):
        return jumping(*tell(jump), "its gradient does not show that")
    if rounded:
        return AllRoundingError(
            f"Expected a loss whose changes are more than rounding, got one of {loss(theta):.2g} that "
            f"is good to {least:.1g} and changes by {abs(found) * longest:.1g} over ‖Δθ‖ = "
            f"{longest * float(direction.norm()):.2g}, {where}: its slope cannot be told. {_TOO_SMALL}"
        )
    if not _settle(slopes):
        by_step = ", ".join(f"{slope:.4g} at {h * float(direction.norm()):.2g}" for h, slope, _ in slopes)
        return CutOffError(
            "Expected a loss whose slope can be had by differences, got slopes that do not settle as the "
            f"step ‖Δθ‖ shrinks: {by_step}; by the gradient {told:.4g}, {where}. {_TOO_ROUGH}"
        )
    return CutOffError(
        "Expected a loss whose gradient with respect to the model's parameters is its slope, got a slope of "
        f"{found:.4g} by differences of the loss and {told:.4g} by the gradient, {where}. {cause()}{WAY_OUT}"
    )


def _noise(loss: Callable[[Tensor], float], theta: Tensor) -> float:
    """How far evaluations at one point are apart, beyond what rounding may do; 0 where they are not."""
    values = [loss(theta) for _ in range(_AGAIN)]
    apart = max(values) - min(values)
    return apart if apart > unit(theta.dtype) * max(map(abs, values)) else 0.0


def _jump_along(
    loss: Callable[[Tensor], float], theta: Tensor, direction: Tensor, reaches: Sequence[float]
) -> Jump | None:
    scale = max(float(theta.norm()), 1.0) / float(direction.norm())
    moves = (reach * scale * direction for reach in reaches)
    return next((jump for move in moves if (jump := jump_between(loss, theta - move, theta + move))), None)


def _slopes(
    loss: Callable[[Tensor], float], theta: Tensor, direction: Tensor
) -> list[tuple[float, float, float]]:
    """Steps from the longest to the shortest, slopes by differences, and how far rounding moves those."""
    scale = max(float(theta.norm()), 1.0) / float(direction.norm())
    found = []
    for step in sorted(STEPS[theta.dtype], reverse=True):
        h = step * scale
        ahead, behind = loss(theta + h * direction), loss(theta - h * direction)
        found.append((h, (ahead - behind) / (2 * h), _rounding(ahead, behind, h, theta.dtype)))
    return found


def _settle(slopes: list[tuple[float, float, float]]) -> bool:
    """Whether slopes at two steps, one next to the other, agree."""
    return any(
        abs(a - b) <= _SETTLED * max(abs(a), abs(b)) + by_a + by_b
        for (_, a, by_a), (_, b, by_b) in pairwise(slopes)
    )


def _rounding(ahead: float, behind: float, h: float, dtype: torch.dtype) -> float:
    return unit(dtype) * max(abs(ahead), abs(behind)) / h


def _disagreement(
    loss: Callable[[Tensor], float],
    theta: Tensor,
    direction: Tensor,
    spans: Mapping[str, slice],
    slopes: list[float],
) -> tuple[float, float] | None:
    """The slope along a direction by differences and by the gradient; None where a step agrees.

    A loss that is not finite nearby tells nothing.
    """
    told, size = sum(slopes), sum(map(abs, slopes))
    whole, *own = scales(theta, direction, spans)
    nearest: tuple[float, float] | None = None
    gaps: list[tuple[float, float, float]] = []
    for scale, step in product((whole, *own), STEPS[theta.dtype]):
        h = step * scale
        ahead, behind = loss(theta + h * direction), loss(theta - h * direction)
        rounding = _rounding(ahead, behind, h, theta.dtype)
        if scale != whole and nearest and not tells(rounding, abs(nearest[0] - nearest[1])):
            continue
        if ahead == behind and not told and scale == whole:  # too short a step for a loss that is rounded
            continue
        slope = (ahead - behind) / (2 * h)
        gap = abs(slope - told)
        allowed = TOLERANCE[theta.dtype] * max(size, abs(slope))
        if not gap > allowed + rounding:
            return None
        gaps.append((h, gap - allowed, max(size, abs(slope)) if size else math.inf))
        if nearest is None or gap < abs(nearest[0] - nearest[1]):
            nearest = slope, told
    least = floor(loss, theta) if gaps else 0.0
    if any(gap <= least / h <= _TELLING * most for h, gap, most in gaps):
        return None
    return nearest


def _along_itself(theta: Tensor, v: Tensor, spans: Mapping[str, slice]) -> Tensor:
    """``v`` with the part in each tensor as long as that tensor."""
    along = torch.zeros_like(v)
    for span in spans.values():
        along[span] = v[span] * theta[span].norm()
    return along


def reaches(loss: Tensor, tensors: list[Tensor]) -> bool:
    """Whether the graph of a loss ends in one of these leaves."""
    wanted, seen, waiting = {id(tensor) for tensor in tensors}, set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if id(getattr(node, "variable", None)) in wanted:
            return True
        waiting += [following for following, _ in node.next_functions]
    return False
