"""Algorithm 1 of Böttcher & Wheeler (2023): both ends by annihilation, on scipy's ``eigsh``.

The eigenpair of largest magnitude (λ₁, v₁) by Lanczos on Hv; then that of H − λ₁·1, to whose eigenvalue
λ₁ is added back. By the sign of λ₁ one is the largest and the other the smallest. ``eigsh`` measures its
tolerance by the eigenvalue it finds, λ₂ − λ₁ in the second run: at 1e-3 the small end of a network may be
wrong by orders of magnitude. Here the tolerance is tightened, each run starting from the vector of the one
before, until the true residual is at most tol · |λ|.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from landscape_widget.curvature.certificate import COARSE, Ends, certify
from landscape_widget.curvature.operators import Curvature
from landscape_widget.results.curvature import EigenPairs

_Product = Callable[[np.ndarray], np.ndarray]


class _Spent(Exception):  # noqa: N818 - no error: the allowance is used up
    """No products are left."""


class _Counted:
    """A product in numpy that counts, and refuses once the allowance is spent."""

    def __init__(self, matrix: Curvature, allowance: int) -> None:
        self._matrix = matrix
        self.left = allowance
        self.spent = 0

    def __call__(self, v: np.ndarray) -> np.ndarray:
        if not self.left:
            raise _Spent
        self.left -= 1
        self.spent += 1
        product = self._matrix.product(torch.from_numpy(np.ascontiguousarray(v.reshape(-1))))
        if not torch.isfinite(product).all():
            raise ArithmeticError("Expected finite Hessian-vector products, got values that are not finite.")
        found: np.ndarray = product.double().cpu().numpy()
        return found


def annihilate(matrix: Curvature, ends: Ends, start: Tensor, seed: int, max_hvp: int) -> EigenPairs:
    """The outermost pair at each wanted end, certified as those of ``hessian_eigenpairs`` are.

    Args:
        matrix: A, shape (N, N).
        ends: What is wanted; one pair at each end.
        start: First vector, shape (N,).
        seed: Seed of the first vector of the second run.
        max_hvp: Products after which it ends with what it has.
    """
    product = _Counted(matrix, max_hvp)
    first = start.numpy()
    value, vector = _dominant(product, 0.0, ends.tol, first)
    found = [(value, vector)]
    if matrix.size > 1 and (ends.total == 2 or (value > 0) != (ends.largest == 1)):
        other = np.random.default_rng(seed).standard_normal(matrix.size)
        found.append(_dominant(product, value, ends.tol, other - vector * (vector @ other)))
    found.sort(key=lambda pair: -pair[0])
    if ends.total == 1:
        found = found[:1] if ends.largest else found[-1:]
    estimate = EigenPairs(
        values=np.array([v for v, _ in found]),
        vectors=np.empty((matrix.size, 0)),
        residuals=np.full(len(found), np.nan),
        converged=np.zeros(len(found), dtype=bool),
        n_hvp=product.spent,
        n_largest=min(ends.largest, len(found)),
        provenance=matrix.provenance(
            "Hessian eigenpairs", method="annihilation (Algorithm 1), scipy eigsh", tol=ends.tol, seed=seed
        ),
        complete=product.left > 0,
    )
    vectors = torch.from_numpy(np.stack([v for _, v in found], axis=1)).to(matrix.like)
    return certify(matrix, estimate, vectors, ends, abs(value))


def _dominant(product: _Counted, shift: float, tol: float, start: np.ndarray) -> tuple[float, np.ndarray]:
    """The eigenpair of A for which |λ − shift| is largest, to a residual of tol · |λ|."""
    vector = start / np.linalg.norm(start)
    value, relative = shift, tol
    operator = LinearOperator(
        (len(start), len(start)), matvec=lambda v: product(v) - shift * v.reshape(-1), dtype=float
    )
    try:
        while True:
            image = product(vector)
            value = float(vector @ image)
            residual = float(np.linalg.norm(image - value * vector))
            scale = max(abs(value), abs(value - shift))
            bound = max(tol * abs(value), COARSE * scale)
            # a vector that happens to be an eigenvector tells nothing of the others, unless all are
            if residual <= bound and (relative < tol or residual <= 1e-14 * scale):
                return value, vector
            _, vectors = _eigsh(operator, relative, vector)
            vector = vectors[:, 0] / np.linalg.norm(vectors[:, 0])
            relative *= 0.1
    except _Spent:
        return value, vector


def _eigsh(operator: LinearOperator, tol: float, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One call of ARPACK; what did converge is kept."""
    try:
        values, vectors = eigsh(operator, k=1, which="LM", tol=tol, v0=start)
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
        if not len(values):
            return np.empty(0), start.reshape(-1, 1)
    except ArpackError:  # it stops where the Krylov space ends: the start vector lies in it
        return np.empty(0), start.reshape(-1, 1)
    return values, vectors
