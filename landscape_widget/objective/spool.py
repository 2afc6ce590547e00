"""What tasks of workers are about: written once, and read once by each thread of a worker."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from tempfile import mkstemp
from threading import local
from typing import Any, cast

from landscape_widget.results.base import library_versions

#: Libraries whose version decides what a task computes.
_DECISIVE = ("landscape-widget", "torch")


@dataclass(frozen=True)
class Snapshot:
    """What tasks are about, such as an objective or a plane, for workers which each read it once."""

    digest: str
    versions: dict[str, str]
    source: str | bytes
    """A file that holds it, or its bytes."""
    kept: int
    """How many of its kind a worker keeps."""
    file: str
    """Where it is found as long as anybody wants what tasks make of it, for workers that see it."""


class Spooled:
    """A snapshot in a file, which workers on this machine see, and its bytes for all others."""

    def __init__(self, folder: str, kept: int, make: Callable[..., Any], *content: Any) -> None:
        """Writes the file.

        Args:
            folder: Where, for as long as workers may read it.
            kept: How many of its kind a worker keeps.
            make: Called by each worker with the content; what it returns is what tasks are given.
            content: What is sent.

        Raises:
            ImportError: Where cloudpickle is not installed.
            ValueError: If the content, such as model, loss or data, cannot be sent to another process.
        """
        pickled = _pickled((make, content))
        digest = blake2b(pickled, digest_size=16).hexdigest()
        # in a file of its own, since a call within another one may be given the same, and forgets it first
        descriptor, name = mkstemp(prefix=digest, dir=folder)
        with open(descriptor, "wb") as file:
            file.write(pickled)
        self._path = Path(name)
        self.by_file = Snapshot(digest, library_versions(), name, kept, name)

    @property
    def whole(self) -> Snapshot:
        """The same with its bytes, for workers that do not see the file."""
        return replace(self.by_file, source=self._path.read_bytes())

    def forget(self) -> None:
        """Removes the file, by which workers see that tasks are not wanted any more."""
        self._path.unlink(missing_ok=True)


#: What each thread of a worker has read, by digest: a model must not be called by two threads at once.
_read = local()


#: Folders in which this process has seen a file, so that one which is not there is gone.
_seen: set[Path] = set()


def is_forgotten(snapshot: Snapshot) -> bool:
    """Whether nobody wants any more what tasks make of it, as far as this process sees files."""
    file = Path(snapshot.file)
    if file.exists():
        _seen.add(file.parent)
        return False
    return file.parent in _seen


def check_versions(snapshot: Snapshot) -> None:
    """Sees that a worker would compute the same.

    Raises:
        RuntimeError: If the snapshot was written by another version of this package or of torch.
    """
    here = library_versions()
    for name in _DECISIVE:
        if here[name] != snapshot.versions[name]:
            raise RuntimeError(
                f"Expected {name} {snapshot.versions[name]} in every worker, as where the tasks come from, "
                f"got {here[name]}. Install that version there."
            )


def made(snapshot: Snapshot) -> Any | None:
    """What a snapshot is of, in a worker; None where it does not see the file."""
    known: dict[str, Any] = vars(_read).setdefault(f"kept {snapshot.kept}", {})
    if snapshot.digest not in known:
        content = snapshot.source
        if isinstance(content, str):
            try:
                content = Path(content).read_bytes()
            except OSError:
                return None
        while len(known) >= snapshot.kept:
            del known[next(iter(known))]
        make, arguments = pickle.loads(content)
        known[snapshot.digest] = make(*arguments)
    return known[snapshot.digest]


def _pickled(content: Any) -> bytes:
    try:
        import cloudpickle  # noqa: PLC0415 - needed with an executor only
    except ImportError as error:
        raise ImportError(
            "Expected cloudpickle for executor=, which sends models of a notebook to other processes. "
            "Install it: `pip install cloudpickle`; loky and Dask bring it."
        ) from error
    try:
        return cast(bytes, cloudpickle.dumps(content))
    except Exception as error:
        raise ValueError(
            f"Expected a model, a loss and data that can be sent to another process, got {error}. Leave out "
            "what holds files, locks or connections, or do without executor."
        ) from error
