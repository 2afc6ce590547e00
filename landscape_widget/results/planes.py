"""Planes through θ*, and what is known on their grids."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.results.base import BoolArray, Provenance, Table, grid_columns
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.paraview import write_vts
from landscape_widget.results.tables import brief, grid_array

if TYPE_CHECKING:
    import xarray as xr


@equal_by_content
@dataclass(frozen=True, repr=False)
class Plane(Table):
    """The plane θ* + αη + βδ in parameter space."""

    origin: FloatArray
    """θ*, shape (N,)."""
    eta: FloatArray
    """Direction of α, shape (N,)."""
    delta: FloatArray
    """Direction of β, shape (N,)."""
    axes: tuple[str, str] = ("custom", "custom")
    """How the two directions were made, for example ("hessian:max", "random:filter")."""
    provenance: Provenance = field(default_factory=dict)
    variance: tuple[float, float] | None = None
    """Shares of a trajectory's variation along the two axes, see ``PathComponents.shares``; NaN for an axis
    that is none of its components, None where neither is."""

    def __post_init__(self) -> None:
        n = self.origin.shape
        if self.eta.shape != n or self.delta.shape != n:
            raise ValueError(
                f"Expected eta and delta of the shape of origin, {n}, "
                f"got {self.eta.shape} and {self.delta.shape}."
            )

    @property
    def summary(self) -> str:
        """Axes, number of parameters, and the lengths of the directions."""
        eta, delta = map(brief, self.norms)
        return f"{' × '.join(self.axes)}, N = {len(self.origin):,}, ‖η‖ = {eta}, ‖δ‖ = {delta}"

    @property
    def columns(self) -> Columns:
        """Columns origin, eta and delta, with a row for each parameter."""
        return {"origin": self.origin, "eta": self.eta, "delta": self.delta}

    @property
    def norms(self) -> tuple[float, float]:
        """(‖η‖, ‖δ‖): the length in parameter space of one unit of α and of β."""
        return norm(self.eta), norm(self.delta)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of origin and directions: the same for planes that are equal to the last bit only."""
        digest = blake2b(digest_size=16)
        for vector in (self.origin, self.eta, self.delta):
            digest.update(np.ascontiguousarray(vector, float).tobytes())
        return digest.hexdigest()

    def point(self, alpha: float, beta: float) -> FloatArray:
        """θ* + αη + βδ, shape (N,)."""
        point: FloatArray = self.origin + alpha * self.eta + beta * self.delta
        return point


@equal_by_content
@dataclass(frozen=True, repr=False)
class Surface(Table):
    """The loss on a grid of a plane, complete at every stage of refinement."""

    alpha: FloatArray
    """Grid coordinates along η, shape (nα,); 0 is one of them whenever the domain contains 0."""
    beta: FloatArray
    """Grid coordinates along δ, shape (nβ,)."""
    loss: FloatArray
    """``loss[i, j]`` = L(θ* + alpha[j]·η + beta[i]·δ), shape (nβ, nα); NaN where not finite."""
    done: BoolArray
    """True where the loss was evaluated, False where it is interpolated, shape (nβ, nα)."""
    provenance: Provenance = field(default_factory=dict)
    error_bound: float | None = None
    """At least 90 % of the nodes that are not ``done`` are off by at most this, with a probability of 0.99
    over the draws of nodes where it was measured; 0 where all were evaluated, None while it is not known."""

    @property
    def summary(self) -> str:
        """Size, evaluated nodes, domain, and range of the loss."""
        return f"{_grid(self)}, loss {_range(self.loss)}"

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """The loss, shape (nβ, nα), for numpy's functions."""
        if copy is False and dtype is not None and self.loss.dtype != dtype:
            raise ValueError(f"Expected the loss as {np.dtype(dtype)} to be a copy, got copy=False.")
        loss = np.asarray(self.loss, dtype)
        return loss.copy() if copy else loss

    def to_xarray(self) -> xr.DataArray:
        """The loss as an xarray ``DataArray`` over "beta" and "alpha", whose ``attrs`` hold the provenance.

        Raises:
            ImportError: Where xarray is not installed.
        """
        return grid_array("loss", self.alpha, self.beta, self.loss, self.provenance)

    def to_vts(self, path: str | os.PathLike[str]) -> None:
        """Writes α, β and the loss as a file that ParaView opens; its *Warp By Scalar* raises the loss.

        The point data are "loss", NaN for a hole, and "done", 1 where it was evaluated.

        Args:
            path: A name that ends in .vts, replaced where it exists once the new file is complete.

        Raises:
            ImportError: Where pyvista is not installed.
            OSError: If the file cannot be written; then ``path`` is what it was before.
        """
        done = self.done.astype(np.uint8)
        write_vts(path, self.alpha, self.beta, {"loss": self.loss, "done": done})

    @property
    def columns(self) -> Columns:
        """Columns alpha, beta, loss and done, with a row for each node, α running fastest."""
        return grid_columns(self.alpha, self.beta, loss=self.loss, done=self.done)

    @property
    def final(self) -> bool:
        """Whether every node was evaluated, or enough of them for the accuracy asked for."""
        return self.error_bound is not None or bool(self.done.all())

    @property
    def n_evaluated(self) -> int:
        """The number of nodes that were evaluated."""
        return int(self.done.sum())

    @property
    def coverage(self) -> str:
        """How many nodes were evaluated and how right the others are, in words."""
        total = f"{self.done.size:,}"
        if not self.final:
            return f"not finished: {self.n_evaluated:,} of {total} points evaluated, the rest interpolated"
        if self.done.all():
            return f"{total} points"
        words = f"{total} nodes, {self.n_evaluated:,} evaluated"
        finite = self.loss[np.isfinite(self.loss)]
        extent = float(np.ptp(finite)) if finite.size else 0.0
        if not extent or self.error_bound is None:
            return words
        share = max(100 * self.error_bound / extent, 1e-3)
        digit = 10.0 ** math.floor(math.log10(share))
        share = math.ceil(share / digit - 1e-9) * digit
        return f"{words}, 90 % of the others within {share:.3g} % of the range"

    @property
    def minimum(self) -> tuple[float, float, float] | None:
        """(α, β, loss) of the lowest evaluated node, None while there is no finite one."""
        evaluated = np.where(self.done & np.isfinite(self.loss), self.loss, np.inf)
        i, j = np.unravel_index(int(np.argmin(evaluated)), evaluated.shape)
        if not np.isfinite(evaluated[i, j]):
            return None
        return float(self.alpha[j]), float(self.beta[i]), float(self.loss[i, j])


@equal_by_content
@dataclass(frozen=True, repr=False)
class ConvexityMap(Table):
    """Extreme eigenvalues of the full Hessian at the nodes of a plane (Li et al. 2018, Section 6)."""

    alpha: FloatArray
    """Grid coordinates along η, shape (nα,)."""
    beta: FloatArray
    """Grid coordinates along δ, shape (nβ,)."""
    largest: FloatArray
    """λmax at (alpha[j], beta[i]), shape (nβ, nα); NaN where not computed or not finite."""
    smallest: FloatArray
    """λmin at (alpha[j], beta[i]), shape (nβ, nα); NaN where not computed or not finite."""
    converged: BoolArray
    """Whether both are certified to the tolerance asked for, shape (nβ, nα)."""
    done: BoolArray
    """True where computed, shape (nβ, nα)."""
    n_hvp: int
    """Hessian-vector products spent."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Size, computed nodes, domain, and the ranges of both ends."""
        ends = f"λmax {_range(self.largest)}, λmin {_range(self.smallest)}"
        return f"{_grid(self)}, {ends}, {self.n_hvp:,} products"

    @property
    def columns(self) -> Columns:
        """Columns alpha, beta, largest, smallest, converged, done, a row for each node, α running fastest."""
        return grid_columns(
            self.alpha,
            self.beta,
            largest=self.largest,
            smallest=self.smallest,
            converged=self.converged,
            done=self.done,
        )

    @property
    def ratio(self) -> FloatArray:
        """|λmin/λmax|, shape (nβ, nα): near 0 where the loss is nearly convex; NaN where unknown."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: FloatArray = np.abs(self.smallest / self.largest)
        return ratio

    @property
    def final(self) -> bool:
        """Whether every node was computed."""
        return bool(self.done.all())


def _grid(result: Surface | ConvexityMap) -> str:
    """Size of a grid, how much of it is there, and where it lies."""
    rows, columns = result.done.shape
    a, b = (f"{brief(axis[0])} to {brief(axis[-1])}" for axis in (result.alpha, result.beta))
    return f"{rows}×{columns} nodes, {int(result.done.sum()):,} evaluated, α {a}, β {b}"


def _range(values: FloatArray) -> str:
    finite = values[np.isfinite(values)]
    return f"{brief(finite.min())} to {brief(finite.max())}" if len(finite) else "nowhere finite"
