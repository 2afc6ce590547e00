"""Metrics that are sums over a batch are told of; what is a mean, or no sum, is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import Objective

X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0.3).long()


def objective(metric: Callable[..., object], size: int = 16, model: nn.Module | None = None) -> Objective:
    loader = DataLoader(TensorDataset(X, Y), batch_size=size)
    return Objective(model or network(), loader, nn.CrossEntropyLoss(), metrics={"quality": metric})


def network() -> nn.Module:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[-0.2, 0.1, 0.0], [0.5, 0.0, 0.3]]))
        model.bias.zero_()
    return model


def n_right(output: Tensor, y: Tensor) -> Tensor:
    return (output.argmax(1) == y).sum()


SUMS = {
    "a count": n_right,
    "a number of Python": lambda output, y: int(n_right(output, y)),
    "a sum of losses": lambda output, y: functional.cross_entropy(output, y, reduction="sum"),
    "a negative one": lambda output, _: functional.log_softmax(output, 1)[:, 0].sum(),
    "examples in a batch": lambda _, y: len(y),
    "a norm of no root": lambda output, _: output.square().sum(),
}

NO_SUMS = {
    "a share": lambda output, y: n_right(output, y) / len(y),
    "none right": lambda *_: torch.zeros(()),
    "the largest": lambda output, y: (output - y[:, None]).abs().max(),
    "a module of a sum, which is divided": nn.CrossEntropyLoss(reduction="sum"),
    "a root": lambda output, _: output.square().mean().sqrt(),
    "of no data": lambda *_: 3.0,
    "not a number": lambda *_: torch.tensor(torch.nan),
}


@pytest.mark.parametrize("metric", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("size", [16, 17, 50])
def test_a_sum_is_told_of(metric: Callable[..., object], size: int) -> None:
    with pytest.warns(
        UserWarning, match="'quality' of .* a sum. Divide it by the number of examples"
    ) as found:
        objective(metric, size)
    assert found[0].filename == __file__


@pytest.mark.parametrize("metric", NO_SUMS.values(), ids=NO_SUMS)
def test_what_is_none_is_not(metric: Callable[..., object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective(metric)


def test_a_batch_of_one_example_and_one_that_is_never_cut_tell_nothing() -> None:
    class Whole(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) < 50:
                raise ValueError("all of them")
            return super().forward(x)

    for size, model in ((1, network()), (50, Whole(3, 2))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            objective(n_right, size, model)
