"""Chromium, and a page that remembers what went wrong in it."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Playwright

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL in software: the same pixels with and without a graphics card.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # Only WebGL needs it: putting the page together in software WebGL took most of the time of these tests.
    "--disable-gpu-compositing",
]

UNDRAWN = """
  for (const name of ["drawElements", "drawArrays"]) {
    const draw = WebGLRenderingContext.prototype[name];
    let storage;
    try { storage = sessionStorage; } catch {} // a frame without an origin has none
    WebGLRenderingContext.prototype[name] = function (...given) {
      if (storage?.drawn) draw.apply(this, given);
    };
  }
"""
"""Leaves scenes empty unless `sessionStorage.drawn` is set.

In software WebGL they take a fifth of all time, and few tests look at their pixels.
"""

ALLOWED_ERRORS: dict[str, str] = {
    r"(?s)reading 'schema'.*notebook_core": "Notebook 7 looks for the settings of a plugin that it has not",
    r"ERR_FILE_NOT_FOUND \(file:.*/anywidget\.js\)": "html-manager looks beside a page first",
    r"\b403\b.*/voila/api/shutdown/": "a page of Voila that is left asks for the end of its kernel, in vain",
}
"""Pattern of a console error that is not ours -> why it may stand."""


def launch(playwright: Playwright) -> Browser:
    """Start an installed Chromium or Chrome; a missing one fails the tests, never skips them."""
    path = os.environ.get("LANDSCAPE_CHROMIUM") or next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if path is None:
        pytest.exit(
            "no Chromium or Chrome found: install one (Debian: apt-get install chromium)"
            " or set LANDSCAPE_CHROMIUM to its path",
            returncode=1,
        )
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


@dataclass
class Watch:
    """A page with the errors that it has put on the console since it was last asked."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._note_message)
        self.page.on("pageerror", self._note_exception)

    def take_errors(self) -> list[str]:
        """Return the errors that no entry of `ALLOWED_ERRORS` explains, and forget them."""
        errors, self.errors = self.errors, []
        return [e for e in errors if not any(re.search(p, e) for p in ALLOWED_ERRORS)]

    def screenshot(self, path: Path) -> None:
        """Save what the page shows."""
        path.parent.mkdir(exist_ok=True, parents=True)
        self.page.screenshot(path=path)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location['url']})")

    def _note_exception(self, error: Error) -> None:
        self.errors.append(f"{error.name}: {error.message}\n{error.stack}")
