"""What every result shares: tables with their provenance, and numbers with a standard error."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns, csv_text, write_csv
from landscape_widget.results.tables import dataframe, html_table

if TYPE_CHECKING:
    import pandas as pd

BoolArray = npt.NDArray[np.bool_]

#: Seeds, dtypes, numbers of examples, versions: whatever a reader needs to repeat a result.
Provenance = Mapping[str, Any]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a result rests on."""
    packages = ("landscape-widget", "torch", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


#: The version of a library, kept because it is looked up in files and every result carries it.
_version = cache(version)


class Table:
    """A result that is a table: columns by name, and a CSV file of them.

    A dataclass of this kind leaves its ``repr`` to this one, since arrays say little in a line.
    """

    provenance: Provenance

    @property
    def columns(self) -> Columns:
        """Columns by name, all of one length."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """What it says, in a few words."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary})"

    def _repr_html_(self) -> str:
        return html_table(self.columns, repr(self))

    def to_dataframe(self) -> pd.DataFrame:
        """The columns as a pandas ``DataFrame``, whose ``attrs`` hold the provenance.

        Raises:
            ImportError: Where pandas is not installed.
        """
        return dataframe(self.columns, self.provenance)

    @property
    def csv(self) -> str:
        """The text that ``to_csv`` writes."""
        return csv_text(self.columns, self.provenance)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the columns with a line of provenance above, see ``files.write_csv``; replaces ``path``."""
        write_csv(path, self.columns, self.provenance)


@equal_by_content
@dataclass(frozen=True)
class Estimate:
    """A number and its standard error."""

    value: float
    """The estimate."""
    stderr: float
    """One standard deviation of it; NaN where unknown."""

    @classmethod
    def of_mean(cls, samples: FloatArray) -> Estimate:
        """The mean of independent samples, shape (S,)."""
        spread = np.std(samples, ddof=1) if len(samples) > 1 else np.nan
        return cls(float(np.mean(samples)), float(spread / np.sqrt(len(samples))))


def grid_columns(alpha: FloatArray, beta: FloatArray, **values: npt.NDArray[Any]) -> Columns:
    """Coordinates and values, each of shape (nβ, nα), as columns of nβ · nα entries."""
    a, b = np.meshgrid(alpha, beta)
    return {"alpha": a.ravel(), "beta": b.ravel(), **{name: v.ravel() for name, v in values.items()}}
