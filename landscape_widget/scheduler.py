"""One worker thread with a one-place mailbox: the newest request wins, short errands are served between."""

from __future__ import annotations

import atexit
import logging
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Event, Thread
from weakref import WeakSet

log = logging.getLogger(__name__)

#: Starts a computation that does a bounded piece of work at every step.
Job = Callable[[], Iterator[None]]


class Request:
    """A job on its way; ``done`` is set when it ends, is cancelled or is replaced."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = Event()
        self.cancelled = False
        self.error: BaseException | None = None


#: A thread still inside torch while the interpreter shuts down would crash it.
_open: WeakSet[Worker] = WeakSet()


@atexit.register
def _close_all() -> None:
    for worker in list(_open):
        worker.close(timeout=5.0)


class Worker:
    """Runs one job at a time on a thread of its own.

    A job is a generator: between two of its steps the worker looks whether it was cancelled or
    replaced, and closes it if so. Errands are short jobs that wait in a queue of their own: they are
    served between two steps of the running job, which goes on afterwards, or at once where nothing runs.
    Mailbox and queue are all that other threads touch.
    """

    def __init__(
        self, name: str, on_end: Callable[[Request], None], prepare: Callable[[], None] = lambda: None
    ) -> None:
        """Starts no thread yet.

        Args:
            name: Of the thread.
            on_end: Called after every job that was started, and after one cancelled in the mailbox.
            prepare: Called once, first thing on the thread.
        """
        self._prepare = prepare
        self._name = name
        self._on_end = on_end
        self._condition = Condition()
        self._waiting: Request | None = None
        self._running: Request | None = None
        self._errands: deque[Request] = deque()
        self._thread: Thread | None = None
        self._closed = False
        _open.add(self)

    def submit(self, job: Job) -> Request:
        """Puts ``job`` into the mailbox, instead of one that waits there or runs.

        Raises:
            RuntimeError: After ``close``.
        """
        request = Request(job)
        with self._condition:
            self._check_open()
            if self._waiting is not None:
                self._waiting.cancelled = True
                self._waiting.done.set()
            if self._running is not None:
                self._running.cancelled = True
            self._waiting = request
            self._wake()
        return request

    def errand(self, job: Job) -> Request:
        """Queues a short job that ends no other one; ``on_end`` hears nothing of it.

        Setting ``cancelled`` on what is returned ends it after its present step.

        Raises:
            RuntimeError: After ``close``.
        """
        request = Request(job)
        with self._condition:
            self._check_open()
            self._errands.append(request)
            self._wake()
        return request

    def cancel(self) -> None:
        """Ends the waiting and the running job; returns at once. Errands are served all the same."""
        with self._condition:
            waiting, self._waiting = self._waiting, None
            if self._running is not None:
                self._running.cancelled = True
        if waiting is not None:
            waiting.cancelled = True
            try:
                self._on_end(waiting)
            finally:
                waiting.done.set()

    def close(self, timeout: float | None = None) -> None:
        """Cancels everything and ends the thread, waiting for it up to ``timeout`` seconds."""
        self.cancel()
        with self._condition:
            self._closed = True
            thread = self._thread
            for errand in self._errands:
                errand.cancelled = True
                errand.done.set()
            self._errands.clear()
            self._condition.notify()
        if thread is not None:
            thread.join(timeout)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Expected an open explorer, got a closed one. Make a new one.")

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._condition.notify()

    def _run(self) -> None:
        self._prepare()
        while self._has_work():
            self._serve_errands()
            request = self._take()
            if request is None:
                continue
            try:
                self._drive(request)
            except BaseException as error:  # a failed job must not end the worker
                request.error = error
            try:
                self._on_end(request)
            except Exception:  # such as a failing observer of a trait
                log.exception("The end of a computation could not be reported.")
            finally:
                with self._condition:
                    self._running = None
                request.done.set()
            del request  # or the last job would keep its explorer alive while the worker waits

    def _has_work(self) -> bool:
        """Waits for a job or an errand; False once it is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._waiting is not None or self._errands or self._closed)
            return not self._closed

    def _take(self) -> Request | None:
        with self._condition:
            self._running, self._waiting = self._waiting, None
            return self._running

    def _drive(self, request: Request) -> None:
        steps = request.job()
        try:
            while not request.cancelled:
                try:
                    next(steps)
                except StopIteration:
                    return
                self._serve_errands()
        finally:
            _close(steps)

    def _serve_errands(self) -> None:
        while True:
            with self._condition:
                if not self._errands:
                    return
                errand = self._errands.popleft()
            try:
                steps = errand.job()
                try:
                    while not (errand.cancelled or self._closed):
                        next(steps)
                except StopIteration:
                    pass
                finally:
                    _close(steps)
            except BaseException as error:  # a failed errand must not end the job that it interrupts
                errand.error = error
            errand.done.set()
            del errand


def _close(steps: Iterator[None]) -> None:
    close = getattr(steps, "close", None)
    if close is not None:
        close()
