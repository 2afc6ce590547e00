"""Which nodes of a grid are evaluated next, and the picture that those known so far give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from landscape_widget.numerics.interpolation import monotone_cubic
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.grid import Cache, cache_keys, levels

#: A node of a grid by its row and column: the loss at (alpha[j], beta[i]) has the indices (i, j).
Node = tuple[int, int]


class Refinement:
    """A grid that is refined by halves: asks for nodes, and is told their losses.

    It knows neither models nor threads; whoever has a function f of (α, β) drives it by ::

        while nodes := refinement.ask():
            refinement.tell(nodes, [f(*refinement.point(node)) for node in nodes])

    What was asked for may be told in any order and in any parts, and need not be told at all: what is asked
    next, and so the picture in the end, depends on the losses only.
    """

    def __init__(
        self, alpha: FloatArray, beta: FloatArray, cache: Cache | None = None, coarsest: int = 3
    ) -> None:
        """Takes over what the cache holds of the grid.

        Args:
            alpha: Coordinates of the columns, shape (nα,).
            beta: Coordinates of the rows, shape (nβ,).
            cache: Losses of this plane that are known already; those told are added to it.
            coarsest: Nodes for each axis of the first sub-grid.
        """
        self._alpha, self._beta = alpha, beta
        self._keys = cache_keys(beta), cache_keys(alpha)
        self._cache = {} if cache is None else cache
        self._loss = np.full((len(beta), len(alpha)), np.nan)
        self._done = np.zeros(self._loss.shape, dtype=bool)
        for i, b in enumerate(self._keys[0]):
            for j, a in enumerate(self._keys[1]):
                known = self._cache.get((a, b))
                if known is not None:
                    self._loss[i, j], self._done[i, j] = known, True
        self._levels = list(levels(beta, alpha, coarsest))
        self._level = 0
        self._below: FloatArray | None = None

    @property
    def n_done(self) -> int:
        """How many nodes are known."""
        return int(self._done.sum())

    @property
    def n_left(self) -> int:
        """How many more nodes will be asked for."""
        return self._done.size - self.n_done

    @property
    def error_bound(self) -> float | None:
        """0 where every node is known, else None."""
        return None if self.n_left else 0.0

    @property
    def done(self) -> np.ndarray:
        """Which nodes are known, shape (nβ, nα)."""
        return self._done.copy()

    @property
    def has_picture(self) -> bool:
        """Whether every node has a value, evaluated or interpolated."""
        return self._below is not None or bool(self._done.all())

    def point(self, node: Node) -> tuple[float, float]:
        """Returns (α, β) of a node."""
        i, j = node
        return float(self._alpha[j]), float(self._beta[i])

    def ask(self) -> list[Node]:
        """Returns the nodes of the coarsest sub-grid that is not known yet; none when all of them are.

        Those nearest to the centre of the picture come first, where people look first.
        """
        while True:
            rows, columns = self._levels[self._level]
            nodes = [(i, j) for i in rows.tolist() for j in columns.tolist() if not self._done[i, j]]
            if nodes:
                return self._from_the_centre(nodes)
            self._below = interpolate(self._loss, rows, columns)
            if self._level == len(self._levels) - 1:
                return []
            self._level += 1

    def tell(self, nodes: Sequence[Node], losses: Iterable[float]) -> None:
        """Takes note of losses at nodes; a loss that is not finite is NaN, and a hole in the picture."""
        for (i, j), loss in zip(nodes, losses, strict=True):
            self._loss[i, j] = self._cache[self._keys[1][j], self._keys[0][i]] = loss
            self._done[i, j] = True

    def picture(self) -> FloatArray:
        """Returns the losses, shape (nβ, nα), interpolated where they are not known.

        Interpolated values rest on whole sub-grids, and never go beyond those of their neighbours.
        """
        return self._loss.copy() if self._below is None else np.where(self._done, self._loss, self._below)

    def _from_the_centre(self, nodes: Iterable[Node]) -> list[Node]:
        """Nodes by their distance from the centre of the picture."""
        i0, j0 = (len(self._beta) - 1) / 2, (len(self._alpha) - 1) / 2
        found = [(int(i), int(j)) for i, j in nodes]
        return sorted(found, key=lambda node: float(np.hypot(node[0] / i0 - 1, node[1] / j0 - 1)))


def interpolate(loss: FloatArray, rows: np.ndarray, columns: np.ndarray) -> FloatArray:
    """Interpolates along rows, then along columns, between the nodes of a sub-grid; holes stay holes."""
    n_rows, n_columns = loss.shape
    along = monotone_cubic(np.arange(n_columns), columns, loss[np.ix_(rows, columns)])
    return monotone_cubic(np.arange(n_rows), rows, along.T).T
