"""Splines through ever finer sub-grids of a grid, and by how much each missed the nodes of the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from landscape_widget.numerics.vectors import FloatArray

#: Rows and columns of a sub-grid.
Lines = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Fit:
    """Values on the whole grid, and what the coarser sub-grids had predicted."""

    values: FloatArray
    """The values that were fitted, and splines through them elsewhere; NaN in holes."""
    misses: FloatArray
    """By how much a fitted value differs from what the sub-grids before its own predict (its hierarchical
    surplus); inf where one of the two is a hole, 0 for nodes of the coarsest one and for those not fitted."""
    ragged: Sequence[np.ndarray]
    """For each sub-grid, its cells that have holes at some of their corners and none at others."""


class Hierarchy:
    """A grid with nested sub-grids, each predicted from the one before.

    A value that was not fitted is what the cubic spline through the sub-grid before its own says, where that
    again holds predictions in place of values that were not fitted. So a region that is fitted on coarse
    sub-grids only is as smooth as they are, and one that is fitted down to every node keeps its edges.
    Where nothing was fitted, each spline repeats the one before (their spaces are nested, too).
    """

    def __init__(self, levels: Sequence[Lines]) -> None:
        """Prepares the predictions.

        Args:
            levels: The lines of each sub-grid, at least two in each direction. Each contains those of the one
                before; the last one has them all.
        """
        from scipy.interpolate import CubicSpline  # noqa: PLC0415 - takes as long as a first picture

        def spline(nodes: np.ndarray, lines: np.ndarray) -> FloatArray:
            """The matrix that takes values at nodes to those of their spline at lines."""
            return np.asarray(CubicSpline(nodes, np.eye(len(nodes)))(lines), float)

        self.levels = levels
        self.shape = len(levels[-1][0]), len(levels[-1][1])
        self._splines = [
            (spline(coarse[0], fine[0]), spline(coarse[1], fine[1])) for coarse, fine in pairwise(levels)
        ]
        self._level = np.full(self.shape, len(levels) - 1)
        for level in reversed(range(len(levels))):
            self._level[np.ix_(*levels[level])] = level
        self._cells = [
            (_touched(rows, np.arange(self.shape[0])), _touched(columns, np.arange(self.shape[1])))
            for rows, columns in levels[:-1]
        ]

    def fit(self, values: FloatArray, fitted: np.ndarray) -> Fit:
        """Fits values on part of the grid.

        Args:
            values: Shape of the grid; NaN are holes.
            fitted: Which of them count; all of the coarsest sub-grid must.
        """
        misses = np.zeros(self.shape)
        ragged = []
        found = values[np.ix_(*self.levels[0])]
        for level, lines in enumerate(self.levels):
            if level:
                ragged.append(_ragged(np.isnan(found)))
                expected = self._predicted(level, found)
                own = np.ix_(*lines)
                counts = fitted[own]
                found = np.where(counts, values[own], expected)
                with np.errstate(invalid="ignore", over="ignore"):
                    off = abs(found - expected)
                both = np.isnan(found) & np.isnan(expected)
                off[np.isnan(off)] = np.inf
                new = counts & (self._level[own] == level)
                misses[own] = np.where(new, np.where(both, 0.0, off), misses[own])
        return Fit(found, misses, ragged)

    def around(self, flagged: np.ndarray, ragged: Sequence[np.ndarray] = ()) -> np.ndarray:
        """Says which nodes refine the cells that flagged nodes lie in or border on.

        Those are, in each sub-grid up to the one after a node's own, all nodes of such cells of the one
        before.

        Args:
            flagged: Nodes, shape of the grid.
            ragged: Further cells that are to be refined, for each sub-grid but the last one.
        """
        wanted = np.zeros(self.shape, dtype=bool)
        for level in range(len(self.levels) - 1):
            i, j = np.nonzero(flagged & (self._level >= level))
            rows, columns = self._cells[level]
            shape = (len(self.levels[level][0]) - 1, len(self.levels[level][1]) - 1)
            cells = ragged[level].copy() if len(ragged) else np.zeros(shape, dtype=bool)
            for a in rows:
                for b in columns:
                    cells[a[i], b[j]] = True
            own = np.ix_(*self.levels[level + 1])
            for a in rows:
                for b in columns:
                    wanted[own] |= cells[np.ix_(a, b)][own]
        return wanted

    def _predicted(self, level: int, below: FloatArray) -> FloatArray:
        """What a sub-grid gets from the one before; NaN for what lies next to a hole of that."""
        rows, columns = self._splines[level - 1]
        holes = np.isnan(below)
        if holes.all():
            return np.full((len(rows), len(columns)), np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            expected: FloatArray = rows @ _filled(below, holes) @ columns.T
        if holes.any():
            (above, beneath), (left, right) = (
                _between(coarse, fine)
                for coarse, fine in zip(self.levels[level - 1], self.levels[level], strict=True)
            )
            for a in (above, beneath):
                for b in (left, right):
                    expected[holes[np.ix_(a, b)]] = np.nan
        return expected


def _touched(coarse: np.ndarray, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last cell between coarse lines that each line lies in or borders on."""
    last = len(coarse) - 2
    first = np.clip(np.searchsorted(coarse, lines, "left") - 1, 0, last)
    return first, np.clip(np.searchsorted(coarse, lines, "right") - 1, 0, last)


def _between(coarse: np.ndarray, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The coarse lines before and after each line; twice the same for one that is one of them."""
    return np.searchsorted(coarse, lines, "right") - 1, np.searchsorted(coarse, lines, "left")


def _filled(values: FloatArray, holes: np.ndarray) -> FloatArray:
    """Values with those nearest to them in place of holes."""
    if not holes.any():
        return values
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - only where there are holes

    nearest = distance_transform_edt(holes, return_distances=False, return_indices=True)
    filled: FloatArray = values[tuple(nearest)]
    return filled


def _ragged(holes: np.ndarray) -> np.ndarray:
    """Cells that have holes at some of their corners and none at others."""
    corners = np.stack([holes[:-1, :-1], holes[:-1, 1:], holes[1:, :-1], holes[1:, 1:]])
    return np.asarray(corners.any(axis=0) & ~corners.all(axis=0))
