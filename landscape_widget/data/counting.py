"""How many examples a batch holds, told by all of its parts, or by whoever put it together, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from landscape_widget.data.tree import describe, leaves, parts

_PADDED = "a DataLoader, whose collate_fn pads examples of unequal length (torch.nn.utils.rnn.pad_sequence)."

_WAY_OUT = "Pass batch_size_fn=, a function that takes a batch and returns the number of examples in it"


class Count(NamedTuple):
    """How many examples a batch holds."""

    n: int
    certain: bool
    """Whether more than the shapes of its tensors says so."""


def count_examples(
    content: Any,
    batch_size_fn: Callable[[Any], int] | None,
    name: str,
    *,
    stacked: bool = False,
    told: int | None = None,
) -> Count:
    """Number of examples in a batch, on which all of its parts agree, or which its loader tells.

    The first dimension of a tensor is as often channels, nodes or time steps as it is examples, so that one
    tensor tells nothing about a batch of several. A list with one entry for an example tells by its length.

    Args:
        content: The batch.
        batch_size_fn: A function that is asked instead, where it is given.
        name: What to call the batch.
        stacked: Whether it was made of single examples, or must be, by stacking their tensors.
        told: How many examples the loader says to have put into it. Where the parts do not agree, one of them
            must.

    Raises:
        ValueError: If the parts disagree or do not tell, or ``batch_size_fn`` returns no number.
    """
    if batch_size_fn is not None:
        n = batch_size_fn(content)
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(
                "Expected batch_size_fn to return the number of examples in a batch, an integer of at least "
                f"1, got {n!r} for {name}."
            )
        return Count(int(n), certain=True)
    if stacked:
        lengths = {length for leaf in leaves(content) if (length := _length(leaf)) is not None}
        if len(lengths) == 1:
            return Count(lengths.pop(), certain=True)
    got = f"got {name} as {describe(content)}"
    claims = [claim for part in _members(content) for claim in _claims(part)]
    if not claims:
        raise ValueError(
            f"Expected batches that hold tensors with one row for an example, {got}. "
            f"Let the loader's collate_fn return tensors. {_WAY_OUT}."
        )
    listed = {len(content)} if _may_be_a_list_of_examples(content, told) else set()
    single = len(claims) == 1 and _holds_numbers(content)
    common, numbers = set.intersection(*claims), set.union(*claims, listed)
    if len(common) == 1 and listed <= common and not single:
        n = common.pop()
        if told == 1 != n:
            raise ValueError(_single(content, [n], got))
        if told not in (None, n) and not _is_second_dimension(content, told):
            raise ValueError(
                f"Expected batches with one row for an example, {got}: the loader draws {told} examples and "
                f"every part has {n} rows, so that its collate_fn leaves some out, or makes rows of "
                f"something else. {suggestion(content, [n], also=told)}"
            )
        return Count(n if told is None else told, certain=told is not None)
    if told in numbers:
        assert told is not None
        return Count(told, certain=True)
    if single:
        raise ValueError(_single(content, numbers, got))
    raise ValueError(
        f"Expected a batch whose parts agree on how many examples it holds, {got}: "
        f"{' or '.join(map(str, sorted(numbers)))}. {suggestion(content, numbers, also=1)} For single "
        f"examples, or lists of them, use {_PADDED}"
    )


def _single(content: Any, numbers: Iterable[int], got: str) -> str:
    return (
        f"Expected batches with one row for an example in every tensor, {got}, which looks like a single "
        f"example. Put single examples into batches by {_PADDED} {suggestion(content, numbers, also=1)}"
    )


def _is_second_dimension(content: Any, n: int | None) -> bool:
    """Whether all tensors of a batch have n as their second dimension, so that time comes first."""
    tensors = [leaf for leaf in leaves(content) if isinstance(leaf, Tensor)]
    return bool(tensors) and all(leaf.ndim > 1 and leaf.shape[1] == n for leaf in tensors)


def suggestion(content: Any, numbers: Iterable[int], *, also: int | None = None) -> str:
    """What to write where a batch may hold any of these numbers of examples, or ``also`` so many."""
    wanted = set(numbers)
    lines: dict[int, str] = {}
    for n, function in _readings(content, "batch"):
        if n in wanted:
            lines.setdefault(n, f"{n}: batch_size_fn=lambda batch: {function}")
    if also is not None and also not in lines:
        lines[also] = f"{also}: batch_size_fn=lambda batch: {also}"
    return f"{_WAY_OUT} ({'; '.join(lines.values())})." if lines else f"{_WAY_OUT}."


def is_divisible(content: Any, n: int, *, told: bool, stacked: bool = False) -> bool:
    """Whether each tensor of a batch has a row for each of its ``n`` examples, so that it can be cut.

    Args:
        content: The batch.
        n: Examples in it.
        told: Whether ``batch_size_fn`` said so. Then another dimension of the same length may be meant.
        stacked: See ``count_examples``.
    """
    if any(isinstance(part, PackedSequence) or is_list_of_examples(part, n) for part in _members(content)):
        return False
    if not stacked and _may_be_a_list_of_examples(content, n) and len(content) == n:
        return False
    for leaf in leaves(content):
        if isinstance(leaf, np.ndarray):
            return False
        if not isinstance(leaf, Tensor) or not leaf.ndim:
            continue
        if leaf.is_nested or leaf.layout not in (torch.strided, torch.sparse_coo) or len(leaf) != n:
            return False
        if leaf.layout is torch.sparse_coo or (told and n in leaf.shape[1:]):
            return False
    return True


def is_list_of_examples(part: Any, n: int) -> bool:
    """Whether a part of a batch of ``n`` lists one entry for an example, such as images of many sizes.

    A list of tensors with a row for an example in each is no such list, but several inputs.
    """
    return _is_sequence(part) and len(part) == n and {_length(entry) for entry in part} != {n}


def is_flat(content: Any) -> bool:
    """Whether no tensor of a batch has two dimensions: a single example of vectors looks the same."""
    return all(leaf.ndim <= 1 for leaf in leaves(content) if isinstance(leaf, Tensor | np.ndarray))


def _members(content: Any) -> Iterable[Any]:
    """What a batch consists of, at the top."""
    if isinstance(content, Tensor | PackedSequence):
        return [content]
    return content if isinstance(content, list | tuple) else _inside(content).values()


def _claims(part: Any) -> list[set[int]]:
    """The numbers of examples that a part allows: none where it belongs to the batch as a whole.

    A list allows two, a container whose parts do not agree as many sets as these.
    """
    if not isinstance(part, Tensor | PackedSequence) and _is_sequence(part):
        tensors = all(isinstance(entry, Tensor) or _is_sequence(entry) for entry in part)
        inside = [claim for entry in part for claim in _claims(entry)] if tensors else []
        return [(set.intersection(*inside) if inside else set()) | {len(part)}] if part else []
    if not isinstance(part, Tensor | PackedSequence | np.ndarray):
        inside = [claim for entry in _inside(part).values() for claim in _claims(entry)]
        common = set.intersection(*inside) if inside else set()
        return [common] if common else inside
    length = _length(part)
    return [] if length is None else [{length}]


def _inside(part: Any) -> dict[Any, Any]:
    """What a container other than a list holds; nothing for anything else."""
    return part if isinstance(part, dict) else parts(part) or {}


def _readings(part: Any, path: str) -> Iterator[tuple[int, str]]:
    """The numbers that a batch may be counted by, and how to get at each, outermost first."""
    if isinstance(part, PackedSequence):
        yield int(part.batch_sizes[0]), f"int({path}.batch_sizes[0])"
        return
    if (length := _length(part)) is not None:
        yield length, f"len({path})"
        return
    if isinstance(part, str | Tensor):
        return
    if _is_sequence(part):
        yield len(part), f"len({path})"
    if isinstance(part, list | tuple):
        for i, entry in enumerate(part):
            yield from _readings(entry, f"{path}[{i}]")
        return
    at = "{}[{!r}]" if isinstance(part, Mapping) else "{}.{}"
    for key, entry in _inside(part).items():
        yield from _readings(entry, at.format(path, key))


def _length(value: Any) -> int | None:
    """Rows of a tensor, sequences in a packed one."""
    if isinstance(value, PackedSequence):
        return int(value.batch_sizes[0])
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return int(value.size(0)) if isinstance(value, Tensor) else len(value)
    return None


def _is_sequence(part: Any) -> bool:
    return (
        isinstance(part, list | tuple)
        and not isinstance(part, PackedSequence)
        and not hasattr(part, "_fields")
    )


def _holds_numbers(content: Any) -> bool:
    """Whether a batch has leaves that are single numbers, as the target of a single example is.

    Truth values and text in a mapping are settings.
    """
    simple = Number if isinstance(content, Mapping) else Number | str
    return any(
        not leaf.ndim
        if isinstance(leaf, Tensor | np.ndarray)
        else isinstance(leaf, simple) and not (isinstance(leaf, bool) and isinstance(content, Mapping))
        for leaf in leaves(content)
    )


def _may_be_a_list_of_examples(content: Any, n: int | None) -> bool:
    """Whether a batch is a list of things of one kind: as many examples, or as many inputs of the model.

    Two mappings of tensors are rather inputs, unless there are said to be ``n`` = 2 examples.
    """
    if not _is_sequence(content) or not content:
        return False
    if all(isinstance(part, Tensor) for part in content):
        kinds, shapes = {(t.ndim, t.dtype) for t in content}, {t.shape for t in content}
        return len(content) > 2 and len(kinds) == 1 and (len(shapes) == 1 or content[0].ndim > 2)
    inside = [None if isinstance(part, Tensor | PackedSequence) else _names(part) for part in content]
    if None in inside or any(names != inside[0] for names in inside):
        return False
    return len(content) > 2 or len(content) == n or any(map(_holds_numbers, content))


def _names(part: Any) -> list[Any] | None:
    """What a container has its parts by; None for anything else."""
    if isinstance(part, list | tuple):
        return list(range(len(part)))
    inside = part if isinstance(part, dict) else parts(part)
    return None if inside is None else list(inside)
