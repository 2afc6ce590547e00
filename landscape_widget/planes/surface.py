"""The loss on a plane, coarse to fine."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from time import monotonic
from typing import Any, Protocol

from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.checks import check_integer, check_real, told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.certified import ACCURACY, CertifiedRefinement, check_accuracy
from landscape_widget.planes.directions import check_plane
from landscape_widget.planes.evaluator import PICTURE, Coordinates
from landscape_widget.planes.grid import Cache, Domain, check_domain, check_resolution, grid_axis, nearest
from landscape_widget.planes.refinement import Refinement
from landscape_widget.planes.strategies import LOOP
from landscape_widget.planes.workers import evaluator_of
from landscape_widget.results.base import Provenance
from landscape_widget.results.planes import Plane, Surface

#: Nodes for each axis of the coarsest sub-grid, where the plain loop takes one point after another.
_COARSE = 3


def evaluate_plane(
    objective: Objective,
    plane: Plane,
    domain: Domain = (-1.0, 1.0, -1.0, 1.0),
    resolution: int = 51,
    *,
    cache: Cache | None = None,
    interval: float = 0.1,
    enough: int | None = None,
    accuracy: float = ACCURACY,
    always: Sequence[tuple[float, float]] = (),
    executor: Any = None,
) -> Iterator[Surface]:
    """Evaluates L(θ* + αη + βδ) on a grid; yields surfaces that are each complete and better.

    A grid of 3×3 nodes is refined by halves, as far as the accuracy needs; ``Surface.error_bound`` says how
    right the last surface is. What is not evaluated is interpolated, never beyond the losses evaluated so
    far, and marked so in ``Surface.done``. Between two surfaces the caller may stop.

    Args:
        objective: The loss L as a function of θ.
        plane: θ*, η and δ.
        domain: (α min, α max, β min, β max); it is moved by at most half a spacing so that θ* is a node.
        resolution: Nodes for each axis, odd, 3 to 501.
        cache: Losses of this plane that are known already; new ones are added to it.
        interval: Seconds of work between two surfaces.
        enough: Nodes after which to stop, at the end of a level; None for all that the accuracy needs.
        accuracy: How far interpolated losses may be off, as a share of their range, and where all are
            positive of that of their logarithms; 0 evaluates every node.
        always: Points (α, β) whose nearest nodes are evaluated in any case.
        executor: What evaluates, if not this thread: any ``concurrent.futures.Executor``, one of submitit, a
            client of Dask, or a function without arguments that returns one of these, which is called again
            when workers are lost, such as ``loky.get_reusable_executor``. Model and data reach each worker
            once. Losses are those of the plain loop in one thread, whoever evaluates them.

    Yields:
        ``Surface`` with ``loss[i, j]`` = L(θ* + alpha[j]·η + beta[i]·δ). Values that are not finite are NaN,
        and so are those of points where the model or the loss raises; its provenance has the number of these
        points and the first error under "failures".

    Raises:
        ValueError: For a bad domain, resolution or accuracy, or a plane of another number of parameters.
        TypeError: For an executor that is none.
        WorkersLostError: If an executor has no workers any more; what they had finished is in ``cache``.
    """
    check_plane(plane, objective)
    a0, a1, b0, b1 = check_domain(domain)
    resolution = check_resolution(resolution)
    provenance = objective.provenance(
        "loss", axes=plane.axes, plane=dict(plane.provenance), domain=(a0, a1, b0, b1)
    )
    if cache is not None and not isinstance(cache, MutableMapping):
        raise TypeError(f"Expected cache as a dictionary, empty at first, got {type(cache).__name__}.")
    try:
        always = [(check_real(a, "α"), check_real(b, "β")) for a, b in always]
    except (TypeError, ValueError):
        raise TypeError(f"Expected always as a list of points (α, β), got {told(always)}.") from None
    enough = resolution**2 if enough is None else check_integer(enough, "enough", 1)
    accuracy = check_accuracy(accuracy)
    if accuracy:
        provenance["accuracy"] = accuracy
    axes = grid_axis(a0, a1, resolution), grid_axis(b0, b1, resolution)
    evaluator = evaluator_of(objective.by_workers(executor), plane)
    return refine(evaluator, axes, cache, interval, enough, accuracy, always, provenance)


class PointEvaluator(Protocol):
    """Evaluates points of a plane, as ``Evaluator`` does."""

    @property
    def strategy(self) -> object:
        """How."""

    @property
    def failures(self) -> list[str]:
        """What was raised at points without a loss."""

    def losses(self, points: Coordinates, left: int) -> Iterator[tuple[Sequence[int], FloatArray]]:
        """Losses of groups of points, see ``Evaluator.losses``."""


def refine(
    evaluator: PointEvaluator,
    axes: tuple[FloatArray, FloatArray],
    cache: Cache | None,
    interval: float,
    enough: int,
    accuracy: float,
    always: Sequence[tuple[float, float]],
    provenance: Provenance,
) -> Iterator[Surface]:
    """Evaluates what a refinement asks for; yields a surface whenever that has been told, and in between."""
    coarsest = _COARSE if evaluator.strategy is LOOP else PICTURE
    refinement = Refinement(*axes, cache, coarsest)
    if accuracy:
        nodes = [(nearest(axes[1], b), nearest(axes[0], a)) for a, b in always]
        refinement = CertifiedRefinement(*axes, cache, coarsest, accuracy=accuracy, always=nodes)

    def surface() -> Surface:
        told = {**provenance, "strategy": str(evaluator.strategy)}
        if evaluator.failures:
            told["failures"] = {"points": len(evaluator.failures), "first": evaluator.failures[0][:500]}
        return Surface(*axes, refinement.picture(), refinement.done, told, refinement.error_bound)

    nodes = refinement.ask()
    if not nodes:  # all were known before
        yield surface()
    worked_since = monotonic()
    while nodes:
        points, n_told = [refinement.point(node) for node in nodes], 0
        for which, values in evaluator.losses(points, min(enough - refinement.n_done, refinement.n_left)):
            refinement.tell([nodes[i] for i in which], values.tolist())
            n_told += len(which)
            check_wanted()  # up to a first picture, a step takes many of them
            # the last nodes that were asked for are followed by a surface of their own
            if n_told < len(nodes) and refinement.has_picture and monotonic() - worked_since >= interval:
                yield surface()
                worked_since = monotonic()
        nodes = refinement.ask()
        yield surface()
        worked_since = monotonic()
        if refinement.n_done >= enough:
            return
