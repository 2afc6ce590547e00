"""What the page of every explorer needs, as widgets of their own that are sent once for a kernel."""

from __future__ import annotations

from pathlib import Path
from weakref import proxy

import anywidget
from comm import DummyComm
from ipywidgets import Widget
from ipywidgets.widgets import widget as registry

STATIC = Path(__file__).parents[1] / "static"


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


class ExplorerPage(anywidget.AnyWidget):
    """Holds the page side of the explorer for every explorer of a kernel; it has no view of its own."""

    _esm = bundled("page.js")
    _css = bundled("page.css")


def hold_weakly_in_scripts(*widgets: Widget) -> None:
    """Lets open widgets be freed where no page can ever ask for them; ipywidgets holds them until closed.

    In a kernel nothing changes.
    """
    for widget in widgets:
        comm = widget.comm
        if isinstance(comm, DummyComm) or getattr(comm, "kernel", comm) is None:
            registry._instances[widget.model_id] = proxy(widget)
            comm.on_msg(None)


_kept: dict[type[anywidget.AnyWidget], anywidget.AnyWidget] = {}


def shared(kind: type[anywidget.AnyWidget]) -> anywidget.AnyWidget:
    """The kernel's one widget of this kind, made when first needed and again after it was closed."""
    if kind not in _kept or _kept[kind].comm is None:
        _kept[kind] = kind()
    return _kept[kind]
