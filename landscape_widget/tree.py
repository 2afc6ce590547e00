"""Batches as trees of tensors: what a loader yields keeps its type when its tensors are exchanged."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Size, Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree as pytree


def leaves(content: Any) -> Iterator[Any]:
    """Everything in the containers of ``content`` that is no container, in the order of ``map_tensors``."""
    for leaf in pytree.tree_leaves(content, is_leaf=_is_closed):
        inside = parts(leaf)
        if inside is None:
            yield leaf
        else:
            yield from leaves(list(inside.values()))


def map_tensors(content: Any, f: Callable[[Tensor], Tensor]) -> Any:
    """``content`` with ``f`` applied to every tensor in it; all other things in it are shared."""

    def of_leaf(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return f(leaf)
        inside = parts(leaf)
        if inside is None:
            return leaf
        return _rebuilt(leaf, {name: map_tensors(part, f) for name, part in inside.items()})

    return pytree.tree_map(of_leaf, content, is_leaf=_is_closed)


def parts(value: Any) -> dict[str, Any] | None:  # noqa: PLR0911 - one for each kind of container
    """What a container that is none of Python's own holds, by name; None for anything else.

    Containers are packed sequences, mappings such as Hugging Face's ``BatchEncoding``, dataclasses, and
    objects that can be sent to a device by a method ``to``, such as batches of graphs.
    """
    if isinstance(value, PackedSequence):  # the lengths stay on the CPU
        names = ("data", "sorted_indices", "unsorted_indices")
        return {name: getattr(value, name) for name in names if getattr(value, name) is not None}
    if isinstance(value, Tensor | nn.Module | type | Size):
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):  # of a kind that torch does not open
        return {str(i): part for i, part in enumerate(value)}
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if callable(getattr(value, "to", None)) and hasattr(value, "__dict__"):
        return dict(vars(value))
    return None


def _rebuilt(value: Any, inside: dict[str, Any]) -> Any:
    """A container like ``value`` with other things in it."""
    if isinstance(value, PackedSequence):
        return value._replace(**inside)
    if isinstance(value, list | tuple):
        return type(value)(inside.values())
    twin = copy.copy(value)
    for name, part in inside.items():
        if isinstance(value, Mapping):
            twin[name] = part
        else:  # frozen dataclasses, too
            object.__setattr__(twin, name, part)
    return twin


def _is_closed(value: Any) -> bool:
    """Whether torch must not open a container: some versions take packed sequences for tuples."""
    return isinstance(value, PackedSequence)


def describe(content: Any) -> str:
    """Shapes and dtypes of a batch in one line, for error messages."""
    if isinstance(content, Tensor):
        shape = "jagged" if content.is_nested else tuple(content.shape)
        return f"{shape} {str(content.dtype).removeprefix('torch.')}"
    if isinstance(content, dict):
        return "{" + ", ".join(f"{k}: {describe(v)}" for k, v in content.items()) + "}"
    if isinstance(content, list | tuple) and not isinstance(content, PackedSequence):
        return "(" + ", ".join(describe(part) for part in content) + ")"
    inside = parts(content)
    if inside:
        return f"{type(content).__name__}({', '.join(f'{k}: {describe(v)}' for k, v in inside.items())})"
    return type(content).__name__
