"""The true losses of checkpoints and solutions, each evaluated once."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from landscape_widget.objective.objective import Objective
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.study.known import Known

log = logging.getLogger(__name__)

#: Where a state was met: the run's or the solution's name, "" for the trajectory, and its number there.
Place = tuple[str, int]


class LandmarkLosses:
    """Losses of complete states, whose weights tell them apart: runs may share checkpoints."""

    def __init__(self, known: Known) -> None:
        """Evaluates nothing yet; what is found is remembered in ``known``."""
        self._known = known
        self._digests: dict[Place, str] = {}

    def of(
        self, measured: Mapping[str, Objective], apart: str, state: Mapping[str, Tensor], place: Place
    ) -> float:
        """L of a state; with two objectives the second one's less the first one's.

        Args:
            measured: The objectives by their splits.
            apart: What losses depend on beside examples and split.
            state: The state, complete.
            place: Where it was met.
        """
        digest = self._digests.get(place) or self._digests.setdefault(place, digest_of(state))
        losses = [
            self._loss(objective, state, _key(digest, split, apart)) for split, objective in measured.items()
        ]
        return losses[0] if len(losses) == 1 else losses[1] - losses[0]

    def training(self, trajectory: Trajectory | None, n_examples: int) -> dict[str, float]:
        """Training losses with frozen batch norm that are known of checkpoints, by their names."""
        found = {}
        for i, name in enumerate(trajectory.names if trajectory else ()):
            key = n_examples, _key(self._digests.get(("", i), ""), "train", "frozen")
            if key in self._known.landmark_losses:
                found[name] = self._known.landmark_losses[key]
        return found

    def forget_places(self) -> None:
        """Takes note that checkpoints have other numbers now."""
        self._digests.clear()

    def _loss(self, objective: Objective, state: Mapping[str, Tensor], key: str) -> float:
        """L of a complete state, NaN where the model or the loss fails there."""
        losses, place = self._known.landmark_losses, (objective.n_examples, key)
        if place not in losses:
            there = objective.with_state(state)
            try:
                losses[place] = there.loss().item()
            except Exception as error:
                log.info("No loss of a checkpoint: %s: %s", type(error).__name__, error)
                losses[place] = math.nan
        return losses[place]


def _key(digest: str, split: str, apart: str) -> str:
    """What tells a loss of a state from others on so many examples."""
    return f"{digest} {split} {apart}"


def digest_of(state: Mapping[str, Tensor]) -> str:
    """What tells one state from others."""
    digest = blake2b(digest_size=12)
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(np.ascontiguousarray(tensor.reshape(-1).view(torch.uint8).numpy()).tobytes())
    return digest.hexdigest()
