"""Test − training loss from part of the nodes, against the full grids of both."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget import LandscapeExplorer, Objective, Plane, evaluate_plane
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.certified import ACCURACY
from landscape_widget.planes.differences import evaluate_difference
from landscape_widget.planes.grid import Cache
from landscape_widget.planes.splits import shown
from landscape_widget.results.planes import Surface

from ..explorer.test_explorer import Make
from .test_splits import LOSS, TEST, TRAIN, network

PLANE = Plane(origin=np.zeros(2), eta=np.array([1.0, 0.0]), delta=np.array([0.0, 1.0]))

DOMAIN = (-1.0, 1.0, -1.0, 1.0)


class Two:
    """Functions that differ by a hundredth of their range, one of them with a kink; it counts points."""

    def __init__(self, resolution: int = 33) -> None:
        self.points, self.resolution = 0, resolution
        self.objectives = {
            "train": Objective.from_function(self._train, torch.zeros(2, dtype=torch.float64)),
            "test": Objective.from_function(self._test, torch.zeros(2, dtype=torch.float64)),
        }
        self.caches: dict[str, Cache] = {"train": {}, "test": {}}
        self.points = 0

    def _train(self, theta: torch.Tensor) -> torch.Tensor:
        self.points += 1
        return 3 + 2 * theta[0] ** 2 + torch.sin(2 * theta[1])

    def _test(self, theta: torch.Tensor) -> torch.Tensor:
        gap = 0.03 * torch.cos(2 * theta[0] + theta[1]) + 0.01 * (theta[0] - 0.31).abs()
        return self._train(theta) + gap

    def steps(self, **keywords: Any) -> Any:
        return evaluate_difference(
            self.objectives,
            PLANE,
            DOMAIN,
            self.resolution,
            self.caches,
            keywords.pop("accuracy", ACCURACY),
            **keywords,
        )

    def full(self) -> dict[str, FloatArray]:
        losses = {
            split: deque(evaluate_plane(one, PLANE, DOMAIN, self.resolution, accuracy=0.0), maxlen=1)
            .pop()
            .loss
            for split, one in self.objectives.items()
        }
        return losses | {"difference": losses["test"] - losses["train"]}


def test_each_of_the_three_is_right_within_its_own_range() -> None:
    two = Two()
    surfaces: dict[str, Surface] = deque(two.steps(), maxlen=1).pop()
    assert two.points == surfaces["train"].n_evaluated + surfaces["test"].n_evaluated < 2 * 33 * 33
    for split, losses in two.full().items():
        surface = surfaces[split]
        assert surface.final
        assert surface.error_bound is not None
        off = np.abs(surface.loss - losses)
        assert off[surface.done].max() <= 1e-14
        assert np.mean(off[~surface.done] <= surface.error_bound) >= 0.9
        assert surface.error_bound <= ACCURACY * np.ptp(losses)
        assert off.max() <= 2 * ACCURACY * np.ptp(losses)
    both = surfaces["train"].done & surfaces["test"].done
    assert (both | ~surfaces["difference"].done).all()
    assert surfaces["difference"].provenance["split"] == "difference"


def test_it_is_final_only_when_it_was_evaluated_itself() -> None:
    steps = list(Two().steps())
    assert [set(step) for step in steps] == sorted((set(step) for step in steps), key=len)
    assert not any(shown(step).final for step in steps if len(step) < 3)
    assert all(surface.final for surface in steps[-1].values())
    known = [int(step["difference"].done.sum()) for step in steps if len(step) == 3]
    assert known == sorted(known)


@pytest.mark.parametrize("most", [1, 8])
def test_what_was_left_goes_on_without_evaluating_a_point_twice(most: int) -> None:
    two = Two(51)
    steps = two.steps()
    for _, _step in zip(range(most), steps, strict=False):
        pass
    steps.close()
    deque(two.steps(), maxlen=1)
    assert two.points == sum(map(len, two.caches.values()))
    before = two.points
    deque(two.steps(), maxlen=1)
    assert two.points == before


def test_given_points_are_evaluated_in_all_three() -> None:
    surfaces = deque(Two().steps(always=[(0.52, -0.64)]), maxlen=1).pop()
    for surface in surfaces.values():
        assert surface.done[6, 24]


@pytest.mark.parametrize("accuracy", [0.0, 0.01])
def test_the_explorer_s_picture_of_a_difference(make_explorer: Make, accuracy: float) -> None:
    """Both losses stay beside it, for their minima; ``accuracy=0`` evaluates every node."""
    explorer: LandscapeExplorer = make_explorer(
        network(),
        TRAIN,
        LOSS,
        test_loader=TEST,
        resolution=33,
        domain=(-0.4, 0.4, -0.4, 0.4),
        samples=2,
        split="difference",
        accuracy=accuracy,
    ).compute("surface")
    surface = explorer.surface
    assert surface.final
    assert set(explorer.surfaces) == {"train", "test"}
    assert all(part.final for part in explorer.surfaces.values())
    assert (surface.n_evaluated == 33 * 33) is (accuracy == 0)
    explorer.accuracy = 0.0
    explorer.compute("surface")
    assert np.abs(surface.loss - explorer.surface.loss).max() <= 2 * accuracy * np.ptp(explorer.surface.loss)
