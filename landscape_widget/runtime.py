"""The plotting library of the page as a widget of its own, sent once for a kernel."""

from __future__ import annotations

from pathlib import Path

import anywidget

STATIC = Path(__file__).parent / "static"


def bundled(name: str) -> Path:
    """A file of the page's bundle.

    Raises:
        FileNotFoundError: In a source checkout that was never built.
    """
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the page's bundle at {path}, found none. "
            "Build it: `npm ci && npm run build` in js/, or reinstall the package."
        )
    return path


class PlotlyRuntime(anywidget.AnyWidget):
    """Holds plotly.js for every explorer of a kernel; it has no view."""

    _esm = bundled("runtime.js")


_runtime: PlotlyRuntime | None = None


def plotly_runtime() -> PlotlyRuntime:
    """The kernel's one runtime, made when first needed and again after it was closed."""
    global _runtime  # noqa: PLW0603 - one for a process is the purpose
    if _runtime is None or _runtime.comm is None:
        _runtime = PlotlyRuntime()
    return _runtime
