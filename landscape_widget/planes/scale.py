"""The automatic scale of losses around θ*, and whether a saddle can be seen on it.

Colours and heights stand for

    t(L) = asinh((L − L(θ*)) / s),

which is linear within s of L(θ*) and a logarithm beyond. The linear width s is what the smaller of a plane's
two curvatures makes of the loss at the edge of the domain, ½|κ|w², so that the larger one cannot hide it;
on a slope it is what the gradient makes of it there, as far as that is more than the curvature can turn.
The page has the same formula; one table of values holds both to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from torch.utils.weak import WeakIdKeyDictionary

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

#: Lines on which the next node is farther away than so many, along either axis, are seen by that node only.
_NEAR = 8

#: What was found on the lines of each surface: every step of a computation asks of the picture on show.
_answers = WeakIdKeyDictionary()

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
        return even_ticks(self.range, lambda t: self.centre + self.width * math.sinh(t), count)


def even_ticks(
    ends: tuple[float, float], loss_at: Callable[[float], float], count: int
) -> list[tuple[float, int]]:
    """Returns losses evenly spread over positions from one end to the other; see ``LossScale.ticks``."""
    low, high = ends
    step = (high - low) / (count - 1)
    found = []
    for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1):
        near, loss, far = (loss_at(step * (k + d)) for d in (-0.1, 0, 0.1))
        if not near < far:  # floating-point numbers do not tell them apart
            continue
        places = -math.floor(math.log10(far - near))
        if not loss_at(low) <= round(loss, places) <= loss_at(high):
            places += 1
        rounded = round(loss, places)
        digits = 1 if rounded == 0 else max(1, math.floor(math.log10(abs(rounded))) + 1 + places)
        found.append((rounded if k else loss, digits))
    return found


def automatic_scale(surface: Surface, quadratic: QuadraticModel | None = None) -> LossScale | None:
    """Returns the scale for a surface.

    Args:
        surface: The loss on a plane.
        quadratic: The training loss to second order in that plane, which tells the linear width; it
            counts for that loss only.

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
    small, excess = _linear_widths(surface, model) if model else (0.0, 0.0)
    told = small >= max(_FLAT * largest, _ROUNDING * abs(centre))
    return LossScale(centre, min(max(small if told else _UNTOLD * largest, excess), largest), low, high)


def sees_saddle(surface: Surface, quadratic: QuadraticModel | None = None) -> bool:
    """Returns whether a picture on the automatic scale shows a saddle at θ* to the eye.

    Where all nodes near θ* are higher, or all lower, it does not: what turns farther away is another thing.

    Args:
        surface: The loss on a plane that curves both ways at θ*.
        quadratic: See ``automatic_scale``.
    """
    scale, node = automatic_scale(surface, quadratic), _theta(surface)
    if scale is None or node is None:
        return False
    near = surface.loss[tuple(slice(max(0, i - _NEAR), i + _NEAR + 1) for i in node)] - surface.loss[node]
    fall, rise = fall_and_rise(surface)
    return bool((near < 0).any() and (near > 0).any()) and scale.colours(min(fall, rise)) > LEAST_COLOURS


def fall_and_rise(surface: Surface) -> tuple[float, float]:
    """Returns how far the loss falls to both sides, and how far it rises, on lines of nodes through θ*.

    That is from the highest node of a line down to the higher one of the lowest before and the lowest after
    it; for the rise likewise. Where the loss only rises along a line, or only falls, it does neither,
    whatever its curvature at θ*. Both are 0 where θ* is no node of the grid.
    """
    if surface not in _answers:
        _answers[surface] = _on_lines(surface)
    found: tuple[float, float] = _answers[surface]
    return found


def _on_lines(surface: Surface) -> tuple[float, float]:
    node = _theta(surface)
    if node is None:
        return 0.0, 0.0
    loss = surface.loss
    centre = loss[node]
    rows, columns = (
        slice(max(0, 2 * i - n + 1), min(n, 2 * i + 1)) for i, n in zip(node, loss.shape, strict=True)
    )
    part = loss[rows, columns]
    pairs = np.stack([part, part[::-1, ::-1]])
    pairs = pairs[:, np.isfinite(pairs).all(0)]
    lines = list(_lines(loss, node))
    fall = [centre - pairs.max(0), *map(_drops, lines)]
    rise = [pairs.min(0) - centre, *(_drops(-line) for line in lines)]
    most = (max(float(drops.max(initial=0)) for drops in each) for each in (fall, rise))
    return next(most), next(most)


def only_slopes(surface: Surface) -> bool:
    """Returns whether from θ* on the loss falls or rises, but on no line of nodes to both sides.

    A saddle between walls may look like a minimum where nodes are far apart: that is no slope.
    """
    node = _theta(surface)
    if node is None:
        return False
    fall, rise = fall_and_rise(surface)
    lower, higher = surface.loss < surface.loss[node], surface.loss > surface.loss[node]
    return bool((lower.any() and not fall) or (higher.any() and not rise))


def _lines(loss: FloatArray, node: tuple[int, int]) -> Iterator[FloatArray]:
    """The losses on each line of nodes through one, the next at most ``_NEAR`` away along either axis."""
    for step in product(range(_NEAR + 1), range(-_NEAR, _NEAR + 1)):
        if step <= (0, 0) or math.gcd(*step) > 1:
            continue
        i, j = (np.arange(-max(loss.shape), max(loss.shape))[:, None] * step + node).T
        inside = (i >= 0) & (i < loss.shape[0]) & (j >= 0) & (j < loss.shape[1])
        line = loss[i[inside], j[inside]]
        yield line[np.isfinite(line)]


def _drops(line: FloatArray) -> FloatArray:
    """How far each node lies above the higher one of the lowest before and the lowest after it."""
    before, after = (np.minimum.accumulate(each) for each in (line, line[::-1]))
    return np.asarray(line[1:-1] - np.maximum(before[:-2], after[::-1][2:]))


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


def _linear_widths(surface: Surface, model: QuadraticModel) -> tuple[float, float]:
    """½|κ|w² of the smaller curvature, and by how much the slope exceeds the curvature along the gradient.

    Both are at the edge of the domain: the axes are taken in its half-widths. Where |g|w is less than
    |Hg|w²/|g|, the loss turns inside it.
    """
    x, y = (float(axis[-1] - axis[0]) / 2 for axis in (surface.alpha, surface.beta))
    a, b, c = (float(part) for part in np.array(model.hessian) * (x * x, x * y, y * y))
    g, h = (float(part) for part in np.array(model.gradient) * (x, y))
    slope = math.hypot(g, h)
    u, v = g / (slope or 1), h / (slope or 1)  # products of g and H could overflow or vanish
    small = min(abs(float(curvature)) for curvature in principal_curvatures(a, b, c)) / 2
    return small, slope - math.hypot(a * u + b * v, b * u + c * v)
