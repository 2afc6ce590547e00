"""What figures of planes say: quantities, axes and their units, marks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape_widget.figures.style import LOWEST, LOWEST_TEST, THETA, number
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.planes.axes import words_of
from landscape_widget.results import words
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.words import quantity_of

#: The lowest point of a surface: α, β and the loss there.
Minimum = tuple[float, float, float]


def quantity(surface: Surface) -> str:
    """What the values of a surface are."""
    asked = surface.provenance
    return quantity_of(asked.get("split", "train"), asked.get("batch_norm", "frozen"))


def stretched(surface: Surface, plane: Plane | None) -> tuple[str, str]:
    """What is said of an axis on which a distance in parameter space is drawn larger than on the other."""
    if plane is None:
        return "", ""
    axes = zip((surface.alpha, surface.beta), plane.norms, strict=True)
    alpha, beta = (float(axis[-1] - axis[0]) * length for axis, length in axes)
    if not alpha or not beta or math.isclose(alpha, beta, rel_tol=0.01):
        return "", ""
    ratio = number(max(alpha, beta) / min(alpha, beta), 3)
    return (f"drawn {ratio} × larger than β", "") if alpha < beta else ("", f"drawn {ratio} × larger than α")


def stretched_labels(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are, with how much larger one is drawn than the other."""
    parts = zip(axis_labels(surface, plane), stretched(surface, plane), strict=True)
    return ["; ".join(filter(None, part)) for part in parts]


def marks_of(
    surface: Surface, z: FloatArray, minima: Mapping[str, Minimum] | None
) -> list[tuple[str, float, float, float, dict[str, Any]]]:
    """Name, α, β, height and style of θ* and of the lowest evaluated nodes, where they are on the grid."""
    places: list[tuple[str, float, float, dict[str, Any]]]
    places = [("θ*", 0.0, 0.0, THETA)]
    if minima is None:
        own = surface.provenance.get("split", "train")
        minima = {own: surface.minimum} if surface.minimum and own != "difference" else {}
    if not isinstance(minima, Mapping) or not all(
        split in words.LOWEST and isinstance(place, tuple) for split, place in minima.items()
    ):
        raise TypeError(
            'Expected minima as a mapping of "train" or "test" to (α, β, loss), such as '
            f'{{"test": surface.minimum}}, got {told(minima)}.'
        )
    for split, (alpha, beta, loss) in minima.items():
        mark = LOWEST_TEST if split == "test" else LOWEST
        places.append((f"{words.LOWEST[split]}: {number(loss)}", alpha, beta, mark))
    found = []
    for name, alpha, beta, marker in places:
        i, j = np.flatnonzero(surface.beta == beta), np.flatnonzero(surface.alpha == alpha)
        if len(i) and len(j):
            found.append((name, alpha, beta, float(z[i[0], j[0]]), marker))
    return found


def axis_labels(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are, and how far one unit of each goes in parameter space."""
    parts = zip(axis_names(surface, plane), unit_words(plane), strict=True)
    return ["; ".join(filter(None, part)) for part in parts]


def axis_names(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are."""
    axes = plane.axes if plane else surface.provenance.get("axes", ("", ""))
    return [f"{a} ({words_of(axis)})" if axis else a for a, axis in zip("αβ", axes, strict=True)]


def unit_words(plane: Plane | None) -> list[str]:
    """The length of η and δ, and its share of ‖θ*‖; nothing where the plane is not known.

    The second axis of a single parameter has none.
    """
    if plane is None:
        return ["", ""]
    size = norm(plane.origin)
    shares = [f" = {number(length / size, 3)} ‖θ*‖" if size else "" for length in plane.norms]
    return [
        f"1 is ‖Δθ‖ = {number(length, 3)}{share}" if length else "no direction of its own"
        for length, share in zip(plane.norms, shares, strict=True)
    ]


def interpolated(surface: Surface) -> str:
    """How much of it is interpolated, and how right that is; empty where every node was evaluated."""
    return "" if surface.done.all() else surface.coverage
