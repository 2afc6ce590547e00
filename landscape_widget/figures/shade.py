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
from landscape_widget.planes.scale import LossScale, automatic_scale, is_loss
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel

#: What height and colour can stand for.
SCALES = ("auto", "linear", "log")


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
        ticks = {"tickvals": [float(around(loss)) for loss, _ in around.ticks()], "ticktext": _words(around)}
        low, high = around.range
        colours = diverging(low / around.most, high / around.most)
        return Shade(around(surface.loss), quantity(surface), colours, 0.0, ticks, around.centre, around)
    level = around.centre if around else None
    if scale == "log":
        z, name = logarithm(surface)
        height = float(np.log10(level)) if level is not None and level > 0 else None
        return Shade(z, name, COLOURS, height, {}, level, _log)
    return Shade(surface.loss, quantity(surface), _about_zero(surface) or COLOURS, level, {}, level)


def _about_zero(surface: Surface) -> list[tuple[float, str]] | None:
    """The colours of a difference of losses: one hue below zero and one above; None for a loss.

    Where all are of one sign they have the whole of its hue: about zero, they would often be of one colour.
    """
    finite = surface.loss[np.isfinite(surface.loss)]
    if is_loss(surface) or not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if not low < high:
        return None
    if low > 0 or high < 0:
        return diverging(0, 1) if low > 0 else diverging(-1, 0)
    most = max(-low, high)
    return diverging(low / most, high / most)


def _log(loss: FloatArray) -> FloatArray:
    """log₁₀ of losses, NaN where they are not positive."""
    return np.log10(np.where(loss > 0, loss, np.nan))


def _words(scale: LossScale) -> list[str]:
    """The losses along a colour bar."""
    return [number(loss, digits) for loss, digits in scale.ticks()]


def logarithm(surface: Surface) -> tuple[FloatArray, str]:
    """log₁₀ of the loss, shape (nβ, nα), and its name."""
    finite = surface.loss[np.isfinite(surface.loss)]
    if (finite <= 0).any():
        raise ValueError(
            f"Expected positive losses for a logarithm, got {finite.min():.4g}. Use a linear scale."
        )
    return np.log10(surface.loss), f"log₁₀ {quantity(surface)}"
