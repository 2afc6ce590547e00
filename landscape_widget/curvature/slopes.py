"""The gradient at θ* as the eigenvectors of the Hessian see it."""

from __future__ import annotations

import torch

from landscape_widget.numerics.vectors import FloatArray, inner, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.results.curvature import EigenPairs, Slopes

#: A rest of at most this share of the gradient is rounding: eigenvectors are orthonormal to about 1e-14.
_ROUNDING = 1e-10


def slopes_along(objective: Objective, pairs: EigenPairs, gradient: FloatArray) -> Slopes:
    """Splits ∇L(θ*) into its parts along eigenvectors and a rest, for one Hessian-vector product.

    The product is that with the rest, whose curvature no certified pair tells. In the span of the
    eigenvectors and the rest, which holds the whole gradient, the Hessian is diagonal: uᵀHv = λ uᵀv = 0.

    Args:
        objective: The loss L as a function of θ.
        pairs: Certified pairs.
        gradient: The gradient ∇L(θ*), shape (N,).
    """
    along = inner(pairs.vectors.T, gradient)
    rest = gradient - pairs.vectors @ along
    length = norm(rest)
    if length <= _ROUNDING * norm(gradient):
        return Slopes(along, 0.0, 0.0)
    precise = objective.precise()
    u = torch.from_numpy(rest / length).to(precise.theta)
    return Slopes(along, length, float(u @ precise.hvp(u)))
