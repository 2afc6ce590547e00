"""The folder of a recorder: no process that is killed and no full disk leaves half of anything in it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.paths.diagonals import ENDING, DiagonalFile
from landscape_widget.paths.index import INDEX, Index, read_index, write_index
from landscape_widget.paths.stored import SAFETENSORS
from landscape_widget.results.files import replacing


class RecorderFolder:
    """Checkpoints in a folder, of which the index names those that count.

    A new checkpoint is written first, then the index, and only then is deleted what it does not name. An
    interrupt may come at any line: what is left to do then is done by the next ``settle``.
    """

    def __init__(self, path: Path, take: Callable[[Index], None]) -> None:
        """Makes the folder, where it is not there.

        Args:
            path: The folder, absolute.
            take: Told what counts from now on, whenever that changes.

        Raises:
            OSError: If it cannot be made.
        """
        self.path = path
        self._take = take
        self._content = b""
        """What the index on the disk holds, as its recorder left or found it."""
        self._under_way: Index | None = None
        self._files: set[Path] = set()
        """The checkpoints that its recorder wrote or found and has not deleted."""
        self._counting: set[Path] = set()
        """Those of them that the index names."""
        path.mkdir(parents=True, exist_ok=True)

    @property
    def is_new(self) -> bool:
        """Whether no recorder has written into it."""
        return not (self.path / INDEX).exists()

    @property
    def is_interrupted(self) -> bool:
        """Whether an interrupt came amid what was done last, which ``settle`` ends."""
        return self._under_way is not None

    def open(self) -> Index:
        """Takes what it holds, and returns it.

        Raises:
            ValueError: If its index is damaged, or of a later version.
        """
        index = read_index(self.path)
        self._content = (self.path / INDEX).read_bytes()
        self._take(index)
        self._counting = _sources(index)
        self._files = set(self._counting)
        return index

    def check(self) -> None:
        """Sees to it that nobody has touched the index.

        Raises:
            FileExistsError: If another recorder has written into the folder.
            FileNotFoundError: If what was in it is gone.
        """
        there = self._on_disk()
        if there == self._content:
            return
        kind, why = (
            (FileExistsError, "another one has written into it since. Close one of them, and choose")
            if there
            else (FileNotFoundError, f"its {INDEX} is gone. Make a new recorder, in")
        )
        raise kind(
            f"Expected {str(self.path)!r} as this recorder left or found it, but {why} another folder."
        )

    def write(
        self, number: int, content: bytes, diagonal: FloatArray | None
    ) -> tuple[Path, int, DiagonalFile | None]:
        """Writes a checkpoint that does not count yet: its file, the checksum of that, and what is beside it.

        Raises:
            OSError: If it cannot be written.
        """
        path = self.path / f"{number:08d}{SAFETENSORS}"
        self._files.add(path)
        with replacing(path) as file:
            file.write(content)
        beside = None if diagonal is None else DiagonalFile.written(path.with_suffix(ENDING), diagonal)
        return path, zlib.crc32(content), beside

    def keep(self, index: Index) -> None:
        """Writes what counts from now on; ``settle`` takes it.

        Raises:
            OSError: If it cannot be written; then what counted before does.
        """
        self._under_way = index
        write_index(self.path, index)

    def settle(self) -> None:
        """Takes the index on the disk as what counts, if it is ours, and deletes what it does not name."""
        there = self._on_disk()
        if self._under_way is not None and self._under_way.content == there:
            self._take(self._under_way)
            self._content = there
            self._counting = _sources(self._under_way)
        if there == self._content:
            for path in self._files - self._counting:
                _delete(path)
                self._files.discard(path)
        self._under_way = None

    def _on_disk(self) -> bytes:
        """The index as it is on the disk, nothing where there is none."""
        try:
            return (self.path / INDEX).read_bytes()
        except FileNotFoundError:
            return b""


def _sources(index: Index) -> set[Path]:
    return {recorded.source for _, recorded in index.kept}


def _delete(checkpoint: Path) -> None:
    """Deletes the file of a checkpoint, and what is beside it."""
    for path in (checkpoint, checkpoint.with_suffix(ENDING)):
        path.unlink(missing_ok=True)
