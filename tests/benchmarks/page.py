"""The explorer's page in a real JupyterLab: how fast it draws, and what goes over the wire."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time

from playwright.sync_api import Browser, WebSocket, sync_playwright

from ..browser.browser import Watch, launch
from ..browser.explorer import VIEWS, ExplorerOnPage
from ..browser.jupyter import JupyterServer
from ..browser.lab import Notebook
from ..browser.notebooks import DIGITS, SHOW
from ..browser.waiting import wait_until

#: Remembers when the last message of the kernel came in and when views told that they had drawn a request.
CLOCK = """() => {
  window.clock = { arrived: {}, drawn: {} };
  const note = (kind, key) => { window.clock[kind][key] ??= performance.now(); };
  const views = new MutationObserver((changes) => {
    for (const { target } of changes) {
      const { testid, request } = target.dataset;
      if (request) note("drawn", `${testid} ${request}`);
    }
  });
  views.observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-request"] });
}"""

#: Before anything else on the page: notes the arrival of every large message.
EARS = """
  window.large = [];
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const size = data.byteLength ?? data.size ?? data.length;
        if (size > 20000) window.large.push(performance.now());
      });
    }
  };
"""

RESOLUTION = 101

#: Milliseconds without anything new after which a page that draws WebGL in software is at rest.
REST = 500

#: What three views show, once more as a later request: the surface with so many nodes, and other losses.
RESEND = """
import numpy
surface = dict(explorer._surface)
ends = [numpy.frombuffer(surface[axis])[[0, -1]] for axis in ("alpha", "beta")]
alpha, beta = (numpy.linspace(low, high, {resolution}) for low, high in ends)
loss = numpy.sin(3 * alpha / alpha[-1] + {step}) + numpy.cos(2 * beta / beta[-1])[:, None] + 3
surface |= {{"alpha": alpha.tobytes(), "beta": beta.tobytes(), "loss": loss.astype("float32").tobytes()}}
surface |= {{"done": numpy.ones(loss.shape, "uint8").tobytes(), "n_done": loss.size, "final": True}}
with explorer.hold_sync():
    explorer._surface = surface | {{"request": {request}}}
    explorer._eigenpairs = explorer._eigenpairs | {{"request": {request}}}
    explorer._projections = explorer._projections | {{"request": {request}}}
"""


#: Remembers the times between frames, in which the page answers nobody.
PULSE = """() => {
  window.pauses = [];
  let last = performance.now();
  requestAnimationFrame(function beat() {
    const now = performance.now();
    window.pauses.push(now - last);
    last = now;
    requestAnimationFrame(beat);
  });
}"""

#: Remembers when the page first told of a Cancel, and when it told that the kernel had obeyed.
ANSWERS = """() => {
  window.answers = {};
  const root = document.querySelector("[data-testid=landscape-explorer]");
  const text = root.querySelector("[data-testid=progress-text]");
  new MutationObserver(() => {
    if (text.textContent.startsWith("Cancel")) window.answers.told ??= Date.now();
    if (root.dataset.status === "cancelled") window.answers.obeyed ??= Date.now();
  }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
}"""

#: Moves of the mouse from one end of a drag to the other.
DRAG = 20

#: Nodes for each axis of the picture that is cancelled.
FINEST = 501


@dataclass(frozen=True)
class Page:
    """Each figure once for every time it was measured."""

    first_picture: list[float]
    """Seconds from running the cell that shows the explorer to the first surface on the page."""
    update: list[float]
    """Milliseconds from the arrival of results at 101×101 until three views show them, on a page at rest."""
    update_in_row: list[float]
    """The same where they arrive as soon as those before are drawn: the browser still paints them."""
    update_bytes: list[float]
    """kB of that message."""
    second_explorer: list[float]
    """kB that come in while a second explorer is made and shown, without its results."""
    stall: list[float]
    """Milliseconds of the longest pause between two frames, from a change until 101×101 are drawn."""
    cancel_told: list[float]
    """Milliseconds from a click on Cancel, while 501×501 are computed, until the page tells of it."""
    cancel_obeyed: list[float]
    """The same until it tells that the kernel has obeyed."""
    turning: list[float]
    """Frames in a second while the camera of 101×101 is turned with the mouse."""
    sliding: list[float]
    """The same while the slider of the half-width is dragged, and the kernel computes what it says."""


def measure(times: int) -> Page:
    """Starts JupyterLab and a browser, and measures each figure so many times."""
    found = Page([], [], [], [], [], [], [], [], [], [])
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder)) as (server, browser):
        for _ in range(times):
            with closing(open_notebook(server, browser, [DIGITS, SHOW])) as notebook:
                found.first_picture.append(_first_picture(notebook))
        with closing(open_notebook(server, browser, [DIGITS, SHOW])) as notebook:
            traffic = Traffic(notebook)
            _updates(notebook, traffic, times, found)
            found.second_explorer.append(_second_explorer(notebook, traffic))
        with closing(open_notebook(server, browser, [DIGITS, SHOW])) as notebook:
            _pauses(notebook, times, found)
    return found


class Traffic:
    """Bytes of every message that comes in from the kernel."""

    def __init__(self, notebook: Notebook) -> None:
        self.sizes: list[int] = []
        notebook.page.on("websocket", self._listen)
        notebook.reload()  # sockets that are open already are not heard

    def _listen(self, socket: WebSocket) -> None:
        if "/channels" in socket.url:
            socket.on("framereceived", lambda payload: self.sizes.append(len(payload)))


@contextmanager
def lab(folder: Path) -> Iterator[tuple[JupyterServer, Browser]]:
    server = JupyterServer(folder)
    try:
        server.start()
        with sync_playwright() as playwright:
            browser = launch(playwright)
            yield server, browser
            browser.close()
    finally:
        server.stop()


def open_notebook(server: JupyterServer, browser: Browser, cells: list[str]) -> Notebook:
    """A notebook whose first cell has made an explorer that nobody has seen."""
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    page.add_init_script(EARS)
    notebook = Notebook(server, Watch(page), cells)
    notebook.run(0)
    page.evaluate(CLOCK)
    return notebook


def _first_picture(notebook: Notebook) -> float:
    began: float = notebook.page.evaluate("performance.now()")
    notebook.start(1)
    notebook.cell(1)

    def drawn() -> list[float]:
        times: list[float] = notebook.page.evaluate(
            "Object.entries(clock.drawn).filter(([key]) => key.startsWith('surface')).map(([, time]) => time)"
        )
        return times

    seconds = (min(wait_until(drawn, "the first picture", 60)) - began) / 1e3
    ExplorerOnPage(notebook.page, notebook.kernel).wait_for_result()
    return seconds


def _updates(notebook: Notebook, traffic: Traffic, times: int, found: Page) -> None:
    notebook.run(1)
    notebook.cell(1)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    notebook.page.evaluate(CLOCK)
    _update(notebook, explorer.request() + 1)  # warms up
    for figures, rest in ((found.update, REST), (found.update_in_row, 0)):
        notebook.page.wait_for_timeout(REST)
        for _ in range(times):
            traffic.sizes.clear()
            figures.append(_update(notebook, explorer.request() + 1))
            found.update_bytes.append(max(traffic.sizes) / 1e3)
            notebook.page.wait_for_timeout(rest)


def _update(notebook: Notebook, request: int) -> float:
    """Milliseconds that three views took."""
    notebook.page.evaluate("large.length = 0")
    notebook.kernel.run(RESEND.format(resolution=RESOLUTION, request=request, step=request))
    wanted = [f"{view} {request}" for view in VIEWS]
    notebook.page.wait_for_function("keys => keys.every(key => key in clock.drawn)", arg=wanted)
    drawn: float = notebook.page.evaluate("keys => Math.max(...keys.map(key => clock.drawn[key]))", wanted)
    arrived: float = notebook.page.evaluate("large[0]")
    return drawn - arrived


def _pauses(notebook: Notebook, times: int, found: Page) -> None:
    """How long the page answers nobody, and how soon it answers a click on Cancel."""
    notebook.run(1)
    notebook.cell(1)
    page, explorer = notebook.page, ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    page.evaluate(PULSE)
    page.evaluate(ANSWERS)
    for k in range(times):
        # a domain of its own each time: nodes that are known are not computed again
        explorer.set_traits(resolution=21)
        page.wait_for_timeout(REST)
        page.evaluate("pauses = []")
        explorer.set_traits(domain=(-1.0 - k / 7, 1.1, -1.2, 1.3), resolution=RESOLUTION)
        found.stall.append(page.evaluate("Math.max(...pauses)"))
        found.turning.append(_dragging(explorer, "surface"))
        found.sliding.append(_dragging(explorer, "half-width"))
        explorer.wait_for_result()
    for k in range(times):
        explorer.set_traits(resolution=21)
        page.wait_for_timeout(REST)
        notebook.kernel.run(
            f"explorer.accuracy = 0; explorer.domain = ({-1.5 - k / 7}, 1.6, -1.7, 1.8); "
            f"explorer.resolution = {FINEST}"
        )
        told, obeyed = _cancel(notebook, explorer)
        found.cancel_told.append(told)
        found.cancel_obeyed.append(obeyed)


def _dragging(explorer: ExplorerOnPage, part: str) -> float:
    """Frames in a second while the mouse drags from the middle of a part to the right and back."""
    page, box = explorer.page, explorer.part(part).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate("pauses = []")
    for step in [*range(DRAG), *range(DRAG, -1, -1)]:
        page.mouse.move(x + 0.2 * box["width"] * step / DRAG, y)
    pauses: list[float] = page.evaluate("pauses")
    page.mouse.up()
    page.mouse.move(0, 0)
    page.wait_for_timeout(REST)
    return 1e3 * len(pauses) / sum(pauses)


def _cancel(notebook: Notebook, explorer: ExplorerOnPage) -> tuple[float, float]:
    """Milliseconds from a click until the page tells of it, and until the kernel has obeyed."""
    page, button = notebook.page, explorer.part("cancel")
    button.wait_for()
    box = button.bounding_box()
    assert box is not None
    page.wait_for_timeout(3 * REST)  # by then pictures of it come
    page.evaluate("answers = {}")
    clicked = 1e3 * time()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("answers.obeyed", timeout=120_000)
    answers: dict[str, float] = page.evaluate("answers")
    return answers["told"] - clicked, answers["obeyed"] - clicked


def _second_explorer(notebook: Notebook, traffic: Traffic) -> float:
    """The worker is held, so that what comes in is the explorer itself."""
    made = notebook.add("second = LandscapeExplorer(model, loader, loss_fn); second._worker.submit = print")
    shown = notebook.add("second")
    traffic.sizes.clear()
    notebook.run(made)
    notebook.run(shown)
    notebook.cell(shown)
    second = ExplorerOnPage(notebook.page, notebook.kernel, "second", index=1)
    second.root.wait_for()
    return sum(traffic.sizes) / 1e3
