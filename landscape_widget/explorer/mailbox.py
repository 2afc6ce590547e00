"""What waits for a worker: a job, where the newest wins, short errands, and a job for idle times."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, RLock, Thread

#: Starts a computation that does a bounded piece of work at every step.
Job = Callable[[], Iterator[None]]


class Request:
    """A job on its way; ``done`` is set when it ends, is cancelled or is replaced."""

    def __init__(self, job: Job, on_end: Callable[[Request], None] = lambda _: None) -> None:
        self.done = Event()
        self.cancelled = False
        self.error: BaseException | None = None
        self._job: Job | None = job
        self._on_end: Callable[[Request], None] | None = on_end

    def start(self) -> Iterator[None]:
        """The job's steps."""
        job, self._job = self._job, None
        assert job is not None
        return job()

    def report(self) -> None:
        """Tells who wanted it how it ended."""
        if self._on_end is not None:
            self._on_end(self)

    def end(self) -> None:
        """Lets go of the job and of who wanted it: who keeps the request keeps nothing else."""
        self._job = self._on_end = None
        self.done.set()


class Pastime(Request):
    """A job for when nothing else is asked for: it may be closed between two steps, and begun anew."""

    def start(self) -> Iterator[None]:
        """The job's steps, from the first one on: what it has done before is for the job to know."""
        job = self._job
        return iter(()) if job is None else job()


class Mailbox:
    """All that a worker and its thread share. An idle thread knows nothing else, so it keeps nobody alive."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.thread: Thread | None = None
        self.closed = False
        self.waiting: Request | None = None
        self.running: Request | None = None
        self.pastime: Pastime | None = None
        self.errands: deque[Request] = deque()
        self.lock = RLock()
        self.wake: SimpleQueue[None] = SimpleQueue()
        """Anything, when there may be work. Unlike a condition's it is safe to use in a finalizer."""

    @property
    def forked(self) -> bool:
        """Whether this is a copy in another process, with no thread and locks that may be held for ever."""
        return self.process != os.getpid()

    def cancel(self) -> Request | None:
        """Ends what runs after its step, and returns the waiting job, which is taken out."""
        if self.forked:
            return None
        with self.lock:
            waiting, self.waiting = self.waiting, None
            for request in (self.running, self.pastime):
                if request is not None:
                    request.cancelled = True
        if waiting is not None:
            waiting.cancelled = True
        return waiting

    def close(self) -> None:
        """Has the thread end after its present step."""
        if self.forked:
            return
        if waiting := self.cancel():
            waiting.end()
        with self.lock:
            self.closed = True
            for errand in self.errands:
                errand.cancelled = True
                errand.end()
            self.errands.clear()
            pastime, self.pastime = self.pastime, None
        if pastime is not None:
            pastime.end()
        self.wake.put(None)

    def has_work(self) -> bool:
        """Waits for something to do; False once it is closed."""
        while not (self.waiting is not None or self.errands or self.pastime is not None or self.closed):
            self.wake.get()
        return not self.closed

    def take(self) -> Request | None:
        """The job that is to run now."""
        with self.lock:
            self.running, self.waiting = self.waiting, None
            return self.running

    def errand(self) -> Request | None:
        """The next errand."""
        with self.lock:
            return self.errands.popleft() if self.errands else None
