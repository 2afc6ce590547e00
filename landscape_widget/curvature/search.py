"""When a Lanczos run has all of the wanted pairs, and no eigenvalue beyond them is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from landscape_widget.curvature.certificate import COARSE, FINE, Ends
from landscape_widget.numerics.lanczos import Krylov, Lanczos

#: Probability that a search overlooks an eigenvalue beyond those found, by the bound of ``_excluded``.
OVERLOOKED = 1e-3

#: Products that a search for fine rounding takes beyond twice those that led to coarse rounding.
_MORE = 20


@dataclass(frozen=True)
class Stage:
    """What a Krylov decomposition tells about the wanted ends."""

    values: np.ndarray
    coordinates: np.ndarray
    residuals: np.ndarray
    chosen: np.ndarray
    """Indices of the wanted Ritz values, in descending order of the values."""
    bound: np.ndarray
    """Residuals that count as converged, for the chosen."""
    complete: bool
    floor: float
    """No eigenvalue lies below this, and copies of one that lies on it are not looked for."""

    @property
    def has_copies(self) -> bool:
        """Whether there may be a copy of one of the wanted values beside them.

        The vector that was found of several is the start vector's own part in all of them, so that there is
        nothing of the others in it.
        """
        wanted, others = self.values[self.chosen], np.delete(self.values, self.chosen)
        apart = np.abs(others[:, None] - wanted)
        return bool((apart <= 2 * self.bound).any() or (wanted - self.bound <= self.floor).any())


class Search:
    """Watches a Lanczos process until the wanted pairs are settled and no further one is missing."""

    def __init__(self, process: Lanczos, ends: Ends, floor: float, *, explores: bool = True) -> None:
        """Judges nothing yet.

        Args:
            process: What is watched.
            ends: The pairs that are wanted.
            floor: No eigenvalue lies below this.
            explores: Whether pairs that are settled are followed by a search for further ones.
        """
        self._process, self._ends, self._floor, self._explores = process, ends, floor, explores
        self._targets: tuple[float, float] | None = None
        # half of the rounding that is let pass in the end, since that of the last products comes on top
        self._rounding = 0.5 * FINE
        self._last = math.inf

    def look(self, krylov: Krylov) -> Stage:
        """Judges the present decomposition; sends the process exploring where that is due."""
        ends = self._ends
        values, coordinates, residuals = krylov.ritz()
        m = len(values)
        # at an early stage there are fewer Ritz values than asked for
        top = min(ends.largest, m)
        chosen = np.r_[m - top : m, 0 : min(ends.smallest, m - top)]
        chosen = chosen[np.argsort(-values[chosen], kind="stable")]
        scale = float(np.abs(values).max())
        whole = len(chosen) == ends.total
        if whole and np.all(residuals[chosen] <= ends.bound(values[chosen], 0.5 * COARSE * scale)):
            self._last = min(self._last, 2 * krylov.n_products + _MORE)
        if krylov.n_products >= self._last:
            self._rounding = 0.5 * COARSE
        bound = ends.bound(values[chosen], self._rounding * scale)
        settled = whole and bool(np.all(residuals[chosen] <= bound))
        complete = krylov.exhausted or (settled and not self._explores)
        if settled and not complete:
            complete = self._targets is not None and self._none_beyond(krylov, scale)
            if not complete and (self._targets is None or self._found_more(krylov, scale)):
                self._explore(values, coordinates, residuals, chosen, bound)
        return Stage(values, coordinates, residuals, chosen, bound, complete, self._floor)

    def _explore(
        self,
        values: np.ndarray,
        coordinates: np.ndarray,
        residuals: np.ndarray,
        chosen: np.ndarray,
        bound: np.ndarray,
    ) -> None:
        """Locks what converged, outermost first, so that little is left for the rest to spread over."""
        top, bottom = values[chosen[: self._ends.largest]], values[chosen[self._ends.largest :]]
        self._targets = (
            float(top.min()) if len(top) else np.inf,
            float(bottom.max()) if len(bottom) else -np.inf,
        )
        outward = np.argsort(-np.abs(values - np.median(values)))
        others = [i for i in outward if i not in chosen and residuals[i] <= bound.min()]
        room = max(0, self._process.max_basis // 2 - len(chosen))
        locked = np.r_[chosen, others[:room]].astype(int)
        self._process.explore(coordinates[:, locked], residuals[locked])

    def _beyond(self, scale: float) -> tuple[float, float]:
        """Values from which on an eigenvalue lies beyond the targets, above and below, rounding aside."""
        assert self._targets is not None
        upper, lower = self._targets
        rounding = 1e-9 * max(abs(t) for t in self._targets if np.isfinite(t)) + 2 * self._rounding * scale
        return upper + rounding, lower - rounding

    def _found_more(self, krylov: Krylov, scale: float) -> bool:
        """Whether the space explored holds a value beyond one of the targets."""
        values, _ = krylov.explored_ritz
        upper, lower = self._beyond(scale)
        return bool(values[-1] > upper or values[0] < lower)

    def _none_beyond(self, krylov: Krylov, scale: float) -> bool:
        """Whether the exploration excludes further eigenvalues beyond both targets."""
        if self._found_more(krylov, scale):
            return False
        values, residuals = krylov.explored_ritz
        upper, lower = self._beyond(scale)
        size, steps = self._process.size - krylov.n_locked, krylov.n_explored
        settled = residuals <= self._ends.bound(values, self._rounding * scale)
        above = settled[-1] or _excluded(upper - values[-1], upper - values[0] + residuals[0], size, steps)
        below = (
            lower <= self._floor
            or settled[0]
            or _excluded(values[0] - lower, values[-1] + residuals[-1] - lower, size, steps)
        )
        return bool(above and below)


def _excluded(gap: float, spread: float, size: int, steps: int) -> bool:
    """Whether a random start vector would have shown an eigenvalue that far beyond its Ritz values.

    For a symmetric matrix of order n with eigenvalues in an interval of length ``spread``, the largest
    Ritz value after j Lanczos steps from a vector uniform on the sphere falls short of the largest
    eigenvalue by more than ε · spread with probability at most 1.648 √n exp(−(2j − 1) √ε) (Kuczyński &
    Woźniakowski 1992, Theorem 4.1). Here the eigenvalue in question would lie at the target.
    """
    if not np.isfinite(gap):
        return True  # that end was not asked for
    share = min(1.0, gap / spread) if spread > 0 else 1.0
    return share > 0 and 1.648 * np.sqrt(size) * np.exp(-(2 * steps - 1) * np.sqrt(share)) <= OVERLOOKED
