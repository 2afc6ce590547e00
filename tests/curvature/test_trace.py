"""Traces against exact ones, and the standard errors against the errors that were made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from curvlinops import HessianLinearOperator
from torch import nn

from landscape_widget import EigenPairs, Objective, hessian_eigenpairs, hessian_trace, spectral_density
from landscape_widget.curvature.curvature_fit import fit_estimate
from landscape_widget.curvature.trace import METHODS, trace_steps

from ..support.cases import Case, case, paper_function, quadratic, rotated
from ..support.oracle import dense

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")]

PRODUCTS = ("hutchinson", "hutch++", "deflated")


def few_large() -> tuple[Objective, np.ndarray]:
    """Five large eigenvalues on a bulk of small ones, with random eigenvectors."""
    spectrum = np.r_[100.0, 50, -30, 20, 10, 0.1 * np.random.default_rng(0).normal(size=150)]
    return rotated(spectrum), spectrum


@pytest.mark.parametrize(("n_positive", "trace"), [(500, 0.0), (800, 600.0)])
@pytest.mark.parametrize("method", METHODS)
def test_the_paper_s_functions(n_positive: int, trace: float, method: str) -> None:
    """Fig. 3: traces 0 and 600; tr(H²) = 1000. Five standard errors, plus rounding where they are zero."""
    found = hessian_trace(paper_function(500, n_positive), method, samples=90)
    assert abs(found.value - trace) <= 5 * found.stderr + 1e-9
    assert abs(found.square - 1000) <= 5 * found.square_stderr + 1e-9


def test_rademacher_probes_are_exact_on_a_diagonal() -> None:
    found = hessian_trace(paper_function(500, 800), "hutchinson", samples=2)
    assert found.value == pytest.approx(600, abs=1e-9)
    assert found.stderr == pytest.approx(0, abs=1e-9)


def test_both_methods_of_fig_3_see_the_same_vectors() -> None:
    """On a quadratic function a parabola fits exactly, so they agree draw by draw.

    The fit's standard error is that of the sample, the other from the products, which know more.
    """
    objective, _ = few_large()
    fit = hessian_trace(objective, "curvature-fit", samples=30, seed=3, half_width=0.05)
    products = hessian_trace(objective, "hutchinson", samples=30, seed=3, distribution="normal")
    assert fit.value == pytest.approx(products.value, rel=1e-9)
    assert products.stderr == pytest.approx(math.sqrt(2 * products.square / 30), rel=1e-9)
    assert (fit.n_hvp, fit.n_loss) == (0, 1501 + 4 * 30)  # four more on each line tell the bias


@pytest.mark.parametrize(
    ("method", "distribution"),
    [
        ("hutchinson", "rademacher"),
        ("hutchinson", "normal"),
        ("hutch++", "rademacher"),
        ("deflated", "rademacher"),
    ],
)
def test_standard_errors_cover_the_truth(method: str, distribution: str) -> None:
    """Over R = 60 seeds, 95 % intervals miss about 3 of 60.

    The number of misses is binomial with variance R·p·(1 − p). Twenty probes and more leave the t
    quantile within 2.09 of 1.96, a coverage of 93.5 % or better, and the squares, skewed by the large
    eigenvalues, some points less: 10 % and 15 % misses are taken, plus three binomial deviations.
    """
    objective, spectrum = few_large()
    runs = 60
    found = [
        hessian_trace(objective, method, samples=60, seed=s, distribution=distribution) for s in range(runs)
    ]
    errors = np.array([(f.value - spectrum.sum()) / f.stderr for f in found])
    squares = np.array([(f.square - (spectrum**2).sum()) / f.square_stderr for f in found])
    for misses, rate in (((np.abs(errors) > 1.96).sum(), 0.10), ((np.abs(squares) > 1.96).sum(), 0.15)):
        assert misses <= runs * rate + 3 * math.sqrt(runs * rate * (1 - rate))
    # and the errors are not overstated: the spread of the ratio is 1 within 3/√(2R)
    if method == "hutchinson":
        assert np.std(errors) == pytest.approx(1, abs=3 / math.sqrt(2 * runs))


def test_the_fit_s_standard_errors_cover_the_truth() -> None:
    """tr(H²) from the variance of the second derivatives, on 400 sets of 60 forms Σ λ_i z_i².

    Their kurtosis makes intervals of a variance from 60 samples short: 15 % misses are taken, plus three
    binomial deviations. The means are those of Hutchinson's method, as the test above says.
    """
    spectrum = np.linspace(-1, 2, 40)
    runs = 400
    forms = np.random.default_rng(0).normal(size=(runs, 60, 40)) ** 2 @ spectrum
    found = [fit_estimate(sample, 0, {}) for sample in forms]
    misses = sum(abs(f.square - (spectrum**2).sum()) > 1.96 * f.square_stderr for f in found)
    assert misses <= runs * 0.15 + 3 * math.sqrt(runs * 0.15 * 0.85)
    assert misses >= runs * 0.02
    correlation = np.corrcoef([f.value for f in found], [f.square for f in found])[0, 1]
    claimed = np.mean([f.covariance / (f.stderr * f.square_stderr) for f in found])
    assert claimed == pytest.approx(correlation, abs=3 / math.sqrt(runs))


def test_the_variance_is_the_textbook_s() -> None:
    """2 tr(H²) for normal probes, 2 Σ_{i≠j} H_ij² for Rademacher ones.

    A variance from S samples has a relative error of √((kurtosis − 1)/S), 5 % for a kurtosis of 11.
    """
    matrix = dense(case("dense tanh")).hessian
    off_diagonal = matrix - torch.diag(matrix.diagonal())
    samples = 4000
    for distribution, variance in (
        ("normal", 2 * (matrix**2).sum()),
        ("rademacher", 2 * (off_diagonal**2).sum()),
    ):
        found = hessian_trace(quadratic(matrix), "hutchinson", samples=samples, distribution=distribution)
        assert samples * found.stderr**2 == pytest.approx(variance.item(), rel=0.2)


@pytest.mark.parametrize(
    ("loss", "method"), [("mse", PRODUCTS[0]), ("cross entropy", PRODUCTS[1]), ("mse", PRODUCTS[2])]
)
def test_networks(loss: str, method: str) -> None:
    matrix = dense(case("dense SiLU", loss)).hessian
    found = hessian_trace(case("dense SiLU", loss).objective(), method, samples=60)
    assert abs(found.value - torch.trace(matrix).item()) <= 5 * found.stderr
    assert abs(found.square - (matrix**2).sum().item()) <= 5 * found.square_stderr


def test_against_curvlinops() -> None:
    """The same trace from curvlinops' matrix, on a full batch."""
    network = case("convolution, batch norm")
    model, data = network.model(), network.batches((13,))
    parameters = [p for p in model.parameters() if p.requires_grad]
    operator = HessianLinearOperator(model, nn.CrossEntropyLoss(), parameters, data)
    identity = torch.eye(sum(p.numel() for p in parameters), dtype=torch.float64)
    found = hessian_trace(network.objective(), "deflated", samples=100)
    assert abs(found.value - torch.trace(operator @ identity).item()) <= 5 * found.stderr


def test_deflation_by_certified_pairs_costs_one_product_and_helps() -> None:
    objective, spectrum = few_large()
    pairs = hessian_eigenpairs(objective, k=4)
    plain = hessian_trace(objective, "hutchinson", samples=20)
    deflated = hessian_trace(objective, "deflated", samples=20, pairs=pairs)
    assert (deflated.n_hvp, plain.n_hvp) == (21, 20)
    assert deflated.stderr < plain.stderr / 20
    assert abs(deflated.value - spectrum.sum()) <= 5 * deflated.stderr
    assert abs(deflated.square - (spectrum**2).sum()) <= 5 * deflated.square_stderr


def test_deflation_by_algorithm_1_s_pairs() -> None:
    """Its two vectors are orthogonal only to within their residuals."""
    objective, spectrum = few_large()
    pairs = hessian_eigenpairs(objective, method="annihilation", tol=0.3)
    found = hessian_trace(objective, "deflated", samples=40, pairs=pairs)
    assert abs(found.value - spectrum.sum()) <= 5 * found.stderr


@pytest.mark.parametrize("method", ["hutch++", "deflated"])
def test_small_problems_are_exact(method: str) -> None:
    matrix = torch.diag(torch.tensor([3.0, -1, 0, 0], dtype=torch.float64))
    found = hessian_trace(quadratic(matrix), method, samples=16)
    assert found.value == pytest.approx(2, abs=1e-12)
    assert found.square == pytest.approx(10, abs=1e-12)
    assert found.stderr == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_no_curvature_at_all(method: str) -> None:
    found = hessian_trace(quadratic(torch.zeros(9, 9, dtype=torch.float64)), method, samples=12)
    assert (found.value, found.stderr, found.square) == (0, 0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_products_are_counted(method: str) -> None:
    objective, _ = few_large()
    objective.second_derivative_checked = True
    calls, product = 0, objective.hvp

    def counted(v: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1 if v.ndim == 1 else v.shape[1]
        return product(v)

    objective.hvp = counted  # type: ignore[method-assign]
    found = hessian_trace(objective, method, samples=30)
    assert found.n_hvp == calls == {"curvature-fit": 0, "exact": 155}.get(method, 30)


@pytest.mark.parametrize("method", METHODS)
def test_steps_end_with_the_result(method: str) -> None:
    objective, _ = few_large()
    steps = list(trace_steps(objective, method, samples=12, interval=0.0))
    assert len(steps) > 5
    whole = hessian_trace(objective, method, samples=12)
    for name in ("value", "stderr", "square", "square_stderr"):  # blocks of other sizes round otherwise
        assert getattr(steps[-1], name) == pytest.approx(getattr(whole, name), rel=1e-9)
    assert (steps[-1].n_hvp, steps[-1].n_loss) == (whole.n_hvp, whole.n_loss)
    assert all(a.n_hvp + a.n_loss < b.n_hvp + b.n_loss for a, b in itertools.pairwise(steps))


def test_more_samples_begin_with_the_same_ones() -> None:
    objective, _ = few_large()
    one = list(trace_steps(objective, "hutchinson", samples=40, interval=1e9))[:3]
    other = list(trace_steps(objective, "hutchinson", samples=80, interval=1e9))[:3]
    assert [s.samples for s in one] == [1, 3, 7]
    assert [s.value for s in one] == [s.value for s in other]


def test_what_cannot_be_is_refused() -> None:
    objective, _ = few_large()
    pairs = hessian_eigenpairs(objective)
    with pytest.raises(ValueError, match="Expected method as one of hutchinson"):
        hessian_trace(objective, "precise")
    with pytest.raises(ValueError, match="Expected distribution as one of rademacher, normal"):
        hessian_trace(objective, distribution="uniform")
    with pytest.raises(ValueError, match="at least 6"):
        hessian_trace(objective, "hutch++", samples=5)
    with pytest.raises(ValueError, match="Expected normal probes"):
        hessian_trace(objective, "curvature-fit", distribution="rademacher")
    with pytest.raises(ValueError, match="Expected pairs of 155 parameters with method='deflated'"):
        hessian_trace(objective, "hutchinson", pairs=pairs)


@pytest.mark.parametrize("method", ["curvature-fit", "hutchinson", "hutch++", "deflated"])
@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_a_scale_at_which_powers_overflow_or_vanish_is_refused(method: str, scale: float) -> None:
    objective = Objective.from_function(
        lambda t: scale * (1 + (t**4).sum() + t[0] * t[1]), torch.linspace(0.1, 1, 12, dtype=torch.float64)
    )
    with pytest.raises(ArithmeticError, match="Multiply the loss by a number"):
        hessian_trace(objective, method, samples=8)


def _of_another(objective: Objective, network: Case, of: str) -> EigenPairs:
    """Pairs of another matrix than the Hessian of an objective of 2 batches, by what they are of."""
    n = objective.n_parameters
    moved = objective.at(objective.theta + 0.1 * torch.linspace(-1, 1, n, dtype=torch.float64))
    model, (x, y) = network.model(), network.examples()
    multiple = Objective(model, (x, y), lambda z, t: 1.05 * network.loss_fn(z, t))
    found: dict[str, Callable[[], EigenPairs]] = {
        "weights": lambda: hessian_eigenpairs(moved),
        "data": lambda: hessian_eigenpairs(Objective(model, (-x, y), network.loss_fn)),
        "fewer data": lambda: hessian_eigenpairs(Objective(model, (x[:9], y[:9]), network.loss_fn)),
        "operator": lambda: hessian_eigenpairs(objective, which="largest", operator="ggn"),
        "preconditioner": lambda: hessian_eigenpairs(objective, preconditioner=np.linspace(1, 4, n)),
        "multiple": lambda: hessian_eigenpairs(multiple),
        "multiple, by Algorithm 1": lambda: hessian_eigenpairs(multiple, method="annihilation", seed=1),
    }
    return found[of]()


@pytest.mark.parametrize(
    "of",
    [
        *("weights", "data", "fewer data", "operator", "preconditioner"),
        *("multiple", "multiple, by Algorithm 1"),
    ],
)
def test_pairs_of_another_matrix_are_refused(of: str) -> None:
    """A trace that rests on them is off by many of its standard errors."""
    network = case("dense tanh")
    objective = network.objective()
    pairs = _of_another(objective, network, of)
    with pytest.raises(ValueError, match="Expected pairs of the same objective"):
        hessian_trace(objective, "deflated", samples=10, pairs=pairs)
    with pytest.raises(ValueError, match="Expected pairs of the same objective"):
        spectral_density(objective, probes=2, steps=10, pairs=pairs)


@pytest.mark.parametrize(("dtype", "max_hvp"), [(torch.float32, 1000), (torch.float64, 3)])
def test_pairs_of_the_same_matrix_are_not(dtype: torch.dtype, max_hvp: int) -> None:
    """Converged or not, and whatever the dtype of the products that led there."""
    for name, operator, k in (("dense tanh", "hessian", 3), ("dense ReLU", "ggn", 1)):
        objective = case(name).objective().to(dtype)
        pairs = hessian_eigenpairs(objective, k, max_hvp=max_hvp, operator=operator)
        hessian_trace(objective, "deflated", samples=4, pairs=pairs, operator=operator)
        spectral_density(objective, 2, 6, pairs=pairs, operator=operator)
