"""Pins: points that a person marked, each looked at closely in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

from landscape_widget.explorer.centres import Centres
from landscape_widget.explorer.mailbox import Job, Request
from landscape_widget.numerics.checks import told
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.points import Pin, check_coordinates, point_steps
from landscape_widget.results.planes import Plane
from landscape_widget.study.witness import LossChangedError


class PinTuple(tuple[Pin, ...]):
    """Pins, in the order in which they were set."""

    __slots__ = ()

    def __getitem__(self, i: Any) -> Any:
        try:
            return super().__getitem__(i)
        except IndexError:
            raise IndexError(
                f"Expected the place of one of {len(self)} pins, got {told(i)}. Set one by "
                "explorer.pin(alpha, beta), or by a click in the plane."
            ) from None


class Pins:
    """All pins of an explorer, and what is computed for them.

    Callers hold the explorer's lock; the worker calls ``changed``, which takes it.
    """

    def __init__(
        self,
        centres: Centres,
        serve: Callable[[Job], Request],
        changed: Callable[[], None],
        redraw: Job,
        wanted: Callable[[], str],
    ) -> None:
        """Starts without a pin.

        Args:
            centres: The centres, whose present study evaluates new pins.
            serve: Hands an errand to the worker.
            changed: Is called whenever there is something new to show.
            redraw: Evaluates pins that the pictures on show interpolate.
            wanted: Tells which batch-norm statistics pins are to have.
        """
        self._centres, self._serve, self._changed, self._redraw = centres, serve, changed, redraw
        self._wanted = wanted
        self._pins: dict[int, Pin] = {}
        self.count = 0
        """Number of the newest pin; numbers do not come back."""
        self._looks: dict[int, str] = {}
        """Batch-norm statistics that each pin was last looked at with, by its number."""
        self.requests: dict[int, Request] = {}
        """What is computed for each pin, by its number."""

    @property
    def all(self) -> PinTuple:
        """All pins, in the order in which they were set."""
        return PinTuple(self._pins.values())

    def __getitem__(self, number: int) -> Pin:
        if not isinstance(number, int) or number not in self._pins:
            known = ", ".join(map(str, self._pins)) or "none"
            raise KeyError(f"Expected the number of a pin ({known}), got {told(number)}.")
        return self._pins[number]

    def add(self, plane: Plane, alpha: float, beta: float) -> Pin:
        """Pins a point and has the worker look at it closely; a point that is pinned already is left so.

        Raises:
            RuntimeError: After the centres were closed.
            ValueError: For coordinates that are no finite numbers.
        """
        self._centres.check_open()
        alpha, beta = check_coordinates(alpha, beta)
        for pin in self.all:
            same = (pin.alpha, pin.beta) == (alpha, beta)
            if same and (pin.plane is plane or pin.plane.fingerprint == plane.fingerprint):
                return pin
        self.count += 1
        pin = self._pins[self.count] = Pin(self.count, plane, alpha, beta)
        self._mark(pin)
        self._look(pin)
        self._changed()
        return pin

    def remove(self, number: int) -> None:
        """Takes a pin away, and ends what is computed for it.

        Raises:
            KeyError: If there is no such pin.
        """
        del self._pins[self[number].number]
        self._looks.pop(number, None)
        if request := self.requests.pop(number, None):
            request.cancelled = True
        self._changed()

    def follow_statistics(self) -> None:
        """Looks at pins that lack something, or have other batch-norm statistics than they are to have.

        Those around another checkpoint wait until it is gone to.
        """
        others = [pin for pin in self.all if self._is_wanted(pin)]
        for pin in others:
            if request := self.requests.pop(pin.number, None):
                request.cancelled = True
            pin.values, pin.error = None, ""
            self._look(pin)
        if others:
            self._changed()

    def memory(self) -> list[dict[str, Any]]:
        """All pins, for a file."""
        kept = [f.name for f in fields(Pin)]
        return [{name: getattr(pin, name) for name in kept} for pin in self.all]

    @contextmanager
    def replaced(self, pins: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Puts the pins that ``memory`` told of in the place of these, and computes what they lack.

        Those around another checkpoint wait until it is gone to. The former ones are put back if what is done
        under it fails, and let go of otherwise.
        """
        fresh = [Pin(**known) for known in pins]
        before, running = (self._pins, self.count, self._looks), self.requests
        let_go = self.requests = {}
        try:
            self._pins = {pin.number: pin for pin in fresh}
            self.count = max(self.count, *self._pins, 0)
            whole = [pin for pin in fresh if not self._forget_metrics(pin) and pin.done]
            self._looks = {pin.number: pin.values.batch_norm for pin in whole if pin.values}
            for pin in fresh:
                self._mark(pin)
                if self._is_wanted(pin):
                    self._look(pin)
            yield
            let_go = running
        except BaseException:
            (self._pins, self.count, self._looks), self.requests = before, running
            raise
        finally:
            for request in let_go.values():
                request.cancelled = True

    def _mark(self, pin: Pin) -> None:
        self._centres.study.centre.mark(pin.plane, pin.alpha, pin.beta)

    def _forget_metrics(self, pin: Pin) -> bool:
        """Takes from a pin of a file what may be of other metrics than are given; tells whether it did.

        A file holds their names and values alone.
        """
        values = pin.values
        if values is None or not self._centres.study.objective.has_metrics:
            return False
        train, test = values.train, values.test
        pin.values = replace(
            values, train=replace(train, metrics={}), test=test and replace(test, metrics={})
        )
        pin.error = ""
        return True

    def _is_wanted(self, pin: Pin) -> bool:
        """Whether it is around the present checkpoint, and not looked at with what it is to have."""
        spots, here = self._centres.spots, self._centres.present.recorded
        return self._looks.get(pin.number) != self._wanted() and spots.is_origin(here, pin.plane)

    def _look(self, pin: Pin) -> None:
        objective, test = self._centres.study.objective, self._centres.study.test
        norm = self._looks[pin.number] = self._wanted()
        self.requests[pin.number] = self._serve(lambda: self._steps(pin, objective, test, norm))

    def _steps(self, pin: Pin, objective: Objective, test: Objective | None, norm: str) -> Iterator[None]:
        """Finds, on the worker's thread, what is to be known of a pin."""
        before, witness = pin.values, self._centres.spots.witness
        try:
            witness.refuse()
            yield from self._redraw()
            there = objective.with_batch_norm(norm)
            for values in point_steps(there, pin.plane, pin.alpha, pin.beta, test, before):
                if self._looks.get(pin.number) != norm:  # it is looked at anew
                    return
                pin.values = values
                self._changed()
                yield
            witness.check(objective.n_examples)
        except Exception as error:
            if self._looks.get(pin.number) != norm:
                return
            if isinstance(error, LossChangedError):
                pin.values = before
            pin.error = f"{type(error).__name__}: {error}"
            self._changed()
