"""The domain of a picture where nobody chose one."""

from __future__ import annotations

import math

import numpy as np

from landscape_widget.planes.axes import parse_axis
from landscape_widget.planes.grid import Domain
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.planes import Plane

#: Mantissas that half-widths snap to; many are doubles of one another, so that zooming reuses nodes.
MANTISSAS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)

#: Largest half-width along eigenvectors where θ* is zero, and so tells no scale: a curvature near zero would
#: ask for any.
_WIDEST_AT_ZERO = 10.0

#: A loss whose largest curvature is at most this counts as flat.
_FLAT = 1e-12

#: Smallest and largest half-width, far from the limits of a domain, whatever the scale of θ*.
_HALF_WIDTHS = 1e-50, 1e50


def automatic_domain(
    plane: Plane, pairs: EigenPairs | None, centre_loss: float | None, theta_norm: float
) -> Domain:
    """Returns a domain on which the plane has something to show.

    Along eigenvectors it reaches as far as ``eigenvector_half_width`` says, along random directions to a
    displacement by ‖θ*‖, along filter-normalised ones to 1.

    Args:
        plane: The plane on show.
        pairs: The eigenpairs that its Hessian axes are taken from.
        centre_loss: L(θ*).
        theta_norm: ‖θ*‖.
    """
    widths = []
    for name, unit in zip(plane.axes, plane.norms, strict=True):
        axis = parse_axis(name)
        if axis.rank and pairs:
            widths.append(eigenvector_half_width(plane.axes, pairs, centre_loss, theta_norm))
        else:
            alike = axis.kind.scaled or not theta_norm or not unit
            widths.append(snap(1.0 if alike else theta_norm / unit))
    return -widths[0], widths[0], -widths[1], widths[1]


def eigenvector_half_width(
    axes: tuple[str, str], pairs: EigenPairs, centre_loss: float | None, theta_norm: float
) -> float:
    """Returns how far the automatic domain reaches along eigenvectors to either side, in ‖Δθ‖.

    It ends where the quadratic model ½|λ|w² is the loss at θ* (at least 1), with the geometric mean of the
    curvatures on show, and at ‖θ*‖/20 at most, since far out the loss of a network grows steeply and hides
    what is near. A loss without curvature has no such width; then it is ‖θ*‖/20, or 1 where θ* is zero.

    Args:
        axes: The axes of the plane on show; without an eigenvector among them those of λmax and λmin count.
        pairs: The eigenpairs that the axes are taken from.
        centre_loss: L(θ*).
        theta_norm: ‖θ*‖.
    """
    ranked = [pairs.at(axis.kind.end, axis.rank) for axis in map(parse_axis, axes) if axis.rank]
    curvatures = np.abs(pairs.values[ranked or [0, -1]])
    steepest = float(np.abs(pairs.values).max())
    if not steepest > _FLAT:
        return snap(theta_norm / 20 or 1.0)
    mean = math.exp(np.mean(np.log(np.maximum(curvatures, 1e-3 * steepest))))
    width = math.sqrt(2 * max(1.0, abs(centre_loss or 0.0)) / mean)  # 1 for a loss that is NaN, too
    return snap(min(width, theta_norm / 20 or _WIDEST_AT_ZERO))


def snap(width: float) -> float:
    """Returns the nearest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten, by ratio."""
    width = min(max(width, _HALF_WIDTHS[0]), _HALF_WIDTHS[1])
    exponent = math.floor(math.log10(width))
    candidates = [m * 10.0**e for e in (exponent, exponent + 1) for m in MANTISSAS]
    best = min(candidates, key=lambda c: abs(math.log(c / width)))
    return float(f"{best:.2g}")
