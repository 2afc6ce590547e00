"""The executor that tasks are sent to: taken from what a user gives, and asked whether it has workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import current_thread
from time import monotonic, sleep
from typing import Any

from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.checks import told
from landscape_widget.objective.dask_tasks import DaskTasks
from landscape_widget.objective.spool import Spooled

#: What is said of what is no executor.
_NONE = (
    "Expected executor as a concurrent.futures.Executor, a client of Dask, or a function that returns one, "
    "got {}."
)

#: What is said where nobody is left to work.
GONE = "Expected workers, but those of the executor are gone."

#: Seconds that Dask is given to start workers anew.
_RETURN = 30.0

#: Seconds between two looks whether it has.
_LOOK = 0.1

#: How often what all workers need is handed to the scheduler, where workers are lost meanwhile.
_ATTEMPTS = 3


class WorkersLostError(RuntimeError):
    """The workers of an executor are gone; of a plane, what they had finished is in the cache."""


class TakenExecutor:
    """An executor of ``concurrent.futures``, also where a client of Dask was given, or a function."""

    def __init__(self, given: Any, kept: Spooled) -> None:
        """Takes it.

        Args:
            given: See ``evaluate_plane``.
            kept: What all tasks are about.

        Raises:
            TypeError: For an executor that is none.
        """
        self._given, self._kept = given, kept
        self.take()

    @property
    def is_renewable(self) -> bool:
        """Whether workers can be had anew once they are lost."""
        return self._client is not None or not hasattr(self._given, "submit")

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
        self.executor = found if self._client is None else DaskTasks(self._client, options)
        if not isinstance(self.executor, Executor):
            raise TypeError(_NONE.format(told(found)))
        self._scattered: Any = None

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
        if spooled is self._kept and self._scattered is not None:
            return self._scattered
        sent = self._scatter(spooled.whole)
        if spooled is self._kept:
            self._scattered = sent
        return sent

    def _scatter(self, whole: Any) -> Any:
        """Has the scheduler hand it on, again where a worker is lost meanwhile."""
        left = _ATTEMPTS
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
                sleep(_LOOK)
        except OSError as error:
            raise WorkersLostError(GONE) from error


def check_executor(executor: Any) -> None:
    """Sees that something may be an executor, without a call of a function that may return one.

    Raises:
        TypeError: If it is none.
    """
    if not (isinstance(executor, Executor) or callable(executor) or hasattr(executor, "get_executor")):
        raise TypeError(_NONE.format(told(executor)))
