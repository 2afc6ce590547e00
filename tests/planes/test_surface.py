"""Evaluating a plane: orientation, θ* on a node, coarse to fine, holes, nothing evaluated twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import PchipInterpolator

from landscape_widget import Objective, Plane, Surface, evaluate_plane, random_plane
from landscape_widget.planes.grid import MAX_RESOLUTION, Domain, grid_axis

from ..support.cases import FEW, Case, case, quadratic

SQUARE = (-1.0, 1.0, -1.0, 1.0)


def last(steps: Iterator[Surface]) -> Surface:
    return deque(steps, maxlen=1).pop()


class Counted:
    """A function of two variables on its own plane, with the points at which it was evaluated."""

    def __init__(self, f: Any = lambda a, b: a**2 - 3 * b) -> None:
        self.points: list[tuple[float, float]] = []
        self._f = f
        start = torch.zeros(2, dtype=torch.float64)
        self.objective = Objective.from_function(self._evaluate, start)
        self.plane = Plane(origin=np.zeros(2), eta=np.array([1.0, 0.0]), delta=np.array([0.0, 1.0]))
        self.points.clear()

    def _evaluate(self, theta: torch.Tensor) -> torch.Tensor:
        self.points.append((theta[0].item(), theta[1].item()))
        return torch.as_tensor(self._f(theta[0], theta[1]))

    def steps(self, domain: Domain = SQUARE, resolution: int = 9, **keywords: Any) -> Iterator[Surface]:
        return evaluate_plane(self.objective, self.plane, domain, resolution, **keywords)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_rows_are_beta_and_columns_are_alpha(case: Case) -> None:
    """loss[i, j] = L(θ* + alpha[j]·η + beta[i]·δ), by direct evaluation at every node."""
    objective = case.objective()
    plane = random_plane(objective, seed=1)
    surface = last(evaluate_plane(objective, plane, (-0.5, 1.0, -0.2, 0.3), 5))
    origin, eta, delta = (torch.from_numpy(v) for v in (plane.origin, plane.eta, plane.delta))
    for i, beta in enumerate(surface.beta):
        for j, alpha in enumerate(surface.alpha):
            direct = objective.loss(origin + alpha * eta + beta * delta).item()
            assert surface.loss[i, j] == pytest.approx(direct, rel=1e-12)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_the_centre_is_the_loss_at_the_present_weights(case: Case) -> None:
    objective = case.objective()
    surface = last(evaluate_plane(objective, random_plane(objective), SQUARE, 3))
    assert surface.loss[1, 1] == objective.loss().item()


@pytest.mark.parametrize(
    ("low", "high"), [(-1, 1), (-0.4, 0.4), (-0.3, 1.1), (-1, 0), (0, 0.7), (-1e-9, 1), (-0.123, 4.567)]
)
@pytest.mark.parametrize("resolution", [3, 11, 51, 101, MAX_RESOLUTION])
def test_theta_is_a_node(low: float, high: float, resolution: int) -> None:
    axis = grid_axis(low, high, resolution)
    spacing = (high - low) / (resolution - 1)
    assert len(axis) == resolution
    assert (axis == 0).sum() == 1
    np.testing.assert_allclose(np.diff(axis), spacing, rtol=1e-9)
    assert abs(axis[0] - low) <= spacing * 0.5000001


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (-0.4, 0.4), (-3.0, 3.0)])
def test_a_symmetric_domain_stays_where_it_was_asked_for(low: float, high: float) -> None:
    axis = grid_axis(low, high, 51)
    np.testing.assert_allclose(axis[[0, -1]], [low, high], rtol=1e-15)
    assert np.array_equal(axis, -axis[::-1])


def test_a_domain_away_from_theta_is_possible() -> None:
    counted = Counted()
    surface = last(counted.steps((1.0, 2.0, 3.0, 5.0), 5))
    np.testing.assert_allclose(surface.alpha, [1, 1.25, 1.5, 1.75, 2])
    np.testing.assert_allclose(surface.loss, surface.alpha**2 - 3 * surface.beta[:, None])


@pytest.mark.parametrize("resolution", [3, 5, 7, 9, 17, 21])
def test_every_node_is_evaluated_once(resolution: int) -> None:
    counted = Counted()
    surface = last(counted.steps((-0.3, 1.1, -1.0, 1.0), resolution, accuracy=0.0))
    assert surface.final
    assert len(counted.points) == len(set(counted.points)) == resolution**2
    np.testing.assert_allclose(surface.loss, surface.alpha**2 - 3 * surface.beta[:, None], atol=1e-14)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (((-1, 1, -1, 1), 7), ((-1, 1, -1, 1), 7), 7 * 7),
        (((-1, 1, -1, 1), 7), ((-1, 1, -1, 1), 13), 7 * 7),
        (((-1, 1, -1, 1), 13), ((-1, 1, -1, 1), 7), 7 * 7),
        (((-1, 1, -1, 1), 13), ((-0.5, 0.5, -0.5, 0.5), 13), 7 * 7),
        (((-1, 1, -1, 1), 13), ((-2, 2, -2, 2), 13), 7 * 7),
        (((-0.4, 0.4, -0.4, 0.4), 31), ((-0.2, 0.2, -0.2, 0.2), 31), 15 * 15),
        (((-1, 1, -1, 1), 11), ((0, 2, -1, 1), 11), 6 * 11),
        (((-1, 1, -1, 1), 11), ((-1, 1, -2, 2), 11), 11 * 5),
    ],
    ids=["again", "finer", "coarser", "zoom in", "zoom out", "zoom in, decimal", "pan", "one axis only"],
)
def test_only_new_nodes_are_evaluated(first: Any, second: Any, shared: int) -> None:
    counted, cache = Counted(), {}
    last(counted.steps(*first, cache=cache, accuracy=0.0))
    counted.points.clear()
    surface = last(counted.steps(*second, cache=cache, accuracy=0.0))
    assert surface.final
    assert len(counted.points) == second[1] ** 2 - shared
    fresh = last(Counted().steps(*second, accuracy=0.0))
    assert np.array_equal(surface.loss, fresh.loss)


@pytest.mark.parametrize("k", [3, 4])
def test_nodes_are_known_again_in_a_corner(k: int) -> None:
    """Zoomed to a corner, the spacing of its numbers differs by a rounding error from half the former one."""
    counted, cache = Counted(), {}
    last(counted.steps((-0.3, 0.3, -0.3, 0.3), 31, cache=cache, accuracy=0.0))
    counted.points.clear()
    low = k * 0.01
    last(counted.steps((low, low + 0.3, -low - 0.3, -low), 31, cache=cache, accuracy=0.0))
    within = len(range(k + k % 2, 31, 2))  # nodes up to 0.3 that are even multiples of the new spacing
    assert len(counted.points) == 31**2 - within**2


def test_a_run_that_was_left_goes_on_from_its_cache() -> None:
    counted, cache = Counted(), {}
    steps = counted.steps(resolution=17, cache=cache, interval=0.0, accuracy=0.0)
    next(steps)
    next(steps)
    steps.close()
    last(counted.steps(resolution=17, cache=cache, accuracy=0.0))
    assert len(counted.points) == len(set(counted.points)) == 17 * 17


@pytest.mark.parametrize("resolution", [3, 5, 11, 21])
def test_surfaces_are_complete_and_get_better(resolution: int) -> None:
    """interval=0: a surface after every node."""
    counted = Counted()
    surfaces = list(counted.steps(resolution=resolution, interval=0.0))
    for surface in surfaces:
        assert np.isfinite(surface.loss).all()
    for before, after in pairwise(surfaces):
        assert (after.done | ~before.done).all()
        assert after.done.sum() > before.done.sum()
    assert surfaces[0].done.sum() == min(9, resolution**2)
    assert surfaces[-1].final
    assert not any(surface.final for surface in surfaces[:-1])


def test_evaluated_nodes_keep_their_values_and_the_rest_lies_between_neighbours() -> None:
    surfaces = list(Counted(lambda a, b: torch.exp(a - 2 * b)).steps(resolution=17, interval=0.0))
    exact = surfaces[-1].loss
    for surface in surfaces[:-1]:
        assert np.array_equal(surface.loss[surface.done], exact[surface.done])
        evaluated = surface.loss[surface.done]
        assert surface.loss.min() >= evaluated.min() - 1e-12
        assert surface.loss.max() <= evaluated.max() + 1e-12


def test_what_is_interpolated_is_exact_where_the_loss_is_bilinear() -> None:
    """A surface a + b + ab is the same at every stage."""
    steps = Counted(lambda a, b: a + b + a * b).steps((-0.5, 1.0, -1.0, 1.0), 17)
    surfaces = list(steps)
    assert len(surfaces) > 2
    for surface in surfaces:
        np.testing.assert_allclose(surface.loss, surfaces[-1].loss, rtol=0, atol=1e-14)


def test_what_is_interpolated_of_a_curved_loss_is_scipys_monotone_cubic() -> None:
    first = next(Counted(lambda a, b: torch.exp(a - 2 * b) + a * a).steps(resolution=17, interval=9))
    rows, columns = (np.flatnonzero(first.done.any(axis=axis)) for axis in (1, 0))
    nodes = PchipInterpolator(columns, first.loss[np.ix_(rows, columns)], axis=1)(np.arange(17))
    np.testing.assert_allclose(first.loss, PchipInterpolator(rows, nodes)(np.arange(17)), rtol=1e-12)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_a_hole(bad: float) -> None:
    def f(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.where((a > 0.4) & (b < 0), torch.full_like(a, bad), a + b)

    counted, cache = Counted(f), {}
    surface = last(counted.steps(resolution=9, cache=cache))
    hole = (surface.alpha > 0.4) & (surface.beta[:, None] < 0)
    assert np.array_equal(np.isnan(surface.loss), hole)
    assert surface.final
    again = last(counted.steps(resolution=9, cache=cache))
    assert np.array_equal(again.loss, surface.loss, equal_nan=True)
    assert len(counted.points) == 81  # holes are not tried again


def test_a_hole_does_not_spread_to_evaluated_nodes() -> None:
    def f(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.where((a == 1) & (b == 1), torch.full_like(a, torch.nan), a + b)

    for surface in Counted(f).steps(resolution=9, interval=0.0):
        evaluated = surface.done.copy()
        evaluated[-1, -1] = False
        assert np.isfinite(surface.loss[evaluated]).all()


def test_the_minimum_is_the_lowest_evaluated_node() -> None:
    surface = last(Counted(lambda a, b: (a - 0.5) ** 2 + (b + 0.25) ** 2 + 1).steps(resolution=9))
    assert surface.minimum == (0.5, -0.25, 1.0)


def test_interpolated_values_and_holes_are_no_minimum() -> None:
    axis = np.array([-1.0, 0.0, 1.0])
    loss = np.array([[np.nan, 5.0, 4.0], [0.0, 3.0, 6.0], [7.0, 8.0, 9.0]])
    done = np.ones((3, 3), dtype=bool)
    done[1, 0] = False
    assert Surface(axis, axis, loss, done).minimum == (0.0, 0.0, 3.0)
    assert Surface(axis, axis, np.full((3, 3), np.nan), done).minimum is None


def test_theta_is_put_together_in_double_for_a_single_precision_model() -> None:
    """Steps far below the spacing of float32 around θ* still add up to the right grid."""
    theta = torch.full((2,), 1.0)
    objective = Objective.from_function(lambda t: t.double().sum().float(), theta)
    plane = Plane(np.ones(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    surface = last(evaluate_plane(objective, plane, (-1e-9, 1.0, -1.0, 1.0), 3))
    np.testing.assert_allclose(surface.loss, 2 + surface.alpha + surface.beta[:, None], rtol=1e-6)


def test_arguments_are_checked_before_anything_is_evaluated() -> None:
    counted = Counted()
    with pytest.raises(ValueError, match="odd"):
        counted.steps(resolution=10)
    assert not counted.points


def test_provenance() -> None:
    objective = case("dense tanh").objective(dtype=torch.float32)
    surface = last(evaluate_plane(objective, random_plane(objective, seed=8), SQUARE, 3))
    made = surface.provenance
    assert (made["dtype"], made["n_examples"], made["n_parameters"]) == ("float32", 13, 83)
    assert made["plane"]["seed"] == 8
    assert made["axes"] == ("random", "random")


def test_a_quadratic_is_drawn_as_it_is() -> None:
    hessian = torch.tensor([[2.0, 0.5], [0.5, -1.0]], dtype=torch.float64)
    gradient = torch.tensor([0.3, -0.7], dtype=torch.float64)
    objective = quadratic(hessian, gradient, constant=4.0)
    plane = random_plane(objective, seed=3)
    surface = last(evaluate_plane(objective, plane, (-2.0, 2.0, -1.0, 1.0), 7))
    a, b = np.meshgrid(surface.alpha, surface.beta)
    theta = a[..., None] * plane.eta + b[..., None] * plane.delta
    expected = np.einsum("ijk,kl,ijl->ij", theta, hessian.numpy() / 2, theta) + theta @ gradient.numpy() + 4
    np.testing.assert_allclose(surface.loss, expected, rtol=1e-12)


def test_stops_with_the_level_that_has_enough_nodes() -> None:
    objective = quadratic(torch.diag(torch.tensor([1.0, 2.0], dtype=torch.float64)))
    plane = random_plane(objective)
    counts = [
        int(s.done.sum()) for s in evaluate_plane(objective, plane, resolution=33, enough=81, interval=9)
    ]
    assert counts == [9, 25, 81]
