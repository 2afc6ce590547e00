"""Inner products without the threads of a BLAS."""

from __future__ import annotations

import numpy as np

from landscape_widget.numerics.vectors import inner, norm

RNG = np.random.default_rng(0)


def test_inner_products_of_vectors_and_of_rows() -> None:
    a, b, rows = RNG.normal(size=50), RNG.normal(size=50), RNG.normal(size=(3, 50))
    np.testing.assert_allclose(inner(a, b), a @ b, rtol=1e-12)
    np.testing.assert_allclose(inner(rows, b), rows @ b, rtol=1e-12)
    np.testing.assert_allclose(inner(rows[:, None], rows), rows @ rows.T, rtol=1e-12)
    assert inner(rows.T[:, :0].T, b).shape == (0,)


def test_the_norm_is_numpys() -> None:
    a = RNG.normal(size=50)
    np.testing.assert_allclose(norm(a), np.linalg.norm(a), rtol=1e-12)
    assert norm(np.zeros(3)) == 0
