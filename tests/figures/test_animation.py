"""The animation: a picture for each checkpoint, with losses that can be read off one scale of colours."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plotly.colors import get_colorscale

from landscape_widget import Evolution, Surface, evolution_animation


def run(n: int = 3) -> Evolution:
    shape = np.ones((n, 2))
    return Evolution(
        checkpoint=np.arange(n),
        step=10 * np.arange(n),
        done=np.ones(n, bool),
        loss=np.geomspace(1, 1e-2, n),
        gradient_norm=np.ones(n),
        values=shape * [2.0, -1.0],
        residuals=0 * shape,
        converged=shape > 0,
        n_largest=1,
        overlaps=shape,
        follows=np.zeros((n, 2), int),
        n_hvp=np.ones(n, int),
        verdict=("slope", "saddle", "minimum")[:n],
        learning_rate=np.full(n, 0.1),
    )


def bowls(heights: list[float], n: int = 21) -> list[Surface]:
    """c (1 + α² + β²) for each c."""
    axis = np.linspace(-1, 1, n)
    bowl = 1 + axis**2 + axis[:, None] ** 2
    return [Surface(axis, axis, c * bowl, np.ones((n, n), bool)) for c in heights]


def frames(path: Path) -> list[np.ndarray]:
    image = Image.open(path)
    found = []
    for i in range(image.n_frames):
        image.seek(i)
        found.append(np.asarray(image.convert("RGB")).astype(int))
    return found


def share_of(colour: np.ndarray) -> float:
    """Where on the scale a colour lies."""
    stops = get_colorscale("Viridis")
    parts = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for _, c in stops])
    share = np.linspace(0, 1, 10_001)
    shades = np.stack([np.interp(share, [at for at, _ in stops], part) for part in parts.T], axis=1)
    distance = ((shades - colour) ** 2).sum(axis=1)
    assert distance.min() < 30, colour
    return float(share[distance.argmin()])


def test_losses_are_read_off_one_logarithmic_scale(tmp_path: Path) -> None:
    heights = [1.0, 0.1, 0.01]
    given = {"Hessian": bowls(heights), "random": bowls([2 * c for c in heights])}
    evolution_animation(run(), given, tmp_path / "run.gif", seconds=0.2)
    pictures = frames(tmp_path / "run.gif")
    assert len(pictures) == 3
    assert len({picture.shape for picture in pictures}) == 1
    low, high = 0.01, 6.0
    for picture, height in zip(pictures, heights, strict=True):
        # a node at a quarter of the side: α = β = −0.5, 300 pixels a side from (60, 40) and (410, 40) on
        for left, factor in ((60, 1.0), (410, 2.0)):
            loss = low * (high / low) ** share_of(picture[40 + 225, left + 75])
            assert loss == pytest.approx(1.5 * height * factor, rel=0.06)  # two of 224 colours
    image = Image.open(tmp_path / "run.gif")
    assert image.info["loop"] == 0
    image.seek(2)
    assert image.info["duration"] == 800


def test_losses_that_are_not_positive_have_a_linear_scale_and_holes_stay(tmp_path: Path) -> None:
    surfaces = [replace(s, loss=s.loss - 1.5) for s in bowls([1.0, 2.0])]
    surfaces[1].loss[5, 5] = np.nan
    evolution_animation(run(2), {"fixed": surfaces}, tmp_path / "run.gif")
    first, second = frames(tmp_path / "run.gif")
    assert -0.5 + share_of(first[265, 135]) * 5 == pytest.approx(0, abs=0.05)
    assert np.abs(second[265, 135] - 235).max() <= 5  # a grey of the palette


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    for given in ({}, {"a": bowls([1.0])}, {name: bowls([1.0] * 3) for name in "abcd"}):
        with pytest.raises(ValueError, match="Expected one to three lists of 3 surfaces"):
            evolution_animation(run(), given, tmp_path / "run.gif")
    empty = [replace(s, loss=s.loss * np.nan) for s in bowls([1.0] * 3)]
    with pytest.raises(ValueError, match="finite losses"):
        evolution_animation(run(), {"a": empty}, tmp_path / "run.gif")
    assert not list(tmp_path.iterdir())


def test_a_page_has_the_same_pictures_and_asks_for_nothing(tmp_path: Path) -> None:
    for name in ("run.gif", "run.html"):
        evolution_animation(run(), {"<b>": bowls([1.0, 0.1, 0.01])}, tmp_path / name)
    page = (tmp_path / "run.html").read_text("utf-8")
    assert not re.findall(r"https?:|src=\"(?!data)|@import|<link|url\(", page)
    found = json.loads(re.findall(r"const pictures = (\[.*?\])", page)[0])
    for encoded, picture in zip(found, frames(tmp_path / "run.gif"), strict=True):
        image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
        assert np.abs(np.asarray(image) - picture).max() <= 1  # both have the palette of the GIF
    assert "step 20:  loss 0.01" in page


#: Keeps what it is told and given, and makes a file.
FFMPEG = """#!{python}
import pathlib, sys
pathlib.Path({told!r}).write_text("\\n".join(sys.argv[1:]))
pathlib.Path({given!r}).write_bytes(sys.stdin.buffer.read())
pathlib.Path(sys.argv[-1]).write_bytes(b"film")
"""


@pytest.mark.skipif(os.name == "nt", reason="a script is no program there")
def test_a_film_is_made_by_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg gets every picture, the last one four times, in the size and the rate that it is told."""
    told, given, programs = tmp_path / "told", tmp_path / "given", tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    surfaces = {"a": bowls([1.0, 0.1, 0.01])}
    with pytest.raises(FileNotFoundError, match=r"Expected ffmpeg .* write \*\.gif or \*\.html"):
        evolution_animation(run(), surfaces, tmp_path / "run.mp4")
    program = programs / "ffmpeg"
    program.write_text(FFMPEG.format(python=sys.executable, told=str(told), given=str(given)))
    program.chmod(0o755)
    for name in ("run.gif", "run.mp4"):
        evolution_animation(run(), surfaces, tmp_path / name, seconds=0.25)
    assert (tmp_path / "run.mp4").read_bytes() == b"film"
    arguments = told.read_text().split("\n")
    pictures = frames(tmp_path / "run.gif")
    height, width, _ = pictures[0].shape
    assert arguments[arguments.index("-s") + 1] == f"{width}x{height}"
    assert arguments[arguments.index("-framerate") + 1] == "4"
    content = np.frombuffer(given.read_bytes(), np.uint8).reshape(-1, height, width, 3).astype(int)
    assert np.abs(content - np.stack([*pictures, *[pictures[-1]] * 3])).max() <= 1
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no such encoder')\n")
    with pytest.raises(OSError, match=r"Expected ffmpeg to make run\.mp4, but .*no such encoder"):
        evolution_animation(run(), surfaces, tmp_path / "run.mp4")
    assert (tmp_path / "run.mp4").read_bytes() == b"film"
