"""Böttcher & Wheeler 2023: their functions (26) and (31) at their sizes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from landscape_widget import ProjectedCurvatures, hessian_eigenpairs, hessian_plane, projected_curvatures
from landscape_widget.planes.projections import plane_hessian

from ..support.cases import paper_function

pytestmark = pytest.mark.oracle

N = 500
SAMPLES = 10_000


@cache
def projections(n_positive: int) -> ProjectedCurvatures:
    return projected_curvatures(paper_function(N, n_positive), SAMPLES, seed=0)


@pytest.mark.parametrize("n_positive", [500, 800], ids=["Eq. (26)", "Eq. (31)"])
def test_hessian(n_positive: int) -> None:
    """Eqs. (28) and (32): diag(1, …, 1, −1, …, −1, 0)."""
    objective = paper_function(N, n_positive)
    diagonal = np.r_[np.ones(n_positive), -np.ones(2 * N - n_positive), 0]
    v = torch.randn(2 * N + 1, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(objective.hvp(v), torch.from_numpy(diagonal)[:, None] * v)


@pytest.mark.parametrize("n_positive", [500, 800], ids=["Eq. (26)", "Eq. (31)"])
@pytest.mark.parametrize("k", [1, 3])
def test_eigenvalues(n_positive: int, k: int) -> None:
    """They are 500-fold: every copy asked for is found, with vectors that are orthogonal."""
    pairs = hessian_eigenpairs(paper_function(N, n_positive), k=k, tol=1e-8)
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, [1] * k + [-1] * k, rtol=1e-8)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(2 * k), rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("n_positive", "share", "tolerance"),
    # 1 − 1/√2 in the Gaussian limit; the standard error of a share over 10,000 draws is 0.0045
    [(500, 0.293, 0.015), (800, 1.0, 0.0)],
    ids=["Eq. (26)", "Eq. (31)"],
)
def test_how_often_a_random_projection_hides_the_saddle(
    n_positive: int, share: float, tolerance: float
) -> None:
    assert projections(n_positive).p_no_saddle == pytest.approx(share, abs=tolerance)


@pytest.mark.parametrize(("n_positive", "trace"), [(500, 0), (800, 600)], ids=["Eq. (26)", "Eq. (31)"])
def test_moments_of_the_projected_hessian(n_positive: int, trace: int) -> None:
    """E[A] = E[C] = tr H, E[B] = 0 (22); var A = 2 tr H², var B = tr H², and tr H² = 1000."""
    found = projections(n_positive)
    five_errors = 5 / np.sqrt(SAMPLES)
    for sample, mean, variance in [(found.A, trace, 2000), (found.B, 0, 1000), (found.C, trace, 2000)]:
        assert sample.mean() == pytest.approx(mean, abs=five_errors * np.sqrt(variance))
        # the relative standard error of a variance is √(2/S) for nearly normal samples
        assert sample.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / SAMPLES))
    assert found.trace == pytest.approx(trace, abs=five_errors * np.sqrt(1000))


def test_curvatures_first_or_elements_first() -> None:
    """⟨κ±⟩ (29) keeps the spread of single projections, κ̃± (30) does not (Fig. 1)."""
    found = projections(500)
    # κ± = ½(A + C) ± ρ, where ρ² = B² + ((A − C)/2)² is exponential with mean 2·tr H²: ⟨ρ⟩ = √(π·1000/2)
    radius = np.sqrt(np.pi * 1000 / 2)
    np.testing.assert_allclose(found.mean_kappa, [-radius, radius], rtol=0, atol=5 / np.sqrt(SAMPLES) * 40)
    assert np.abs(found.kappa_of_mean).max() < 5 / np.sqrt(SAMPLES) * np.sqrt(2000)


def test_the_hessian_plane_shows_the_saddle() -> None:
    objective = paper_function(N, 800)
    gradient, curvature = plane_hessian(objective, hessian_plane(objective))
    np.testing.assert_allclose(curvature, [[1, 0], [0, -1]], rtol=0, atol=1e-3)  # the default tolerance
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
