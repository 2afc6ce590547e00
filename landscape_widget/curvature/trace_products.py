"""tr(H) and tr(H²) from products: with all unit vectors, or with probes of what is not deflated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature.deflation import Deflation
from landscape_widget.curvature.operators import Curvature
from landscape_widget.numerics.lanczos import Lanczos, check_squares
from landscape_widget.numerics.probes import Probes
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import Provenance
from landscape_widget.results.spectrum import TraceEstimate

#: Largest part of the space that is deflated, in vectors and in bytes.
_DEFLATED_VECTORS, _DEFLATED_BYTES = 200, 1 << 30


def exact_steps(matrix: Curvature, largest_block: int, interval: float) -> Iterator[TraceEstimate]:
    """Σ eᵢᵀHeᵢ and Σ ‖Heᵢ‖², by products with the identity in blocks."""
    n = matrix.size
    provenance = matrix.provenance("trace", method="exact")
    trace = square = 0.0
    done, block = 0, 1
    while done < n:
        started = monotonic()
        size = min(block, n - done)
        unit = matrix.like.new_zeros(n, size)
        columns = torch.arange(size, device=unit.device)
        unit[done + columns, columns] = 1.0
        products = matrix.product(unit)
        trace += float(products[done + columns, columns].sum())
        square += float((products**2).sum())
        done += size
        if monotonic() - started < interval / 2:
            block = min(2 * block, largest_block)
        if done < n:
            yield TraceEstimate(math.nan, math.nan, done, done, math.nan, math.nan, provenance=provenance)
    yield TraceEstimate(trace, 0.0, n, n, square, 0.0, provenance=provenance)


class ProbeRun:
    """Draws probes, multiplies, and keeps the running estimate."""

    def __init__(self, matrix: Curvature, probes: Probes, provenance: Provenance, interval: float) -> None:
        self._matrix, self._probes, self._provenance = matrix, probes, provenance
        self._interval = interval
        self._normal = provenance["distribution"] == "normal"

    def sample(self, deflation: Deflation, count: int) -> Iterator[TraceEstimate]:
        """Hutchinson's estimate in the complement of a deflated part, by ``count`` products."""
        found, spread = np.empty((3, count)), _Spread()
        done, block = 0, 1
        if deflation.vectors.shape[1] == self._matrix.size:
            yield self._estimate(deflation, found[:, :0], spread)
            return
        while done < count:
            started = monotonic()
            size = min(block, count - done)
            drawn = self._probes.draw(size)
            z = deflation.project(drawn)
            products = self._matrix.product(z)
            deflation.check(z, products)
            inner = deflation.project(products)
            found[:, done : done + size] = _forms(z, products, inner)
            spread.add(drawn * inner)
            done += size
            if monotonic() - started < self._interval / 2:
                block = min(2 * block, self._probes.largest_block)
            yield self._estimate(deflation, found[:, :done], spread)

    def hutch_plus_plus(self, budget: int) -> Iterator[TraceEstimate]:
        """A third of the products to find the range of H, a third to deflate it, the rest to sample."""
        count = min(budget // 3, self._matrix.size)
        sketch: list[Tensor] = []
        found, none, spread = np.empty((3, count)), Deflation.none(self._matrix.like), _Spread()
        for i in range(count):
            z = self._probes.draw(1)
            sketch.append(self._matrix.product(z))
            found[:, i : i + 1] = _forms(z, sketch[-1], sketch[-1])
            spread.add(z * sketch[-1])
            yield self._estimate(none, found[:, : i + 1], spread)
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
            yield self._estimate(none, np.array([[form], [square], [square]]), _Spread())
            krylov = process.step()
        trace = float(np.trace(krylov.projected))
        square = float((krylov.projected**2).sum() + krylov.beta**2)
        deflation = Deflation(krylov.basis, trace, square, krylov.n_products)
        yield from self.sample(deflation, budget - count)

    def _estimate(self, deflation: Deflation, found: FloatArray, spread: _Spread) -> TraceEstimate:
        """The estimate from zᵀPHPz, ‖HPz‖² and ‖PHPz‖² of the probes so far, shape (3, S)."""
        forms, squares, inner = found
        count = len(forms)
        covariance = _mean_covariance(forms, squares)
        if count > 1:
            variance = (2 * float(inner.mean()) if self._normal else spread.variance) / count
            # the forms of different probes may be equal by chance, as of few parameters
            ratio = math.sqrt(variance / covariance[0, 0]) if covariance[0, 0] > 0 else 1.0
            covariance[0, 1] = covariance[1, 0] = ratio * covariance[0, 1]
            covariance[0, 0] = variance
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


class _Spread:
    """The variance of zᵀMz over z of ±1, from the entries of z ∘ Mz, which tell it better than their sums.

    Entry i is M_ii + Σ_{j≠i} M_ij z_i z_j, of variance Σ_{j≠i} M_ij²; that of zᵀMz is 2 Σ_{i≠j} M_ij².
    """

    def __init__(self) -> None:
        self._count, self._squares = 0, 0.0
        self._mean: Tensor | None = None

    def add(self, entries: Tensor) -> None:
        """Takes z ∘ Mz of more probes as columns, by deviations, so that equal ones leave no rounding."""
        size, mean = entries.shape[1], entries.mean(dim=1)
        before = mean if self._mean is None else self._mean
        moved, count = mean - before, self._count + size
        within = float(((entries - mean[:, None]) ** 2).sum())
        self._squares += within + float(moved @ moved) * self._count * size / count
        self._mean, self._count = before + moved * (size / count), count

    @property
    def variance(self) -> float:
        """NaN of a single probe."""
        return 2 * self._squares / (self._count - 1) if self._count > 1 else math.nan


def _forms(z: Tensor, products: Tensor, inner: Tensor) -> FloatArray:
    """zᵀHz, ‖Hz‖² and ‖PHz‖² of columns z, shape (3, k); ``inner`` is PHz."""
    check_squares(products)
    forms = torch.stack([(z * products).sum(dim=0), (products**2).sum(dim=0), (inner**2).sum(dim=0)])
    found: FloatArray = forms.double().cpu().numpy()
    return found


def _mean_covariance(*samples: FloatArray) -> FloatArray:
    """Covariance matrix of the means of S joint samples each; zero without samples, NaN for one."""
    k, count = len(samples), len(samples[0])
    if count < 2:
        return np.full((k, k), np.nan if count else 0.0)
    covariance: FloatArray = np.cov(np.stack(samples), ddof=1).reshape(k, k) / count
    return covariance
