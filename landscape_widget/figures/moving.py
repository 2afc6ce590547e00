"""Pictures one after the other in a file: a GIF, a film, or a page with a slider."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

from PIL import Image

from landscape_widget.results.files import replacing

#: Of films: the rate that every player knows, and even numbers of pixels, which their colours need.
_FILM = "-r 30 -vf pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white -c:v libx264 -pix_fmt yuv420p"

#: A page that asks for nothing: the pictures are in it.
_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Along the training run</title>
<style>
body { margin: 1rem; background: #fff; color: #1a1a1a; font: 14px system-ui, sans-serif; }
figure { margin: 0; width: ${width}px; max-width: 100%; }
img { width: 100%; }
div { display: flex; gap: 0.75rem; align-items: center; }
input { flex: 1; accent-color: #333; }
button { width: 5rem; font: inherit; }
</style>
<figure><img alt="The loss at a checkpoint">
<div><button type="button">Play</button>
<input type="range" min="0" max="${last}" value="0" aria-label="Checkpoint"><output></output></div></figure>
<script>
const pictures = ${pictures}, captions = ${captions}, [image] = document.images;
const [slider, button, said] = ["input", "button", "output"].map((name) => document.querySelector(name));
let timer = 0;
function show() {
  image.src = "data:image/png;base64," + pictures[slider.value];
  image.alt = captions[slider.value];
  slider.setAttribute("aria-valuetext", image.alt);
  said.value = Number(slider.value) + 1 + " / " + pictures.length;
}
function stop() {
  clearInterval(timer);
  timer = 0;
  button.textContent = "Play";
}
function next() {
  slider.value = Number(slider.value) + 1;
  show();
  if (slider.value === slider.max) stop();
}
slider.addEventListener("input", () => { stop(); show(); });
button.addEventListener("click", () => {
  if (timer) return stop();
  if (slider.value === slider.max) { slider.value = 0; show(); }
  button.textContent = "Pause";
  timer = setInterval(next, ${milliseconds});
});
show();
</script></html>
""")


def write_gif(pictures: Sequence[Image.Image], path: Path, seconds: float) -> None:
    """Writes an animated GIF, whose last picture stays four times as long, without an end."""
    times = [round(1000 * seconds)] * (len(pictures) - 1) + [round(4000 * seconds)]
    first, *others = pictures
    with replacing(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=times, loop=0)


def write_film(pictures: Sequence[Image.Image], path: Path, seconds: float) -> None:
    """Writes an MP4 by ffmpeg, whose last picture stays four times as long.

    Raises:
        FileNotFoundError: If there is no ffmpeg.
        OSError: If it fails, with what it says.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise FileNotFoundError(
            "Expected ffmpeg among the programs on the PATH, which makes *.mp4, found none. Install it, or "
            "write *.gif or *.html."
        )
    width, height = pictures[0].size
    given = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -framerate {1 / seconds:g} -i pipe:0"
    with replacing(path) as file:
        command = [ffmpeg, "-v", "error", "-y", *given.split(), *_FILM.split(), "-f", "mp4", file.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it says why it has ended
                for picture in [*pictures, *[pictures[-1]] * 3]:
                    process.stdin.write(picture.convert("RGB").tobytes())
            said = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode:
            raise OSError(f"Expected ffmpeg to make {path.name}, but it ended with: {said[-300:]}")


def write_page(pictures: Sequence[Image.Image], captions: list[str], path: Path, seconds: float) -> None:
    """Writes a page with a slider over the pictures, which plays, too, and needs no other file."""
    encoded = []
    for picture in pictures:
        content = io.BytesIO()
        picture.save(content, "PNG", optimize=True)
        encoded.append(base64.b64encode(content.getvalue()).decode())
    page = _PAGE.substitute(
        width=pictures[0].width,
        last=len(pictures) - 1,
        pictures=json.dumps(encoded),
        captions=json.dumps(captions, ensure_ascii=False),
        milliseconds=round(1000 * seconds),
    )
    with replacing(path) as file:
        file.write(page.encode())
