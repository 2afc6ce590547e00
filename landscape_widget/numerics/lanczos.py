"""The Lanczos process on any symmetric matrix-vector product, with full reorthogonalisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from landscape_widget.numerics.probes import generator
from landscape_widget.numerics.storage import orthogonalise, rotate, wide

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
    n_locked: int = 0
    """Leading columns of V that were there before ``Lanczos.explore``; 0 before it was called."""
    n_explored: int = 0
    """Products since ``Lanczos.explore``; 0 before it was called."""
    locked_residuals: np.ndarray | None = None
    """Residuals that the locked columns had when they were locked, shape (n_locked,)."""
    is_plain: bool = True
    """Whether V is the Krylov space of the start vector: no restart, no breakdown, no exploration."""

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values ascending (m,), their coordinates in V (m, m), residual estimates (m,)."""
        values, coordinates = _eigh(self.projected)
        residuals = self.beta * np.abs(coordinates[-1])
        if self.locked_residuals is not None:
            inherited = np.linalg.norm(self.locked_residuals[:, None] * coordinates[: self.n_locked], axis=0)
            residuals = np.hypot(residuals, inherited)
        return values, coordinates, residuals

    @cached_property
    def explored_ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values of A in the space explored since ``Lanczos.explore``, ascending, and residuals."""
        block = self.projected[self.n_locked :, self.n_locked :]
        values, coordinates = _eigh(block)
        return values, self.beta * np.abs(coordinates[-1])


def check_squares(products: Tensor, scale: float = 0.0) -> float:
    """The largest norm of products, shape (N,) or (N, k), and of those before them, which was ``scale``.

    Raises:
        ArithmeticError: If its square overflows, or loses digits since it is next to nothing.
    """
    scale = max(scale, float(products.norm(dim=0).max()))
    limits = torch.finfo(products.dtype)
    if math.isinf(scale) or (scale < (limits.tiny / limits.eps) ** 0.5 and bool(products.any())):
        largest, dtype = float(products.abs().max()), str(products.dtype).removeprefix("torch.")
        raise ArithmeticError(
            f"Expected Hessian-vector products whose squares {dtype} can hold, got entries up to "
            f"{largest:.2g}. Multiply the loss by a number."
        )
    return scale


class Lanczos:
    """The process, one product at a time.

    Every new vector is orthogonalised twice against all former ones, since otherwise converged
    eigenvalues come back as ghosts. Where the span becomes invariant (breakdown) the process goes on
    from a random vector orthogonal to it. When the basis is full it is cut to the Ritz vectors nearest
    both ends (thick restart, Wu & Simon 2000), so that memory stays at ``max_basis`` vectors.

    One start vector reaches a single eigenvector of each repeated eigenvalue. ``explore`` looks for the
    others: it keeps the Ritz vectors that are to stay and goes on from a random vector orthogonal to
    them.
    """

    def __init__(
        self,
        matvec: MatVec,
        start: Tensor,
        *,
        max_basis: int,
        keep: int,
        seed: int = 0,
        rows: Callable[[int, Tensor], Tensor] | None = None,
    ) -> None:
        """Nothing is computed yet.

        Args:
            matvec: A, symmetric.
            start: First vector, shape (N,), not zero. All others are of its type; what is summed over
                their entries, in float64 where the device has it.
            max_basis: Largest number of basis vectors held.
            keep: Ritz vectors kept at each end in a restart; ``2 * keep + 2 <= max_basis`` unless
                ``max_basis`` is N.
            seed: Seed of the vectors drawn after a breakdown and to explore.
            rows: Makes so many vectors like the one given, or fewer, to hold the basis; default in memory.
        """
        self._matvec = matvec
        self._keep = keep
        self._generator = generator(seed, "explore")
        self.size = len(start)
        # rows, so that a growing basis is contiguous
        self._basis = (rows or _in_memory)(min(max_basis, self.size), start)
        self.max_basis = len(self._basis)
        self._projected = np.zeros((self.max_basis, self.max_basis))
        self._vector = start / start.norm()
        self._eps = torch.finfo(start.dtype).eps
        self._m = self._n_products = self._n_locked = self._n_explored = 0
        self._scale = 0.0
        self._exploring, self._is_plain, self._broken = False, True, False
        self._locked_residuals: np.ndarray | None = None

    def step(self) -> Krylov:
        """The Krylov decomposition after one more product.

        Raises:
            ArithmeticError: If the product is not finite, or its square overflows or is next to nothing.
            RuntimeError: If the basis spans the whole space already.
        """
        if self._m == self.size:
            raise RuntimeError("Expected a basis that can grow, got one that spans the whole space.")
        if self._m == self.max_basis:
            self._restart()
        if self._broken:
            self._is_plain, self._broken = False, False
        self._basis[self._m] = self._vector
        product = self._matvec(self._vector).to(self._vector)
        self._n_products += 1
        self._n_explored += self._exploring
        if not torch.isfinite(product).all():
            raise ArithmeticError(
                "Expected finite Hessian-vector products, got values that are not finite. "
                "Check that the loss is twice differentiable at the present weights."
            )
        self._m += 1
        m, basis, projected = self._m, self._basis, self._projected
        self._scale = check_squares(product, self._scale)
        overlaps = orthogonalise(product, basis[:m])
        projected[:m, m - 1] = projected[m - 1, :m] = overlaps.cpu().numpy()
        beta = float(torch.linalg.vector_norm(product, dtype=wide(product)))
        exhausted = m == self.size
        self._broken = exhausted or beta <= 1e2 * self._eps * self._scale
        krylov = Krylov(
            basis=basis[:m].T,
            projected=projected[:m, :m].copy(),
            beta=0.0 if self._broken else beta,
            n_products=self._n_products,
            exhausted=exhausted,
            n_locked=self._n_locked,
            n_explored=self._n_explored,
            locked_residuals=self._locked_residuals,
            is_plain=self._is_plain,
        )
        if not exhausted:
            self._vector = self._fresh() if self._broken else product.div_(beta)
        return krylov

    def explore(self, coordinates: np.ndarray, residuals: np.ndarray) -> None:
        """Keeps some Ritz vectors and goes on from a random vector orthogonal to them.

        Args:
            coordinates: The orthonormal vectors to keep, by their coordinates in the present basis,
                shape (m, c) with c < N; they should be eigenvectors to the accuracy wanted, because
                what couples them to the rest is forgotten.
            residuals: Residuals of those vectors, shape (c,).
        """
        projected = coordinates.T @ self._projected[: self._m, : self._m] @ coordinates
        count = coordinates.shape[1]
        rotation = torch.from_numpy(coordinates.T.copy()).to(self._basis)
        rotate(self._basis, rotation, 0)
        self._projected[:] = 0.0
        self._projected[:count, :count] = projected
        self._m = self._n_locked = count
        self._locked_residuals = residuals.copy()
        self._exploring, self._n_explored, self._is_plain, self._broken = True, 0, False, False
        self._vector = self._fresh()

    def _fresh(self) -> Tensor:
        """A random unit vector orthogonal to the basis."""
        drawn = torch.randn(self.size, generator=self._generator, dtype=torch.float64).to(self._basis)
        for _ in range(2):
            drawn /= drawn.norm()
            orthogonalise(drawn, self._basis[: self._m])
        return drawn.div_(drawn.norm())

    def _restart(self) -> None:
        """Replaces what is not locked by its outermost Ritz vectors.

        The vector that comes next is orthogonal to all of them; its product fills the row of T that
        couples it to them, so that nothing else has to be carried over.
        """
        locked, m, keep = self._n_locked, self._m, self._keep
        values, coordinates = _eigh(self._projected[locked:m, locked:m])
        chosen = np.r_[0:keep, len(values) - keep : len(values)]
        rotation = torch.from_numpy(coordinates[:, chosen].T.copy()).to(self._basis)
        end = locked + 2 * keep
        rotate(self._basis, rotation, locked)
        coupling = self._projected[:locked, locked:m] @ coordinates[:, chosen]
        self._projected[locked:] = self._projected[:, locked:] = 0.0
        self._projected[:locked, locked:end] = coupling
        self._projected[locked:end, :locked] = coupling.T
        self._projected[range(locked, end), range(locked, end)] = values[chosen]
        self._m, self._is_plain = end, False


def _eigh(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues ascending (m,) and eigenvectors (m, m) of a small symmetric matrix.

    By torch: numpy's LAPACK has threads of its own, which spin on for a while after every call and make
    torch's next product several times slower.
    """
    values, vectors = torch.linalg.eigh(torch.from_numpy(matrix))
    return values.numpy(), vectors.numpy()


def _in_memory(count: int, like: Tensor) -> Tensor:
    return like.new_empty((count, len(like)))
