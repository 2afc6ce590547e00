"""A point of a plane against plain torch: loss, metrics, gradient, and the Hessian by (α, β)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_widget import Objective, Plane, evaluate_plane, evaluate_point, random_plane
from landscape_widget.planes.points import point_steps

from ..support.cases import ONE_BATCH, RAGGED, Case, case, quadratic

AT = (0.3, -0.2)


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(1) == target).double().mean()


def loss_in_plane(network: Case, plane: Plane) -> Callable[[Tensor], Tensor]:
    """L as a function of (α, β), built of nothing but torch."""
    model, (x, y) = network.model(), network.examples()
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    vectors = [torch.from_numpy(v) for v in (plane.origin, plane.eta, plane.delta)]

    def loss(at: Tensor) -> Tensor:
        theta = vectors[0] + at[0] * vectors[1] + at[1] * vectors[2]
        parts = theta.split([p.numel() for p in trainable.values()])
        values = {name: v.view_as(p) for (name, p), v in zip(trainable.items(), parts, strict=True)}
        return nn.functional.cross_entropy(functional_call(model, values, (x,)), y)

    return loss


@pytest.mark.parametrize("name", ["dense tanh", "tied", "frozen", "convolution, batch norm"])
def test_a_point_is_what_torch_says(name: str) -> None:
    network = case(name)
    objective = network.objective(RAGGED, metrics={"accuracy": accuracy})
    plane = random_plane(objective, seed=3)
    point = evaluate_point(objective, plane, *AT)
    at = torch.tensor(AT, dtype=torch.float64)
    loss = loss_in_plane(network, plane)
    assert (point.alpha, point.beta) == AT
    assert point.train.loss == pytest.approx(loss(at).item(), rel=1e-12)
    assert point.train.n_examples == 13
    hessian = torch.autograd.functional.hessian(loss, at)
    np.testing.assert_allclose(point.hessian, hessian, rtol=1e-9)
    np.testing.assert_allclose(point.curvatures, np.linalg.eigvalsh(hessian), rtol=1e-9)
    theta = torch.from_numpy(plane.point(*AT))
    assert point.gradient_norm == pytest.approx(objective.gradient(theta).norm().item(), rel=1e-12)
    assert point.train.metrics == objective.metrics(theta)


def test_gradient_norm_is_that_of_all_parameters() -> None:
    """L = ½(4θ₁² − θ₂² + 9θ₃²): the plane of θ₁ and θ₂ does not see the slope along θ₃."""
    objective = quadratic(torch.diag(torch.tensor([4.0, -1.0, 9.0], dtype=torch.float64)))
    objective = objective.at(torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64))
    plane = Plane(objective.theta.numpy(), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    point = evaluate_point(objective, plane, 1.0, 3.0)
    assert point.train.loss == pytest.approx(0.5 * (4 - 9 + 36))
    assert point.gradient_norm == pytest.approx(np.sqrt(4**2 + 3**2 + 18**2))
    np.testing.assert_allclose(point.hessian, [[4, 0], [0, -1]], atol=1e-12)
    assert point.curvatures == pytest.approx((-1, 4))


def test_at_a_node_it_is_the_surface() -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    plane = random_plane(objective)
    *_, surface = evaluate_plane(objective, plane, (-1, 1, -1, 1), 5)
    point = evaluate_point(objective, plane, surface.alpha[3], surface.beta[1])
    assert point.train.loss == pytest.approx(surface.loss[1, 3], rel=1e-12)


def test_single_precision_loss_and_double_precision_curvature() -> None:
    network = case("dense ReLU")
    x, y = network.examples()
    objective = Objective(network.model().float(), [(x.float(), y)], network.loss_fn)
    exact = network.objective(ONE_BATCH)
    plane = random_plane(objective)
    point = evaluate_point(objective, plane, *AT)
    assert point.train.loss == objective.loss(torch.from_numpy(plane.point(*AT))).item()
    truth = evaluate_point(objective.precise(), plane, *AT)
    np.testing.assert_array_equal(point.hessian, truth.hessian)
    assert point.gradient_norm == truth.gradient_norm
    assert exact.n_parameters == objective.n_parameters


def test_test_data_are_scored_apart() -> None:
    network = case("dense tanh")
    objective = network.objective(ONE_BATCH, metrics={"accuracy": accuracy})
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.arange(9) % 3
    test = objective.with_data((x, y))
    plane = random_plane(objective)
    point = evaluate_point(objective, plane, *AT, test)
    theta = torch.from_numpy(plane.point(*AT))
    assert point.test is not None
    assert point.test.loss == test.loss(theta).item() != point.train.loss
    assert (point.test.metrics, point.test.n_examples) == (test.metrics(theta), 9)
    alone = evaluate_point(objective, plane, *AT)
    assert alone.test is None
    np.testing.assert_array_equal(point.hessian, alone.hessian)


def test_steps_know_ever_more() -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    plane = random_plane(objective)
    steps = list(point_steps(objective, plane, *AT, objective))
    known = [[part is not None for part in (s.test, s.gradient_norm, s.hessian)] for s in steps]
    assert known == [[False] * 3, [True, False, False], [True, True, False], [True] * 3]
    assert len({s.train.loss for s in steps}) == 1


@pytest.mark.parametrize("at", [(np.nan, 0), (0, np.inf)])
def test_coordinates_must_be_finite(at: tuple[float, float]) -> None:
    objective = quadratic(torch.eye(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="two finite numbers"):
        evaluate_point(objective, random_plane(objective), *at)
