"""What figures of planes say: quantities, axes and their units, marks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from landscape_widget.figures.style import LOWEST, LOWEST_TEST, THETA, number
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.planes.axes import words_of
from landscape_widget.planes.scale import is_loss
from landscape_widget.results import words
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.words import quantity_of

#: The lowest point of a surface: α, β and the loss there.
Minimum = tuple[float, float, float]

#: Name, α, β, height and style of a marked place.
Mark = tuple[str, float, float, float, dict[str, Any]]

#: Differences up to this share of all losses are rounding, of single precision at most.
_ROUNDING = 1e-6


def quantity(surface: Surface) -> str:
    """What the values of a surface are."""
    asked = surface.provenance
    return quantity_of(asked.get("split", "train"), asked.get("batch_norm", "frozen"))


#: Lengths that differ by less are told to be the same: they are drawn 1.0 times as large.
_EQUAL = 0.05


def stretched(surface: Surface, plane: Plane | None) -> tuple[str, str]:
    """What is said of an axis on which a distance in parameter space is drawn larger than on the other."""
    if plane is None:
        return "", ""
    axes = zip((surface.alpha, surface.beta), plane.norms, strict=True)
    alpha, beta = (float(axis[-1] - axis[0]) * length for axis, length in axes)
    if not alpha or not beta or math.isclose(alpha, beta, rel_tol=_EQUAL):
        return "", ""
    ratio = number(max(alpha, beta) / min(alpha, beta), 3)
    return (f"drawn {ratio} × larger than β", "") if alpha < beta else ("", f"drawn {ratio} × larger than α")


def stretched_labels(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are, with how much larger one is drawn than the other."""
    parts = zip(axis_labels(surface, plane), stretched(surface, plane), strict=True)
    return ["<br>".join([label, *([_small(more)] if more else [])]) for label, more in parts]


def marks_of(surface: Surface, z: FloatArray, minima: Mapping[str, Minimum] | None) -> list[Mark]:
    """Name, α, β, height and style of θ* and of the lowest evaluated nodes, where they are on the grid."""
    places: list[tuple[str, float, float, dict[str, Any]]]
    places = [("θ*", 0.0, 0.0, THETA)]
    own = surface.provenance.get("split", "train")
    if minima is None:
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
        falls = split == own and is_loss(surface) and falls_at(surface, alpha, beta)
        where = f", {words.AT_BORDER}" if falls else ""
        places.append((f"{words.LOWEST[split]}: {number(loss)}{where}", alpha, beta, mark))
    found = []
    for name, alpha, beta, marker in places:
        i, j = np.flatnonzero(surface.beta == beta), np.flatnonzero(surface.alpha == alpha)
        if len(i) and len(j):
            found.append((name, alpha, beta, float(z[i[0], j[0]]), marker))
    return found


def falls_at(surface: Surface, alpha: float, beta: float) -> bool:
    """Whether a node lies on the border of the domain, and the loss falls towards it there.

    Then it is no minimum: further out there are lower losses. What rises by no more than rounding is flat.
    """
    i, j = (int(np.argmin(np.abs(axis - at))) for axis, at in ((surface.beta, beta), (surface.alpha, alpha)))
    rows, columns = surface.loss.shape
    inward = [(i + 1, j)] * (i == 0) + [(i - 1, j)] * (i == rows - 1)
    inward += [(i, j + 1)] * (j == 0) + [(i, j - 1)] * (j == columns - 1)
    finite = surface.loss[np.isfinite(surface.loss)]
    least = _ROUNDING * float(finite.max()) - _ROUNDING * float(finite.min()) if len(finite) else 0.0
    return any(surface.loss[node] > surface.loss[i, j] + least for node in inward)


def axis_labels(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are, and below that how far one unit of each goes in parameter space."""
    parts = zip(axis_names(surface, plane), unit_words(plane), strict=True)
    return ["<br>".join([name, *([_small(unit)] if unit else [])]) for name, unit in parts]


def _small(words: str) -> str:
    return f'<span style="font-size: 11px">{words}</span>'


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


def what_is_missing(surface: Surface, marks: Sequence[Mark]) -> str:
    """What a picture does not show: the loss at every node, or all of where it falls."""
    return "; ".join(filter(None, [interpolated(surface), falls_words(marks)]))


def falls_words(marks: Sequence[Mark]) -> str:
    """A sentence that a marked lowest point is no minimum, where it is none."""
    return words.FALLS if any(name.endswith(words.AT_BORDER) for name, *_ in marks) else ""
