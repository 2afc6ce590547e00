"""The loss to second order in a plane: what the curvature at θ* alone says of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landscape_widget.directions import check_plane, parse_axis
from landscape_widget.equality import equal_by_content
from landscape_widget.objective import Objective
from landscape_widget.projections import plane_hessian
from landscape_widget.results import EigenPairs, Plane, principal_curvatures
from landscape_widget.vectors import FloatArray, inner


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


def quadratic_model(
    objective: Objective,
    plane: Plane,
    loss: float,
    gradient: FloatArray,
    pairs: EigenPairs | None = None,
) -> QuadraticModel:
    """The model of L in a plane through θ*.

    In a plane of two eigenvectors it costs nothing: A and C are their eigenvalues and B is 0. Any
    other plane costs two Hessian-vector products and a gradient.

    Args:
        objective: L.
        plane: θ*, η and δ.
        loss: L(θ*).
        gradient: ∇L(θ*), shape (N,).
        pairs: The eigenpairs that the plane's Hessian axes were made of.
    """
    check_plane(plane, objective)
    ends = [parse_axis(axis) for axis in plane.axes]
    if pairs is not None and all(rank for _, rank in ends):
        a, c = (float(pairs.values[pairs.at(end, rank)]) for end, rank in ends)
        if not plane.delta.any():  # the second axis of a single parameter
            c = 0.0
        return QuadraticModel(
            loss, (float(inner(plane.eta, gradient)), float(inner(plane.delta, gradient))), (a, 0.0, c)
        )
    slope, ((a, b), (_, c)) = plane_hessian(objective, plane)
    return QuadraticModel(loss, (float(slope[0]), float(slope[1])), (float(a), float(b), float(c)))
