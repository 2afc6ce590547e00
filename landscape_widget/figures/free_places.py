"""Words beside points of a figure: as many as stand clear of each other and of its border."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape_widget.numerics.vectors import FloatArray

#: Pixels of a character and of a line, at most, with what is around them.
_CHARACTER, _AROUND, _LINE = 6.0, 6.0, 16.0

#: From a point to the middle of its words, in pixels.
AWAY = 18

#: Pixels of a picture on a page of several figures, the narrowest: in a wider one all is further apart.
ROOM = (320.0, 290.0)

#: Sides of a point that words may stand on, the best first: to the right and down.
_SIDES = ((1, -1), (-1, -1), (1, 1), (-1, 1))

#: Tangent of half of plotly's angle of view.
_VIEW = float(np.tan(np.pi / 8))

Side = tuple[int, int]


def free_places(places: FloatArray, texts: Sequence[str], centred: bool = False) -> dict[int, Side]:
    """The side of its point on which each of the words has room; those without any are left out.

    Args:
        places: Pixels from the upper left corner of ``ROOM``, shape (n, 2).
        texts: The words, the most important first.
        centred: Whether words stand around ``AWAY`` from their point; else they begin or end at it.
    """
    taken: list[tuple[float, float, float, float]] = []
    found: dict[int, Side] = {}
    for i, ((x, y), text) in enumerate(zip(places, texts, strict=True)):
        wide = _CHARACTER * len(text) + _AROUND
        dx, dy = (AWAY, AWAY) if centred else (wide / 2, AWAY / 2)
        for side in _SIDES:
            left, top = x + side[0] * dx - wide / 2, y + side[1] * dy - _LINE / 2
            right, bottom = left + wide, top + _LINE
            inside = left >= 0 and right <= ROOM[0] and top >= 0 and bottom <= ROOM[1]
            if inside and all(right <= a or b <= left or bottom <= c or d <= top for a, b, c, d in taken):
                taken.append((left, right, top, bottom))
                found[i] = side
                break
    return found


def seen(points: FloatArray, eye: FloatArray, centre: FloatArray) -> FloatArray:
    """Where one of plotly's cameras sees points of its scene, in pixels, shape (n, 2)."""
    ahead = (centre - eye) / np.linalg.norm(centre - eye)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    to = points - eye
    scale = ROOM[1] / 2 / _VIEW / (to @ ahead)
    return np.column_stack(
        [ROOM[0] / 2 + scale * (to @ right), ROOM[1] / 2 - scale * (to @ np.cross(right, ahead))]
    )
