"""A file that follows a computation, so that a kernel which is killed loses some seconds of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from math import inf
from pathlib import Path
from threading import Lock
from time import monotonic
from weakref import WeakValueDictionary
from zipfile import BadZipFile, ZipFile

from landscape_widget.results.files import given_path, open_regular

log = logging.getLogger(__name__)

#: Seconds between two files, at least.
INTERVAL = 5.0

#: And so many times what it took to write the last one: vectors of millions of entries take long.
_SPARING = 20.0

#: Seconds that a new explorer waits while the former one writes: that may wait for what the new one holds.
_PATIENCE = 30.0

#: Writes a file, whole or not at all; calls a function with what takes its place right before it does.
Write = Callable[[Path, Callable[[Path], None]], None]

#: Names of a file's parts with their checksums.
Content = list[tuple[str, int]]


class Autosave:
    """Writes a file now and then, at the end of every computation, and after other changes."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        write: Write,
        ready: Callable[[], bool],
    ) -> None:
        """Writes nothing yet.

        Args:
            path: The file; None for none.
            write: Writes it.
            ready: Whether it can be written without the model, which may be what hangs.

        Raises:
            TypeError: If ``path`` is no path.
            FileNotFoundError: If its folder does not exist.
        """
        try:
            self.path = None if path is None else given_path(path).absolute()
        except TypeError:
            raise TypeError(f"Expected autosave as a path, got {type(path).__name__}.") from None
        if self.path is not None and not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"Expected autosave in a folder that exists, got {os.fspath(self.path)!r}. Make the folder."
            )
        self._write, self._ready = write, ready
        self._place = ""
        self._own: Content | None = None
        self._next = -inf
        self._failed = ""
        self._changed = False
        self._put_off = False
        self._writing = Lock()

    def open(self, load: Callable[[Path], object]) -> bool:
        """Goes on from the file, and returns whether it is there.

        Another explorer of this process that wrote it first writes what has changed, and then no more; it
        keeps the file where ``load`` raises an error.
        """
        if self.path is None:
            return False
        self._place = os.path.realpath(self.path)
        former = _writers.get(self._place)
        with nullcontext() if former is None else former._still():
            there = self.path.exists()
            if there:
                found = self.seen(self.path)
                load(self.path)
                self.take(found)
            _writers[self._place] = self
        return there

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Writes what has changed; nothing is written meanwhile."""
        held = self._writing.acquire(timeout=_PATIENCE)
        try:
            if held and self.path is not None and self._changed and self._ready():
                self._look(self.path)
            yield
        finally:
            if held:
                self._writing.release()

    def seen(self, path: str | os.PathLike[str]) -> Content | None:
        """What is in the file, where a path is the one of it."""
        same = self.path is not None and os.path.realpath(given_path(path)) == os.path.realpath(self.path)
        return _content_of(given_path(path)) if same else None

    def take(self, found: Content | None) -> None:
        """Has the file be the explorer's own, ``seen`` before it was read or after it was written."""
        if found is not None:
            self._own = found

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
        """Writes what has changed since the last time, before its explorer is closed, where it is ready."""
        if self._changed and self._ready():
            self.look(last=True)
        if _writers.get(self._place) is self:
            del _writers[self._place]

    @property
    def due(self) -> bool:
        """Whether ``look`` is to write the file."""
        return self.path is not None and monotonic() >= self._next

    def look(self, last: bool = False) -> None:
        """Writes the file where it is time, or the last time; where that fails, a warning in the log says so.

        A computation goes on without a file: the disk may have room again for the next.
        """
        self._changed = True
        if self.path is None or not (self.due or last):
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
        written: list[Content | None] = []

        def check(part: Path) -> None:
            self._check_own(path)
            written.append(_content_of(part))

        try:
            self._check_own(path)  # before the work
            self._write(path, check)
            (self._own,), self._failed = written, ""
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            if told != self._failed:
                log.warning("Not saved to %s: %s", path, told)
            self._failed, self._changed = told, True
        took = monotonic() - began
        self._next = began + took + max(INTERVAL, _SPARING * took)

    def _check_own(self, path: Path) -> None:
        """Raises a FileExistsError where another explorer, or kernel, has the file by now."""
        writer = _writers.setdefault(self._place, self)  # of one that is closed again the former may go on
        if writer is not self or _content_of(path) not in (None, self._own):
            raise FileExistsError(
                "Expected the file that this explorer wrote last; another explorer has it by now, in this "
                "kernel or another one, and it was left as it is. Give every explorer a file of its own."
            )


#: Who writes which file of this process, by where that is.
_writers: WeakValueDictionary[str, Autosave] = WeakValueDictionary()


def _content_of(path: Path) -> Content | None:
    """What tells a file from others whatever becomes of its date; None where there is none."""
    try:
        with open_regular(path) as file, ZipFile(file) as parts:
            return [(part.filename, part.CRC) for part in parts.infolist()]
    except FileNotFoundError:
        return None
    except BadZipFile:
        return []
