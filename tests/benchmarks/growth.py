"""What a page and its kernel still hold after many slider moves and many displays of one explorer."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import CDPSession, expect

from ..browser.explorer import ExplorerOnPage
from ..browser.lab import Notebook
from ..browser.notebooks import BOWL, SHOW
from . import page

#: A few of each first, for what is kept once and for all; then up to so many.
MOVES, DISPLAYS = (50, 200), (10, 50)

#: Slider steps between two looks at whether the answer is there.
_STEPS = 10

_SHOW_CELL = 1

#: Notes every WebGL context from here on; those that a browser still counts are neither collected nor lost.
_COUNT_CONTEXTS = """() => {
  const contexts = (window.contexts = []);
  const { getContext } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    const context = getContext.call(this, kind, ...rest);
    if (context && kind.includes("webgl")) contexts.push(new WeakRef(context));
    return context;
  };
}"""
_LIVE_CONTEXTS = (
    """() => new Set(window.contexts.map((ref) => ref.deref()).filter((c) => c && !c.isContextLost())).size"""
)

#: Objects that the kernel's garbage collector knows, and threads.
_KERNEL = """[
    len((__import__("gc").collect(), __import__("gc").get_objects())[1]),
    __import__("threading").active_count(),
]"""


@dataclass(frozen=True)
class Held:
    """What page and kernel hold after a garbage collection."""

    heap: float
    """MB of JavaScript."""
    nodes: float
    """DOM nodes, detached ones too."""
    listeners: float
    contexts: float
    """WebGL contexts that are alive."""
    objects: float
    """Python objects."""
    threads: float


def measure() -> dict[str, tuple[Held, Held]]:
    """What is held after a few and after many, by what was done."""
    with tempfile.TemporaryDirectory() as folder, page.lab(Path(folder)) as (server, browser):
        opened = page.open_notebook(
            server, browser, [BOWL + "explorer.resolution = 11; explorer.domain = (-1, 1, -1, 1)", SHOW]
        )
        with closing(opened) as notebook:
            notebook.page.evaluate(_COUNT_CONTEXTS)
            cdp = notebook.page.context.new_cdp_session(notebook.page)
            cdp.send("Performance.enable")
            explorer = _display(notebook, 1)
            few, many = MOVES
            _move(explorer, few)
            moves = [_held(notebook, cdp)]
            _move(explorer, many - few)
            moves.append(_held(notebook, cdp))
            few, many = DISPLAYS
            _display(notebook, few)
            displays = [_held(notebook, cdp)]
            _display(notebook, many - few)
            displays.append(_held(notebook, cdp))
    return {
        f"{MOVES[1]} slider moves": (moves[0], moves[1]),
        f"{DISPLAYS[1]} displays": (displays[0], displays[1]),
    }


def _held(notebook: Notebook, cdp: CDPSession) -> Held:
    """What is held now. Two collections: what the first one frees may have held other things."""
    for _ in range(2):
        cdp.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}
    objects, threads = notebook.kernel.value(_KERNEL)
    return Held(
        heap=metrics["JSHeapUsedSize"] / 1e6,
        nodes=metrics["Nodes"],
        listeners=metrics["JSEventListeners"],
        contexts=notebook.page.evaluate(_LIVE_CONTEXTS),
        objects=objects,
        threads=threads,
    )


def _move(explorer: ExplorerOnPage, times: int) -> None:
    """Moves the slider there and back, some steps at a time, and waits for each answer."""
    for i in range(times // _STEPS):
        request = explorer.request()
        explorer.press("half-width", *[("ArrowRight", "ArrowLeft")[i % 2]] * _STEPS)
        explorer.wait_for_result(request)


def _display(notebook: Notebook, times: int) -> ExplorerOnPage:
    """Shows the explorer in place of its former view."""
    for _ in range(times):
        notebook.run(_SHOW_CELL)
    notebook.cell(_SHOW_CELL)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    expect(explorer.root).to_have_count(1)
    return explorer
