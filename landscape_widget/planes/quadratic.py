"""Builds the quadratic model of the loss in a plane."""

from __future__ import annotations

from landscape_widget.numerics.vectors import FloatArray, inner
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.axes import parse_axis
from landscape_widget.planes.directions import by_eigenvectors, check_plane
from landscape_widget.planes.projections import plane_hessian
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.planes import Plane
from landscape_widget.results.quadratic import QuadraticModel


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
        objective: The loss L as a function of θ.
        plane: θ*, η and δ.
        loss: The loss L(θ*).
        gradient: The gradient ∇L(θ*), shape (N,).
        pairs: The eigenpairs that the plane's Hessian axes were made of.
    """
    check_plane(plane, objective)
    if pairs is not None and by_eigenvectors(plane.axes):
        ends = [axis.end for axis in map(parse_axis, plane.axes)]
        a, c = (float(pairs.values[pairs.at(*end)]) for end in ends)
        if not plane.delta.any():  # the second axis of a single parameter
            c = 0.0
        return QuadraticModel(
            loss, (float(inner(plane.eta, gradient)), float(inner(plane.delta, gradient))), (a, 0.0, c)
        )
    slope, ((a, b), (_, c)) = plane_hessian(objective, plane)
    return QuadraticModel(loss, (float(slope[0]), float(slope[1])), (float(a), float(b), float(c)))
