"""Executors that a test can hold, break and count, without processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from threading import Event, Lock
from typing import Any

import numpy as np

from .gates import HUNG


class InPlace(Executor):
    """Carries tasks out at once, until it breaks."""

    def __init__(self, last: float = np.inf) -> None:
        """Breaks after ``last`` tasks."""
        self.left = last
        self.snapshots: list[Any] = []
        """What each task was about."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor."""
        if self.left < 0:
            raise BrokenExecutor("broken")
        future: Future[Any] = Future()
        self.snapshots.append(args[0])
        try:
            if self.left <= 0:
                raise BrokenExecutor("a worker ended")
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        self.left -= 1
        return future


class Ended(BaseException):
    """What a task raises that would end its process."""


class Fragile(InPlace):
    """Is broken once a task has ended, as a pool of processes is."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor."""
        try:
            return super().submit(fn, *args, **kwargs)
        except Ended:
            self.left = -1
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor("a worker ended"))
            return future


class Held(ThreadPoolExecutor):
    """Threads, one of which is held at a task as a slow or hung worker would be."""

    def __init__(self, workers: int, task: int) -> None:
        """Holds the worker that comes to the task of that number until ``go`` is set."""
        super().__init__(workers)
        self.reached, self.go = Event(), Event()
        self.sent = self.begun = self.ended = 0
        self._task, self._counts = task, Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor."""

        def counted() -> Any:
            with self._counts:
                number, self.begun = self.begun, self.begun + 1
            if number == self._task:
                self.reached.set()
                assert self.go.wait(HUNG)
            found = fn(*args, **kwargs)
            with self._counts:
                self.ended += 1
            return found

        self.sent += 1
        return super().submit(counted)
