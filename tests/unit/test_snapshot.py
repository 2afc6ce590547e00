"""The snapshot of the data: what a batch is, how many examples it holds, how it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from landscape_widget.snapshot import Batch, convert, halves, read_batches, shuffled_subset


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


X = torch.arange(10.0)[:, None]
Y = torch.arange(10)


def x_of(batches: Sequence[Batch]) -> list[float]:
    """The inputs of all examples, in order."""
    inputs = [next(iter(b.content.values() if isinstance(b.content, dict) else b.content)) for b in batches]
    return torch.cat(inputs).flatten().tolist()


@pytest.mark.parametrize(
    "batch",
    [
        lambda x, y: (x, y),
        lambda x, y: [x, y],
        lambda x, y: {"x": x, "y": y},
        Pair,
        lambda x, y: {"x": x, "y": y, "name": "text", "scale": torch.tensor(2.0)},
        lambda x, y: ({"x": x, "mask": x > 3}, y),
    ],
    ids=["tuple", "list", "dict", "named tuple", "dict with more", "nested"],
)
def test_batches_of_any_shape_are_counted_and_cut(batch: Any) -> None:
    loader = [batch(x, y) for x, y in zip(X.split(4), Y.split(4), strict=True)]
    read = read_batches(loader, max_examples=6)
    assert [b.n for b in read] == [4, 2]
    assert type(read[1].content) is type(loader[1])

    def rows(content: Any) -> list[int]:
        if isinstance(content, Tensor):
            return [len(content)] if content.ndim else []
        values = content.values() if isinstance(content, dict) else content
        return [n for v in values if not isinstance(v, str) for n in rows(v)]

    assert set(rows(read[1].content)) == {2}


def test_the_snapshot_is_a_copy() -> None:
    x = X.clone()
    (batch,) = read_batches([(x, Y)])
    x.zero_()
    assert torch.equal(batch.content[0], X)


def test_a_loader_is_read_no_further_than_needed() -> None:
    read = []

    def endless() -> Any:
        while True:
            read.append(1)
            yield X, Y

    assert sum(batch.n for batch in read_batches(endless(), 20)) == 20
    assert len(read) == 2


@pytest.mark.parametrize("data", [(X, Y), {"x": X, "y": Y}, TensorDataset(X, Y)], ids=["pair", "dict", "set"])
def test_whole_data_are_read_in_order(data: Any) -> None:
    assert x_of(read_batches(data)) == X.flatten().tolist()


def test_conversion_leaves_integers() -> None:
    (batch,) = convert(read_batches([(X, Y, X > 1)]), torch.device("cpu"), torch.float64)
    assert [t.dtype for t in batch.content] == [torch.float64, torch.int64, torch.bool]


def test_halves_make_the_whole() -> None:
    (batch,) = read_batches([(X[:5], Y[:5])])
    first, second = halves(batch)
    assert (first.n, second.n) == (2, 3)
    assert x_of([first, second]) == X[:5].flatten().tolist()


def test_one_example_has_no_halves() -> None:
    (batch,) = read_batches([(X[:1], Y[:1])])
    assert halves(batch) is None


def test_subsets_of_a_seed_are_nested_and_keep_their_targets() -> None:
    batches = read_batches(list(zip(X.split(4), Y.split(4), strict=True)))
    former: set[float] = set()
    for n in range(1, 11):
        subset = shuffled_subset(batches, n, seed=1)
        values = x_of(subset)
        assert len(values) == n == sum(batch.n for batch in subset)
        assert former < set(values)
        assert all(torch.equal(b.content[0][:, 0].long(), b.content[1]) for b in subset)
        former = set(values)


def test_a_subset_of_sorted_data_is_not_its_front() -> None:
    subset = shuffled_subset([Batch((torch.arange(1000.0)[:, None],), 1000)], 100)
    mean = torch.tensor(x_of(subset)).mean().item()
    assert mean == pytest.approx(500, abs=5 * 1000 / (12 * 100) ** 0.5)
