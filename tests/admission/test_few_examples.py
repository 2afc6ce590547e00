"""A few examples of a standard loss tell what a model does; of any other the whole first batch is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from landscape_widget import Objective

N = 64


class Counting(nn.Linear):
    """Counts the examples that it is given, by their type; copies count in the same place."""

    seen: ClassVar[Counter[torch.dtype]] = Counter()

    def forward(self, x: Tensor) -> Tensor:
        self.seen[x.dtype] += len(x)
        return super().forward(x)


class Coupled(nn.Linear):
    """The mean over a batch is taken from each example."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


def weighted(output: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(output, y, weight=torch.tensor([1.0, 1.0, 9.0]).to(output))


@pytest.mark.parametrize("loss_fn", [nn.CrossEntropyLoss(), functional.cross_entropy, nn.MSELoss()])
def test_all_checks_of_a_standard_loss_take_less_than_a_pass_over_a_large_batch(
    loss_fn: Callable[..., Tensor],
) -> None:
    y = torch.randn(8 * N, 3) if isinstance(loss_fn, nn.MSELoss) else torch.arange(8 * N) % 3
    Counting.seen.clear()
    Objective(Counting(3, 3), [(torch.randn(8 * N, 3), y)], loss_fn)
    assert 0 < Counting.seen[torch.float64] < 8 * N


def test_whether_there_is_a_wider_type_is_seen_on_a_few_examples() -> None:
    objective = Objective(Counting(3, 3), [(torch.randn(8 * N, 3), torch.randn(8 * N, 3))], nn.MSELoss())
    Counting.seen.clear()
    assert objective.precise().dtype is torch.float64
    assert Counting.seen[torch.float64] == 8


def test_a_wider_type_of_a_loss_that_needs_many_examples_is_seen_on_the_first_batch() -> None:
    def of_the_largest(output: Tensor, y: Tensor) -> Tensor:
        return ((output - y) ** 2).flatten().topk(100).values.mean()

    data = [(torch.randn(8 * N, 3), torch.randn(8 * N, 3))]
    with pytest.warns(UserWarning, match="not a mean over examples"):
        objective = Objective(nn.Linear(3, 3), data, of_the_largest)
    assert objective.precise().dtype is torch.float64


@pytest.mark.parametrize(
    ("model", "loss_fn", "special"),
    [
        (nn.Linear, nn.CrossEntropyLoss(), -100),
        (nn.Linear, weighted, 2),
        (nn.Linear, nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 9.0])), 2),
        (Coupled, nn.CrossEntropyLoss(), 2),
    ],
    ids=["ignored target", "own loss with weights", "class weights", "coupled by the model"],
)
def test_examples_that_are_coupled_at_the_end_of_the_batch_are_told(
    model: type[nn.Linear], loss_fn: Callable[..., Tensor], special: int
) -> None:
    y = torch.arange(N) % 2
    y[-1] = special
    with pytest.warns(UserWarning, match="not a mean over examples"):
        Objective(model(3, 3), [(torch.randn(N, 3), y)], loss_fn)
