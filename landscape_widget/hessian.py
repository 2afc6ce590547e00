"""Eigenpairs of the Hessian of an objective, each certified by its true residual."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from landscape_widget.lanczos import Krylov, lanczos
from landscape_widget.objective import Objective
from landscape_widget.results import EigenPairs, library_versions

#: Limits of the Krylov basis; beyond them the process restarts from the outermost Ritz vectors.
BASIS_BYTES, BASIS_VECTORS = 1 << 30, 200

_ENDS = {"largest": (1, 0), "smallest": (0, 1), "both": (1, 1)}


def hessian_eigenpairs(
    objective: Objective,
    k: int = 1,
    which: str = "both",
    tol: float = 1e-3,
    seed: int = 0,
    max_hvp: int = 1000,
) -> EigenPairs:
    """Eigenpairs at the ends of the Hessian's spectrum at θ*, from one Lanczos run.

    One run with full reorthogonalisation serves both ends. It is computed in float64 where the device
    allows, whatever the dtype of ``objective``.

    Args:
        objective: L; its Hessian H at θ* has shape (N, N).
        k: Number of pairs at each end that is asked for, at most N (N // 2 for both ends).
        which: "largest", "smallest" (algebraically), or "both".
        tol: Relative accuracy; a pair converges when ‖Hv − λv‖ ≤ tol · |λ|, each end by its own λ.
            Where λ is zero to rounding, the bound is rounding: 1e-12 of the largest |λ|.
        seed: Of the start vector.
        max_hvp: Products after which the run ends, converged or not; ``converged`` tells.

    Returns:
        Values in descending order, with vectors (N, m), residuals and flags.

    Raises:
        ValueError: For an impossible ``k``, ``which`` or ``tol``.
        ArithmeticError: If a product is not finite.
    """
    return deque(eigenpair_steps(objective, k, which, tol, seed, max_hvp), maxlen=1).pop()


def eigenpair_steps(
    objective: Objective,
    k: int = 1,
    which: str = "both",
    tol: float = 1e-3,
    seed: int = 0,
    max_hvp: int = 1000,
) -> Iterator[EigenPairs]:
    """As ``hessian_eigenpairs``, yielding estimates after every product and the certified pairs last.

    Estimates carry Ritz values with the residuals that the Lanczos relation gives, and no vectors
    (shape (N, 0)); only the last result is certified.
    """
    n_largest, n_smallest = _wanted(objective.n_parameters, k, which, tol)
    precise = objective.precise()
    n = precise.n_parameters
    keep = k + 4
    max_basis = min(BASIS_VECTORS, BASIS_BYTES // (n * precise.theta.element_size()))
    start = torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    steps = lanczos(
        precise.hvp, start.to(precise.theta), max_basis=max(4 * keep, max_basis), keep=keep, seed=seed
    )
    provenance = {
        "quantity": "Hessian eigenpairs",
        "method": "Lanczos, full reorthogonalisation",
        "tol": tol,
        "seed": seed,
        "dtype": str(precise.dtype).removeprefix("torch."),
        "n_examples": precise.n_examples,
        "n_parameters": n,
        "versions": library_versions(),
    }
    for krylov in steps:
        values, coordinates, residuals = krylov.ritz()
        m = len(values)
        # at an early stage there are fewer Ritz values than asked for
        top = min(n_largest, m)
        chosen = np.r_[m - top : m, 0 : min(n_smallest, m - top)]
        chosen = chosen[np.argsort(-values[chosen])]
        bound = _bound(values, chosen, tol)
        enough = len(chosen) == n_largest + n_smallest
        settled = enough and bool(np.all(residuals[chosen] <= bound))
        if settled or krylov.exhausted or krylov.n_products >= max_hvp:
            yield _certify(precise, krylov, coordinates[:, chosen], values, n_largest, tol, provenance)
            return
        yield EigenPairs(
            values=values[chosen],
            vectors=np.empty((n, 0)),
            residuals=residuals[chosen],
            converged=residuals[chosen] <= bound,
            n_hvp=krylov.n_products,
            n_largest=top,
            provenance=provenance,
        )


def _wanted(n: int, k: int, which: str, tol: float) -> tuple[int, int]:
    if which not in _ENDS:
        raise ValueError(f"Expected which as one of {', '.join(_ENDS)}, got {which!r}.")
    if not 0 < tol < 1:
        raise ValueError(f"Expected 0 < tol < 1, got {tol}.")
    ends = _ENDS[which]
    # N = 1 has one eigenvalue, which is both the largest and the smallest
    most = max(1, n // sum(ends))
    if not 1 <= k <= most:
        raise ValueError(f"Expected k between 1 and {most} for {n} parameters, got {k}.")
    return k * ends[0], min(k * ends[1], n - k * ends[0])


def _bound(spectrum: np.ndarray, chosen: np.ndarray, tol: float) -> np.ndarray:
    bound: np.ndarray = np.maximum(tol * np.abs(spectrum[chosen]), 1e-12 * np.abs(spectrum).max())
    return bound


def _certify(
    objective: Objective,
    krylov: Krylov,
    coordinates: np.ndarray,
    spectrum: np.ndarray,
    n_largest: int,
    tol: float,
    provenance: dict[str, object],
) -> EigenPairs:
    """Eigenvectors with their Rayleigh quotients and residuals, by one more product for each."""
    vectors = krylov.basis @ torch.from_numpy(coordinates).to(krylov.basis)
    vectors = vectors / vectors.norm(dim=0)
    vectors = vectors * _signs(vectors)
    products = objective.hvp(vectors)
    values = (vectors * products).sum(dim=0)
    residuals = (products - values * vectors).norm(dim=0).cpu().numpy()
    found = values.cpu().numpy()
    bound = np.maximum(tol * np.abs(found), 1e-12 * np.abs(spectrum).max())
    return EigenPairs(
        values=found,
        vectors=vectors.cpu().numpy(),
        residuals=residuals,
        converged=residuals <= bound,
        n_hvp=krylov.n_products + vectors.shape[1],
        n_largest=min(n_largest, len(found)),
        provenance=provenance,
    )


def _signs(vectors: Tensor) -> Tensor:
    """For each column the sign that makes its entry of largest magnitude positive."""
    largest = vectors.abs().argmax(dim=0, keepdim=True)
    return vectors.gather(0, largest).sign().squeeze(0)
