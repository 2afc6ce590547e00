"""The explorer on a page without a kernel: the built bundles on the synthetic answers of ``js/dev``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]

FINAL = "pace=10&once&resolution=21"
"""What an address asks for where small final answers are looked at alone, and none on the way."""

DONE = """() => {
  const explorers = [...document.querySelectorAll("[data-testid='landscape-explorer']")];
  const views = ["surface", "heatmap", "curvature", "slices"];
  const final = e => views.every(v => e.querySelector(`[data-testid='${v}']`).dataset.final === "true");
  return explorers.length > 0 && explorers.every(e => e.dataset.status === "done" && final(e));
}"""
"""Whether every explorer on the page shows its last answer."""


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Stay silent: pytest shows what matters."""

    def do_GET(self) -> None:
        """Answer a browser's own question for a sign of the page with nothing."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()


@contextmanager
def serving() -> Iterator[str]:
    """The address of the page, while it is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/js/dev/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def showing(page: Page, query: str, *, width: int, height: int, wait: bool = True) -> Iterator[Page]:
    """Show what an address asks for on a page that is loaded already, and nothing afterwards.

    Args:
        page: Where it is.
        query: Of that address.
        width: Of the page, in pixels.
        height: Of the page, in pixels.
        wait: For the last answer of every explorer that is in no shadow root.
    """
    page.set_viewport_size({"width": width, "height": height})
    page.mouse.move(0, 0)
    page.evaluate("asked => show(asked)", query)
    if wait:
        page.wait_for_function(DONE, timeout=60_000)
    yield page
    page.evaluate("show('views=0')")
