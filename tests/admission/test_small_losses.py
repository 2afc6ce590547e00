"""Losses near 0 that are small differences of larger numbers, as of classifiers that fit all their data."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, linear, log_softmax, nll_loss

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.admission.jumps import jump_between
from landscape_widget.admission.slope_check import CutOffError

Loss = Callable[[Tensor, Tensor], Tensor]

X = torch.eye(3, dtype=torch.float64).repeat(8, 1)
Y = torch.arange(3).repeat(8)

LOSSES: dict[str, Loss] = {
    "cross entropy": cross_entropy,
    "log of the softmax": lambda out, y: nll_loss(log_softmax(out, 1), y),
    "log of a sum": lambda out, y: (out.exp().sum(1).log() - out[range(len(y)), y]).mean(),
    "binary": lambda out, y: binary_cross_entropy_with_logits(out - 5, nn.functional.one_hot(y).double()),
    "smoothed and put back": lambda out, y: cross_entropy(out, y, label_smoothing=0.0) + 1.0 - 1.0,
}


class Fitted(nn.Module):
    """A classifier with logits about ``size`` apart."""

    def __init__(self, size: float, cut: bool = False) -> None:
        super().__init__()
        self.layer, self.cut = nn.Linear(3, 3).double(), cut
        with torch.no_grad():
            self.layer.weight.copy_(size * torch.eye(3) + torch.linspace(0, 1, 9).reshape(3, 3))
            self.layer.bias.copy_(torch.tensor([0.1, 0.0, -0.1]))

    def forward(self, x: Tensor) -> Tensor:
        found = self.layer(x)
        return (
            found + linear(x, self.layer.weight.detach() * Tensor([[0], [0.5], [0]])) if self.cut else found
        )


def largest(model: nn.Module, loss: Loss, x: Tensor = X) -> float:
    """λmax of the dense Hessian."""
    parameters = [*model.parameters()]
    slopes = torch.autograd.grad(loss(model(x), Y), parameters, create_graph=True)
    rows = [
        torch.cat([part.reshape(-1) for part in torch.autograd.grad(each, parameters, retain_graph=True)])
        for each in torch.cat([part.reshape(-1) for part in slopes])
    ]
    return float(torch.linalg.eigvalsh(torch.stack(rows))[-1])


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "size"),
    [
        *(("cross entropy", size) for size in (3.0, 8.0, 12.0, 16.0, 20.0)),
        *((name, size) for name in list(LOSSES)[1:] for size in (8.0, 20.0)),
    ],
)
def test_a_classifier_that_fits_its_data_is_taken(name: str, size: float) -> None:
    model, loss = Fitted(size), LOSSES[name]
    pairs = hessian_eigenpairs(Objective(model, (X, Y), loss), 1, "largest")
    assert pairs.values[0] == pytest.approx(largest(model, loss), rel=1e-5)


@pytest.mark.parametrize("size", [28.0, 33.0, 40.0, 100.0])
def test_a_loss_that_is_all_rounding_is_refused_with_the_cause(size: float) -> None:
    with pytest.raises(CutOffError, match="changes are more than rounding"):
        Objective(Fitted(size), (X, Y), cross_entropy)


@pytest.mark.parametrize("size", [3.0, 12.0, 20.0, 30.0])
def test_what_is_cut_off_is_refused_however_small_the_loss_is(size: float) -> None:
    with pytest.raises(CutOffError):
        hessian_eigenpairs(Objective(Fitted(size, cut=True), (X, Y), cross_entropy))


@pytest.mark.parametrize("unit", [1e-6, 1e-12, 1e-18])
def test_a_loss_in_small_units_is_as_good_as_any(unit: float) -> None:
    model = Fitted(3.0)
    pairs = hessian_eigenpairs(
        Objective(model, (X, Y), lambda out, y: unit * cross_entropy(out, y)), 1, "largest"
    )
    assert pairs.values[0] == pytest.approx(unit * largest(model, cross_entropy), rel=1e-5)
    with pytest.raises(CutOffError):
        Objective(Fitted(3.0, cut=True), (X, Y), lambda out, y: unit * cross_entropy(out, y))


class Rounded(Fitted):
    """A model in single precision that rounds its logits and lets gradients through."""

    def forward(self, x: Tensor) -> Tensor:
        found = linear(x.float(), self.layer.weight.float(), self.layer.bias.float())
        return found + (found.round() - found).detach()


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_a_jump_that_no_rounding_makes_is_told_as_one_in_single_precision(unit: float) -> None:
    model = Rounded(0.0).float()
    with pytest.raises(CutOffError, match="without jumps"):
        Objective(model, (X.float(), Y), lambda out, y: unit * cross_entropy(out, y))


def test_a_slope_that_differs_by_more_than_rounding_is_not_put_down_to_it() -> None:
    model = Rounded(0.0).float()
    with torch.no_grad():  # far from where it jumps
        model.layer.weight.copy_(torch.eye(3))
        model.layer.bias.zero_()
    with pytest.raises(
        CutOffError, match="whose gradient with respect to the model's parameters is its slope"
    ):
        Objective(model, (X.float(), Y), cross_entropy)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e-12, 1e-18])
@pytest.mark.parametrize("way", [0.1, -0.1])
def test_a_jump_is_one_in_any_units(way: float, unit: float, dtype: torch.dtype) -> None:
    theta = torch.ones(9, dtype=dtype)
    jump = jump_between(
        lambda t: (unit * (1 + 1e-3 * t.sum() + (t[0] > 1.01).to(dtype))).item(),
        (1 - way) * theta,
        (1 + way) * theta,
    )
    assert jump is not None
    assert abs(jump.losses[1] - jump.losses[0]) == pytest.approx(unit, rel=1e-2)


def test_the_end_of_a_hinge_is_no_jump() -> None:
    theta = torch.ones(9, dtype=torch.float64)
    assert (
        jump_between(lambda t: max(0.0, (t[0] - 1.01 + 1e5 - 1e5).item()), 0.9 * theta, 1.1 * theta) is None
    )


@pytest.mark.parametrize("size", [28.0, 40.0])
def test_a_few_examples_that_a_classifier_is_sure_of_are_no_reason_to_refuse_its_curvature(
    size: float,
) -> None:
    """Products are checked on these first, and their loss is all rounding."""
    model, x = Fitted(size), X.clone()
    x[10] = 0  # all classes are about as likely
    pairs = hessian_eigenpairs(Objective(model, (x, Y), cross_entropy), 1, "largest")
    assert pairs.values[0] == pytest.approx(largest(model, cross_entropy, x), rel=1e-5)
