"""One point of a plane looked at closely: loss, metrics, slope and curvature."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from landscape_widget.curvature.product_check import check_hvp
from landscape_widget.numerics.checks import real, told
from landscape_widget.numerics.vectors import FloatArray, inner, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.axes import depends_on_seed
from landscape_widget.planes.directions import check_plane
from landscape_widget.planes.projections import precise_hessian
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import Plane
from landscape_widget.results.points import PlanePoint, ScoreRow, Scores, ScoreTable
from landscape_widget.results.tables import brief

#: A point lies on a plane where its distance from it is at most this share of its distance from the
#: centre: eigenvectors that were computed anew differ by about their tolerance.
_ON_PLANE = 1e-3

#: Where a point became a centre, it was rounded to the dtype of the model: in single precision by so
#: much of its length at most (half of a unit in the last place is 6e-8).
_ROUNDING = 1e-7


def evaluate_point(
    objective: Objective, plane: Plane, alpha: float, beta: float, test: Objective | None = None
) -> PlanePoint:
    """Loss, metrics, gradient norm and the plane's Hessian at θ* + αη + βδ.

    Args:
        objective: The loss L as a function of θ. Loss and metrics are computed in its dtype, so that they
            agree with a surface; gradient and Hessian in float64 where the device allows. Where batch-norm
            statistics are recomputed, those at the point are held fixed in gradient and Hessian, and the
            test loss is with them, too.
        plane: θ*, η and δ.
        alpha: Coordinate along η.
        beta: Coordinate along δ.
        test: The same objective on test data.

    Raises:
        ValueError: For coordinates that are not finite, or a plane of another number of parameters.
        SecondDerivativeError: If torch has no second derivative of the loss.
    """
    return deque(point_steps(objective, plane, alpha, beta, test), maxlen=1).pop()


def point_steps(
    objective: Objective,
    plane: Plane,
    alpha: float,
    beta: float,
    test: Objective | None = None,
    known: PlanePoint | None = None,
) -> Iterator[PlanePoint]:
    """The same in steps: what is known gets more with each.

    Slope and curvature are not computed where they are ``known`` with the same batch-norm statistics.
    """
    check_plane(plane, objective)
    check_given(Objective | None, test=test)
    alpha, beta = check_coordinates(alpha, beta)
    theta = torch.from_numpy(plane.point(alpha, beta))
    statistics = objective.statistics_at(theta)
    kind = "recomputed" if statistics else "frozen"
    point = PlanePoint(alpha, beta, score(objective.with_statistics(statistics), theta), batch_norm=kind)
    yield point
    if test is not None:
        point = replace(point, test=score(test.with_statistics(statistics), theta))
        yield point
    if known is not None and known.hessian is not None and known.batch_norm == kind:
        yield replace(point, gradient_norm=known.gradient_norm, hessian=known.hessian)
        return
    precise = objective.frozen.precise()
    gradient = precise.with_statistics(statistics).gradient(theta)
    point = replace(point, gradient_norm=float(gradient.norm()))
    yield point
    check_hvp(precise)  # once, whatever the number of points
    here = replace(plane, origin=theta.numpy())
    yield replace(point, hessian=precise_hessian(precise.with_statistics(statistics), here)[1])


def score(objective: Objective, theta: torch.Tensor | None = None) -> Scores:
    """Loss and metrics at θ, shape (N,), default θ*."""
    return Scores(objective.loss(theta).item(), objective.metrics(theta), objective.n_examples)


def score_table(
    objective: Objective,
    minima: Sequence[tuple[Plane, float, float]],
    test: Objective | None = None,
    test_minima: Sequence[tuple[Plane, float, float]] = (),
) -> ScoreTable:
    """Loss and metrics at θ* and at the minima of planes, as in Böttcher & Wheeler's Table II.

    Args:
        objective: L, with its metrics; its θ* is the first row.
        minima: (plane, α, β) for each further row, for instance of ``Surface.minimum``.
        test: The same objective on test data.
        test_minima: The same as ``minima``, where the test loss is lowest.
    """

    def row(place: str, axes: tuple[str, str], alpha: float, beta: float, theta: torch.Tensor) -> ScoreRow:
        distance, statistics = float((theta - centre).norm()), objective.statistics_at(theta)
        trained = score(objective.with_statistics(statistics), theta)
        tested = score(test.with_statistics(statistics), theta) if test is not None else None
        return ScoreRow(place, axes, alpha, beta, distance, trained, tested)

    check_given(Objective, objective=objective)
    check_given(Objective | None, test=test)
    minima, test_minima = _places("minima", minima), _places("test_minima", test_minima)
    for plane, alpha, beta in (*minima, *test_minima):
        check_plane(plane, objective)
        check_coordinates(alpha, beta)
    centre = objective.theta.detach().cpu().double()
    rows = [row("centre", ("", ""), 0.0, 0.0, centre)]
    for place, points in (("minimum", minima), ("test minimum", test_minima)):
        for plane, alpha, beta in points:
            theta = torch.from_numpy(plane.point(alpha, beta))
            rows.append(row(place, plane.axes, alpha, beta, theta))
    n_test = {} if test is None else {"n_test_examples": test.n_examples}
    return ScoreTable(tuple(rows), objective.provenance("scores", **n_test))


def _places(name: str, given: Any) -> Sequence[tuple[Plane, float, float]]:
    """Points on planes as people give them.

    Raises:
        TypeError: If they are something else.
    """
    try:
        places = [(plane, alpha, beta) for plane, alpha, beta in given]
    except (TypeError, ValueError):
        raise TypeError(f"Expected {name} as a list of (plane, α, β), got {told(given)}.") from None
    return places


def check_coordinates(alpha: Any, beta: Any) -> tuple[float, float]:
    """Two finite coordinates as floats.

    Raises:
        ValueError: If they are something else.
    """
    point = real(alpha), real(beta)
    if not all(map(math.isfinite, point)):
        raise ValueError(
            f"Expected coordinates (α, β) as two finite numbers, got ({told(alpha)}, {told(beta)})."
        )
    return point


def same_plane(one: Plane, other: Plane) -> bool:
    """Whether (α, β) is the same point on both, as far as eigenvectors agree that were computed anew."""
    if one.fingerprint == other.fingerprint:
        return True
    return norm(one.origin - other.origin) <= _ROUNDING * norm(one.origin) and all(
        norm(a - b) <= _ON_PLANE * norm(a) for a, b in ((one.eta, other.eta), (one.delta, other.delta))
    )


def place_words(plane: Plane, alpha: float, beta: float) -> str:
    """A point with its plane: "(0.1, −0.2) on hessian:max × random (seed 3)"."""
    seed = plane_seed(plane)
    words = f"({brief(alpha)}, {brief(beta)}) on {' × '.join(plane.axes)}"
    return words if seed is None else f"{words} (seed {seed})"


def plane_seed(plane: Plane) -> int | None:
    """Seed of the axes that depend on one; None where none does."""
    return plane.provenance.get("seed") if depends_on_seed(plane.axes) else None


def locate(plane: Plane, theta: FloatArray) -> tuple[float, float] | None:
    """Coordinates (α, β) of θ, shape (N,), on a plane; None if it lies elsewhere."""
    away = theta - plane.origin
    axes = np.stack([plane.eta, plane.delta])
    alpha, beta = np.linalg.pinv(inner(axes[:, None], axes), hermitian=True) @ inner(axes, away)
    distance = norm(plane.point(alpha, beta) - theta)
    if distance > _ON_PLANE * norm(away) + _ROUNDING * norm(theta):
        return None
    return float(alpha), float(beta)


@dataclass(eq=False)
class Pin:
    """A point of parameter space that a person marked on a plane."""

    number: int
    """The name of the pin on the page, counted from 1."""
    plane: Plane
    """The plane that it was set on."""
    alpha: float
    """Coordinate along η of that plane."""
    beta: float
    """Coordinate along δ of that plane."""
    values: PlanePoint | None = None
    """Loss, metrics, gradient norm and Hessian there, as far as they are computed."""
    error: str = ""
    """Why they are not all there."""

    @property
    def theta(self) -> FloatArray:
        """The point itself, shape (N,)."""
        return self.plane.point(self.alpha, self.beta)

    @property
    def where(self) -> str:
        """The place of the pin in words: "(0.1, −0.2) on hessian:max × hessian:min"."""
        return place_words(self.plane, self.alpha, self.beta)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to compute."""
        return bool(self.error) or (self.values is not None and self.values.hessian is not None)
