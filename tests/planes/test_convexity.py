"""|λmin/λmax| over a plane against dense spectra."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import torch

from landscape_widget import ConvexityMap, Objective, Plane, convexity_map, hessian_eigenpairs, random_plane
from landscape_widget.planes.convexity import convexity_steps

from ..support.cases import case
from ..support.executors import InPlace

pytestmark = pytest.mark.oracle

DOMAIN = (-0.5, 0.5, -0.4, 0.4)


def spectra(objective: Objective, plane: Plane, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """λmax and λmin at every node, shape (nβ, nα, 2)."""
    identity = torch.eye(objective.n_parameters, dtype=torch.float64)
    points = [[torch.from_numpy(plane.point(a, b)) for a in alpha] for b in beta]
    return np.array(
        [[np.linalg.eigvalsh(objective.hvp(identity, p))[[-1, 0]] for p in row] for row in points]
    )


@cache
def of_a_network() -> tuple[Objective, Plane, ConvexityMap]:
    objective = case("dense tanh").objective()
    plane = random_plane(objective, seed=3)
    return objective, plane, convexity_map(objective, plane, DOMAIN, 3)


def test_every_node() -> None:
    objective, plane, found = of_a_network()
    exact = spectra(objective, plane, found.alpha, found.beta)
    assert found.final
    assert found.converged.all()
    np.testing.assert_allclose(found.largest, exact[..., 0], rtol=1e-3)
    np.testing.assert_allclose(found.smallest, exact[..., 1], rtol=1e-3)
    np.testing.assert_allclose(found.ratio, np.abs(exact[..., 1] / exact[..., 0]), rtol=2e-3)


def test_an_eigenvalue_that_overtakes_is_found() -> None:
    """The largest and the smallest one cross others at α = 0, where each search starts from the old ones."""
    bulk = torch.from_numpy(0.3 * np.random.default_rng(0).normal(size=60))

    def f(theta: torch.Tensor) -> torch.Tensor:
        x, a = theta[:-1], theta[-1]
        ends = torch.stack([1 + a, 1 - a, -1 - a / 2, -1 + a / 2])
        return 0.5 * (torch.cat([ends, bulk]) * x**2).sum()

    n = 65
    objective = Objective.from_function(f, torch.zeros(n, dtype=torch.float64))
    plane = Plane(origin=np.zeros(n), eta=np.eye(n)[-1], delta=np.eye(n)[10])
    found = convexity_map(objective, plane, (-0.5, 0.5, -0.1, 0.1), 5)
    np.testing.assert_allclose(found.largest, 1 + np.abs(found.alpha) + 0 * found.beta[:, None], rtol=1e-3)
    np.testing.assert_allclose(
        found.smallest, -1 - np.abs(found.alpha) / 2 + 0 * found.beta[:, None], rtol=1e-3
    )


def test_it_grows_from_the_centre_and_is_cheaper_than_starting_anew() -> None:
    objective = case("dense tanh").objective()
    steps = list(convexity_steps(objective, random_plane(objective), (-0.1, 0.1, -0.1, 0.1), 5))
    assert [int(s.done.sum()) for s in steps] == list(range(1, 26))
    assert steps[0].done[2, 2]
    assert steps[8].done[1:4, 1:4].all()
    alone = hessian_eigenpairs(objective).n_hvp
    assert steps[0].n_hvp == alone
    assert steps[-1].n_hvp < 0.9 * 25 * alone


def test_a_node_without_curvature_is_a_hole() -> None:
    def f(theta: torch.Tensor) -> torch.Tensor:
        return torch.log(theta[0] + 1.5) + theta[0] ** 2 - theta[1] ** 2

    objective = Objective.from_function(f, torch.zeros(2, dtype=torch.float64))
    plane = Plane(origin=np.zeros(2), eta=np.array([1.0, 0]), delta=np.array([0, 1.0]))
    found = convexity_map(objective, plane, (-2, 2, -2, 2), 5)
    assert found.final
    np.testing.assert_allclose(found.smallest[:, 2:], -2, rtol=1e-6)
    assert found.converged[:, 1:].all()


def test_by_workers_it_is_the_same() -> None:
    """Bit for bit whoever takes the nodes and in whatever order; of this thread's products by rounding."""
    objective, plane, here = of_a_network()
    alone, threads = (
        convexity_map(objective, plane, DOMAIN, 3, executor=executor)
        for executor in (InPlace(), ThreadPoolExecutor(2))
    )
    assert threads.final
    for of in ("largest", "smallest", "converged", "n_hvp"):
        np.testing.assert_array_equal(getattr(threads, of), getattr(alone, of))
    np.testing.assert_allclose(threads.largest, here.largest, rtol=1e-3)
    np.testing.assert_allclose(threads.smallest, here.smallest, rtol=1e-3)
