"""A part of the space on which a matrix is known, so that random probes need to see the rest only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature.operators import Curvature
from landscape_widget.results.curvature import EigenPairs

#: What pairs must be, and are not.
_OTHERS = (
    "Expected pairs of the same objective, at the same weights, and of the same operator, got pairs {}. Take "
    "them anew with hessian_eigenpairs(objective, operator=…)."
)


def check_pairs(matrix: Curvature, pairs: EigenPairs | None) -> None:
    """Sees that eigenpairs are not, by what is noted of them, those of another matrix.

    Raises:
        ValueError: If they are.
    """
    if pairs is None:
        return
    noted, own = pairs.provenance, matrix.provenance("pairs")
    for name in ("operator", "preconditioner", "n_examples"):
        there, here = noted.get(name), own.get(name)
        # pairs by hand may note neither; one that is not noted is none only of a preconditioner
        if noted and there != here and (there is not None or name == "preconditioner"):
            raise ValueError(_OTHERS.format(f"whose {name} is {there} instead of {here}"))


@dataclass(frozen=True)
class Deflation:
    """A part of the space on which tr(H) and tr(H²) are known exactly."""

    vectors: Tensor
    """Q, columns orthonormal, shape (N, m)."""
    trace: float
    """tr(QᵀHQ)."""
    square: float
    """‖HQ‖²."""
    n_hvp: int
    """Products spent on it."""
    pairs: EigenPairs | None = None
    """The eigenpairs that Q consists of, if it does."""

    @classmethod
    def none(cls, like: Tensor) -> Deflation:
        """No part at all."""
        return cls(like.new_empty(len(like), 0), 0.0, 0.0, 0)

    @classmethod
    def of_pairs(cls, matrix: Curvature, pairs: EigenPairs) -> Deflation:
        """Spanned by certified eigenpairs, whose products are known: ‖Hq‖² = λ² + r².

        One product sees whether they are of a multiple of the matrix, as of a sum in place of a mean, which
        has the same vectors.

        Raises:
            ValueError: If it is so.
        """
        vectors = torch.from_numpy(np.ascontiguousarray(pairs.vectors)).to(matrix.like)
        m = vectors.shape[1]
        if not m:
            return cls(vectors, 0.0, 0.0, 0, pairs)
        i = int(np.abs(pairs.values).argmax())
        v, value, residual = vectors[:, i], float(pairs.values[i]), float(pairs.residuals[i])
        product = matrix.product(v[:, None])[:, 0]
        rounding = math.sqrt(torch.finfo(v.dtype).eps) * max(abs(value), float(product.norm()))
        if float((product - value * v).norm()) > 2 * residual + rounding:
            raise ValueError(_OTHERS.format("of another matrix, such as that of a sum instead of a mean"))
        gram = vectors.T @ vectors - torch.eye(m).to(vectors)
        if float(gram.abs().max()) > 1e-10:  # Algorithm 1 gives vectors that are nearly orthogonal
            return cls.of_range(matrix, vectors, 1)
        square = float((pairs.values**2 + pairs.residuals**2).sum())
        return cls(vectors, float(pairs.values.sum()), square, 1, pairs)

    @classmethod
    def of_range(cls, matrix: Curvature, vectors: Tensor, spent: int) -> Deflation:
        """Spanned by any vectors, shape (N, m); one product for each."""
        left, singular, _ = torch.linalg.svd(vectors, full_matrices=False)
        # a sketch of a matrix of low rank has dependent columns
        basis = left[:, singular > 1e-12 * singular[0]]
        if not basis.shape[1]:
            return cls(basis, 0.0, 0.0, spent)
        products = matrix.product(basis)
        trace, square = float((basis * products).sum()), float((products**2).sum())
        return cls(basis, trace, square, spent + basis.shape[1])

    def check(self, probes: Tensor, products: Tensor) -> None:
        """Sees that eigenpairs are those of the matrix that products of what is orthogonal to them are with.

        For such columns z, qᵀHz = (Hq − λq)ᵀz, which is no more than the residual lets it be.

        Raises:
            ValueError: If they are not.
        """
        if self.pairs is None or not len(self.pairs.values):
            return
        lengths = probes.norm(dim=0)
        largest = float(np.abs(self.pairs.values).max())
        rounding = math.sqrt(torch.finfo(probes.dtype).eps) * torch.maximum(
            largest * lengths, products.norm(dim=0)
        )
        residuals = torch.from_numpy(self.pairs.residuals).to(probes)
        if ((self.vectors.T @ products).abs() > 2 * residuals[:, None] * lengths + rounding).any():
            raise ValueError(_OTHERS.format("of another matrix, such as that of other weights or data"))

    def project(self, probes: Tensor) -> Tensor:
        """What of the columns is orthogonal to Q, shape (N, k)."""
        for _ in range(2):  # once leaves rounding along large eigenvectors
            probes = probes - self.vectors @ (self.vectors.T @ probes)
        return probes
