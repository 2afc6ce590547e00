"""Regular files, read and never half written, and tables as CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
import numpy.typing as npt

try:
    import fcntl
except ImportError:  # as on Windows, where what a killed writer leaves stays
    fcntl = None  # type: ignore[assignment]

#: Columns of a table by name, all of one length.
Columns = Mapping[str, npt.ArrayLike]


def given_path(path: str | os.PathLike[str]) -> Path:
    """A path as a person gives it, with ``~`` for the home folder.

    Raises:
        TypeError: If it is none.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"Expected path as a string or a pathlib.Path, got {type(path).__name__}.")
    return Path(os.path.expanduser(path))  # pathlib's own fails where no home is known


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading; anything else could block, or never end.

    Raises:
        OSError: If it cannot be opened.
        TypeError: If ``path`` is no path.
        ValueError: If it is no regular file.
    """
    source = given_path(path)
    kind = _other_kind(source.stat())
    if kind:
        raise ValueError(f"Expected a regular file, got {os.fspath(path)!r}, which is {kind}.")
    return source.open("rb")


def check_replaceable(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Sees that a file may take the place of ``path``, and returns what is there now, None for nothing.

    Raises:
        OSError: If it is no regular file, nor a link to one.
        TypeError: If ``path`` is no path.
    """
    try:
        present = given_path(path).stat()
    except FileNotFoundError:
        return None
    kind = _other_kind(present)
    if kind:
        error = IsADirectoryError if stat.S_ISDIR(present.st_mode) else OSError
        raise error(
            f"Expected a path of a regular file, or where there is none yet, got {os.fspath(path)!r}, "
            f"which is {kind}. Choose another path."
        )
    return present


def _other_kind(present: os.stat_result) -> str:
    """What is at a path in words, empty for a regular file."""
    kinds = {
        stat.S_IFREG: "",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(present.st_mode), "a device")


@contextmanager
def replacing(
    path: str | os.PathLike[str], before: Callable[[Path], object] | None = None
) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` once it is complete.

    After an error, or when the process ends half way, ``path`` is what it was before, and what is left of the
    latter is removed by the next writer. A link stays one, and
    the file that it leads to is replaced. A file that was there keeps its mode; a new one gets that of
    ``open``.

    Args:
        path: The file.
        before: Is called with the complete file right before it takes its place, unless it raises.

    Raises:
        OSError: If the folder is missing or cannot be written to, or ``path`` is no regular file.
        TypeError: If ``path`` is no path.
    """
    present = check_replaceable(path)
    target = Path(os.path.realpath(given_path(path)))
    if not target.parent.is_dir():
        folder = str(target.parent)
        raise FileNotFoundError(f"Expected a path in a folder that is there, found no folder {folder!r}.")
    begins = f".{blake2b(os.fsencode(target.name), digest_size=8).hexdigest()}-"
    _clear(target.parent, begins)
    part, lock = target.with_name(f"{begins}{uuid4().hex}.part"), None
    _parts.add(part)
    try:
        with part.open("xb") as file:
            lock = _locked(file)
            if present is not None:
                part.chmod(stat.S_IMODE(present.st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            before(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
        _parts.discard(part)
        if lock is not None:
            os.close(lock)


#: What this process is writing.
_parts: set[Path] = set()


def _locked(file: BinaryIO) -> int | None:
    """Tells others that a file has a writer, until what this returns is closed or the process ends."""
    if fcntl is None:
        return None
    with suppress(OSError):  # a file system may have no locks
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return os.dup(file.fileno())  # the file itself is closed before it is renamed


def _clear(folder: Path, begins: str) -> None:
    """Removes what writers have left that were killed."""
    for part in folder.glob(f"{begins}*.part") if fcntl is not None else ():
        with suppress(OSError):  # it has a writer, or is none of ours
            if part not in _parts and part.stat().st_size:  # an empty one may not be locked yet
                with part.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    part.unlink()


def write_csv(path: str | os.PathLike[str], columns: Columns, provenance: Mapping[str, Any]) -> None:
    """One row for each entry, numbers in full; the first line is the provenance as a comment.

    Read it with ``pandas.read_csv(path, comment="#")`` or ``numpy.genfromtxt(path, delimiter=",",
    names=True, skip_header=1)``.

    Args:
        path: The file to write, replaced where it exists.
        columns: The names and values, each of shape (K,).
        provenance: What a reader needs to repeat the result.
    """
    with replacing(path) as file:
        file.write(csv_text(columns, provenance).encode())


def csv_text(columns: Columns, provenance: Mapping[str, Any]) -> str:
    """Returns what ``write_csv`` writes."""
    values = [np.asarray(column) for column in columns.values()]
    text = io.StringIO()
    text.write(f"# {json.dumps(provenance, ensure_ascii=False, default=str)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_flags_as_numbers(column).tolist() for column in values), strict=True))
    return text.getvalue()


def _flags_as_numbers(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return column.astype(int) if column.dtype == bool else column
