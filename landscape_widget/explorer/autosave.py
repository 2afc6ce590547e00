"""A file that follows a computation, so that a kernel which is killed loses some seconds of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from math import inf
from pathlib import Path
from time import monotonic

log = logging.getLogger(__name__)

#: Seconds between two files, at least.
INTERVAL = 5.0

#: And so many times what it took to write the last one: vectors of millions of entries take long.
_SPARING = 20.0


class Autosave:
    """Writes a file now and then, and at the end of every computation."""

    def __init__(self, path: str | os.PathLike[str] | None, write: Callable[[Path], None]) -> None:
        """Writes nothing yet.

        Args:
            path: The file; None for none.
            write: Writes it, whole or not at all.

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
        self._write = write
        self._next = -inf
        self._failed = False

    def look(self, last: bool = False) -> None:
        """Writes the file where it is time, or the last time; where that fails, a warning in the log says so.

        A computation goes on without a file: the disk may have room again for the next.
        """
        if self.path is None or (monotonic() < self._next and not last):
            return
        began = monotonic()
        try:
            self._write(self.path)
            self._failed = False
        except Exception as error:
            if not self._failed:
                log.warning("Not saved to %s: %s: %s", self.path, type(error).__name__, error)
            self._failed = True
        took = monotonic() - began
        self._next = began + took + max(INTERVAL, _SPARING * took)
