"""Pictures of planes along a training run in one file, all on one scale of colours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from plotly.colors import get_colorscale

from landscape_widget.figures.labels import quantity
from landscape_widget.figures.moving import write_film, write_gif, write_page
from landscape_widget.figures.sheet import FINE, INK, Point, Sheet, wrapped
from landscape_widget.figures.still_plane import HOLE, MUTED, N_COLOURS, colour_table, indices_of, pairs_of
from landscape_widget.figures.style import COLOURS, number
from landscape_widget.numerics.checks import check_real, told
from landscape_widget.numerics.level import level_segments
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import Surface

#: The side of a picture, what is left of it, and what lies between two, in pixels.
_SIDE, _LEFT, _APART = 300, 60, 50

#: The upper edge of pictures, what is below, and the width of the bar of colours with its numbers.
_TOP, _BELOW, _BAR = 40, 92, 90

#: Losses that differ by more than this factor have a logarithmic scale, if all are positive.
_LOG_FROM = 30.0

#: Seconds that a picture is seen for at most: in a GIF these are hundredths in two bytes.
_LONGEST = 100

#: Of the losses from the lowest to the highest; the other ones of the 256 of a GIF are greys.
_COLOURS = colour_table(get_colorscale(COLOURS))


def evolution_animation(
    evolution: Evolution,
    surfaces: Mapping[str, Sequence[Surface]],
    path: str | os.PathLike[str],
    *,
    seconds: float = 0.5,
) -> None:
    """Writes the loss on planes along a training run, one picture for each checkpoint, as the path ends.

    As *.gif; as *.mp4, where ffmpeg is found; or as *.html, a page with a slider that needs nothing else.

    All pictures have one scale of colours, so that training is seen as they darken. The line is where the
    loss is that of the checkpoint, the mark the checkpoint itself.

    Args:
        evolution: The evolution of the run; its rows that are done are the pictures.
        surfaces: The loss at each of these rows, by the names of planes, up to three beside one another.
        path: The file to write, *.gif, *.mp4 or *.html, replaced where it exists.
        seconds: For which each picture is seen; the last one four times as long.

    Raises:
        OSError: If the file cannot be written, or there is no ffmpeg for an *.mp4.
        ValueError: If there is no surface for each row that is done, or no finite loss; or for a file of
            another name.
        TypeError: For surfaces that are none.
    """
    check_given(Evolution, evolution=evolution)
    if not isinstance(surfaces, Mapping):
        raise TypeError(f"Expected surfaces as lists by the names of planes, got {told(surfaces)}.")
    check_given(Surface, **{f"surfaces[{name!r}]": s for name, given in surfaces.items() for s in given})
    kind = Path(path).suffix.lower()
    if kind not in (".gif", ".mp4", ".html"):
        raise ValueError(f"Expected path as *.gif, *.mp4 or *.html, got {os.fspath(path)!r}.")
    seconds = check_real(seconds, "seconds")
    if not 0 < seconds < _LONGEST:
        raise ValueError(f"Expected seconds above 0 and below {_LONGEST}, got {seconds}.")
    rows = np.flatnonzero(evolution.done)
    counts = {name: len(given) for name, given in surfaces.items()}
    if not len(rows) or not 1 <= len(surfaces) <= 3 or set(counts.values()) != {len(rows)}:
        raise ValueError(
            f"Expected one to three lists of {len(rows)} surfaces, one for each checkpoint that is done, got "
            f"{counts}."
        )
    scale = _Scale.of([surface for given in surfaces.values() for surface in given])
    palette = _palette()
    captions = [_caption(evolution, int(row)) for row in rows]
    frames = []
    for frame, caption in enumerate(captions):
        sheet = _drawn({name: given[frame] for name, given in surfaces.items()}, scale, caption)
        frames.append(Image.fromarray(sheet.pixels).quantize(palette=palette, dither=Image.Dither.NONE))
    if kind == ".html":
        write_page(frames, captions, Path(path), seconds)
    else:
        (write_gif if kind == ".gif" else write_film)(frames, Path(path), seconds)


@dataclass(frozen=True)
class _Scale:
    """What colours stand for, the same in all pictures."""

    low: float
    high: float
    log: bool
    name: str

    @classmethod
    def of(cls, surfaces: Sequence[Surface]) -> _Scale:
        losses = np.concatenate([surface.loss[np.isfinite(surface.loss)] for surface in surfaces])
        if not len(losses):
            raise ValueError("Expected surfaces with finite losses, got none.")
        low, high = float(losses.min()), float(losses.max())
        log = low > 0 and high / low > _LOG_FROM
        return cls(low, high, log, quantity(surfaces[0]))

    def shares(self, losses: npt.ArrayLike) -> FloatArray:
        """Where losses lie between the lowest, 0, and the highest, 1; NaN for a hole."""
        given = np.where(np.isfinite(losses), losses, np.nan)
        low, high = (np.log(end) if self.log else end for end in (self.low, self.high))
        values = np.log(given) if self.log else given
        return (values - low) / ((high - low) or 1.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Shares, and the losses there."""
        ends = np.geomspace(self.low, self.high, 5) if self.log else np.linspace(self.low, self.high, 5)
        return [(share, number(loss, 2)) for share, loss in zip(np.linspace(0, 1, 5), ends, strict=True)]


def _caption(evolution: Evolution, row: int) -> str:
    found = f"{evolution.called(row)}:  loss {number(evolution.loss[row], 3)}"
    if np.isfinite(evolution.largest[row]):
        ends = (number(end[row], 3) for end in (evolution.largest, evolution.smallest))
        found += ",  λmax {},  λmin {}".format(*ends)
    return f"{found},  {evolution.verdict[row]}"


def _drawn(surfaces: Mapping[str, Surface], scale: _Scale, caption: str) -> Sheet:
    """One picture beside the other, with a bar of colours at the right."""
    width = _LEFT + len(surfaces) * (_SIDE + _APART) - _APART + _BAR
    sheet = Sheet(width, _TOP + _SIDE + _BELOW)
    for k, (name, surface) in enumerate(surfaces.items()):
        _draw_plane(sheet, _LEFT + k * (_SIDE + _APART), name, surface, scale)
    left = width - _BAR + 14
    rows = _COLOURS[::-1][np.linspace(0, N_COLOURS - 1, _SIDE * FINE).round().astype(int)]
    sheet.paste((left, _TOP), np.repeat(rows[:, None], 12 * FINE, axis=1))
    for share, text in scale.ticks:
        sheet.text((left + 16, _TOP + (1 - share) * _SIDE), text, 11, anchor="lm")
    sheet.text((left, 12), scale.name, 12)
    for i, line in enumerate(wrapped(caption, 14, width - 30)[:2]):
        sheet.text((_LEFT, _TOP + _SIDE + 42 + 20 * i), line, 14)
    return sheet


def _draw_plane(sheet: Sheet, left: int, name: str, surface: Surface, scale: _Scale) -> None:
    places = (np.arange(_SIDE * FINE) + 0.5) / (_SIDE * FINE)
    axes = surface.alpha, surface.beta
    columns, rows = (np.abs(_shares(axis)[:, None] - places).argmin(axis=0) for axis in axes)
    shares = scale.shares(surface.loss)
    colours = np.vstack([_COLOURS, [HOLE]]).astype(np.uint8)
    sheet.paste((left, _TOP), colours[indices_of(shares)[np.ix_(rows[::-1], columns)]])

    def place(alpha: float, beta: float) -> Point:
        x, y = (
            float((v - axis[0]) / (axis[-1] - axis[0])) for v, axis in zip((alpha, beta), axes, strict=True)
        )
        return left + x * _SIDE, _TOP + (1 - y) * _SIDE

    at = np.flatnonzero(surface.beta == 0), np.flatnonzero(surface.alpha == 0)
    if len(at[0]) and len(at[1]):
        level = float(surface.loss[at[0][0], at[1][0]])
        x, y = level_segments(*axes, surface.loss, level) if np.isfinite(level) else (np.empty(0),) * 2
        for a, b in pairs_of(x, y):
            sheet.line([place(a[0], b[0]), place(a[1], b[1])], (255, 255, 255), 2.0)
        sheet.mark(place(0.0, 0.0), "diamond")
    corners = [(left, _TOP), (left + _SIDE, _TOP), (left + _SIDE, _TOP + _SIDE), (left, _TOP + _SIDE)]
    sheet.line([*corners, corners[0]], MUTED, 0.5)
    sheet.text((left + _SIDE / 2, 12), name, 13, INK, anchor="ma")
    for value in (surface.alpha[0], 0.0, surface.alpha[-1]):
        sheet.text((place(value, surface.beta[0])[0], _TOP + _SIDE + 7), number(value, 2), 11, anchor="ma")
    for value in (surface.beta[0], surface.beta[-1]):
        sheet.text((left - 5, place(surface.alpha[0], value)[1]), number(value, 2), 11, anchor="rm")
    sheet.text((left + 0.75 * _SIDE, _TOP + _SIDE + 7), "α", 12, anchor="ma")
    sheet.text((left - 8, _TOP + _SIDE / 2), "β", 12, anchor="rm")


def _shares(axis: FloatArray) -> FloatArray:
    found: FloatArray = (axis - axis[0]) / (axis[-1] - axis[0])
    return found


def _palette() -> Image.Image:
    greys = np.linspace(0, 255, 256 - N_COLOURS).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.vstack([_COLOURS, np.repeat(greys[:, None], 3, axis=1)]).ravel().tolist())
    return palette
