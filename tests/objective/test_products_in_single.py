"""Eigenpairs that products in float32 lead to, and products in float64 certify."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from torch import Tensor

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.curvature.eigenpairs import eigenpair_steps
from landscape_widget.curvature.operators import OPERATORS, Curvature, curvature

from ..support.cases import FEW, Case, case
from ..support.logs import Log

pytestmark = pytest.mark.oracle

IN_SINGLE, IN_DOUBLE = "float32, certified in float64", "float64"


def matrix(objective: Objective, operator: str = "hessian") -> np.ndarray:
    """Column by column in float64, products that are held against dense matrices elsewhere."""
    product = curvature(objective.precise(), operator).product
    return product(torch.eye(objective.n_parameters, dtype=torch.float64)).numpy()


@pytest.mark.parametrize(("example", "k"), [*((each, 3) for each in FEW), (FEW[1], 1)], ids=str)
def test_values_and_residuals_are_those_of_the_matrix_in_double(example: Case, k: int) -> None:
    objective = example.objective(dtype=torch.float32)
    exact = matrix(objective)
    pairs = hessian_eigenpairs(objective, k=k, tol=1e-3)
    assert pairs.converged.all()
    assert pairs.complete
    spectrum = np.linalg.eigvalsh(exact)[::-1]
    # a Rayleigh quotient is off by the square of what its vector is off by, over a gap
    np.testing.assert_allclose(
        pairs.values, np.r_[spectrum[:k], spectrum[-k:]], rtol=1e-3, atol=1e-12 * np.abs(spectrum).max()
    )
    residuals = np.linalg.norm(exact @ pairs.vectors - pairs.values * pairs.vectors, axis=0)
    np.testing.assert_allclose(pairs.residuals, residuals, rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_matrix_has_them(operator: str) -> None:
    objective = case("dense tanh", "cross entropy").objective(dtype=torch.float32)
    spectrum = np.linalg.eigvalsh(matrix(objective, operator))
    pairs = hessian_eigenpairs(objective, which="largest", operator=operator)
    assert pairs.provenance["products"] == IN_SINGLE
    assert pairs.values[0] == pytest.approx(spectrum[-1], rel=1e-3)


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of columns of each product in float64."""
    columns: list[int] = []
    product = Curvature.product

    def counted(self: Curvature, v: Tensor) -> Tensor:
        columns.append(1 if v.ndim == 1 else v.shape[1])
        return product(self, v)

    monkeypatch.setattr(Curvature, "product", counted)
    return columns


def test_products_in_double_are_those_of_the_certificate_alone(in_double: list[int]) -> None:
    objective = case("dense tanh").objective(dtype=torch.float32)
    pairs = hessian_eigenpairs(objective)
    assert in_double == [2]
    assert pairs.n_hvp > 10
    assert pairs.provenance["products"] == IN_SINGLE
    assert pairs.provenance["dtype"] == "float64"
    assert objective._products is None, "nothing is kept of products that are not wanted again"


def test_a_model_in_double_has_none_in_single(in_double: list[int]) -> None:
    pairs = hessian_eigenpairs(case("dense tanh").objective())
    assert sum(in_double) == pairs.n_hvp
    assert pairs.provenance["products"] == IN_DOUBLE


def test_a_tolerance_below_their_rounding_is_not_tried(in_double: list[int]) -> None:
    pairs = hessian_eigenpairs(case("dense tanh").objective(dtype=torch.float32), tol=1e-8)
    assert sum(in_double) == pairs.n_hvp
    assert pairs.converged.all()


def coarse(self: Curvature, v: Tensor) -> Tensor:
    """Products far worse than those of float32."""
    product = self.product(v)
    return product + 0.02 * product.norm() * torch.sin(torch.arange(len(v)) * v.abs().max()).to(product)


def broken(self: Curvature, v: Tensor) -> Tensor:
    return torch.full_like(v, torch.nan, dtype=torch.float64)


@pytest.mark.parametrize("product", [coarse, broken])
def test_what_does_not_pass_is_found_again_in_double(
    product: object, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    objective = case("dense tanh").objective(dtype=torch.float32)
    spectrum = np.linalg.eigvalsh(matrix(objective))
    alone = hessian_eigenpairs(objective.precise())
    monkeypatch.setattr(Curvature, "product_in_single", product)
    with caplog.at_level(logging.INFO, "landscape_widget.curvature.eigenpairs"):
        steps = list(eigenpair_steps(objective))
    pairs = steps[-1]
    assert "Not settled by" in caplog.text
    assert pairs.provenance["products"] == IN_DOUBLE
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, spectrum[[-1, 0]], rtol=1e-3)
    assert np.array_equal(pairs.vectors, alone.vectors)
    assert pairs.n_hvp >= alone.n_hvp + (product is coarse)
    assert all(not step.vectors.size for step in steps[:-1]), "what did not pass is not shown"
    counts = [step.n_hvp for step in steps]
    assert counts == sorted(counts)


def test_a_limit_of_products_holds_for_both_together(in_double: list[int]) -> None:
    pairs = hessian_eigenpairs(case("dense tanh").objective(dtype=torch.float32), max_hvp=3)
    assert in_double == [2]
    assert pairs.n_hvp == 3 + 2
    assert not pairs.converged.all()
    assert not pairs.complete
