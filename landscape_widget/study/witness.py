"""What the loss was when the first of what is known was computed; what is added later is held against it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch

from landscape_widget.admission.nearby import displaced
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.objective.objective import Objective
from landscape_widget.study.known import Known

log = logging.getLogger(__name__)

#: Losses of two times that differ by up to so many times what some in a row do, differ by noise alone.
_NOISE, _REPEATS = 10.0, 4


class LossChangedError(RuntimeError):
    """The loss has become another function since the first of what is known was computed."""


class Witness:
    """The loss at one point, for all centres of an explorer: model, data and loss are one for all.

    That point lies near the first θ*: at θ* itself a penalty for the way from there is zero, whatever its
    strength. What was added since the loss was last found to be the same is taken back where it is not.
    """

    def __init__(self, objective: Objective) -> None:
        """Evaluates nothing yet.

        Args:
            objective: The loss on all examples, at the first θ*.
        """
        self._objective = objective
        self._part: Objective | None = None
        self._losses: dict[int, tuple[bool, float]] = {}
        """By the number of examples: whether it is near θ*, and not at it, and the loss."""
        self._before: dict[Known, dict[str, Any]] = {}
        """What was known when the loss was last found to be the same, where more may be by now."""
        self._sizes: dict[Known, int] = {}
        self._open = 0
        self._lock = RLock()
        self.fault = ""
        """What is said of a loss that has changed; nothing is computed from then on."""
        self.on_fault: Callable[[], object] = lambda: None
        """Is called when what was added is taken back."""

    @property
    def taken(self) -> bool:
        """Whether there is a loss to hold others against."""
        return bool(self._losses)

    @property
    def unsure(self) -> bool:
        """Whether anything was added since the loss was last found to be the same."""
        return any(known.size != size for known, size in self._sizes.copy().items())

    @contextmanager
    def adding(self, *added_to: Known) -> Iterator[None]:
        """Takes note of what is known before more is; what is added under it is in doubt until ``check``.

        Raises:
            LossChangedError: If the loss was found to be another one before.
        """
        self.refuse()
        with self._lock:
            for known in added_to:
                if known not in self._before:
                    self._before[known], self._sizes[known] = known.copied(), known.size
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                if not self._open and not self.fault and not self.unsure:
                    self._forget()

    def refuse(self) -> None:
        """Raises a LossChangedError if the loss was found to be another one; takes back what was added."""
        if self.fault:
            self._restore()
            raise LossChangedError(self.fault)

    def check(self, n_examples: int) -> None:
        """Sees that the loss is what it was, in one evaluation; takes it where there is none yet.

        Args:
            n_examples: On how many examples it is asked for. Where it was not known on so many, it is held
                against the loss on others of them, and known from then on.

        Raises:
            LossChangedError: If it is another one, from then on.
        """
        with self._lock:
            self.refuse()
            held, sizes = self._held_against(n_examples), {known: known.size for known in self._sizes}
            if held is not None:
                before, now = self._losses[held], self._evaluated(held)
                if not self._same(before, now) and not self._is_noise(held, now[1] - before[1]):
                    where = "near θ*" if before[0] else "at θ*"
                    self.fault = (
                        f"Expected the loss {where} to be {before[1]:.6g} as before, got {now[1]:.6g}: "
                        "something that model or loss_fn reads has changed since, such as a variable of the "
                        "notebook. What is shown is of the former loss. Make a new explorer for this one."
                    )
            if not self.fault:
                if held != n_examples:
                    self._losses[n_examples] = self._evaluated(n_examples)
                self._sizes = sizes  # from before: another thread may add meanwhile
                if not self._open and not self.unsure:
                    self._forget()
                return
            self._restore()
        self.on_fault()
        raise LossChangedError(self.fault)

    def begin(self, n_examples: int) -> None:
        """Takes the loss where something was computed for the first time, rather than read from a file."""
        if self.unsure and not self.taken:
            self.check(n_examples)

    def take(self, objective: Objective, near: Mapping[int, float | None]) -> None:
        """Has what is added to what a file holds held against the loss as it is now.

        Args:
            objective: Of which that is.
            near: Its losses near θ* by the number of examples, where these were just evaluated.
        """
        if self.taken:
            return
        if objective is self._objective:
            self._losses = {n: (True, loss) for n, loss in near.items() if loss is not None}
        if not self.taken:
            self.check(objective.n_examples)

    def confirm(self, n_examples: int) -> None:
        """Checks the loss if anything was added since it was last found to be the same."""
        self.refuse()
        if self.unsure:
            self.check(n_examples)

    def _held_against(self, n_examples: int) -> int | None:
        """Of how many examples the loss is known: so many, else fewer, which take less, else more."""
        fewer = [n for n in self._losses if n <= n_examples]
        return max(fewer) if fewer else min(self._losses, default=None)

    def _evaluated(self, n_examples: int) -> tuple[bool, float]:
        objective = self._on(n_examples)
        if (known := self._losses.get(n_examples)) is None or known[0]:
            try:
                loss = objective.loss(displaced(objective.theta, objective.spans)).item()
            except Exception as error:
                if known is not None or out_of_memory(error):
                    raise
                log.info("No loss near θ*: %s: %s", type(error).__name__, error)
                loss = math.nan
            if known is not None or math.isfinite(loss):
                return True, loss
        return False, objective.loss().item()

    def _on(self, n_examples: int) -> Objective:
        """The objective on so many examples, in float64 where there is one: it rounds alike everywhere."""
        if n_examples == self._objective.n_examples:
            return self._objective.precise()
        if self._part is None or self._part.n_examples != n_examples:
            self._part = self._objective.subset(n_examples)
        return self._part.precise()

    def _same(self, before: tuple[bool, float], now: tuple[bool, float]) -> bool:
        rounding = torch.finfo(self._objective.precise().dtype).eps ** 0.75
        return math.isclose(before[1], now[1], rel_tol=rounding)

    def _is_noise(self, n_examples: int, difference: float) -> bool:
        """Whether some evaluations, one right after the other, differ by about as much."""
        losses = [self._evaluated(n_examples)[1] for _ in range(_REPEATS)]
        return abs(difference) <= _NOISE * (max(losses) - min(losses))

    def _restore(self) -> None:
        with self._lock:
            for known, before in self._before.items():
                known.put_back(before)

    def _forget(self) -> None:
        self._before, self._sizes = {}, {}
