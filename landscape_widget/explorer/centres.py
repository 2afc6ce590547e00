"""The way from centre to centre: a stack of those that were gone to, with the state that each came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from landscape_widget.explorer.model_weights import State
from landscape_widget.explorer.spots import Spot, Spots, checkpoint_key, vector_of
from landscape_widget.explorer.worker import CLOSED
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.same_loss import check_same_loss
from landscape_widget.paths.index import Recorded, was_dropped
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.paths.stored import Held
from landscape_widget.results.planes import Plane
from landscape_widget.study.controls import Controls
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
        self.stack: list[_Centre] = []
        """From the first centre to the present one."""
        self.spots.enter(first)
        self.stack.append(_Centre(first, state))
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
        study = self.stack[-1].spot.study
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
        return self.stack[-1].spot

    def beside(self, where: int | str | None) -> Study:
        """The study of a checkpoint by its number, or of a solution by its name; one does not go there.

        None is the last checkpoint.
        """
        return self.spots.beside(where, self.present)

    def check_open(self) -> None:
        """Raises a RuntimeError after ``close``."""
        if not self.stack:
            raise RuntimeError(CLOSED)

    def close(self) -> None:
        """Lets go of all studies, and so of the data."""
        self.spots.close()
        self.stack.clear()

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the centre of a new exploration.

        Args:
            theta: The new θ*.
            request: Number of the last request that was about the old one.
        """
        self.check_open()
        spot = self.stack[-1].spot
        moved = norm(theta - self.spots.theta(spot.recorded))
        beside = Spot(spot.recorded, theta, moved)
        self.spots.enter(beside)
        self.stack.append(replace(self.stack[-1], spot=beside))
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
        top = self.stack[-1]
        check_same_loss(self.spots.base[0].with_state(state), model, state)
        with self.spots.replaced():
            spot = self.spots.spot(self._at_the_end(state, Landmarks.with_taken))
            self.spots.enter(spot)
        self._latest = state
        if spot is top.spot:
            return
        self.stack.append(_Centre(spot, state, top.taken + 1))
        self.left_at = request

    def _at_the_end(self, state: State, take: Callable[[Landmarks, Held], Landmarks]) -> Recorded:
        """Has a state of the model be the last of all checkpoints as they are by now; ``take`` adds it."""
        spots, held = self.spots, Held(state)
        before = spots.landmarks
        spots.landmarks = replace(before, aside=None).now()
        recorded = spots.last_recorded(held)
        if recorded is None:
            spots.landmarks = take(spots.landmarks, held)
            recorded = spots.landmarks.checkpoints[-1]
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
        if spot is self.stack[-1].spot:
            return
        try:
            self.spots.enter(spot)
        except FileNotFoundError:
            if not was_dropped(spot.recorded):
                raise
            spot = self._nearest(spot.recorded)
        self.stack[-1] = replace(self.stack[-1], spot=spot, state=self._latest)
        while self.depth and self.stack[-2].spot is spot:
            del self.stack[-2]
        self.left_at = request

    def _nearest(self, dropped: Recorded) -> Spot:
        """Enters the checkpoint that is nearest to one by its step, in the run as it is by now."""
        with self.spots.replaced():
            while True:
                self.spots.landmarks = self.landmarks.now()
                if self._latest is not None:
                    self._at_the_end(self._latest, Landmarks.with_aside)
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
                "Expected a centre that recentre() or update() chose, to go back from; none is left. The "
                "checkpoint trait goes to any checkpoint."
            )
        self.spots.enter(self.stack[-2].spot)
        left = self.stack.pop().spot
        if left.theta is not None:  # no other way leads there
            self.spots.forget(left)
        self.left_at = request

    @property
    def begun(self) -> Spot:
        """Where the way to the present centre began."""
        self.check_open()
        return self.stack[0].spot if self.depth else self.spots.first

    @property
    def depth(self) -> int:
        """How many steps back there are."""
        return len(self.stack) - 1

    @property
    def taken(self) -> int:
        """How often weights were taken from the model before those of the present centre."""
        return self.stack[-1].taken

    @property
    def number(self) -> int:
        """The number of the checkpoint that the present centre is, or lies beside."""
        keys = [*map(checkpoint_key, self.landmarks.checkpoints)]
        key = checkpoint_key(self.stack[-1].spot.recorded)
        # a recorder may have thinned it out meanwhile
        return keys.index(key) if key in keys else sum(step < key[0] for step, _ in keys[:-1])

    @property
    def passed(self) -> Recorded | None:
        """The present checkpoint, where the model has moved on since and nothing but this explorer has it."""
        recorded, own = (
            self.present.recorded,
            (self.landmarks.first, *self.landmarks.taken, self.landmarks.aside),
        )
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
        return self.stack[-1].spot.moved

    @property
    def state(self) -> State | None:
        """All of the model's state when weights were last taken; None without a model."""
        self.check_open()
        return self.stack[-1].state

    def displacement(
        self, theta: FloatArray, plane: Plane | None = None, batch_norm: str = "frozen"
    ) -> tuple[FloatArray, State | None]:
        """Tells from which state of the model θ, shape (N,), is how far away.

        Args:
            theta: The point.
            plane: The plane that it was found on, if not that of the present centre: then it goes by
                the state there.
            batch_norm: "recomputed" for a state with the batch-norm statistics at θ.

        Raises:
            RuntimeError: If the plane is around a centre that is not known here, so that nobody knows which
                buffers and frozen parameters belong to it.
        """
        self.check_open()
        recorded = self.stack[-1].spot.recorded
        if plane is not None:
            recorded = self.spots.origin_of(plane, recorded)
        displacement, state = theta - self.spots.theta(recorded), self.spots.state(recorded)
        if batch_norm == "recomputed":
            state = {**state, **self.spots.statistics_at(theta, recorded)}
        return displacement, state

    def is_origin(self, plane: Plane) -> bool:
        """Whether a plane goes out from the present centre."""
        return np.array_equal(plane.origin, vector_of(self.study.objective))
