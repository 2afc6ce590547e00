r"""The probability that a random plane shows a saddle, as an integral over a known spectrum.

A plane through θ* with directions from N(0, 1) has the projected Hessian M = [[A, B], [B, C]] of

    A = Σ λ_i z_i²,    C = Σ λ_i w_i²,    B = Σ λ_i z_i w_i,    z_i and w_i from N(0, 1),

and shows a saddle where det M < 0. With m = (A + C)/2 and r = √(((A − C)/2)² + B²), its curvature in the
direction (cos φ, sin φ) is q(φ) = m + r cos(2φ − ψ). On [0, π) it has two zeros where the plane shows a
saddle and none otherwise, so P(saddle) is half of the mean number of zeros. Since M has the same distribution
in rotated coordinates, Rice's formula gives that mean from one direction, with q(0) = A and q′(0) = 2B:

    P(saddle) = ½ · π · E[|q′(0)| δ(q(0))] = π E[|B| δ(A)].                                         (ii)

(Given z, B is normal with variance Σ λ_i² z_i², so (ii) is √(2π) E[δ(Σ λ_i z_i²) √(Σ λ_i² z_i²)].) Fourier
integrals for δ(A) = (1/2π) ∫ exp(itA) dt and |B| = (1/π) ∫ (1 − cos uB)/u² du, the Gaussian mean

    φ(t, u) = E[exp(itA + iuB)] = Π_i (1 − 2itλ_i + u²λ_i²)^(−1/2),

and one integration by parts in u, with −∂φ/∂u = u S φ, give without any approximation

    P(saddle) = (1/π) ∫_{−∞}^{∞} dt ∫_0^∞ du φ(t, u) S(t, u),    S = Σ_i λ_i² / (1 − 2itλ_i + u²λ_i²).   (iii)

The leading orders of log φ are it·tr(H) − (t² + u²/2) tr(H²), with which (iii) becomes
(1/√2) exp(−tr(H)² / (4 tr(H²))). The integrand oscillates where tr(H) is large; shifting t to t + iτ, where τ
is the saddle point Σ λ_i/(1 + 2τλ_i) = 0 between −1/(2λmax) and 1/(2|λmin|), removes that without changing
the integral, and makes even tiny probabilities accurate. For N = 2 and λ₁λ₂ < 0 (iii) is 1; it is 0 where no
two eigenvalues differ in sign.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray

#: Step of the double exponential rule in t and u. Its error falls exponentially, and is below 1e-7 here.
_STEP = 0.2

#: Moments of the smallest eigenvalues that stand for them, and how small their products with what they are
#: multiplied by must be: the terms left out are below 1e-9 of the leading one, which is a hundred at most.
_ORDER, _SMALL = 12, 0.1

#: Largest values of the integrand, times the widths of its variables, that are nothing.
_NOTHING = 1e-14

#: The largest share below a certainty: with eigenvalues of both signs some planes show a saddle, however few.
_NEARLY_ALL = math.nextafter(1.0, 0.0)


def exact_blindness(eigenvalues: npt.ArrayLike, counts: npt.ArrayLike | None = None) -> float:
    """1 − P(saddle) by (iii) for a known spectrum.

    Args:
        eigenvalues: The eigenvalues, shape (K,).
        counts: How many times each occurs, not necessarily whole, shape (K,); default once.

    Raises:
        ValueError: If the two differ in shape, or a count is negative.
    """
    values = np.asarray(eigenvalues, float)
    weights = np.ones_like(values) if counts is None else np.asarray(counts, float)
    if values.ndim != 1 or values.shape != weights.shape or (weights < 0).any():
        raise ValueError(
            f"Expected eigenvalues and counts ≥ 0 of one shape (K,), got {values.shape} and {weights.shape}."
        )
    present = (weights > 0) & (np.abs(values) > 1e-14 * np.abs(values).max(initial=0.0))
    values, weights = values[present], weights[present]
    if not len(values) or values.min() > 0 or values.max() < 0:
        return 1.0
    values = values / np.abs(values).max()  # first, for squares of very small or large ones are none
    values = values / math.sqrt(float(weights @ values**2))
    shift = _saddle_point(values, weights)
    support = _support(values, weights, shift)
    if support is None:
        return _NEARLY_ALL
    (t, dt), (u, du) = support
    # where 2(|t| + |τ|)|λ| and u|λ| stay small, some moments stand for any number of eigenvalues
    small = np.abs(values) * (2 * (t[-1] + abs(shift)) + u[-1]) < _SMALL
    moments = (values[small] ** np.arange(_ORDER + 3)[:, None]) @ weights[small]
    large = values[~small], weights[~small]
    total = 0.0
    rows = max(1, 4_000_000 // (len(u) * (len(large[0]) + 4)))
    for part in np.array_split(np.arange(len(t)), max(1, len(t) // rows)):
        total += float(dt[part] @ _integrand(*large, moments, shift, t[part, None], u[None, :]) @ du)
    # t < 0 gives the complex conjugate, hence twice the real part
    return min(_NEARLY_ALL, max(0.0, 1 - 2 / math.pi * _STEP**2 * total))


def _saddle_point(values: FloatArray, weights: FloatArray) -> float:
    """The root τ of Σ c λ/(1 + 2τλ), which falls from ∞ to −∞ between its poles."""
    low, high = -1 / (2 * values.max()), -1 / (2 * values.min())
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if float((weights * values / (1 + 2 * middle * values)).sum()) > 0:
            low = middle
        else:
            high = middle
    return float((low + high) / 2)


def _integrand(
    values: FloatArray, weights: FloatArray, moments: FloatArray, shift: float, t: FloatArray, u: FloatArray
) -> FloatArray:
    """Re[φ S] at (t + iτ, u), of the shape that t and u broadcast to.

    Of further eigenvalues ``moments`` has Σ c λ^k. There log(1 + aλ + bλ²) = −Σ p_k λ^k / k with the power
    sums p_k = −a p_(k−1) − b p_(k−2) of the roots, and 1/(1 + aλ + bλ²) = Σ h_k λ^k with the same recurrence.
    """
    a, b = 2 * (shift - 1j * t), u**2
    # real parts and imaginary ones apart: a complex logarithm takes six times as long as both of these
    real, imaginary = 1 + a.real[..., None] * values + b[..., None] * values**2, a.imag[..., None] * values
    square = real**2 + imaginary**2
    log_product = _over_eigenvalues(np.log(square), weights / 2) + 1j * _over_eigenvalues(
        np.arctan2(imaginary, real), weights
    )
    ratios = _over_eigenvalues(real / square, weights * values**2) - 1j * _over_eigenvalues(
        imaginary / square, weights * values**2
    )
    if moments.any():
        (p_before, p), (h_before, h) = (2 + 0 * a, -a), (0 * a, 1 + 0 * a)
        for k in range(1, _ORDER + 1):
            log_product = log_product - p * moments[k] / k
            ratios = ratios + h * moments[k + 1]
            p_before, p = p, -a * p - b * p_before
            h_before, h = h, -a * h - b * h_before
    found: FloatArray = (np.exp(-0.5 * log_product) * ratios).real
    return found


def _over_eigenvalues(terms: npt.NDArray[Any], weights: FloatArray) -> npt.NDArray[Any]:
    """The weighted sum over the last dimension, as one product: a BLAS starts its threads for each."""
    shape = terms.shape[:-1]
    return (terms.reshape(math.prod(shape), len(weights)) @ weights).reshape(shape)


def _half_line(x: FloatArray, scale: float = math.inf) -> tuple[FloatArray, FloatArray]:
    """Points t > 0 and dt/dx of the double exponential rule (Takahasi & Mori 1974).

    Equal steps of x crowd where t is small far less than those of log t, and reach as far; beyond ``scale``
    they are equal steps of t.
    """
    log_t = x - np.exp(-x)
    if math.isinf(scale):
        t = np.exp(log_t)
        return t, t * (1 + np.exp(-x))
    softened = np.logaddexp(0.0, log_t - math.log(scale))
    return scale * softened, scale * -np.expm1(-softened) * (1 + np.exp(-x))


def _support(
    values: FloatArray, weights: FloatArray, shift: float
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]] | None:
    """Points and widths of t and of u where the integrand is not below 1e-9 of its largest; None if it is 0.

    It falls like t^(1/2 − n/2) where u² is about t and n is the number of eigenvalues, slowly for small n.
    Far from the largest of them the others turn its phase at their trace: steps of t are short beside that.
    """
    x = np.concatenate([np.arange(-5.0, 6.0), np.arange(6.0, 96.0, 3.0)])
    points, widths = _half_line(x)
    t, u = points[:, None, None], points[None, :, None]
    factors = 1 + 2 * shift * values - 2j * t * values + (u * values) ** 2
    moduli = np.abs(factors)
    size = np.log(widths)[:, None] + np.log(widths) - 0.5 * _over_eigenvalues(np.log(moduli), weights)
    size += np.log(_over_eigenvalues(values**2 / moduli, weights))
    if size.max() < math.log(_NOTHING):
        return None
    inside = size > size.max() - math.log(1e9)
    turning = np.abs(_over_eigenvalues(values / factors, weights).real)
    fast = inside & (turning * widths[:, None] * _STEP > 1)
    scale = 1 / (_STEP * float(turning[fast].max())) if fast.any() else math.inf
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    (first, last), (lower, upper) = _around(x, rows), _around(x, columns)
    if math.isfinite(scale):  # the same t as before
        furthest = points[min(rows[-1] + 1, len(x) - 1)] / scale
        last = math.log(scale) + furthest + math.log(-math.expm1(-furthest)) + 1
    in_t, in_u = np.arange(first, last + _STEP / 2, _STEP), np.arange(lower, upper + _STEP / 2, _STEP)
    return _half_line(in_t, scale), _half_line(in_u)


def _around(x: FloatArray, found: npt.NDArray[np.intp]) -> tuple[float, float]:
    """The coarse step before the first that was found and the one after the last."""
    return float(x[max(found[0] - 1, 0)]), float(x[min(found[-1] + 1, len(x) - 1)])
