"""Curves through what was evaluated that stay between neighbouring values."""

from __future__ import annotations

import numpy as np

from landscape_widget.numerics.vectors import FloatArray


def monotone_cubic(x: np.ndarray, nodes: np.ndarray, values: FloatArray) -> FloatArray:
    """Piecewise cubics through ``values`` at ``nodes``, evaluated at ``x``.

    Between two nodes they rise or fall as the values do (Fritsch & Butland 1984), so nothing is lower
    than the lowest node or higher than the highest. A node without a value leaves a gap up to its
    neighbours and changes nothing beyond them. The same as scipy's ``PchipInterpolator``, which takes
    longer to import than a first picture takes.

    Args:
        x: Shape (n,), within the nodes.
        nodes: Increasing, shape (m,), m ≥ 2.
        values: Shape (..., m), NaN where there is none.

    Returns:
        Shape (..., n).
    """
    steps = np.diff(nodes)
    secants = np.diff(values) / steps
    slopes = _slopes(steps, secants)
    # beside a gap a cell has the slope of its own secant
    left, right = (np.where(np.isnan(own), secants, own) for own in (slopes[..., :-1], slopes[..., 1:]))
    cell = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(steps) - 1)
    h, t = steps[cell], (x - nodes[cell]) / steps[cell]
    rise = t * t * (3 - 2 * t)
    bend = left[..., cell] * t * (1 - t) ** 2 - right[..., cell] * t * t * (1 - t)
    start, end = values[..., cell], values[..., cell + 1]
    between = start + h * (secants[..., cell] * rise + bend)
    between = np.clip(between, np.minimum(start, end), np.maximum(start, end))  # rounding
    return np.where(t == 0, start, np.where(t == 1, end, between))  # a node keeps its value beside a gap


def _slopes(steps: np.ndarray, secants: FloatArray) -> FloatArray:
    """One for each node; NaN beside a gap."""
    if secants.shape[-1] == 1:
        return np.repeat(secants, 2, axis=-1)
    before, after = secants[..., :-1], secants[..., 1:]
    a, b = steps[1:] + 2 * steps[:-1], 2 * steps[1:] + steps[:-1]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        mean = (a + b) / (b / before + a / after)
    inner = np.where(np.sign(before) * np.sign(after) <= 0, 0.0, mean)
    first = _end_slope(steps[0], steps[1], secants[..., 0], secants[..., 1])
    last = _end_slope(steps[-1], steps[-2], secants[..., -1], secants[..., -2])
    return np.concatenate([first[..., None], inner, last[..., None]], axis=-1)


def _end_slope(h: float, h_next: float, secant: FloatArray, next_secant: FloatArray) -> FloatArray:
    """Slope of the parabola through the last three nodes, as far as the curve then keeps its direction."""
    slope = ((2 * h + h_next) * secant - h * next_secant) / (h + h_next)
    slope = np.where(np.sign(slope) * np.sign(secant) <= 0, 0.0, slope)
    steep = (np.sign(secant) * np.sign(next_secant) < 0) & (abs(slope) > 3 * abs(secant))
    return np.where(steep, 3 * secant, slope)
