"""A fixed copy of the data: read once, counted by examples, sliced, moved to a device and dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

#: Batch size for data that comes as whole tensors instead of batches.
WHOLE_DATA_BATCH = 512


@dataclass(frozen=True)
class Batch:
    """One batch as the loader gave it, and how many examples it holds."""

    content: Any
    n: int


def read_batches(data: Any, max_examples: int | None = None) -> list[Batch]:
    """Reads ``data`` once, in its own order, until it ends or holds ``max_examples``.

    Args:
        data: A loader (any iterable of batches), a ``Dataset``, a pair of tensors ``(x, y)`` or a
            mapping of tensors, each with one row for an example.
        max_examples: Upper limit; the batch that crosses it is cut.

    Raises:
        ValueError: If there is no example, or a batch does not tell how many it holds.
        TypeError: If ``data`` is none of the above.
    """
    if max_examples is not None and max_examples < 1:
        raise ValueError(f"Expected max_examples to be at least 1 or None, got {max_examples}.")
    batches: list[Batch] = []
    total = 0
    for content in _iterate(data):
        batch = Batch(_map_tensors(content, lambda t: t.detach().clone()), count_examples(content))
        room = batch.n if max_examples is None else min(batch.n, max_examples - total)
        if room:
            batches.append(batch if room == batch.n else _cut(batch, slice(room)))
            total += room
        if total == max_examples:
            break
    if not total:
        raise ValueError("Expected data with at least one example, got an empty loader.")
    return batches


def convert(batches: Sequence[Batch], device: torch.device, dtype: torch.dtype) -> list[Batch]:
    """The batches on ``device``, floating-point tensors as ``dtype``; integers stay integers."""

    def to(tensor: Tensor) -> Tensor:
        return tensor.to(device, dtype if tensor.is_floating_point() else None)

    return [Batch(_map_tensors(batch.content, to), batch.n) for batch in batches]


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
            subset.append(_cut(batch, rows))
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
        result += [_cut(whole, slice(*edge)) for edge in pairwise(edges)] if len(edges) > 2 else [whole]
    return result


def halves(batch: Batch) -> tuple[Batch, Batch] | None:
    """The batch as two, or None where it holds a single example."""
    if batch.n < 2:
        return None
    rows = torch.arange(batch.n)
    return _cut(batch, rows[: batch.n // 2]), _cut(batch, rows[batch.n // 2 :])


def count_examples(content: Any) -> int:
    """Number of examples in a batch: the length of its first tensor that has a leading dimension.

    Raises:
        ValueError: If there is no such tensor.
    """
    if isinstance(content, Tensor) and content.ndim:
        return len(content)
    parts = content.values() if isinstance(content, Mapping) else content
    if isinstance(content, Mapping | list | tuple):
        for part in parts:
            try:
                return count_examples(part)
            except ValueError:
                continue
    raise ValueError(
        "Expected batches that hold tensors with one row for an example, got "
        f"{describe(content)}. Let the loader's collate_fn return tensors."
    )


def tensors_in(batch: Batch) -> list[Tensor]:
    """All tensors of a batch, in a fixed order."""
    return [leaf for leaf in _leaves(batch.content) if isinstance(leaf, Tensor)]


def check_only_tensors(batch: Batch) -> None:
    """Raises a ValueError if there is anything else in the batch: a program would hold what it saw of it."""
    if not all(isinstance(leaf, Tensor) for leaf in _leaves(batch.content)):
        raise ValueError("its batches hold more than tensors")


def with_tensors(batch: Batch, tensors: Sequence[Tensor]) -> Batch:
    """The batch with other tensors in the places of its own, in the order of ``tensors_in``."""
    rest = iter(tensors)
    return Batch(_map_tensors(batch.content, lambda _: next(rest)), batch.n)


def describe(content: Any) -> str:
    """Shapes and dtypes of a batch in one line, for error messages."""
    if isinstance(content, Tensor):
        return f"{tuple(content.shape)} {str(content.dtype).removeprefix('torch.')}"
    if isinstance(content, Mapping):
        return "{" + ", ".join(f"{k}: {describe(v)}" for k, v in content.items()) + "}"
    if isinstance(content, list | tuple):
        return "(" + ", ".join(describe(part) for part in content) + ")"
    return type(content).__name__


def _iterate(data: Any) -> Iterable[Any]:
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(t, Tensor) for t in data):
        if len(data[0]) != len(data[1]):
            raise ValueError(
                "Expected a pair of tensors with one row for an example in both, got "
                f"{len(data[0])} and {len(data[1])} rows."
            )
        return zip(*(t.split(WHOLE_DATA_BATCH) for t in data), strict=True) if len(data[0]) else ()
    if isinstance(data, Mapping):
        n = count_examples(data)
        parts = {k: _rows_of(v, n) for k, v in data.items()}
        return ({k: part(slice(i, i + WHOLE_DATA_BATCH)) for k, part in parts.items()}
                for i in range(0, n, WHOLE_DATA_BATCH))  # fmt: skip
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        return DataLoader(data, batch_size=WHOLE_DATA_BATCH)
    if isinstance(data, Iterable) and not isinstance(data, Tensor | str):
        return data
    raise TypeError(
        "Expected data as a loader (an iterable of batches), a Dataset, a pair of tensors (x, y) or a "
        f"mapping of tensors, got {describe(data)}."
    )


def _rows_of(value: Any, n: int) -> Callable[[Any], Any]:
    return lambda rows: _map_tensors(value, lambda t: t[rows] if t.ndim and len(t) == n else t)


def _cut(batch: Batch, rows: slice | Tensor) -> Batch:
    """The examples of a slice, as views, or those with the numbers in ``rows``."""
    n = len(range(batch.n)[rows]) if isinstance(rows, slice) else len(rows)

    def take(tensor: Tensor) -> Tensor:
        if not tensor.ndim or len(tensor) != batch.n:
            return tensor
        return tensor[rows] if isinstance(rows, slice) else tensor[rows.to(tensor.device)]

    return Batch(_map_tensors(batch.content, take), n)


def _joined(batches: Sequence[Batch]) -> Batch:
    """Batches of one signature as one."""
    parts = [iter(_leaves(batch.content)) for batch in batches]
    content = _map_tensors(batches[0].content, lambda _: torch.cat([next(part) for part in parts]))
    return Batch(content, sum(batch.n for batch in batches))


def _signature(batch: Batch) -> str | None:
    """What batches must agree in to be joined; None where something in them is not by example."""
    leaves = _leaves(batch.content)
    if not all(isinstance(leaf, Tensor) and leaf.ndim and len(leaf) == batch.n for leaf in leaves):
        return None
    return describe(_map_tensors(batch.content, lambda t: t[:0]))


def _leaves(content: Any) -> list[Any]:
    """Everything in the lists, tuples and mappings of ``content``, in the order of ``_map_tensors``."""
    if isinstance(content, Mapping):
        return [leaf for value in content.values() for leaf in _leaves(value)]
    if isinstance(content, list | tuple):
        return [leaf for part in content for leaf in _leaves(part)]
    return [content]


def _map_tensors(content: Any, f: Callable[[Tensor], Tensor]) -> Any:
    """``content`` with ``f`` applied to every tensor in its lists, tuples and mappings."""
    if isinstance(content, Tensor):
        return f(content)
    if isinstance(content, Mapping):
        return {key: _map_tensors(value, f) for key, value in content.items()}
    if isinstance(content, tuple) and hasattr(content, "_fields"):
        return type(content)(*(_map_tensors(part, f) for part in content))
    if isinstance(content, list | tuple):
        return type(content)(_map_tensors(part, f) for part in content)
    return content
