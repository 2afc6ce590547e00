"""How far rounding may put a loss off, where differences of it are to tell something."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Rounding units of the loss that a difference of two may be off by.
_UNITS = 200.0

#: Doublings of a few roundings of θ over which the first step of a loss is looked for.
_DOUBLINGS = 30

#: How many such steps a difference of two losses may be off by.
_TIMES = 10.0


def unit(dtype: torch.dtype) -> float:
    """How far a difference of two losses of size 1 may be off."""
    return _UNITS * torch.finfo(dtype).eps


def floor(loss: Callable[[Tensor], float], theta: Tensor) -> float:
    """How far a loss may be off that is a small difference of larger numbers, as a cross entropy near 0.

    Such a loss is a staircase: ``_TIMES`` the first step that it takes as one goes away from θ. At most what
    numbers of size 1 may be off by, which excuses no loss that jumps or amplifies roundings.
    """
    eps = torch.finfo(theta.dtype).eps
    move = 4 * eps * theta * torch.randn(len(theta), generator=torch.Generator().manual_seed(1)).to(theta)
    here = loss(theta)
    steps = (abs(loss(theta + 2**k * move) - here) for k in range(_DOUBLINGS))
    return min(_TIMES * next((step for step in steps if step), 0.0), unit(theta.dtype))
