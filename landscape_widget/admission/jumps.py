"""Where a loss jumps: rounding, thresholds, the largest of several and other discontinuous operations.

The second difference of a smooth function over a stretch falls fourfold with each halving of the stretch, and
twofold across a kink (ReLU). That of a jump stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape_widget.admission.rounding import floor
from landscape_widget.engine.faults import out_of_memory

#: Jumps by less than this share of the loss are not looked for: no picture shows them.
_LEAST = {torch.float64: 1e-6, torch.float32: 1e-4}

#: Halvings, after which the ends of a stretch of a hundredth of ‖θ‖ are a few roundings apart.
_HALVINGS = {torch.float64: 40, torch.float32: 14}

#: The last halvings, over which the second difference of a jump stays.
_LAST = 6

#: Share of a second difference that stays over them, at a jump.
_STAYS = 0.5

#: Share of it that second differences beside a jump are below.
_BESIDE = 0.1


@dataclass(frozen=True)
class Jump:
    """Two neighbouring points between which the loss jumps."""

    before: Tensor
    after: Tensor
    losses: tuple[float, float]
    """The loss at either."""


def find_jump(loss: Callable[[Tensor], float], start: Tensor, end: Tensor) -> Jump | None:
    """The most conspicuous jump of a loss on the straight way between two points, if there is one.

    Halves the way again and again, each time for the half with the larger second difference. A smooth loss
    takes about ten evaluations, a jump eighty. Where the loss is rough on every scale, or somewhere not
    defined, no jump is told.

    Args:
        loss: The loss L(θ).
        start: Shape (N,), in float64 or float32.
        end: The other end, of the same shape.
    """

    def value(t: float) -> float:
        try:
            return loss(start + t * (end - start))
        except Exception as error:
            if out_of_memory(error):
                raise
            return math.nan

    way = [(t, value(t)) for t in (0.0, 0.5, 1.0)]
    seconds: list[float] = []
    beside: list[float] = []
    size = 0.0
    for _ in range(_HALVINGS[start.dtype]):
        (a, _), (m, _), (b, _) = way
        quarters = [(t, value(t)) for t in ((a + m) / 2, (m + b) / 2)]
        halves = [way[0], quarters[0], way[1]], [way[1], quarters[1], way[2]]
        less, more = sorted(halves, key=_second_difference)
        # of all that was seen: at the end of a hinge loss there is nothing but rounding
        size = max(size, *(abs(at) for _, at in (*way, *quarters)))
        if not _second_difference(more) > _LEAST[start.dtype] * size or math.isinf(size):
            return None
        seconds.append(_second_difference(more))
        beside.append(_second_difference(less))
        way = more
    stays = seconds[-1] >= _STAYS * max(seconds[-_LAST:])
    if not stays or max(beside[-_LAST:]) > _BESIDE * seconds[-1]:
        return None
    (a, at_a), (b, at_b) = max((way[:2], way[1:]), key=lambda ends: abs(ends[1][1] - ends[0][1]))
    return Jump(start + a * (end - start), start + b * (end - start), (at_a, at_b))


def jump_between(loss: Callable[[Tensor], float], start: Tensor, end: Tensor) -> Jump | None:
    """The most conspicuous jump between two points, where it is one beyond rounding; see ``find_jump``."""
    jump = find_jump(loss, start, end)
    if jump is None:
        return None
    # beside a jump the first step is the jump itself
    least = max(floor(loss, start), floor(loss, end))
    return jump if abs(jump.losses[1] - jump.losses[0]) > least else None


def _second_difference(way: list[tuple[float, float]]) -> float:
    (_, a), (_, m), (_, b) = way
    return abs(a - 2 * m + b)
