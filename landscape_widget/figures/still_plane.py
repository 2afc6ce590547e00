"""The plane of the still picture, from above: colours, contour lines, marks and the colour bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly.colors import get_colorscale

from landscape_widget.figures.shade import Shade
from landscape_widget.figures.sheet import FINE, Point, Sheet
from landscape_widget.figures.style import number
from landscape_widget.numerics.level import level_segments
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.planes import Surface

#: Left, upper, right and lower edge of the heatmap, whose outermost nodes lie on them.
HEATMAP = (66, 40, 366, 340)

#: Colours of the losses; the other ones of the 256 that fit into one byte are greys.
N_COLOURS = 224

#: So many cells of the surface along an axis look as smooth as more.
CELLS = 60

#: The line of L(θ*), and the other contour lines, so many of them.
LEVEL, _CONTOUR, _CONTOURS = (26, 26, 26), (130, 130, 130), 12

#: Half the difference of the ends from which on differences of heights are beyond all numbers.
_LARGEST = np.finfo(float).max / 2

#: More segments of contour lines than this cover the picture.
_MOST_SEGMENTS = 12_000

#: Of holes, and of what matters less.
HOLE, MUTED = (235, 235, 235), (98, 106, 115)


def draw_heatmap(
    sheet: Sheet, surface: Surface, shade: Shade, marks: Sequence[tuple[float, float, float, str]]
) -> None:
    """Draws the losses with contour lines, that of L(θ*) bold, marks (α, β, height, symbol) and axes."""
    left, top, right, bottom = HEATMAP
    colours = np.vstack([colours_of(shade), [HOLE]])
    cells = [_nearest(axis, (right - left) * FINE) for axis in (surface.alpha, surface.beta)]
    pixels = colours[indices_of(shares_of(shade, shade.z))[np.ix_(cells[1][::-1], cells[0])]]
    sheet.paste((left, top), pixels.astype(np.uint8))

    def place(alpha: float, beta: float) -> Point:
        x, y = (
            (value - axis[0]) / (axis[-1] - axis[0])
            for value, axis in ((alpha, surface.alpha), (beta, surface.beta))
        )
        return left + x * (right - left), bottom - y * (bottom - top)

    _draw_contours(sheet, surface, shade, place)
    if shade.level is not None:
        ends = level_segments(surface.alpha, surface.beta, shade.z, shade.level)
        segments = [(place(a[0], b[0]), place(a[1], b[1])) for a, b in pairs_of(*ends)]
        # a wide light line under a dark one is seen on every colour
        for colour, width in (((255, 255, 255), 4.0), (LEVEL, 2.0)):
            for segment in segments:
                sheet.line(segment, colour, width)
    sheet.line([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], MUTED, 0.5)
    for alpha, beta, _, symbol in marks:
        sheet.mark(place(alpha, beta), symbol)
    for value in (surface.alpha[0], 0.0, surface.alpha[-1]):
        if surface.alpha[0] <= value <= surface.alpha[-1]:
            sheet.text((place(value, surface.beta[0])[0], bottom + 8), number(value, 3), 11, anchor="ma")
    for value in (surface.beta[0], 0.0, surface.beta[-1]):
        if surface.beta[0] <= value <= surface.beta[-1]:
            sheet.text((left - 5, place(surface.alpha[0], value)[1]), number(value, 3), 11, anchor="rm")
    sheet.text(((left + right) / 2, bottom + 22), "α", 13, anchor="ma")
    sheet.text((12, (top + bottom) / 2 - 14), "β", 13, anchor="lm")


def draw_bar(sheet: Sheet, shade: Shade) -> None:
    """Draws the colour bar, which shows losses."""
    _, top, right, bottom = HEATMAP
    left, width = right + 12, 10
    rows = colours_of(shade)[::-1][np.linspace(0, N_COLOURS - 1, (bottom - top) * FINE).round().astype(int)]
    sheet.paste((left, top), np.repeat(rows[:, None], width * FINE, axis=1))
    low, high = shade.ends
    ticks = list(zip(shade.ticks.get("tickvals", ()), shade.ticks.get("ticktext", ()), strict=True))
    between = [low * (1 - share) + high * share for share in (0, 0.25, 0.5, 0.75, 1)]
    ticks = ticks or [(value, number(value, 3)) for value in between]
    for value, text in ticks:
        share = float(shares_of(shade, value))
        sheet.text((left + width + 4, bottom - share * (bottom - top)), text, 11, anchor="lm")


def contour_levels(shade: Shade) -> FloatArray:
    """Heights of the thin contour lines, evenly spread between the ends."""
    low, high = shade.ends
    shares = np.arange(1, _CONTOURS + 1) / (_CONTOURS + 1)
    return low * (1 - shares) + high * shares


def _draw_contours(
    sheet: Sheet, surface: Surface, shade: Shade, place: Callable[[float, float], Point]
) -> None:
    """Thin lines, but none where the surface is too rough for them to tell anything."""
    rows, columns = (spread_over(len(axis), CELLS) for axis in (surface.beta, surface.alpha))
    grid = surface.alpha[columns], surface.beta[rows], shade.z[np.ix_(rows, columns)]
    if not 0 < shade.ends[1] / 2 - shade.ends[0] / 2 < _LARGEST:
        return
    segments = [pair for level in contour_levels(shade) for pair in pairs_of(*level_segments(*grid, level))]
    if len(segments) <= _MOST_SEGMENTS:
        for a, b in segments:
            sheet.line([place(a[0], b[0]), place(a[1], b[1])], _CONTOUR, 0.5)


def colours_of(shade: Shade) -> npt.NDArray[np.uint8]:
    """The colours from the lowest to the highest value, shape (N_COLOURS, 3)."""
    return colour_table(get_colorscale(shade.colours) if isinstance(shade.colours, str) else shade.colours)


def colour_table(stops: Iterable[Sequence[Any]]) -> npt.NDArray[np.uint8]:
    """The colours between stops (place, "#rrggbb") of plotly, shape (N_COLOURS, 3)."""
    stops = list(stops)
    at = [place for place, _ in stops]
    parts = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for _, colour in stops])
    share = np.linspace(0, 1, N_COLOURS)
    rows = np.stack([np.interp(share, at, part) for part in parts.T], axis=1)
    return rows.round().astype(np.uint8)


def shares_of(shade: Shade, z: npt.ArrayLike) -> FloatArray:
    """Where values lie between the lowest, 0, and the highest, 1; NaN for a hole, ½ if all are equal."""
    low, high = shade.ends
    z = np.asarray(z, float)
    if high == low:
        return np.where(np.isfinite(z), 0.5, np.nan)
    if math.isinf(high - low):  # halves do not go beyond all numbers
        low, high, z = low / 2, high / 2, z / 2
    return np.where(np.isfinite(z), (z - low) / (high - low), np.nan)


def indices_of(shares: FloatArray) -> npt.NDArray[np.int_]:
    """Which colour each share has; −1 for a hole."""
    return np.where(np.isnan(shares), -1, np.round(np.nan_to_num(shares) * (N_COLOURS - 1))).astype(int)


def _nearest(axis: FloatArray, n: int) -> npt.NDArray[np.int_]:
    """The node next to each of ``n`` pixels from the first to the last one."""
    places = axis[0] + (np.arange(n) + 0.5) / n * (axis[-1] - axis[0])
    nodes: npt.NDArray[np.int_] = np.searchsorted((axis[1:] + axis[:-1]) / 2, places)
    return nodes


def spread_over(n: int, cells: int) -> npt.NDArray[np.int_]:
    """So many of ``n`` nodes that there are at most so many cells between them."""
    return np.unique(np.linspace(0, n - 1, min(n, cells + 1)).round().astype(int))


def pairs_of(x: FloatArray, y: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Both ends of each segment, from what ``level_segments`` returns."""
    return list(zip(x.reshape(-1, 3)[:, :2], y.reshape(-1, 3)[:, :2], strict=True))
