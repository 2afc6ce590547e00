"""Data that come as whole tensors: their loss is that of all of them at once, in pieces or not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.admission.pieces import PIECE

pytestmark = pytest.mark.oracle

Loss = Callable[[Tensor, Tensor], Tensor]


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))


def of_all_at_once(model: nn.Module, x: Tensor, y: Tensor, loss_fn: Loss) -> tuple[float, np.ndarray]:
    """The loss on all of the data and the ends of its spectrum, by double backward in float64."""
    double = copy.deepcopy(model).double()
    weights = list(double.parameters())
    loss = loss_fn(double(x.double()), y.double() if y.is_floating_point() else y)
    gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, weights, create_graph=True)])
    rows = [torch.autograd.grad(g, weights, retain_graph=True, materialize_grads=True) for g in gradient]
    hessian = torch.stack([torch.cat([r.reshape(-1) for r in row]) for row in rows])
    return loss.item(), np.linalg.eigvalsh((hessian + hessian.T) / 2)[[-1, 0]]


def covariance(output: Tensor) -> Tensor:
    centred = output - output.mean(0)
    return centred.T @ centred / (len(output) - 1)


def decorrelated(output: Tensor, target: Tensor) -> Tensor:
    squares = covariance(output).square()
    return functional.mse_loss(output, target) + 0.1 * (squares.sum() - squares.diag().sum()) / 4


def of_volume(output: Tensor, target: Tensor) -> Tensor:
    c = covariance(output) + 1e-3 * torch.eye(4).to(output)
    return functional.mse_loss(output, target) - 0.5 * torch.logdet(c)


def of_sorted(output: Tensor, target: Tensor) -> Tensor:
    return 1 + 1e-2 * (output.sort(0).values - target.sort(0).values).square().mean()


def of_hardest(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean(1).topk(50).values.mean()


def of_chosen(output: Tensor, target: Tensor) -> Tensor:
    """A mean over those with a positive first number: another share of each piece."""
    return (output - target).square().mean(1)[target[:, 0] > 0].mean()


COUPLED: dict[str, Loss] = {
    "covariance": decorrelated,
    "volume": of_volume,
    "sorted": of_sorted,
    "hardest": of_hardest,
    "masked": of_chosen,
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "pair") for name in COUPLED),
        *(("covariance", kind) for kind in ("list", "mapping", "data set")),
    ],
)
@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_losses_that_couple_examples(name: str, kind: str) -> None:
    loss_fn = COUPLED[name]
    n = PIECE + 188
    x, y, model = draws(n, 6), draws(n, 4, seed=1), network()
    data: Any = {
        "pair": (x, y),
        "list": [x, y],
        "mapping": {"x": x, "y": y},
        "data set": TensorDataset(x, y),
    }[kind]

    def of_mapping(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return loss_fn(model(batch["x"]), batch["y"])

    objective = Objective(model, data, of_mapping if kind == "mapping" else loss_fn)
    loss, ends = of_all_at_once(model, x, y, loss_fn)
    assert objective.loss().item() == pytest.approx(loss, rel=1e-5)
    if kind == "pair":  # the others are the same objective once their loss is
        np.testing.assert_allclose(hessian_eigenpairs(objective, tol=1e-5).values, ends, rtol=1e-4)


CLASSES = torch.randint(4, (PIECE + 600,), generator=torch.Generator().manual_seed(2))


def ignoring(at: slice) -> Tensor:
    y = CLASSES.clone()
    y[at] = -100
    return y


def own_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(output, target)


@pytest.mark.parametrize(
    ("loss_fn", "ignored"),
    [
        (nn.CrossEntropyLoss(), slice(1000, 1100)),
        (nn.CrossEntropyLoss(), slice(2)),
        (nn.CrossEntropyLoss(), slice(512, 1024, 2)),
        (functional.cross_entropy, slice(512, 1024, 2)),
        (partial(functional.cross_entropy, label_smoothing=0.1), slice(-1, None)),
        (own_cross_entropy, slice(1000, 1100)),
        (own_cross_entropy, slice(-1, None)),
        (own_cross_entropy, slice(512, 1024, 2)),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_ignored_targets_anywhere(loss_fn: Loss, ignored: slice) -> None:
    """Also where each half of a piece, or each of two pieces, ignores as many as the other."""
    y, model = ignoring(ignored), network()
    x = draws(len(y), 6)
    objective = Objective(model, (x, y), loss_fn)
    loss, _ = of_all_at_once(model, x, y, loss_fn)
    assert objective.loss().item() == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("weights", [(1.0, 1.2, 0.9, 1.0), (1.0, 0.0, 3.0, 1.0)])
@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_class_weights(weights: tuple[float, ...]) -> None:
    def weighted(output: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(output, target, torch.tensor(weights).to(output))

    y, model = CLASSES.sort().values, network()
    x = draws(len(y), 6)
    loss, ends = of_all_at_once(model, x, y, weighted)
    for loss_fn in (weighted, nn.CrossEntropyLoss(torch.tensor(weights))):
        objective = Objective(model, (x, y), loss_fn)
        assert objective.loss().item() == pytest.approx(loss, rel=1e-6)
        np.testing.assert_allclose(hessian_eigenpairs(objective, tol=1e-5).values, ends, rtol=1e-4)


class Centred(nn.Module):
    """Couples the examples of a batch in the model."""

    def forward(self, h: Tensor) -> Tensor:
        return h - h.mean(0)


@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_a_model_that_couples_examples() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), Centred(), nn.Linear(5, 4))
    x, y = draws(700, 6), draws(700, 4, seed=1)
    loss, _ = of_all_at_once(model, x, y, nn.MSELoss())
    assert Objective(model, (x, y), nn.MSELoss()).loss().item() == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("loss_fn", [nn.MSELoss(), functional.mse_loss, lambda o, t: (o - t).square().mean()])
def test_a_mean_over_examples_is_taken_in_pieces(loss_fn: Loss) -> None:
    """So that memory does not grow with the data."""
    sizes: list[int] = []

    class Sized(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super().forward(x)

    objective = Objective(Sized(6, 4), (draws(2000, 6), draws(2000, 4, seed=1)), loss_fn)
    assert max(sizes) <= PIECE
    assert objective.n_examples == 2000


@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_test_data_are_whole_too() -> None:
    x, y, model = draws(700, 6), draws(700, 4, seed=1), network()
    objective = Objective(model, (x[:20], y[:20]), of_volume).with_data((x, y))
    assert objective.loss().item() == pytest.approx(of_all_at_once(model, x, y, of_volume)[0], rel=1e-5)
