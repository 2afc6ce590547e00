"""Batches of the fixed copy of the data: cut, joined and widened without a second copy of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from typing import Any

import torch
from torch import Tensor

from landscape_widget.data.tree import describe, leaves, map_tensors
from landscape_widget.numerics.storage import memory_of

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
    dtype: torch.dtype | None = None
    """What its numbers are widened to whenever the loss is evaluated; None where they are held as that."""
    shared: bool = False
    """Whether its tensors had memory in common, as of x and a part of it, which copies have not."""

    def __getstate__(self) -> dict[str, Any]:
        """Pickles the batch with its own examples: a view would take along all that it is a view of."""
        return {**vars(self), "content": map_tensors(self.content, _alone)}

    def widened(self) -> Batch:
        """The batch with its numbers as ``dtype``; exact, and a copy for as long as somebody holds it."""
        if self.dtype is None:
            return self
        dtype = self.dtype
        content = map_tensors(self.content, lambda tensor: tensor.to(converted_dtype(tensor, dtype)))
        return replace(self, content=content, dtype=None)

    def copied(self) -> Batch:
        """The batch with containers and tensors of its own."""
        return replace(self, content=map_tensors(self.content, Tensor.clone))


def convert(batches: Sequence[Batch], device: torch.device, dtype: torch.dtype) -> list[Batch]:
    """The batches on ``device``, numbers as ``dtype``, complex ones as wide; integers stay integers."""

    def to(tensor: Tensor) -> Tensor:
        return tensor.to(device, converted_dtype(tensor, dtype))

    return [replace(batch, content=map_tensors(batch.content, to), dtype=None) for batch in batches]


def convert_late(batches: Sequence[Batch], device: torch.device, dtype: torch.dtype) -> list[Batch]:
    """The same, where numbers that only become wider are held as they are: others take twice the room."""

    def late(batch: Batch) -> Batch:
        tensors = tensors_in(batch)
        wanted = [converted_dtype(tensor, dtype) for tensor in tensors]
        wider = all(torch.promote_types(t.dtype, w) is w for t, w in zip(tensors, wanted, strict=True))
        if not wider or any(tensor.device != device for tensor in tensors):
            return convert([batch], device, dtype)[0]
        return replace(batch, dtype=None if wanted == [tensor.dtype for tensor in tensors] else dtype)

    return [late(batch) for batch in batches]


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


def leaving_none_alone(n: int, size: int) -> int:
    """Size of batches, ``size`` or the next above, of which ``n`` examples leave none of a single one.

    It would have no batch statistics.
    """
    return next((larger for larger in range(size, n) if n % larger != 1), max(size, n))


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


def shuffled(batches: Sequence[Batch], seed: int = 0) -> list[Batch]:
    """The same examples in a random order, in batches as large; not across what cannot be joined."""
    generator, result = torch.Generator().manual_seed(seed), list[Batch]()
    for signature, run in groupby(batches, _signature):
        members = list(run)
        if signature is None:
            result += members
            continue
        ends = list(accumulate((batch.n for batch in members), initial=0))
        mixed = cut(_joined(members), torch.randperm(ends[-1], generator=generator))
        result += [cut(mixed, slice(*edge)) for edge in pairwise(ends)]
    return result


def pack(batches: list[Batch]) -> None:
    """Puts neighbours that can be joined into one storage, where other groups of them are views.

    Each copy takes the place of its batch in the list, so that one batch is there twice and not all.
    """
    for signature, run in groupby(range(len(batches)), lambda b: _signature(batches[b])):
        numbers = list(run)
        if signature is None or len(numbers) == 1:
            continue
        first, total = batches[numbers[0]], sum(batches[b].n for b in numbers)
        if not all(map(_rows_are_dense, tensors_in(first))):
            continue
        room = [t.new_empty_strided((total, *t.shape[1:]), _row_strides(t)) for t in tensors_in(first)]
        start = 0
        for b in numbers:
            places = [tensor[start : start + batches[b].n] for tensor in room]
            for place, tensor in zip(places, tensors_in(batches[b]), strict=True):
                place.copy_(tensor)
            start += batches[b].n
            batches[b] = with_tensors(batches[b], places)


def halves(batch: Batch) -> tuple[Batch, Batch] | None:
    """The batch as two, or None where it holds a single example or cannot be cut."""
    if batch.n < 2 or not batch.divisible:
        return None
    rows = torch.arange(batch.n)
    return cut(batch, rows[: batch.n // 2]), cut(batch, rows[batch.n // 2 :])


def tensors_in(batch: Batch) -> list[Tensor]:
    """All tensors of a batch, in a fixed order."""
    return [leaf for leaf in leaves(batch.content) if isinstance(leaf, Tensor)]


def share_memory(tensors: Sequence[Tensor]) -> bool:
    """Whether some of these tensors lie in one storage, or in some that overlap, as parts of an array do."""
    held = [t for t in tensors if t.layout is torch.strided and not t.is_nested and t.numel()]
    places = sorted(place for t in held if (place := memory_of(t)))
    return any(start < end for (_, end), (start, _) in pairwise(places))


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

    return Batch(map_tensors(batch.content, take), n, dtype=batch.dtype, shared=batch.shared)


def _joined(batches: Sequence[Batch]) -> Batch:
    """Batches of one signature as one."""
    parts = [iter(tensors_in(batch)) for batch in batches]
    content = map_tensors(batches[0].content, lambda _: _one_after_another([next(part) for part in parts]))
    shared = any(batch.shared for batch in batches)
    return Batch(content, sum(batch.n for batch in batches), dtype=batches[0].dtype, shared=shared)


def _rows_are_dense(tensor: Tensor) -> bool:
    """Whether a row takes the room of its numbers alone, in whatever order of its dimensions."""
    row = tensor[0]
    last = sum((size - 1) * step for size, step in zip(row.shape, row.stride(), strict=True))
    return last + 1 == row.numel()


def _row_strides(tensor: Tensor) -> tuple[int, ...]:
    """Strides of a tensor of such rows one after another."""
    return (tensor[0].numel(), *tensor.stride()[1:])


def _alone(tensor: Tensor) -> Tensor:
    """The tensor in a storage of its own."""
    part = not tensor.is_nested and tensor.layout is torch.strided
    return tensor.clone() if part and tensor.nbytes < tensor.untyped_storage().nbytes() else tensor


def _one_after_another(parts: Sequence[Tensor]) -> Tensor:
    """Tensors joined along their first dimension, as a view where they lie so in one storage already."""
    first, start = parts[0], parts[0].storage_offset()
    for part in parts:
        here = part.untyped_storage().data_ptr(), part.storage_offset(), part.stride()
        if here != (first.untyped_storage().data_ptr(), start, first.stride()):
            return torch.cat(list(parts))
        start += len(part) * part.stride(0)
    rows = sum(map(len, parts))
    return first.as_strided((rows, *first.shape[1:]), first.stride(), first.storage_offset())


def _signature(batch: Batch) -> str | None:
    """What batches must agree in to be joined; None where something in them is not by example."""
    found = list(leaves(batch.content))
    if not batch.divisible or not all(isinstance(leaf, Tensor) and leaf.ndim for leaf in found):
        return None
    return describe(map_tensors(batch.content, lambda t: t[:0]))
