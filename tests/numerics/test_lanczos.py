"""The Lanczos process on matrices whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from landscape_widget.numerics.lanczos import Lanczos


def start(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def process(diagonal: Tensor, max_basis: int = 1000, keep: int = 5) -> Lanczos:
    return Lanczos(lambda v: diagonal * v, start(len(diagonal)), max_basis=max_basis, keep=keep)


def test_no_ghosts_of_five_outliers_after_200_steps() -> None:
    """Without reorthogonalisation each outlier comes back about every 20 steps."""
    outliers = torch.tensor([100.0, 80, 60, 40, 20], dtype=torch.float64)
    lanczos = process(torch.cat([outliers, 0.01 * start(500, seed=1)]))
    for _ in range(200):
        krylov = lanczos.step()
    values = krylov.ritz()[0]
    np.testing.assert_allclose(values[values > 1], outliers.flip(0), rtol=1e-13)
    gram = krylov.basis.T @ krylov.basis
    np.testing.assert_allclose(gram, np.eye(200), rtol=0, atol=1e-13)


@pytest.mark.parametrize("max_basis", [12, 1000], ids=["restarting", "growing"])
def test_residuals_are_those_of_the_ritz_vectors(max_basis: int) -> None:
    diagonal = torch.linspace(-3, 7, 90, dtype=torch.float64) ** 3
    lanczos = process(diagonal, max_basis, keep=4)
    for _ in range(40):
        krylov = lanczos.step()
    values, coordinates, residuals = krylov.ritz()
    vectors = krylov.basis @ torch.from_numpy(coordinates)
    exact = (diagonal[:, None] * vectors - vectors * torch.from_numpy(values)).norm(dim=0)
    np.testing.assert_allclose(residuals, exact, rtol=1e-6, atol=1e-10)


def test_the_basis_stays_as_small_as_asked_for() -> None:
    lanczos = process(torch.linspace(-1, 1, 200, dtype=torch.float64), max_basis=12, keep=4)
    assert max(lanczos.step().basis.shape[1] for _ in range(100)) == 12


def test_a_small_matrix_is_exhausted_and_exact() -> None:
    diagonal = torch.tensor([3.0, 3, -1, 0, 0, 7], dtype=torch.float64)
    lanczos = process(diagonal)
    for _ in range(6):
        krylov = lanczos.step()
    assert krylov.exhausted
    np.testing.assert_allclose(krylov.ritz()[0], diagonal.sort().values, rtol=0, atol=1e-13)
    with pytest.raises(RuntimeError, match="spans the whole space"):
        lanczos.step()


def test_breakdown_goes_on_in_the_complement() -> None:
    """A start vector within an invariant plane must not end the process."""
    diagonal = torch.tensor([5.0, 4, 3, 2, 1], dtype=torch.float64)
    first = torch.tensor([1.0, 1, 0, 0, 0], dtype=torch.float64)
    lanczos = Lanczos(lambda v: diagonal * v, first, max_basis=5, keep=1)
    steps = [lanczos.step() for _ in range(5)]
    assert [step.beta == 0 for step in steps] == [False, True, False, False, True]
    assert [step.is_plain for step in steps] == [True, True, False, False, False]
    np.testing.assert_allclose(steps[-1].ritz()[0], [1, 2, 3, 4, 5], rtol=1e-13)


def test_exploring_finds_the_copy_that_the_start_vector_hides() -> None:
    diagonal = torch.cat([torch.tensor([5.0, 5], dtype=torch.float64), 0.1 * start(80, seed=1)])
    lanczos = process(diagonal)
    for _ in range(12):
        krylov = lanczos.step()
    values, coordinates, residuals = krylov.ritz()
    assert (values > 1).sum() == 1
    lanczos.explore(coordinates[:, -1:], residuals[-1:])
    for _ in range(12):
        krylov = lanczos.step()
    assert krylov.n_locked == 1
    assert krylov.n_explored == 12
    np.testing.assert_allclose(krylov.explored_ritz[0][-1], 5, rtol=1e-12)
    np.testing.assert_allclose(krylov.ritz()[0][-2:], [5, 5], rtol=1e-12)


def test_a_product_that_is_not_finite_is_refused() -> None:
    lanczos = Lanczos(lambda v: v * float("nan"), start(4), max_basis=4, keep=1)
    with pytest.raises(ArithmeticError, match="twice differentiable"):
        lanczos.step()
