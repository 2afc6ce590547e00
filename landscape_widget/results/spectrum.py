"""The spectrum as a whole: estimates of the trace, and the spectral density."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.quantiles import share95, skewed95, student95
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.tables import brief
from landscape_widget.results.words import TRACE

#: Share of the largest |λ| below which an eigenvalue is zero to rounding.
_ROUNDING = 1e-12

#: The names of the methods of estimating the trace, as a person reads them.
TRACE_LABELS = {
    "exact": "exact",
    "deflated": "deflated",
    "hutchinson": "Hutchinson",
    "curvature-fit": "curvature fit",
}


@equal_by_content
@dataclass(frozen=True)
class TraceEstimate:
    """tr(H) and tr(H²) from the same samples, each with its standard error."""

    value: float
    """Estimate of tr(H)."""
    stderr: float
    """Standard error of ``value``; 0 where it is exact, NaN where one sample cannot tell."""
    samples: int
    """Independent samples that the standard errors rest on; N where it is exact."""
    n_hvp: int
    """Hessian-vector products spent; 0 for the curvature fit."""
    square: float
    """Estimate of tr(H²)."""
    square_stderr: float
    """Standard error of ``square``; NaN where it cannot be told."""
    covariance: float = 0.0
    """Covariance of the errors of ``value`` and ``square``."""
    n_loss: int = 0
    """Evaluations of the loss spent (curvature fit)."""
    provenance: Provenance = field(default_factory=dict)
    bias: float = 0.0
    """How much too large ``value`` is, beside its standard error, because the losses of a curvature fit lie
    on no parabola; 0 for the other methods."""

    @property
    def error(self) -> float:
        """Half of the 95 % interval without the bias: Student's quantile times ``stderr``.

        Products tell the variance well enough for that. Of a curvature fit only the sample's variance and
        skewness are known, for which its interval is longer.
        """
        if not self.stderr > 0:
            return self.stderr
        if self.n_loss and self.samples > 1:
            # Cov(mean, s²/2) = μ₃/2n
            skew = 2 * self.covariance / (math.sqrt(self.samples) * self.stderr**3)
            return skewed95(self.samples, skew) * self.stderr
        return student95(max(1, self.samples - 1)) * self.stderr

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of tr(H), on one side as much longer as ``value`` is biased."""
        error = self.error
        return self.value - error - max(self.bias, 0.0), self.value + error - min(self.bias, 0.0)

    @property
    def biased(self) -> bool:
        """Whether the bias is more than a quarter of the standard error, and more than rounding."""
        return abs(self.bias) > max(0.25 * self.stderr, 1e-6 * abs(self.value))

    def __repr__(self) -> str:
        low, high = self.interval
        words = (
            f"{self.value:.6g}, 95 % interval {low:.6g} to {high:.6g}"
            if self.stderr
            else f"{self.value:.10g}, exact"
        )
        if self.biased:
            words += f", biased by about {self.bias:+.2g}"
        method = self.provenance.get("method", TRACE)
        cost = f"{self.n_loss} losses" if self.n_loss else f"{self.n_hvp} products"
        return f"TraceEstimate({words}; {method}, {self.samples} samples, {cost})"


@equal_by_content
@dataclass(frozen=True, repr=False)
class SpectralDensity(Table):
    """The eigenvalue distribution (1/N) Σ_i δ(λ − λ_i) as a weighted set of nodes that integrates to 1."""

    nodes: FloatArray
    """Certified eigenvalues first, then the Ritz values of every probe, shape (K,)."""
    weights: FloatArray
    """Share of the spectrum at each node, shape (K,); they add up to 1."""
    probe: npt.NDArray[np.int_]
    """Which probe a node belongs to, −1 for certified eigenvalues, shape (K,)."""
    n_parameters: int
    """The number of parameters, N."""
    n_hvp: int
    """Products spent, without those of the eigenpairs that it was built on."""
    provenance: Provenance = field(default_factory=dict)
    exhausted: tuple[int, ...] = ()
    """Probes whose nodes are eigenvalues, because their Krylov space is exhausted."""

    @property
    def summary(self) -> str:
        """The range of the spectrum, the mean eigenvalue, and what it rests on."""
        low, high = brief(self.nodes.min()), brief(self.nodes.max())
        probes = f"{self.n_probes} probe" + "s" * (self.n_probes != 1)
        known = f"{len(self.certified)} certified, of {probes}"
        return f"N = {self.n_parameters:,}, {low} to {high}, mean {brief(self.mean)}, {known}"

    @property
    def columns(self) -> Columns:
        """Columns node, weight and probe, with a row for each node."""
        return {"node": self.nodes, "weight": self.weights, "probe": self.probe}

    @property
    def certified(self) -> FloatArray:
        """Eigenvalues that stand in it exactly, with weight 1/N each, shape (m,)."""
        return self.nodes[self.probe < 0]

    @property
    def n_probes(self) -> int:
        """Number of probes."""
        return int(self.probe.max(initial=-1)) + 1

    @property
    def mean(self) -> float:
        """Mean eigenvalue, tr(H)/N."""
        return float(self.weights @ self.nodes)

    @property
    def below_zero(self) -> tuple[float, float]:
        """The 95 % interval of the share of eigenvalues below zero; 0 to 1 where nothing is told.

        No spectrum that the nodes and weights of a probe agree with has less below zero than the nodes there
        but the nearest to it, or more than these and the next one above (Chebyshev, Markov, Stieltjes); that
        is what each bound is here, and beyond it lies the error of random directions. Eigenvalues nearer to
        zero than probes of few products resolve therefore make it long, and it does not guess their sign.
        """
        own = self.n_parameters - len(self.certified)
        negative = int((self.certified < -self._rounding).sum())
        if not own:
            return negative / self.n_parameters, negative / self.n_parameters
        if not self.n_probes:
            return 0.0, 1.0
        low, high = np.mean([self._below_zero_of(probe) for probe in range(self.n_probes)], axis=0)
        directions = own * self.n_probes
        least, most = 1 - share95(1 - float(low), directions), share95(float(high), directions)
        return (negative + own * least) / self.n_parameters, (negative + own * most) / self.n_parameters

    @property
    def _rounding(self) -> float:
        """Up to which size a node is zero."""
        return _ROUNDING * float(np.abs(self.nodes).max())

    def _below_zero_of(self, probe: int) -> tuple[float, float]:
        """Bounds of the share below zero of what a probe sees."""
        order = np.argsort(np.where(self.probe == probe, self.nodes, np.inf))[: (self.probe == probe).sum()]
        nodes, weights = self.nodes[order], self.weights[order] / self.weights[order].sum()
        below, above = weights[nodes < -self._rounding], weights[nodes > self._rounding]
        # a node at zero is the nearest one to either side, and eigenvalues themselves need no bounds
        if len(below) + len(above) < len(nodes) or probe in self.exhausted:
            return float(below.sum()), 1 - float(above.sum())
        return float(below[:-1].sum()), 1 - float(above[1:].sum())

    @property
    def counts(self) -> FloatArray:
        """How many eigenvalues each node stands for, shape (K,); they add up to N."""
        return self.n_parameters * self.weights

    def without(self, probes: Sequence[int]) -> SpectralDensity:
        """Returns the density from all probes but some, for the jackknife."""
        kept = ~np.isin(self.probe, probes)
        others = np.setdiff1d(np.arange(self.n_probes), probes)
        certified = self.probe[kept] < 0
        return replace(
            self,
            nodes=self.nodes[kept],
            weights=self.weights[kept] * np.where(certified, 1.0, self.n_probes / len(others)),
            probe=np.where(certified, -1, np.searchsorted(others, self.probe[kept])),
            exhausted=tuple(i for i, probe in enumerate(others) if probe in self.exhausted),
        )

    def shifted(self, trace: float) -> SpectralDensity:
        """Returns the density with all but the certified eigenvalues moved so far that tr(H) is ``trace``."""
        rest = self.n_parameters - len(self.certified)
        shift = (trace - self.n_parameters * self.mean) / rest if rest else 0.0
        return replace(self, nodes=np.where(self.probe < 0, self.nodes, self.nodes + shift))

    def evaluate(self, grid: npt.ArrayLike, sigma: float) -> FloatArray:
        """Returns the density at eigenvalues of any shape, each node broadened to a normal distribution.

        Args:
            grid: The eigenvalues to evaluate it at.
            sigma: The standard deviation of the normal distribution.
        """
        distance = (np.asarray(grid, float)[..., None] - self.nodes) / sigma
        kernel = np.exp(-0.5 * distance**2) / (sigma * np.sqrt(2 * np.pi))
        density: FloatArray = kernel @ self.weights
        return density

    def curve(self, points: int = 512, broadening: float = 0.005) -> tuple[FloatArray, FloatArray]:
        """Returns eigenvalues and the density there, shapes (points,), for a plot.

        Args:
            points: The number of equidistant eigenvalues, over all nodes and a little beyond.
            broadening: The width of the normal distribution, as a share of the spectrum's width.
        """
        low, high = float(self.nodes.min()), float(self.nodes.max())
        sigma = broadening * ((high - low) or 1.0)
        x = np.linspace(low - 4 * sigma, high + 4 * sigma, points)
        return x, self.evaluate(x, sigma)
