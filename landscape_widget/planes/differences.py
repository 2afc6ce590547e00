"""What lies between the losses of two objectives on a plane, as far as the accuracy needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.evaluator import Coordinates
from landscape_widget.planes.grid import Cache, Domain, cache_keys, grid_axis
from landscape_widget.planes.splits import alongside, difference_provenance
from landscape_widget.planes.surface import evaluate_plane, refine
from landscape_widget.planes.workers import evaluator_of
from landscape_widget.results.planes import Plane, Surface


class _Between:
    """Evaluates test − training loss; what either is known to be is not evaluated again."""

    def __init__(
        self, plane: Plane, objectives: Mapping[str, Objective], caches: Mapping[str, Cache]
    ) -> None:
        self._caches = [caches[split] for split in ("train", "test")]
        self._evaluators = [evaluator_of(objectives[split], plane) for split in ("train", "test")]

    @property
    def strategy(self) -> object:
        """The strategy by which the training loss is evaluated."""
        return self._evaluators[0].strategy

    @property
    def failures(self) -> list[str]:
        """What model or loss raised, for either loss."""
        return [failure for evaluator in self._evaluators for failure in evaluator.failures]

    def losses(self, points: Coordinates, left: int) -> Iterator[tuple[Sequence[int], FloatArray]]:
        """The differences at (α, β), all at once; before that nothing now and then, to be left in between."""
        columns, rows = (cache_keys(np.array(axis)) for axis in zip(*points, strict=True))
        keys = list(zip(columns, rows, strict=True))
        for evaluator, cache in zip(self._evaluators, self._caches, strict=True):
            missing = [k for k, key in enumerate(keys) if key not in cache]
            for which, values in evaluator.losses([points[k] for k in missing], left):
                cache.update(zip((keys[missing[i]] for i in which), values.tolist(), strict=True))
                yield [], np.empty(0)
        train, test = self._caches
        yield range(len(keys)), np.array([test[key] - train[key] for key in keys])


def evaluate_difference(
    objectives: Mapping[str, Objective],
    plane: Plane,
    domain: Domain,
    resolution: int,
    caches: Mapping[str, Cache],
    accuracy: float,
    always: Sequence[tuple[float, float]] = (),
) -> Iterator[dict[str, Surface]]:
    """Evaluates both losses, then test − training, each as right as its own range asks for.

    Args:
        objectives: The objectives of "train" and "test".
        plane: See ``evaluate_plane``.
        domain: See ``evaluate_plane``.
        resolution: See ``evaluate_plane``.
        caches: Losses that are known, by split.
        accuracy: See ``evaluate_plane``.
        always: See ``evaluate_plane``.

    Yields:
        The surfaces of "train" and "test", and, from when these are known, that of the "difference".
    """

    def parts() -> Iterator[dict[str, Surface]]:
        return alongside(
            {
                split: evaluate_plane(
                    one,
                    plane,
                    domain,
                    resolution,
                    cache=caches[split],
                    accuracy=accuracy,
                    always=always,
                )
                for split, one in objectives.items()
            }
        )

    surfaces: dict[str, Surface] = {}
    for surfaces in parts():
        yield surfaces
    axes = grid_axis(*domain[:2], resolution), grid_axis(*domain[2:], resolution)
    train, test = caches["train"], caches["test"]
    known: Cache = {key: test[key] - train[key] for key in list(train) if key in test}
    between = _Between(plane, objectives, caches)
    difference: Surface | None = None
    provenance = difference_provenance(surfaces)
    for difference in refine(between, axes, known, 0.1, resolution**2, accuracy, always, provenance):
        yield surfaces | {"difference": difference}
    assert difference is not None
    # by now more is known of both, and what their bounds were told of has become less
    for surfaces in parts():
        yield surfaces | {"difference": difference}
