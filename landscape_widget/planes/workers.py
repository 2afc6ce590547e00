"""Losses at points of a plane by the workers of an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.workers import refuse_ended
from landscape_widget.planes.evaluator import Coordinates, Evaluator
from landscape_widget.results.planes import Plane

#: Seconds that a task should take: long beside what it costs to send one, some 10 ms of the worker …
_SHORT = 0.1

#: … and short for who cancels or loses it.
_LONG = 0.5

#: Tasks that points are cut into, so that workers which are done early take from those that are not.
_TILES = 32


@dataclass(frozen=True)
class Tile:
    """What a task found at its points."""

    losses: list[float]
    failures: list[str]
    seconds: float


#: What is told once workers are lost.
_KEPT = (
    "The losses of a plane that workers had returned are kept: call again with the same cache once there are "
    "some."
)


class PlaneWorkers:
    """L at points of one plane, each by the plain loop in one thread of a worker."""

    strategy = "plain loop, by the workers of an executor"

    def __init__(self, objective: Objective, plane: Plane) -> None:
        """Sends nothing yet; errors as of ``Workers``.

        Args:
            objective: The loss L as a function of θ, by workers.
            plane: θ*, η and δ.
        """
        self.failures: list[str] = []
        """What model or loss raised, for each point without a loss because of that."""
        self._workers, self._plane = objective.workers, plane
        self._seconds = np.inf
        self._has_centre = False

    def losses(self, points: Coordinates, left: int) -> Iterator[tuple[Sequence[int], FloatArray]]:  # noqa: ARG002
        """L at (α, β), for groups of ``points`` as workers return them; not finite values are NaN.

        Args:
            points: Where L is evaluated.
            left: See ``Evaluator.losses``.

        Yields:
            Which of the points, and their losses.

        Raises:
            WorkersLostError: If no worker is left.
            RuntimeError: If a worker has another version of this package or of torch, or θ* ends the one that
                evaluates it; another point that does has a failure.
            Exception: What model or loss raise at θ*.
        """
        places = range(len(points))
        # how long a point takes is learnt from the first ones
        known = 0 if np.isfinite(self._seconds) else _TILES
        for part in filter(None, (places[:known], places[known:])):
            size = int(np.clip(len(part) / _TILES, _SHORT / self._seconds, _LONG / self._seconds)) or 1
            tiles = [part[i : i + size] for i in range(0, len(part), size)]
            each = [[points[i] for i in tile] for tile in tiles]
            for k, tile in self._run(each):
                found = self._by_points(each[k]) if tile is None else tile
                self.failures += found.failures
                self._seconds = found.seconds / len(tiles[k]) or self._seconds
                yield tiles[k], np.array(found.losses)

    def _run(self, each: Sequence[Coordinates]) -> Iterator[tuple[int, Tile | None]]:
        """What is found at several lists of points; None where that ends its worker."""
        return self._workers.run(losses_at, each, self._plane, lambda _: None, _KEPT)

    def _by_points(self, points: Coordinates) -> Tile:
        """What is found at points, some of which end their worker.

        Raises:
            RuntimeError: If θ* does, too.
        """
        if len(points) > 1:
            found = dict(self._run([[point] for point in points]))
            tiles = [found[k] or self._by_points(points[k : k + 1]) for k in range(len(points))]
            losses = [loss for tile in tiles for loss in tile.losses]
            failures = [failure for tile in tiles for failure in tile.failures]
            return Tile(losses, failures, sum(tile.seconds for tile in tiles))
        if not self._has_centre and [tile for _, tile in self._run([[(0.0, 0.0)]])] == [None]:
            refuse_ended("the loss at θ*")
        self._has_centre = True
        ((alpha, beta),) = points
        return Tile([np.nan], [f"The worker that evaluated ({alpha:.4g}, {beta:.4g}) ended."], 0.0)


def losses_at(objective: Objective, points: Coordinates, plane: Plane) -> Tile:
    """L at (α, β), in a worker."""
    evaluator, started = Evaluator(objective.as_sent(), plane), perf_counter()
    losses = [evaluator.loss(point) for point in points]
    return Tile(losses, evaluator.failures, perf_counter() - started)


def evaluator_of(objective: Objective, plane: Plane) -> Evaluator | PlaneWorkers:
    """Who evaluates points of a plane: the objective's workers, where it has some, or this thread."""
    return PlaneWorkers(objective, plane) if objective.has_workers else Evaluator(objective, plane)
