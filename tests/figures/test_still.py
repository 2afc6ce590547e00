"""The still picture: small, drawn without a browser, and with the losses of the surface under its pixels."""

from __future__ import annotations

import math
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from landscape_widget import Surface
from landscape_widget.figures.shade import shade_of
from landscape_widget.figures.sheet import FONT, MOST_BYTES
from landscape_widget.figures.still import WIDTH, still_picture
from landscape_widget.figures.still_plane import HEATMAP, N_COLOURS, contour_levels
from landscape_widget.figures.style import DIVERGING
from landscape_widget.planes.scale import automatic_scale
from landscape_widget.results.quadratic import QuadraticModel

SENTENCE = "Saddle: λmax 4, λmin −0.3, ‖∇L‖ 0. The critical point of the quadratic model is θ*."


def saddle(n: int = 41, steep: float = 40.0) -> Surface:
    alpha, beta = np.linspace(-1, 1, n), np.linspace(-0.5, 0.5, n)
    loss = 1 + 0.5 * (steep * alpha**2 - beta[:, None] ** 2) + 0.3 * alpha**3
    return Surface(alpha, beta, loss, np.ones((n, n), bool))


def opened(picture: bytes) -> Any:
    image = Image.open(BytesIO(picture))
    assert image.format == "PNG"
    return image.convert("RGB")


def middle(surface: Surface, i: int, j: int) -> tuple[int, int]:
    """The pixel of a node."""
    left, top, right, bottom = HEATMAP
    n, m = surface.loss.shape
    return round(left + j / (m - 1) * (right - left)), round(bottom - i / (n - 1) * (bottom - top))


def loss_of(colour: tuple[int, ...], surface: Surface, quadratic: QuadraticModel | None) -> float:
    """What a reader takes from a colour: its place on the colour map, and t(L) = asinh((L − L₀)/s) back."""
    scale = automatic_scale(surface, quadratic)
    assert scale is not None
    places = np.linspace(-1, 1, 20_001)
    stops = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in DIVERGING.values()])
    shades = np.stack([np.interp(places, list(DIVERGING), part) for part in stops.T], axis=1)
    low, high = (math.asinh((loss - scale.centre) / scale.width) for loss in (scale.low, scale.high))
    most = max(-low, high)
    place = places[np.argmin(((shades - colour) ** 2).sum(axis=1))]
    return scale.centre + scale.width * math.sinh(place * most)


@pytest.mark.parametrize(("steep", "told"), [(1.0, True), (40.0, False), (-3.0, True)])
def test_pixels_are_the_losses_of_the_surface(steep: float, told: bool) -> None:
    surface = saddle(steep=steep)
    quadratic = QuadraticModel(1.0, (0.0, 0.0), (steep, 0.0, -1.0)) if told else None
    image = opened(still_picture(surface, None, SENTENCE, quadratic=quadratic))
    scale = automatic_scale(surface, quadratic)
    assert scale is not None
    rng = np.random.default_rng(0)
    lowest = surface.minimum
    lines = np.append(contour_levels(shade_of(surface, "auto", False, quadratic)), 0.0)
    seen = 0
    while seen < 20:
        i, j = rng.integers(1, 40, 2)
        near = scale(surface.loss[i - 1 : i + 2, j - 1 : j + 2])
        far = (
            math.hypot(i - 20, j - 20) > 3
            and math.hypot(*np.subtract(middle(surface, i, j), _at(lowest, surface))) > 15
        )
        if ((near.min() <= lines) & (lines <= near.max())).any() or not far:
            continue  # under a contour line, that of L(θ*) at 0 among them, or a mark
        seen += 1
        told_by_colour = loss_of(image.getpixel(middle(surface, i, j)), surface, quadratic)
        # half of the step between two of the colours, and half a level of red, green or blue beside it
        low, high = scale.range
        step = (high - low) / (N_COLOURS - 1)
        slack = scale.width * math.cosh(math.asinh((surface.loss[i, j] - 1) / scale.width)) * step
        assert told_by_colour == pytest.approx(surface.loss[i, j], abs=slack)


def _at(lowest: Any, surface: Surface) -> tuple[int, int]:
    alpha, beta, _ = lowest
    return middle(
        surface, int(np.argmin(abs(surface.beta - beta))), int(np.argmin(abs(surface.alpha - alpha)))
    )


@pytest.mark.parametrize(("n", "rough"), [(3, False), (101, False), (61, True), (401, True)])
def test_it_is_small(n: int, rough: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    surface = saddle(n)
    if n == 401:  # lines through this much noise take long, and where they are is less of it
        for module in ("still", "still_plane"):
            monkeypatch.setattr(f"landscape_widget.figures.{module}.pairs_of", lambda *_: [])
    if rough:
        noise = np.random.default_rng(0).normal(size=(n, n))
        surface = Surface(surface.alpha, surface.beta, noise, surface.done)
    picture = still_picture(surface, None, SENTENCE * 3)
    assert len(picture) <= MOST_BYTES == 60_000
    assert opened(picture).width == WIDTH


@pytest.mark.parametrize(
    "loss",
    [np.full((5, 5), 2.0), np.full((5, 5), np.nan), np.where(np.eye(5) > 0, np.nan, 1.0), np.zeros((5, 5))]
    + [size * np.outer([1, 0.5, 0, -0.5, -1], np.ones(5)) for size in (1.7e308, 1e-310, 5e-324)],
    ids=["flat", "holes only", "some holes", "zero", "huge", "tiny", "least"],
)
def test_any_surface_can_be_drawn(loss: Any) -> None:
    axis = np.linspace(-1, 1, 5)
    opened(still_picture(Surface(axis, axis, loss, np.ones((5, 5), bool)), None, ""))


@pytest.mark.parametrize("flat", [False, True])
def test_a_hole_has_no_colour_of_a_loss(flat: bool) -> None:
    surface = saddle()
    if flat:
        surface.loss[:] = 2.0
    surface.loss[10, 30] = np.nan
    red, green, blue = opened(still_picture(surface, None, "")).getpixel(middle(surface, 10, 30))
    assert red == green == blue


@pytest.mark.parametrize(
    ("axis", "sentence"), [("toward:" + "another solution " * 20, ""), ("toward:" + "x" * 300, "y" * 300)]
)
def test_no_word_is_cut_off(axis: str, sentence: str) -> None:
    """What is longer than a line goes on in the next one: the margin stays white."""
    surface = saddle()
    short = opened(still_picture(surface, None, ""))
    surface.provenance["axes"] = (axis, "random")
    picture = opened(still_picture(surface, None, sentence))
    assert np.all(np.asarray(picture)[:, WIDTH - 15 :] == 255)
    assert picture.height > short.height


def legend_of(surface: Surface) -> Any:
    """The strip between the heatmap's axis and the sentence, as grey values."""
    bottom = HEATMAP[3] + 48
    return np.asarray(opened(still_picture(surface, None, "")).convert("L"))[bottom : bottom + 22]


def test_it_has_a_legend() -> None:
    """A diamond, a line, and a cross where there is a lowest point, each with its words."""
    rows = legend_of(saddle())
    ink = (rows < 100).any(axis=0)
    starts = np.flatnonzero(ink[1:] & ~ink[:-1])
    signs = [starts[0], *(b for a, b in pairwise(starts) if b - a > 24)]
    assert len(signs) >= 2
    line = rows[:, starts[0] + 1 :]
    assert ((line < 60).sum(axis=1) >= 14).any(), "the line of L(θ*), as in the picture"
    bare = saddle()
    bare.loss[:] = np.nan
    assert (legend_of(bare) < 100).sum() < (rows < 100).sum() / 2


def test_it_has_contour_lines() -> None:
    """Between the last level and the highest loss along β = 0 each level is crossed on either side of θ*."""
    surface = saddle()
    image = np.asarray(opened(still_picture(surface, None, "")).convert("L")).astype(int)
    shade = shade_of(surface, "auto", False, None)
    levels = [level for level in contour_levels(shade) if level > 0.1]
    assert len(levels) > 5
    row = shade.z[20]
    left, top, right, bottom = HEATMAP
    for level in levels:
        j = int(np.flatnonzero((row[20:-1] - level) * (row[21:] - level) <= 0)[0]) + 20
        x = left + (j + (level - row[j]) / (row[j + 1] - row[j])) / 40 * (right - left)
        y = (top + bottom) // 2 + 4
        near = image[y - 1 : y + 2, round(x) - 4 : round(x) + 5]
        assert np.ptp(near, axis=1).max() >= 6, (level, near)


def test_the_font_has_what_sentences_are_made_of() -> None:
    font = ImageFont.truetype(FONT, 20)
    missing = font.getmask("\ue000").getbbox(), bytes(font.getmask("\ue000"))
    for letter in "θλαβηδκ∇‖−×·≤≥½σμπ₀₁ₙ…–²φΔε∞%":
        mask = font.getmask(letter)
        assert (mask.getbbox(), bytes(mask)) != missing, letter
