"""Every θ* that can be explored around: what was found there, and the study that finds more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch

from landscape_widget.explorer.model_weights import State, same_values
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import (
    THETA,
    full_state,
    keys_of,
    moving_names,
    statistics_of,
    theta_of,
)
from landscape_widget.paths.index import Recorded, was_dropped
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.paths.preconditioners import preconditioner_of
from landscape_widget.paths.stored import Held
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.paths import PathComponents
from landscape_widget.results.planes import Plane
from landscape_widget.study.centre import Marked, Run
from landscape_widget.study.known import Known
from landscape_widget.study.study import Study
from landscape_widget.study.witness import Witness

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
    digest: str = ""
    """What tells its θ* from others, once it was entered."""

    def leave(self) -> None:
        """Lets go of the study, of which the rest can be had again."""
        if self.study is not None:
            self.marked, self.study = self.study.centre.marked, None


class Spots:
    """All checkpoints that can be gone to, and the points beside them that were."""

    def __init__(
        self, objective: Objective, test: Objective | None, state: State | None, landmarks: Landmarks
    ) -> None:
        """Begins with the objective's θ*, which is a checkpoint, too.

        Args:
            objective: The loss L as a function of θ.
            test: The same objective on test data.
            state: All of the model's state, None without a model.
            landmarks: A trajectory and solutions.
        """
        self._base: tuple[Objective, Objective | None] | None = (objective, test)
        self._witness: Witness | None = Witness(objective)
        self._origins: dict[bytes, Recorded] = {}
        self._components: dict[int, PathComponents] = {}
        self._losses: dict[tuple[int, str], float] = {}
        self._taken: dict[tuple[int, object], Held] = {}
        self._others: dict[str, Spot] = {}
        self._visited: list[Spot] = []
        self.landmarks = landmarks
        """All checkpoints and solutions."""
        weights = Held({THETA: objective.theta} if state is None else state)
        present = self.last_recorded(weights)
        if present is None:
            self.landmarks = landmarks.with_first(weights)
            present = self.landmarks.checkpoints[-1]
        self.first = Spot(present)
        """The spot of the objective itself."""
        self._spots = {checkpoint_key(present): self.first}
        self.hold(present, weights)

    @property
    def base(self) -> tuple[Objective, Objective | None]:
        """The objective and its twin on test data, at the first θ*."""
        assert self._base is not None
        return self._base

    @property
    def witness(self) -> Witness:
        """What the loss was, which is one for all spots."""
        assert self._witness is not None
        return self._witness

    def close(self) -> None:
        """Lets go of all studies, and so of the data."""
        self.first.leave()
        self._visited.clear()
        self._spots.clear()
        self._others.clear()
        self._origins.clear()
        self._taken.clear()
        self._base = self._witness = None

    def at(self, number: int | None) -> Spot:
        """The spot of a checkpoint, by its number, None for the last one."""
        checkpoints = self.landmarks.checkpoints
        return self.spot(checkpoints[-1 if number is None else number])

    def beside(self, where: int | str | None, present: Spot) -> Study:
        """The study of a checkpoint by its number, or of a solution by its name, beside the present.

        Args:
            where: The number or the name; None for the last checkpoint.
            present: Where one is.
        """
        spot = self._spot_of(where)
        self.enter(spot)
        study = spot.study
        self.enter(present)
        assert study is not None
        return study

    def study_at(self, where: int | str | None) -> Study:
        """The study of a checkpoint, or of a solution by its name; one does not go there."""
        spot = self._spot_of(where)
        return spot.study or self.made(spot)

    def _spot_of(self, where: int | str | None) -> Spot:
        if not isinstance(where, str):
            return self.at(where)
        recorded = Recorded(Held(self.landmarks.solutions[where]), _NEVER)
        return self._others.setdefault(where, Spot(recorded))

    def hold(self, recorded: Recorded, weights: Held) -> None:
        """Keeps weights that were taken from the model: a recorder may drop the file of the same ones."""
        self._taken[checkpoint_key(recorded)] = weights

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Other checkpoints take the place of these, or none where what is done under it fails."""
        before = self.landmarks, self._components
        studies = [(spot, spot.study, spot.marked) for spot in self._visited]
        try:
            yield
        except BaseException:
            self.landmarks, self._components = before
            for spot, study, marked in studies:
                spot.study, spot.marked = study, marked
            raise

    def refresh(self) -> None:
        """Has studies made anew: there are other checkpoints, and so other components of their path."""
        self._components = {}
        for spot in self._visited:
            spot.leave()

    def forget(self, spot: Spot) -> None:
        """Lets go of a point that no other way leads to."""
        self._visited.remove(spot)

    def origin_of(self, plane: Plane, otherwise: Recorded) -> Recorded:
        """The checkpoint around which, or beside which, a plane was found.

        Args:
            plane: The plane.
            otherwise: What it is where the model has nothing but θ, in which alone centres differ.

        Raises:
            RuntimeError: If the plane is around a centre that is not known here, as one of a file may be.
        """
        there = self._origins.get(_digest(plane.origin))
        if there is None and not self.state(self.first.recorded).keys() <= moving_names(self.base[0]):
            raise RuntimeError(
                "Expected a point on a plane around a centre of this explorer, got one around another: "
                "which buffers and frozen parameters belong to it is not known here. Go to its checkpoint "
                "first, or pin it again."
            )
        return there or otherwise

    def is_origin(self, recorded: Recorded, plane: Plane) -> bool:
        """Whether a plane is known to go out from a checkpoint, or from a point beside it."""
        try:
            return checkpoint_key(self.origin_of(plane, recorded)) == checkpoint_key(recorded)
        except RuntimeError:
            return False

    def spot(self, recorded: Recorded) -> Spot:
        """The spot of a checkpoint."""
        return self._spots.setdefault(checkpoint_key(recorded), Spot(recorded))

    def enter(self, spot: Spot) -> None:
        """Has a study of a spot, and lets go of what others need no more."""
        if spot.study is None:
            spot.study = self.made(spot)
        digest = _digest(vector_of(spot.study.objective))
        self._origins[digest], spot.digest = spot.recorded, digest.hex()
        self._visited = [*(one for one in self._visited if one is not spot), spot]
        for one in self._visited[:-_STUDIES]:
            one.leave()
        total = 0
        for one in reversed(self._visited):
            total += one.known.n_bytes
            if total > _MOST_BYTES and one is not spot:
                one.leave()
                one.known = Known()

    def made(self, spot: Spot) -> Study:
        """A study there; nobody goes there for that."""
        objective, test = self._objectives(spot)
        self._losses.update(spot.known.landmark_losses)
        spot.known.landmark_losses = self._losses  # true losses, which depend on no centre
        run = Run(partial(self._nearest_pairs, spot), None, {}, self.witness)
        if spot.theta is None:
            there = Trajectory.of_recorded([spot.recorded])
            diagonal = partial(preconditioner_of, objective, there, 0)
            run = replace(run, origin=self._end(spot), components=self._components, diagonal=diagonal)
        study = Study(objective, test, spot.known, self.landmarks, run)
        study.centre.marked.extend(spot.marked)
        return study

    def _end(self, spot: Spot) -> Objective | None:
        """The objective at the last checkpoint that there still is; None if a spot is that one."""
        for recorded in reversed(self.landmarks.checkpoints):
            last = self.spot(recorded)
            if last is spot:
                break
            try:
                return self._objectives(last)[0]
            except FileNotFoundError:
                if not was_dropped(recorded):
                    raise
        return None

    def _objectives(self, spot: Spot) -> tuple[Objective, Objective | None]:
        objective, test = self.base
        if spot.recorded is not self.first.recorded:
            checkpoints = self.landmarks.checkpoints
            number = checkpoints.index(spot.recorded) if spot.recorded in checkpoints else -1
            run = Trajectory.of_recorded(checkpoints if number >= 0 else [spot.recorded])
            held = self._taken.get(checkpoint_key(spot.recorded))
            state = run[number] if held is None else held.state()
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

    def last_recorded(self, weights: Held) -> Recorded | None:
        """The last checkpoint that there is, if it has just these weights."""
        objective = self.base[0]
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

    def state(self, recorded: Recorded) -> State:
        """All of the model's state at a checkpoint."""
        held = self._taken.get(checkpoint_key(recorded))
        state = Trajectory.of_recorded([recorded])[0] if held is None else held.state()
        return complete_state(self.base[0], state)

    def theta(self, recorded: Recorded) -> FloatArray:
        """θ of a checkpoint in float64, shape (N,)."""
        if recorded is self.first.recorded:
            return vector_of(self.base[0])
        state = self.state(recorded)
        theta: FloatArray = (
            theta_of(self.base[0], state, {name: name for name in state}).cpu().double().numpy()
        )
        return theta

    def statistics_at(self, theta: FloatArray, recorded: Recorded) -> State:
        """Batch-norm statistics recomputed at θ, shape (N,), with all else as it is at a checkpoint."""
        objective = self._objectives(Spot(recorded))[0].with_batch_norm("recomputed")
        return statistics_of(objective.holding_statistics(torch.from_numpy(theta)))


def complete_state(objective: Objective, state: State) -> dict[str, torch.Tensor]:
    """A state by the names of the objective's model, with all that this has."""
    keys = keys_of(objective, {name: tensor.shape for name, tensor in state.items()})
    return full_state(objective, {name: state[key] for name, key in keys.items()})


def vector_of(objective: Objective) -> FloatArray:
    """θ* of an objective in float64, shape (N,)."""
    theta: FloatArray = objective.theta.detach().cpu().double().numpy()
    return theta


def _digest(theta: FloatArray) -> bytes:
    return blake2b(np.ascontiguousarray(theta, float).tobytes(), digest_size=16).digest()


def checkpoint_key(recorded: Recorded) -> tuple[int, object]:
    """What tells a checkpoint from others, also where a folder was read again."""
    source = recorded.source
    return recorded.step, source if isinstance(source, Path) else id(source)
