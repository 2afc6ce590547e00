"""The executor that tasks are sent to: taken from what a user gives, and asked whether it has workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import current_thread
from time import monotonic, sleep
from typing import Any
from weakref import WeakKeyDictionary

from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.checks import told
from landscape_widget.objective.dask_tasks import DaskTasks
from landscape_widget.objective.spool import Spooled
from landscape_widget.objective.submitted_jobs import SubmittedJobs, is_submitit

#: What is said of what is no executor.
_NONE = (
    "Expected executor as a concurrent.futures.Executor, one of submitit, a client of Dask, or a function "
    "that returns one of these, got {}."
)

#: What is said where nobody is left to work.
GONE = "Expected workers, but those of the executor are gone."

#: Seconds that Dask is given to start workers anew.
_RETURN = 30.0

#: Seconds between two looks whether there are workers or results, and whether these are wanted still.
LOOK = 0.1

#: How often in a row what fails since workers are lost is tried: to hand on what all need, to take others.
ATTEMPTS = 3


class WorkersLostError(RuntimeError):
    """The workers of an executor are gone; of a plane, what they had finished is in the cache."""


class TakenExecutor:
    """An executor of ``concurrent.futures``, also where one of submitit or Dask was given, or a function."""

    def __init__(self, given: Any) -> None:
        """Takes it.

        Args:
            given: See ``evaluate_plane``.

        Raises:
            TypeError: For an executor that is none.
        """
        self._given = given
        self.take()

    @property
    def is_renewable(self) -> bool:
        """Whether workers can be had anew once they are lost."""
        anew = self._client is not None or isinstance(self.executor, SubmittedJobs)
        return anew or not hasattr(self._given, "submit")

    @property
    def folder(self) -> str | None:
        """Where all workers see files, if the executor knows."""
        return self.executor.folder if isinstance(self.executor, SubmittedJobs) else None

    def take(self) -> None:
        """Takes the executor that was given, or one that a given function returns.

        Raises:
            TypeError: If it is none.
        """
        given = self._given
        try:
            found = given if hasattr(given, "submit") or not callable(given) else given()
        except TypeError as error:
            raise TypeError(
                "Expected executor as a function without arguments that returns a "
                f"concurrent.futures.Executor, got {told(given)}, which raises {error}."
            ) from error
        # a client of Dask is no executor; its scheduler hands the snapshot on among workers
        client = found if hasattr(found, "get_executor") else getattr(found, "_client", None)
        self._client: Any = client if hasattr(client, "scatter") else None
        options = getattr(found, "_kwargs", {})
        if self._client is not None:
            found = DaskTasks(self._client, options)
        elif is_submitit(found):
            found = SubmittedJobs(found)
        if not isinstance(found, Executor):
            raise TypeError(_NONE.format(told(found)))
        self.executor = found
        self._scattered: WeakKeyDictionary[Spooled, Any] = WeakKeyDictionary()

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Sends a task.

        Raises:
            RuntimeError: Of an executor that is broken or shut down.
            TypeError: If it is an executor in name only.
        """
        sent = self.executor.submit(fn, *args)
        if not isinstance(sent, Future):
            name = type(self.executor).__name__
            raise TypeError(f"Expected submit of executor ({name}) to return a Future, got {told(sent)}.")
        return sent

    def standing_for(self, spooled: Spooled) -> Any:
        """What stands for it in every task: where there is a scheduler, that hands it on among workers."""
        if self._client is None:
            return spooled.by_file
        if spooled not in self._scattered:
            self._scattered[spooled] = self._scatter(spooled.whole)
        return self._scattered[spooled]

    def _scatter(self, whole: Any) -> Any:
        """Has the scheduler hand it on, again where a worker is lost meanwhile."""
        left = ATTEMPTS
        while True:
            try:
                # under a name of its own: what was sent before under the same one may just be forgotten
                return self._client.scatter(whole, broadcast=True, hash=False)
            # the last one is what Dask raises where no worker is left
            except (OSError, TimeoutError, asyncio.TimeoutError, ValueError) as error:
                left -= 1
                if not left:
                    raise WorkersLostError(GONE) from error
            self.check_workers()

    def check_workers(self) -> None:
        """Sees that somebody may carry tasks out; Dask is given time to start workers anew.

        Raises:
            WorkersLostError: If nobody can.
        """
        threads, most = (getattr(self.executor, name, None) for name in ("_threads", "_max_workers"))
        if most == 1 and current_thread() in (threads or ()):
            raise WorkersLostError(
                "Expected workers, got the only one that executor has to wait for itself: this call is one "
                "of its tasks. Give it another executor, or none."
            )
        if self._client is None:
            return
        if getattr(self._client, "status", "") in ("closing", "closed"):
            raise WorkersLostError("Expected an open client of Dask, got a closed one. Connect a new Client.")
        until = monotonic() + _RETURN
        try:
            # asked of the scheduler: what `scheduler_info` tells is at times without workers, by a race in it
            while not self._client.nthreads():
                if monotonic() > until:
                    raise WorkersLostError(GONE)
                check_wanted()
                sleep(LOOK)
        except OSError as error:
            raise WorkersLostError(GONE) from error


def check_executor(executor: Any) -> None:
    """Sees that something may be an executor, without a call of a function that may return one.

    Raises:
        TypeError: If it is none.
    """
    is_one = isinstance(executor, Executor) or is_submitit(executor) or hasattr(executor, "get_executor")
    if not is_one and not callable(executor):
        raise TypeError(_NONE.format(told(executor)))
