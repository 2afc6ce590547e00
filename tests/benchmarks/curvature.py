"""Products and seconds to a residual of 1e-3 · |λ| at both ends of the Hessian's spectrum.

Compares this package's Lanczos run with the paper's Algorithm 1 (at the tolerance of the request, and
tightened until the residuals are right) and with one call of scipy's ``eigsh(which="BE")`` at the loosest
tolerance that makes both residuals right; products and seconds of calls that fell short are not charged to
it. The reference values come from a run to 1e-7.

    python -m tests.benchmarks.curvature [fcnn1-early] [fcnn2-early] [resnet20] [fcnn1] [fcnn2]

``measure`` alternates the first two of them for the table of all benchmarks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.datasets import load_digits
from torch import nn

from landscape_widget import Objective, hessian_eigenpairs
from notebooks import train_function_approximation as paper

from .measure import Rounds, Run, WrongResultError, alternate, timed
from .workloads import resnet20

TOL = 1e-3


def trained_resnet20() -> Objective:
    """ResNet-20 after a short training on scikit-learn's digits; 64 of them make the loss."""
    torch.manual_seed(0)
    model = resnet20(channels=1)
    digits = load_digits()
    x = torch.from_numpy(digits.images).float()[:, None] / 16
    y = torch.from_numpy(digits.target)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(120):
        rows = torch.randperm(1000, generator=torch.Generator().manual_seed(step))[:128]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return Objective(model, (x[:64], y[:64]), nn.CrossEntropyLoss())


def fcnn(name: str) -> Objective:
    """A network of Appendix D with the weights kept in the repository, or trained until the loss is 1e-4.

    The paper's networks stopped below 1e-4; the weights kept are those of the lowest loss of all epochs,
    whose λmin is much smaller and takes more products.
    """
    hidden, _, seed = paper.NETWORKS[name.removesuffix("-early")]
    torch.manual_seed(seed)
    model = paper.network(hidden)
    x, y = paper.points(50)
    if not name.endswith("-early"):
        model.load_state_dict(torch.load(paper.WEIGHTS / f"{name}.pt"))
        return Objective(model, (x, y), nn.MSELoss())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    while (loss := nn.functional.mse_loss(model(x), y)).item() >= 1e-4:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return Objective(model, (x, y), nn.MSELoss())


def ours(objective: Objective) -> tuple[np.ndarray, np.ndarray, int]:
    pairs = hessian_eigenpairs(objective, tol=TOL)
    return pairs.values, pairs.residuals, pairs.n_hvp


def algorithm_1(objective: Objective) -> tuple[np.ndarray, np.ndarray, int]:
    pairs = hessian_eigenpairs(objective, tol=TOL, method="annihilation", max_hvp=5000)
    return pairs.values, pairs.residuals, pairs.n_hvp


def _eigsh(objective: Objective, tol: float, which: str, shift: float = 0.0, k: int = 1):
    n, spent = objective.n_parameters, 0

    def product(v: np.ndarray) -> np.ndarray:
        nonlocal spent
        spent += 1
        return objective.hvp(torch.from_numpy(np.ravel(v))).numpy() - shift * np.ravel(v)

    start = np.random.default_rng(0).standard_normal(n)
    values, vectors = eigsh(LinearOperator((n, n), product, dtype=float), k, which=which, tol=tol, v0=start)
    return values + shift, vectors, spent


def _certified(objective: Objective, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    products = objective.hvp(torch.from_numpy(np.ascontiguousarray(vectors))).numpy()
    values = (vectors * products).sum(axis=0)
    order = np.argsort(-values)
    return values[order], np.linalg.norm(products - values * vectors, axis=0)[order]


def algorithm_1_untightened(objective: Objective) -> tuple[np.ndarray, np.ndarray, int]:
    precise = objective.precise()
    first, v, a = _eigsh(precise, TOL, "LM")
    _, w, b = _eigsh(precise, TOL, "LM", shift=float(first[0]))
    return *_certified(precise, np.concatenate([v, w], axis=1)), a + b + 2


def both_ends(objective: Objective) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """``eigsh(which="BE")`` at ever smaller tolerances."""
    precise = objective.precise()
    for tol in 10.0 ** np.arange(-3, -13, -1.0):
        _, vectors, spent = _eigsh(precise, tol, "BE", k=2)
        yield *_certified(precise, vectors), spent + 2


def eigsh_be(objective: Objective) -> tuple[np.ndarray, np.ndarray, int]:
    """The first of those runs whose residuals are right, or the last."""
    runs = both_ends(objective)
    found = next(runs)
    while (found[1] > TOL * np.abs(found[0])).any() and (after := next(runs, None)) is not None:
        found = after
    return found


Method = Callable[[Objective], tuple[np.ndarray, np.ndarray, int]]

METHODS: dict[str, Method] = {
    "this package": ours,
    "Algorithm 1, tol 1e-3": algorithm_1_untightened,
    "Algorithm 1, tightened": algorithm_1,
    "eigsh(which='BE')": eigsh_be,
}


#: Those of the table of all benchmarks: "fcnn1" and "fcnn2" take Algorithm 1 many more products.
NETWORKS = ("fcnn1-early", "fcnn2-early", "resnet20")


def measure(name: str, ratios: int) -> Rounds:
    """Ratios of Algorithm 1's seconds to this package's, both certified to ``TOL`` · |λ| at both ends."""
    objective = network(name)
    objective.precise().hvp(objective.precise().theta)

    def certified(compute: Method) -> Run:
        def work() -> tuple[np.ndarray, dict[str, int]]:
            values, residuals, spent = compute(objective)
            if (residuals > TOL * np.abs(values)).any():
                raise WrongResultError(f"residuals {residuals} at {values}")
            return values, {"products": spent}

        return timed(work)

    contenders = {
        "Algorithm 1": lambda: certified(algorithm_1),
        "this package": lambda: certified(ours),
    }
    return alternate(None, contenders, ratios, TOL)


def network(name: str) -> Objective:
    """One of ``NETWORKS``, "fcnn1" or "fcnn2"."""
    return trained_resnet20() if name == "resnet20" else fcnn(name)


def main(names: list[str]) -> None:
    for name in names:
        objective = network(name)
        exact = hessian_eigenpairs(objective, tol=1e-7, max_hvp=3000).values
        print(f"\n{name}: N = {objective.n_parameters}, λmax = {exact[0]:.6g}, λmin = {exact[1]:.6g}")
        print(
            f"{'method':24} {'products':>8} {'seconds':>8} {'λmax off by':>12} {'λmin off by':>12}  residuals"
        )
        for label, compute in METHODS.items():
            started = perf_counter()
            values, residuals, spent = compute(objective)
            seconds = perf_counter() - started
            off = np.abs(values / exact - 1)
            met = "met" if (residuals <= TOL * np.abs(values)).all() else "MISSED"
            print(f"{label:24} {spent:8d} {seconds:8.2f} {off[0]:12.1e} {off[1]:12.1e}  {met}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:] or list(NETWORKS))
