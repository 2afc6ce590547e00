"""Writing files that are never half written, and tables as CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
import numpy.typing as npt

#: Columns of a table by name, all of one length.
Columns = Mapping[str, npt.ArrayLike]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` once it is complete.

    After an error, or when the process ends half way, ``path`` is what it was before.

    Raises:
        OSError: If the folder is missing or cannot be written to.
    """
    target = Path(path).resolve()
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_csv(path: str | os.PathLike[str], columns: Columns, provenance: Mapping[str, Any]) -> None:
    """One row for each entry, numbers in full; the first line is the provenance as a comment.

    Read it with ``pandas.read_csv(path, comment="#")`` or ``numpy.genfromtxt(path, delimiter=",",
    names=True, skip_header=1)``.

    Args:
        path: Replaced where it exists.
        columns: Names and values, each of shape (K,).
        provenance: What a reader needs to repeat the result.
    """
    with replacing(path) as file:
        file.write(csv_text(columns, provenance).encode())


def csv_text(columns: Columns, provenance: Mapping[str, Any]) -> str:
    """The content of such a file."""
    values = [np.asarray(column) for column in columns.values()]
    text = io.StringIO()
    text.write(f"# {json.dumps(provenance, ensure_ascii=False, default=str)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_flags_as_numbers(column).tolist() for column in values), strict=True))
    return text.getvalue()


def _flags_as_numbers(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return column.astype(int) if column.dtype == bool else column
