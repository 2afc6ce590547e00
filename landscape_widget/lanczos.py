"""The Lanczos process on any symmetric matrix-vector product, with full reorthogonalisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: Maps v of shape (N,) to Av of shape (N,); A is symmetric.
MatVec = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Krylov:
    """An orthonormal basis V and T = VᵀAV after some products: AV = VT + (β q) (row of couplings)."""

    basis: Tensor
    """V, columns orthonormal, shape (N, m)."""
    projected: np.ndarray
    """T = VᵀAV, symmetric, shape (m, m); tridiagonal until the first restart."""
    beta: float
    """Norm of what the last product left outside the span; 0 where the span is invariant."""
    n_products: int
    """Products spent so far."""
    exhausted: bool
    """Whether V spans the whole space, so that T is A itself."""

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values ascending (m,), their coordinates in V (m, m), residual estimates (m,)."""
        values, coordinates = np.linalg.eigh(self.projected)
        return values, coordinates, self.beta * np.abs(coordinates[-1])


def lanczos(matvec: MatVec, start: Tensor, *, max_basis: int, keep: int, seed: int = 0) -> Iterator[Krylov]:
    """Yields the Krylov decomposition after every product, without end.

    Every new vector is orthogonalised twice against all former ones, since otherwise converged
    eigenvalues come back as ghosts. Where the span becomes invariant (breakdown) the process goes on
    from a random vector orthogonal to it, which is how further copies of a repeated eigenvalue are
    found. When the basis is full it is cut to the Ritz vectors nearest both ends (thick restart, Wu &
    Simon 2000), so that memory stays at ``max_basis`` vectors.

    Args:
        matvec: A, symmetric.
        start: First vector, shape (N,), float64 unless the device has none.
        max_basis: Largest number of basis vectors held.
        keep: Ritz vectors kept at each end in a restart; ``2 * keep + 2 <= max_basis`` unless
            ``max_basis`` is N.
        seed: Of the vectors drawn after a breakdown.

    Raises:
        ArithmeticError: If a product is not finite.
    """
    size = len(start)
    max_basis = min(max_basis, size)
    generator = torch.Generator().manual_seed(seed)
    basis = start.new_empty((max_basis, size))  # rows, so that a growing basis is contiguous
    projected = np.zeros((max_basis, max_basis))
    scale, m, n_products = 0.0, 0, 0
    vector = start / start.norm()
    while True:
        if m == max_basis:
            m = _restart(basis, projected, keep)
        basis[m] = vector
        product = matvec(vector)
        n_products += 1
        if not torch.isfinite(product).all():
            raise ArithmeticError(
                "Expected finite Hessian-vector products, got values that are not finite. "
                "Check that the loss is twice differentiable at the present weights."
            )
        m += 1
        scale = max(scale, float(product.norm()))
        rest, overlaps = _orthogonalise(product, basis[:m])
        projected[:m, m - 1] = projected[m - 1, :m] = overlaps.cpu().numpy()
        beta = float(rest.norm())
        exhausted = m == size
        invariant = exhausted or beta <= 1e2 * torch.finfo(start.dtype).eps * scale
        yield Krylov(basis[:m].T, projected[:m, :m].copy(), 0.0 if invariant else beta, n_products, exhausted)
        if exhausted:
            return
        if invariant:
            fresh = torch.randn(size, generator=generator, dtype=torch.float64).to(rest)
            rest, _ = _orthogonalise(fresh / fresh.norm(), basis[:m])
        vector = rest / rest.norm()


def _orthogonalise(vector: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """What of ``vector`` is orthogonal to the orthonormal ``rows``, and its coordinates along them."""
    first = rows @ vector
    vector = vector - first @ rows
    second = rows @ vector  # once is not enough (Kahan & Parlett)
    return vector - second @ rows, first + second


def _restart(basis: Tensor, projected: np.ndarray, keep: int) -> int:
    """Replaces the basis by its outermost Ritz vectors; returns how many remain.

    The vector that comes next is orthogonal to all of them; its product fills the row of T that
    couples it to them, so that nothing else has to be carried over.
    """
    values, coordinates = np.linalg.eigh(projected)
    chosen = np.r_[0:keep, len(values) - keep : len(values)]
    rotation = torch.from_numpy(coordinates[:, chosen].T.copy()).to(basis)
    basis[: 2 * keep] = rotation @ basis
    projected[:] = 0.0
    np.fill_diagonal(projected[: 2 * keep, : 2 * keep], values[chosen])
    return 2 * keep
