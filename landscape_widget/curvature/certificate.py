"""Which ends of a spectrum are wanted, and what makes an eigenpair certain."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature.operators import Curvature
from landscape_widget.curvature.pair_check import doubt_of
from landscape_widget.numerics.checks import check_choice, check_integer, check_real
from landscape_widget.numerics.lanczos import check_squares
from landscape_widget.results.curvature import EigenPairs

_ENDS = {"largest": (1, 0), "smallest": (0, 1), "both": (1, 1)}

#: Shares of the largest |λ| below which an eigenvalue is zero to rounding: where products round as little as
#: float64 can, and where they round as much as deep networks do.
FINE, COARSE = 2e-14, 1e-12

#: Entries of vectors that products are taken of together: of longer ones, all that is made takes memory.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Ends:
    """How many pairs are wanted at each end, and how accurate."""

    k: int
    """Pairs asked for at each end."""
    largest: int
    """Pairs at the large end."""
    smallest: int
    """Pairs at the small end; fewer than ``k`` where N is odd and all are asked for."""
    tol: float
    """Relative accuracy."""

    @property
    def total(self) -> int:
        """Pairs at both ends."""
        return self.largest + self.smallest

    def bound(self, values: np.ndarray, rounding: float) -> np.ndarray:
        """Residuals up to which pairs with these eigenvalues count as converged.

        Args:
            values: Eigenvalues, shape (m,).
            rounding: What an eigenvalue may be off by that is zero to rounding.
        """
        bound: np.ndarray = np.maximum(self.tol * np.abs(values), rounding)
        return bound


def wanted_ends(n: int, k: int, which: str, tol: float) -> Ends:
    """The ends that a call asks for, for N = ``n``.

    Raises:
        ValueError: For an impossible ``k``, ``which`` or ``tol``.
    """
    check_choice(which, _ENDS, "which")
    tol = check_real(tol, "tol")
    if not 0 < tol < 1:
        raise ValueError(f"Expected 0 < tol < 1, got {tol}.")
    ends = _ENDS[which]
    # N = 1 has one eigenvalue, which is both the largest and the smallest
    most = max(1, n // sum(ends))
    k = check_integer(k, "k", 1, most, f" for {n} parameters")
    return Ends(k, k * ends[0], min(k * ends[1], n - k * ends[0]), tol)


def certify(matrix: Curvature, estimate: EigenPairs, vectors: Tensor, ends: Ends, scale: float) -> EigenPairs:
    """Eigenvectors with their Rayleigh quotients and residuals, by one more product for each.

    Those of a Hessian are held against slopes (see ``doubt_of``), and none is certain where they disagree.

    Args:
        matrix: The matrix A.
        estimate: Everything else that the result is to carry; its ``n_hvp`` is without these products.
        vectors: Approximate eigenvectors, linearly independent, shape (N, m); they are scaled in place.
        ends: What counts as converged.
        scale: The largest |λ|.

    Raises:
        ArithmeticError: If the squares of products overflow or are next to nothing.

    Warns:
        UserWarning: If slopes contradict a quotient. The objective keeps the ``doubt``.
    """
    vectors /= vectors.norm(dim=0) * _signs(vectors)
    parts = torch.split(vectors, max(1, _AT_ONCE // len(vectors)), dim=1)
    values, residuals = map(torch.cat, zip(*(_quotients(matrix, p, scale) for p in parts), strict=True))
    objective, provenance = matrix.objective, estimate.provenance
    if matrix.operator == "hessian" and not objective.doubt:
        objective.doubt = _doubt(matrix, vectors, values, COARSE * scale)
        if objective.doubt:
            warnings.warn(objective.doubt, stacklevel=2)
            provenance = {**provenance, "doubt": objective.doubt}
    found, off = (told.cpu().double().numpy() for told in (values, residuals))
    order = np.argsort(-found, kind="stable")
    kept = vectors.cpu().numpy()
    return replace(
        estimate,
        values=found[order],
        vectors=kept if (np.diff(order) == 1).all() else kept[:, order],
        residuals=off[order],
        converged=(off <= ends.bound(found, COARSE * scale))[order] & (not objective.doubt),
        n_hvp=estimate.n_hvp + vectors.shape[1],
        provenance=provenance,
    )


def _quotients(matrix: Curvature, vectors: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Rayleigh quotients of vectors of length 1, shape (N, j), and their residuals, each of shape (j,)."""
    products = matrix.product(vectors)
    check_squares(products, scale)  # a search in single precision saw nothing of them
    values = torch.linalg.vecdot(vectors, products, dim=0)
    return values, products.addcmul_(vectors, values, value=-1).norm(dim=0)


def _doubt(matrix: Curvature, vectors: Tensor, values: Tensor, least: float) -> str:
    """What slopes say against vectors' quotients, which a preconditioner takes of longer or shorter ones."""
    if matrix.scale is not None:
        vectors = matrix.scale[:, None] * vectors
        lengths = vectors.norm(dim=0)
        vectors, values = vectors / lengths, values / lengths**2
    return doubt_of(matrix.objective, vectors, values, least)


def _signs(vectors: Tensor) -> Tensor:
    """For each column the sign that makes its entry of largest magnitude positive."""
    signs = [-1.0 if column[column.abs().argmax()] < 0 else 1.0 for column in vectors.T]
    return vectors.new_tensor(signs)
