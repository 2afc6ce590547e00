"""Projected curvatures: standard errors, finite differences, normalised directions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from landscape_widget import Objective, projected_curvatures
from landscape_widget.planes.filters import filter_normalise

from ..support.cases import case, paper_function, quadratic
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

NAMES = ("A", "B", "C", "kappa_minus", "kappa_plus", "kappa_mean")


def test_standard_errors_are_the_spread_over_seeds() -> None:
    """The spread over R = 150 seeds has a relative error of 1/√(2R) = 6 %; four of those are allowed."""
    objective = quadratic(torch.diag(torch.linspace(-1, 3, 30, dtype=torch.float64)))
    runs = [projected_curvatures(objective, 50, run).statistics for run in range(150)]
    for name in NAMES:
        spread = np.std([run[name].value for run in runs], ddof=1)
        claimed = np.sqrt(np.mean([run[name].stderr ** 2 for run in runs]))
        assert claimed == pytest.approx(spread, rel=4 / math.sqrt(2 * 150))


@pytest.mark.parametrize("n_positive", [500, 800])
def test_means_of_the_paper_s_functions(n_positive: int) -> None:
    """Fig. 1: ⟨A⟩ = ⟨C⟩ = tr H, ⟨B⟩ = 0, and ⟨κ±⟩ = tr H ± √(π/2 · tr H²) in the Gaussian limit."""
    found = projected_curvatures(paper_function(500, n_positive), 1000, seed=1).statistics
    trace, radius = 2 * (n_positive - 500), math.sqrt(math.pi / 2 * 1000)
    expected = dict(zip(NAMES, (trace, 0, trace, trace - radius, trace + radius, trace), strict=True))
    for name, value in expected.items():
        assert abs(found[name].value - value) <= 4 * found[name].stderr
    for name in ("kappa_minus_of_mean", "kappa_plus_of_mean"):
        # a bias of the size of the error, see ``statistics``
        assert abs(found[name].value - trace) <= 6 * found[name].stderr


def test_errors_of_kappa_of_mean_away_from_its_kink() -> None:
    """Directions along which A, B and C differ: rows of an orthonormal frame would, random ones do not, so
    the samples are made here; the delta method against the spread over 300 sets of them."""
    from landscape_widget import ProjectedCurvatures

    generator = np.random.default_rng(0)
    sets = [generator.normal([[3.0], [1.0], [-2.0]], 0.5, size=(3, 40)) for _ in range(300)]
    runs = [ProjectedCurvatures(*entries, n_hvp=0).statistics for entries in sets]
    for name in ("kappa_minus_of_mean", "kappa_plus_of_mean"):
        spread = np.std([run[name].value for run in runs], ddof=1)
        assert np.mean([run[name].stderr for run in runs]) == pytest.approx(spread, rel=4 / math.sqrt(600))


def test_the_first_so_many() -> None:
    objective = quadratic(torch.diag(torch.linspace(-1, 3, 30, dtype=torch.float64)))
    many, few = (projected_curvatures(objective, s) for s in (40, 10))
    assert many.first(10).statistics["kappa_plus"].value == pytest.approx(
        few.statistics["kappa_plus"].value, rel=1e-12
    )
    assert math.isnan(many.first(1).statistics["A"].stderr)


@pytest.mark.parametrize(("method", "rtol"), [("gradients", 1e-6), ("losses", 1e-3)])
@pytest.mark.parametrize("name", ["dense tanh", "convolution, batch norm"])
def test_finite_differences_agree_with_products(method: str, rtol: float, name: str) -> None:
    """Central differences: h² of truncation and rounding/h (gradients), rounding/h² (losses)."""
    objective = case(name).objective()
    exact = projected_curvatures(objective, 8, seed=2, method="hvp")
    found = projected_curvatures(objective, 8, seed=2, method=method)
    scale = np.abs(np.r_[exact.A, exact.B, exact.C]).max()
    for letter in "ABC":
        np.testing.assert_allclose(
            getattr(found, letter), getattr(exact, letter), rtol=rtol, atol=rtol * scale
        )
    assert found.n_hvp == 0
    assert (found.n_gradient, found.n_loss) == ((32, 0) if method == "gradients" else (0, 49))


def test_a_loss_that_cannot_be_differentiated_at_all() -> None:
    def f(theta: torch.Tensor) -> torch.Tensor:
        return torch.tensor(float((theta.detach().numpy() ** 2) @ np.arange(1.0, 6.0)), dtype=torch.float64)

    objective = Objective.from_function(f, torch.zeros(5, dtype=torch.float64))
    found = projected_curvatures(objective, 300, method="losses").statistics["kappa_mean"]
    assert abs(found.value - 30) <= 4 * found.stderr


@pytest.mark.parametrize("normalize", ["unit", "filter"])
def test_normalised_directions(normalize: str) -> None:
    objective = case("dense tanh").objective()
    matrix = dense(case("dense tanh")).hessian.numpy()
    found = projected_curvatures(objective, 3, seed=5, normalize=normalize)
    for i in range(3):
        generator = torch.Generator().manual_seed(found.seed_of(i))
        eta, delta = torch.randn(2, len(matrix), generator=generator, dtype=torch.float64).numpy()
        if normalize == "unit":
            eta, delta = eta / np.linalg.norm(eta), delta / np.linalg.norm(delta)
        else:
            eta, delta = filter_normalise(objective, eta), filter_normalise(objective, delta)
        np.testing.assert_allclose(
            [found.A[i], found.B[i], found.C[i]],
            [eta @ matrix @ eta, eta @ matrix @ delta, delta @ matrix @ delta],
            rtol=1e-10,
            atol=1e-12,
        )
    assert found.provenance["normalize"] == normalize


def test_what_cannot_be_is_refused() -> None:
    objective = case("dense tanh").objective()
    with pytest.raises(ValueError, match="Expected method as one of auto, hvp, gradients, losses"):
        projected_curvatures(objective, 2, method="exact")
    with pytest.raises(ValueError, match="Expected normalize as one of unit, filter"):
        projected_curvatures(objective, 2, normalize="layer")
