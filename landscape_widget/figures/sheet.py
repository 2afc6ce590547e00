"""Paper to draw a small picture on, which comes out as a PNG of few colours."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

#: Everything is drawn so many times larger, and smoothed when it is made smaller.
FINE = 2

#: What a picture may take; only rough surfaces need fewer colours for that.
MOST_BYTES = 60_000

#: Of text.
INK = (31, 35, 40)

FONT = Path(__file__).parent / "fonts" / "landscape.ttf"

#: Of red, green and blue in one number.
_BYTES = np.array([1 << 16, 1 << 8, 1], np.uint32)

#: What a mark is drawn with, by plotly's names.
_STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "x": [[(-5, -5), (5, 5)], [(-5, 5), (5, -5)]],
    "cross": [[(-6, 0), (6, 0)], [(0, -6), (0, 6)]],
    "diamond": [[(0, -7), (7, 0), (0, 7), (-7, 0)]],
}

Colour = tuple[int, int, int]
Point = tuple[float, float]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size * FINE)  # a path is taken from Pillow 10.2 on


def wrapped(text: str, size: int, width: float) -> list[str]:
    """Lines that are no wider than ``width`` pixels; a word that is goes on in the next line."""
    lines: list[str] = []
    fits = partial(_fits, size=size, width=width)
    for word in chain.from_iterable(_parts(word, fits) for word in text.split()):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and fits(longer):
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def width_of(text: str, size: int) -> float:
    """Width of a line, in pixels."""
    return _font(size).getlength(text) / FINE


def _fits(text: str, size: int, width: float) -> bool:
    return width_of(text, size) <= width


def _parts(word: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """A word in parts that fit, each as long as it can be, though of one letter at least."""
    while not fits(word):
        n = max(1, bisect_left(range(1, len(word) + 1), True, key=lambda n: not fits(word[:n])))
        yield word[:n]
        word = word[n:]
    if word:
        yield word


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


class Sheet:
    """Paper to draw on, in pixels of the picture that comes out."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * FINE, height * FINE), "white")
        self._draw = ImageDraw.Draw(self._image)

    def paste(self, corner: tuple[int, int], pixels: npt.NDArray[np.uint8]) -> None:
        """Lays an image, of FINE × FINE points a pixel, with its upper left at a corner."""
        self._image.paste(Image.fromarray(pixels), (corner[0] * FINE, corner[1] * FINE))

    def area(self, points: Sequence[Point], colour: Colour) -> None:
        """Fills a polygon."""
        self._draw.polygon(self._fine(points), fill=colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draws a line through points."""
        self._draw.line(self._fine(points), fill=colour, width=max(1, round(width * FINE)), joint="curve")

    def mark(self, place: Point, symbol: str) -> None:
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

    def text(self, place: Point, text: str, size: int, colour: Colour = INK, *, anchor: str = "la") -> None:
        """Writes a line; the anchor is Pillow's, by default the upper left."""
        self._draw.text(self._fine([place])[0], text, colour, _font(size), anchor)

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """The picture as it comes out, shape (height, width, 3)."""
        return np.asarray(self._image.reduce(FINE))

    def png(self, colours: npt.NDArray[np.uint8]) -> bytes:
        """The picture in those colours and greys; where that takes too many bytes, in fewer of them."""
        greys = np.linspace(0, 255, 256 - len(colours)).round().astype(np.uint8)
        palette = np.vstack([colours, np.repeat(greys[:, None], 3, axis=1)])
        places = _in_palette(np.asarray(self._image.reduce(FINE)), palette)
        white = len(palette) - 1
        for step, grey in ((1, 1), (4, 1), (16, 1), (56, 1), (56, 8)):
            greys_left = white - (white - places) // grey * grey
            coarse = np.where(places < len(colours), places // step * step + step // 2, greys_left)
            packed = Image.fromarray(coarse.astype(np.uint8), "P")
            packed.putpalette(palette.tobytes())
            file = BytesIO()
            packed.save(file, "PNG", optimize=True)
            if file.tell() <= MOST_BYTES:
                break
        return file.getvalue()

    @staticmethod
    def _fine(points: Sequence[Point]) -> list[Point]:
        return [(x * FINE, y * FINE) for x, y in points]
