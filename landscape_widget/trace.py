"""The trace of the Hessian, and of its square, by random probes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from landscape_widget.checks import check_integer, check_seed
from landscape_widget.deflation import Deflation
from landscape_widget.lanczos import Lanczos
from landscape_widget.objective import Objective
from landscape_widget.operators import Curvature, curvature
from landscape_widget.probes import Probes
from landscape_widget.results import EigenPairs, FloatArray, Provenance, TraceEstimate

METHODS = ("hutchinson", "hutch++", "deflated", "curvature-fit")

#: The paper's curvature fit: equidistant α and the half-width of their interval.
FIT_POINTS, FIT_HALF_WIDTH = 50, 0.05

#: Largest part of the space that is deflated, in vectors and in bytes.
_DEFLATED_VECTORS, _DEFLATED_BYTES = 200, 1 << 30


def hessian_trace(
    objective: Objective,
    method: str = "hutchinson",
    samples: int = 100,
    seed: int = 0,
    *,
    distribution: str | None = None,
    operator: str = "hessian",
    pairs: EigenPairs | None = None,
) -> TraceEstimate:
    """Estimates tr(H) at θ* with a standard error, and tr(H²) from the same samples.

    For an orthonormal Q, shape (N, m), and P = 1 − QQᵀ, exactly

        tr(H) = tr(QᵀHQ) + tr(PHP),    tr(H²) = ‖HQ‖² + ‖HP‖²,

    and the second terms are the means of zᵀPHPz and ‖HPz‖² over probes z with E[zzᵀ] = 1. The methods
    differ in Q:

    - "hutchinson": none. The variance of a sample is 2 tr(H²) for normal probes (Eq. 25) and
      2 Σ_{i≠j} H_ij² for Rademacher probes.
    - "hutch++": the range of H on a third of the products (Meyer et al. 2021).
    - "deflated": the vectors of ``pairs``, at no cost, or else a Krylov basis for half of the products:
      QᵀHQ is then the Lanczos matrix T, and ‖HQ‖² = ‖T‖² + β². Best for a few large eigenvalues.
    - "curvature-fit": no products. A parabola is fitted to L(θ* + αη) at 50 equidistant α in
      [−0.05, 0.05] along normal η; the mean of its second derivative estimates tr(H) (Section III B), and
      half of its variance over the directions tr(H²), since Var(ηᵀHη) = 2 tr(H²). Terms of fourth order
      of L in α bias it, which the standard error does not show.

    Args:
        objective: L; H is its Hessian at θ*. Computed in float64 where the device allows.
        method: One of the four.
        samples: Products in all; directions for "curvature-fit". The samples of a seed are nested.
        seed: Of the probes. "curvature-fit" and "hutchinson" with normal probes use the same vectors.
        distribution: "rademacher" (default, smaller variance) or "normal"; "curvature-fit" needs normal.
        operator: "hessian", "ggn", "fisher" or "empirical-fisher".
        pairs: Eigenpairs of the same operator, for "deflated".

    Raises:
        ValueError: For an unknown name, too few samples, or pairs that do not fit.
    """
    steps = trace_steps(
        objective, method, samples, seed, distribution=distribution, operator=operator, pairs=pairs
    )
    return deque(steps, maxlen=1).pop()


def trace_steps(
    objective: Objective,
    method: str = "hutchinson",
    samples: int = 100,
    seed: int = 0,
    *,
    distribution: str | None = None,
    operator: str = "hessian",
    pairs: EigenPairs | None = None,
    interval: float = 0.1,
) -> Iterator[TraceEstimate]:
    """As ``hessian_trace``, yielding what is known after about every ``interval`` seconds.

    While a deflating method still collects its Q, it yields plain Hutchinson estimates.
    """
    if method not in METHODS:
        raise ValueError(f"Expected method as one of {', '.join(METHODS)}, got {method!r}.")
    samples, seed = check_integer(samples, "samples"), check_seed(seed)
    least = {"hutch++": 6, "deflated": 4}.get(method, 2)
    if samples < least:
        raise ValueError(
            f"Expected samples to be at least {least} for method={method!r}, because a standard error takes "
            f"two probes, got {samples}."
        )
    fit = method == "curvature-fit"
    distribution = distribution or ("normal" if fit else "rademacher")
    probes = Probes(objective.n_parameters, distribution, seed, "trace", objective.precise().theta)
    if fit:
        if distribution != "normal" or operator != "hessian":
            raise ValueError("Expected normal probes and operator='hessian' for method='curvature-fit'.")
        return _fit(objective.precise(), probes, samples, seed, interval)
    if pairs is not None and (method != "deflated" or len(pairs.vectors) != objective.n_parameters):
        raise ValueError(
            f"Expected pairs of {objective.n_parameters} parameters with method='deflated', got "
            f"{len(pairs.vectors)} parameters with method={method!r}."
        )
    matrix = curvature(objective, operator)
    provenance = matrix.provenance("trace", method=method, distribution=distribution, seed=seed)
    run = _Run(matrix, probes, provenance, interval)
    if method == "hutchinson":
        return run.sample(Deflation.none(matrix.like), samples)
    if method == "hutch++":
        return run.hutch_plus_plus(samples)
    if pairs is not None:
        return run.sample(Deflation.of_pairs(matrix, pairs), samples)
    return run.krylov_deflated(samples)


class _Run:
    """Draws probes, multiplies, and keeps the running estimate."""

    def __init__(self, matrix: Curvature, probes: Probes, provenance: Provenance, interval: float) -> None:
        self._matrix, self._probes, self._provenance = matrix, probes, provenance
        self._interval = interval

    def sample(self, deflation: Deflation, count: int) -> Iterator[TraceEstimate]:
        """Hutchinson's estimate in the complement of a deflated part, by ``count`` products."""
        forms, squares = np.empty(count), np.empty(count)
        done, block = 0, 1
        if deflation.vectors.shape[1] == self._matrix.size:
            yield self._estimate(deflation, forms[:0], squares[:0])
            return
        while done < count:
            started = monotonic()
            size = min(block, count - done)
            z = deflation.project(self._probes.draw(size))
            products = self._matrix.product(z)
            forms[done : done + size] = (z * products).sum(dim=0).cpu()
            squares[done : done + size] = (products**2).sum(dim=0).cpu()
            done += size
            if monotonic() - started < self._interval / 2:
                block = min(2 * block, self._probes.largest_block)
            yield self._estimate(deflation, forms[:done], squares[:done])

    def hutch_plus_plus(self, budget: int) -> Iterator[TraceEstimate]:
        """A third of the products to find the range of H, a third to deflate it, the rest to sample."""
        count = min(budget // 3, self._matrix.size)
        sketch: list[Tensor] = []
        forms, squares = np.empty(count), np.empty(count)
        for i in range(count):
            z = self._probes.draw(1)
            product = self._matrix.product(z)
            sketch.append(product)
            forms[i], squares[i] = float((z * product).sum()), float((product**2).sum())
            yield self._estimate(Deflation.none(self._matrix.like), forms[: i + 1], squares[: i + 1])
        deflation = Deflation.of_range(self._matrix, torch.cat(sketch, dim=1), count)
        yield from self.sample(deflation, budget - deflation.n_hvp)

    def krylov_deflated(self, budget: int) -> Iterator[TraceEstimate]:
        """Half of the products for a Krylov basis, the rest to sample its complement."""
        n = self._matrix.size
        room = min(_DEFLATED_VECTORS, _DEFLATED_BYTES // (n * self._matrix.like.element_size()))
        count = min(budget // 2, max(room, 1), n)
        start = self._probes.draw(1)[:, 0]
        process = Lanczos(self._matrix.product, start, max_basis=count, keep=0)
        norm2 = float(start @ start)
        krylov = process.step()
        first = krylov
        for _ in range(count - 1):
            form = norm2 * float(first.projected[0, 0])
            square = norm2 * float(first.projected[0, 0] ** 2 + first.beta**2)
            none = Deflation(self._matrix.like.new_empty(n, 0), 0.0, 0.0, krylov.n_products - 1)
            yield self._estimate(none, np.array([form]), np.array([square]))
            krylov = process.step()
        trace = float(np.trace(krylov.projected))
        square = float((krylov.projected**2).sum() + krylov.beta**2)
        deflation = Deflation(krylov.basis, trace, square, krylov.n_products)
        yield from self.sample(deflation, budget - count)

    def _estimate(self, deflation: Deflation, forms: FloatArray, squares: FloatArray) -> TraceEstimate:
        count = len(forms)
        covariance = _mean_covariance(forms, squares)
        return TraceEstimate(
            value=deflation.trace + (float(forms.mean()) if count else 0.0),
            stderr=math.sqrt(covariance[0, 0]),
            samples=count,
            n_hvp=deflation.n_hvp + count,
            square=deflation.square + (float(squares.mean()) if count else 0.0),
            square_stderr=math.sqrt(covariance[1, 1]),
            covariance=float(covariance[0, 1]),
            provenance=self._provenance,
        )


def _mean_covariance(*samples: FloatArray) -> FloatArray:
    """Covariance matrix of the means of S joint samples each; zero without samples, NaN for one."""
    k, count = len(samples), len(samples[0])
    if count < 2:
        return np.full((k, k), np.nan if count else 0.0)
    covariance: FloatArray = np.cov(np.stack(samples), ddof=1).reshape(k, k) / count
    return covariance


def _fit(
    objective: Objective, probes: Probes, samples: int, seed: int, interval: float
) -> Iterator[TraceEstimate]:
    alpha = np.linspace(-FIT_HALF_WIDTH, FIT_HALF_WIDTH, FIT_POINTS)
    centre = objective.loss().item()
    # least squares is linear in the losses: this row takes them to the second derivative
    to_curvature = 2 * np.linalg.pinv(np.vander(alpha, 3))[0]
    provenance = objective.provenance(
        "trace", operator="hessian", method="curvature-fit", distribution="normal", seed=seed
    )
    fitted = np.empty(samples)
    shown = monotonic()
    for i in range(samples):
        eta = probes.draw(1)[:, 0]
        losses = [objective.loss(objective.theta + a * eta).item() - centre for a in alpha]
        fitted[i] = to_curvature @ np.array(losses)
        if monotonic() - shown >= interval or i == samples - 1:
            shown = monotonic()
            yield _fit_estimate(fitted[: i + 1], 1 + (i + 1) * FIT_POINTS, provenance)


def _fit_estimate(fitted: FloatArray, n_loss: int, provenance: Provenance) -> TraceEstimate:
    """tr(H) from the mean of the second derivatives, tr(H²) from half of their variance."""
    count, mean = len(fitted), float(fitted.mean())
    deviations = fitted - mean
    variance = float(deviations @ deviations) / (count - 1) if count > 1 else math.nan
    fourth = float((deviations**4).mean())
    # Var(s²) = (μ₄ − σ⁴ (n − 3)/(n − 1)) / n, and Cov(mean, s²) = μ₃ / n
    of_variance = (
        max(0.0, (fourth - variance**2 * (count - 3) / (count - 1)) / count) if count > 1 else math.nan
    )
    return TraceEstimate(
        value=mean,
        stderr=math.sqrt(variance / count),
        samples=count,
        n_hvp=0,
        square=variance / 2,
        square_stderr=math.sqrt(of_variance) / 2,
        covariance=float((deviations**3).mean()) / count / 2,
        n_loss=n_loss,
        provenance=provenance,
    )
