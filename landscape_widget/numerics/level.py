"""The line on which values on a grid have a given level."""

from __future__ import annotations

import numpy as np

from landscape_widget.numerics.vectors import FloatArray


def level_segments(
    x: FloatArray, y: FloatArray, values: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Segments where values are ``level``, linearly between nodes; each cell counts as two triangles.

    Args:
        x: Grid coordinates, shape (n,).
        y: Grid coordinates, shape (m,).
        values: Values at (x[j], y[i]), shape (m, n); triangles with one that is not finite are left out.
        level: The level.

    Returns:
        The coordinates of both ends of each segment, and NaN after each pair, shapes (3 k,).
    """
    nodes = np.stack([*np.meshgrid(x, y), values - level], axis=-1)
    a, b, c, d = nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]
    corners = np.concatenate([np.stack(half, axis=2).reshape(-1, 3, 3) for half in ((a, b, c), (a, c, d))])
    corners = corners[np.isfinite(corners).all(axis=(1, 2))]
    others = np.roll(corners, -1, axis=1)
    away, beyond = corners[..., 2], others[..., 2]
    crossed = (away > 0) != (beyond > 0)
    share = np.divide(away, away - beyond, out=np.zeros_like(away), where=crossed)
    ends = corners[..., :2] + share[..., None] * (others - corners)[..., :2]
    pairs = ends[crossed].reshape(-1, 2, 2)  # a triangle has two edges that are crossed, or none
    line = np.concatenate([pairs, np.full((len(pairs), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    return line[:, 0], line[:, 1]
