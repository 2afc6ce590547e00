"""Reading the user's data, once: opened, counted by examples, copied."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset

from landscape_widget.data.batches import Batch, converted_dtype, cut, pack, share_memory, tensors_in
from landscape_widget.data.counting import count_examples, is_divisible
from landscape_widget.data.sources import stacks_examples, told_size
from landscape_widget.data.tree import check_open, describe, map_tensors
from landscape_widget.numerics.checks import check_integer

#: Examples of a ``Dataset`` that are put together at once.
_AT_ONCE = 512

#: A loader that does not tell its length is taken for endless after so many examples.
ENDLESS_EXAMPLES = 200_000

#: So it is after so many bytes.
ENDLESS_BYTES = 4 << 30

#: Says how many examples a batch holds, where that cannot be told from the batch.
BatchSize = Callable[[Any], int] | None


def read_batches(
    data: Any,
    max_examples: int | None = None,
    batch_size_fn: BatchSize = None,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    *,
    chosen: bool = False,
) -> list[Batch]:
    """Reads ``data`` once, in its own order, until it ends or holds ``max_examples``.

    Args:
        data: A loader (any iterable of batches), a ``Dataset``, a pair of tensors ``(x, y)`` or a
            mapping of tensors, each with one row for an example.
        max_examples: Upper limit; the batch that crosses it is cut.
        batch_size_fn: ``batch_size_fn(batch)`` → examples in it; such batches are never cut.
        device: Where the copy is to be; default: where the data are.
        dtype: What its numbers become; default: what they are.
        chosen: Whether the user asked for this ``dtype``, and so for what it rounds.

    Raises:
        ValueError: If there is no example, a batch does not tell how many it holds, one that would have to
            be cut cannot be, or the data do not end.
        TypeError: If ``data`` is none of the above, or a batch hides tensors in it.
    """
    if max_examples is not None:
        max_examples = check_integer(max_examples, "max_examples", 1)
    batches: list[Batch] = []
    total, size = 0, 0
    rounded: dict[torch.dtype, torch.dtype] = {}

    def copied(tensor: Tensor) -> Tensor:
        wanted = tensor.dtype if dtype is None else converted_dtype(tensor, dtype)
        made = tensor.detach().to(tensor.device if device is None else device, wanted, copy=True)
        if tensor.dtype not in rounded and _rounds(tensor, made):
            rounded[tensor.dtype] = wanted
        return made

    may_be_endless = max_examples is None and not isinstance(data, Sized)
    source, stacked = _opened(data)
    for b, content in enumerate(_collated(source)):
        check_open(content, f"batch {b}")
        n, certain = count_examples(
            content, batch_size_fn, f"batch {b}", stacked=stacked, told=told_size(source, b)
        )
        divisible = is_divisible(content, n, told=batch_size_fn is not None, stacked=stacked)
        batch = Batch(content, n, divisible, certain)
        batch = replace(batch, shared=share_memory(tensors_in(batch)))
        room = batch.n if max_examples is None else min(batch.n, max_examples - total)
        if 0 < room < batch.n and not batch.divisible:
            raise ValueError(
                f"Expected max_examples={max_examples} to fall between two batches, since batches such as "
                f"{describe(content)} cannot be cut, got {total} examples before batch {len(batches)} and "
                f"{total + batch.n} after it. Use one of these numbers."
            )
        if room:
            part = batch if room == batch.n else cut(batch, slice(room))
            batches.append(replace(part, content=map_tensors(part.content, copied)))
            total += room
            size += sum(_bytes(tensor) for tensor in tensors_in(batch)) if may_be_endless else 0
        if total == max_examples:
            break
        if may_be_endless and (total > ENDLESS_EXAMPLES or size > ENDLESS_BYTES):
            raise ValueError(
                f"Expected data that end, got {total:,} examples ({size / 1e6:,.0f} MB) from a loader that "
                f"does not tell its length. Set max_examples; without it at most {ENDLESS_EXAMPLES:,} "
                f"examples or {ENDLESS_BYTES >> 30} GB are read of such a loader."
            )
    if not total:
        raise ValueError("Expected data with at least one example, got an empty loader.")
    pack(batches)
    if rounded and not chosen:
        _tell_of_rounding(*next(iter(rounded.items())))
    return batches


def _rounds(tensor: Tensor, made: Tensor) -> bool:
    """Whether numbers became other ones in a narrower type."""
    if made.dtype is tensor.dtype or torch.promote_types(tensor.dtype, made.dtype) is made.dtype:
        return False
    if tensor.is_nested or tensor.layout is not torch.strided:
        return True
    return not torch.equal(made.to(tensor.device, tensor.dtype), tensor)


def _tell_of_rounding(given: torch.dtype, held: torch.dtype) -> None:
    """Warns of data that are held in the type of the model's parameters and lose digits by it."""
    names = [str(dtype).removeprefix("torch.") for dtype in (given, held)]
    warnings.warn(
        f"Expected data in the floating-point type of the model's parameters, got {names[0]}, which are read "
        f"as {names[1]} and rounded by that. Pass dtype=torch.{names[0]} to compute in theirs, "
        f"dtype=torch.{names[1]} or data of that type to compute in the model's.",
        stacklevel=4,
    )


def is_whole(data: Any) -> bool:
    """Whether data come as a whole, tensors or examples, and in no batches of their own."""
    return isinstance(data, Mapping | Dataset) or _is_pair(data)


def _bytes(tensor: Tensor) -> int:
    return 0 if tensor.layout is not torch.strided else tensor.nbytes


def _opened(data: Any) -> tuple[Iterable[Any], bool]:
    """What yields the batches, and whether each is made of examples by stacking their tensors."""
    if _is_pair(data):
        return [tuple(data)] if len(data[0]) else [], True
    if isinstance(data, tuple) and len(data) == 2 and all(map(_is_rows, data)):
        raise ValueError(
            "Expected a pair of tensors with one row for an example in both, got "
            f"{len(data[0])} and {len(data[1])} rows."
        )
    if isinstance(data, tuple | list) and data and all(isinstance(part, np.ndarray) for part in data):
        raise TypeError("Expected data as tensors, got numpy arrays. Pass each as torch.as_tensor(array).")
    if isinstance(data, Mapping):
        return [data], True
    if isinstance(data, Dataset):
        return DataLoader(data, batch_size=_AT_ONCE), True
    if isinstance(data, Iterable) and not isinstance(data, Tensor | str | PackedSequence):
        return data, stacks_examples(data)
    way_out = " Wrap it: torch.utils.data.TensorDataset(x)." if isinstance(data, Tensor) else ""
    raise TypeError(
        "Expected data as a loader (an iterable of batches), a Dataset, a pair of tensors (x, y) or a "
        f"mapping of tensors, got {describe(data)}.{way_out}"
    )


def _collated(data: Iterable[Any]) -> Iterator[Any]:
    """The batches of a source, whose examples may not fit together."""
    try:
        yield from data
    except (RuntimeError, TypeError) as error:  # of torch's default_collate
        if "equal size" not in str(error) and "default_collate" not in str(error):
            raise
        raise ValueError(
            "Expected examples that can be put together, such as tensors of one shape, got "
            f"{type(error).__name__}: {error}. Pass a DataLoader with a collate_fn that puts them together, "
            "for instance one that pads sequences (torch.nn.utils.rnn.pad_sequence)."
        ) from error


def _is_pair(data: Any) -> bool:
    pair = isinstance(data, tuple | list) and len(data) == 2 and all(map(_is_rows, data))
    return pair and len(data[0]) == len(data[1])


def _is_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and bool(value.ndim) and not value.is_nested
