"""The way from centre to centre: each θ* that was explored around, with its study and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from torch import nn

from landscape_widget.explorer.model_weights import State, same_values
from landscape_widget.explorer.worker import CLOSED
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.same_loss import check_same_loss
from landscape_widget.objective.states import THETA, full_state, keys_of, theta_of
from landscape_widget.paths.index import Recorded
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.paths.stored import Held
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.paths import PathComponents
from landscape_widget.results.planes import Plane
from landscape_widget.study.centre import Marked, Run
from landscape_widget.study.known import Known
from landscape_widget.study.study import Study

#: Centres whose studies, each with a model of its own, are kept: the present one and those before it.
_STUDIES = 2

#: The step of a solution, which no checkpoint is near to.
_NEVER = -(10**12)

#: Bytes of what is known that are kept, of all centres together; those left longest ago are forgotten first.
_MOST_BYTES = 500_000_000


@dataclass(eq=False)
class Spot:
    """A θ* that can be explored around: a checkpoint, or a point beside one."""

    recorded: Recorded
    """The checkpoint: weights that were taken from the model, or those of a trajectory."""
    theta: FloatArray | None = None
    """A point beside it, shape (N,)."""
    moved: float = 0.0
    """‖Δθ‖ from the checkpoint to there."""
    known: Known = field(default_factory=Known)
    """What was found there."""
    study: Study | None = None
    """What finds more; made anew where there is none."""
    marked: list[Marked] = field(default_factory=list)
    """Points that were marked while there was one."""

    def leave(self) -> None:
        """Lets go of the study, of which the rest can be had again."""
        if self.study is not None:
            self.marked, self.study = self.study.centre.marked, None


@dataclass(frozen=True)
class _Centre:
    """A spot on the way."""

    spot: Spot
    state: State | None
    """All of the model's state as it was last taken; None where there is no model."""
    taken: int = 0
    """How often weights had been taken before."""


class Centres:
    """A stack of centres, the last the present one, and all checkpoints that can be gone to."""

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
        self._base: tuple[Objective, Objective | None] | None = (objective, test)
        self._origins: dict[bytes, Recorded] = {}
        self._components: dict[int, PathComponents] = {}
        self._losses: dict[tuple[int, str], float] = {}
        self._others: dict[str, Spot] = {}
        self._visited: list[Spot] = []
        weights = Held({THETA: objective.theta} if state is None else state)
        self.landmarks = landmarks or Landmarks()
        present = self._last_recorded(objective, weights)
        if present is None:
            step = max((recorded.step for recorded in self.landmarks.checkpoints), default=-1) + 1
            present = Recorded(weights, step)
            self.landmarks = replace(self.landmarks, first=present)
        self._first = Spot(present)
        self._spots = {checkpoint_key(present): self._first}
        self._stack: list[_Centre] = []
        self._enter(self._first)
        self._stack.append(_Centre(self._first, state))
        self._latest = state
        self.left_at = 0
        """Number of the last request that was about another centre."""

    @property
    def study(self) -> Study:
        """The study of the present centre.

        Raises:
            RuntimeError: After ``close``.
        """
        self.check_open()
        study = self._stack[-1].spot.study
        assert study is not None
        return study

    @property
    def present(self) -> Spot:
        """Where one is."""
        self.check_open()
        return self._stack[-1].spot

    def check_open(self) -> None:
        """Raises a RuntimeError after ``close``."""
        if not self._stack:
            raise RuntimeError(CLOSED)

    def close(self) -> None:
        """Lets go of all studies, and so of the data."""
        self._first.leave()
        self._stack.clear()
        self._visited.clear()
        self._spots.clear()
        self._others.clear()
        self._origins.clear()
        self._base = None

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the centre of a new exploration.

        Args:
            theta: The new θ*.
            request: Number of the last request that was about the old one.
        """
        self.check_open()
        spot = self._stack[-1].spot
        moved = norm(theta - self._theta(spot.recorded))
        beside = Spot(spot.recorded, theta, moved)
        self._enter(beside)
        self._stack.append(replace(self._stack[-1], spot=beside))
        self.left_at = request

    def take(self, state: State, request: int, model: nn.Module) -> None:
        """Makes a later state of the model the centre of a new exploration; where it is the same, none.

        Args:
            state: All of it.
            model: Which it was taken from.
            request: Number of the last request that was about the old one.

        Raises:
            ValueError: If it is not one of this model, naming the tensors.
            RuntimeError: If the model has become another one in what its state does not hold.
        """
        here = self._stack[-1].spot
        assert self._base is not None
        check_same_loss(self._base[0].with_state(state), model)
        before, held = self.landmarks, Held(state)
        self.landmarks = before.now()
        recorded = self._last_recorded(self._base[0], held)
        if recorded is None:
            self.landmarks = self.landmarks.with_taken(held)
            recorded = self.landmarks.taken[-1]
        try:
            if self.landmarks.checkpoints != before.checkpoints:
                self._components = {}
                for spot in self._visited:
                    spot.leave()
            self._move(self._spot(recorded), here, state, request)
        except BaseException:
            self.landmarks = before
            raise

    def _move(self, spot: Spot, here: Spot, state: State, request: int) -> None:
        self._enter(spot)
        self._latest = state
        top = self._stack[-1]
        if spot is here:
            return
        self._stack.append(_Centre(spot, state, top.taken + 1))
        self.left_at = request

    def visit(self, number: int | None, request: int) -> None:
        """Goes to a checkpoint; the way back leads to where one was before the first of such visits.

        Args:
            number: Of the checkpoint; None for the present weights of the model, as they were last taken.
            request: Number of the last request that was about the old centre.

        Raises:
            FileNotFoundError: If its file is missing.
            ValueError: If it is damaged, of another model, or not finite.
        """
        self.check_open()
        spot = self.at(number)
        if spot is self._stack[-1].spot:
            return
        self._enter(spot)
        self._stack[-1] = replace(self._stack[-1], spot=spot, state=self._latest)
        while self.depth and self._stack[-2].spot is spot:
            del self._stack[-2]
        self.left_at = request

    def at(self, number: int | None) -> Spot:
        """The spot of a checkpoint, by its number, None for the last one."""
        checkpoints = self.landmarks.checkpoints
        return self._spot(checkpoints[-1 if number is None else number])

    def elsewhere(self, where: int | str) -> Study:
        """The study of a checkpoint by its number, or of a solution by its name, beside the present one."""
        if not isinstance(where, str):
            return self.ahead(where)
        recorded = Recorded(Held(self.landmarks.solutions[where]), _NEVER)
        spot = self._others.setdefault(where, Spot(recorded))
        return self._kept(spot)

    def ahead(self, number: int) -> Study:
        """The study of a checkpoint, which is kept as if one had been there just before."""
        return self._kept(self.at(number))

    def _kept(self, spot: Spot) -> Study:
        present = self.present
        self._enter(spot)
        study = spot.study
        self._enter(present)
        assert study is not None
        return study

    def study_at(self, number: int | None) -> Study:
        """The study of a checkpoint; one does not go there."""
        spot = self.at(number)
        return spot.study or self._made(spot)

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
        self._enter(self._stack[-2].spot)
        left = self._stack.pop().spot
        if left.theta is not None:  # no other way leads there
            self._visited.remove(left)
        self.left_at = request

    @contextmanager
    def replaced(self, study: Study, number: int | None = None) -> Iterator[None]:
        """Puts another study in the place of the present one, and back if what is done under it fails.

        Args:
            study: It may be that of a checkpoint.
            number: Of which; None for the last one.
        """
        self.check_open()
        before = self._stack[-1]
        here = (self.last if number is None else number) == self.number
        spot = before.spot if here else self.at(number)
        former = spot.study, spot.known
        spot.study, spot.known = study, study.known
        self._enter(spot)
        self._stack[-1] = replace(before, spot=spot)
        try:
            yield
        except BaseException:
            # an observer may have moved on, or closed
            if self._stack and self.study is study:
                spot.study, spot.known = former
                self._enter(before.spot)
                self._stack[-1] = before
            raise

    @property
    def depth(self) -> int:
        """How many steps back there are."""
        return len(self._stack) - 1

    @property
    def taken(self) -> int:
        """How often weights were taken from the model before those of the present centre."""
        return self._stack[-1].taken

    @property
    def number(self) -> int:
        """The number of the checkpoint that the present centre is, or lies beside."""
        keys = [*map(checkpoint_key, self.landmarks.checkpoints)]
        key = checkpoint_key(self._stack[-1].spot.recorded)
        # a recorder may have thinned it out meanwhile
        return keys.index(key) if key in keys else sum(step < key[0] for step, _ in keys[:-1])

    @property
    def passed(self) -> Recorded | None:
        """The present checkpoint, where the model has moved on since and nothing but this explorer has it."""
        recorded, own = self.present.recorded, (self.landmarks.first, *self.landmarks.taken)
        return recorded if recorded in own and self.number != self.last else None

    @property
    def last(self) -> int:
        """The number of the last checkpoint."""
        return len(self.landmarks.checkpoints) - 1

    @property
    def moved(self) -> float:
        """‖Δθ‖ from the checkpoint to the present centre."""
        return self._stack[-1].spot.moved

    @property
    def state(self) -> State | None:
        """All of the model's state when weights were last taken; None without a model."""
        self.check_open()
        return self._stack[-1].state

    def displacement(self, theta: FloatArray, plane: Plane | None = None) -> tuple[FloatArray, State | None]:
        """From which state of the model θ, shape (N,), is how far away.

        Args:
            theta: The point.
            plane: That it was found on, if not that of the present centre: then it goes by the state there.

        Raises:
            RuntimeError: If the plane is around a centre that is not known here, so that nobody knows which
                buffers and frozen parameters belong to it.
        """
        self.check_open()
        recorded = self._stack[-1].spot.recorded
        if plane is not None:
            there = self._origins.get(_digest(plane.origin))
            if there is None and len({*map(checkpoint_key, self._origins.values())}) > 1:
                raise RuntimeError(
                    "Expected a point on a plane around a centre of this explorer, got one around another: "
                    "which buffers and frozen parameters belong to it is not known here. Pin it again."
                )
            recorded = there or recorded
        return theta - self._theta(recorded), self._state(recorded)

    def is_origin(self, plane: Plane) -> bool:
        """Whether a plane goes out from the present centre."""
        return np.array_equal(plane.origin, _vector(self.study.objective))

    def _spot(self, recorded: Recorded) -> Spot:
        return self._spots.setdefault(checkpoint_key(recorded), Spot(recorded))

    def _enter(self, spot: Spot) -> None:
        """Has a study of a spot, and lets go of what others need no more."""
        if spot.study is None:
            spot.study = self._made(spot)
        self._origins[_digest(_vector(spot.study.objective))] = spot.recorded
        self._visited = [*(one for one in self._visited if one is not spot), spot]
        for one in self._visited[:-_STUDIES]:
            one.leave()
        total = 0
        for one in reversed(self._visited):
            total += one.known.n_bytes
            if total > _MOST_BYTES and one is not spot:
                one.leave()
                one.known = Known()

    def _made(self, spot: Spot) -> Study:
        objective, test = self._objectives(spot)
        self._losses.update(spot.known.landmark_losses)
        spot.known.landmark_losses = self._losses  # true losses, which depend on no centre
        run = Run(partial(self._nearest_pairs, spot), None, {})
        if spot.theta is None and self.landmarks.trajectory is not None:
            last = self.at(None)
            origin = None if spot is last else self._objectives(last)[0]
            run = replace(run, origin=origin, components=self._components)
        study = Study(objective, test, spot.known, self.landmarks, run)
        study.centre.marked.extend(spot.marked)
        return study

    def _objectives(self, spot: Spot) -> tuple[Objective, Objective | None]:
        assert self._base is not None
        objective, test = self._base
        if spot.recorded is not self._first.recorded:
            checkpoints = self.landmarks.checkpoints
            number = checkpoints.index(spot.recorded) if spot.recorded in checkpoints else -1
            run = Trajectory.of_recorded(checkpoints if number >= 0 else [spot.recorded])
            state = run[number]
            with run.named(number):
                objective, test = objective.with_state(state), test and test.with_state(state)
                if not bool(objective.theta.isfinite().all()):
                    raise ValueError("its weights are not finite.")
        if spot.theta is None:
            return objective, test
        moved = torch.from_numpy(spot.theta)
        return objective.at(moved), test.at(moved) if test else None

    def _nearest_pairs(self, spot: Spot, n_examples: int, k: int) -> EigenPairs | None:
        """Certified pairs of the checkpoint that is nearest by its step, the former one of two."""
        if spot.theta is not None:  # what is found beside a checkpoint does not depend on the way there
            return None
        others = [
            (abs(one.recorded.step - spot.recorded.step), one.recorded.step, pairs)
            for one in self._visited
            if not (one is spot or one.theta is not None)
            and (pairs := one.known.pairs.get((n_examples, k))) is not None
        ]
        return min(others, key=lambda other: other[:2])[2] if others else None

    def _last_recorded(self, objective: Objective, weights: Held) -> Recorded | None:
        """The last checkpoint that there is, if it has just these weights."""
        last = self.landmarks.checkpoints[-1:]
        if not last:
            return None
        try:
            there, here = (
                complete_state(objective, state)
                for state in (Trajectory.of_recorded(last)[0], weights.state())
            )
        except (OSError, ValueError):  # told once it is asked for
            return None
        same = there.keys() == here.keys() and all(same_values(there[name], here[name]) for name in here)
        return last[0] if same else None

    def _state(self, recorded: Recorded) -> State:
        """All of the model's state at a checkpoint."""
        assert self._base is not None
        state = Trajectory.of_recorded([recorded])[0]
        return complete_state(self._base[0], state)

    def _theta(self, recorded: Recorded) -> FloatArray:
        """θ of a checkpoint in float64, shape (N,)."""
        assert self._base is not None
        if recorded is self._first.recorded:
            return _vector(self._base[0])
        state = self._state(recorded)
        theta: FloatArray = (
            theta_of(self._base[0], state, {name: name for name in state}).cpu().double().numpy()
        )
        return theta


def complete_state(objective: Objective, state: State) -> dict[str, torch.Tensor]:
    """A state by the names of the objective's model, with all that this has."""
    keys = keys_of(objective, {name: tensor.shape for name, tensor in state.items()})
    return full_state(objective, {name: state[key] for name, key in keys.items()})


def _vector(objective: Objective) -> FloatArray:
    """θ* of an objective in float64, shape (N,)."""
    theta: FloatArray = objective.theta.detach().cpu().double().numpy()
    return theta


def _digest(theta: FloatArray) -> bytes:
    return blake2b(np.ascontiguousarray(theta, float).tobytes(), digest_size=16).digest()


def checkpoint_key(recorded: Recorded) -> tuple[int, object]:
    """What tells a checkpoint from others, also where a folder was read again."""
    source = recorded.source
    return recorded.step, source if isinstance(source, Path) else id(source)
