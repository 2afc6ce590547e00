"""The way from centre to centre: each θ* that was explored around, with its study and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from landscape_widget.explorer.model_weights import State
from landscape_widget.explorer.worker import CLOSED
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.same_loss import check_same_loss
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.results.planes import Plane
from landscape_widget.study.study import Study


@dataclass(frozen=True)
class _Centre:
    """A θ* that is explored around."""

    study: Study
    """What is known there."""
    theta: FloatArray
    """The weights that were last taken from the model, shape (N,)."""
    state: State | None
    """All of the model's state with them; None where there is no model."""
    checkpoint: int = 0
    """How often weights had been taken before these."""


class Centres:
    """A stack of centres: the first is that of the weights given, the last the present one."""

    def __init__(
        self,
        objective: Objective,
        test: Objective | None = None,
        state: State | None = None,
        landmarks: Landmarks | None = None,
    ) -> None:
        """Starts at the objective's θ*; ``test`` is the same objective on test data.

        Args:
            objective: L.
            test: The same objective on test data.
            state: All of the model's state, None without a model.
            landmarks: A trajectory and solutions.
        """
        self._stack = [_Centre(Study(objective, test, landmarks=landmarks), _vector(objective), state)]
        self.left_at = 0
        """Number of the last request that was about another centre."""

    @property
    def study(self) -> Study:
        """The study of the present centre.

        Raises:
            RuntimeError: After ``close``.
        """
        self.check_open()
        return self._stack[-1].study

    def check_open(self) -> None:
        """Raises a RuntimeError after ``close``."""
        if not self._stack:
            raise RuntimeError(CLOSED)

    def close(self) -> None:
        """Lets go of all studies, and so of the data."""
        self._stack.clear()

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the centre of a new exploration.

        Args:
            theta: The new θ*.
            request: Number of the last request that was about the old one.
        """
        objective, test = self.study.objective, self.study.test
        moved = torch.from_numpy(theta)
        landmarks = self.study.centre.around.landmarks
        study = Study(objective.at(moved), test.at(moved) if test else None, landmarks=landmarks)
        self._stack.append(replace(self._stack[-1], study=study))
        self.left_at = request

    def take(self, state: State, request: int, model: nn.Module) -> None:
        """Makes a later state of the model the centre of a new exploration.

        Args:
            state: All of it.
            model: Which it was taken from.
            request: Number of the last request that was about the old one.

        Raises:
            ValueError: If it is not one of this model, naming the tensors.
            RuntimeError: If the model has become another one in what its state does not hold.
        """
        before = self.study
        objective, test = (each and each.with_state(state) for each in (before.objective, before.test))
        assert objective is not None
        check_same_loss(objective, model)
        checkpoint = self._stack[-1].checkpoint + 1
        study = Study(objective, test, landmarks=before.centre.around.landmarks.now())
        self._stack.append(_Centre(study, _vector(objective), state, checkpoint))
        self.left_at = request

    def go_back(self, request: int) -> None:
        """Returns to the centre before the present one.

        Args:
            request: Number of the last request that was about the present one.

        Raises:
            RuntimeError: At the first centre.
        """
        self.check_open()
        if not self.depth:
            raise RuntimeError(
                "Expected a centre that recentre() or update() chose, to go back from; this is the first."
            )
        self._stack.pop()
        self.left_at = request

    @contextmanager
    def replaced(self, study: Study) -> Iterator[None]:
        """Puts another study in the place of the present one, and back if what is done under it fails."""
        self.check_open()
        before = self._stack[-1]
        self._stack[-1] = replace(before, study=study)
        try:
            yield
        except BaseException:
            # an observer may have moved on, or closed
            if self._stack and self._stack[-1].study is study:
                self._stack[-1] = before
            raise

    @property
    def depth(self) -> int:
        """How many steps back there are."""
        return len(self._stack) - 1

    @property
    def checkpoint(self) -> int:
        """How often weights were taken from the model before those of the present centre."""
        return self._stack[-1].checkpoint

    @property
    def moved(self) -> float:
        """‖Δθ‖ from the weights last taken to the present centre."""
        return norm(_vector(self.study.objective) - self._stack[-1].theta)

    @property
    def state(self) -> State | None:
        """All of the model's state when the present centre's weights were taken; None without a model."""
        self.check_open()
        return self._stack[-1].state

    def displacement(self, theta: FloatArray, plane: Plane | None = None) -> tuple[FloatArray, State | None]:
        """From which state of the model θ, shape (N,), is how far away.

        Args:
            theta: The point.
            plane: That it was found on, if not that of the present centre: then it goes by the state there.
        """
        self.check_open()
        there = [
            centre
            for centre in self._stack
            if plane is not None and np.array_equal(plane.origin, _vector(centre.study.objective))
        ]
        taken = (there or self._stack)[-1]
        return theta - taken.theta, taken.state

    def is_origin(self, plane: Plane) -> bool:
        """Whether a plane goes out from the present centre."""
        return np.array_equal(plane.origin, _vector(self.study.objective))


def _vector(objective: Objective) -> FloatArray:
    """θ* of an objective in float64, shape (N,)."""
    theta: FloatArray = objective.theta.detach().cpu().double().numpy()
    return theta
