"""The gradient held against differences of the loss: whether the two are of one function of θ.

What is cut off from θ by ``no_grad``, ``detach``, ``.item()``, numpy or ``.data`` changes the loss and not
its gradient, and every curvature that rests on it would be certified and wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

#: Steps of the central difference relative to max(‖θ‖, 1), tried in this order until one agrees: a kink
#: (ReLU) that lies between the two points disturbs only some.
STEPS = {torch.float64: (1e-5, 1e-6, 1e-7, 1e-4, 1e-8), torch.float32: (1e-2, 3e-3, 1e-3)}

#: Share of the slopes in all parameter tensors that counts as disagreement. Differences in float64 are good
#: to 1e-8 at these steps; what is cut off differs by the slope of at least one tensor.
TOLERANCE = {torch.float64: 1e-4, torch.float32: 0.05}

#: Rounding units of the loss that a difference of two may be off by.
_ROUNDING = 200.0

WAY_OUT = (
    "Something in the model or in loss_fn is cut off from them (no_grad, inference_mode, detach, .item(), "
    "numpy, .data, a checkpoint with use_reentrant=True), or has a gradient of its own (straight-through "
    "estimators, custom backward). Compute the loss from the parameters by torch operations with gradients."
)


class CutOffError(ValueError):
    """The gradient is not that of the loss."""


def check_slope(
    loss: Callable[[Tensor], float], gradient: Tensor, theta: Tensor, spans: Mapping[str, slice], where: str
) -> None:
    """Compares the gradient with central differences of the loss along two random directions.

    One moves all parameter tensors by equal lengths, the other those without any gradient.

    Args:
        loss: L(θ).
        gradient: ∇L(θ), shape (N,).
        theta: θ, shape (N,), in float64 or float32; in others nothing can be told.
        spans: Where each parameter tensor lies in θ.
        where: What data the loss is of, in words.

    Raises:
        CutOffError: If they disagree at all steps, naming the tensors.
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
    slopes = {name: float(gradient[span] @ v[span]) for name, span in spans.items()}
    for direction, names in ((still, flat), (v, list(spans))):
        if names and (found := _disagreement(loss, theta, direction, [slopes[name] for name in names])):
            raise _cut_off(*found, f"on {where}, in {_listed(names)}")


def check_slope_between(
    loss: Callable[[Tensor], Tensor],
    ends: tuple[Tensor, Tensor],
    gradients: tuple[Tensor, Tensor],
    where: str,
) -> None:
    """Compares a difference of the loss with the gradients at its two ends, by the trapezoidal rule.

    Args:
        loss: L(θ).
        ends: Two points near each other, each of shape (N,).
        gradients: ∇L there.
        where: What data the loss is of, in words.

    Raises:
        CutOffError: If the loss changes by another amount than the gradients say.
    """
    dtype = ends[0].dtype
    before, after = (loss(end).item() for end in ends)
    move = ends[1] - ends[0]
    told = [float(gradient @ move) for gradient in gradients]
    # between two points on either side of a kink the slope lies between those at the ends
    tolerance = TOLERANCE[dtype] * max(map(abs, told)) + abs(told[1] - told[0])
    rounding = _ROUNDING * torch.finfo(dtype).eps * max(abs(before), abs(after))
    if abs(after - before - sum(told) / 2) > tolerance + rounding:
        length = float(move.norm())
        raise _cut_off((after - before) / length, sum(told) / 2 / length, f"on {where}")


def _cut_off(found: float, told: float, where: str) -> CutOffError:
    return CutOffError(
        "Expected a loss whose gradient with respect to the model's parameters is its slope, got a slope of "
        f"{found:.4g} by differences of the loss and {told:.4g} by the gradient, {where}. {WAY_OUT}"
    )


def _disagreement(
    loss: Callable[[Tensor], float], theta: Tensor, direction: Tensor, slopes: list[float]
) -> tuple[float, float] | None:
    """The slope along a direction by differences and by the gradient; None where a step agrees.

    A loss that is not finite nearby tells nothing.
    """
    told, size = sum(slopes), sum(map(abs, slopes))
    scale = max(float(theta.norm()), 1.0) / float(direction.norm())
    nearest: tuple[float, float] | None = None
    for step in STEPS[theta.dtype]:
        h = step * scale
        ahead, behind = loss(theta + h * direction), loss(theta - h * direction)
        if ahead == behind and not told:  # too short a step for a loss that is rounded
            continue
        slope = (ahead - behind) / (2 * h)
        rounding = _ROUNDING * torch.finfo(theta.dtype).eps * max(abs(ahead), abs(behind)) / h
        gap = abs(slope - told)
        if not gap > TOLERANCE[theta.dtype] * max(size, abs(slope)) + rounding:
            return None
        if nearest is None or gap < abs(nearest[0] - nearest[1]):
            nearest = slope, told
    return nearest


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


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
