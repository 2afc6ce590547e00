"""What a loss function of ``torch.nn`` was told, whether it is a module or a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from landscape_widget.data.batches import Batch, tensors_in

#: Losses that are a mean over examples, whatever the data.
_MEANS: tuple[Any, ...] = (
    nn.MSELoss,
    nn.L1Loss,
    nn.SmoothL1Loss,
    nn.HuberLoss,
    nn.BCEWithLogitsLoss,
    functional.mse_loss,
    functional.l1_loss,
    functional.smooth_l1_loss,
    functional.huber_loss,
    functional.binary_cross_entropy_with_logits,
)

#: Those that are one without class weights and ignored targets.
CROSS_ENTROPIES: tuple[Any, ...] = (nn.CrossEntropyLoss, functional.cross_entropy)


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


def is_mean(loss_fn: Callable[..., Any], batches: Iterable[Batch]) -> bool:
    """Whether a loss is a standard one that is a mean over these examples, whatever model it is of."""
    inner, told = unwrapped(loss_fn), options(loss_fn)
    if told["reduction"] not in (None, "mean") or told["weight"] is not None:
        return False
    if inner in CROSS_ENTROPIES or type(inner) in CROSS_ENTROPIES:
        ignored = ignored_target(loss_fn)
        # targets that are classes are integers, and dense
        whole = [t for b in batches for t in tensors_in(b) if not t.is_floating_point()]
        return not any(bool((t == ignored).any()) for t in whole if t.layout is torch.strided)
    return inner in _MEANS or type(inner) in _MEANS
