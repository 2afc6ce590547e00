"""Curvatures of random projections: Eqs. (19)-(21), (29), (30) on matrices that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_widget import (
    Objective,
    ProjectedCurvatures,
    hessian_eigenpairs,
    projected_curvatures,
    random_plane,
    saddle_blindness,
)
from landscape_widget.numerics.seeds import plane_seed
from landscape_widget.planes.projections import projection_steps
from landscape_widget.results.curvature import principal_curvatures

from ..support.cases import FEW, Case, case, quadratic
from ..support.oracle import dense


def found(a: list[float], b: list[float], c: list[float]) -> ProjectedCurvatures:
    return ProjectedCurvatures(A=np.array(a), B=np.array(b), C=np.array(c), n_hvp=2 * len(a))


def test_principal_curvatures_are_the_eigenvalues() -> None:
    a, b, c = np.random.default_rng(0).normal(size=(3, 200)) * np.logspace(-6, 6, 200)
    exact = np.linalg.eigvalsh(np.stack([[a, b], [b, c]]).transpose(2, 0, 1))
    scale = np.abs(exact).max(axis=1)
    for kappa, eigenvalue in zip(principal_curvatures(a, b, c), exact.T, strict=True):
        assert (np.abs(kappa - eigenvalue) <= 1e-14 * scale).all()


def test_kappa_minus_is_the_smaller_one() -> None:
    both = found([2, -1], [0, 3], [-5, -1])
    np.testing.assert_allclose(both.kappa_minus, [-5, -4])
    np.testing.assert_allclose(both.kappa_plus, [2, 2])


@pytest.mark.parametrize(
    ("a", "b", "c", "share"),
    [
        ([1, 1, 1, 1], [0, 0, 0, 0], [1, -1, 2, 3], 0.75),  # one saddle of four
        ([1], [1], [1], 1.0),  # κ₋ = 0 is no saddle
        ([1], [1.0001], [1], 0.0),
        ([-1], [0], [-2], 1.0),  # a maximum is no saddle either
        ([1e12], [0], [-1e-12], 0.0),  # κ₋ is lost to cancellation, its sign must not be
        ([2e200, 1e200], [0, 0], [-1e200, 1e200], 0.5),
        ([2e-200, 1e-200], [0, 0], [-1e-200, 1e-200], 0.5),
        ([0.0], [0.0], [0.0], 1.0),
        ([0.3], [0.3], [0.3 - 1e-16], 1.0),
        ([0.3], [0.3], [0.3 - 1e-11], 0.0),
    ],
    ids=[
        "one of four",
        "flat",
        "barely",
        "maximum",
        "tiny",
        "huge scale",
        "tiny scale",
        "zero",
        "flat but for rounding",
        "barely more than that",
    ],
)
def test_share_without_a_saddle(a: list[float], b: list[float], c: list[float], share: float) -> None:
    assert found(a, b, c).p_no_saddle == share


@pytest.mark.parametrize("method", ["hvp", "gradients"])
def test_a_matrix_of_rank_one_shows_no_saddle(method: str) -> None:
    """Every plane of it has a determinant of zero, which rounding puts on either side."""
    direction = torch.linspace(-1, 2, 20, dtype=torch.float64)
    objective = Objective.from_function(lambda t: (direction.to(t) @ t) ** 2, torch.zeros(20).double())
    projections = projected_curvatures(objective, 200, method=method)
    assert projections.p_no_saddle == 1
    assert saddle_blindness(projections).measured.high == 1  # type: ignore[union-attr]


def test_means_in_either_order() -> None:
    """⟨κ±⟩ (29) and κ̃± (30) differ unless B and A − C are constant."""
    both = found([3, 1], [0, 0], [1, 3])
    assert both.mean_kappa == (1, 3)
    assert both.kappa_of_mean == (2, 2)
    assert both.trace == 2


@pytest.mark.parametrize("case", FEW, ids=str)
def test_elements_of_the_projected_hessian(case: Case) -> None:
    """A = ηᵀHη, B = ηᵀHδ, C = δᵀHδ; projection i has the pair of a random plane whose seed is told."""
    matrix = dense(case).hessian.numpy()
    projections = projected_curvatures(case.objective(), samples=5, seed=7)
    for sample in range(5):
        seed = projections.seed_of(sample)
        generator = torch.Generator().manual_seed(seed)
        eta, delta = torch.randn(2, len(matrix), generator=generator, dtype=torch.float64).numpy()
        plane = random_plane(case.objective(), seed=seed)
        assert np.array_equal(plane.eta, eta)
        assert np.array_equal(plane.delta, delta)
        np.testing.assert_allclose(
            [projections.A[sample], projections.B[sample], projections.C[sample]],
            [eta @ matrix @ eta, eta @ matrix @ delta, delta @ matrix @ delta],
            rtol=1e-10,
            atol=1e-11,
        )


def test_the_first_projection_is_that_of_the_random_plane() -> None:
    objective = case("dense tanh").objective()
    projections = projected_curvatures(objective, samples=1, seed=4)
    plane = random_plane(objective, seed=projections.seed_of(0))
    product = objective.hvp(torch.from_numpy(plane.eta)).numpy()
    assert projections.A[0] == pytest.approx(plane.eta @ product, rel=1e-12)
    assert projections.B[0] == pytest.approx(plane.delta @ product, rel=1e-12)


@pytest.mark.parametrize("samples", [1, 7, 40])
def test_more_samples_begin_with_the_same_ones(samples: int) -> None:
    objective = case("dense tanh").objective()
    few, many = (projected_curvatures(objective, n, seed=3) for n in (samples, 64))
    for name in "ABC":
        np.testing.assert_allclose(getattr(few, name), getattr(many, name)[:samples], rtol=1e-12)
    assert few.samples == samples
    assert few.n_hvp == 2 * samples


def test_steps_grow_and_keep_what_they_have() -> None:
    steps = list(projection_steps(case("dense tanh").objective(), 50, seed=3))
    assert steps[0].samples == 1
    assert steps[-1].samples == 50
    for step in steps:
        np.testing.assert_allclose(step.A, steps[-1].A[: step.samples], rtol=0)


def test_another_seed_gives_other_projections() -> None:
    """A share that is measured again with the next seed is measured anew."""
    objective = case("dense tanh").objective()
    drawn = np.concatenate([projected_curvatures(objective, 40, seed).A for seed in (*range(5), 1000)])
    assert len(np.unique(drawn.round(9))) == 6 * 40


def test_no_two_seeds_share_a_plane() -> None:
    """Of 10,000 neighbouring ones, in the 32 bits that the engine takes."""
    first = np.sort([plane_seed(seed, 0) for seed in range(10_000)])
    assert plane_seed(3, 8) == plane_seed(3, 0) + 8
    assert np.diff([*first, first[0] + 2**32]).min() > 150_000


def test_results_of_former_versions_tell_the_planes_that_they_have() -> None:
    found = projected_curvatures(case("dense tanh").objective(), 2, seed=3)
    former = {key: value for key, value in found.provenance.items() if key != "first_plane"}
    assert replace(found, provenance=former).seed_of(1) == 4
    assert projected_curvatures(case("dense tanh").objective(), 2).seed_of(1) == 1, "as in former versions"


def test_the_trace_is_met() -> None:
    """E[κ̄] = tr H (23); its variance over S projections is tr H² / S."""
    matrix = torch.diag(torch.linspace(-1, 3, 40, dtype=torch.float64))
    projections = projected_curvatures(quadratic(matrix), samples=2000, seed=0)
    error = (torch.trace(matrix @ matrix) / 2000).sqrt().item()
    assert projections.trace == pytest.approx(torch.trace(matrix).item(), abs=5 * error)


@pytest.mark.filterwarnings("ignore:Expected Hessian-vector products that agree")  # says so beforehand
@pytest.mark.parametrize("compute", [projected_curvatures, hessian_eigenpairs])
def test_curvature_that_is_not_finite_is_no_result(compute: Callable[[Objective], object]) -> None:
    """Of NaN, no product of curvatures is ≥ 0: every projection would count as a saddle."""
    theta = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    objective = Objective.from_function(lambda t: (t.abs() ** 1.5).sum(), theta)
    with pytest.raises(ArithmeticError, match=r"not finite.*twice differentiable"):
        compute(objective)
