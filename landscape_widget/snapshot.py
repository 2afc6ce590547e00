"""A fixed copy of the data: read once, counted by examples, cut, moved to a device and dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset

from landscape_widget.counting import count_examples, is_divisible
from landscape_widget.sources import stacks_examples, told_size
from landscape_widget.tree import check_open, describe, leaves, map_tensors

#: Batch size for data that comes as whole tensors instead of batches.
WHOLE_DATA_BATCH = 512

#: A loader that does not tell its length is taken for endless after so many examples, or bytes.
ENDLESS_EXAMPLES, ENDLESS_BYTES = 200_000, 4 << 30

#: Says how many examples a batch holds, where that cannot be told from the batch.
BatchSize = Callable[[Any], int] | None

_WIDER = {torch.float64: torch.complex128, torch.float32: torch.complex64, torch.float16: torch.complex32}


@dataclass(frozen=True)
class Batch:
    """One batch as the loader gave it, and how many examples it holds."""

    content: Any
    n: int
    divisible: bool = True
    """Whether every tensor in it has one row for an example."""
    certain: bool = False
    """Whether more than the shapes of its tensors says how many examples it holds."""


def read_batches(data: Any, max_examples: int | None = None, batch_size_fn: BatchSize = None) -> list[Batch]:
    """Reads ``data`` once, in its own order, until it ends or holds ``max_examples``.

    Args:
        data: A loader (any iterable of batches), a ``Dataset``, a pair of tensors ``(x, y)`` or a
            mapping of tensors, each with one row for an example.
        max_examples: Upper limit; the batch that crosses it is cut.
        batch_size_fn: ``batch_size_fn(batch)`` → examples in it; such batches are never cut.

    Raises:
        ValueError: If there is no example, a batch does not tell how many it holds, one that would have to
            be cut cannot be, or the data do not end.
        TypeError: If ``data`` is none of the above, or a batch hides tensors in it.
    """
    if max_examples is not None and max_examples < 1:
        raise ValueError(f"Expected max_examples to be at least 1 or None, got {max_examples}.")
    batches: list[Batch] = []
    total, size = 0, 0
    may_be_endless = max_examples is None and not isinstance(data, Sized)
    source, stacked = _opened(data)
    for b, content in enumerate(source):
        check_open(content, f"batch {b}")
        n, certain = count_examples(
            content, batch_size_fn, f"batch {b}", stacked=stacked, told=told_size(source, b)
        )
        divisible = is_divisible(content, n, told=batch_size_fn is not None, stacked=stacked)
        batch = Batch(map_tensors(content, _copied), n, divisible, certain)
        room = batch.n if max_examples is None else min(batch.n, max_examples - total)
        if 0 < room < batch.n and not batch.divisible:
            raise ValueError(
                f"Expected max_examples={max_examples} to fall between two batches, since batches such as "
                f"{describe(content)} cannot be cut, got {total} examples before batch {len(batches)} and "
                f"{total + batch.n} after it. Use one of these numbers."
            )
        if room:
            batches.append(batch if room == batch.n else cut(batch, slice(room)))
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
    return batches


def convert(batches: Sequence[Batch], device: torch.device, dtype: torch.dtype) -> list[Batch]:
    """The batches on ``device``, numbers as ``dtype``, complex ones as wide; integers stay integers."""

    def to(tensor: Tensor) -> Tensor:
        return tensor.to(device, converted_dtype(tensor, dtype))

    return [replace(batch, content=map_tensors(batch.content, to)) for batch in batches]


def converted_dtype(tensor: Tensor, dtype: torch.dtype) -> torch.dtype:
    """What a tensor of a model or of data becomes where numbers become ``dtype``."""
    if tensor.is_complex():
        return _WIDER.get(dtype, tensor.dtype)
    return dtype if tensor.is_floating_point() else tensor.dtype


def shuffled_subset(batches: Sequence[Batch], n: int, seed: int = 0) -> list[Batch]:
    """``n`` of the examples drawn without replacement, so that a sorted data set is not cut by class.

    The subsets of one seed are nested: a larger one contains every smaller one. Batches are cut where
    they are, never joined, because padding may differ between them.
    """
    total = sum(batch.n for batch in batches)
    order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
    chosen = order[:n].sort().values
    subset, start = [], 0
    for batch in batches:
        rows = chosen[(chosen >= start) & (chosen < start + batch.n)] - start
        start += batch.n
        if len(rows):
            subset.append(cut(batch, rows))
    return subset


def regrouped(batches: Sequence[Batch], size: int) -> list[Batch]:
    """The same examples in the same order, in batches of ``size`` and one of what remains.

    Neighbours are joined where all of their tensors have a row for each example and agree in dtype and in
    the shape of a row: padding may differ, and then they stay apart.
    """
    result: list[Batch] = []
    for signature, run in groupby(batches, _signature):
        members = list(run)
        if signature is None:
            result += members
            continue
        whole = members[0] if len(members) == 1 else _joined(members)
        edges = [*range(0, whole.n, size), whole.n]
        result += [cut(whole, slice(*edge)) for edge in pairwise(edges)] if len(edges) > 2 else [whole]
    return result


def halves(batch: Batch) -> tuple[Batch, Batch] | None:
    """The batch as two, or None where it holds a single example or cannot be cut."""
    if batch.n < 2 or not batch.divisible:
        return None
    rows = torch.arange(batch.n)
    return cut(batch, rows[: batch.n // 2]), cut(batch, rows[batch.n // 2 :])


def tensors_in(batch: Batch) -> list[Tensor]:
    """All tensors of a batch, in a fixed order."""
    return [leaf for leaf in leaves(batch.content) if isinstance(leaf, Tensor)]


def check_only_tensors(batch: Batch) -> None:
    """Raises a ValueError if there is anything else in the batch: a program would hold what it saw of it."""
    if not batch.divisible or not all(isinstance(leaf, Tensor) for leaf in leaves(batch.content)):
        raise ValueError("its batches hold more than tensors")


def with_tensors(batch: Batch, tensors: Sequence[Tensor]) -> Batch:
    """The batch with other tensors in the places of its own, in the order of ``tensors_in``."""
    rest = iter(tensors)
    return replace(batch, content=map_tensors(batch.content, lambda _: next(rest)))


def cut(batch: Batch, rows: slice | Tensor) -> Batch:
    """The examples of a slice, as views, or those with the numbers in ``rows``; the batch is divisible."""
    n = len(range(batch.n)[rows]) if isinstance(rows, slice) else len(rows)

    def take(tensor: Tensor) -> Tensor:
        if not tensor.ndim:
            return tensor
        return tensor[rows] if isinstance(rows, slice) else tensor[rows.to(tensor.device)]

    return Batch(map_tensors(batch.content, take), n)


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def _bytes(tensor: Tensor) -> int:
    return 0 if tensor.layout is not torch.strided else tensor.nbytes


def _opened(data: Any) -> tuple[Iterable[Any], bool]:
    """What yields the batches, and whether each is made of examples by stacking their tensors."""
    if isinstance(data, tuple | list) and len(data) == 2 and all(_is_rows(t) for t in data):
        if len(data[0]) == len(data[1]):
            pairs = zip(*(t.split(WHOLE_DATA_BATCH) for t in data), strict=True) if len(data[0]) else ()
            return pairs, True
        if isinstance(data, tuple):
            raise ValueError(
                "Expected a pair of tensors with one row for an example in both, got "
                f"{len(data[0])} and {len(data[1])} rows."
            )
    if isinstance(data, Mapping):
        return _pieces(data), True
    if isinstance(data, Dataset):
        return _collated(data), True
    if isinstance(data, Iterable) and not isinstance(data, Tensor | str | PackedSequence):
        return data, stacks_examples(data)
    raise TypeError(
        "Expected data as a loader (an iterable of batches), a Dataset, a pair of tensors (x, y) or a "
        f"mapping of tensors, got {describe(data)}."
    )


def _pieces(data: Mapping[Any, Any]) -> Iterable[Any]:
    """A mapping of whole tensors in batches, or as one where it cannot be cut."""
    check_open(data, "the data")
    n, _ = count_examples(data, None, "the data", stacked=True)
    if not is_divisible(data, n, told=False, stacked=True):
        return [data]
    whole = Batch(data, n)
    return (cut(whole, slice(i, i + WHOLE_DATA_BATCH)).content for i in range(0, n, WHOLE_DATA_BATCH))


def _collated(data: Dataset[Any]) -> Iterator[Any]:
    try:
        yield from DataLoader(data, batch_size=WHOLE_DATA_BATCH)
    except (RuntimeError, TypeError) as error:  # of torch's default_collate
        if "equal size" not in str(error) and "default_collate" not in str(error):
            raise
        raise ValueError(
            "Expected a Dataset whose examples can be put together, such as tensors of one shape, got "
            f"{type(error).__name__}: {error}. Pass a DataLoader with a collate_fn that puts them together, "
            "for instance one that pads sequences (torch.nn.utils.rnn.pad_sequence)."
        ) from error


def _is_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and bool(value.ndim) and not value.is_nested


def _joined(batches: Sequence[Batch]) -> Batch:
    """Batches of one signature as one."""
    parts = [iter(tensors_in(batch)) for batch in batches]
    content = map_tensors(batches[0].content, lambda _: torch.cat([next(part) for part in parts]))
    return Batch(content, sum(batch.n for batch in batches))


def _signature(batch: Batch) -> str | None:
    """What batches must agree in to be joined; None where something in them is not by example."""
    found = list(leaves(batch.content))
    if not batch.divisible or not all(isinstance(leaf, Tensor) and leaf.ndim for leaf in found):
        return None
    return describe(map_tensors(batch.content, lambda t: t[:0]))
