"""What runs in the background: computations for the controls, and errands for pins."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import traitlets as t

from landscape_widget.curvature.product_check import SecondDerivativeError
from landscape_widget.engine.threads import leave_a_core_free
from landscape_widget.explorer.gathered import Gathered
from landscape_widget.explorer.mailbox import Job, Request
from landscape_widget.explorer.model_weights import Weights
from landscape_widget.explorer.points import Points
from landscape_widget.explorer.publisher import TOPICS
from landscape_widget.explorer.sending import Sending
from landscape_widget.explorer.spots import checkpoint_key
from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.explorer.worker import Worker
from landscape_widget.export import payloads as wire
from landscape_widget.export.news import News
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.study import Study

log = logging.getLogger(__name__)

#: What is said where a recorder has deleted what a second picture was around.
NO_MORE = (
    "The checkpoint of {} is there no more: its recorder keeps fewer by now. Nothing is beside this "
    "one; choose another one."
)

#: What is said where a checkpoint that is gone to was deleted so.
_NEAREST = "The checkpoint of {} is there no more: its recorder keeps fewer by now. This is that of {}."

#: What is said of controls in a file that do not fit.
_NOT_TAKEN = "Expected controls that this explorer can take: {}"


class BackgroundComputing(Sending):
    """Computes on a thread of its own what the controls ask for.

    A change of a control starts a computation once there was a first one; the newest one wins.
    """

    def __init__(
        self,
        objective: Objective,
        test: Objective | None,
        weights: Weights | None,
        given: Sequence[str],
        interval: float,
        controls: Mapping[str, Any],
        landmarks: Landmarks | None = None,
    ) -> None:
        """Computes nothing yet.

        Args:
            objective: The loss L as a function of θ.
            test: The same objective on test data.
            weights: The weights of the user's model; None where there is none.
            given: The arguments that the explorer was made with, as they are written.
            interval: Least seconds between two updates of one result.
            controls: Values of controls by their names; all others keep their defaults.
            landmarks: A trajectory and solutions.
        """
        self._errands: list[Request] = []
        self._part = "all"
        self._last: tuple[Study, Controls, int, float, Findings] | None = None
        self._taking = False
        worker = Worker("landscape-explorer", self._on_end, leave_a_core_free)
        works = self._errand, self._send_pins, self._redraw, lambda: self.batch_norm
        points = Points(objective, weights, *works, test, landmarks)
        super().__init__(worker, points, given, interval, controls)
        self._checkpoints = points.centres.landmarks.checkpoints
        self._sure: WeakKeyDictionary[Study, Gathered] = WeakKeyDictionary()
        """What was gathered when the loss was last found to be what it was, where more may be by now."""
        points.centres.spots.witness.on_fault = self._take_back
        self._around: WeakKeyDictionary[Study, Gathered] = WeakKeyDictionary()
        self._around[self._study] = self._publisher.gathered
        self._go_to(self.checkpoint)
        self.observe(self._on_control, names=list(CONTROLS))

    def cancel(self) -> None:
        """Ends the running computation after its present step; finished results stay."""
        self._worker.cancel()

    def close(self) -> None:
        """Ends the worker, lets go of data, model and all that could be computed on, and closes the widget.

        It may be called at any time, also in an observer. A computation ends after its present step. Results
        and pins stay readable, with the figures and the page that are made of them. What needs the data or
        your model raises a RuntimeError from then on: ``compute``, ``objective``, ``save``, ``load``,
        ``table``, ``pin``, ``recentre``, ``apply``, ``restore`` and changed controls.

        An explorer that nobody refers to any more is closed by itself, when garbage is collected. Until
        then a cell that shows it counts; it lets go when it is run again.
        """
        # a widget whose construction failed is closed too, by its destructor
        if hasattr(self, "_points"):
            if self._worker.forked:  # a copy, whose page is that of the explorer in the other process
                return
            self._worker.close(timeout=0.0)
            with self._lock:
                self._number += 1  # nothing more is published
                self._points.close()
                self._errands, self._held, self._last = [], None, None
                if self._request is not None:
                    self._request.error = None  # its traceback leads to the data
        super().close()

    def _on_control(self, change: Any) -> None:
        if self._taking:
            return
        if change["name"] == "batch_norm":
            with self._lock:
                self._points.pins.follow_statistics()
        if change["name"] == "checkpoint":
            self._go_to(change["new"], change["old"])
        elif self._request is not None:
            self._submit()

    def _go_to(self, number: int | None, former: int | None = None) -> None:
        """Explores around a checkpoint; where it cannot be had, the control gets back what it was."""
        with self._lock:
            here, checkpoints = self._study, self._points.centres.landmarks.checkpoints
            try:
                self._points.visit(number, self._number)
            except (OSError, ValueError) as error:
                self._points.tell(str(error))
                self._set_aside(checkpoint=former)
                raise
            if self._study is not here:
                self._moved()
            there, last = self._points.centres.present.recorded, len(checkpoints) - 1
            wanted = checkpoints[last if number is None else number]
            if checkpoint_key(there) != checkpoint_key(wanted):
                words = _NEAREST.format(wanted.name, there.name)
                self._points.tell(words)
                warnings.warn(words, stacklevel=3)

    def _set_aside(self, **controls: Any) -> None:
        """Sets controls without computing anything."""
        taking, self._taking = self._taking, True
        try:
            for name, value in controls.items():
                setattr(self, name, value)
        finally:
            self._taking = taking

    def _start(self) -> None:
        if self._request is None:
            self._submit()

    def _submit(self, what: str | None = None) -> Request:
        """Has the worker compute for the controls as they stand.

        Args:
            what: See ``compute``; None for what is being computed, "all" where nothing is.
        """
        with self._lock:
            last = self._request
            running = last is not None and not (last.cancelled or last.done.is_set())
            self._part = what = what or (self._part if running else "all")
            self._number += 1
            number = self._number
            study, controls = self._study, self._chosen()
            self._request = self._worker.submit(lambda: self._steps(study, controls, number, what))
            self.status, self.error = "computing", ""
            return self._request

    def _errand(self, job: Job) -> Request:
        """Has the worker do a short job between two steps of the computation."""
        with self._lock:
            request = self._worker.errand(job)
            self._errands = [*(errand for errand in self._errands if not errand.done.is_set()), request]
            return request

    def _check_controls(self, controls: Controls, study: Study) -> Controls:
        """The controls as this explorer takes them with ``study``; raises a ValueError if it cannot."""
        judge, self._judge = self._judge, study
        try:
            traits = self.traits()
            return Controls(**{n: traits[n]._validate(self, getattr(controls, n)) for n in CONTROLS})
        except t.TraitError as error:
            raise ValueError(_NOT_TAKEN.format(error)) from error
        finally:
            self._judge = judge

    def _take_controls(self, controls: Controls, study: Study | None = None) -> None:
        """Sets all controls at once, or none, without starting a computation; ``study`` is to take them."""
        taking, self._taking = self._taking, True
        judge, self._judge = self._judge, study
        try:
            with self.hold_trait_notifications():
                for name in CONTROLS:
                    setattr(self, name, getattr(controls, name))
        except t.TraitError as error:
            raise ValueError(_NOT_TAKEN.format(error)) from error
        finally:
            self._judge = judge
            self._taking = taking  # which it is still where an observer of a control had it load

    def _unmoved(self, study: Study) -> bool:
        """Whether ``study`` is still that of the centre, which observers and other threads may change."""
        return not self._worker.closed and self._study is study

    def _check_unmoved(self, study: Study) -> None:
        if not self._unmoved(study):
            raise RuntimeError(
                "Expected the centre to stay where it was while a file was loaded; an observer or another "
                "thread moved it, loaded a file or closed the explorer. Load the file again."
            )

    def _look(self) -> str:
        """Sees whether the user's model has moved away from θ*, and what is to be said of it."""
        with self._lock:
            return "" if self._worker.closed else self._points.look()

    def _moved(self) -> None:
        """The centre is another one: what is shown is what was found around it before, if anything."""
        self._forget()
        self._points.pins.follow_statistics()
        number, last = self._points.centres.number, self._points.centres.last
        if number != (last if self.checkpoint is None else self.checkpoint):
            self._set_aside(checkpoint=None if number == last else number)
        self._follow()
        self._publisher.gathered = self._around.setdefault(self._study, Gathered())
        self._announce()
        self._info = self._informed()
        if self._request is not None:
            self._submit()

    def _follow(self) -> None:
        """Has the second picture stay around its checkpoint, which has another number in a thinned run."""
        before, beside = self._checkpoints, self.compared_checkpoint
        self._checkpoints = self._points.centres.landmarks.checkpoints
        if not isinstance(beside, int) or self._checkpoints == before:
            return
        keys = [*map(checkpoint_key, self._checkpoints)]
        key = checkpoint_key(before[beside])
        self._set_aside(compared_checkpoint=keys.index(key) if key in keys else None)
        if key not in keys:
            self._points.tell(NO_MORE.format(before[beside].name))

    def _steps(self, study: Study, controls: Controls, number: int, what: str) -> Generator[None, None, None]:
        """Carries out one computation on the worker's thread, publishing what it finds."""
        started, found, stage, witness = monotonic(), Findings(), "", study.centre.witness

        def publish(flush: bool) -> None:
            with self._lock:
                if not witness.fault:  # else what is shown has been taken back
                    self._last = study, controls, number, monotonic() - started, found
                    self._publish(found, controls, number, self._last[3], flush)

        self._look()
        self._begin_adding(study)
        try:
            for found in study.steps(controls, what):
                # a first picture on part of the examples means long stages: none begins with news held back
                publish(flush=found.preview > 0 and found.stage != stage)
                stage = found.stage
                yield
        finally:  # what was found before a failure or a cancel is on show, too
            publish(flush=True)
        self._end_adding(study)
        with self._lock:
            if number == self._number and found.surface is not None:
                self._finish(self._news(found, controls, number, monotonic() - started))

    def _begin_adding(self, study: Study) -> None:
        """Takes note of what is on show, to be taken back to where the loss is found to be another one."""
        with self._lock:
            if study not in self._sure and study in self._around:
                self._sure[study] = self._around[study].copied()

    def _end_adding(self, study: Study) -> None:
        """What is on show stays, where the loss was found to be what it was after all of it."""
        with self._lock:
            if not study.centre.witness.unsure:
                self._sure.clear()

    def _take_back(self) -> None:
        """The loss is another one: of what is shown only that stays which is known to be of the former."""
        with self._lock:
            if self._worker.closed:
                return
            self._forget()
            self._last = None
            self._around.update(self._sure)
            self._sure.clear()
            gathered = self._publisher.gathered = self._around.setdefault(self._study, Gathered())
            for topic in TOPICS:
                if topic.trait != "progress":
                    setattr(self, topic.trait, None)
            self._publisher.forget_sent()
            self._announce()
            if gathered.controls is not None and self._request is not None:
                self._publish(gathered.together, gathered.controls, self._number, 0.0, flush=True)

    def _finish(self, news: News) -> None:
        """Takes note of a picture that is complete; a subclass does."""

    def _redraw(self) -> Iterator[None]:
        """Evaluates pins, on the worker's thread, in pictures that are finished; others do so themselves."""
        if self._last is None or self._last[2] != self._number:
            return
        study, controls, number, elapsed, found = self._last
        before = found.surface, found.compared
        self._begin_adding(study)
        try:
            for _ in study.redrawn(controls, found):
                yield
        finally:
            with self._lock:
                anew = found.surface is not before[0] or found.compared is not before[1]
                if anew and not study.centre.witness.fault:
                    self._publish(found, controls, number, elapsed, flush=True)
        self._end_adding(study)

    def _on_end(self, request: Request) -> None:
        """Tells how the newest request ended."""
        with self._lock:
            if request is not self._request:
                return
            if not request.cancelled:
                refused = isinstance(request.error, SecondDerivativeError)
                self._info = wire.without_hessian(self._info, str(request.error) if refused else "")
            if request.error is not None:
                log.error("The landscape could not be computed.", exc_info=request.error)
                self.error = f"{type(request.error).__name__}: {request.error}"
                self.status = "failed"
            else:
                self.status = "cancelled" if request.cancelled else "done"
