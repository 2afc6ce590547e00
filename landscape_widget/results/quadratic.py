"""The loss to second order in a plane: what the curvature at θ* alone says of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.curvature import principal_curvatures
from landscape_widget.results.equality import equal_by_content


@equal_by_content
@dataclass(frozen=True)
class QuadraticModel:
    """L(θ*) + g·x + ½ x·Hx with x = (α, β) and H = [[A, B], [B, C]] (Böttcher & Wheeler, Eqs. 18-19)."""

    loss: float
    """L(θ*)."""
    gradient: tuple[float, float]
    """g = (∂L/∂α, ∂L/∂β) at θ*."""
    hessian: tuple[float, float, float]
    """(A, B, C) = (ηᵀHη, ηᵀHδ, δᵀHδ) at θ*."""

    def __call__(self, alpha: npt.ArrayLike, beta: npt.ArrayLike) -> FloatArray:
        """The model's loss at (α, β), numbers or arrays that broadcast against each other."""
        x, y = np.asarray(alpha, float), np.asarray(beta, float)
        (g, h), (a, b, c) = self.gradient, self.hessian
        loss: FloatArray = self.loss + g * x + h * y + (a * x**2 + 2 * b * x * y + c * y**2) / 2
        return loss

    @property
    def curvatures(self) -> tuple[float, float]:
        """(κ₋, κ₊), the eigenvalues of [[A, B], [B, C]] (Eq. 21)."""
        minus, plus = principal_curvatures(*self.hessian)
        return float(minus), float(plus)
