"""|λmin/λmax| of the full Hessian over a plane (Li et al. 2018, Section 6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import torch

from landscape_widget.curvature.eigenpairs import hessian_eigenpairs
from landscape_widget.curvature.product_check import check_hvp
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.workers import refuse_ended
from landscape_widget.planes.directions import check_plane
from landscape_widget.planes.evaluator import Coordinates
from landscape_widget.planes.grid import Domain, check_domain, check_resolution, grid_axis
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import ConvexityMap, Plane


def convexity_map(
    objective: Objective,
    plane: Plane,
    domain: Domain = (-1.0, 1.0, -1.0, 1.0),
    resolution: int = 11,
    *,
    tol: float = 1e-3,
    max_hvp: int = 300,
    seed: int = 0,
    executor: Any = None,
) -> ConvexityMap:
    """The extreme eigenvalues of the Hessian at every node of a plane, each certified.

    ``ratio`` = |λmin/λmax| tells how far from convex the loss is there: near 0 the negative curvature
    seen is that of the full space, which no plane can hide.

    Args:
        objective: L, computed in float64 where the device allows.
        plane: θ*, η and δ.
        domain: (α min, α max, β min, β max); it is moved by at most half a spacing so that θ* is a node.
        resolution: Nodes for each axis, odd, 3 to 501.
        tol: Relative accuracy of both eigenvalues.
        max_hvp: Products spent on one node at most.
        seed: Seed of the start vectors.
        executor: Whose workers take the nodes, one each in one thread, if not this thread; see
            ``evaluate_plane``. They have the same bits for any number of workers.

    Raises:
        ValueError: For a bad domain, resolution or ``tol``, or a plane of another number of parameters.
        WorkersLostError: If an executor has no workers any more.
    """
    check_given(Objective, objective=objective)
    objective = objective.by_workers(executor)
    steps = convexity_steps(objective, plane, domain, resolution, tol=tol, max_hvp=max_hvp, seed=seed)
    return deque(steps, maxlen=1).pop()


def convexity_steps(
    objective: Objective,
    plane: Plane,
    domain: Domain = (-1.0, 1.0, -1.0, 1.0),
    resolution: int = 11,
    *,
    tol: float = 1e-3,
    max_hvp: int = 300,
    seed: int = 0,
) -> Iterator[ConvexityMap]:
    """Yields the map of ``convexity_map`` after every node, from the centre outwards.

    Each node starts from the eigenvectors at the centre. Where the loss or its curvature is not finite, the
    node is NaN. Workers, where the objective has some, tell nodes in the order in which they are done.
    """
    check_plane(plane, objective)
    a0, a1, b0, b1 = check_domain(domain)
    resolution = check_resolution(resolution)
    alpha, beta = grid_axis(a0, a1, resolution), grid_axis(b0, b1, resolution)
    precise = objective.precise()
    check_hvp(precise)
    about = {"axes": plane.axes, "plane": dict(plane.provenance), "tol": tol, "seed": seed}
    provenance = precise.provenance("convexity map", operator="hessian", **about)
    largest, smallest = (np.full((len(beta), len(alpha)), np.nan) for _ in range(2))
    converged, done = (np.zeros(largest.shape, dtype=bool) for _ in range(2))
    spent = 0
    nodes = _outwards(alpha, beta)
    points = [(float(alpha[j]), float(beta[i])) for i, j in nodes]
    search = _Search(plane, tol, max_hvp, seed)
    for k, found in _spectra(precise, points, search):
        at = nodes[k]
        largest[at], smallest[at], converged[at], done[at] = (
            found.largest,
            found.smallest,
            found.converged,
            True,
        )
        spent += found.n_hvp
        yield ConvexityMap(
            alpha=alpha,
            beta=beta,
            largest=largest.copy(),
            smallest=smallest.copy(),
            converged=converged.copy(),
            done=done.copy(),
            n_hvp=spent,
            provenance=provenance,
        )


@dataclass(frozen=True)
class _Search:
    """What is looked for at every node."""

    plane: Plane
    tol: float
    max_hvp: int
    seed: int
    start: FloatArray | None = None


@dataclass(frozen=True)
class _Spectrum:
    """Both ends at one node, NaN where there are none."""

    largest: float = np.nan
    smallest: float = np.nan
    converged: bool = False
    n_hvp: int = 0
    vectors: FloatArray | None = None
    """Of both ends, shape (N, 2), where they are asked for."""


def _spectra(objective: Objective, points: Coordinates, search: _Search) -> Iterator[tuple[int, _Spectrum]]:
    """Both ends at every point, the first before all others, which start from its eigenvectors."""
    if not objective.has_workers:
        first = _ends(objective, points[0], search)
        search = replace(search, start=first.vectors)
        yield 0, first
        yield from ((k, _ends(objective, point, search)) for k, point in enumerate(points[1:], 1))
        return

    def ended(k: int) -> NoReturn:
        refuse_ended(f"the eigenvalues at (α, β) = ({points[k][0]:.4g}, {points[k][1]:.4g})")

    ((_, first),) = objective.workers.run(_centre_in_worker, points[:1], search, ended)
    yield 0, first
    search = replace(search, start=first.vectors)
    for k, found in objective.workers.run(_node_in_worker, points[1:], search, lambda k: ended(k + 1)):
        yield k + 1, found


def _ends(objective: Objective, point: tuple[float, float], search: _Search) -> _Spectrum:
    node = objective.at(torch.from_numpy(search.plane.point(*point)))
    try:
        pairs = hessian_eigenpairs(
            node, tol=search.tol, seed=search.seed, max_hvp=search.max_hvp, start=search.start
        )
    except ArithmeticError:
        return _Spectrum()
    ends = float(pairs.values[0]), float(pairs.values[-1])
    return _Spectrum(*ends, bool(pairs.converged.all()), pairs.n_hvp, pairs.vectors)


def _centre_in_worker(objective: Objective, point: tuple[float, float], search: _Search) -> _Spectrum:
    return _ends(objective.as_sent().repeatable(), point, search)


def _node_in_worker(objective: Objective, point: tuple[float, float], search: _Search) -> _Spectrum:
    return replace(_centre_in_worker(objective, point, search), vectors=None)  # they are long


def _outwards(alpha: FloatArray, beta: FloatArray) -> list[tuple[int, int]]:
    """Nodes ring by ring around θ*, in order of angle, so that each follows a neighbour."""
    i0, j0 = int(np.argmin(np.abs(beta))), int(np.argmin(np.abs(alpha)))
    nodes = [(i, j) for i in range(len(beta)) for j in range(len(alpha))]
    return sorted(
        nodes, key=lambda n: (max(abs(n[0] - i0), abs(n[1] - j0)), np.arctan2(n[0] - i0, n[1] - j0))
    )
