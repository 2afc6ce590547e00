"""What height and colour stand for in figures of planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_widget.figures.labels import quantity
from landscape_widget.figures.style import COLOURS, colour_bar, diverging, number
from landscape_widget.numerics.checks import check_choice, check_flag
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.scale import automatic_scale, even_ticks, is_loss
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel

#: What height and colour can stand for.
SCALES = ("auto", "linear", "log")

#: Losses along a colour bar, about.
_COUNT = 7

#: Floating-point numbers have no larger logarithm.
_MOST = 308.25


@dataclass(frozen=True)
class Shade:
    """What height and colour stand for."""

    z: FloatArray
    """Heights, shape (nβ, nα)."""
    name: str
    colours: str | list[tuple[float, str]]
    level: float | None
    """The height of L(θ*), where that is known."""
    ticks: dict[str, Any]
    """Settings of an axis that shows losses where ``z`` is something else."""
    centre: float | None = None
    """L(θ*), where that is known."""
    height: Callable[[FloatArray], FloatArray] = lambda loss: loss
    """The height of a loss, NaN where it has none."""

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest of ``z``."""
        finite = self.z[np.isfinite(self.z)]
        return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)

    def ink(self, height: float) -> str:
        """Black or white, whichever is seen on the colour of a height."""
        low, high = self.ends
        light = min(max(low, 0.0), high)
        dark = (
            height < (low + high) / 2
            if isinstance(self.colours, str)
            else abs(height - light) > 0.4 * max(light - low, high - light)
        )
        return "white" if dark else "black"

    @property
    def bar(self) -> dict[str, Any]:
        """The colour bar."""
        return colour_bar(self.name) | self.ticks


def shade_of(surface: Surface, scale: str, log: bool, quadratic: QuadraticModel | None) -> Shade:
    """The chosen scale; a linear one in place of an automatic one without L(θ*)."""
    check_given(Surface, surface=surface)
    check_given(QuadraticModel | None, quadratic=quadratic)
    scale = "log" if check_flag(log, "log") else check_choice(scale, SCALES, "scale")
    around = automatic_scale(surface, quadratic)
    if scale == "auto" and around:
        low, high = around.range
        colours = _of_one_sign(low, high) or diverging(low / around.most, high / around.most)
        ticks = _marked(around.ticks(), around)
        return Shade(around(surface.loss), quantity(surface), colours, 0.0, ticks, around.centre, around)
    level = around.centre if around else None
    if scale == "log":
        z, name = logarithm(surface)
        height = float(np.log10(level)) if level is not None and level > 0 else None
        return Shade(z, name, COLOURS, height, marked_losses(z), level, _log)
    return Shade(surface.loss, quantity(surface), _about_zero(surface) or COLOURS, level, {}, level)


def _about_zero(surface: Surface) -> list[tuple[float, str]] | None:
    """The colours of a difference of losses: one hue below zero and one above; None for a loss."""
    finite = surface.loss[np.isfinite(surface.loss)]
    if is_loss(surface) or not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if not low < high:
        return None
    most = max(-low, high)
    return _of_one_sign(low, high) or diverging(low / most, high / most)


def _of_one_sign(low: float, high: float) -> list[tuple[float, str]] | None:
    """The whole of one hue, where all are of one sign: about zero, they would often be of one colour."""
    if not low < high or low <= 0 <= high:
        return None
    return diverging(0, 1) if low > 0 else diverging(-1, 0)


def _log(loss: FloatArray) -> FloatArray:
    """log₁₀ of losses, NaN where they are not positive."""
    return np.log10(np.where(loss > 0, loss, np.nan))


def _marked(ticks: list[tuple[float, int]], height: Callable[[FloatArray], FloatArray]) -> dict[str, Any]:
    """Settings of an axis that shows losses, each with so many digits."""
    at = height(np.array([loss for loss, _ in ticks]))
    return {"tickvals": at.tolist(), "ticktext": [number(loss, digits) for loss, digits in ticks]}


def marked_losses(z: FloatArray, count: int = _COUNT) -> dict[str, Any]:
    """Settings of an axis of log₁₀ of losses that shows the losses."""
    finite = z[np.isfinite(z)]
    if not len(finite) or not finite.min() < finite.max():
        return {}
    ends = float(finite.min()), float(finite.max())
    ticks = even_ticks(ends, lambda t: 10 ** min(t, _MOST), count)
    return _marked(ticks, _log) if ticks else {}


def logarithm(surface: Surface) -> tuple[FloatArray, str]:
    """log₁₀ of the loss, shape (nβ, nα), and what an axis of it is called that shows the losses."""
    finite = surface.loss[np.isfinite(surface.loss)]
    if (finite <= 0).any():
        raise ValueError(
            f"Expected positive losses for a logarithm, got {finite.min():.4g}. Use a linear scale."
        )
    return np.log10(surface.loss), f"{quantity(surface)} (log)"
