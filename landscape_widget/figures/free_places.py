"""Words beside points of a figure: as many as stand clear of each other and of its border."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

#: Left, right, top and bottom of words, in pixels from their point.
Box = tuple[float, float, float, float]

#: Places along a line of sight through a scene, which is 1 wide: no line in it is longer than 1.5.
_SIGHT = np.linspace(0, 1.5, 48)


def free_places(
    places: FloatArray,
    texts: Sequence[str],
    centred: bool = False,
    stands: Callable[[int, Box], bool] = lambda _i, _box: True,
) -> dict[int, Side]:
    """The side of its point on which each of the words has room; those without any are left out.

    Args:
        places: Pixels from the upper left corner of ``ROOM``, shape (n, 2).
        texts: The words, the most important first.
        centred: Whether words stand around ``AWAY`` from their point; else they begin or end at it.
        stands: Whether the words of a point may be in a box beside it.
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
            apart = all(right <= a or b <= left or bottom <= c or d <= top for a, b, c, d in taken)
            if inside and apart and stands(i, (left - x, right - x, top - y, bottom - y)):
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


@dataclass(frozen=True)
class Sight:
    """A surface in a scene, as one of plotly's cameras sees it."""

    eye: FloatArray
    centre: FloatArray
    ground: Callable[[FloatArray], FloatArray]
    """Heights of the surface at places (y, x) of the scene, shape (n, 2); NaN where there is none."""

    def cuts(self, point: FloatArray, box: Box) -> bool:
        """Whether the surface hides a part of words in a box beside a point of the scene.

        Words that it hides as a whole do no harm, and are there once a reader has turned it.
        """
        left, right, top, bottom = box
        corners = [(across, down) for across in (left, (left + right) / 2, right) for down in (top, bottom)]
        hidden = {self._meets(point, corner, 1) is not None for corner in corners}
        return len(hidden) > 1

    def behind(self, point: FloatArray, beside: tuple[float, float]) -> float | None:
        """Height of the surface that is seen so many pixels beside a point; None where there is none."""
        return self._meets(point, beside, -1)

    def _meets(self, point: FloatArray, beside: tuple[float, float], direction: int) -> float | None:
        """Height of the first place on a line of sight, to the camera (1) or away from it (−1)."""
        ahead, right, up = _directions(self.eye, self.centre)
        pixel = 2 * _VIEW * float((point - self.eye) @ ahead) / ROOM[1]
        start = point + beside[0] * pixel * right - beside[1] * pixel * up
        along = direction * (self.eye - start) / np.linalg.norm(self.eye - start)
        places = start + _SIGHT[:, None] * along
        heights = self.ground(places[:, 1::-1])
        met = np.flatnonzero(heights > places[:, 2])  # NaN beyond the surface
        return float(heights[met[0]]) if len(met) else None
