"""The domain of a picture where nobody chose one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.axes import parse_axis
from landscape_widget.planes.grid import Domain
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.planes import Plane

#: Mantissas that half-widths snap to; many are doubles of one another, so that zooming reuses nodes.
MANTISSAS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)

#: Largest half-width along eigenvectors where θ* is zero, and so tells no scale: a curvature near zero would
#: ask for any.
_WIDEST_AT_ZERO = 10.0

#: Curvatures below this share of the largest count as this: no axis reaches more than 32 times as far as
#: another by its curvature.
_FLATTEST = 1e-3

#: The domain reaches at least so many times as far as the critical point is away.
_BESIDE = 3.0

#: A loss whose largest curvature is at most this counts as flat.
_FLAT = 1e-12

#: The quadratic model holds where it is wrong by this factor at most.
_AGREES = 4.0

#: Shares of the widths by curvature at which the model is tried.
_SHARES = tuple(2 ** (-k / 2) for k in range(9))

#: Smallest and largest half-width, far from the limits of a domain, whatever the scale of θ*.
_HALF_WIDTHS = 1e-50, 1e50


def automatic_domain(
    plane: Plane,
    pairs: EigenPairs | None,
    centre_loss: float | None,
    theta_norm: float,
    equal_axes: bool = False,
    slopes: FloatArray | None = None,
    loss_at: Callable[[float, float], float] | None = None,
    reach: Mapping[str, tuple[float, float]] | None = None,
) -> Domain:
    """Returns a domain on which the plane has something to show.

    Along eigenvectors it reaches as far as ``eigenvector_half_widths`` says, along a random direction beside
    one as far in ‖Δθ‖; without one along random directions to a displacement by ‖θ*‖, along filter-normalised
    ones to 1; along those of a path or toward a solution as far as ``reach`` says.

    Args:
        plane: The plane on show.
        pairs: The m eigenpairs that its Hessian axes are taken from.
        centre_loss: The loss L(θ*).
        theta_norm: The norm ‖θ*‖.
        equal_axes: Whether two eigenvectors are to reach equally far.
        slopes: The gradient along the eigenvectors, shape (m,).
        loss_at: The training loss at (α, β), which cuts the domain along two eigenvectors to where the
            quadratic model says something of it.
        reach: Where each axis, by its name, is looked along: from there to there.
    """
    on_axes = [parse_axis(axis) for axis in plane.axes]
    along = None
    if pairs and any(axis.kind.end for axis in on_axes):
        holds = 1.0
        if loss_at and not equal_axes and all(axis.kind.end for axis in on_axes):
            on_show = [pairs.at(*axis.end) for axis in on_axes]
            free = eigenvector_half_widths(plane.axes, pairs, centre_loss, theta_norm)[on_show]
            holds = _share_where_the_model_holds(free, pairs.values[on_show], loss_at)
        along = eigenvector_half_widths(plane.axes, pairs, centre_loss, theta_norm, equal_axes, slopes, holds)
    shown = [] if pairs is None or along is None else [along[pairs.at(*a.end)] for a in on_axes if a.kind.end]
    widths = []
    for axis, unit in zip(on_axes, plane.norms, strict=True):
        if axis.kind.end and pairs and along is not None:
            widths.append(float(along[pairs.at(*axis.end)]))
        elif shown and unit:
            widths.append(snap(float(shown[0]) / unit))
        else:
            alike = axis.kind.scaled or not theta_norm or not unit
            widths.append(snap(1.0 if alike else theta_norm / unit))
    low, high = zip(
        *((reach or {}).get(a.name, (-w, w)) for a, w in zip(on_axes, widths, strict=True)), strict=True
    )
    return low[0], high[0], low[1], high[1]


def eigenvector_half_widths(
    axes: tuple[str, str],
    pairs: EigenPairs,
    centre_loss: float | None,
    theta_norm: float,
    equal_axes: bool = False,
    slopes: FloatArray | None = None,
    share: float = 1.0,
) -> FloatArray:
    """Returns how far the automatic domain reaches along each eigenvector, shape (m,), in ‖Δθ‖.

    Along every eigenvector it ends where the quadratic model ½|λ|w² is the same, so that a picture shows each
    curvature as clearly as the other. That is the loss at θ* (at least 1), or what keeps the flattest
    eigenvector on show within ‖θ*‖/20, since far out the loss of a network grows steeply and hides what is
    near. Where θ* lies beside the model's critical point, the domain reaches three times as far as that, so
    that what bends stands out of what slopes, but not beyond the domain of equal axes. A loss without
    curvature has no such width; then it is ‖θ*‖/20, or 1 where θ* is zero.

    Args:
        axes: The axes of the plane on show; without an eigenvector among them those of λmax and λmin count.
        pairs: The m eigenpairs that the axes are taken from.
        centre_loss: The loss L(θ*).
        theta_norm: The norm ‖θ*‖.
        equal_axes: Whether all reach equally far instead, by the geometric mean of the curvatures on show.
        slopes: The gradient along the eigenvectors, shape (m,).
        share: Share of the widths by curvature, up to which the quadratic model holds.
    """
    parsed = map(parse_axis, axes)
    on_show = [pairs.at(*axis.end) for axis in parsed if axis.kind.end] or [0, -1]
    curvatures = np.abs(pairs.values)
    steepest = float(curvatures.max())
    if not steepest > _FLAT:
        return np.full(len(curvatures), snap(theta_norm / 20 or 1.0))
    limit = theta_norm / 20 or _WIDEST_AT_ZERO
    curvatures = np.maximum(curvatures, _FLATTEST * steepest)
    height = max(1.0, abs(centre_loss or 0.0))  # 1 for a loss that is NaN, too
    mean = math.exp(np.mean(np.log(curvatures[on_show])))
    equal = min(math.sqrt(2 * height / mean), limit)
    if equal_axes:
        return np.full(len(curvatures), snap(equal))
    height = min(height, float(curvatures[on_show].min()) * limit**2 / 2)
    widths = share * np.minimum(np.sqrt(2 * height / curvatures), limit)
    beside = np.zeros(len(curvatures)) if slopes is None else np.abs(slopes) / curvatures
    return np.array(list(map(snap, np.maximum(widths, np.minimum(_BESIDE * beside, equal)))))


def _share_where_the_model_holds(
    widths: FloatArray, curvatures: FloatArray, loss_at: Callable[[float, float], float]
) -> float:
    """The share of both half-widths up to which the flatter axis curves as the quadratic model says.

    Opposite points are taken together, between which the slope cancels. Where the model holds nowhere,
    nothing is gained by a smaller domain.
    """
    flatter = int(np.argmin(np.abs(curvatures)))
    centre = loss_at(0.0, 0.0)
    for share in _SHARES:
        width = share * float(widths[flatter])
        ends = [(width, 0.0), (-width, 0.0)] if flatter == 0 else [(0.0, width), (0.0, -width)]
        bent = (loss_at(*ends[0]) + loss_at(*ends[1])) / 2 - centre
        model = float(curvatures[flatter]) * width**2 / 2
        if model and 1 / _AGREES <= bent / model <= _AGREES:
            return share
    return 1.0


def snap(width: float) -> float:
    """Returns the nearest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten, by ratio."""
    width = min(max(float(width), _HALF_WIDTHS[0]), _HALF_WIDTHS[1])
    exponent = math.floor(math.log10(width))
    candidates = [m * 10.0**e for e in (exponent, exponent + 1) for m in MANTISSAS]
    best = min(candidates, key=lambda c: abs(math.log(c / width)))
    return float(f"{best:.2g}")
