"""What is sent of a computation, to the page and to those who observe results, as far as there is room."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from threading import RLock, Timer
from typing import Any
from uuid import uuid4
from weakref import ref

from landscape_widget.explorer.in_flight import PATIENCE
from landscape_widget.explorer.mailbox import Request
from landscape_widget.explorer.points import Points
from landscape_widget.explorer.publisher import Publisher
from landscape_widget.explorer.traits import SharedState
from landscape_widget.explorer.worker import Worker
from landscape_widget.export import payloads as wire
from landscape_widget.export.news import News
from landscape_widget.export.payloads import Payload
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings

log = logging.getLogger(__name__)


class Sending(SharedState):
    """Sets the traits that show what a computation finds; a subclass has it compute."""

    def __init__(
        self,
        worker: Worker,
        points: Points,
        given: Sequence[str],
        interval: float,
        controls: Mapping[str, Any],
    ) -> None:
        """Sends what is known of the centre.

        Args:
            worker: What computes; traits are set under its lock.
            points: Centre and pins.
            given: The arguments that the explorer was made with, as they are written.
            interval: Least seconds between two updates of one result.
            controls: Values of controls by their names; all others keep their defaults.
        """
        self._worker = worker
        self._points = points
        self._given = given
        self._request: Request | None = None
        self._number = 0
        self._publisher = Publisher(interval)
        self._announced: dict[str, Any] = {}
        self._forget()
        self._label = ""
        """What it is called among others."""
        self._still_class = f"landscape-still-{uuid4().hex[:12]}"
        super().__init__(
            _anywidget_id=self._still_class,  # of the style sheet, too
            _css=f".{self._still_class} {{ display: none; }}",
            _info=self._informed(),
            _pins=self._points.payload(),
            **{"examples": self._study.objective.n_examples, **controls},
        )

    @property
    def _lock(self) -> RLock:
        """Handlers may run on another thread than the worker; both set traits under this lock."""
        return self._worker.lock

    def _forget(self) -> None:
        """Lets go of what the page has had no room for."""
        self._held: tuple[News, bool] | None = None
        self._untold: list[str] = []

    def _announce(self, sent: Iterable[str] | None = None) -> None:
        """Tells those who observe results of the new ones; a subclass has the results.

        Args:
            sent: The traits in which the page has got new ones; None for all.
        """

    def _informed(self) -> Payload:
        """What the page is to know of the present centre."""
        study = self._study
        around, checkpoints = study.centre.around, self._points.centres.landmarks.checkpoints
        return wire.info(
            study.objective,
            study.theta_norm,
            study.test,
            around.offered,
            checkpoints,
            len(around.landmarks.solutions),
        )

    def _send_pins(self) -> None:
        with self._lock:
            if not self._worker.closed:
                self._pins = self._points.payload()

    def _publish(
        self, found: Findings, controls: Controls, number: int, elapsed: float, flush: bool = False
    ) -> None:
        """Sends the page what it has not been sent lately, unless there is a newer request."""
        with self._lock:
            if number != self._number:
                return
            self._send_news(self._news(found, controls, number, elapsed), flush)
            # on the worker's thread alone, and of the last results even where the page has no room
            told_of, self._untold = [*self._untold, *(self._publisher.left if flush else ())], []
            self._announce(told_of)

    def _news(self, found: Findings, controls: Controls, number: int, elapsed: float) -> News:
        theta_norm, centres = self._study.theta_norm, self._points.centres
        there, lost = centres.elsewhere(controls)
        if centres.passed is not None:
            there, lost = replace(there, checkpoint=None), {**lost, "checkpoint": centres.passed.name}
        # a copy: what is held is sent from another thread, while this one finds more
        made = copy(found), controls, number, elapsed, theta_norm, centres.moved, self._given
        return News(*made, there, lost, self._study.objective.n_examples)

    def _send_news(self, news: News, flush: bool) -> None:
        """Sets the traits that are due, and holds what the page has no room for yet."""
        request = self._request
        assert request is not None
        self._held = None  # this is newer
        for trait, payload in self._publisher.updates(news, flush, lambda: request.cancelled):
            setattr(self, trait, payload)
            self._untold.append(trait)
            plane = news.planes.get(trait)
            if payload is not None and plane is not None:
                which = list(news.planes).index(trait)
                if self._points.shows(plane, payload["n_examples"], news.request, which):
                    self._send_pins()  # pins lie elsewhere on it than on the picture before
        if self._publisher.holds:
            self._hold(news, flush)

    def _hold(self, news: News, flush: bool) -> None:
        self._held = news, flush
        if flush:  # nothing may come after it that would look again
            timer = Timer(PATIENCE, _send_late, (ref(self),))
            timer.daemon = True
            timer.start()

    def _send_held(self) -> None:
        """Sends what was held, where there is room by now and nothing newer is asked for."""
        held, request = self._held, self._request
        if held is None or held[0].request != self._number or request is None or request.cancelled:
            self._held = None
        elif self._publisher.flight.free or self._publisher.flight.late:
            try:
                self._send_news(*held)
            except Exception:  # of an observer; no computation is there to fail by it
                log.exception("An observer of what the page is sent failed.")
                self._hold(*held)
            if held[1]:  # the last of its request, which was told of when it was found
                self._untold = []

    def _acknowledged(self, number: int) -> None:
        """The page has drawn a picture: there is room for the next."""
        with self._lock:
            self._publisher.flight.acknowledge(number)
            self._send_held()


def _send_late(explorer: ref[Sending]) -> None:
    """Sends, on a timer's thread, what was held for an acknowledgement that has not come."""
    there = explorer()
    if there is not None and there.comm is not None:
        with there._lock:
            there._send_held()
