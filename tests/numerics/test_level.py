"""Lines of one level on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_widget.numerics.level import level_segments


def segments(values: np.ndarray, level: float) -> np.ndarray:
    """Shape (k, 2 ends, 2 coordinates), on nodes that are whole numbers."""
    line = np.stack(
        level_segments(*(np.arange(float(n)) for n in values.shape[::-1]), values, level), axis=-1
    ).reshape(-1, 3, 2)
    assert np.isnan(line[:, 2]).all()
    return line[:, :2]


def test_the_line_of_a_plane_is_exact_and_whole() -> None:
    x, y = np.meshgrid(np.arange(6.0), np.arange(4.0))
    found = segments(x + 2 * y, 4.5)
    np.testing.assert_allclose(found @ [1, 2], 4.5, rtol=1e-12)
    # from (4.5, 0) to (0, 2.25)
    assert np.linalg.norm(np.diff(found, axis=1), axis=-1).sum() == pytest.approx(np.hypot(4.5, 2.25))


def test_at_a_saddle_it_crosses_itself() -> None:
    """x² − y² = 0 on both diagonals, of √2·6 each."""
    x, y = np.meshgrid(np.arange(-3.0, 4), np.arange(-3.0, 4))
    found = segments(x**2 - y**2, 0.0) - 3
    np.testing.assert_allclose(np.abs(found[..., 0]), np.abs(found[..., 1]), atol=1e-12)
    assert {tuple(np.sign(p)) for p in found.reshape(-1, 2)} >= {(1, 1), (1, -1), (-1, 1), (-1, -1)}


def test_there_is_none_beyond_the_values_or_beside_holes() -> None:
    x, y = np.meshgrid(np.arange(3.0), np.arange(3.0))
    assert len(segments(x + y, 9.0)) == 0
    holed = np.where((x == 1) & (y == 1), np.nan, x + y)
    assert len(segments(holed, 1.9)) < len(segments(x + y, 1.9))
    assert np.isfinite(segments(holed, 1.9)).all()
