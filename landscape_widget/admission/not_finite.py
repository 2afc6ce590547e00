"""Why a loss is not finite at the model's weights: which batches that comes from, and what is in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape_widget.data.batches import Batch, tensors_in
from landscape_widget.data.tree import describe
from landscape_widget.loss.evaluation import Spans
from landscape_widget.loss.options import ignored_target
from landscape_widget.loss.terms import ModelTerms, Terms

_TOLD = 5


def refusal(value: float, losses: Sequence[float], terms: Terms, theta: Tensor, spans: Spans) -> ValueError:
    """The refusal of a loss that is not finite.

    Args:
        value: The whole loss.
        losses: The loss of each batch.
        terms: What the whole is the sum of.
        theta: θ, shape (N,).
        spans: Where each parameter tensor lies in θ.
    """
    expected = f"Expected a finite loss at the model's present weights, got {value}"
    weights = [name for name, span in spans.items() if not bool(theta[span].isfinite().all())]
    if weights:
        return ValueError(f"{expected}. The weights hold values that are not finite: {_listed(weights)}.")
    if not isinstance(terms, ModelTerms):
        return ValueError(f"{expected}. Check the function at θ*.")
    held = [name for name, tensor in terms.held().items() if not bool(tensor.isfinite().all())]
    if held:
        return ValueError(
            f"{expected}. Buffers or frozen parameters of the model hold values that are not finite: "
            f"{_listed(held)}."
        )
    found = [b for b, loss in enumerate(losses) if not math.isfinite(loss)]
    if not found:
        return ValueError(f"{expected}, the sum of losses that are finite: they are too large.")
    where = f"{expected} from batch {_listed(found)} (of 0 to {len(losses) - 1})"
    causes = {cause: None for b in found if (cause := _cause(terms.batches[b], terms.loss_fn))}
    told = " ".join(causes) or (
        "The weights and the data hold finite values only. Check what the model and loss_fn make of them: a "
        "logarithm or root of zero, a quotient by zero, a mean over no element (all targets ignored?)."
    )
    return ValueError(f"{where}, {describe(terms.batches[found[0]].content)}. {told}")


def _cause(batch: Batch, loss_fn: Callable[..., Any]) -> str:
    tensors = [tensor for tensor in tensors_in(batch) if tensor.layout is torch.strided and tensor.numel()]
    if not all(bool(tensor.isfinite().all()) for tensor in tensors if not tensor.is_nested):
        return "The data there hold values that are not finite."
    ignored = ignored_target(loss_fn)
    whole = [t for t in tensors if not t.is_floating_point() and not t.is_complex() and not t.is_nested]
    if any(bool((t == ignored).all()) for t in whole if t.dtype is not torch.bool):
        return (
            f"All of its targets are ignored (ignore_index={ignored}), and the mean over none is no number. "
            "Leave such batches out of the data, or take the sum over at least 1 in loss_fn."
        )
    if any(not bool(t.any()) for t in whole if t.dtype is torch.bool):
        return (
            "A mask there selects nothing, and a mean over nothing is no number: leave such batches out. If "
            "the mask has no part in it, check the loss for a logarithm or root of zero, or a division."
        )
    return ""


def _listed(parts: Sequence[Any]) -> str:
    more = f" and {len(parts) - _TOLD} more" if len(parts) > _TOLD else ""
    return ", ".join(map(str, parts[:_TOLD])) + more
