"""Planes that the page offers by one click, and what a plane is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from landscape_widget.planes.axes import depends_on_seed, symbol_of


@dataclass(frozen=True)
class Preset:
    """A plane that the page offers by one click."""

    value: str
    """The name of the preset in the page's code."""
    label: str
    """What the page calls it."""
    title: str
    """The same in a sentence."""
    axes: tuple[str, str]
    """Names of its axes."""


PRESETS = (
    Preset(
        "hessian",
        "Hessian λmax × λmin",
        "The directions of the largest and the smallest curvature",
        ("hessian:max", "hessian:min"),
    ),
    Preset("random", "Random", "Two directions with normally distributed entries", ("random", "random")),
    Preset(
        "filter",
        "Filter-normalised",
        "Two random directions, each filter rescaled to the norm of the model's own",
        ("random:filter", "random:filter"),
    ),
    Preset(
        "trajectory",
        "Trajectory",
        "The two directions along which training has moved most",
        ("trajectory:1", "trajectory:2"),
    ),
)


def plane_words(
    axes: tuple[str, str], seed: int | None = None, name: Callable[[str], str] | None = None
) -> str:
    """A plane in a few words: Hessian λmax × λmin, Random (seed 3), λ₁ × random (seed 0).

    Args:
        axes: Names of its axes.
        seed: Seed of the plane, told where an axis depends on it; None where it is not to be told.
        name: What an axis is called; default as on the page, ``symbol_of``.
    """
    preset = next((preset.label for preset in PRESETS if preset.axes == tuple(axes)), None)
    words = preset or " × ".join(map(name or symbol_of, axes))
    return words if seed is None or not depends_on_seed(axes) else f"{words} (seed {seed})"
