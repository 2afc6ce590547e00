"""Pictures from part of the nodes: how many they take, and how far they are from the full grid everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from landscape_widget import Objective, Plane, evaluate_plane, hessian_eigenpairs, hessian_plane, random_plane
from landscape_widget.numerics.vectors import norm
from landscape_widget.planes.certified import ACCURACY, CertifiedRefinement
from landscape_widget.planes.directions import make_plane
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

#: The audits' planes: seeds of two kinds of random ones, and Hessian ones, each at several widths.
_SEEDS = range(7)
_HESSIAN_AXES = (
    ("hessian:max", "hessian:min"),
    ("hessian:max", "hessian:max:2"),
    ("hessian:min", "hessian:min:2"),
)
_WIDTHS = (0.3, 1.0, 2.0)

#: Nodes for each axis and examples of the audits' full grids.
_AUDIT_RESOLUTION, _AUDIT_EXAMPLES = 51, 50

#: Shares of a grid that are known before, as from another picture.
KNOWN = (0.0, 0.5, 0.95)


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


def audits(workload: Workload, dtype: str) -> Iterator[tuple[str, float, Part]]:
    """Kind of plane, share known before, and what the picture took, on planes of many kinds and widths."""
    problem = workload.problem(dtype)
    objective = objective_of(problem)
    if len(problem.x) > _AUDIT_EXAMPLES:
        objective = objective.subset(_AUDIT_EXAMPLES)
    loss, length = float(objective.loss()), norm(objective.theta.double().cpu().numpy())
    pairs = hessian_eigenpairs(objective, k=2)
    cases = [("Hessian", axes, 0) for axes in _HESSIAN_AXES]
    for seed in _SEEDS:
        cases.append(("filter-normalised", ("random:filter", "random:filter"), seed))
        cases.append(("random", ("random", "random"), seed))
    for name, axes, seed in cases:
        plane = make_plane(objective, axes, seed, pairs)
        whole = automatic_domain(plane, pairs, loss, length)
        for width in _WIDTHS:
            a0, a1, b0, b1 = (width * end for end in whole)
            *_, full = evaluate_plane(
                objective, plane, (a0, a1, b0, b1), _AUDIT_RESOLUTION, interval=9, accuracy=0.0
            )
            for known in KNOWN:
                yield name, known, _judge(f"{axes}, seed {seed}, {width:g}", full, 1, ACCURACY, known)


def _judge(name: str, full: Surface, step: int, accuracy: float, known: float = 0.0) -> Part:
    """Refines a picture from a full grid, of which a share is known before; that costs no evaluations."""
    losses, asked = full.loss[::step, ::step], 0
    refinement = CertifiedRefinement(full.alpha[::step], full.beta[::step], accuracy=accuracy)
    before = np.argwhere(np.random.default_rng(0).random(losses.shape) < known)
    refinement.tell([(int(i), int(j)) for i, j in before], [float(losses[i, j]) for i, j in before])
    while nodes := refinement.ask():
        refinement.tell(nodes, [float(losses[node]) for node in nodes])
        asked += len(nodes)
    picture = refinement.picture()
    off = np.abs(picture - losses)
    off[np.isnan(picture) & np.isnan(losses)] = 0.0
    off[np.isnan(off)] = np.inf
    off = off[~refinement.done]
    extent, bound = np.ptp(losses[np.isfinite(losses)]) / 100, refinement.error_bound or 0.0
    return Part(
        plane=name,
        resolution=len(losses),
        accuracy=accuracy,
        evaluated=100 * asked / losses.size,
        worst=float(off.max(initial=0.0) / extent),
        rms=float(np.sqrt((off**2).sum() / losses.size) / extent),
        bound=bound / extent,
        within=100 * float(np.mean(off <= bound)) if off.size else 100.0,
    )
