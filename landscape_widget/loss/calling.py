"""Which of two ways a function is called in, and what is said where it was written for the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from landscape_widget.loss.options import CROSS_ENTROPIES, unwrapped

#: What functions raise that get an output in place of a model, or a target in place of a batch.
_MISTAKEN = (TypeError, AttributeError, IndexError, KeyError)

#: What torch says of models and losses that are none of tensors in the place of parameters, and the way out.
_OF_TENSORS = {
    "does not require grad": "Gradients with respect to the parameters are taken by torch.func.grad and "
    "torch.func.functional_call, since losses are evaluated without a graph, too",
    "(torch.nn.Parameter or None expected)": "θ is put in as tensors: tie or set parameters once, before "
    "forward",
    "is not an nn.Parameter": "θ is put in as tensors: take self.weight itself, or dict(named_parameters())",
}


def takes_model(f: Callable[..., Any]) -> bool:
    """Whether the first argument of ``f``, or of its forward, is ``model``: then it is f(model, batch)."""
    try:
        names = list(inspect.signature(f.forward if isinstance(f, nn.Module) else f).parameters)
    except (TypeError, ValueError):
        return False
    return bool(names) and names[0] == "model"


def _other_arguments(f: Callable[..., Any]) -> list[str]:
    """The arguments of a function that cannot be called with two; none where it can, or does not tell."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return []
    try:
        signature.bind(None, None)
    except TypeError:
        return list(signature.parameters)
    return []


def is_pair(content: Any) -> bool:
    """Whether a batch is (x, y)."""
    return isinstance(content, list | tuple) and len(content) == 2


def _labels(f: Callable[..., Any], target: Any) -> str:
    """How labels become what a cross entropy takes: integers of 64 bits, one for each example."""
    inner = unwrapped(f)
    if not (inner in CROSS_ENTROPIES or type(inner) in CROSS_ENTROPIES) or not isinstance(
        target, torch.Tensor
    ):
        return ""
    column = target.ndim == 2 and target.shape[1] == 1
    wide = target.ndim > 1 and not column and target.is_floating_point()  # probabilities of classes
    change = ".squeeze(1)" * column + ".long()" * (target.dtype != torch.int64 and not wide)
    return f"Give classes as integers, one for each example: labels{change}." if change else ""


def reminder(what: str, f: Callable[..., Any], content: Any, error: Exception) -> str:
    """How a function was called on a batch, where its error may come from that; "" otherwise.

    Args:
        what: What the function is called.
        f: The function.
        content: Content of the batch.
        error: What it has raised, or the model before it.
    """
    for said, way_out in _OF_TENSORS.items():
        if said in str(error):
            return f"{way_out}."
    pair = is_pair(content)
    if pair and (words := _labels(f, content[1])):
        return words
    if not isinstance(error, _MISTAKEN):
        return ""
    if pair and isinstance(content[0], list | tuple) and "argument" in str(error):
        return "Inputs in a list are given as model(*inputs)."
    if pair and isinstance(f, nn.Module) and not takes_model(f):
        return ""
    if takes_model(f):
        words = f"{what} was called with (model, batch), because its first argument is named 'model'."
    elif not pair:
        words = f"{what} was called with (model, batch), because the batches are no pairs (x, y)."
    else:
        words = (
            f"{what} was called with (output, target), because its first argument is not named 'model'. "
            "Name it so where (model, batch) is meant."
        )
    if names := _other_arguments(f):
        words += (
            f" It takes ({', '.join(names)}), but gets two arguments either way. Write it as (model, batch), "
            "and in it: x, y = batch."
        )
    return words
