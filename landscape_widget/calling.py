"""Which of two ways a loss function or metric is called in, and whether its error may come from the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from traceback import walk_tb
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


def called(error: Exception, caller: Callable[..., Any], model: nn.Module) -> Callable[..., Any] | None:
    """The function that an error comes from, where it may have taken its arguments for something else.

    Args:
        error: As it was caught.
        caller: The method that has the function as ``f``, and as ``arguments`` what it gives to it.
        model: An error from within comes from there.
    """
    if not isinstance(error, _MISTAKEN):
        return None
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    code = inspect.unwrap(caller).__code__
    calls = [i for i, frame in enumerate(frames) if frame.f_code is code and "arguments" in frame.f_locals]
    if not calls or any(frame.f_locals.get("self") is model for frame in frames[calls[-1] :]):
        return None
    f: Callable[..., Any] = frames[calls[-1]].f_locals["f"]
    return f


def given(f: Callable[..., Any], content: Any) -> str:
    """What ``f`` gets of a batch, and why."""
    if takes_model(f):
        return "(model, batch), because its first argument is named 'model'."
    if not is_pair(content):
        return "(model, batch), because the batches are no pairs (x, y)."
    return (
        "(output, target), because its first argument is not named 'model'. Name it so where (model, batch) "
        "is meant."
    )
