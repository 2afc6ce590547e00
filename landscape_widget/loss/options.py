"""What a loss function of ``torch.nn`` was told, whether it is a module or a function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


def options(loss_fn: Callable[..., Any]) -> dict[str, Any]:
    """What a loss of ``torch.nn`` was told: attributes of a module, keywords of a partial function."""
    given = loss_fn.keywords if isinstance(loss_fn, partial) else {}
    names = ("weight", "label_smoothing", "reduction", "ignore_index")
    inner = loss_fn.func if isinstance(loss_fn, partial) else loss_fn
    return {name: given.get(name, getattr(inner, name, None)) for name in names} | given


def reduction(loss_fn: Callable[..., Any]) -> str:
    """How a loss goes from examples to a batch: "mean" unless it says otherwise."""
    return options(loss_fn)["reduction"] or "mean"
