"""Eigenpairs where a single Lanczos run goes wrong in silence: repeated, clustered, hardly any."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.curvature.eigenpairs import eigenpair_steps

from ..support.cases import case, quadratic, rotated
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

BULK = np.random.default_rng(0).normal(size=250) * 0.5


SPECTRA = {
    "five with a pair": ([5.0, 5, 2, 1, -1], 2),
    "two pairs": ([5.0, 5, 2, 1, 0, -3, -3], 2),
    "identity": ([7.0] * 40, 4),
    "zero": ([0.0] * 6, 3),
    "rank one": ([3.0] + [0.0] * 8, 3),
    "N = 1": ([-2.0], 1),
    "N = 2": ([2.0, -1.0], 1),
    "N = 2, equal": ([2.0, 2.0], 1),
    "all of N": ([2.0, 2.0, 2.0, 1.0, -4.0, -4.0], 3),
    "triple outside a bulk": ([5.0, 5, 5, *BULK, -4, -4, -4], 3),
    "cluster outside a bulk": ([5.0, 5 - 1e-9, 5 - 1e-6, 4.99, *BULK, -4, -4 + 1e-7], 4),
    "five outliers": ([100.0, 80, 60, 40, 20, *(0.01 * BULK)], 5),
    "bulk alone": (list(BULK), 3),
}


@pytest.mark.parametrize(("spectrum", "k"), SPECTRA.values(), ids=SPECTRA)
@pytest.mark.parametrize("seed", range(2))
def test_every_copy_is_found(spectrum: list[float], k: int, seed: int) -> None:
    exact = np.sort(spectrum)[::-1]
    expected = exact if 2 * k > len(exact) else np.r_[exact[:k], exact[-k:]]
    pairs = hessian_eigenpairs(rotated(spectrum), k=k, tol=1e-6, seed=seed)
    assert pairs.complete
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, expected, rtol=1e-6, atol=1e-12)
    m = len(expected)
    np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(m), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("largest", "others", "smallest", "n"),
    [
        (1e10, 5e-3, -9e-3, 1000),
        (1e10, 1e-3, -5e-3, 100),
        (1e9, 2e-4, -5e-4, 50),
        (1e8, 1e-5, -5e-5, 100),
        (1e8, 1e-4, 2e-5, 100),
        (-1e9, -2e-4, 5e-4, 50),
    ],
)
def test_what_is_small_beside_the_largest_is_still_told_apart(
    largest: float, others: float, smallest: float, n: int
) -> None:
    """As beside an input in large units: products of the rest round less than 1e-12 of the largest."""
    ends = sorted([largest, smallest])
    diagonal = torch.tensor([largest, smallest, *[others] * n], dtype=torch.float64)
    pairs = hessian_eigenpairs(quadratic(torch.diag(diagonal)))
    assert pairs.complete
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, ends[::-1], rtol=1e-3)


@pytest.mark.parametrize("which", ["largest", "smallest"])
def test_one_end_alone_with_its_copies(which: str) -> None:
    pairs = hessian_eigenpairs(rotated([5.0, 5, 5, *BULK, -4, -4, -4]), k=3, which=which, tol=1e-6)
    np.testing.assert_allclose(pairs.values, [5.0] * 3 if which == "largest" else [-4.0] * 3, rtol=1e-6)


def test_all_but_one_of_n() -> None:
    spectrum = np.random.default_rng(2).normal(size=12)
    pairs = hessian_eigenpairs(rotated(spectrum), k=11, which="largest", tol=1e-8)
    np.testing.assert_allclose(pairs.values, np.sort(spectrum)[:0:-1], rtol=1e-8)


def test_repeated_eigenvalues_of_a_network() -> None:
    """Two copies of a network side by side have every eigenvalue twice."""
    single = dense(case("dense tanh", "mse")).hessian.numpy()
    n = len(single)
    matrix = torch.zeros(2 * n, 2 * n, dtype=torch.float64)
    matrix[:n, :n] = matrix[n:, n:] = torch.from_numpy(single)
    exact = np.repeat(np.linalg.eigvalsh(single)[::-1], 2)
    pairs = hessian_eigenpairs(quadratic(matrix), k=4, tol=1e-7)
    np.testing.assert_allclose(pairs.values, np.r_[exact[:4], exact[-4:]], rtol=1e-7)


def test_what_it_costs_to_look_for_more_copies() -> None:
    """Outliers that stand alone: at most 20 products more than without the search."""
    objective = rotated([50.0, 40, *BULK, -20, -30])
    estimates = list(eigenpair_steps(objective, k=2))
    settled = next(e.n_hvp for e in estimates if len(e.converged) == 4 and e.converged.all())
    assert estimates[-1].n_hvp <= settled + 4 + 20


@pytest.mark.parametrize("seed", [209, 1002, 1244, 3])
def test_the_end_of_the_spectrum_is_not_overlooked(seed: int) -> None:
    """From the start vector of seed 0 the second eigenvalue at an end converges before the first shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
        x, y = torch.randn(40, 4), torch.randn(40, 2)
    names, weights = zip(*model.double().named_parameters(), strict=True)

    def loss(*values: torch.Tensor) -> torch.Tensor:
        named = dict(zip(names, values, strict=True))
        return (torch.func.functional_call(model, named, x.double()) - y).square().mean()

    rows = torch.autograd.functional.hessian(loss, weights)
    sizes = [w.numel() for w in weights]
    matrix = torch.cat(
        [
            torch.cat([b.reshape(m, n) for b, n in zip(row, sizes, strict=True)], 1)
            for row, m in zip(rows, sizes, strict=True)
        ]
    )
    exact = np.linalg.eigvalsh(matrix.numpy())
    pairs = hessian_eigenpairs(Objective(model.float(), (x, y), nn.MSELoss()))
    assert pairs.complete
    np.testing.assert_allclose(pairs.values, exact[[-1, 0]], rtol=2e-3)


@pytest.mark.parametrize("where", [0, -1])
@pytest.mark.parametrize("which", ["both", "largest", "smallest"])
def test_an_end_that_the_start_hardly_contains(
    where: int, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start vector orthogonal to the eigenvector at an end, but for 1e-9 of it."""
    monkeypatch.setattr("landscape_widget.curvature.eigenpairs._FRESH_SHARE", 0.0)
    spectrum = np.r_[[-6.0, -5.0], BULK, [5.0, 6.0]]
    start = torch.randn(
        len(spectrum), generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).numpy()
    start[where] = 1e-9
    ends = {"both": [6.0, -6.0], "largest": [6.0], "smallest": [-6.0]}[which]
    pairs = hessian_eigenpairs(
        quadratic(torch.diag(torch.from_numpy(spectrum))), which=which, start=start[:, None]
    )
    np.testing.assert_allclose(pairs.values, ends, rtol=1e-5)


def test_below_zero_nothing_is_searched_where_there_is_nothing() -> None:
    """Gauss-Newton and Fisher matrices: rank 20 of 58, so that the run ends with the space of the start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 2))
        data = torch.randn(10, 8), torch.randn(10, 2)
    objective = Objective(model, data, nn.MSELoss(), dtype=torch.float64)
    for operator in ("ggn", "fisher", "empirical-fisher"):
        pairs = hessian_eigenpairs(objective, operator=operator)
        assert pairs.complete
        assert pairs.converged.all()
        assert abs(pairs.values[1]) <= 1e-12 * pairs.values[0]
        assert pairs.n_hvp <= 21 + 20 + 2


def test_what_did_converge_is_kept() -> None:
    pairs = hessian_eigenpairs(rotated([100.0, *BULK]), k=1, tol=1e-8, max_hvp=12)
    assert pairs.n_hvp == 14
    assert not pairs.complete
    assert pairs.converged.tolist() == [True, False]
    np.testing.assert_allclose(pairs.values[0], 100, rtol=1e-8)


def test_eigenvalues_scale_with_the_loss() -> None:
    def scaled(factor: float) -> np.ndarray:
        matrix = factor * dense(case("dense SiLU")).hessian
        return hessian_eigenpairs(quadratic(matrix), k=2, tol=1e-8).values

    one = scaled(1.0)
    for factor in (1e-8, 1e8):
        np.testing.assert_allclose(scaled(factor), factor * one, rtol=1e-10)
    np.testing.assert_allclose(scaled(-1.0), -one[::-1], rtol=1e-10)


def test_a_warm_start_is_cheaper_and_finds_the_same() -> None:
    objective = case("dense tanh").objective()
    cold = hessian_eigenpairs(objective, tol=1e-4)
    warm = hessian_eigenpairs(objective, tol=1e-4, start=cold.vectors)
    assert warm.n_hvp < cold.n_hvp
    np.testing.assert_allclose(warm.values, cold.values, rtol=1e-6)


def test_a_start_of_inner_eigenvectors_finds_the_ends_nevertheless() -> None:
    """An eigenvector as start ends a plain Lanczos run at once, with the wrong eigenvalue."""
    matrix = dense(case("dense tanh")).hessian
    values, vectors = np.linalg.eigh(matrix.numpy())
    pairs = hessian_eigenpairs(quadratic(matrix), tol=1e-6, start=vectors[:, 30:32])
    np.testing.assert_allclose(pairs.values, values[[-1, 0]], rtol=1e-6)


@pytest.mark.parametrize("start", [np.ones((3, 1)), np.full((5, 1), np.nan), np.empty((5, 0))])
def test_a_start_that_does_not_fit_is_refused(start: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Expected start as finite vectors of shape \(5, j\)"):
        hessian_eigenpairs(rotated([5.0, 5, 2, 1, -1]), start=start)


@pytest.mark.parametrize("which", ["both", "largest", "smallest"])
@pytest.mark.parametrize(
    "spectrum",
    [
        [5.0, 5, 2, 1, -1],
        [-2.0],
        [2.0, -1.0],
        [2.0, 2.0],
        [0.0] * 4,
        [3.0] + [0.0] * 6,
        [1000.0, *(0.01 * BULK)],
        [-1000.0, *(0.01 * BULK)],
    ],
    ids=["pair", "N = 1", "N = 2", "equal", "zero", "rank one", "large end", "large negative end"],
)
def test_algorithm_1_finds_the_ends(spectrum: list[float], which: str) -> None:
    exact = np.sort(spectrum)[::-1]
    expected = {"both": exact[[0, -1]][: len(exact)], "largest": exact[:1], "smallest": exact[-1:]}[which]
    pairs = hessian_eigenpairs(rotated(spectrum), which=which, method="annihilation")
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, expected, rtol=1e-3, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("name", ["dense ReLU", "attention", "convolution, batch norm"])
def test_algorithm_1_on_networks(name: str) -> None:
    exact = np.linalg.eigvalsh(dense(case(name)).hessian.numpy())
    pairs = hessian_eigenpairs(case(name).objective(), method="annihilation", tol=1e-6)
    np.testing.assert_allclose(pairs.values, exact[[-1, 0]], rtol=1e-6)
    calls = 0
    objective = quadratic(dense(case(name)).hessian)
    product = objective.hvp

    def counted(v: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1 if v.ndim == 1 else v.shape[1]
        return product(v)

    objective.second_derivative_checked = True
    objective.hvp = counted  # type: ignore[method-assign]
    assert hessian_eigenpairs(objective, method="annihilation").n_hvp == calls


def test_algorithm_1_is_for_one_pair() -> None:
    with pytest.raises(ValueError, match="Expected k = 1 for method='annihilation'"):
        hessian_eigenpairs(rotated([5.0, 2, 1, -1]), k=2, method="annihilation")
    with pytest.raises(ValueError, match="Expected method as one of lanczos, annihilation"):
        hessian_eigenpairs(rotated([5.0, 2, 1, -1]), method="power")


@pytest.mark.parametrize(
    ("k", "operator", "dtype"),
    [
        (1, "hessian", torch.float32),
        (1, "ggn", torch.float64),
        (1, "fisher", torch.float32),
        (3, "hessian", torch.float64),
        (3, "ggn", torch.float32),
        (30, "hessian", torch.float32),
        (30, "fisher", torch.float64),
    ],
)
def test_an_end_of_zeros(operator: str, dtype: torch.dtype, k: int) -> None:
    """Softmax regression has a null space of its own, and 5 examples leave a larger one."""
    x = torch.randn(5, 9, generator=torch.Generator().manual_seed(0), dtype=dtype)
    y = torch.arange(5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Linear(9, 6).to(dtype)
    pairs = hessian_eigenpairs(Objective(model, (x, y), nn.CrossEntropyLoss()), k=k, operator=operator)
    double = x.double()
    p = torch.softmax(model.double()(double), dim=1).detach()
    of_outputs = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    inputs = torch.cat([double, torch.ones(5, 1)], dim=1)
    outer = inputs[:, :, None] * inputs[:, None]
    exact = torch.linalg.eigvalsh(sum(map(torch.kron, of_outputs, outer)) / 5).numpy()[::-1]
    assert pairs.complete
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, np.r_[exact[:k], exact[-k:]], rtol=1e-3, atol=1e-12)
