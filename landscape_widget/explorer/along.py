"""The curves along a training run, and what is computed ahead of the checkpoint on show."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

import traitlets as t

from landscape_widget.engine.wanted import UnwantedError
from landscape_widget.explorer.computing import NO_MORE
from landscape_widget.explorer.mailbox import Request
from landscape_widget.explorer.noted import Noted
from landscape_widget.explorer.point_acts import PointActs
from landscape_widget.explorer.spots import checkpoint_key
from landscape_widget.explorer.waiting import NOT_COMPUTED, refuse_inside
from landscape_widget.export.along_payload import along
from landscape_widget.paths.index import was_dropped
from landscape_widget.results.comparison import Comparison
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.words import LOSSES, SPLITS
from landscape_widget.study.along import comparison_of, evolution_of, found_at, unfit
from landscape_widget.study.controls import Controls
from landscape_widget.study.study import Study, check_part
from landscape_widget.study.witness import LossChangedError

log = logging.getLogger(__name__)

#: Checkpoints after that on show whose pictures are computed while nothing else is asked for.
AHEAD = 3

#: What is computed at all checkpoints.
_ALL = "evolution"

#: Least seconds between two messages of curves that are not done.
INTERVAL = 0.15

_Self = TypeVar("_Self", bound="AlongTheRun")


class AlongTheRun(PointActs):
    """Keeps what is found at each checkpoint, and in idle times goes ahead of the one on show.

    It begins once a person has gone to a checkpoint, with the next ones; all others where they are asked for.
    Beside other explorers the one on show gets its tr(H), for their table.
    """

    _along = t.Dict().tag(sync=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begins with nothing, as ``PointActs`` with all else."""
        self._noted = self._noted_surely = Noted()
        self._follows = self._all = False
        """Whether a person goes from checkpoint to checkpoint, and whether all are asked for."""
        self._pastime: Request | None = None
        self._told = -math.inf
        super().__init__(*args, **kwargs)

    @property
    def evolution(self) -> Evolution:
        """What was found at each checkpoint so far; ``compute("evolution")`` does so for all.

        Where there is no more yet, the loss is that of the path in a picture: on training data with frozen
        batch norm, as far as a picture asked for it.
        Its eigenvalues are the largest and the smallest; it holds no eigenvectors.
        """
        with self._lock:
            n, checkpoints = self.examples, self._points.centres.landmarks.checkpoints
            known = {i: self._noted.at(checkpoint, n) for i, checkpoint in enumerate(checkpoints)}
            found = {i: at for i, at in known.items() if at is not None}
            provenance = self._study.objective.provenance("evolution") | {"n_examples": n}
            return evolution_of(checkpoints, found, provenance, self._study.centre.around.training_losses(n))

    @property
    def comparison(self) -> Comparison | None:
        """Loss and curvature at θ* and where ``compared_checkpoint`` is; None until both are known."""
        with self._lock:
            centres, gathered, now = self._points.centres, self._publisher.gathered, self._chosen()
            centres.check_open()
            around, made, beside = gathered.together.around, gathered.controls, now.compared_checkpoint
            if around is None or made is None or beside is None or None in around or _of(made) != _of(now):
                return None
            names, found, checkpoints = [], [], centres.landmarks.checkpoints
            for where, at in zip((centres.number, beside), around, strict=True):
                names.append(where if isinstance(where, str) else checkpoints[where].name)
                known = None if isinstance(where, str) else self._noted.at(checkpoints[where], now.examples)
                traced = at if at is None or at.trace or known is None else replace(at, trace=known.trace)
                found.append(traced)
            provenance = self._study.objective.provenance("comparison") | {"n_examples": now.examples}
            return comparison_of(names, found, provenance)

    def compute(self: _Self, what: str = "all") -> _Self:
        """Computes what the controls ask for and returns when it is done.

        Where a control is changed meanwhile, the same is computed for what the controls ask for by then.

        Args:
            what: "surface", "eigenpairs", "curvature" or "lines" for that alone, with what it rests on;
                "all"; or "evolution": picture, both ends of the spectrum and tr(H) at every checkpoint.

        Raises:
            ValueError: For another ``what``.
            RuntimeError: If the computation fails, with the cause chained, or is cancelled; if the loss has
                become another one; if the explorer is closed meanwhile; inside an observer, which the
                computation would wait for.
            KeyboardInterrupt: On an interrupt of the kernel; the computation is cancelled.

        Warns:
            UserWarning: For each checkpoint that cannot be had, with the cause; it is tried again next time.
                If a preconditioner was kept of other parameters than those of the objective.
        """
        if check_part(what, _ALL) != _ALL:
            return super().compute(what)
        refuse_inside("compute")
        try:
            self._wait_while(lambda: [self._request])
            with self._lock:
                self._go_ahead(everywhere=True)
            self._wait_while(lambda: [self._request, self._pastime])
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self._pastime is not None and self._pastime.cancelled:
            raise RuntimeError("The computation was cancelled.")
        if self._pastime is not None and self._pastime.error is not None:
            raise RuntimeError(NOT_COMPUTED.format(self._pastime.error)) from self._pastime.error
        for checkpoint in self._points.centres.landmarks.checkpoints:
            if words := self._noted.failed.get(checkpoint_key(checkpoint)):
                warnings.warn(f"Nothing was found at {checkpoint.name}: {words}", stacklevel=2)
        with self._lock:
            unfit_words = self._unfit(self.evolution)
        for words in unfit_words:
            warnings.warn(words, stacklevel=2)
        return self

    def _unfit(self, found: Evolution) -> list[str]:
        """Why curves of an optimiser's P have holes."""
        return unfit(self._study.objective, self._points.centres.landmarks.checkpoints, found)

    def cancel(self) -> None:
        """Ends the running computation after its present step; finished results stay."""
        self._follows = self._all = False
        super().cancel()
        if not self._worker.forked:
            self._tell_along()

    def _go_to(self, number: int | None, former: int | None = None) -> None:
        with self._lock:
            spot = None if self._worker.closed else self._points.centres.present
            if spot is not None and spot.theta is None:  # what is known by now of the one that is left
                self._noted.note(spot.recorded, self._study.centre, self._chosen())
        super()._go_to(number, former)
        self._follows = self._follows or number is not None

    def _found_around(self, study: Study, controls: Controls) -> None:
        super()._found_around(study, controls)
        with self._lock:
            if self._worker.closed or (
                study is self._study and self._points.centres.present.theta is not None
            ):
                return
            number, checkpoints = controls.checkpoint, self._points.centres.landmarks.checkpoints
            self._noted.note(checkpoints[-1 if number is None else number], study.centre, controls)
        self._tell_along()

    def _steps(self, study: Study, controls: Controls, number: int, what: str) -> Generator[None, None, None]:
        if controls.compared_checkpoint is not None and self._is_dropped(controls.compared_checkpoint):
            return
        with self._provided(study, controls):
            yield from super()._steps(study, controls, number, what)

    def _begin_adding(self, study: Study) -> None:
        with self._lock:
            if not self._sure:
                self._noted_surely = self._noted.copied()
            super()._begin_adding(study)

    def _take_back(self) -> None:
        with self._lock:
            if self._sure:
                self._noted = self._noted_surely
            super()._take_back()
        self._tell_along()

    def _is_dropped(self, where: int | str) -> bool:
        """Whether a recorder has dropped what is to be beside; then nothing is, and that is computed."""
        with self._lock:
            try:
                self._points.centres.beside(where)
            except FileNotFoundError:
                checkpoint = None if isinstance(where, str) else self._checkpoints[where]
                if checkpoint is None or not was_dropped(checkpoint):
                    raise
                self._points.tell(NO_MORE.format(checkpoint.name))
                self._set_aside(compared_checkpoint=None)
                self._submit()
                return True
        return False

    @contextmanager
    def _provided(self, study: Study, controls: Controls) -> Iterator[None]:
        """Gives a study that of the second picture, where this is around another θ*."""
        if controls.compared_checkpoint is not None:
            with self._lock:
                study.beside = self._points.centres.beside(controls.compared_checkpoint)
        try:
            yield
        finally:
            study.beside = None

    def _moved(self) -> None:
        super()._moved()
        self._tell_along()

    def _on_end(self, request: Request) -> None:
        """Notes what was found at a checkpoint, and goes ahead."""
        super()._on_end(request)
        with self._lock:
            if request is not self._request or self._worker.closed:
                return
            spot = self._points.centres.present
            if spot.theta is None:
                self._noted.note(spot.recorded, self._study.centre, self._chosen())
            if self.status == "done" and (self._follows or self._all or self._group):
                self._go_ahead()
            self._tell_along()

    def _go_ahead(self, everywhere: bool = False) -> None:
        """Has the worker compute in idle times what may be asked for next.

        Args:
            everywhere: Whether all checkpoints are asked for.
        """
        self._all = self._all or everywhere
        if everywhere:
            self._noted.failed.clear()
        if self._next(self._chosen()) is not None or everywhere:
            self._pastime = self._worker.pastime(self._ahead)

    def _ahead(self) -> Iterator[None]:
        """Goes from checkpoint to checkpoint, until there is none left."""
        while True:
            with self._lock:
                controls = self._chosen()
                number = self._next(controls)
                if number is None:
                    self._all = False
                    break
                checkpoint = self._points.centres.landmarks.checkpoints[number]
            self._tell_along(busy=True)
            centre = None
            try:
                with self._lock:
                    study = self._points.centres.beside(number)
                centre = study.centre
                with self._provided(study, controls):
                    for _ in study.ahead(replace(controls, checkpoint=number)):
                        yield
            except (UnwantedError, LossChangedError):
                raise
            except Exception as error:  # the others can be had all the same
                log.info("Nothing ahead at %s.", checkpoint.name, exc_info=error)
                if isinstance(error, FileNotFoundError) and was_dropped(checkpoint):
                    self._noted.failed[checkpoint_key(checkpoint)] = ""  # nothing to tell of: it is left out
                elif centre is None or found_at(centre, controls.examples) is None:
                    self._noted.failed[checkpoint_key(checkpoint)] = f"{type(error).__name__}: {error}"
            if checkpoint_key(checkpoint) not in self._noted.failed:
                with self._lock:
                    self._noted.note(checkpoint, centre, controls, complete=True)
            yield
        self._tell_along(busy=False)

    def _next(self, controls: Controls) -> int | None:
        """The next checkpoint to go ahead to, None where all is known that is wanted."""
        self._noted.begin_anew(controls)
        centres = self._points.centres
        here, last = centres.number, centres.last
        ahead = AHEAD if self._follows else 0
        numbers = [*range(here, last + 1), *range(here)] if self._all else range(here, here + 1 + ahead)
        if centres.present.theta is not None and not (self._follows or self._all):
            return None  # it is beside all of them
        checkpoints = centres.landmarks.checkpoints
        for number in numbers:
            if number <= last and self._noted.is_wanted(checkpoints[number]):
                return number
        return None

    def _tell_along(self, busy: bool | None = None) -> None:
        """Sends the page the curves as far as they are known.

        Args:
            busy: Whether more of them is being computed; None to go by whether it was asked for.
        """
        with self._lock:
            now = monotonic()
            if self._worker.closed or (busy and now - self._told < INTERVAL):
                return
            self._told = now
            self._announce(["_along"])
            if self._worker.closed or self._points.centres.last < 1:  # an observer may have closed it
                return
            pastime = self._pastime
            if busy is None:
                busy = pastime is not None and not (pastime.cancelled or pastime.done.is_set())
            checkpoints = self._points.centres.landmarks.checkpoints
            noted = [one.scalars for one in checkpoints]
            another = any("lr" in each and math.isnan(each.get("momentum", 0.0)) for each in noted)
            found, loss = self.evolution, (LOSSES if self._study.test is None else SPLITS)["train"]
            if self.batch_norm != "frozen":
                loss += ", frozen batch norm"
            lacks = any(self._noted.is_lacking(one, self.examples) for one in checkpoints)
            self._along = along(found, busy, self._all, another, self._unfit(found), loss, lacks)


def _of(controls: Controls) -> tuple[object, ...]:
    """What of the controls a comparison depends on."""
    return controls.checkpoint, controls.compared_checkpoint, controls.examples
