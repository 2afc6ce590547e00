"""Batches as trees of tensors: what a loader yields keeps its type when its tensors are exchanged."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from numbers import Number
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Size, Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree as pytree

#: What holds no tensors, or none that are a batch's.
_SIMPLE = (str, bytes, Number, type, nn.Module, FunctionType, MethodType, BuiltinFunctionType, ModuleType)

#: How deep tensors are looked for in objects that are no known containers.
_DEPTH = 6


def leaves(content: Any) -> Iterator[Any]:
    """Everything in the containers of ``content`` that is no container, in the order of ``map_tensors``."""
    if _is_plain(content):
        yield from content
        return
    for leaf in pytree.tree_leaves(content, is_leaf=_is_closed):
        inside = parts(leaf)
        if inside is None:
            yield leaf
        else:
            yield from leaves(list(inside.values()))


def map_tensors(content: Any, f: Callable[[Tensor], Tensor]) -> Any:
    """``content`` with ``f`` applied to every tensor in it; all other things in it are shared."""
    if _is_plain(content):
        return tuple(map(f, content))

    def of_leaf(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return f(leaf)
        inside = parts(leaf)
        if inside is None:
            return leaf
        return _rebuilt(leaf, {name: map_tensors(part, f) for name, part in inside.items()})

    return pytree.tree_map(of_leaf, content, is_leaf=_is_closed)


def _is_plain(content: Any) -> bool:
    """Whether it is a tuple of tensors alone, as most batches are: to open any container takes long."""
    return type(content) is tuple and all(isinstance(part, Tensor) for part in content)


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
    get, put = (_item, _put_item) if isinstance(value, Mapping) else (getattr, object.__setattr__)
    for name, part in inside.items():
        own = get(value, name)
        try:
            put(twin, name, part)
        except (TypeError, AttributeError) as error:
            raise TypeError(_uncopied(value)) from error
        if part is not own and get(value, name) is part:  # the batch is the user's
            put(value, name, own)
            raise TypeError(_uncopied(value))
    return twin


def _item(value: Any, name: Any) -> Any:
    return value[name]


def _put_item(value: Any, name: Any, part: Any) -> None:
    value[name] = part


def _uncopied(value: Any) -> str:
    kind = type(value).__name__
    return (
        f"Expected containers in a batch whose copies by copy.copy can be given other tensors, got {kind}, "
        f"whose copy takes none, or shares them with the original. Give {kind} a method __copy__, or let the "
        "loader's collate_fn return a dict."
    )


def check_open(content: Any, name: str) -> None:
    """Raises a TypeError if there are tensors in a batch that ``leaves`` does not find.

    They would be neither copied, nor moved, nor cut with the others.
    """
    try:
        hiding = next((leaf for leaf in leaves(content) if _hides_tensors(leaf)), None)
    except RecursionError as error:
        raise TypeError(
            f"Expected a batch of containers that end, got {name} as {type(content).__name__}, which holds "
            "itself. Let the loader's collate_fn return a dict, or a dataclass."
        ) from error
    if hiding is not None:
        raise TypeError(
            f"Expected tensors in containers that can be opened, got {name} with tensors in "
            f"{type(hiding).__name__}. Make that a mapping or a dataclass, or give it a method to(device)."
        )


def _hides_tensors(leaf: Any) -> bool:
    """Whether an object that is no known container leads to a tensor."""
    if isinstance(leaf, Tensor):
        return False
    seen: set[int] = set()
    waiting: list[tuple[Any, int]] = [(leaf, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, Tensor):
            return True
        if id(value) in seen or depth > _DEPTH or isinstance(value, _SIMPLE):
            continue
        seen.add(id(value))
        inside: list[Any] = []
        if isinstance(value, Mapping):
            inside = list(value.values())
        elif isinstance(value, list | tuple | set | frozenset):
            inside = list(value)
        else:
            inside = list(getattr(value, "__dict__", {}).values())
            slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
            inside += [getattr(value, name, None) for name in slots]
        waiting += [(part, depth + 1) for part in inside]
    return False


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
