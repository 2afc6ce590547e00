"""The automatic scale of losses around θ*, and whether a saddle can be seen on it.

Colours and heights stand for

    t(L) = asinh((L − L(θ*)) / s),

which is linear within s of L(θ*) and a logarithm beyond. The linear width s is what the smaller of a plane's
two curvatures makes of the loss at the edge of the domain, ½|κ|w², so that the larger one cannot hide it.
The page has the same formula; one table of values holds both to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.curvature import principal_curvatures
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel

#: Colours of a scale, from its lowest to its highest.
N_COLOURS = 256

#: A saddle is seen where it falls and rises by more than so many colours.
LEAST_COLOURS = 2

#: A curvature whose share of the largest difference from L(θ*) is less than this counts as flat.
_FLAT = 1e-4

#: So does one that changes the loss by less than this share of L(θ*); the page holds it in single precision.
_ROUNDING = 1e-5

#: Differences from L(θ*) up to this share of it are rounding.
_NOTHING = 1e-12

#: Below this difference a width, or a tick, is beyond what floating-point numbers tell apart.
_LEAST = 1e-300

#: So it is above this one.
_MOST = 1e300

#: Linear width as a share of the largest difference, where no curvature tells it.
_UNTOLD = 1 / 30


@dataclass(frozen=True)
class LossScale:
    """Losses as positions on a scale with L(θ*) in its middle."""

    centre: float
    """L(θ*), at position 0."""
    width: float
    """s, the difference from L(θ*) up to which the scale is linear."""
    low: float
    """The lowest loss that is on show."""
    high: float
    """The highest loss that is on show."""

    def __call__(self, loss: npt.ArrayLike) -> FloatArray:
        """Returns t(L)."""
        position: FloatArray = np.arcsinh((np.asarray(loss, float) - self.centre) / self.width)
        return position

    @property
    def range(self) -> tuple[float, float]:
        """The positions of the lowest and the highest loss."""
        return float(self(self.low)), float(self(self.high))

    @property
    def most(self) -> float:
        """The largest distance from the middle: there either half of the colours ends."""
        return max(map(abs, self.range))

    def colours(self, difference: float) -> float:
        """Returns how many colours lie between L(θ*) and a loss that differs so much from it."""
        return N_COLOURS / 2 * math.asinh(difference / self.width) / self.most

    def ticks(self, count: int = 7) -> list[tuple[float, int]]:
        """Returns losses for a colour bar, evenly spread over it as far as they are round, ascending.

        Each comes with the number of significant digits that it has to be written with. L(θ*) is one of
        them; its own digits are those that its neighbours need.
        """
        low, high = self.range
        step = (high - low) / (count - 1)
        found = []
        for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
            near, loss, far = (self.centre + self.width * math.sinh(step * (k + d)) for d in (-0.1, 0, 0.1))
            places = -math.floor(math.log10(far - near))
            if not self.low <= round(loss, places) <= self.high:
                places += 1
            rounded = round(loss, places)
            digits = 1 if rounded == 0 else max(1, math.floor(math.log10(abs(rounded))) + 1 + places)
            found.append((rounded if k else loss, digits))
        return found


def automatic_scale(surface: Surface, quadratic: QuadraticModel | None = None) -> LossScale | None:
    """Returns the scale for a surface.

    Args:
        surface: The loss on a plane.
        quadratic: The training loss to second order in that plane, whose curvatures tell the linear width;
            it counts for that loss only.

    Returns:
        The scale; None where L(θ*) is not known or no other loss is on show, and for a difference of losses.
    """
    finite = surface.loss[np.isfinite(surface.loss)]
    model = quadratic if is_training_loss(surface) else None
    node = _theta(surface)
    centre = float(surface.loss[node]) if node else model.loss if model else math.nan
    if not is_loss(surface) or not len(finite) or not math.isfinite(centre):
        return None
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low - centre), abs(high - centre))
    if not max(_NOTHING * abs(centre), _LEAST) < largest < _MOST:
        return None
    small = _smaller_curvature(surface, model) if model else 0.0
    told = small >= max(_FLAT * largest, _ROUNDING * abs(centre))
    return LossScale(centre, min(small, largest) if told else _UNTOLD * largest, low, high)


def sees_saddle(surface: Surface, quadratic: QuadraticModel | None = None) -> bool:
    """Returns whether a picture on the automatic scale shows a saddle at θ* to the eye.

    Args:
        surface: The loss on a plane that curves both ways at θ*.
        quadratic: See ``automatic_scale``.
    """
    scale = automatic_scale(surface, quadratic)
    fall, rise = fall_and_rise(surface)
    return scale is not None and scale.colours(min(fall, rise)) > LEAST_COLOURS


def fall_and_rise(surface: Surface) -> tuple[float, float]:
    """Returns how far the loss falls below L(θ*) and rises above it, as means of opposite points.

    Between opposite points the slope at θ* cancels. Both are 0 where θ* is no node of the grid.
    """
    node = _theta(surface)
    if node is None:
        return 0.0, 0.0
    rows, columns = (
        slice(max(0, 2 * i - n + 1), min(n, 2 * i + 1)) for i, n in zip(node, surface.loss.shape, strict=True)
    )
    part = surface.loss[rows, columns]
    even = (part + part[::-1, ::-1]) / 2 - surface.loss[node]
    even = even[np.isfinite(even)]
    return float(-even.min(initial=0)), float(even.max(initial=0))


def is_loss(surface: Surface) -> bool:
    """Whether its values are losses, and no difference of two."""
    told = surface.provenance
    return "difference" not in (told.get("split"), told.get("batch_norm"))


def is_training_loss(surface: Surface) -> bool:
    """Whether it is the loss whose curvature is told: on training data, with frozen batch-norm statistics."""
    told = surface.provenance
    return (told.get("split", "train"), told.get("batch_norm", "frozen")) == ("train", "frozen")


def _theta(surface: Surface) -> tuple[int, int] | None:
    """Row and column of θ*, None where the domain does not contain it."""
    i, j = np.flatnonzero(surface.beta == 0), np.flatnonzero(surface.alpha == 0)
    return (int(i[0]), int(j[0])) if len(i) and len(j) else None


def _smaller_curvature(surface: Surface, model: QuadraticModel) -> float:
    """½|κ|w² of the smaller curvature, with the axes in half-widths of the domain."""
    x, y = (float(axis[-1] - axis[0]) / 2 for axis in (surface.alpha, surface.beta))
    a, b, c = model.hessian
    return float(min(map(abs, principal_curvatures(a * x * x, b * x * y, c * y * y)))) / 2
