"""The spectral density: moments, certified ends, and what it shares with the eigenpairs' run."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import Objective, hessian_eigenpairs, saddle_blindness, spectral_density, trace_of
from landscape_widget.curvature.density import density_steps
from landscape_widget.numerics.probes import Probes

from ..support.cases import case, paper_function, quadratic, rotated
from ..support.oracle import dense

pytestmark = pytest.mark.oracle


def wide() -> tuple[Objective, np.ndarray]:
    """Outliers at both ends of a bulk that Lanczos does not resolve."""
    spectrum = np.r_[40.0, 20, -15, np.random.default_rng(3).normal(size=200)]
    return rotated(spectrum), spectrum


@pytest.mark.parametrize("k", [0, 2], ids=["no pairs", "pairs"])
def test_it_integrates_to_one(k: int) -> None:
    objective, _ = wide()
    pairs = hessian_eigenpairs(objective, k=k) if k else None
    density = spectral_density(objective, probes=3, steps=25, pairs=pairs)
    assert (density.weights > 0).all()
    assert density.weights.sum() == pytest.approx(1, abs=1e-12)
    assert density.counts.sum() == pytest.approx(objective.n_parameters)
    # the grid reaches eight widths beyond the outermost nodes, where less than 1e-15 is left
    grid = np.linspace(density.nodes.min() - 4, density.nodes.max() + 4, 4001)
    assert np.trapezoid(density.evaluate(grid, 0.5), grid) == pytest.approx(1, abs=1e-12)


def test_its_moments_are_hutchinson_s_on_the_same_probes() -> None:
    """Gauss quadrature with m nodes is exact up to degree 2m − 1."""
    objective, _ = wide()
    probes, steps, n = 3, 6, objective.n_parameters
    density = spectral_density(objective, probes, steps, seed=5)
    vectors = Probes(n, "normal", 5, "density", objective.theta).draw(probes)
    powers = vectors / vectors.norm(dim=0)
    first = powers
    for degree in range(1, 2 * steps):
        powers = objective.hvp(powers)
        moment = (first * powers).sum(dim=0).mean().item()
        assert density.weights @ density.nodes**degree == pytest.approx(moment, rel=1e-8)


def test_certified_ends_are_its_tails() -> None:
    objective, spectrum = wide()
    pairs = hessian_eigenpairs(objective, k=2)
    density = spectral_density(objective, probes=3, steps=25, pairs=pairs)
    np.testing.assert_array_equal(density.certified, pairs.values)
    np.testing.assert_allclose(density.weights[density.probe < 0], 1 / len(spectrum))
    # an inner node cannot lie further out than the inner certified values, but for their residuals
    inner = density.nodes[density.probe >= 0]
    assert inner.max() <= pairs.values[1] + pairs.residuals.max()
    assert inner.min() >= pairs.values[-2] - pairs.residuals.max()


def test_the_first_probe_of_an_eigenpair_run_is_free() -> None:
    objective, _ = wide()
    pairs = hessian_eigenpairs(objective, k=2)
    shared = spectral_density(objective, probes=1, pairs=pairs)
    assert (shared.n_hvp, shared.n_probes) == (1, 1)  # which sees that the pairs are of this matrix
    assert shared.weights.sum() == pytest.approx(1)
    more = spectral_density(objective, probes=3, steps=20, pairs=pairs)
    assert (more.n_hvp, more.n_probes) == (41, 3)
    np.testing.assert_array_equal(more.nodes[more.probe == 0], shared.nodes[shared.probe == 0])
    assert len(set(np.round(more.nodes[more.probe == 1], 9)) & set(np.round(shared.nodes, 9))) == 0


def network(scale: float = 1.0) -> Objective:
    """The Gauss-Newton matrix of its 12 points has 24 of 147 values that are not zero."""
    torch.manual_seed(0)
    data = torch.randn(12, 5), torch.randint(0, 3, (12,))
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    return Objective(model, data, nn.CrossEntropyLoss())


@pytest.mark.parametrize(("dtype", "scale"), [(torch.float32, 1.0), (torch.float64, 3.0)])
def test_no_certified_value_is_counted_twice(dtype: torch.dtype, scale: float) -> None:
    """Neither where products in float32 led to it, nor where the run went on after the probe was taken."""
    objective = network(scale).to(dtype)
    for seed in range(3):
        pairs = hessian_eigenpairs(objective, k=3, seed=seed)
        density = spectral_density(objective, probes=1, pairs=pairs)
        assert density.n_hvp == 1, "the run's own probe, and what sees whose the pairs are"
        apart = abs(density.nodes[density.probe == 0][:, None] - pairs.values)
        assert (apart > 1e-4 * abs(pairs.values)).all()


@pytest.mark.parametrize("max_hvp", [2, 4, 6])
def test_pairs_that_did_not_converge_do_not_stand_in_it(max_hvp: int) -> None:
    """They are means of several eigenvalues: tr(H²) would lack what couples them to others."""
    objective, spectrum = wide()
    pairs = hessian_eigenpairs(objective, k=2, max_hvp=max_hvp)
    assert not pairs.converged.all()
    density = spectral_density(objective, probes=20, steps=12, pairs=pairs)
    np.testing.assert_array_equal(density.certified, pairs.values[pairs.converged])
    assert density.weights.sum() == pytest.approx(1)
    trace = trace_of(density)
    assert abs(trace.value - spectrum.sum()) <= 4 * trace.stderr
    assert abs(trace.square - (spectrum**2).sum()) <= 4 * trace.square_stderr


@pytest.mark.parametrize("probes", [1, 4])
def test_a_single_step_tells_no_error(probes: int) -> None:
    """One node has no second moment: its trace would be exact, with a tr(H²) of a twelfth."""
    objective, spectrum = wide()
    one, two = (spectral_density(objective, probes, steps) for steps in (1, 2))
    found = trace_of(one)
    assert found.value == pytest.approx(trace_of(two).value)
    assert all(math.isnan(number) for number in (found.stderr, found.square, found.square_stderr))
    low, high = trace_of(two).interval
    assert low < spectrum.sum() < high
    blindness = saddle_blindness(density=one).spectral
    assert blindness is not None
    assert (blindness.low, blindness.high) == (0, 1)


def test_two_steps_tell_no_error_of_the_square() -> None:
    """Two nodes ±σ of a symmetric spectrum have one square, as if that were certain."""
    spectrum = np.random.default_rng(0).normal(size=200)
    objective = rotated(spectrum)
    two, three = (trace_of(spectral_density(objective, 4, steps)) for steps in (2, 3))
    assert (two.value, two.stderr) == pytest.approx((three.value, three.stderr))
    assert two.square == pytest.approx(three.square)
    assert math.isnan(two.square_stderr)
    assert abs(three.square - (spectrum**2).sum()) <= 4 * three.square_stderr
    blindness = saddle_blindness(density=spectral_density(objective, 4, 2)).spectral
    assert blindness is not None
    assert (blindness.low, blindness.high) == (0, 1)
    pairs = hessian_eigenpairs(objective)
    assert pairs.ritz_values is not None
    alone, four = (trace_of(spectral_density(objective, probes, 2, pairs=pairs)) for probes in (1, 4))
    assert four.square_stderr == pytest.approx(alone.square_stderr / 2)


def test_a_single_step_is_enough_for_one_eigenvalue() -> None:
    objective = quadratic(torch.eye(5, dtype=torch.float64) * 3)
    found = trace_of(spectral_density(objective, 1, 1))
    assert (found.value, found.stderr, found.square) == pytest.approx((15, 0, 45))


def test_probes_of_a_single_step_do_not_count_beside_that_of_a_run() -> None:
    """Its own has many nodes; theirs would take a sixth of tr(H²) away, by many standard errors."""
    spectrum = np.r_[np.linspace(-0.3, 1, 58), 4, 9]
    objective = rotated(spectrum)
    pairs = hessian_eigenpairs(objective)
    assert pairs.converged.all()
    assert pairs.ritz_values is not None
    one, alone = (trace_of(spectral_density(objective, probes, 1, pairs=pairs)) for probes in (8, 1))
    assert (one.value, one.stderr) == pytest.approx((alone.value, alone.stderr))
    assert (one.square, one.square_stderr) == pytest.approx((alone.square, alone.square_stderr))
    assert abs(one.square - (spectrum**2).sum()) <= 4 * one.square_stderr
    assert abs(one.value - spectrum.sum()) <= 4 * one.stderr


@pytest.mark.parametrize("which", ["smallest", "both"])
def test_what_is_zero_stays_in_the_density(which: str) -> None:
    """A run for pairs that stops at zero, below which nothing lies, has one vector of many."""
    objective = network()
    for seed in range(3):
        pairs = hessian_eigenpairs(objective, operator="ggn", which=which, seed=seed)
        density = spectral_density(objective, probes=1, operator="ggn", pairs=pairs, seed=seed)
        assert density.weights[abs(density.nodes) < 1e-6].sum() == pytest.approx(123 / 147, abs=0.15)


def test_a_warm_start_is_no_probe() -> None:
    objective, _ = wide()
    pairs = hessian_eigenpairs(objective)
    assert pairs.ritz_values is not None
    assert hessian_eigenpairs(objective, start=pairs.vectors).ritz_values is None


@pytest.mark.parametrize("k", [0, 2], ids=["no pairs", "pairs"])
def test_its_trace_and_standard_errors(k: int) -> None:
    """Of R = 40 seeds, errors in units of the standard error have variance 1.

    Their mean square has a standard deviation of √(2/R) = 0.22 for normal errors; three of those, and a
    kurtosis above 3 for the squares, are allowed for.
    """
    objective, spectrum = wide()
    errors = []
    for seed in range(40):
        pairs = hessian_eigenpairs(objective, k=k, seed=seed) if k else None
        trace = trace_of(spectral_density(objective, 3, 6, seed, pairs=pairs))
        errors.append(
            [
                (trace.value - spectrum.sum()) / trace.stderr,
                (trace.square - (spectrum**2).sum()) / trace.square_stderr,
            ]
        )
    first, second = np.mean(np.square(errors), axis=0)
    assert first == pytest.approx(1, abs=3 * math.sqrt(2 / 40))
    assert second == pytest.approx(1, abs=4.5 * math.sqrt(2 / 40))


def test_the_trace_over_n_is_the_mean() -> None:
    objective, _ = wide()
    density = spectral_density(objective, pairs=hessian_eigenpairs(objective, k=3))
    trace = trace_of(density)
    assert density.mean == pytest.approx(trace.value / objective.n_parameters, rel=1e-12)
    assert trace.square == pytest.approx(density.counts @ density.nodes**2, rel=1e-12)


@pytest.mark.parametrize("loss", ["mse", "cross entropy"])
def test_the_cumulative_distribution_of_a_network(loss: str) -> None:
    """Within the sampling error of P probes: a share p of N eigenvalues has variance 2p(1 − p)/(PN)."""
    exact = np.linalg.eigvalsh(dense(case("dense tanh", loss)).hessian.numpy())
    objective = case("dense tanh", loss).objective()
    n = len(exact)
    # as many steps as parameters resolve every eigenvalue, so that only the probes' error is left
    density = spectral_density(objective, probes=4, steps=n)
    for cut in np.quantile(exact, [0.1, 0.3, 0.7, 0.9]) + 1e-7:
        share = (exact < cut).mean()
        found = density.weights[density.nodes < cut].sum()
        assert found == pytest.approx(share, abs=4 * math.sqrt(2 * share * (1 - share) / (4 * n)))


def test_two_eigenvalues_make_two_nodes() -> None:
    """Eq. (31): the Krylov space is exhausted after three steps, for the values 1, −1 and 0."""
    density = spectral_density(paper_function(100, 160), probes=2, steps=30)
    assert density.n_hvp == 6
    np.testing.assert_allclose(np.sort(density.nodes.reshape(2, 3), axis=1), [[-1, 0, 1]] * 2, atol=1e-9)


def test_all_eigenvalues_certified_leave_nothing_to_probe() -> None:
    objective = quadratic(torch.diag(torch.tensor([3.0, 1, -2, -5], dtype=torch.float64)))
    density = spectral_density(objective, pairs=hessian_eigenpairs(objective, k=2))
    assert (density.n_hvp, density.n_probes) == (1, 0)
    np.testing.assert_allclose(density.nodes, [3, 1, -2, -5])
    assert trace_of(density).stderr == 0


def test_steps_are_complete_densities() -> None:
    objective, _ = wide()
    steps = list(density_steps(objective, probes=2, steps=5))
    assert [s.n_hvp for s in steps] == list(range(1, 11))
    assert all(s.weights.sum() == pytest.approx(1) for s in steps)


def test_what_cannot_be_is_refused() -> None:
    objective, _ = wide()
    with pytest.raises(ValueError, match="Expected probes and steps to be at least 1"):
        spectral_density(objective, probes=0)
    pairs = hessian_eigenpairs(quadratic(torch.eye(4, dtype=torch.float64)))
    with pytest.raises(ValueError, match="Expected pairs of 203 parameters, got 4"):
        spectral_density(objective, pairs=pairs)


def test_the_interval_of_the_share_below_zero_holds_the_truth() -> None:
    """Of 20 intervals of 95 %, 16 or more hold with probability 0.997."""
    values = np.random.default_rng(3).normal(size=120) ** 3 + 0.3
    objective = rotated(values)
    pairs, held = hessian_eigenpairs(objective), 0
    for seed in range(20):
        low, high = spectral_density(objective, probes=4, steps=20, seed=seed, pairs=pairs).below_zero
        assert 0 < low < high < 1
        held += low <= (values < 0).mean() <= high
    assert held >= 16


TINY = {
    "log-spaced": np.r_[np.logspace(-6, 1, 150), -np.logspace(-6, -2, 150)],
    "nine tenths zero": np.r_[np.zeros(180), np.linspace(1, 10, 20)],
    "negative, all but zero": np.r_[np.full(190, -1e-7), np.linspace(1, 5, 10)],
    "a bulk about zero": np.r_[np.linspace(-1e-3, 1e-3, 90), np.linspace(1, 10, 10)],
    "one value below": np.r_[-1.0, np.linspace(0.5, 10, 99)],
}


@pytest.mark.parametrize(
    ("name", "probes"),
    [*((name, 1) for name in TINY), ("log-spaced", 4), ("negative, all but zero", 4)],
)
def test_the_share_below_zero_holds_where_no_probe_resolves_it(name: str, probes: int) -> None:
    """All probes err alike about the sign of what crowds about zero; of 12 intervals 10 hold or more."""
    values = TINY[name]
    objective, truth, held = rotated(values), (values < 0).mean(), 0
    for seed in range(12):
        low, high = spectral_density(objective, probes=probes, steps=15, seed=seed).below_zero
        held += low <= truth <= high
    assert held >= 10


def test_eigenvalues_themselves_tell_the_share_below_zero() -> None:
    """Where the Krylov space is exhausted, only the error of the probes is left; of all pairs, none."""
    low, high = spectral_density(paper_function(100, 160), probes=4, steps=30).below_zero
    assert 0.1 < low < 0.2 < high < 0.3
    objective = quadratic(torch.diag(torch.tensor([3.0, 1, -2, -5], dtype=torch.float64)))
    assert spectral_density(objective, pairs=hessian_eigenpairs(objective, k=2)).below_zero == (0.5, 0.5)


def test_a_gap_about_zero_makes_the_share_sharp() -> None:
    low, high = spectral_density(rotated(np.r_[np.linspace(-3, -1, 30), np.linspace(1, 4, 170)])).below_zero
    assert 0.1 < low < 0.15 < high < 0.22


@pytest.mark.parametrize(("value", "few"), [(-1.0, 4), (40.0, 60)])
def test_a_run_that_found_one_copy_of_many_is_no_probe(value: float, few: int) -> None:
    """Of 15 intervals of 95 %, 12 or more hold with probability 0.994, of shares as of traces."""
    values, held = np.r_[np.full(few, value), np.linspace(0.5, 5, 60)], np.zeros(2, int)
    objective, truth = rotated(values), (values < 0).mean()
    for seed in range(15):
        pairs = hessian_eigenpairs(objective, seed=seed)
        density = spectral_density(objective, probes=1, seed=seed, pairs=pairs)
        (low, high), trace = density.below_zero, trace_of(density).interval
        held += low <= truth <= high, trace[0] <= values.sum() <= trace[1]
    assert (held >= 12).all()


def test_certified_zeros_are_not_below_zero() -> None:
    """Whatever sign rounding gives them."""
    for seed in range(4):
        objective = rotated(np.r_[np.zeros(5), 1:6])
        pairs = hessian_eigenpairs(objective, k=5, seed=seed)
        assert spectral_density(objective, pairs=pairs).below_zero == (0, 0)
