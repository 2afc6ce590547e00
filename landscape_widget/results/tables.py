"""Tables of results for those who read them in a notebook, and for pandas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.files import Columns

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: Rows of a table in a notebook; further ones are counted.
_MOST_ROWS = 12


def brief(value: float, digits: int = 4) -> str:
    """A number to so many significant digits, with a true minus sign: "−0.01963"; a dash for NaN."""
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def html_table(columns: Columns, caption: str) -> str:
    """The first rows as an HTML table.

    Args:
        columns: The names and values, all of one length.
        caption: What stands above.
    """
    values = [np.asarray(column) for column in columns.values()]
    n = len(values[0])
    rows = [[_cell(column[i].item()) for column in values] for i in range(min(n, _MOST_ROWS))]
    more = f"<p>and {n - _MOST_ROWS:,} further rows</p>" if n > _MOST_ROWS else ""
    body = "".join(_row("td", row) for row in rows)
    head = _row("th", [escape(name) for name in columns])
    return (
        f"<table><caption>{escape(caption)}</caption><thead>{head}</thead><tbody>{body}</tbody></table>{more}"
    )


def dataframe(columns: Columns, provenance: Mapping[str, Any]) -> pd.DataFrame:
    """The columns as a pandas ``DataFrame``, whose ``attrs`` hold the provenance.

    Raises:
        ImportError: Where pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise ImportError(
            "Expected pandas for to_dataframe(), found none. Run `pip install pandas`, or use columns, "
            "a dict of arrays."
        ) from error
    frame = pd.DataFrame({name: np.asarray(column) for name, column in columns.items()})
    frame.attrs = dict(provenance)
    return frame


def grid_array(
    name: str, alpha: FloatArray, beta: FloatArray, values: FloatArray, provenance: Mapping[str, Any]
) -> xr.DataArray:
    """Values on a grid, shape (nβ, nα), as an xarray ``DataArray``.

    Raises:
        ImportError: Where xarray is not installed.
    """
    try:
        import xarray as xr  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise ImportError(
            "Expected xarray for to_xarray(), found none. Run `pip install xarray`, or use alpha, beta and "
            "loss, which are arrays."
        ) from error
    return xr.DataArray(values, {"beta": beta, "alpha": alpha}, ("beta", "alpha"), name, dict(provenance))


def _row(tag: str, cells: list[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return brief(value) if isinstance(value, float) else escape(str(value))
