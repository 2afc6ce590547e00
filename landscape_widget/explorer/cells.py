"""Which cells of a notebook show an explorer, and what stays in the notebook of it."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet, ref

from IPython import get_ipython

#: Names under which IPython keeps what cells returned.
_HISTORY = re.compile(r"_{1,3}|_\d+")

#: Of an explorer that computes no more.
_ENDS = ("done", "cancelled", "failed")


class Shown(Protocol):
    """An explorer, as cells know it."""

    status: str
    _still_class: str

    def observe(self, handler: Any, names: Any) -> None:
        """As that of every widget."""

    def wait(self) -> Any:
        """Returns when nothing is computed any more."""

    def cancel(self) -> None:
        """Ends the running computation."""

    def _still(self) -> Mapping[str, str]:
        """A still picture, by MIME type."""

    def _still_key(self) -> object:
        """What is another one where the still picture is."""

    def _later(self, act: Any) -> None:
        """Has the worker do it between two steps."""

    def _let_go(self) -> None:
        """Stops keeping itself for the page."""


def show(explorer: Shown) -> bool:
    """Takes note that the running cell shows an explorer; False where there are no cells."""
    shell = get_ipython()
    if getattr(shell, "kernel", None) is None:
        return False
    if shell not in _notebooks:
        _notebooks[shell] = _Notebook(shell)
    _notebooks[shell].show(explorer)
    return True


class _Notebook:
    """The cells that a kernel has run.

    When a cell is run again, its former outputs are gone. An explorer that no other cell shows is let go
    then, by IPython's history of results, too: it goes on where a variable still holds it, and else it is
    closed.

    Below the explorer a cell has an output with a still picture, which is replaced when a computation ends.
    It is an output of its own, since a host that gets new data for the explorer's makes its view anew. The
    explorer's page hides it.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = ref(shell)
        self._cells: dict[str, WeakSet[Shown]] = {}
        self._new: list[Shown] = []
        self._leaving: WeakSet[Shown] = WeakSet()
        self._unseen: WeakSet[Shown] = WeakSet()
        self._published: WeakKeyDictionary[Shown, object] = WeakKeyDictionary()
        self._publishing = Lock()
        shell.events.register("post_run_cell", self._ended)

    def show(self, explorer: Shown) -> None:
        self._leaving.discard(explorer)
        if explorer not in self._new:
            self._new.append(explorer)

    def _ended(self, result: Any) -> None:
        """A cell has run."""
        now, self._new = self._new, []
        # hosts without numbers of cells: the same code is the same cell
        cell = getattr(result.info, "cell_id", None) or result.info.raw_cell
        before = self._cells.pop(cell, WeakSet())
        if now:
            self._cells[cell] = WeakSet(now)
        still_shown = {explorer for shown in self._cells.values() for explorer in shown}
        self._let_go([explorer for explorer in before if explorer not in still_shown])
        self._free()
        if self._unattended():
            self._unseen.update(now)
        else:
            self._unseen -= set(now)
        for explorer in now:
            explorer.observe(self._on_status, "status")
        for explorer in still_shown & {*now, *self._unseen}:
            if explorer in self._unseen:
                with suppress(RuntimeError):  # it failed, was cancelled or closed, which its output says
                    explorer.wait()
            self._publish(explorer, explorer in now)

    def _on_status(self, change: Any) -> None:
        explorer = change.owner
        if change.new in _ENDS and explorer not in self._leaving and explorer not in self._unseen:
            explorer._later(lambda: self._publish(explorer))

    def _publish(self, explorer: Shown, new: bool = False) -> None:
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

    def _let_go(self, gone: list[Shown]) -> None:
        shell = self._shell()
        if not gone or shell is None:
            return
        _forget_results(shell, gone)
        for explorer in gone:
            explorer._let_go()
            self._leaving.add(explorer)
            if not any(value is explorer for value in shell.user_ns.values()):
                explorer.cancel()  # what it still computes would hold it until the end
        gone.clear()

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


def _forget_results(shell: Any, gone: list[Shown]) -> None:
    """Takes explorers out of IPython's history of what cells returned."""
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
