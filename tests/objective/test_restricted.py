"""Curvature of some of the parameters: everything against the diagonal block of the dense Hessian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import (
    Objective,
    convexity_map,
    hessian_eigenpairs,
    hessian_trace,
    projected_curvatures,
    random_plane,
    saddle_blindness,
    spectral_density,
)
from landscape_widget.curvature.operators import OPERATORS, curvature
from landscape_widget.curvature.slopes import slopes_along
from landscape_widget.loss.parameters import Selection
from landscape_widget.numerics.saddle_integral import exact_blindness
from landscape_widget.planes.directions import random_pair
from landscape_widget.study.verdict import judge

from ..curvature.test_operators import expected
from ..support.cases import case, quadratic
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

NETWORK = case("dense tanh")
TRUTH = dense(NETWORK)


@dataclass(frozen=True)
class Restriction:
    """A way to choose parameters, and the names that it should choose."""

    select: Callable[[Any], Selection]
    names: tuple[str, ...]

    def objective(self) -> Objective:
        model = NETWORK.model()
        return Objective(model, NETWORK.batches(), NETWORK.loss_fn, parameters=self.select(model))

    @property
    def rows(self) -> torch.Tensor:
        return TRUTH.indices(*self.names)

    @property
    def block(self) -> torch.Tensor:
        return TRUTH.hessian[self.rows][:, self.rows]

    def twin(self) -> Objective:
        """A function whose whole Hessian is the block, for what depends on random vectors."""
        return quadratic(self.block, TRUTH.gradient[self.rows], TRUTH.loss.item())


def vectors(_name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim == 1


MIDDLE = ("2.weight", "2.bias")
ALL = {
    "glob": Restriction(lambda _: "2.*", MIDDLE),
    "module": Restriction(lambda model: model[2], MIDDLE),
    "globs": Restriction(lambda _: ["0.weight", "4.*"], ("0.weight", "4.weight", "4.bias")),
    "module and glob": Restriction(lambda model: [model[4], "0.b*"], ("0.bias", "4.weight", "4.bias")),
    "predicate": Restriction(lambda _: vectors, ("0.bias", "2.bias", "4.bias")),
}
each = pytest.mark.parametrize("part", ALL.values(), ids=ALL)
# what is made of products does not know how parameters were chosen
few = pytest.mark.parametrize("part", [ALL["glob"], ALL["predicate"]], ids=["glob", "predicate"])


@each
def test_loss_gradient_and_products(part: Restriction) -> None:
    objective = part.objective()
    assert objective.layout is not None
    assert objective.layout.names == part.names
    assert objective.loss().item() == pytest.approx(TRUTH.loss.item(), rel=1e-12)
    np.testing.assert_allclose(objective.gradient(), TRUTH.gradient[part.rows], rtol=1e-10, atol=1e-13)
    eye = torch.eye(objective.n_parameters, dtype=torch.float64)
    np.testing.assert_allclose(objective.hvp(eye), part.block, rtol=1e-9, atol=1e-12)


@few
def test_eigenpairs(part: Restriction) -> None:
    pairs = hessian_eigenpairs(part.objective(), k=2, tol=1e-6)
    exact = np.linalg.eigvalsh(part.block)[[-1, -2, 1, 0]]
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, exact, rtol=1e-9)
    residuals = part.block.numpy() @ pairs.vectors - pairs.values * pairs.vectors
    np.testing.assert_allclose(np.linalg.norm(residuals, axis=0), pairs.residuals, rtol=1e-3, atol=1e-12)


@few
def test_trace(part: Restriction) -> None:
    objective = part.objective()
    exact = hessian_trace(objective, "deflated", 2 * objective.n_parameters)
    assert exact.value == pytest.approx(torch.trace(part.block).item(), rel=1e-9)
    assert exact.square == pytest.approx((part.block**2).sum().item(), rel=1e-9)
    for method in ("hutchinson", "hutch++"):
        found, twin = (hessian_trace(o, method, 9, seed=3) for o in (objective, part.twin()))
        assert (found.value, found.stderr) == pytest.approx((twin.value, twin.stderr), rel=1e-8)


@few
def test_density_and_blindness(part: Restriction) -> None:
    objective = part.objective()
    values = np.linalg.eigvalsh(part.block)
    pairs = hessian_eigenpairs(objective, tol=1e-9)
    found = spectral_density(objective, 2, 200, seed=3, pairs=pairs)
    twin = spectral_density(part.twin(), 2, 200, seed=3, pairs=hessian_eigenpairs(part.twin(), tol=1e-9))
    grid = np.linspace(values[0], values[-1], 50)
    width = 0.05 * (values[-1] - values[0])
    np.testing.assert_allclose(found.evaluate(grid, width), twin.evaluate(grid, width), rtol=1e-5, atol=1e-8)
    blind, twins = saddle_blindness(density=found).spectral, saddle_blindness(density=twin).spectral
    assert blind is not None
    assert twins is not None
    assert blind.probability == pytest.approx(twins.probability, abs=1e-6)
    assert abs(blind.probability - exact_blindness(values)) <= 4 * blind.stderr + 1e-6


@few
def test_projections(part: Restriction) -> None:
    objective, block = part.objective(), part.block.numpy()
    found = projected_curvatures(objective, 5, seed=7)
    for i in range(5):
        eta, delta = random_pair(len(block), found.seed_of(i)).numpy()
        entries = [eta @ block @ eta, eta @ block @ delta, delta @ block @ delta]
        np.testing.assert_allclose([found.A[i], found.B[i], found.C[i]], entries, rtol=1e-9, atol=1e-11)


@few
def test_verdict(part: Restriction) -> None:
    """Of the block alone: its extreme eigenvalues, and its share of the gradient."""
    objective = part.objective()
    pairs = hessian_eigenpairs(objective)
    slopes = slopes_along(objective, pairs, objective.gradient().numpy())
    verdict = judge(pairs, slopes, np.full(len(pairs.values) + 1, 1.0))
    values = np.linalg.eigvalsh(part.block)
    for number in (values[-1], values[0], float(TRUTH.gradient[part.rows].norm())):
        assert f"{number:.4g}".replace("-", "\N{MINUS SIGN}") in verdict.sentence


def test_convexity() -> None:
    """At every node the block at the displaced weights; the other parameters stay where they are."""
    part = ALL["predicate"]
    objective, whole = part.objective(), NETWORK.objective()
    plane = random_plane(objective, seed=2)
    found = convexity_map(objective, plane, (-0.2, 0.2, -0.1, 0.1), 3, tol=1e-6)
    eye = torch.eye(whole.n_parameters, dtype=torch.float64)[:, part.rows]
    for i, b in enumerate(found.beta):
        for j, a in enumerate(found.alpha):
            theta = whole.theta.clone()
            theta[part.rows] += torch.from_numpy(a * plane.eta + b * plane.delta)
            values = np.linalg.eigvalsh(whole.hvp(eye, theta)[part.rows])
            assert (found.smallest[i, j], found.largest[i, j]) == pytest.approx(values[[0, -1]], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "operator"),
    [("glob", "ggn"), *(("predicate", name) for name in OPERATORS if name != "hessian")],
)
def test_gauss_newton_and_fisher(name: str, operator: str) -> None:
    part = ALL[name]
    objective = part.objective()
    block = expected(NETWORK, operator)[part.rows][:, part.rows]
    matrix = curvature(objective, operator)
    np.testing.assert_allclose(
        matrix.product(torch.eye(matrix.size, dtype=torch.float64)), block, rtol=1e-9, atol=1e-12
    )
    top = hessian_eigenpairs(objective, which="largest", operator=operator, tol=1e-6)
    assert top.values[0] == pytest.approx(np.linalg.eigvalsh(block)[-1], rel=1e-9)
    trace = hessian_trace(objective, "deflated", 2 * matrix.size, operator=operator)
    assert trace.value == pytest.approx(np.trace(block), rel=1e-9)


def test_a_module_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one trainable parameter, got none from .*Linear"):
        NETWORK.objective(parameters=nn.Linear(6, 5))


def test_tied_parameters_come_with_any_module_that_holds_them() -> None:
    tied = case("tied")
    model = tied.model()
    objective = Objective(model, tied.batches(), tied.loss_fn, parameters=model.head)
    assert objective.layout is not None
    assert objective.layout.names == ("embedding.weight", "head.bias")
