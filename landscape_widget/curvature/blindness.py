r"""The probability that a random plane hides a saddle.

A random plane through θ* has directions η, δ with entries from N(0, 1). In coordinates along the
eigenvectors of H they are z and w with the same distribution, and the projected Hessian (Eq. 19 of
Böttcher & Wheeler 2023) is

    M = [[A, B], [B, C]] = Σ_i λ_i x_i x_iᵀ,    x_i = (z_i, w_i),
    A = Σ λ_i z_i²,    C = Σ λ_i w_i²,    B = Σ λ_i z_i w_i.

The plane shows a saddle where det M < 0.

**Many eigenvalues of similar size.** By the central limit theorem m = (A + C)/2, d = (A − C)/2 and B are
independent and normal with means tr(H), 0, 0 and the same variance σ² = tr(H²). There is a saddle where
|m| < r = √(d² + B²), and r is Rayleigh distributed: P(r > |m|) = exp(−m²/2σ²). The mean over m is

    P(saddle) = (1/√2) exp(−tr(H)² / (4 tr(H²))).                                                    (i)

**Any spectrum.** ``numerics.saddle_integral`` gives it as an integral, (iii), in which the spectrum enters
only by sums over the eigenvalues, which a spectral density gives: Σ_i f(λ_i) = N ∫ f dρ.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from landscape_widget.curvature.density import trace_of
from landscape_widget.numerics.quantiles import student95
from landscape_widget.numerics.saddle_integral import exact_blindness
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.blindness import BlindnessEstimate, SaddleBlindness, measured_blindness
from landscape_widget.results.curvature import ProjectedCurvatures
from landscape_widget.results.given import check_given
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate

#: Parts of the probes that the jackknife leaves out in turn, at most.
JACKKNIFE_GROUPS = 10

#: Quantile of the normal distribution for 95 % intervals.
_Z95 = 1.959964

#: Probabilities nearer to 0 or 1 than this are rounding.
_LEAST = 1e-15


def saddle_blindness(
    projections: ProjectedCurvatures | None = None,
    trace: TraceEstimate | None = None,
    density: SpectralDensity | None = None,
) -> SaddleBlindness:
    """The probability that a random plane shows no saddle, in each way that the arguments allow.

    Args:
        projections: The projections that the measured share is taken from.
        trace: The estimate that the closed form (i) takes.
        density: The density that the integral (iii) takes, which holds where a few eigenvalues dominate too.
            If ``trace`` is given as well, (iii) takes the better of both traces.
    """
    check_given(ProjectedCurvatures | None, projections=projections)
    check_given(TraceEstimate | None, trace=trace)
    check_given(SpectralDensity | None, density=density)
    return SaddleBlindness(
        measured=None if projections is None else measured_blindness(projections),
        closed_form=None if trace is None else gaussian_blindness(trace),
        spectral=None if density is None else spectral_blindness(density, trace),
    )


def gaussian_blindness(trace: TraceEstimate, draws: int = 4000) -> BlindnessEstimate:
    """1 − P(saddle) by (i), with the errors of both traces carried through by Monte Carlo.

    The formula is quadratic in tr(H), so that a linear propagation would report none at tr(H) = 0.
    """
    covariance = np.array(
        [[trace.stderr**2, trace.covariance], [trace.covariance, trace.square_stderr**2]], dtype=float
    )
    best = _gaussian(trace.value, trace.square)
    if not np.isfinite(covariance).all():
        return BlindnessEstimate(float(best), math.nan, 0.0, 1.0)
    # the root of a positive semidefinite matrix, also where a standard error is zero
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    normal = np.random.default_rng(0).standard_normal((2, draws))
    means, squares = np.array([[trace.value], [trace.square]]) + root @ normal
    spread = _gaussian(means, np.maximum(squares, 1e-3 * trace.square))
    low, high = np.quantile(spread, [0.025, 0.975])
    return BlindnessEstimate(float(best), float(spread.std()), float(low), float(high))


def spectral_blindness(density: SpectralDensity, trace: TraceEstimate | None = None) -> BlindnessEstimate:
    """1 − P(saddle) by (iii), with the errors of the density's first two moments.

    A few probes tell the shape of a spectrum well and its mean badly, on which (iii) depends most. So
    the density is shifted to the mean of its own trace and ``trace``, weighted by their variances; then
    its trace is moved through the range of the error that is left, its width by one standard error, and
    its shape by leaving out some of the probes in turn (jackknife). Outliers that are not certified belong to
    the shape: give the density its pairs, or many probes.

    Errors add up on the scale of log p/(1 − p): near 1 the probability itself hardly varies among the
    probes where 1 − p is off by a factor.

    Args:
        density: The density whose uncertified part is shifted.
        trace: A second, independent estimate.
    """
    own = trace_of(density)
    value, stderr = own.value, own.stderr
    # the density's own trace again would count twice
    independent = trace is not None and trace.provenance.get("method") != own.provenance["method"]
    if trace is not None and independent and math.isfinite(trace.stderr) and own.stderr > 0:
        weight = own.stderr**2 / (own.stderr**2 + trace.stderr**2)
        value = weight * trace.value + (1 - weight) * own.value
        stderr = math.sqrt(weight) * trace.stderr
    shifted = density.shifted(value)
    best = exact_blindness(shifted.nodes, shifted.counts)
    if math.isnan(own.square_stderr):  # of probes of too few nodes
        return BlindnessEstimate(best, math.nan, 0.0, 1.0)
    shape, quantile = _shape_error(density, value)
    # an exact trace says nothing of the shape
    low = high = centre = _logit(best)
    spread, of_width = np.array([best]), 0.0
    if stderr > 0:
        steps = np.linspace(-3, 3, 7)
        along = [exact_blindness(density.shifted(value + s * stderr).nodes, density.counts) for s in steps]
        normal = np.sqrt(2) * torch.erfinv(torch.from_numpy(np.linspace(-1, 1, 2003)[1:-1])).numpy()
        spread = np.interp(normal, steps, along)
        low, high = (_logit(float(q)) for q in np.quantile(spread, [0.025, 0.975]))
        # a wider spectrum with the same trace is one with a smaller trace and the same width
        wider = math.sqrt(1 + own.square_stderr / own.square)
        of_width = _logit(float(np.interp(value / wider, value + stderr * steps, along))) - centre
    others = math.hypot(_Z95 * of_width, quantile * shape)
    return BlindnessEstimate(
        probability=best,
        stderr=math.hypot(
            math.sqrt(float(((spread - best) ** 2).mean())), best * (1 - best) * math.hypot(of_width, shape)
        ),
        # rounding must not lift it above the share itself, which is no certainty
        low=min(best, _probability(centre - math.hypot(centre - low, others))),
        high=_probability(centre + math.hypot(high - centre, others)),
    )


def _shape_error(density: SpectralDensity, trace: float) -> tuple[float, float]:
    """Jackknife standard error of log p/(1 − p) by (iii) at a fixed trace, and how many make 95 %.

    The error is 0 where a single probe cannot tell. Many probes are left out in ``JACKKNIFE_GROUPS`` groups,
    so that the cost stays proportional to their number; groups of unequal size m of n probes weigh n/m − 1
    (Busing, Meijer & van der Leeden 1999). The error of so few is as uncertain as Student's t tells.
    """
    n = density.n_probes
    if n < 2:
        return 0.0, 0.0
    groups = np.array_split(np.arange(n), min(n, JACKKNIFE_GROUPS))
    others = [density.without(group.tolist()).shifted(trace) for group in groups]
    left_out = np.array([_logit(exact_blindness(other.nodes, other.counts)) for other in others])
    weights = np.array([n / len(group) - 1 for group in groups])
    error = math.sqrt(float(weights @ (left_out - left_out.mean()) ** 2) / len(groups))
    return error, student95(len(groups) - 1)


def _logit(p: float) -> float:
    """The logarithm of p/(1 − p), to the rounding of p."""
    return math.log(max(p, _LEAST) / max(1 - p, _LEAST))


def _probability(x: float) -> float:
    """The p whose logit is x; 0 and 1 where that is as large as rounding lets it be."""
    return 0.0 if x <= _logit(0.0) else 1.0 if x >= _logit(1.0) else 1 / (1 + math.exp(-x))


def _gaussian(trace: npt.ArrayLike, square: npt.ArrayLike) -> FloatArray:
    trace, square = np.asarray(trace, float), np.asarray(square, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        hidden: FloatArray = 1 - np.exp(-(trace**2) / (4 * square)) / math.sqrt(2)
    # H = 0 is flat in every plane
    return np.where(square == 0, 1.0, hidden)
