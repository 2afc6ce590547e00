"""Paths of training, their principal components, and losses between two solutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray, inner
from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.checkpoints import Steps, called
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.tables import brief

#: A path that extends less than this along one axis, as a share of the other one, is a straight line.
_ROUNDING = 1e-12


@equal_by_content
@dataclass(frozen=True, repr=False)
class PathComponents(Table):
    """Principal components of a trajectory: of the differences θᵢ − θ* (Li et al. 2018, Section 7).

    They are the right singular vectors of the matrix that has these differences as its rows. No mean is
    subtracted, so that the axes go through θ*, where the path ends.
    """

    directions: FloatArray
    """The first m components as columns of unit length, shape (N, m)."""
    shares: FloatArray
    """Shares of Σᵢ ‖θᵢ − θ*‖² along all of the components, descending, shape (n,); they add up to 1."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """How many there are, and the shares of the first ones."""
        first = ", ".join(f"{100 * share:.3g} %" for share in self.shares[: self.directions.shape[1]])
        return f"{len(self.shares)} checkpoints, N = {len(self.directions):,}, shares {first}"

    @property
    def columns(self) -> Columns:
        """Columns component, share and cumulative: the scree."""
        n = len(self.shares)
        return {"component": np.arange(1, n + 1), "share": self.shares, "cumulative": np.cumsum(self.shares)}

    def direction(self, rank: int) -> FloatArray:
        """The component of a rank, counted from 1, shape (N,).

        Raises:
            IndexError: If there are not that many.
        """
        m = self.directions.shape[1]
        if not 1 <= rank <= m:
            raise IndexError(
                f"Expected a component from 1 to {m}, got {rank}. A path that lies in {m} dimensions has no "
                "further ones; otherwise ask path_components for a larger k."
            )
        column: FloatArray = self.directions[:, rank - 1]
        return column


@equal_by_content
@dataclass(frozen=True, repr=False)
class Path(Table):
    """A trajectory projected orthogonally to a plane, with its loss where it really is."""

    alpha: FloatArray
    """Coordinate along η of the point of the plane that is nearest to each checkpoint, shape (n,)."""
    beta: FloatArray
    """Coordinate along δ of that point, shape (n,)."""
    off_plane: FloatArray
    """Distance ‖Δθ‖ of each checkpoint from the plane, shape (n,)."""
    distance: FloatArray
    """Distance ‖Δθ‖ of each checkpoint from the plane's origin, shape (n,)."""
    loss: FloatArray
    """The loss of the checkpoint itself, not of its projection, shape (n,); NaN where not finite."""
    step: Steps
    """Step of training of each checkpoint, or what counts those of which nobody told it, shape (n,); NaN for
    what an explorer took from its model."""
    scalars: Mapping[str, FloatArray] = field(default_factory=dict)
    """What was noted beside the checkpoints by name, each of shape (n,); NaN where it was not."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Checkpoints, loss from first to last, and how much of the path the plane shows."""
        first, last = brief(self.loss[0]), brief(self.loss[-1])
        lost = f" ({n} not finite)" if (n := int((~self.finite).sum())) else ""
        share = f"{100 * self.share:.3g} % of ‖Δθ‖² in the plane"
        return f"{len(self.loss)} checkpoints{lost}, loss {first} to {last}, {share}"

    @property
    def columns(self) -> Columns:
        """Columns step, alpha, beta, off_plane, distance, loss, and what was noted."""
        names = ("step", "alpha", "beta", "off_plane", "distance", "loss")
        own = {name: getattr(self, name) for name in names}
        return {**own, **{name: v for name, v in self.scalars.items() if name not in own}}

    @property
    def names(self) -> tuple[str, ...]:
        """What each checkpoint is called: "step 30", or "as given" where nobody told its step."""
        noted = self.scalars.items()
        return tuple(
            called(float(step), {name: float(values[i]) for name, values in noted})
            for i, step in enumerate(self.step)
        )

    @property
    def share(self) -> float:
        """Share of Σᵢ ‖θᵢ − θ*‖² that lies in the plane; 1 for a path that never leaves its origin."""
        distance, off_plane = self.distance[self.finite], self.off_plane[self.finite]
        total = float(inner(distance, distance))
        return 1.0 - float(inner(off_plane, off_plane)) / total if total else 1.0

    @property
    def finite(self) -> npt.NDArray[np.bool_]:
        """Which checkpoints have finite weights, shape (n,); all numbers of the others are NaN."""
        return np.isfinite(self.distance)

    @property
    def domain(self) -> tuple[float, float, float, float]:
        """(α min, α max, β min, β max) around the path and θ*, with a margin of a tenth."""
        low, high = [], []
        alpha, beta = (np.append(c[self.finite], 0.0) for c in (self.alpha, self.beta))
        widths = [float(np.ptp(c)) for c in (alpha, beta)]
        widths = [width if width > _ROUNDING * max(widths) else 0.0 for width in widths]
        for c, width in zip((alpha, beta), widths, strict=True):
            margin = 0.1 * (width or max(widths) or 1.0)
            low.append(float(c.min()) - margin)
            high.append(float(c.max()) + margin)
        return low[0], high[0], low[1], high[1]


@equal_by_content
@dataclass(frozen=True, repr=False)
class Interpolation(Table):
    """Loss and metrics along a way from one solution to another, with the barrier between them.

    The barrier is the largest excess of the loss over the straight line between its two ends,
    max L(t) − [(1 − t)·L(0) + t·L(1)] over the points with 0 ≤ t ≤ 1 (Frankle et al. 2020); 0 where the loss
    nowhere exceeds it.
    """

    t: FloatArray
    """Where on the way, shape (n,): 0 is the first solution, 1 the second."""
    loss: FloatArray
    """The loss there, shape (n,); NaN where not finite."""
    barrier: float
    """Height of the barrier; 0 where it is no more than rounding, NaN where a loss between is not finite."""
    barrier_stderr: float
    """The standard error of the barrier over the draw of the examples, at the point where it is highest; NaN
    where the examples cannot be told apart."""
    barrier_at: float
    """t of its highest point."""
    metrics: Mapping[str, FloatArray] = field(default_factory=dict)
    """Each metric by name, shape (n,)."""
    test: Interpolation | None = None
    """The same on test data; None without any."""
    bend: FloatArray | None = None
    """Control point of a quadratic Bézier curve, shape (N,); None for a straight line."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Way, number of points, and barriers."""
        way = "line" if self.bend is None else "Bézier curve"
        return f"{way}, {len(self.t)} points, {self.barrier_words}"

    @property
    def barrier_words(self) -> str:
        """The barrier in words: "barrier 0.31 ± 0.02 at t = 0.52"."""
        if not self.barrier > 0:
            return "no barrier" if self.barrier == 0 else "no finite barrier"
        error = f" ± {self.barrier_stderr:.2g}" if np.isfinite(self.barrier_stderr) else ""
        return f"barrier {brief(self.barrier)}{error} at t = {brief(self.barrier_at)}"

    @property
    def columns(self) -> Columns:
        """Columns t, loss, the metrics, and the same of the test data with "test_" before their names."""
        columns: dict[str, npt.ArrayLike] = {"t": self.t, "loss": self.loss, **self.metrics}
        if self.test is not None:
            columns |= {f"test_{name}": v for name, v in self.test.columns.items() if name != "t"}
        return columns
