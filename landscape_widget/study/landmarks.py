"""The path of training and other solutions around one θ*: the axes that they make, and where they lie."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
from torch import Tensor

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.components import path_components, path_rank
from landscape_widget.paths.index import Recorded
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.paths.projection import path_steps
from landscape_widget.paths.solutions import solution_theta
from landscape_widget.paths.stored import Held
from landscape_widget.paths.trajectory import Trajectory, still_kept
from landscape_widget.planes.axes import KINDS, Axis, parse_axis
from landscape_widget.planes.directions import check_axes, make_plane
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.paths import Path, PathComponents
from landscape_widget.results.planes import Plane
from landscape_widget.study.known import Known
from landscape_widget.study.landmark_losses import LandmarkLosses

_T = TypeVar("_T")

#: Components that are had at once, as far as there are so many: those that the page offers.
OFFERED_COMPONENTS = 5

#: How far a picture reaches along the line from θ* (0) to a solution (1), beyond both (Li et al. 2018).
_BEYOND = -0.5, 1.5


class Surroundings:
    """Landmarks around one θ*; what is computed of them is remembered in ``known``, or as long as this is."""

    def __init__(
        self,
        objective: Objective,
        landmarks: Landmarks,
        known: Known,
        origin: Objective | None = None,
        components: dict[int, PathComponents] | None = None,
    ) -> None:
        """Computes nothing yet.

        Args:
            objective: The loss on all examples, whose θ* is the centre.
            landmarks: The trajectory and the solutions.
            known: What is known of this θ*, directions of axes that a file had among it.
            origin: The objective around whose θ* the path has its components, and from whose θ* the line to
                a solution goes on around that; default the centre itself.
            components: What is known of these.
        """
        self._objective, self._known = objective, known
        self.landmarks = landmarks
        self._origin = objective if origin is None else origin
        self._components = {} if components is None else components
        self._rank: int | None = None
        self._losses = LandmarkLosses(known)
        self._reach: dict[str, dict[str, tuple[float, float]]] = {}

    @property
    def any(self) -> bool:
        """Whether a trajectory or solutions were given."""
        return self.landmarks.trajectory is not None or bool(self.landmarks.solutions)

    def other_axes(self) -> set[str]:
        """Names of axes that have other directions here than those that a file had."""
        held = {name: direction for (_, name), direction in self._known.directions.items()}
        ranks = [axis.rank for axis in map(parse_axis, held) if axis.kind.of_path]
        own = ranks and self.landmarks.trajectory is not None

        def differs(name: str, components: PathComponents | None) -> bool:
            with suppress(ValueError):  # of a solution that is θ* itself
                return not np.array_equal(held[name], self._direction(name, components))
            return True

        try:
            components = self._first_components(max(ranks)) if own else None
        except (OSError, ValueError):  # told once it is asked for
            return {*held}
        return {name for name in held if differs(name, components)}

    @property
    def offered(self) -> list[Axis]:
        """The axes that they make, first ones first."""
        path, toward = KINDS["trajectory"], KINDS["toward"]
        own = [Axis(path, rank + 1) for rank in range(min(OFFERED_COMPONENTS, self._n_components()))]
        own += [Axis(toward, label=name) for name in self.landmarks.solutions]
        former = [axis for axis in map(parse_axis, self._held()) if axis not in own]
        return own + former

    def check_axes(self, axes: object) -> tuple[str, str]:
        """Two axis names that make a plane here; raises what ``directions.check_axes`` does."""
        there, offered = self.landmarks.trajectory is not None, self.offered
        checked = check_axes(axes, self._objective, there, [axis.name for axis in offered])
        most = self._n_components()
        for axis in map(parse_axis, checked):
            if axis.kind.of_path and axis.rank > most and axis not in offered:
                raise ValueError(
                    f"Expected a component that the path has, got {axis.name!r}: around θ* it lies "
                    f"in {most} dimension{'s' if most != 1 else ''}. Choose another axis."
                )
        return checked

    def plane(
        self, objective: Objective, axes: tuple[str, str], seed: int, pairs: EigenPairs | None
    ) -> Plane:
        """The plane of these axes; ``objective`` is the same on all or fewer examples."""
        ranks = [axis.rank for axis in map(parse_axis, axes) if axis.kind.of_path]
        components = None
        if ranks and self.landmarks.trajectory is not None:
            components = self._first_components(max(ranks))
        directions = {name: self._direction(name, components) for name in axes if self.is_given(name)}
        for name, direction in directions.items():
            self._known.directions[self._objective.n_examples, name] = direction
        return make_plane(objective, axes, seed, pairs, components, directions)

    def reach(self, plane: Plane) -> dict[str, tuple[float, float]]:
        """How far a picture should reach along the axes of the landmarks, from where to where."""
        if plane.fingerprint not in self._reach:
            found: dict[str, tuple[float, float]] = {}
            for name, i in zip(plane.axes, (0, 2), strict=True):
                axis = parse_axis(name)
                if axis.kind.named:
                    found[name] = _BEYOND
                elif axis.kind.of_path and (paths := self._whole(plane)):
                    found[name] = (
                        min(path.domain[i] for path in paths),
                        max(path.domain[i + 1] for path in paths),
                    )
            self._reach[plane.fingerprint] = found
        return self._reach[plane.fingerprint]

    def steps(
        self, measured: Mapping[str, Objective], apart: str, plane: Plane
    ) -> Iterator[LandmarksOnPlane]:
        """Finds where they lie on a plane, the solutions first, with the true loss of each.

        Args:
            measured: The objectives whose losses count, by their splits; of two the difference does.
            apart: What losses depend on beside examples and split.
            plane: Any plane through θ*.
        """
        losses = "difference" if len(measured) > 1 else next(iter(measured)), apart
        key = self._objective.n_examples, " ".join([plane.fingerprint, *losses])
        placed = self._known.landmarks
        if not self.any:
            if key in placed:  # a file may hold what was to be seen here
                yield placed[key]
            return

        def loss_of(i: int, state: Mapping[str, Tensor], name: str = "") -> float:
            return self._losses.of(measured, apart, state, (name, i))

        def found(drawn: Trajectory | None) -> Iterator[LandmarksOnPlane]:
            landmarks = self.landmarks
            for path, solutions, others in self._places(plane, drawn, loss_of, apart):
                placed[key] = LandmarksOnPlane(
                    path,
                    solutions,
                    landmarks.n_placed,
                    plane.fingerprint,
                    losses,
                    landmarks.name,
                    others,
                )
                yield placed[key]

        yield from self._of_what_is_kept(found)

    def training_losses(self, n_examples: int) -> dict[str, float]:
        """Losses on so many examples that are known of checkpoints placed so far, by their names.

        They are on training data with frozen batch norm, like curvature, whatever a picture shows.
        """
        return self._losses.training(self.landmarks.trajectory, n_examples)

    def _places(
        self, plane: Plane, trajectory: Trajectory | None, loss_of: Callable[..., float], batch_norm: str
    ) -> Iterator[tuple[Path | None, dict[str, Path], dict[str, Path]]]:
        """The path up to each checkpoint, the solutions, and the other runs, as far as each is found."""
        solutions: dict[str, Path] = {}
        steps = partial(path_steps, plane, self._objective, batch_norm=batch_norm)
        for name, state in self.landmarks.solutions.items():
            own = partial(loss_of, name=name)
            (solutions[name],) = steps(_alone(state), own)
            yield None, dict(solutions), {}
        if trajectory is None:
            return
        for path in steps(trajectory, loss_of):
            yield path, solutions, {}
        others: dict[str, Path] = {}
        for name, run in self.landmarks.others.items():
            own = partial(loss_of, name=name)
            for others[name] in steps(run, own):
                yield path, solutions, dict(others)

    def _instead_of(self, drawn: Trajectory, first: bool) -> Trajectory | None:
        """What is drawn instead of a trajectory of which a recorder has dropped some; None if it has not.

        At first that is the run as it is by now. One that goes on fast drops the newest each time: from then
        on no newer ones are read.
        """
        left, others = still_kept(drawn), self.landmarks.others
        if len(left) == len(drawn) and all(len(still_kept(run)) == len(run) for run in others.values()):
            return None
        self.landmarks = (
            self.landmarks.now()
            if first
            else replace(
                self.landmarks,
                trajectory=left,
                others={name: still_kept(run) for name, run in others.items()},
            )
        )
        self._losses.forget_places()
        return self.landmarks.trajectory

    def _of_what_is_kept(self, steps: Callable[[Trajectory | None], Iterator[_T]]) -> Iterator[_T]:
        """What is found of the trajectory in steps, from the first again where a recorder drops some."""
        drawn, first = self.landmarks.trajectory, True
        while True:
            try:
                yield from steps(drawn)
                return
            except FileNotFoundError:
                drawn, first = drawn and self._instead_of(drawn, first), False
                if drawn is None:
                    raise

    def _of_path(self, compute: Callable[[Trajectory], _T]) -> _T:
        """What is computed of the trajectory, without what a recorder drops meanwhile."""

        def found(drawn: Trajectory | None) -> Iterator[_T]:
            assert drawn is not None
            yield compute(drawn)

        (only,) = self._of_what_is_kept(found)
        return only

    def _n_components(self) -> int:
        """How many components the path has, at most: not more than it has checkpoints other than θ*.

        They are counted where they are known, or the checkpoints are so few that some may be missing of those
        that are offered.
        """
        trajectory = self.landmarks.trajectory
        if trajectory is None:
            return 0
        for k, components in self._components.items():
            m: int = components.directions.shape[1]
            if m < k:
                return m
        if len(trajectory) > OFFERED_COMPONENTS + 1:
            return min(len(trajectory), self._objective.n_parameters)
        if self._rank is None:
            try:
                self._rank = self._of_path(lambda steps: path_rank(self._origin, steps))
            except (OSError, ValueError):  # told once it is asked for
                self._rank = len(trajectory)
        return self._rank

    def _held(self) -> list[str]:
        """Names of axes whose directions are known of a file."""
        return [name for _, name in self._known.directions]

    def is_given(self, name: str) -> bool:
        """Whether an axis is made by a trajectory or a solution."""
        kind = parse_axis(name).kind
        return kind.named or kind.of_path

    def _direction(self, name: str, components: PathComponents | None) -> FloatArray:
        """The direction of an axis of theirs, that of what was given before that of a file.

        Raises:
            ValueError: If it is zero.
        """
        axis = parse_axis(name)
        held = self._known.directions.get((self._objective.n_examples, name))
        if axis.kind.of_path and components is not None:
            has = axis.rank <= components.directions.shape[1]
            return held if held is not None and not has else components.direction(axis.rank)
        state = self.landmarks.solutions.get(axis.label)
        if state is None:
            return self._known.directions[self._objective.n_examples, name]
        there: FloatArray = solution_theta(self._objective, state, axis.label)
        for start in (self._objective, self._origin):  # around the solution the line goes on
            direction: FloatArray = there - start.theta.detach().cpu().double().numpy()
            if direction.any():
                return direction
        raise ValueError(f"Expected a solution other than θ* for the axis {name!r}, got θ* itself.")

    def _first_components(self, most: int) -> PathComponents:
        k = max(most, OFFERED_COMPONENTS)
        if k not in self._components:
            self._components[k] = self._of_path(lambda steps: path_components(self._origin, steps, k))
        return self._components[k]

    def _whole(self, plane: Plane) -> list[Path]:
        """The paths on a plane, without losses; those of a file where there is no trajectory."""

        def whole(run: Trajectory) -> Path:
            steps = path_steps(plane, self._objective, run, lambda *_: math.nan)
            return deque(steps, maxlen=1).pop()

        if self.landmarks.trajectory is not None:
            own = self._of_path(whole)
            return [own, *(whole(still_kept(run)) for run in self.landmarks.others.values())]
        held = self._known.landmarks.items()
        return next((list(p.runs.values()) for (_, key), p in held if key.startswith(plane.fingerprint)), [])


def _alone(state: Mapping[str, Tensor]) -> Trajectory:
    """A solution as a trajectory of one checkpoint, whose step nobody told."""
    return Trajectory.of_recorded([Recorded(Held(state), 0, told=False)])
