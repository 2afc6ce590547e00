"""Makes the front page's moving picture, docs/images/explorer.webp, from the quickstart in JupyterLab.

Run it as ``python -m tests.browser.moving_picture`` from the repository's root; it takes a minute or two.
"""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from PIL import Image
from playwright.sync_api import sync_playwright

from .browser import Watch, launch
from .explorer import ExplorerOnPage
from .jupyter import JupyterServer
from .lab import Notebook
from .waiting import wait_until

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs" / "images" / "explorer.webp"
LIMIT = 1_500_000
"""Bytes that a front page may take to load."""

WIDTH = 760
QUALITY = 55
STEP, HOLD = 140, 2000
"""Milliseconds that a frame of a movement and one to be looked at are shown."""

PATIENCE = 180_000
"""Milliseconds that a picture of the page may take while plots are drawn in software."""

TRAINING = 1  # the quickstart's cell that trains the network


class Film:
    """Frames of one element of a page."""

    def __init__(self, explorer: ExplorerOnPage) -> None:
        self._explorer = explorer
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def take(self, milliseconds: int = STEP) -> None:
        """Adds what is on show; where that is what was, the last frame stays for longer."""
        shot = Image.open(io.BytesIO(self._explorer.root.screenshot(timeout=PATIENCE))).convert("RGB")
        frame = shot.resize((WIDTH, round(shot.height * WIDTH / shot.width)), Image.Resampling.LANCZOS)
        if self._frames and frame.tobytes() == self._frames[-1].tobytes():
            self._times[-1] += milliseconds
        else:
            self._frames.append(frame)
            self._times.append(milliseconds)

    def until_done(self, after: int) -> None:
        """Takes frames while the kernel computes, and one to be looked at."""

        def done() -> bool:
            self.take()
            return self._explorer.status() == "done" and self._explorer.request() > after

        wait_until(done, "the kernel to be done", timeout=120)
        self._explorer.wait_for_result(after)
        self.take(HOLD)

    def turn(self, distance: int, steps: int = 8) -> None:
        """Turns the surface with the mouse."""
        box = self._explorer.part("surface").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse = self._explorer.page.mouse
        mouse.move(x, y)
        mouse.down()
        for step in range(1, steps + 1):
            mouse.move(x + distance * step / steps, y)
            self.take()
        mouse.up()
        mouse.move(0, 0)
        self.take(HOLD // 2)

    def save(self, path: Path) -> None:
        """Writes an animated WebP that goes on for ever."""
        height = max(frame.height for frame in self._frames)
        frames = [Image.new("RGB", (WIDTH, height), "white") for _ in self._frames]
        for canvas, frame in zip(frames, self._frames, strict=True):
            canvas.paste(frame)
        path.parent.mkdir(exist_ok=True)
        frames[0].save(
            path,
            save_all=True,
            append_images=frames[1:],
            duration=self._times,
            loop=0,
            quality=QUALITY,
            method=6,
        )


def play(notebook: Notebook) -> Film:
    """What a newcomer does first: look, turn, and ask for random directions."""
    notebook.run(0, timeout=300)
    notebook.start(1)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.root.wait_for(timeout=PATIENCE)
    notebook.cell(1)
    film = Film(explorer)
    film.until_done(0)
    film.turn(-120)
    film.turn(120)
    before = explorer.request()
    explorer.part("preset-random").check(timeout=PATIENCE)
    film.until_done(before)
    return film


def main() -> None:
    """Films the quickstart's explorer."""
    cells = nbformat.read(ROOT / "notebooks" / "01_quickstart.ipynb", as_version=4).cells
    show = next(
        cell.source for cell in cells if "LandscapeExplorer(" in cell.source and cell.cell_type == "code"
    )
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = JupyterServer(Path(folder))
        browser = launch(playwright)
        try:
            server.start()
            watch = Watch(browser.new_page(viewport={"width": 1400, "height": 1250}))
            notebook = Notebook(server, watch, [cells[TRAINING].source, show])
            play(notebook).save(PATH)
        finally:
            browser.close()
            server.stop()
    size = PATH.stat().st_size
    print(f"{PATH.relative_to(ROOT)}: {size / 1e3:.0f} kB")
    if size > LIMIT:
        raise SystemExit(f"Expected at most {LIMIT} bytes, got {size}. Take fewer or smaller frames.")


if __name__ == "__main__":
    main()
