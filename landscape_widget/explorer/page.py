"""What the page of every explorer needs, as widgets of their own that are sent once for a session."""

from __future__ import annotations

from threading import RLock
from typing import Any, TypeVar
from weakref import WeakMethod, WeakSet, proxy

import anywidget
from ipywidgets import Widget
from ipywidgets.widgets import widget as registry
from ipywidgets.widgets.widget_link import Link

from landscape_widget.export.bundle import bundled


class Sent(anywidget.AnyWidget):
    """A widget that its users keep alive, and that is sent whole."""

    def open(self) -> None:
        """Makes the widget known to the page."""
        super().open()
        self._own_layout = self.layout  # ipywidgets makes it for each widget and never closes it
        for widget in (self, self.layout):
            hold_weakly(widget)

    def close(self) -> None:
        """Ends it for page and kernel."""
        try:
            if hasattr(self, "_own_layout"):
                self._own_layout.close()
        finally:  # a host that is gone may refuse to hear of it
            super().close()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:  # noqa: ARG002
        """All of the state, or some of it.

        Defaults count: a page knows those of ipywidgets' own classes alone, and the code that it is to run is
        one, without which ``ipywidgets.embed`` would write an empty page.
        """
        state: dict[str, Any] = super().get_state(key, drop_defaults=False)
        return state


class PlotlyRuntime(Sent):
    """Holds plotly.js for every explorer of a session; it has no view."""

    # as text: a file would keep every widget alive, since anywidget has it tell them of changes
    _esm = bundled("runtime.js").read_text(encoding="utf-8")


class ExplorerPage(Sent):
    """Holds the page side of the explorer for every explorer of a session; it has no view of its own."""

    _esm = bundled("page.js").read_text(encoding="utf-8")
    _css = bundled("page.css").read_text(encoding="utf-8")


def hold_weakly(widget: Widget) -> None:
    """Lets an open widget be freed that nobody uses, which ipywidgets and its comm would hold."""
    handler = WeakMethod(widget._handle_msg)

    def hear(message: Any) -> None:
        if (handle := handler()) is not None:
            handle(message)

    number = widget.model_id

    def forget(dead: Any) -> None:
        """Takes out what is left of a widget that could not be closed: hosts ask all that are registered."""
        if registry._instances.get(number) is dead:
            del registry._instances[number]

    registry._instances[number] = proxy(widget, forget)
    widget.comm.on_msg(hear)


def held_links() -> list[Any]:
    """The links of ``jslink`` and ``jsdlink`` that ipywidgets holds."""
    return [one for one in list(registry._instances.values()) if issubclass(type(one), Link)]


def hold(widget: Widget) -> None:
    """Keeps a widget for as long as its comm is open: the page may ask for it at any time."""
    widget.comm.on_msg(widget._handle_msg)


#: What a comm sends through, under the names that comms have for it: of two sessions it is not the same.
_CHANNELS = ("kernel", "comm_manager", "_stream")

_Kind = TypeVar("_Kind", bound=Sent)

_kept: WeakSet[Sent] = WeakSet()
_making = RLock()


def shared(kind: type[_Kind], beside: Widget) -> _Kind:
    """The one widget of this kind in the session that another widget belongs to, made when first needed.

    One process may serve several sessions, each with pages of its own, which know nothing of one another's
    widgets. A session whose explorers are gone leaves none behind.

    Args:
        kind: Class of the widget.
        beside: An open widget of the session.
    """
    with _making:
        for kept in list(_kept):
            if isinstance(kept, kind) and kept.comm is not None and _same_session(kept.comm, beside.comm):
                if getattr(kept.comm, "_closed", False):  # by its host, when the cell that made it ran again
                    kept.comm = None
                    kept.open()  # under the same number, by which other explorers refer to it
                return kept
        made = kind()
        _kept.add(made)
        return made


def _same_session(one: Any, other: Any) -> bool:
    return all(getattr(one, name, None) is getattr(other, name, None) for name in _CHANNELS)
