"""The loss on a plane as one small PNG, drawn without a browser for readers whose page runs no scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from landscape_widget.figures.labels import Minimum, axis_names, falls_words, marks_of, quantity
from landscape_widget.figures.shade import Shade, shade_of
from landscape_widget.figures.sheet import INK, Colour, Point, Sheet, width_of, wrapped
from landscape_widget.figures.still_plane import (
    CELLS,
    HEATMAP,
    LEVEL,
    MUTED,
    colours_of,
    draw_bar,
    draw_heatmap,
    indices_of,
    pairs_of,
    shares_of,
    spread_over,
)
from landscape_widget.figures.style import number
from landscape_widget.numerics.level import level_segments
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results import words
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel

#: Its width in pixels.
WIDTH = 860

#: The middle of the surface, and how many pixels a side of its domain is long.
_SURFACE, _SIDE = (660, 205), 262

#: Lines along the surface, which show its form, for each axis.
_LINES = 10

#: From where the surface is seen, as in ``surface_figure``.
_EYE = np.array([1.05, -1.25, 0.85]) / np.linalg.norm([1.05, -1.25, 0.85])
_RIGHT = np.cross([0.0, 0.0, 1.0], _EYE) / np.linalg.norm(np.cross([0.0, 0.0, 1.0], _EYE))
_UP = np.cross(_EYE, _RIGHT)

#: Of the domain's side.
_HEIGHT = 0.72

_LINE = (200, 200, 200)

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
        minima: See ``surface_figure``.
        quadratic: See ``surface_figure``.
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
    lines += [(line, 11, MUTED) for line in wrapped(rests, 11, WIDTH - 40)]
    below = HEATMAP[3] + 50 + _KEY_ROW * len(key_rows)
    height = below + 12 + sum(size + 6 for _, size, _ in lines)
    sheet = Sheet(WIDTH, height)
    sheet.text((20, 10), title, 13)
    draw_heatmap(sheet, surface, shade, marks)
    draw_bar(sheet, shade)
    _draw_surface(sheet, surface, shade, marks)
    for i, row in enumerate(key_rows):
        _draw_keys(sheet, row, HEATMAP[3] + 50 + _KEY_ROW * i)
    y = float(below)
    for line, size, colour in lines:
        sheet.text((20, y), line, size, colour)
        y += size + 6
    return sheet.png(colours_of(shade))


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
            sheet.line([(x, y + 8), (x + 16, y + 8)], LEVEL, 2.0)
        sheet.text((x + _SIGN, y), name, 12)


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
    rows, columns = (spread_over(len(axis), CELLS) for axis in (surface.beta, surface.alpha))
    z = shares_of(shade, shade.z[np.ix_(rows, columns)])
    nodes = scene(*np.meshgrid(surface.alpha[columns], surface.beta[rows]), z)
    quads = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2).reshape(
        -1, 4, 3
    )
    quads = quads[np.isfinite(quads).all(axis=(1, 2))]
    colours = colours_of(shade)[indices_of(quads[..., 2].mean(axis=1) / _HEIGHT + 0.5)]
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
        for a, b in pairs_of(*level_segments(surface.alpha, surface.beta, shade.z, shade.level)):
            ends = scene(a, b, np.full(2, shares_of(shade, shade.level)))
            pieces.append((float(ends.mean(axis=0) @ _EYE) + near, place(ends), LEVEL, 2.5))
    for _, points, colour, width in sorted(pieces, key=lambda piece: piece[0]):  # what is far comes first
        if width:
            sheet.line(points, colour, width)
        else:
            sheet.area(points, colour)
    for alpha, beta, height, symbol in marks:
        if np.isfinite(height):
            sheet.mark(place(scene([alpha], [beta], shares_of(shade, [height])))[0], symbol)
    for letter, middle in (("α", floor[:2].mean(axis=0)), ("β", floor[1:3].mean(axis=0))):
        x, y = place(middle)[0]
        sheet.text((x, y + 6), letter, 13, anchor="ma")


def _lines(nodes: FloatArray) -> list[FloatArray]:
    """Some of the grid's lines along both axes."""
    across = [nodes[i] for i in spread_over(len(nodes), _LINES)]
    return across + [nodes[:, j] for j in spread_over(nodes.shape[1], _LINES)]
