"""One worker thread with a one-place mailbox: the newest request wins."""

from __future__ import annotations

import atexit
import logging
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
    replaced, and closes it if so. The mailbox is all that other threads touch.
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
            if self._closed:
                raise RuntimeError("Expected an open explorer, got a closed one. Make a new one.")
            if self._waiting is not None:
                self._waiting.cancelled = True
                self._waiting.done.set()
            if self._running is not None:
                self._running.cancelled = True
            self._waiting = request
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._condition.notify()
        return request

    def cancel(self) -> None:
        """Ends the waiting and the running job; returns at once."""
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
            self._condition.notify()
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        self._prepare()
        while (request := self._next()) is not None:
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

    def _next(self) -> Request | None:
        with self._condition:
            self._condition.wait_for(lambda: self._waiting is not None or self._closed)
            if self._closed:
                return None
            self._running, self._waiting = self._waiting, None
            return self._running

    @staticmethod
    def _drive(request: Request) -> None:
        steps = request.job()
        try:
            while not request.cancelled:
                try:
                    next(steps)
                except StopIteration:
                    return
        finally:
            close = getattr(steps, "close", None)
            if close is not None:
                close()
