"""How many examples a batch holds, told by all of its parts or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from landscape_widget.tree import describe, leaves, parts

_PADDED = "a DataLoader, whose collate_fn pads examples of unequal length (torch.nn.utils.rnn.pad_sequence)."

_WAY_OUT = "Pass batch_size_fn=, a function that takes a batch and returns the number of examples in it."


def count_examples(content: Any, batch_size_fn: Callable[[Any], int] | None, name: str) -> int:
    """Number of examples in a batch, on which all of its parts agree.

    The first dimension of a tensor is as often channels, nodes or time steps as it is examples, so that one
    tensor tells nothing about a batch of several. A list with one entry for an example tells by its length.

    Args:
        content: The batch.
        batch_size_fn: Asked instead, where it is given.
        name: What to call the batch.

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
        return int(n)
    got = f"got {name} as {describe(content)}"
    claims = [claim for part in _members(content) if (claim := _claim(part))]
    if not claims:
        raise ValueError(
            f"Expected batches that hold tensors with one row for an example, {got}. "
            f"Let the loader's collate_fn return tensors. {_WAY_OUT}"
        )
    if len(claims) == 1 and any(map(_is_number, leaves(content))):
        raise ValueError(
            f"Expected batches with one row for an example in every tensor, {got}, which looks like a single "
            f"example. Use {_PADDED} {_WAY_OUT}"
        )
    common = set.intersection(*claims)
    if len(common) == 1 and not _may_be_a_list_of_examples(content):
        return common.pop()
    numbers = sorted(set.union(*claims, {len(content)} if _may_be_a_list_of_examples(content) else set()))
    raise ValueError(
        f"Expected a batch whose parts agree on how many examples it holds, {got}: "
        f"{' or '.join(map(str, numbers))}. {_WAY_OUT} For single examples, or lists of them, use {_PADDED}"
    )


def is_divisible(content: Any, n: int, *, told: bool) -> bool:
    """Whether each tensor of a batch has a row for each of its ``n`` examples, so that it can be cut.

    Args:
        content: The batch.
        n: Examples in it.
        told: Whether ``batch_size_fn`` said so. Then another dimension of the same length may be meant.
    """
    if any(isinstance(part, PackedSequence) or is_list_of_examples(part, n) for part in _members(content)):
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


def is_list_of_examples(part: Any, n: int | None = None) -> bool:
    """Whether a part of a batch of ``n`` lists one entry for an example, such as images of many sizes.

    A list of tensors with a row for an example in each is no such list, but several inputs.
    """
    if not _is_sequence(part) or not part or (n is not None and len(part) != n):
        return False
    lengths = {_length(entry) for entry in part}
    return len(lengths) > 1 or None in lengths or (n is not None and lengths != {n})


def _members(content: Any) -> Iterable[Any]:
    """What a batch consists of, at the top."""
    if isinstance(content, Tensor | PackedSequence):
        return [content]
    if isinstance(content, Mapping):
        return list(content.values())
    if isinstance(content, list | tuple):
        return content
    return list((parts(content) or {}).values())


def _claim(part: Any) -> set[int]:
    """The numbers of examples that a part allows; empty where it belongs to the batch as a whole."""
    if not isinstance(part, Tensor | PackedSequence) and _is_sequence(part):
        inside = (
            _common(part)
            if all(isinstance(entry, Tensor) or _is_sequence(entry) for entry in part)
            else set()
        )
        return inside | ({len(part)} if part else set())
    if not isinstance(part, Tensor | PackedSequence | np.ndarray):
        inside_of = parts(part) if not isinstance(part, dict) else part
        return _common(list(inside_of.values())) if inside_of else set()
    length = _length(part)
    return set() if length is None else {length}


def _common(members: Iterable[Any]) -> set[int]:
    claims = [claim for member in members if (claim := _claim(member))]
    return set.intersection(*claims) if claims else set()


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


def _is_number(leaf: Any) -> bool:
    """Whether a leaf is a single number, as the target of a single example is."""
    if isinstance(leaf, Tensor | np.ndarray):
        return not leaf.ndim
    return isinstance(leaf, Number) and not isinstance(leaf, bool)


def _may_be_a_list_of_examples(content: Any) -> bool:
    """Whether a batch is a list of tensors of one kind: as many examples, or as many inputs of the model."""
    if not _is_sequence(content) or len(content) < 3 or not all(isinstance(t, Tensor) for t in content):
        return False
    kinds, shapes = {(t.ndim, t.dtype) for t in content}, {t.shape for t in content}
    return len(kinds) == 1 and (len(shapes) == 1 or content[0].ndim > 2)
