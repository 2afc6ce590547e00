"""A part of the space on which a matrix is known, so that random probes need to see the rest only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature.operators import Curvature
from landscape_widget.results.curvature import EigenPairs


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

    @classmethod
    def none(cls, like: Tensor) -> Deflation:
        """No part at all."""
        return cls(like.new_empty(len(like), 0), 0.0, 0.0, 0)

    @classmethod
    def of_pairs(cls, matrix: Curvature, pairs: EigenPairs) -> Deflation:
        """Spanned by certified eigenpairs, whose products are known: ‖Hq‖² = λ² + r²."""
        vectors = torch.from_numpy(np.ascontiguousarray(pairs.vectors)).to(matrix.like)
        m = vectors.shape[1]
        gram = vectors.T @ vectors - torch.eye(m).to(vectors)
        if m and float(gram.abs().max()) > 1e-10:  # Algorithm 1 gives vectors that are nearly orthogonal
            return cls.of_range(matrix, vectors, 0)
        square = float((pairs.values**2 + pairs.residuals**2).sum())
        return cls(vectors, float(pairs.values.sum()), square, 0)

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

    def project(self, probes: Tensor) -> Tensor:
        """What of the columns is orthogonal to Q, shape (N, k)."""
        for _ in range(2):  # once leaves rounding along large eigenvectors
            probes = probes - self.vectors @ (self.vectors.T @ probes)
        return probes
