"""What a model and a loss are called, for titles and provenance."""

from __future__ import annotations

from functools import partial
from typing import Any


def names_of(loss_fn: Any, model: Any = None) -> dict[str, str]:
    """The class of a model and the name of a loss, as "model" and "loss_fn"; without those that have none."""
    model = _uncompiled(model)
    names = {"model": type(model).__name__ if model is not None else "", "loss_fn": _name(loss_fn)}
    return {key: name for key, name in names.items() if name}


def _uncompiled(callable_: Any) -> Any:
    """The module that torch.compile has wrapped, or what was given."""
    return getattr(callable_, "_orig_mod", callable_)


def _name(function: Any) -> str:
    """The name of a function or of a callable's class, of a partial that of its function."""
    function = _uncompiled(function.func if isinstance(function, partial) else function)
    name = str(getattr(function, "__name__", type(function).__name__))
    return "" if name.startswith("<") else name  # a lambda
