"""The diagonals of preconditioners that were kept beside checkpoints, in memory or in files."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.files import open_regular, replacing

#: Ending of such a file, in the place of that of the checkpoint's.
ENDING = ".preconditioner.npy"


@dataclass(frozen=True)
class DiagonalFile:
    """A diagonal in a file of numpy's."""

    path: Path
    crc32: int
    """Checksum of the file."""

    @classmethod
    def written(cls, path: Path, diagonal: FloatArray) -> DiagonalFile:
        """Writes a file in float32, as a whole or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        content = BytesIO()
        np.save(content, diagonal.astype(np.float32), allow_pickle=False)
        with replacing(path) as file:
            file.write(content.getvalue())
        return cls(path, zlib.crc32(content.getvalue()))

    def read(self) -> FloatArray:
        """The diagonal in float64, shape (N,).

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it differs from its checksum.
        """
        with open_regular(self.path) as file:
            content = file.read()
        if zlib.crc32(content) != self.crc32:
            raise ValueError("its preconditioner is not what was written: the checksums differ")
        diagonal: FloatArray = np.load(BytesIO(content), allow_pickle=False).astype(float)
        return diagonal
