"""A file that follows a computation, so that a kernel which is killed loses some seconds of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic

log = logging.getLogger(__name__)

#: Seconds between two files, at least.
INTERVAL = 5.0

#: And so many times what it took to write the last one: vectors of millions of entries take long.
_SPARING = 20.0


class Autosave:
    """Writes a file now and then, at the end of every computation, and after other changes."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        write: Callable[[Path], None],
        fits: Callable[[Path], bool],
    ) -> None:
        """Writes nothing yet.

        Args:
            path: The file; None for none.
            write: Writes it, whole or not at all.
            fits: Whether a file that another one has written is of the same objective.

        Raises:
            TypeError: If ``path`` is no path.
            FileNotFoundError: If its folder does not exist.
        """
        try:
            self.path = None if path is None else Path(path)
        except TypeError:
            raise TypeError(f"Expected autosave as a path, got {type(path).__name__}.") from None
        if self.path is not None and not self.path.absolute().parent.is_dir():
            raise FileNotFoundError(
                f"Expected autosave in a folder that exists, got {os.fspath(self.path)!r}. Make the folder."
            )
        self._write, self._fits = write, fits
        self._own: tuple[int, int, int] | None = None
        self._next = -inf
        self._failed = False
        self._changed = False
        self._once = False
        self._put_off = False
        self._writing = Lock()

    def take(self, path: Path) -> None:
        """Has the file that is there be the explorer's own, since it goes on from it."""
        self._own = _state(path)

    def put_off(self) -> float | None:
        """Takes note of a change; returns the seconds until it is time, None where they are known."""
        self._changed = True
        if self.path is None or self._put_off:
            return None
        self._put_off = True
        return max(0.0, self._next - monotonic())

    def arrive(self) -> bool:
        """Writes what was put off; returns whether it is not written yet, since it is too early again."""
        self._put_off = False
        self.look()
        return self._changed and not self._failed

    def end(self) -> None:
        """Writes what has changed since the last time, before its explorer is closed.

        Where there was no file yet nothing is written, since the model may be what hangs.
        """
        if self._changed and self._once:
            self.look(last=True)

    def look(self, last: bool = False) -> None:
        """Writes the file where it is time, or the last time; where that fails, a warning in the log says so.

        A computation goes on without a file: the disk may have room again for the next.
        """
        self._changed = True
        if self.path is None or (monotonic() < self._next and not last):
            return
        if not self._writing.acquire(blocking=False):  # a thread that waits may hold what the other one needs
            return
        try:
            self._look(self.path)
        finally:
            self._writing.release()

    def _look(self, path: Path) -> None:
        began = monotonic()
        self._changed = False
        try:
            self._check_own(path)
            self._write(path)
            self.take(path)
            self._failed, self._once = False, True
        except Exception as error:
            if not self._failed:
                log.warning("Not saved to %s: %s: %s", path, type(error).__name__, error)
            self._failed = self._changed = True
        took = monotonic() - began
        self._next = began + took + max(INTERVAL, _SPARING * took)

    def _check_own(self, path: Path) -> None:
        """Raises a FileExistsError where another explorer has written the file, of another objective."""
        present = _state(path)
        if present is not None and present != self._own and not self._fits(path):
            raise FileExistsError(
                "Expected the file that this explorer wrote last, found another one, which is not of its "
                "model, data and loss and was left as it is. Give every explorer a file of its own."
            )


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever a file is written; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
