"""The loss on a plane as one small PNG, drawn without a browser for readers whose page runs no scripts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from plotly.colors import get_colorscale

from landscape_widget.figures.labels import Minimum, axis_names, falls_words, marks_of, quantity
from landscape_widget.figures.shade import Shade, shade_of
from landscape_widget.figures.sheet import FINE, INK, Colour, Point, Sheet, width_of, wrapped
from landscape_widget.figures.style import number
from landscape_widget.numerics.level import level_segments
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results import words
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel

#: Its width in pixels.
WIDTH = 860

#: Left, upper, right and lower edge of the heatmap, whose outermost nodes lie on them.
HEATMAP = (66, 40, 366, 340)

#: The middle of the surface, and how many pixels a side of its domain is long.
_SURFACE, _SIDE = (660, 205), 262

#: Colours of the losses; the other ones of the 256 that fit into one byte are greys.
N_COLOURS = 224

#: So many cells of the surface along an axis look as smooth as more.
_CELLS = 60

#: Lines along the surface, which show its form, for each axis.
_LINES = 10

#: From where the surface is seen, as in ``surface_figure``.
_EYE = np.array([1.05, -1.25, 0.85]) / np.linalg.norm([1.05, -1.25, 0.85])
_RIGHT = np.cross([0.0, 0.0, 1.0], _EYE) / np.linalg.norm(np.cross([0.0, 0.0, 1.0], _EYE))
_UP = np.cross(_EYE, _RIGHT)

#: Of the domain's side.
_HEIGHT = 0.72

_MUTED, _LINE = (98, 106, 115), (200, 200, 200)

#: The line of L(θ*), and the other contour lines, so many of them.
_LEVEL, _CONTOUR, _CONTOURS = (26, 26, 26), (130, 130, 130), 12

#: Half the difference of the ends from which on differences of heights are beyond all numbers.
_LARGEST = np.finfo(float).max / 2

#: More segments of contour lines than this cover the picture.
_MOST_SEGMENTS = 12_000

#: Height of a row of the legend, and what a sign takes of its width.
_KEY_ROW, _SIGN = 20, 22


def still_picture(
    surface: Surface,
    plane: Plane | None,
    sentence: str,
    *,
    minima: Mapping[str, Minimum] | None = None,
    quadratic: QuadraticModel | None = None,
) -> bytes:
    """Heatmap and surface with a legend and a sentence below, as a PNG of at most 60 kB.

    Colours, heights, contour lines and marks are those of ``heatmap_figure`` and ``surface_figure``: L(θ*) in
    the middle of the scale, its line bold.

    Args:
        surface: What to draw. A hole stays a hole.
        plane: The plane that it lies on.
        sentence: What the picture comes to.
        minima: As for ``surface_figure``.
        quadratic: As for ``surface_figure``.
    """
    shade = shade_of(surface, "auto", False, quadratic)
    named = marks_of(surface, shade.z, minima)
    marks = [(a, b, z, style["symbol"]) for _, a, b, z, style in named]
    keys = [(name, style["symbol"]) for name, *_, style in named]
    if shade.level is not None and shade.centre is not None:
        keys[1:1] = [(f"{words.LEVEL} = {number(shade.centre)}", "")]
    key_rows = _rows(keys)
    what, names = f"{quantity(surface).capitalize()}.", ",  ".join(axis_names(surface, plane))
    title = f"{what}  {names}"
    lines = [(line, 15, INK) for line in wrapped(sentence, 15, WIDTH - 40)]
    if len(wrapped(title, 13, WIDTH - 40)) > 1:  # there is room for one line only
        title = what
        lines = [(line, 13, INK) for line in wrapped(names, 13, WIDTH - 40)] + lines
    rests = "; ".join(filter(None, [surface.coverage, falls_words(named)]))
    lines += [(line, 11, _MUTED) for line in wrapped(rests, 11, WIDTH - 40)]
    below = HEATMAP[3] + 50 + _KEY_ROW * len(key_rows)
    height = below + 12 + sum(size + 6 for _, size, _ in lines)
    sheet = Sheet(WIDTH, height)
    sheet.text((20, 10), title, 13)
    _draw_heatmap(sheet, surface, shade, marks)
    _draw_bar(sheet, shade)
    _draw_surface(sheet, surface, shade, marks)
    for i, row in enumerate(key_rows):
        _draw_keys(sheet, row, HEATMAP[3] + 50 + _KEY_ROW * i)
    y = float(below)
    for line, size, colour in lines:
        sheet.text((20, y), line, size, colour)
        y += size + 6
    return sheet.png(_colours(shade))


def _rows(keys: Sequence[tuple[str, str]]) -> list[list[tuple[float, str, str]]]:
    """The legend's entries in rows, each with where it begins."""
    rows: list[list[tuple[float, str, str]]] = [[]]
    x = 20.0
    for name, symbol in keys:
        wide = _SIGN + width_of(name, 12) + 18
        if rows[-1] and x + wide > WIDTH - 20:
            rows.append([])
            x = 20.0
        rows[-1].append((x, name, symbol))
        x += wide
    return rows


def _draw_keys(sheet: Sheet, row: Sequence[tuple[float, str, str]], y: float) -> None:
    for x, name, symbol in row:
        if symbol:
            sheet.mark((x + 8, y + 8), symbol)
        else:
            sheet.line([(x, y + 8), (x + 16, y + 8)], _LEVEL, 2.0)
        sheet.text((x + _SIGN, y), name, 12)


def contour_levels(shade: Shade) -> FloatArray:
    """Heights of the thin contour lines, evenly spread between the ends."""
    low, high = shade.ends
    shares = np.arange(1, _CONTOURS + 1) / (_CONTOURS + 1)
    return low * (1 - shares) + high * shares


def _draw_contours(
    sheet: Sheet, surface: Surface, shade: Shade, place: Callable[[float, float], Point]
) -> None:
    """Thin lines, but none where the surface is too rough for them to tell anything."""
    rows, columns = (_spread(len(axis), _CELLS) for axis in (surface.beta, surface.alpha))
    grid = surface.alpha[columns], surface.beta[rows], shade.z[np.ix_(rows, columns)]
    if not 0 < shade.ends[1] / 2 - shade.ends[0] / 2 < _LARGEST:
        return
    segments = [pair for level in contour_levels(shade) for pair in _pairs(*level_segments(*grid, level))]
    if len(segments) <= _MOST_SEGMENTS:
        for a, b in segments:
            sheet.line([place(a[0], b[0]), place(a[1], b[1])], _CONTOUR, 0.5)


def _colours(shade: Shade) -> npt.NDArray[np.uint8]:
    """The colours from the lowest to the highest value, shape (N_COLOURS, 3)."""
    stops = get_colorscale(shade.colours) if isinstance(shade.colours, str) else shade.colours
    at = [place for place, _ in stops]
    parts = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for _, colour in stops])
    share = np.linspace(0, 1, N_COLOURS)
    rows = np.stack([np.interp(share, at, part) for part in parts.T], axis=1)
    return rows.round().astype(np.uint8)


def _shares(shade: Shade, z: npt.ArrayLike) -> FloatArray:
    """Where values lie between the lowest, 0, and the highest, 1; NaN for a hole, ½ if all are equal."""
    low, high = shade.ends
    z = np.asarray(z, float)
    if high == low:
        return np.where(np.isfinite(z), 0.5, np.nan)
    if math.isinf(high - low):  # halves do not go beyond all numbers
        low, high, z = low / 2, high / 2, z / 2
    return np.where(np.isfinite(z), (z - low) / (high - low), np.nan)


def _indices(shares: FloatArray) -> npt.NDArray[np.int_]:
    """Which colour each share has; −1 for a hole."""
    return np.where(np.isnan(shares), -1, np.round(np.nan_to_num(shares) * (N_COLOURS - 1))).astype(int)


def _draw_heatmap(
    sheet: Sheet, surface: Surface, shade: Shade, marks: Sequence[tuple[float, float, float, str]]
) -> None:
    left, top, right, bottom = HEATMAP
    colours = np.vstack([_colours(shade), [[235, 235, 235]]])  # the last one is for holes
    cells = [_nearest(axis, (right - left) * FINE) for axis in (surface.alpha, surface.beta)]
    pixels = colours[_indices(_shares(shade, shade.z))[np.ix_(cells[1][::-1], cells[0])]]
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
        segments = [(place(a[0], b[0]), place(a[1], b[1])) for a, b in _pairs(*ends)]
        # a wide light line under a dark one is seen on every colour
        for colour, width in (((255, 255, 255), 4.0), (_LEVEL, 2.0)):
            for segment in segments:
                sheet.line(segment, colour, width)
    sheet.line([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], _MUTED, 0.5)
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


def _draw_bar(sheet: Sheet, shade: Shade) -> None:
    _, top, right, bottom = HEATMAP
    left, width = right + 12, 10
    rows = _colours(shade)[::-1][np.linspace(0, N_COLOURS - 1, (bottom - top) * FINE).round().astype(int)]
    sheet.paste((left, top), np.repeat(rows[:, None], width * FINE, axis=1))
    low, high = shade.ends
    ticks = list(zip(shade.ticks.get("tickvals", ()), shade.ticks.get("ticktext", ()), strict=True))
    between = [low * (1 - share) + high * share for share in (0, 0.25, 0.5, 0.75, 1)]
    ticks = ticks or [(value, number(value, 3)) for value in between]
    for value, text in ticks:
        share = float(_shares(shade, value))
        sheet.text((left + width + 4, bottom - share * (bottom - top)), text, 11, anchor="lm")


def _draw_surface(
    sheet: Sheet, surface: Surface, shade: Shade, marks: Sequence[tuple[float, float, float, str]]
) -> None:
    def scene(alpha: npt.ArrayLike, beta: npt.ArrayLike, shares: npt.ArrayLike) -> FloatArray:
        """Points in units of the domain's side around its middle, shape (…, 3)."""
        x, y = (
            (np.asarray(value, float) - axis[0]) / (axis[-1] - axis[0]) - 0.5
            for value, axis in ((alpha, surface.alpha), (beta, surface.beta))
        )
        return np.stack(np.broadcast_arrays(x, y, (np.asarray(shares) - 0.5) * _HEIGHT), axis=-1)

    def place(points: FloatArray) -> list[Point]:
        x = _SURFACE[0] + points @ _RIGHT * _SIDE
        y = _SURFACE[1] - points @ _UP * _SIDE
        return list(zip(x.ravel().tolist(), y.ravel().tolist(), strict=True))

    floor = scene(surface.alpha[[0, -1, -1, 0, 0]], surface.beta[[0, 0, -1, -1, 0]], np.zeros(5))
    sheet.line(place(floor), _LINE, 1.0)
    rows, columns = (_spread(len(axis), _CELLS) for axis in (surface.beta, surface.alpha))
    z = _shares(shade, shade.z[np.ix_(rows, columns)])
    nodes = scene(*np.meshgrid(surface.alpha[columns], surface.beta[rows]), z)
    quads = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2).reshape(
        -1, 4, 3
    )
    quads = quads[np.isfinite(quads).all(axis=(1, 2))]
    colours = _colours(shade)[_indices(quads[..., 2].mean(axis=1) / _HEIGHT + 0.5)]
    pieces: list[tuple[float, list[Point], Colour, float]] = []
    for quad, colour, far in zip(quads, colours, quads.mean(axis=1) @ _EYE, strict=True):
        pieces.append((far, place(quad), tuple(colour.tolist()), 0.0))
    near = 1.5 / max(len(rows), len(columns))  # over the cells that a line lies between
    for line in _lines(nodes):
        for pair in pairwise(line):
            ends = np.stack(pair)
            if np.isfinite(ends).all():
                pieces.append((float((ends.mean(axis=0) @ _EYE) + near / 2), place(ends), (90, 90, 90), 0.5))
    if shade.level is not None:
        for a, b in _pairs(*level_segments(surface.alpha, surface.beta, shade.z, shade.level)):
            ends = scene(a, b, np.full(2, _shares(shade, shade.level)))
            pieces.append((float(ends.mean(axis=0) @ _EYE) + near, place(ends), _LEVEL, 2.5))
    for _, points, colour, width in sorted(pieces, key=lambda piece: piece[0]):  # what is far comes first
        if width:
            sheet.line(points, colour, width)
        else:
            sheet.area(points, colour)
    for alpha, beta, height, symbol in marks:
        if np.isfinite(height):
            sheet.mark(place(scene([alpha], [beta], _shares(shade, [height])))[0], symbol)
    for letter, middle in (("α", floor[:2].mean(axis=0)), ("β", floor[1:3].mean(axis=0))):
        x, y = place(middle)[0]
        sheet.text((x, y + 6), letter, 13, anchor="ma")


def _nearest(axis: FloatArray, n: int) -> npt.NDArray[np.int_]:
    """The node next to each of ``n`` pixels from the first to the last one."""
    places = axis[0] + (np.arange(n) + 0.5) / n * (axis[-1] - axis[0])
    nodes: npt.NDArray[np.int_] = np.searchsorted((axis[1:] + axis[:-1]) / 2, places)
    return nodes


def _spread(n: int, cells: int) -> npt.NDArray[np.int_]:
    """So many of ``n`` nodes that there are at most so many cells between them."""
    return np.unique(np.linspace(0, n - 1, min(n, cells + 1)).round().astype(int))


def _lines(nodes: FloatArray) -> list[FloatArray]:
    """Some of the grid's lines along both axes."""
    across = [nodes[i] for i in _spread(len(nodes), _LINES)]
    return across + [nodes[:, j] for j in _spread(nodes.shape[1], _LINES)]


def _pairs(x: FloatArray, y: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Both ends of each segment, from what ``level_segments`` returns."""
    return list(zip(x.reshape(-1, 3)[:, :2], y.reshape(-1, 3)[:, :2], strict=True))
