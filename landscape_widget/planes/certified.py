"""A picture from part of a grid's nodes, with a bound for its error that nodes drawn at random vouch for.

**Refinement.** Every node that is evaluated was predicted from coarser sub-grids before (``hierarchy``). By
how much the prediction missed estimates the error there, and halving a cell halves it even where the loss
has a kink. So the cells around a node are refined while it was missed by more than twice the tolerance;
kinks, cliffs and the borders of holes are refined down to every node, smooth regions are not.

**Tolerance.** It is a share ``accuracy`` of the range of the losses, and where these are all positive also of
the range of their logarithms, whichever is less: so the picture is right on either scale.

**Audit.** When no cell is left to be refined, nodes are drawn at random, with equal chances, from all those
that nothing was fitted to, and are looked at. Where one of them is off by more than its tolerance, all of
them are fitted, the threshold is lowered, and refinement goes on, up to another audit with other nodes.
Otherwise the largest error among them becomes the bound E, of which this is true, whatever the loss:

    With a probability of 0.99, over the draws, at least 90 % of the nodes that then are still interpolated
    are off by at most E.

These are neither evaluated nor known from another picture. Of many nodes 54 are drawn where few are known;
draws of nodes that are known cost nothing and tell little of the others, so that there are the more of them
(``audit``). E is no bound for every single node: a bump that is narrower than the cells and lies between the
nodes is missed.

**Minimum.** The lowest node of all that are known is evaluated together with its neighbours, and so are some
that are predicted to be lower still.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import count

import numpy as np

from landscape_widget.numerics.checks import real, told
from landscape_widget.numerics.hierarchy import Hierarchy
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.audit import next_draws, odds_of, vouches
from landscape_widget.planes.grid import Cache, levels
from landscape_widget.planes.refinement import Node, Refinement, interpolate

#: Tolerance as a share of the range: half a step of a map of 256 colours.
ACCURACY = 0.002

#: Nodes for each axis of the sub-grid that is evaluated whole.
_WHOLE = 9

#: Cells are refined while a node was missed by more than so many tolerances: next, a kink is missed by half.
_THRESHOLD = 2.0

#: The threshold after an audit that was not passed, as a share of that before.
_TIGHTER = 0.7

#: So many nodes at most are evaluated because they are predicted to be lower than all that are known.
_MOST_LOWER = 4

#: Seed of the draws.
_SEED = 0

#: Rounding of a prediction, as a share of the largest loss.
_ROUNDING = 16 * float(np.finfo(float).eps)

#: How many nodes a picture of usual accuracy takes, as far as one can tell before.
USUAL_NODES = 400


class CertifiedRefinement(Refinement):
    """A grid of which as many nodes are asked for as the accuracy needs."""

    def __init__(
        self,
        alpha: FloatArray,
        beta: FloatArray,
        cache: Cache | None = None,
        coarsest: int = 3,
        *,
        accuracy: float,
        always: Sequence[Node] = (),
    ) -> None:
        """Takes over what the cache holds of the grid.

        Args:
            alpha: Coordinates of the columns, shape (nα,).
            beta: Coordinates of the rows, shape (nβ,).
            cache: Losses of this plane that are known already; those told are added to it.
            coarsest: Nodes for each axis of the first sub-grid, up to 9.
            accuracy: The tolerance, as a share of the range, more than 0.
            always: Nodes that are evaluated in any case.
        """
        super().__init__(alpha, beta, cache, coarsest)
        self._accuracy, self._always = accuracy, always
        self._audited: float | None = None
        self._expected = self._loss
        self._plan = self._stages()
        self._wanted = next(self._plan)

    @property
    def n_left(self) -> int:
        """How many more nodes will be asked for, as far as one can tell."""
        missing = int((self._wanted & ~self._done).sum())
        return min(super().n_left, max(missing, USUAL_NODES - self.n_done))

    @property
    def error_bound(self) -> float | None:
        """The largest error in the audit; 0 where every node is known, None as long as there is none."""
        return 0.0 if self._done.all() else self._audited

    def ask(self) -> list[Node]:
        """Returns nodes that the next decision needs and that are not known yet; none when all is decided.

        Those nearest to the centre of the picture come first.
        """
        while not (missing := self._wanted & ~self._done).any():
            further = next(self._plan, None)
            if further is None:
                return []
            self._wanted = further
        return self._from_the_centre(zip(*np.nonzero(missing), strict=True))

    def _stages(self) -> Iterator[np.ndarray]:
        """Yields, again and again, the nodes that must be known before it goes on.

        It goes by the losses of those only, whatever else is known: so it takes the same way again when it is
        resumed.
        """
        fitted = np.zeros(self._loss.shape, dtype=bool)
        for rows, columns in self._levels:
            fitted[np.ix_(rows, columns)] = True
            yield fitted
            self._below = interpolate(self._loss, rows, columns)
            if max(len(rows), len(columns)) >= _WHOLE:
                break
        if fitted.all():
            return
        given = fitted.copy()
        for node in self._always:  # nothing is fitted to them, so that another one changes nothing else
            given[node] = True
        yield given
        hierarchy = Hierarchy(list(levels(self._beta, self._alpha, 3)))
        rng, threshold, looks = np.random.default_rng(_SEED), _THRESHOLD, count(1)
        while True:
            predicted = yield from self._refined(hierarchy, fitted, threshold)
            drawn = yield from self._audit(predicted, fitted, rng, looks)
            if self._audited is not None:
                return
            fitted |= drawn
            threshold *= _TIGHTER

    def _audit(
        self, predicted: FloatArray, fitted: np.ndarray, rng: np.random.Generator, looks: Iterator[int]
    ) -> Generator[np.ndarray, None, np.ndarray]:
        """Holds a picture against nodes drawn at random; takes the bound that they tell, if it is right.

        Returns:
            The nodes drawn.
        """
        order = rng.permutation(fitted.size)  # of all, so that it changes little where other nodes are fitted
        others = order[~fitted.flat[order]]
        n, drawn = 0, np.zeros_like(fitted)
        for look in looks:
            odds = odds_of(look)
            n = next_draws(len(others), n, odds)
            drawn.flat[others[:n]] = True
            yield fitted | drawn
            found = self._loss[drawn]
            errors = _differences(found, predicted[drawn])
            if (errors > self._tolerance(found, self._loss[fitted])).any():
                break
            yield from self._to_the_lowest(fitted | drawn, _MOST_LOWER)
            yield from self._to_the_lowest(self._done.copy(), 0)  # a node that is known may be the lowest
            if vouches(len(others), n, int((~self._done).sum()), odds):
                self._audited = float(errors.max(initial=0.0))
                break
        return drawn

    def _refined(
        self, hierarchy: Hierarchy, fitted: np.ndarray, threshold: float
    ) -> Generator[np.ndarray, None, FloatArray]:
        """Adds nodes to those that are fitted until none was missed by too much; returns the picture then.

        The lowest one is fitted together with its neighbours, so that it is the minimum that it is marked as;
        where the lowest is an interpolated one by more than its tolerance, it is fitted, too.
        """
        lowest: Node | None = None
        while True:
            yield fitted
            losses = self._loss[fitted]
            fit = hierarchy.fit(self._loss, fitted)
            tolerance = self._tolerance(fit.values, losses)
            wanted = hierarchy.around(fit.misses > threshold * tolerance, fit.ragged) & ~fitted
            self._below = self._expected = fit.values
            if np.isfinite(losses).any():
                self._below = fit.values.clip(np.nanmin(losses), np.nanmax(losses))
                if not wanted.any():
                    lowest = _lowest(np.where(fitted, fit.values, fit.values + tolerance), lowest)
                    wanted[_around(lowest)] = True
                    wanted &= ~fitted
            if not wanted.any():
                return self._below
            fitted |= wanted

    def _to_the_lowest(self, seen: np.ndarray, more: int) -> Iterator[np.ndarray]:
        """Has the lowest node of those seen evaluated with its neighbours, and then the next lowest found.

        Args:
            seen: Nodes that are known and count; those evaluated are added.
            more: Nodes that are evaluated at most because they are predicted to be lower still.
        """
        while True:
            heights = np.where(seen & np.isfinite(self._loss), self._loss, np.inf)
            lowest = _lowest(heights, None)
            if np.isinf(heights[lowest]):
                return
            if not seen[_around(lowest)].all():
                seen[_around(lowest)] = True
            else:
                expected = np.where(seen | np.isnan(self._expected), np.inf, self._expected)
                lower = _lowest(expected, None)
                if not more or not expected[lower] < heights[lowest] - _ROUNDING * abs(heights[lowest]):
                    return
                seen[lower] = True
                more -= 1
            yield seen

    def _tolerance(self, values: FloatArray, losses: FloatArray) -> FloatArray:
        """How far values may be off, where these losses tell the range."""
        losses = losses[np.isfinite(losses)]
        if not losses.size:
            return np.zeros_like(values)
        low, high = float(losses.min()), float(losses.max())
        with np.errstate(over="ignore", invalid="ignore"):
            tolerance = np.full_like(values, self._accuracy * high - self._accuracy * low)
            if low > 0:
                relative = self._accuracy * np.log(high / low)
                tolerance = np.fmin(tolerance, relative * np.maximum(values, low))
        return np.maximum(tolerance, _ROUNDING * max(abs(low), abs(high)))


def check_accuracy(accuracy: object) -> float:
    """The tolerance of a picture as a number.

    Raises:
        ValueError: If it is not one from 0 up to, but not including, 1.
    """
    number = real(accuracy)
    if not 0 <= number < 1:
        raise ValueError(
            "Expected accuracy as a share of the range, from 0 (every node is evaluated) to below 1, such "
            f"as 0.002, got {told(accuracy)}."
        )
    return number


def _differences(one: FloatArray, other: FloatArray) -> FloatArray:
    """Tells by how much values differ: 0 for two holes, inf for a hole and a value."""
    with np.errstate(over="ignore", invalid="ignore"):
        off = abs(one - other)
    off[np.isnan(off)] = np.inf
    off[np.isnan(one) & np.isnan(other)] = 0.0
    return off


def _lowest(heights: FloatArray, before: Node | None) -> Node:
    """The lowest node; that of before if none is lower."""
    i, j = np.unravel_index(int(np.nanargmin(heights)), heights.shape)
    return before if before and not heights[i, j] < heights[before] else (int(i), int(j))


def _around(node: Node) -> tuple[slice, slice]:
    """A node and its neighbours."""
    i, j = node
    return np.s_[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2]
