"""Pictures from part of the nodes: how many they take, and how far they are from the full grid everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from landscape_widget import Objective, Plane, evaluate_plane, hessian_eigenpairs, hessian_plane, random_plane
from landscape_widget.numerics.vectors import norm
from landscape_widget.planes.certified import ACCURACY, CertifiedRefinement
from landscape_widget.planes.grid import Domain
from landscape_widget.results.planes import Surface
from landscape_widget.study.domain import automatic_domain

from .planes import objective_of
from .workloads import Workload

#: By nodes for each axis, the share of them in % that a picture may take: of a smooth loss, of a kinked one.
GOALS = {51: (15.0, 30.0), 101: (4.0, 10.0)}

#: The default, and one that is about as right as the goal asks.
ACCURACIES = (ACCURACY, 0.003)

#: Largest error in % of the range that a picture may have anywhere.
GOOD = 0.5

#: Workloads that have kinks at the scale of a picture, in these planes.
KINKED = {("fcnn1", "filter-normalised, ±1")}

#: Examples at most: the full grid has 10,201 nodes.
_MOST_EXAMPLES = 300


@dataclass(frozen=True)
class Part:
    """What a picture took, in % of the nodes, and how right it is, in % of the range."""

    plane: str
    resolution: int
    accuracy: float
    evaluated: float
    worst: float
    rms: float
    bound: float
    within: float
    """Share of the interpolated nodes within the bound, in %."""


def measure(workload: Workload, dtype: str) -> Iterator[Part]:
    """Every plane at every resolution, against one full grid each."""
    problem = workload.problem(dtype)
    objective = objective_of(problem).subset(min(len(problem.x), _MOST_EXAMPLES))
    for name, plane, domain in _planes(objective):
        *_, full = evaluate_plane(objective, plane, domain, max(GOALS), interval=9, accuracy=0.0)
        for resolution in GOALS:
            for accuracy in ACCURACIES:
                yield _judge(name, full, (max(GOALS) - 1) // (resolution - 1), accuracy)


def _planes(objective: Objective) -> Iterator[tuple[str, Plane, Domain]]:
    """Three planes of an explorer on their automatic domains."""
    loss, length = float(objective.loss()), norm(objective.theta.double().cpu().numpy())
    pairs = hessian_eigenpairs(objective)
    for name, plane in (
        ("filter-normalised, ±1", random_plane(objective, normalize="filter")),
        ("random", random_plane(objective, seed=1)),
        ("Hessian", hessian_plane(objective, pairs=pairs)),
    ):
        yield name, plane, automatic_domain(plane, pairs, loss, length)


def _judge(name: str, full: Surface, step: int, accuracy: float) -> Part:
    losses = full.loss[::step, ::step]
    refinement = CertifiedRefinement(full.alpha[::step], full.beta[::step], accuracy=accuracy)
    while nodes := refinement.ask():
        refinement.tell(nodes, [float(losses[node]) for node in nodes])
    off = np.abs(refinement.picture() - losses)[~refinement.done]
    extent, bound = np.ptp(losses[np.isfinite(losses)]) / 100, refinement.error_bound or 0.0
    return Part(
        plane=name,
        resolution=len(losses),
        accuracy=accuracy,
        evaluated=100 * refinement.n_done / losses.size,
        worst=float(off.max(initial=0.0) / extent),
        rms=float(np.sqrt((off**2).sum() / losses.size) / extent),
        bound=bound / extent,
        within=100 * float(np.mean(off <= bound)) if off.size else 100.0,
    )
