"""Which of two ways a function is called in, and what is said where it was written for the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

#: What functions raise that get an output in place of a model, or a target in place of a batch.
_MISTAKEN = (TypeError, AttributeError, IndexError, KeyError)


def takes_model(f: Callable[..., Any]) -> bool:
    """Whether the first argument of ``f`` is named ``model``: then it is f(model, batch)."""
    if isinstance(f, nn.Module):
        return False
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return False
    return bool(names) and names[0] == "model"


def is_pair(content: Any) -> bool:
    """Whether a batch is (x, y)."""
    return isinstance(content, list | tuple) and len(content) == 2


def reminder(what: str, f: Callable[..., Any], content: Any, error: Exception) -> str:
    """How a function was called on a batch, where its error may come from that; "" otherwise.

    Args:
        what: What the function is called.
        f: The function.
        content: Of the batch.
        error: What it has raised, or the model before it.
    """
    pair = is_pair(content)
    if not isinstance(error, _MISTAKEN) or (pair and isinstance(f, nn.Module)):
        return ""
    if takes_model(f):
        return f". {what} was called with (model, batch), because its first argument is named 'model'."
    if not pair:
        return f". {what} was called with (model, batch), because the batches are no pairs (x, y)."
    return (
        f". {what} was called with (output, target), because its first argument is not named 'model'. Name "
        "it so where (model, batch) is meant."
    )
