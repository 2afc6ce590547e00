"""What a loss function of ``torch.nn`` was told, whether it is a module or a function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


def unwrapped(loss_fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a partial function calls; any other loss itself."""
    return loss_fn.func if isinstance(loss_fn, partial) else loss_fn


def options(loss_fn: Callable[..., Any]) -> dict[str, Any]:
    """What a loss of ``torch.nn`` was told: attributes of a module, keywords of a partial function."""
    given = loss_fn.keywords if isinstance(loss_fn, partial) else {}
    names = ("weight", "label_smoothing", "reduction", "ignore_index")
    inner = unwrapped(loss_fn)
    return {name: given.get(name, getattr(inner, name, None)) for name in names} | given


def reduction(loss_fn: Callable[..., Any]) -> str:
    """How a loss goes from examples to a batch: "mean" unless it says otherwise."""
    return options(loss_fn)["reduction"] or "mean"


def ignored_target(loss_fn: Callable[..., Any]) -> int:
    """The target that a cross entropy takes no account of; torch's own where it was not told another."""
    told: int | None = options(loss_fn)["ignore_index"]
    return -100 if told is None else told
