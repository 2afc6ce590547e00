"""|λmin/λmax| of the full Hessian over a plane (Li et al. 2018, Section 6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch

from landscape_widget.curvature.eigenpairs import hessian_eigenpairs
from landscape_widget.curvature.operators import curvature
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.directions import check_plane
from landscape_widget.planes.grid import Domain, check_domain, check_resolution, grid_axis
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

    Raises:
        ValueError: For a bad domain, resolution or ``tol``, or a plane of another number of parameters.
    """
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

    Each node starts from the eigenvectors of the one before, its neighbour. Where the loss or its
    curvature is not finite, the node is NaN.
    """
    check_plane(plane, objective)
    a0, a1, b0, b1 = check_domain(domain)
    resolution = check_resolution(resolution)
    alpha, beta = grid_axis(a0, a1, resolution), grid_axis(b0, b1, resolution)
    matrix = curvature(objective, "hessian")
    provenance = matrix.provenance(
        "convexity map", axes=plane.axes, plane=dict(plane.provenance), tol=tol, seed=seed
    )
    largest, smallest = (np.full((len(beta), len(alpha)), np.nan) for _ in range(2))
    converged, done = (np.zeros(largest.shape, dtype=bool) for _ in range(2))
    vectors: FloatArray | None = None
    spent = 0
    for i, j in _outwards(alpha, beta):
        node = matrix.objective.at(torch.from_numpy(plane.point(float(alpha[j]), float(beta[i]))))
        done[i, j] = True
        try:
            pairs = hessian_eigenpairs(node, tol=tol, seed=seed, max_hvp=max_hvp, start=vectors)
        except ArithmeticError:
            pairs = None
        if pairs is not None:
            largest[i, j], smallest[i, j] = pairs.values[0], pairs.values[-1]
            converged[i, j] = bool(pairs.converged.all())
            spent += pairs.n_hvp
            vectors = pairs.vectors
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


def _outwards(alpha: FloatArray, beta: FloatArray) -> list[tuple[int, int]]:
    """Nodes ring by ring around θ*, in order of angle, so that each follows a neighbour."""
    i0, j0 = int(np.argmin(np.abs(beta))), int(np.argmin(np.abs(alpha)))
    nodes = [(i, j) for i in range(len(beta)) for j in range(len(alpha))]
    return sorted(
        nodes, key=lambda n: (max(abs(n[0] - i0), abs(n[1] - j0)), np.arctan2(n[0] - i0, n[1] - j0))
    )
