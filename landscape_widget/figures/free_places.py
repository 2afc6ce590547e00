"""Words beside points of a figure: as many as stand clear of each other and of its border."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from landscape_widget.numerics.vectors import FloatArray

#: Pixels of a character and of a line, at most, with what is around them.
_CHARACTER, _AROUND, _LINE = 6.0, 6.0, 16.0

#: From a point to the middle of its words, or to the nearest corner of them, in pixels.
AWAY, BESIDE = 18, 4

#: Pixels of a picture on a page of several figures, the narrowest: in a wider one all is further apart.
ROOM = (320.0, 290.0)

#: Sides of a point that words may stand on, the best first: to the right and down.
_SIDES = ((1, -1), (-1, -1), (1, 1), (-1, 1))

#: Tangent of half of plotly's angle of view.
_VIEW = float(np.tan(np.pi / 8))

Side = tuple[int, int]

#: Places along a line of sight through a scene, which is 1 wide: no line in it is longer than 1.5.
_SIGHT = np.linspace(0, 1.5, 48)


def free_places(places: FloatArray, texts: Sequence[str], centred: bool = False) -> dict[int, Side]:
    """The side of its point on which each of the words has room; those without any are left out.

    Args:
        places: Pixels from the upper left corner of ``ROOM``, shape (n, 2).
        texts: The words, the most important first.
        centred: Whether words stand around ``AWAY`` from their point; else with a corner ``BESIDE`` it.
    """
    taken: list[tuple[float, float, float, float]] = []
    found: dict[int, Side] = {}
    for i, ((x, y), text) in enumerate(zip(places, texts, strict=True)):
        wide = _CHARACTER * len(text) + _AROUND
        dx, dy = (AWAY, AWAY) if centred else (wide / 2 + BESIDE, _LINE / 2 + BESIDE)
        for side in _SIDES:
            left, top = x + side[0] * dx - wide / 2, y + side[1] * dy - _LINE / 2
            right, bottom = left + wide, top + _LINE
            inside = left >= 0 and right <= ROOM[0] and top >= 0 and bottom <= ROOM[1]
            apart = all(right <= a or b <= left or bottom <= c or d <= top for a, b, c, d in taken)
            if inside and apart:
                taken.append((left, right, top, bottom))
                found[i] = side
                break
    return found


def seen(points: FloatArray, eye: FloatArray, centre: FloatArray) -> FloatArray:
    """Where one of plotly's cameras sees points of its scene, in pixels, shape (n, 2)."""
    ahead, right, up = _directions(eye, centre)
    to = points - eye
    scale = ROOM[1] / 2 / _VIEW / (to @ ahead)
    return np.column_stack([ROOM[0] / 2 + scale * (to @ right), ROOM[1] / 2 - scale * (to @ up)])


def _directions(eye: FloatArray, centre: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Ahead, to the right and up, where a camera's vertical stays vertical."""
    ahead = (centre - eye) / np.linalg.norm(centre - eye)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return ahead, right, np.cross(right, ahead)


def hidden(point: FloatArray, eye: FloatArray, ground: Callable[[FloatArray], FloatArray]) -> bool:
    """Whether a surface stands between a point of a scene and the camera: the line of sight goes through it.

    Args:
        point: It may lie in the surface.
        eye: Where the camera is.
        ground: Heights of the surface at places (y, x) of the scene, shape (n, 2); NaN where there is none.
    """
    places = point + _SIGHT[1:, None] * (eye - point) / np.linalg.norm(eye - point)
    heights = ground(places[:, 1::-1])
    above = (places[:, 2] >= heights)[np.isfinite(heights)]
    return bool((above[1:] != above[:-1]).any())
