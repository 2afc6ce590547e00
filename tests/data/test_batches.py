"""The snapshot of the data: what a batch is, how many examples it holds, how it is cut."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from landscape_widget import Objective
from landscape_widget.data.batches import (
    Batch,
    convert,
    halves,
    regrouped,
    shuffled,
    shuffled_subset,
    tensors_in,
    with_tensors,
)
from landscape_widget.data.reading import read_batches


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


def test_shuffled_batches_hold_the_same_rows_in_another_order() -> None:
    x = torch.arange(50.0)[:, None]
    given = [
        Batch((x[:20], x[:20, 0]), 20),
        Batch((x[20:45], x[20:45, 0]), 25),
        Batch((x[45:], x[45:, 0]), 5),
    ]
    found = shuffled(given)
    assert [batch.n for batch in found] == [20, 25, 5]
    rows = torch.cat([batch.content[0][:, 0] for batch in found])
    assert torch.equal(rows, torch.cat([batch.content[1] for batch in found]))
    assert torch.equal(rows.sort().values, x[:, 0])
    assert not torch.equal(rows, x[:, 0])
    ragged = [Batch((torch.zeros(3, width),), 3) for width in (1, 2)]
    assert [batch.content[0].shape for batch in shuffled(ragged)] == [(3, 1), (3, 2)]


def test_regrouping_keeps_examples_and_order() -> None:
    batches = read_batches([(X[:4], Y[:4]), (X[4:8], Y[4:8]), (X[8:], Y[8:])])
    for size, sizes in ((10, [10]), (5, [5, 5]), (4, [4, 4, 2]), (1, [1] * 10)):
        regrouped_batches = regrouped(batches, size)
        assert [batch.n for batch in regrouped_batches] == sizes
        assert x_of(regrouped_batches) == X.flatten().tolist()


def test_batches_that_do_not_fit_together_stay_apart() -> None:
    short, long = torch.zeros(4, 3), torch.zeros(4, 5)
    batches = read_batches([(short, Y[:4]), (short, Y[:4]), (long, Y[:4]), (long.double(), Y[:4])])
    assert [batch.n for batch in regrouped(batches, 100)] == [8, 4, 4]


def test_what_is_not_by_example_is_neither_joined_nor_cut() -> None:
    batches = read_batches(
        [
            {"x": X[:4], "y": Y[:4], "scale": torch.tensor(2.0)},
            {"x": X[4:8], "y": Y[4:8], "scale": torch.tensor(3.0)},
        ]
    )
    assert regrouped(batches, 100) == batches
    assert regrouped(batches, 2) == batches


def test_tensors_of_a_batch_can_be_replaced() -> None:
    batch = Batch({"x": X, "more": [Y, "text"]}, 10)
    assert [id(t) for t in tensors_in(batch)] == [id(X), id(Y)]
    other = with_tensors(batch, [X + 1, Y + 2])
    assert torch.equal(other.content["x"], X + 1)
    assert torch.equal(other.content["more"][0], Y + 2)
    assert other.content["more"][1] == "text"


WIDE = torch.tensor([[0.1], [0.5]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (WIDE, torch.float32),
        (WIDE.float(), torch.bfloat16),
        (WIDE.to(torch.complex128), torch.float32),
        (WIDE.to_sparse(), torch.float32),
    ],
)
def test_data_that_lose_digits_are_told_of(x: Tensor, dtype: torch.dtype) -> None:
    name = str(x.dtype).removeprefix("torch.")
    with pytest.warns(UserWarning, match=rf"got {name}, which are read as .*Pass dtype=torch\.{name}"):
        read_batches([(x, Y[:2])], dtype=dtype)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (WIDE, torch.float64),
        (WIDE.float(), torch.float64),
        (torch.full((2, 1), 0.25, dtype=torch.float64), torch.float32),  # exact in both
        (Y[:2, None], torch.float32),
    ],
)
def test_data_that_lose_nothing_are_not(x: Tensor, dtype: torch.dtype) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_batches([(x, Y[:2])], dtype=dtype)
        read_batches([(WIDE, Y[:2])], dtype=torch.float32, chosen=True)


def test_an_objective_tells_of_rounded_data_at_the_callers_line() -> None:
    """Of those held out, too; nobody who asked for the type is told."""
    model, loss_fn = torch.nn.Linear(1, 1), torch.nn.MSELoss()
    with pytest.warns(UserWarning, match="got float64, which are read as float32") as told:
        objective = Objective(model, (WIDE, WIDE), loss_fn)
    assert [warning.filename for warning in told] == [__file__]
    with pytest.warns(UserWarning, match="got float64"):
        objective.with_data((WIDE, WIDE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective(model, (WIDE.float(), WIDE.float()), loss_fn)
        Objective(model, (WIDE, WIDE), loss_fn, dtype=torch.float64)
        Objective(model, (WIDE, WIDE), loss_fn, dtype=torch.float32).at(objective.theta).with_data(
            (WIDE, WIDE)
        )
