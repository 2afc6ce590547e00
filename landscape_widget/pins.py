"""What a person does at single points: pins them, explores from them, takes their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from landscape_widget.objective import Objective
from landscape_widget.points import (
    Pin,
    check_coordinates,
    locate,
    plane_seed,
    point_steps,
    same_plane,
    score_table,
)
from landscape_widget.results import Plane, ScoreRow, Scores, ScoreTable, Surface
from landscape_widget.scheduler import CLOSED, Job, Request
from landscape_widget.study import Study
from landscape_widget.vectors import FloatArray, norm
from landscape_widget.weights import Weights

Payload = dict[str, Any]

#: Planes on show, and the surfaces evaluated on each by their split.
Pictures = Sequence[tuple[Plane, Mapping[str, Surface]]]

#: Pictures whose planes are remembered: a click is on the one that its page showed, perhaps not the newest.
_PICTURES = 4


class Points:
    """Pins, the way from centre to centre, and the weights of the user's model.

    Callers hold the explorer's lock; the worker calls ``changed``, which takes it.
    """

    def __init__(
        self,
        objective: Objective,
        weights: Weights | None,
        serve: Callable[[Job], Request],
        changed: Callable[[], None],
        test: Objective | None = None,
    ) -> None:
        """Starts at the objective's θ*.

        Args:
            objective: L.
            weights: Of the user's model; None where there is none.
            serve: Takes an errand for the worker.
            changed: Called when there is something new to show.
            test: The same objective on test data.
        """
        self._studies = [Study(objective, test)]
        self._theta = _vector(objective)
        self._weights = weights
        self._serve, self._changed = serve, changed
        self._planes: dict[tuple[Any, ...], Plane] = {}
        self._shown: list[Plane | None] = [None, None]
        self._pins: dict[int, Pin] = {}
        self.requests: dict[int, Request] = {}  # what is computed for each pin, by its number
        self._count = 0
        self._moved_at = 0
        self._table: tuple[int, ScoreTable] | None = None
        self._applied: str | None = None
        self._note = ""

    @property
    def study(self) -> Study:
        """The study of the present centre.

        Raises:
            RuntimeError: After ``close``.
        """
        self._check_open()
        return self._studies[-1]

    def close(self) -> None:
        """Lets go of studies and weights; pins stay as they are."""
        self._studies.clear()
        self._weights = None

    def _check_open(self) -> None:
        if not self._studies:
            raise RuntimeError(CLOSED)

    @contextmanager
    def resuming(self, study: Study, pins: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        """Goes on from what a file holds: the study of this centre, and what ``memory`` told of the pins.

        What was there before is put back if what is done under it fails, and let go of otherwise.
        """
        before = self.study, self._pins, self._count
        fresh = [Pin(**known) for known in pins]
        running, self.requests = self.requests, {}
        let_go = self.requests
        try:
            self._studies[-1], self._pins = study, {pin.number: pin for pin in fresh}
            self._count = max(self._count, *self._pins, 0)
            for pin in fresh:
                if not pin.done:
                    self._look(pin)
            self._changed()
            yield
            let_go = running
        except BaseException:
            self._studies[-1], self._pins, self._count = before
            self.requests = running
            self._changed()
            raise
        finally:
            for request in let_go.values():
                request.cancelled = True

    def memory(self) -> list[dict[str, Any]]:
        """All pins, for a file."""
        kept = [f.name for f in fields(Pin)]
        return [{name: getattr(pin, name) for name in kept} for pin in self.pins]

    @property
    def pins(self) -> tuple[Pin, ...]:
        """All pins, in the order in which they were set."""
        return tuple(self._pins.values())

    def shows(self, plane: Plane, n_examples: int, request: int, which: int) -> bool:
        """Remembers what the page is being shown; whether the pins lie elsewhere on it than before.

        Args:
            plane: That the picture on its way to the page lies on.
            n_examples: That the plane rests on.
            request: Number of the picture's request.
            which: 0 for the first plane, 1 for the one beside it.
        """
        key = request, tuple(plane.axes), n_examples
        self._planes.pop(key, None)
        self._planes[key] = plane
        while len(self._planes) > _PICTURES:
            del self._planes[next(iter(self._planes))]
        if self._table is not None and self._table[0] != request:
            self._table = None  # it was of another picture
            self._changed()
        same = self._shown[which] is plane
        self._shown[which] = plane
        return bool(self._pins) and not same

    def add(self, plane: Plane, alpha: float, beta: float) -> Pin:
        """Pins a point and has the worker look at it closely.

        Raises:
            ValueError: For coordinates that are no finite numbers.
        """
        self._check_open()
        alpha, beta = check_coordinates(alpha, beta)
        for pin in self.pins:
            same = (pin.alpha, pin.beta) == (alpha, beta)
            if same and (pin.plane is plane or pin.plane.fingerprint == plane.fingerprint):
                return pin
        self._count += 1
        pin = self._pins[self._count] = Pin(self._count, plane, alpha, beta)
        self._look(pin)
        self._changed()
        return pin

    def _look(self, pin: Pin) -> None:
        objective, test = self.study.objective, self.study.test
        self.requests[pin.number] = self._serve(lambda: self._steps(pin, objective, test))

    def remove(self, number: int) -> None:
        """Takes a pin away, and ends what is computed for it.

        Raises:
            KeyError: If there is no such pin.
        """
        del self._pins[self[number].number]
        if request := self.requests.pop(number, None):
            request.cancelled = True
        self._changed()

    def __getitem__(self, number: int) -> Pin:
        if number not in self._pins:
            known = ", ".join(map(str, self._pins)) or "none"
            raise KeyError(f"Expected the number of a pin ({known}), got {number!r}.")
        return self._pins[number]

    def recentre(self, theta: FloatArray, request: int) -> None:
        """Makes θ, shape (N,), the centre of a new exploration.

        Args:
            theta: The new θ*.
            request: Number of the last request that was about the old one.
        """
        objective, test = self.study.objective, self.study.test
        moved = torch.from_numpy(theta)
        self._studies.append(Study(objective.at(moved), test.at(moved) if test else None))
        self._moved_at = request
        self._changed()

    def go_back(self, request: int) -> None:
        """Returns to the centre before this one.

        Raises:
            RuntimeError: At the first centre.
        """
        self._check_open()
        if len(self._studies) == 1:
            raise RuntimeError("Expected a centre that recentre() chose, to go back from; this is the first.")
        self._studies.pop()
        self._moved_at = request
        self._changed()

    @property
    def moved(self) -> float:
        """‖Δθ‖ from the first centre to the present one."""
        return norm(_vector(self.study.objective) - self._theta)

    @property
    def weights(self) -> Weights:
        """Of the user's model.

        Raises:
            RuntimeError: If the explorer was made of an objective, or closed.
        """
        self._check_open()
        if self._weights is None:
            raise RuntimeError(
                "Expected an explorer made of a model, LandscapeExplorer(model, data, loss_fn); this one was "
                "made of an objective, which keeps a copy of the model only."
            )
        return self._weights

    def parameters_at(self, theta: FloatArray) -> dict[str, Any]:
        """A state dict with the parameters θ, shape (N,)."""
        return self.weights.at(theta - self._theta)

    def apply(self, theta: FloatArray, name: str) -> None:
        """Writes θ into the user's model; ``name`` says of it where that is."""
        self.weights.apply(theta - self._theta)
        self._applied, self._note = name, ""
        self._changed()

    def restore(self, force: bool) -> None:
        """Undoes ``apply``."""
        self.weights.restore(force)
        self._applied, self._note = None, ""
        self._changed()

    def tabulate(self, shown: Callable[[], tuple[Pictures, int]]) -> None:
        """Has the worker make the table for the page.

        Args:
            shown: Tells which pictures are on show when the worker comes to it, and their request.
        """

        def steps() -> Iterator[None]:
            try:
                pictures, request = shown()
                self._table = request, self.table(pictures)
            except Exception as error:
                self._note = f"{type(error).__name__}: {error}"
            self._changed()
            yield

        self._note = ""
        self._changed()
        self._serve(steps)

    def handle(self, content: Payload, request: int) -> bool:
        """Does what a message of the page asks for, or tells it why not.

        Args:
            content: Of the message.
            request: Number of the last request.

        Returns:
            Whether the centre is another one now.
        """
        centre, self._note = self.study, ""
        try:
            match content:
                case {"type": "pin", "alpha": alpha, "beta": beta, "picture": [number, axes, n_examples]}:
                    # a click on a picture that is long gone goes nowhere
                    if plane := self._planes.get((number, tuple(axes), n_examples)):
                        self.add(plane, alpha, beta)
                case {"type": "unpin", "pin": number}:
                    self.remove(number)
                case {"type": "recentre", "pin": number}:
                    self.recentre(self[number].theta, request)
                case {"type": "back"}:
                    self.go_back(request)
                case {"type": "apply", "pin": number}:
                    self.apply(self[number].theta, f"pin {number}")
                case {"type": "restore", "force": force}:
                    self.restore(bool(force))
        except (KeyError, RuntimeError, ValueError) as error:
            self._note = str(error.args[0])
            self._changed()
        return self.study is not centre

    def table(self, pictures: Pictures) -> ScoreTable:
        """Loss and metrics at the centre and at the minimum of each surface that has one."""
        minima: dict[str, list[tuple[Plane, float, float]]] = {"train": [], "test": []}
        for plane, surfaces in pictures:
            for split, surface in surfaces.items():
                if surface.minimum:
                    minima[split].append((plane, *surface.minimum[:2]))
        return score_table(self.study.objective, minima["train"], self.study.test, minima["test"])

    def payload(self) -> Payload:
        """All of this as the page receives it."""
        return {
            "pins": [self._pin(pin) for pin in self.pins],
            "writable": self._weights is not None,
            "table": None if self._table is None else [_row(row) for row in self._table[1].rows],
            "csv": "" if self._table is None else self._table[1].csv,
            "applied": self._applied,
            "note": self._note,
            "centre": {"depth": len(self._studies) - 1, "request": self._moved_at, "moved": self.moved},
        }

    def _pin(self, pin: Pin) -> Payload:
        values = pin.values
        theta, plane, (shown, _) = pin.theta, pin.plane, self._shown
        centre = _vector(self.study.objective)
        return {
            "number": pin.number,
            "alpha": pin.alpha,
            "beta": pin.beta,
            "axes": list(plane.axes),
            "seed": plane_seed(plane),
            "n_examples": plane.provenance.get("n_examples"),
            "here": shown is not None and same_plane(plane, shown),
            "centred": np.array_equal(plane.origin, centre),
            "places": [locate(plane, theta) if plane is not None else None for plane in self._shown],
            "train": _scores(values.train) if values else None,
            "test": _scores(values.test) if values else None,
            "gradient_norm": _finite(values.gradient_norm) if values else None,
            "hessian": _numbers(values.hessian) if values else None,
            "curvatures": _numbers(values.curvatures) if values else None,
            "done": pin.done,
            "error": pin.error,
        }

    def _steps(self, pin: Pin, objective: Objective, test: Objective | None) -> Iterator[None]:
        """On the worker's thread: what is to be known of a pin."""
        try:
            for values in point_steps(objective, pin.plane, pin.alpha, pin.beta, test):
                pin.values = values
                self._changed()
                yield
        except Exception as error:
            pin.error = f"{type(error).__name__}: {error}"
            self._changed()


def _vector(objective: Objective) -> FloatArray:
    theta: FloatArray = objective.theta.detach().cpu().double().numpy()
    return theta


def _row(row: ScoreRow) -> Payload:
    place = {"place": row.place, "axes": list(row.axes), "alpha": row.alpha, "beta": row.beta}
    return place | {"train": _scores(row.train), "test": _scores(row.test)}


def _scores(scores: Scores | None) -> Payload | None:
    if scores is None:
        return None
    metrics = {name: _finite(value) for name, value in scores.metrics.items()}
    return {"loss": _finite(scores.loss), "metrics": metrics, "n_examples": scores.n_examples}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _numbers(values: Any) -> Any:
    """Arrays and tuples as lists, with None for what is not finite."""
    if values is None or isinstance(values, float):
        return _finite(values)
    return [_numbers(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]
