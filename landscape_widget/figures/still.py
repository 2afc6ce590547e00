"""The loss on a plane as one small PNG, drawn without a browser for readers whose page runs no scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from plotly.colors import get_colorscale

from landscape_widget.figures.planes import Minimum, Shade, axis_names, marks_on, quantity_of, shading
from landscape_widget.figures.style import number
from landscape_widget.numerics.level import level_segments
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel

#: Its width in pixels.
WIDTH = 860

#: Left, upper, right and lower edge of the heatmap, whose outermost nodes lie on them.
HEATMAP = (66, 40, 366, 340)

#: The middle of the surface, and how many pixels a side of its domain is long.
_SURFACE, _SIDE = (660, 205), 262

#: Everything is drawn so many times larger, and smoothed when it is made smaller.
_FINE = 2

#: Colours of the losses; the other ones of the 256 that fit into one byte are greys.
N_COLOURS = 224

#: What it may take; only rough surfaces need fewer colours for that.
MOST_BYTES = 60_000

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

_INK, _MUTED, _LINE = (31, 35, 40), (98, 106, 115), (200, 200, 200)

_FONT = Path(__file__).parent / "fonts" / "landscape.ttf"

#: Of red, green and blue in one number.
_BYTES = np.array([1 << 16, 1 << 8, 1], np.uint32)

#: What a mark is drawn with, by plotly's names.
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "x": [[(-5, -5), (5, 5)], [(-5, 5), (5, -5)]],
    "cross": [[(-6, 0), (6, 0)], [(0, -6), (0, 6)]],
    "diamond": [[(0, -7), (7, 0), (0, 7), (-7, 0)]],
}

_Colour = tuple[int, int, int]
_Point = tuple[float, float]


def still_picture(
    surface: Surface,
    plane: Plane | None,
    sentence: str,
    *,
    minima: Mapping[str, Minimum] | None = None,
    quadratic: QuadraticModel | None = None,
) -> bytes:
    """Heatmap and surface with a sentence below, as a PNG of at most 60 kB.

    Colours, heights and marks are those of ``heatmap_figure`` and ``surface_figure``: L(θ*) in the middle of
    the scale, its line bold.

    Args:
        surface: What to draw. A hole stays a hole.
        plane: The plane that it lies on.
        sentence: What the picture comes to.
        minima: As for ``surface_figure``.
        quadratic: As for ``surface_figure``.
    """
    shade = shading(surface, "auto", False, quadratic)
    marks = [(a, b, z, style["symbol"]) for _, a, b, z, style in marks_on(surface, shade.z, minima)]
    lines = [(line, 15, _INK) for line in _wrapped(sentence, 15, WIDTH - 40)]
    lines += [(line, 11, _MUTED) for line in _wrapped(surface.coverage, 11, WIDTH - 40)]
    height = HEATMAP[3] + 62 + sum(size + 6 for _, size, _ in lines)
    sheet = _Sheet(WIDTH, height)
    names = axis_names(surface, plane)
    sheet.text((20, 10), f"{quantity_of(surface).capitalize()}.  {names[0]},  {names[1]}", 13)
    _draw_heatmap(sheet, surface, shade, marks)
    _draw_bar(sheet, shade)
    _draw_surface(sheet, surface, shade, marks)
    y = HEATMAP[3] + 50.0
    for line, size, colour in lines:
        sheet.text((20, y), line, size, colour)
        y += size + 6
    return sheet.png(_colours(shade))


def _colours(shade: Shade) -> npt.NDArray[np.uint8]:
    """The colours from the lowest to the highest value, shape (N_COLOURS, 3)."""
    stops = get_colorscale(shade.colours) if isinstance(shade.colours, str) else shade.colours
    at = [place for place, _ in stops]
    parts = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for _, colour in stops])
    share = np.linspace(0, 1, N_COLOURS)
    rows = np.stack([np.interp(share, at, part) for part in parts.T], axis=1)
    return rows.round().astype(np.uint8)


def _indices(shade: Shade, z: FloatArray) -> npt.NDArray[np.int_]:
    """Which colour each value has; −1 for a hole."""
    low, high = shade.ends
    share = (z - low) / (high - low) if high > low else np.full_like(z, 0.5)
    whole = np.isfinite(share)
    return np.where(whole, np.round(np.where(whole, share, 0) * (N_COLOURS - 1)), -1).astype(int)


def _draw_heatmap(
    sheet: _Sheet, surface: Surface, shade: Shade, marks: Sequence[tuple[float, float, float, str]]
) -> None:
    left, top, right, bottom = HEATMAP
    colours = np.vstack([_colours(shade), [[235, 235, 235]]])  # the last one is for holes
    cells = [_nearest(axis, (right - left) * _FINE) for axis in (surface.alpha, surface.beta)]
    pixels = colours[_indices(shade, shade.z)[np.ix_(cells[1][::-1], cells[0])]]
    sheet.paste((left, top), pixels.astype(np.uint8))

    def place(alpha: float, beta: float) -> _Point:
        x, y = (
            (value - axis[0]) / (axis[-1] - axis[0])
            for value, axis in ((alpha, surface.alpha), (beta, surface.beta))
        )
        return left + x * (right - left), bottom - y * (bottom - top)

    if shade.level is not None:
        ends = level_segments(surface.alpha, surface.beta, shade.z, shade.level)
        segments = [(place(a[0], b[0]), place(a[1], b[1])) for a, b in _pairs(*ends)]
        # a wide light line under a dark one is seen on every colour
        for colour, width in (((255, 255, 255), 4.0), ((26, 26, 26), 2.0)):
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


def _draw_bar(sheet: _Sheet, shade: Shade) -> None:
    _, top, right, bottom = HEATMAP
    left, width = right + 12, 10
    rows = _colours(shade)[::-1][np.linspace(0, N_COLOURS - 1, (bottom - top) * _FINE).round().astype(int)]
    sheet.paste((left, top), np.repeat(rows[:, None], width * _FINE, axis=1))
    low, high = shade.ends
    ticks = list(zip(shade.ticks.get("tickvals", ()), shade.ticks.get("ticktext", ()), strict=True))
    ticks = ticks or [(value, number(value, 3)) for value in np.linspace(low, high, 5)]
    for value, text in ticks:
        share = (value - low) / (high - low) if high > low else 0.5
        sheet.text((left + width + 4, bottom - share * (bottom - top)), text, 11, anchor="lm")


def _draw_surface(
    sheet: _Sheet, surface: Surface, shade: Shade, marks: Sequence[tuple[float, float, float, str]]
) -> None:
    low, high = shade.ends
    span = (high - low) or 1.0

    def scene(alpha: npt.ArrayLike, beta: npt.ArrayLike, z: npt.ArrayLike) -> FloatArray:
        """Points in units of the domain's side around its middle, shape (…, 3)."""
        x, y = (
            (np.asarray(value, float) - axis[0]) / (axis[-1] - axis[0]) - 0.5
            for value, axis in ((alpha, surface.alpha), (beta, surface.beta))
        )
        return np.stack(np.broadcast_arrays(x, y, ((np.asarray(z) - low) / span - 0.5) * _HEIGHT), axis=-1)

    def place(points: FloatArray) -> list[_Point]:
        x = _SURFACE[0] + points @ _RIGHT * _SIDE
        y = _SURFACE[1] - points @ _UP * _SIDE
        return list(zip(x.ravel().tolist(), y.ravel().tolist(), strict=True))

    floor = scene(surface.alpha[[0, -1, -1, 0, 0]], surface.beta[[0, 0, -1, -1, 0]], np.full(5, low))
    sheet.line(place(floor), _LINE, 1.0)
    rows, columns = (_spread(len(axis), _CELLS) for axis in (surface.beta, surface.alpha))
    z = shade.z[np.ix_(rows, columns)]
    nodes = scene(*np.meshgrid(surface.alpha[columns], surface.beta[rows]), z)
    quads = np.stack([nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]], axis=2).reshape(
        -1, 4, 3
    )
    quads = quads[np.isfinite(quads).all(axis=(1, 2))]
    colours = _colours(shade)[_indices(shade, (quads[..., 2].mean(axis=1) / _HEIGHT + 0.5) * span + low)]
    pieces: list[tuple[float, list[_Point], _Colour, float]] = []
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
            ends = scene(a, b, np.full(2, shade.level))
            pieces.append((float(ends.mean(axis=0) @ _EYE) + near, place(ends), (26, 26, 26), 2.5))
    for _, points, colour, width in sorted(pieces, key=lambda piece: piece[0]):  # what is far comes first
        if width:
            sheet.line(points, colour, width)
        else:
            sheet.area(points, colour)
    for alpha, beta, height, symbol in marks:
        if np.isfinite(height):
            sheet.mark(place(scene([alpha], [beta], [height]))[0], symbol)
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


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONT, size * _FINE)


def _wrapped(text: str, size: int, width: float) -> list[str]:
    """Lines that are no wider than ``width`` pixels."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _font(size).getlength(longer) <= width * _FINE:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _in_palette(pixels: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The place of each pixel's colour in the palette; of one that is not there, of one close to it."""
    seen, which = np.unique(_packed(pixels), return_inverse=True)
    own = np.argsort(_packed(palette), kind="stable")
    at = np.minimum(np.searchsorted(_packed(palette)[own], seen), len(own) - 1)
    found = own[at]
    missing = _packed(palette)[found] != seen
    # smoothed edges have very many colours, of which nobody sees more than five bits
    bins, inside = np.unique(seen[missing] & 0xF8F8F8, return_inverse=True)
    parts = np.stack([bins >> 16 & 255, bins >> 8 & 255, bins & 255], axis=1).astype(np.int32) + 4
    distances = ((parts[:, None] - palette.astype(np.int32)) ** 2).sum(axis=2)
    found[missing] = distances.argmin(axis=1)[inside]
    return found[which].reshape(pixels.shape[:2]).astype(np.uint8)


def _packed(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """One number for each colour, flat."""
    numbers: npt.NDArray[np.uint32] = colours.reshape(-1, 3).astype(np.uint32) @ _BYTES
    return numbers


class _Sheet:
    """Paper to draw on, in pixels of the picture that comes out."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * _FINE, height * _FINE), "white")
        self._draw = ImageDraw.Draw(self._image)

    def paste(self, corner: tuple[int, int], pixels: npt.NDArray[np.uint8]) -> None:
        self._image.paste(Image.fromarray(pixels), (corner[0] * _FINE, corner[1] * _FINE))

    def area(self, points: Sequence[_Point], colour: _Colour) -> None:
        self._draw.polygon(self._fine(points), fill=colour)

    def line(self, points: Sequence[_Point], colour: _Colour, width: float) -> None:
        self._draw.line(self._fine(points), fill=colour, width=max(1, round(width * _FINE)), joint="curve")

    def mark(self, place: _Point, symbol: str) -> None:
        """A white sign with a black rim, by plotly's name."""
        x, y = place
        for colour, width in (((0, 0, 0), 5.0), ((255, 255, 255), 2.5)):
            for stroke in _STROKES[symbol]:
                points = [(x + a, y + b) for a, b in stroke]
                if symbol == "diamond":
                    grown = 1.25 if width == 5.0 else 1.0
                    self.area([(x + (a - x) * grown, y + (b - y) * grown) for a, b in points], colour)
                else:
                    self.line(points, colour, width)

    def text(
        self, place: _Point, text: str, size: int, colour: _Colour = _INK, *, anchor: str = "la"
    ) -> None:
        self._draw.text(self._fine([place])[0], text, colour, _font(size), anchor)

    def png(self, colours: npt.NDArray[np.uint8]) -> bytes:
        """The picture in those colours and greys; where that takes too many bytes, in fewer of them."""
        greys = np.linspace(0, 255, 256 - len(colours)).round().astype(np.uint8)
        palette = np.vstack([colours, np.repeat(greys[:, None], 3, axis=1)])
        places = _in_palette(np.asarray(self._image.reduce(_FINE)), palette)
        for step in (1, 4, 16, 56):
            coarse = np.where(places < len(colours), places // step * step + step // 2, places)
            packed = Image.fromarray(coarse.astype(np.uint8), "P")
            packed.putpalette(palette.tobytes())
            file = BytesIO()
            packed.save(file, "PNG", optimize=True)
            if file.tell() <= MOST_BYTES:
                break
        return file.getvalue()

    @staticmethod
    def _fine(points: Sequence[_Point]) -> list[_Point]:
        return [(x * _FINE, y * _FINE) for x, y in points]
