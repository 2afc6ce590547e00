"""The index of a recorder's folder: which checkpoints it holds, and what was noted beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from landscape_widget.numerics.checks import check_integer, real, told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.paths.diagonals import ENDING, DiagonalFile
from landscape_widget.results.checkpoints import called
from landscape_widget.results.files import open_regular, replacing

#: Name of the file in a recorder's folder that lists its checkpoints.
INDEX = "trajectory.json"

#: What that file says it is, and its version.
FORMAT, VERSION = "landscape-widget trajectory", 1


@dataclass(frozen=True)
class Recorded:
    """One checkpoint: where its weights are, and what was noted beside them."""

    source: Any
    """A ``Path``, or the weights themselves."""
    step: int
    """Of training; where nobody told it, one after the checkpoint before, which only puts it in order."""
    scalars: Mapping[str, float] = field(default_factory=dict)
    crc32: int | None = None
    """Checksum of the file, where it is known."""
    told: bool = True
    """Whether ``step`` is one of training."""
    preconditioner: FloatArray | DiagonalFile | None = field(default=None, compare=False)
    """The diagonal of the optimiser's P, shape (N,), or where it is; None where nobody kept it."""
    trained: Mapping[str, int] = field(default_factory=dict, compare=False)
    """How many of its entries belong to which parameter, in their order; empty where nobody told."""

    @property
    def name(self) -> str:
        """What it is called, wherever it is told of."""
        return called(self.step if self.told else math.nan, self.scalars)


#: Key of an entry with the checksum of the diagonal beside a checkpoint, where there is one.
_PRECONDITIONER = "preconditioner"

#: Key of such an entry, too: which of those in the index under this key its parameters are.
_TRAINED = "trained"

#: Checkpoints that are kept, each with its number among all that were recorded.
Kept = list[tuple[int, Recorded]]


@dataclass(frozen=True)
class Index:
    """What a recorder's folder holds."""

    kept: Kept
    """The checkpoints, each with its number among all that were recorded."""
    calls: int
    """Calls of the recorder so far, those that it let pass included."""
    stride: int
    """The number of recorded checkpoints of which one is kept."""

    @cached_property
    def content(self) -> bytes:
        """What its file holds."""
        sizes = [tuple(recorded.trained.items()) for _, recorded in self.kept]
        trained = [*dict.fromkeys(filter(None, sizes))]  # each once, for its names may be many
        entries = [
            {
                "file": recorded.source.name,
                "number": number,
                "step": recorded.step,
                "scalars": dict(recorded.scalars),
                "crc32": recorded.crc32,
                **(
                    {_PRECONDITIONER: recorded.preconditioner.crc32}
                    if isinstance(recorded.preconditioner, DiagonalFile)
                    else {}
                ),
                **({_TRAINED: trained.index(mine)} if mine else {}),
            }
            for (number, recorded), mine in zip(self.kept, sizes, strict=True)
        ]
        content = {
            "format": FORMAT,
            "version": VERSION,
            "calls": self.calls,
            "stride": self.stride,
            **({_TRAINED: [dict(one) for one in trained]} if trained else {}),
            "checkpoints": entries,
        }
        return json.dumps(content, indent=1).encode()


def read_index(folder: Path) -> Index:
    """Reads what a recorder's folder holds.

    Raises:
        FileNotFoundError: If it is none.
        ValueError: If its index is damaged, or of a later version.
    """
    path = folder / INDEX
    try:
        with open_regular(path) as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f"Expected the folder of a TrajectoryRecorder, found no {INDEX} in {str(folder)!r}. Of other "
            "files make a list: Trajectory(sorted(folder.glob('*.pt')))."
        ) from error
    try:
        content = json.loads(text)
        kind, version = content["format"], content["version"]
        if (kind, version) != (FORMAT, VERSION):
            raise ValueError(f"it is of format {told(kind)}, version {told(version)}")
        trained = [_sizes(one) for one in content.get(_TRAINED, [])]  # files of former versions lack it
        return Index(
            [_entry(folder, entry, trained) for entry in content["checkpoints"]],
            check_integer(content["calls"], "calls", 0),
            check_integer(content["stride"], "stride", 1),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"Expected the index of a trajectory of version {VERSION}, got {str(path)!r}, which is "
            f"damaged or of another kind ({type(error).__name__}: {error})."
        ) from error


def was_dropped(recorded: Recorded) -> bool:
    """Whether its file is gone since a recorder keeps it no more: the index beside it does not name it."""
    source = recorded.source
    if not isinstance(source, Path) or source.exists():
        return False
    try:
        named = [kept.source for _, kept in read_index(source.parent).kept]
    except (OSError, ValueError):
        return False
    return source not in named


def _sizes(given: Any) -> dict[str, int]:
    return {str(name): check_integer(size, _TRAINED, 0) for name, size in dict(given).items()}


def _entry(
    folder: Path, entry: Mapping[str, Any], trained: Sequence[Mapping[str, int]]
) -> tuple[int, Recorded]:
    name = entry["file"]
    if not isinstance(name, str) or Path(name).name != name:
        raise ValueError(f"a checkpoint lies elsewhere, in {told(name)}")
    scalars = {str(key): real(value) for key, value in entry["scalars"].items()}
    step, crc32 = check_integer(entry["step"], "step"), check_integer(entry["crc32"], "crc32", 0)
    number = check_integer(entry["number"], "number", 0)
    path, diagonal = folder / name, entry.get(_PRECONDITIONER)
    kept = None if diagonal is None else check_integer(diagonal, _PRECONDITIONER, 0)
    beside = None if kept is None else DiagonalFile(path.with_suffix(ENDING), kept)
    which = check_integer(entry[_TRAINED], _TRAINED, 0, len(trained) - 1) if _TRAINED in entry else None
    sizes = {} if which is None else trained[which]
    return number, Recorded(path, step, scalars, crc32, preconditioner=beside, trained=sizes)


def write_index(folder: Path, index: Index) -> None:
    """Writes the index of a folder, in the place of the one that is there once the new one is complete.

    Raises:
        OSError: If it cannot be written; then the one that is there stays.
    """
    with replacing(folder / INDEX) as file:
        file.write(index.content)


def thinned(kept: Kept, stride: int, most: int | None) -> tuple[Kept, int]:
    """The checkpoints within a budget: the first, every ``stride``-th, and the newest."""
    *before, newest = kept
    while True:
        left = [entry for entry in before if entry[0] % stride == 0]
        if most is None or len(left) < most:
            return [*left, newest], stride
        stride *= 2
