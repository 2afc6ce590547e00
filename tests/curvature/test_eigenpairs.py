"""Eigenpairs of networks against the dense spectrum."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective, TraceEstimate, hessian_eigenpairs, hessian_trace, spectral_density
from landscape_widget.curvature import basis
from landscape_widget.curvature.eigenpairs import eigenpair_steps
from landscape_widget.curvature.product_check import EXAMPLES
from landscape_widget.curvature.trace import METHODS
from landscape_widget.numerics.storage import rows_in_file

from ..support.cases import EACH, FEW, Case, case
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

TOL = 1e-6


@pytest.mark.parametrize(
    ("case", "which", "k"),
    [
        *((each, "both", 4) for each in EACH),
        *((EACH[0], *ends) for ends in (("both", 1), ("largest", 3), ("smallest", 3))),
    ],
    ids=str,
)
def test_both_ends_against_the_dense_spectrum(case: Case, which: str, k: int) -> None:
    matrix = dense(case).hessian.numpy()
    exact = np.linalg.eigvalsh(matrix)[::-1]
    expected = {
        "both": np.r_[exact[:k], exact[-k:]],
        "largest": exact[:k],
        "smallest": exact[-k:],
    }[which]
    pairs = hessian_eigenpairs(case.objective(), k=k, which=which, tol=TOL)
    assert pairs.converged.all()
    # an eigenvalue lies within its residual of the Rayleigh quotient, and the residual within tol·|λ|;
    # values that are zero to rounding (dead units) are bounded by the size of the matrix instead
    np.testing.assert_allclose(pairs.values, expected, rtol=TOL, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("case", FEW, ids=str)
def test_vectors_and_residuals_are_what_they_claim(case: Case) -> None:
    matrix = dense(case).hessian.numpy()
    pairs = hessian_eigenpairs(case.objective(), k=3, tol=TOL)
    residuals = np.linalg.norm(matrix @ pairs.vectors - pairs.values * pairs.vectors, axis=0)
    np.testing.assert_allclose(pairs.residuals, residuals, rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(6), rtol=0, atol=1e-6)


def test_the_entry_of_largest_magnitude_is_positive() -> None:
    """At every seed: the start vector decides the sign that Lanczos would give."""
    objective = case("dense SiLU").objective()
    runs = [hessian_eigenpairs(objective, k=2, tol=TOL, seed=seed).vectors for seed in range(5)]
    for vectors in runs:
        largest = np.abs(vectors).argmax(axis=0)
        assert (vectors[largest, np.arange(4)] > 0).all()
        np.testing.assert_allclose(vectors, runs[0], rtol=0, atol=1e-4)


def test_the_same_seed_gives_the_same_bits() -> None:
    one, other = (hessian_eigenpairs(case("tied").objective(), k=2, seed=4) for _ in range(2))
    assert np.array_equal(one.values, other.values)
    assert np.array_equal(one.vectors, other.vectors)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_a_first_look_takes_products_in_the_dtype_of_the_model(case: Case) -> None:
    matrix = dense(case).hessian.numpy()
    exact = np.linalg.eigvalsh(matrix)
    objective = case.objective().to(torch.float32)
    *_, pairs = eigenpair_steps(objective, 1, tol=1e-2, precise=False)
    assert pairs.provenance["dtype"] == "float32"
    np.testing.assert_allclose(pairs.values, exact[[-1, 0]], rtol=1e-3, atol=1e-4 * np.abs(exact).max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["dense ReLU", "convolution, batch norm"])
def test_a_first_look_certifies_nothing_and_is_checked_on_a_few_examples(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = case(name)
    x, y = small.examples()
    repeats = (5, *[1] * (x.ndim - 1))
    objective = Objective(
        small.model(), (x.repeat(repeats), y.repeat(5, *[1] * (y.ndim - 1))), small.loss_fn, dtype=dtype
    )
    examples: list[int] = []

    def counted(take: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def taken(self: Objective, *args: object) -> Tensor:
            examples.append(self.n_examples)
            return take(self, *args)

        return taken

    monkeypatch.setattr(Objective, "gradient", counted(Objective.gradient))
    monkeypatch.setattr(Objective, "gradient_beside", counted(Objective.gradient_beside))
    *_, pairs = eigenpair_steps(objective, 1, tol=1e-2, max_hvp=200, precise=False)
    assert examples
    assert max(examples) <= EXAMPLES
    assert not pairs.converged.any()
    assert not objective.precise().second_derivative_checked
    examples.clear()
    assert hessian_eigenpairs(objective, max_hvp=200).converged.any()
    assert max(examples) == objective.n_examples, "what is certified is checked on all of the data"


@pytest.mark.parametrize("tol", [0.3, 0.1, 1e-2])
def test_a_first_look_ends_with_the_first_ritz_vectors_that_are_good_enough(
    tol: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a product for each step and none to certify; residuals are those of the dense matrix."""
    small = case("dense ReLU")
    matrix, objective, products = dense(small).hessian.numpy(), small.objective(), []
    product = Objective.hvp

    def counted(self: Objective, v: torch.Tensor, theta: torch.Tensor | None = None) -> torch.Tensor:
        products.extend([self] * (1 if v.ndim == 1 else v.shape[1]))
        return product(self, v, theta)

    monkeypatch.setattr(Objective, "hvp", counted)
    *_, before, pairs = eigenpair_steps(objective, 1, tol=tol, max_hvp=200, precise=False)
    assert sum(one is objective for one in products) == pairs.n_hvp == before.n_hvp + 1 < 200
    np.testing.assert_allclose(np.linalg.norm(pairs.vectors, axis=0), 1, rtol=1e-12)
    residuals = np.linalg.norm(matrix @ pairs.vectors - pairs.vectors * pairs.values, axis=0)
    assert (residuals <= (tol + 1e-9) * np.abs(pairs.values)).all()
    assert (before.residuals > tol * np.abs(before.values)).any(), "the step before was not good enough"


def test_curvature_of_a_single_precision_model_is_computed_in_double() -> None:
    """In float32 a residual cannot come below 1e-8 of the scale; the true one of these pairs does."""
    pairs = hessian_eigenpairs(case("dense ReLU").objective(dtype=torch.float32), tol=1e-10)
    assert pairs.provenance["dtype"] == "float64"
    assert pairs.converged.all()
    exact = np.linalg.eigvalsh(dense(case("dense ReLU")).hessian.numpy())[[-1, 0]]
    np.testing.assert_allclose(pairs.values, exact, rtol=1e-5)  # weights and data were rounded to 6e-8


def test_a_basis_in_a_file_gives_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit; and where the disk has no room, the basis stays in memory and the search restarts."""
    objective = case("dense tanh").objective()
    expected = hessian_eigenpairs(objective, 1)
    made: list[int] = []

    def in_file(count: int, like: Tensor) -> Tensor:
        made.append(count)
        return rows_in_file(count, like)

    monkeypatch.setattr(basis, "rows_in_file", in_file)
    monkeypatch.setattr(basis, "MEMORY_BYTES", 0)
    found = hessian_eigenpairs(objective, 1)
    assert made
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.vectors, expected.vectors)

    def full(*_: object) -> Tensor:
        raise OSError("No space left on device")

    monkeypatch.setattr(basis, "rows_in_file", full)
    restarting = hessian_eigenpairs(objective, 1)
    assert restarting.converged.all()
    np.testing.assert_allclose(restarting.values, expected.values, rtol=1e-3)


def test_a_search_with_very_long_vectors_holds_them_in_single(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pairs are certified in double, with vectors of length 1 in double, as those of any search are."""
    objective = case("dense tanh").objective(dtype=torch.float32)
    expected = hessian_eigenpairs(objective, 2)
    held: list[torch.dtype] = []

    def in_file(count: int, like: Tensor) -> Tensor:
        held.append(like.dtype)
        return rows_in_file(count, like)

    monkeypatch.setattr(basis, "rows_in_file", in_file)
    monkeypatch.setattr(basis, "MEMORY_BYTES", 0)
    found = hessian_eigenpairs(objective, 2)
    assert held == [torch.float32]
    assert found.converged.all()
    assert found.provenance["products"] == expected.provenance["products"] == "float32, certified in float64"
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=0), 1, rtol=1e-12)
    matrix = dense(case("dense tanh")).hessian.numpy()
    off = np.linalg.norm(matrix @ found.vectors - found.vectors * found.values, axis=0)
    assert (off <= 1.01e-3 * np.abs(found.values)).all()


@pytest.mark.parametrize("scale", [1e160, 1e200, 1e-150, 1e-200])
def test_scales_whose_squares_float64_cannot_hold_are_refused(scale: float) -> None:
    """Residuals of such vectors are zero or infinite whatever those are, and so are standard errors."""
    objective = Objective.from_function(
        lambda t: scale * (3 * t[0] ** 2 + t[1] ** 2 - t[2] ** 2) / 2, torch.zeros(3).double()
    )
    for curvature_of in (hessian_eigenpairs, spectral_density, *map(_trace_by, METHODS[:3])):
        with pytest.raises(ArithmeticError, match="squares float64 can hold, got entries up to"):
            curvature_of(objective)


def _trace_by(method: str) -> Callable[[Objective], TraceEstimate]:
    return partial(hessian_trace, method=method, samples=6)


def test_a_search_in_single_precision_does_not_certify_what_it_cannot_see() -> None:
    """A classifier sure of all examples: squares of its curvature are zero in float64, itself in float32."""
    torch.manual_seed(0)
    first, last = nn.Linear(6, 8), nn.Linear(8, 3)
    model, x = nn.Sequential(first, nn.ReLU(), last), torch.randn(300, 6)
    with torch.no_grad():
        last.weight *= 1e4
        last.bias *= 1e4
        likeliest, second = model(x).topk(2, 1).values.unbind(1)
        x = x[likeliest - second > 450]
        y = model(x).argmax(1)
    with pytest.raises(ArithmeticError, match="squares float64 can hold"):
        hessian_eigenpairs(Objective(model, (x, y), nn.CrossEntropyLoss()))


@pytest.mark.parametrize("scale", [1e145, 1e-140])
def test_scales_that_float64_holds_change_nothing(scale: float) -> None:
    objective = Objective.from_function(
        lambda t: scale * (6 * t[0] ** 2 + t[1] ** 2 - 2 * t[2] ** 2) / 2, torch.zeros(3).double()
    )
    np.testing.assert_allclose(hessian_eigenpairs(objective).values / scale, [6, -2], rtol=1e-6)
