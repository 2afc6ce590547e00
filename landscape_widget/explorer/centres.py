"""The way from centre to centre: a stack of those that were gone to, with the state that each came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from landscape_widget.explorer.model_weights import State, arrays_of, tensors_of
from landscape_widget.explorer.spots import Spot, Spots, checkpoint_key, vector_of
from landscape_widget.explorer.worker import CLOSED
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.same_loss import check_same_loss
from landscape_widget.paths.index import Recorded, was_dropped
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.paths.stored import Held
from landscape_widget.results.planes import Plane
from landscape_widget.study.controls import Controls
from landscape_widget.study.known import Known
from landscape_widget.study.study import Study


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

    def __init__(self, spots: Spots, state: State | None) -> None:
        """Starts at the first of the spots.

        Args:
            spots: All θ* that can be gone to.
            state: All of the model's state there, None without a model.
        """
        self.spots, first = spots, spots.first
        self._stack: list[_Centre] = []
        self.spots.enter(first)
        self._stack.append(_Centre(first, state))
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
    def landmarks(self) -> Landmarks:
        """All checkpoints and solutions."""
        return self.spots.landmarks

    @property
    def present(self) -> Spot:
        """Where one is."""
        self.check_open()
        return self._stack[-1].spot

    def beside(self, where: int | str | None) -> Study:
        """The study of a checkpoint by its number, or of a solution by its name; one does not go there.

        None is the last checkpoint.
        """
        return self.spots.beside(where, self.present)

    def check_open(self) -> None:
        """Raises a RuntimeError after ``close``."""
        if not self._stack:
            raise RuntimeError(CLOSED)

    def close(self) -> None:
        """Lets go of all studies, and so of the data."""
        self.spots.close()
        self._stack.clear()

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the centre of a new exploration.

        Args:
            theta: The new θ*.
            request: Number of the last request that was about the old one.
        """
        self.check_open()
        spot = self._stack[-1].spot
        moved = norm(theta - self.spots.theta(spot.recorded))
        beside = Spot(spot.recorded, theta, moved)
        self.spots.enter(beside)
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
        top = self._stack[-1]
        check_same_loss(self.spots.base[0].with_state(state), model)
        with self.spots.replaced():
            spot = self.spots.spot(self._at_the_end(state))
            self.spots.enter(spot)
        self._latest = state
        if spot is top.spot:
            return
        self._stack.append(_Centre(spot, state, top.taken + 1))
        self.left_at = request

    def _at_the_end(self, state: State) -> Recorded:
        """Has a state of the model be the last checkpoint of the run as it is by now."""
        spots, held = self.spots, Held(state)
        before = spots.landmarks
        spots.landmarks = before.now()
        recorded = spots.last_recorded(held)
        if recorded is None:
            spots.landmarks = spots.landmarks.with_taken(held)
            recorded = spots.landmarks.taken[-1]
        spots.hold(recorded, held)
        if spots.landmarks.checkpoints != before.checkpoints:
            spots.refresh()
        return recorded

    def visit(self, number: int | None, request: int) -> None:
        """Goes to a checkpoint; the way back leads to where one was before the first of such visits.

        Where a recorder has dropped it since, that is the one nearest by its step of those that it keeps.

        Args:
            number: Number of the checkpoint; None for the present weights of the model, as they were last
                taken.
            request: Number of the last request that was about the old centre.

        Raises:
            FileNotFoundError: If its file is missing.
            ValueError: If it is damaged, of another model, or not finite.
        """
        self.check_open()
        spot = self.spots.at(number)
        if spot is self._stack[-1].spot:
            return
        try:
            self.spots.enter(spot)
        except FileNotFoundError:
            if not was_dropped(spot.recorded):
                raise
            spot = self._nearest(spot.recorded)
        self._stack[-1] = replace(self._stack[-1], spot=spot, state=self._latest)
        while self.depth and self._stack[-2].spot is spot:
            del self._stack[-2]
        self.left_at = request

    def _nearest(self, dropped: Recorded) -> Spot:
        """Enters the checkpoint that is nearest to one by its step, in the run as it is by now."""
        with self.spots.replaced():
            while True:
                self.spots.landmarks = self.landmarks.now()
                if self._latest is not None:
                    self._at_the_end(self._latest)
                near = min(self.landmarks.checkpoints, key=lambda one: abs(one.step - dropped.step))
                self.spots.refresh()
                try:
                    self.spots.enter(self.spots.spot(near))
                except FileNotFoundError:
                    if not was_dropped(near):
                        raise
                else:
                    return self.spots.spot(near)

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
        self.spots.enter(self._stack[-2].spot)
        left = self._stack.pop().spot
        if left.theta is not None:  # no other way leads there
            self.spots.forget(left)
        self.left_at = request

    @property
    def begun(self) -> Spot:
        """Where the way to the present centre began."""
        self.check_open()
        return self._stack[0].spot if self.depth else self.spots.first

    def way(self) -> dict[str, Any]:
        """What a file holds of the way to the present centre, nothing where it is the first one.

        That is where it came by, what was found where it began, and the weights themselves where neither the
        model nor a trajectory has them in the next session.
        """
        spot, begun = self.present, self.begun
        if spot is begun:
            return {}
        passed = [begun, self.spots.first, *(one.spot for one in self._stack[:-1])]
        way: dict[str, Any] = {"from": [one.digest for one in passed], "known": begun.known.saved()}
        if spot.theta is not None or spot.recorded in self.landmarks.taken:
            way["theta"] = vector_of(self.study.objective)
            if spot.recorded is not begun.recorded:
                way["state"] = arrays_of(self.spots.state(spot.recorded))
        return way

    def by_way(self, way: Mapping[str, Any]) -> Study | None:
        """The study of the centre that a way of a file leads to; None where it does not come by here."""
        return self.spots.made(self._beyond(way)) if self.present.digest in way["from"] else None

    def _beyond(self, way: Mapping[str, Any]) -> Spot:
        recorded, theta = self.present.recorded, way["theta"]
        if "state" in way:
            recorded = Recorded(Held(tensors_of(way["state"])), recorded.step, told=False)
        return Spot(recorded, theta, norm(theta - vector_of(self.study.objective)))

    @contextmanager
    def replaced(
        self,
        study: Study,
        number: int | None = None,
        way: Mapping[str, Any] | None = None,
        begun: Mapping[str, Known] | None = None,
    ) -> Iterator[None]:
        """Puts another study in the place of the present one, and back if what is done under it fails.

        Args:
            study: It may be that of a checkpoint.
            number: Number of that one; None for the last one.
            way: The way of a file to another centre, which then is one to go back from.
            begun: What a file holds of where its way began, by the digest of that.
        """
        self.check_open()
        stack, first = [*self._stack], self.begun
        before = stack[-1]
        here = (self.last if number is None else number) == self.number
        there = before.spot if way is None and here else None
        spot = there or (self.spots.at(number) if way is None else self._beyond(way))
        former = [(one, one.study, one.known) for one in (spot, first)]
        if begun and first is not spot and not first.known.losses_at_theta:
            first.leave()
            first.known = begun.get(first.digest, first.known)
        spot.study, spot.known = study, study.known
        self.spots.enter(spot)
        self._stack[-1 if way is None else len(stack) :] = [replace(before, spot=spot)]
        try:
            yield
        except BaseException:
            # an observer may have moved on, or closed
            if self._stack and self.study is study:
                for one, its_study, known in former:
                    one.study, one.known = its_study, known
                self.spots.enter(before.spot)
                self._stack[:] = stack
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

    def elsewhere(self, controls: Controls) -> tuple[Controls, dict[str, str]]:
        """The controls as another explorer of the same run takes them.

        With them comes what each checkpoint is called that only this explorer has, by the name of the control
        that is left out. The weights that the model holds now are those of the other explorer, too.
        """
        names = "checkpoint", "compared_checkpoint"
        asked = {name: getattr(controls, name) for name in names}
        numbers = {name: n for name, n in asked.items() if isinstance(n, int) and n <= self.last}
        there = {name: self.landmarks.elsewhere(n) for name, n in numbers.items()}
        left = [
            name for name in there if there[name] is None and (name, numbers[name]) != (names[0], self.last)
        ]
        lost = {name: self.landmarks.checkpoints[numbers[name]].name for name in left}
        return replace(controls, **there), lost  # type: ignore[arg-type]

    @property
    def steps(self) -> list[int]:
        """The steps of all checkpoints."""
        return [recorded.step for recorded in self.landmarks.checkpoints]

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
        """Tells from which state of the model θ, shape (N,), is how far away.

        Args:
            theta: The point.
            plane: The plane that it was found on, if not that of the present centre: then it goes by
                the state there.

        Raises:
            RuntimeError: If the plane is around a centre that is not known here, so that nobody knows which
                buffers and frozen parameters belong to it.
        """
        self.check_open()
        recorded = self._stack[-1].spot.recorded
        if plane is not None:
            recorded = self.spots.origin_of(plane, recorded)
        return theta - self.spots.theta(recorded), self.spots.state(recorded)

    def is_origin(self, plane: Plane) -> bool:
        """Whether a plane goes out from the present centre."""
        return np.array_equal(plane.origin, vector_of(self.study.objective))
