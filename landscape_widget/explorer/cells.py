"""Which cells of a notebook show an explorer, and what stays in the notebook of it."""

from __future__ import annotations

import gc
import os
import re
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets import DOMWidget, Widget

from landscape_widget.explorer.latest import LatestResults
from landscape_widget.explorer.page import held_links, hold_weakly

#: Names under which IPython keeps what cells returned.
_HISTORY = re.compile(r"_{1,3}|_\d+")

#: Of an explorer that computes no more.
_ENDS = ("done", "cancelled", "failed")


def follow_cells() -> bool:
    """Takes note, from now on, of the widgets that cells show; False where there are no cells."""
    shell = get_ipython()
    if not isinstance(shell, InteractiveShell) or getattr(shell, "kernel", None) is None:
        return False  # no shell, one without pages, or what Solara has in its place
    if shell not in _notebooks:
        _notebooks[shell] = _Notebook(shell)
    return True


class _Notebook:
    """The cells that a kernel has run.

    When a cell is run again, its former outputs are gone. What no other cell shows is let go then, by
    IPython's history of results, too: an explorer, and a container with all that is in it, which ipywidgets
    would hold for ever. It goes on where a variable still holds it, and else it is closed.

    Below an explorer a cell has an output with a still picture, which is replaced when a computation ends.
    It is an output of its own, since a host that gets new data for the explorer's makes its view anew. The
    explorer's page hides it.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = ref(shell)
        self._cells: dict[str, WeakSet[Widget]] = {}
        self._new: list[Widget] = []
        self._leaving: WeakSet[LatestResults] = WeakSet()
        self._unseen: WeakSet[LatestResults] = WeakSet()
        self._published: WeakKeyDictionary[LatestResults, object] = WeakKeyDictionary()
        self._publishing = Lock()
        shell.events.register("post_run_cell", self._ended)
        shell.display_formatter.mimebundle_formatter.for_type(DOMWidget, self._shown)

    def _shown(self, widget: DOMWidget) -> Any:
        """A widget in the forms that hosts choose from; the running cell shows it."""
        for explorer in _explorers([widget]):
            self._leaving.discard(explorer)
            explorer._start()  # where it is in a container that no page shows
            if self._unattended():
                with suppress(RuntimeError):
                    explorer.wait()  # what is stored of it shall not say that it computes
        self._new.append(widget)
        forms = widget._repr_mimebundle_
        return None if forms is None else forms(include=None, exclude=None)  # None of one that is closed

    def _ended(self, result: Any) -> None:
        """A cell has run."""
        shown, self._new = self._new, []
        # hosts without numbers of cells: the same code is the same cell
        cell = getattr(result.info, "cell_id", None) or result.info.raw_cell
        before = list(self._cells.pop(cell, ()))
        if shown:
            self._cells[cell] = WeakSet(shown)
        if _explorers(before):
            self._let_go(before)
        self._free()
        now = _explorers(shown)
        if self._unattended():
            self._unseen.update(now)
        else:
            self._unseen -= set(now)
        for explorer in now:
            explorer.observe(self._on_status, "status")
        for explorer in _explorers([*shown, *self._on_show()]):
            if explorer in self._unseen:
                with suppress(RuntimeError):  # it failed, was cancelled or closed, which its output says
                    explorer.wait()
            if explorer in self._unseen or explorer in now:
                self._publish(explorer, explorer in now)

    def _on_show(self) -> list[Widget]:
        return [widget for shown in self._cells.values() for widget in shown]

    def _on_status(self, change: Any) -> None:
        explorer = change.owner
        if change.new in _ENDS and explorer not in self._leaving and explorer not in self._unseen:
            explorer._later(lambda: self._publish(explorer))

    def _publish(self, explorer: LatestResults, new: bool = False) -> None:
        """Shows the still picture as an output of the running cell, or replaces the one that is there."""
        shell, name = self._shell(), {"display_id": explorer._still_class}
        with self._publishing:
            key, is_there = explorer._still_key(), explorer in self._published
            if shell is None or not (new or (is_there and self._published[explorer] != key)):
                return
            data = dict(explorer._still())
            if is_there:
                shell.display_pub.publish(data, {}, transient=name, update=True)
            if new:
                shell.display_pub.publish(data, {}, transient=name)
            self._published[explorer] = key

    def _unattended(self) -> bool:
        """Whether a notebook is executed as a whole, with nobody to look at a page meanwhile.

        Such a client says that it cannot ask for input. One that serves the notebook to browsers, as Voila,
        cannot either, but tells kernels of its server as is the custom of the web (CGI).
        """
        shell = self._shell()
        request = shell.get_parent() if shell is not None and hasattr(shell, "get_parent") else {}
        return request.get("content", {}).get("allow_stdin") is False and "SERVER_SOFTWARE" not in os.environ

    def _let_go(self, before: list[Widget]) -> None:
        """Lets go of what a cell showed, as far as no cell shows it now."""
        shell = self._shell()
        if shell is None:
            return
        still_shown = {id(widget) for widget in _within(self._on_show())}
        gone = [widget for widget in _within(before) if id(widget) not in still_shown]
        _forget_results(shell, gone)
        variables = [value for value in shell.user_ns.values() if isinstance(value, Widget)]
        held = {id(widget) for widget in _within(variables)}
        _lend_links(gone)
        for widget in gone:
            if widget.comm is not None:
                hold_weakly(widget)
            if isinstance(widget, LatestResults):
                self._leaving.add(widget)
                if id(widget) not in held:
                    widget.cancel()  # what it still computes would hold it until the end
        before.clear()

    def _free(self) -> None:
        """Frees what was let go and computes no more: it is too large to wait for Python to collect it."""
        ended = [explorer for explorer in self._leaving if explorer.status != "computing"]
        for explorer in ended:
            self._leaving.discard(explorer)
        if ended:
            ended.clear()
            del explorer
            gc.collect()


_notebooks: WeakKeyDictionary[Any, _Notebook] = WeakKeyDictionary()


def _within(widgets: Iterable[Any]) -> list[Widget]:
    """Widgets and all that their traits hold, each once; what an explorer is made of is its own affair."""
    found: dict[int, Widget] = {}
    todo = deque(widgets)
    while todo:
        one = todo.popleft()
        if isinstance(one, Widget) and id(one) not in found:
            found[id(one)] = one
            if not isinstance(one, LatestResults):
                todo.extend(one._trait_values.values())
        elif isinstance(one, (list, tuple)):
            todo.extend(one)
        elif isinstance(one, dict):
            todo.extend(one.values())
    return list(found.values())


def _explorers(widgets: Iterable[Widget]) -> list[LatestResults]:
    """The explorers among widgets and in them."""
    return [widget for widget in _within(widgets) if isinstance(widget, LatestResults)]


def _lend_links(gone: list[Widget]) -> None:
    """Has a link on the page (``jslink``) last as long as a widget that no cell shows, and no longer.

    ipywidgets would hold it for ever, and with it both widgets that it links.
    """
    numbers = {id(one) for one in gone}
    for link in held_links():
        ends = [widget for widget, _ in (link.source, link.target) if id(widget) in numbers]
        for widget in ends:
            vars(widget).setdefault("_lent", []).append(link)
        if ends:
            hold_weakly(link)


def _forget_results(shell: Any, gone: list[Widget]) -> None:
    """Takes widgets out of IPython's history of what cells returned."""
    numbers, hook = {id(one) for one in gone}, shell.displayhook
    results = shell.user_ns.get("_oh", {})
    for count in [count for count, value in results.items() if id(value) in numbers]:
        del results[count]
    for names in (shell.user_ns, shell.user_ns_hidden):
        for name, value in list(names.items()):
            if id(value) in numbers and _HISTORY.fullmatch(name):
                names[name] = ""
    for name in ("_", "__", "___"):
        if id(getattr(hook, name, None)) in numbers:
            setattr(hook, name, "")
