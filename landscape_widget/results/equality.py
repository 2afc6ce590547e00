"""Equality of results by what they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def equal_by_content(cls: type[T]) -> type[T]:
    """Gives a frozen dataclass an ``==`` that is a bool, whatever arrays it holds.

    Two are equal where they are of one class and all fields are: arrays of one shape with equal values,
    whatever their dtype, and NaN with NaN. Equal ones have equal hashes; one that holds an array has none,
    as an array has none.
    """

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return same(self, other)

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash((cls, *(_hashable(getattr(self, f.name)) for f in fields(self))))

    for name, value in (("__eq__", __eq__), ("__hash__", __hash__)):
        value.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, value)
    cls.__array_ufunc__ = None  # type: ignore[attr-defined] # array == result asks the result, too
    return cls


def same(a: Any, b: Any) -> bool:
    """Whether two values hold the same; never an error."""
    if a is b:
        return True
    if is_dataclass(a) or is_dataclass(b):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    try:
        return np.shape(a) == np.shape(b) and bool(np.all((a == b) | (_nan(a) & _nan(b))))
    except Exception:  # what cannot be compared is not the same
        return False


def _nan(value: Any) -> Any:
    return value != value  # noqa: PLR0124 - NaN alone is not equal to itself


def _hashable(value: Any) -> Any:
    """``value``, with one object for every NaN in it, which Python gives a hash of its own each."""
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    return None if isinstance(value, float) and math.isnan(value) else value
