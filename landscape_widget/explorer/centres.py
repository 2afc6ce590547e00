"""The way from centre to centre: each θ* that was explored around, with its study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from landscape_widget.explorer.worker import CLOSED
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.results.planes import Plane
from landscape_widget.study.study import Study


class Centres:
    """A stack of studies: the first is that of the weights given, the last that of the present centre."""

    def __init__(self, objective: Objective, test: Objective | None = None) -> None:
        """Starts at the objective's θ*; ``test`` is the same objective on test data."""
        self._studies = [Study(objective, test)]
        self._first = _vector(objective)
        self.left_at = 0
        """Number of the last request that was about another centre."""

    @property
    def study(self) -> Study:
        """The study of the present centre.

        Raises:
            RuntimeError: After ``close``.
        """
        self.check_open()
        return self._studies[-1]

    def check_open(self) -> None:
        """Raises a RuntimeError after ``close``."""
        if not self._studies:
            raise RuntimeError(CLOSED)

    def close(self) -> None:
        """Lets go of all studies, and so of the data."""
        self._studies.clear()

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the centre of a new exploration.

        Args:
            theta: The new θ*.
            request: Number of the last request that was about the old one.
        """
        objective, test = self.study.objective, self.study.test
        moved = torch.from_numpy(theta)
        self._studies.append(Study(objective.at(moved), test.at(moved) if test else None))
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
            raise RuntimeError("Expected a centre that recentre() chose, to go back from; this is the first.")
        self._studies.pop()
        self.left_at = request

    @contextmanager
    def replaced(self, study: Study) -> Iterator[None]:
        """Puts another study in the place of the present one, and back if what is done under it fails."""
        before = self.study
        self._studies[-1] = study
        try:
            yield
        except BaseException:
            if self._studies and self._studies[-1] is study:  # an observer may have moved on, or closed
                self._studies[-1] = before
            raise

    @property
    def depth(self) -> int:
        """How many steps back there are."""
        return len(self._studies) - 1

    @property
    def moved(self) -> float:
        """‖Δθ‖ from the first centre to the present one."""
        return norm(self.away(_vector(self.study.objective)))

    def away(self, theta: FloatArray) -> FloatArray:
        """The displacement from the first centre to θ, shape (N,)."""
        return theta - self._first

    def is_origin(self, plane: Plane) -> bool:
        """Whether a plane goes out from the present centre."""
        return np.array_equal(plane.origin, _vector(self.study.objective))


def _vector(objective: Objective) -> FloatArray:
    """θ* of an objective in float64, shape (N,)."""
    theta: FloatArray = objective.theta.detach().cpu().double().numpy()
    return theta
