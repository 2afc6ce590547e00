"""What stands between evaluated nodes, against scipy's implementation of the same rule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from landscape_widget.numerics.interpolation import monotone_cubic


def uneven(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes, and values: any, with plateaus, rising."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, n))
    values[1], values[2] = values[1].round(), np.sort(values[2])
    return np.cumsum(rng.uniform(0.1, 2, n)), values


@pytest.mark.parametrize("n", [2, 3, 4, 9])
@pytest.mark.parametrize("seed", range(20))
def test_the_same_as_scipy(n: int, seed: int) -> None:
    nodes, values = uneven(n, seed)
    x = np.linspace(nodes[0], nodes[-1], 101)
    expected = PchipInterpolator(nodes, values, axis=-1)(x)
    np.testing.assert_allclose(monotone_cubic(x, nodes, values), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_between_two_nodes_nothing_leaves_their_values(seed: int) -> None:
    nodes, values = uneven(7, seed)
    for k in range(6):
        inside = monotone_cubic(np.linspace(nodes[k], nodes[k + 1], 50), nodes, values)
        ends = values[:, k : k + 2]
        assert (inside >= ends.min(axis=1, keepdims=True)).all()
        assert (inside <= ends.max(axis=1, keepdims=True)).all()


def test_nodes_keep_their_values() -> None:
    nodes, values = uneven(9, 0)
    assert np.array_equal(monotone_cubic(nodes, nodes, values), values)


def test_a_gap_ends_at_its_neighbours_and_changes_only_the_slope_there() -> None:
    nodes, values = np.arange(9.0), np.sin(np.arange(9.0))
    x = np.linspace(0, 8, 81)
    whole = monotone_cubic(x, nodes, values)
    values[4] = np.nan
    found = monotone_cubic(x, nodes, values)
    assert np.array_equal(np.isnan(found), (x > 3) & (x < 5))
    far = (x <= 2) | (x >= 6)
    assert np.array_equal(found[far], whole[far])


def test_a_value_alone_between_gaps_stays() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan, 5.0])
    assert np.array_equal(monotone_cubic(np.arange(5.0), np.arange(5.0), values), values, equal_nan=True)
