"""A surface as a file that ParaView opens, by pyvista where that is installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.files import check_replaceable, replacing


def write_vts(
    path: str | os.PathLike[str], alpha: FloatArray, beta: FloatArray, values: Mapping[str, npt.ArrayLike]
) -> None:
    """Writes values on a grid, each of shape (nβ, nα), as the structured grid of a *.vts file, in text.

    Raises:
        ImportError: Where pyvista is not installed.
        OSError: If the file cannot be written; then ``path`` is what it was before.
    """
    try:
        import pyvista  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise ImportError(
            "Expected pyvista for to_vts(), found none. Run `pip install pyvista`, or use to_csv(), which "
            "ParaView reads as a table."
        ) from error
    check_replaceable(path)
    a, b = np.meshgrid(alpha, beta)
    grid = pyvista.StructuredGrid(a, b, np.zeros_like(a))
    for name, value in values.items():
        grid.point_data[name] = np.asarray(value).ravel(order="F")  # the order of its points
    with TemporaryDirectory() as folder:
        made = Path(folder) / "grid.vts"
        grid.save(made, binary=False)
        with replacing(path) as file:
            file.write(made.read_bytes())
