"""Which acts of an explorer the file of ``autosave`` follows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from threading import Timer
from typing import Any
from weakref import ref

from landscape_widget.explorer.along import AlongTheRun
from landscape_widget.explorer.autosave import Autosave
from landscape_widget.export.runs import is_ready
from landscape_widget.study.controls import Controls
from landscape_widget.study.study import Study


class FollowedByAFile(AlongTheRun):
    """Has a file written while it computes, at the end, and after changes of pins and controls."""

    _autosave: Autosave

    def _steps(self, study: Study, controls: Controls, number: int, what: str) -> Generator[None, None, None]:
        steps = super()._steps(study, controls, number, what)
        try:
            for step in steps:
                if self._autosave.due:  # nothing of another loss may go into it
                    study.centre.witness.confirm(controls.examples)
                self._autosave.look()
                yield step
        finally:
            steps.close()
            if not self._worker.closed:
                with suppress(Exception):  # after a cancel or a failure nobody has looked yet
                    if self._autosave.path is not None:
                        study.centre.witness.confirm(controls.examples)
                self._autosave.look(last=True)

    def _send_pins(self) -> None:
        super()._send_pins()
        self._keep()

    def _on_control(self, change: Any) -> None:
        super()._on_control(change)
        self._keep()

    def _keep(self) -> None:
        """Has the file of ``autosave`` written, once it is time, where no computation may come that does."""
        wait = self._autosave.put_off()
        if wait is not None and not self._worker.closed:
            timer = Timer(wait, _look_late, (ref(self),))
            timer.daemon = True
            timer.start()

    def _is_ready(self) -> bool:
        return not self._worker.closed and is_ready(self._study, self._points.centres.begun.known)

    def _arrive(self) -> None:
        if self._autosave.arrive():
            self._keep()

    def close(self) -> None:
        """See ``BackgroundComputing``; first it writes the file of ``autosave`` if that lacks any."""
        if hasattr(self, "_worker") and not (self._worker.closed or self._worker.forked):
            self._autosave.end()
        super().close()


def _look_late(explorer: ref[FollowedByAFile]) -> None:
    """Has the worker write the file of an explorer, if that is still there."""
    there = explorer()
    if there is not None and not there._worker.closed:
        there._later(there._arrive)
