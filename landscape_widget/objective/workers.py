"""Tasks for the workers of an executor: other processes, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic
from typing import Any
from weakref import finalize

import torch

from landscape_widget.engine.threads import limit_this_thread
from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.checks import told
from landscape_widget.objective.spool import Snapshot, Spooled, check_versions, made

#: Times in a row that tasks are sent again while none of them is finished.
_ATTEMPTS = 3

#: Seconds after which it is asked whether there are workers still, where the executor can tell.
_PATIENCE = 5.0

#: Seconds after which it is asked whether the results are wanted still.
_LOOK = 0.1

#: Snapshots that a worker keeps: both splits of a picture take turns, and products in both precisions.
_KEPT = 4

#: What tasks are given beside that a worker keeps: two planes, or vectors, take turns.
_BESIDE = 2


class WorkersLostError(RuntimeError):
    """The workers of an executor are gone; of a plane, what they had finished is in the cache."""


class Workers:
    """Tasks about one thing, such as an objective, which each worker of an executor reads once."""

    def __init__(self, executor: Any, make: Callable[..., Any], *content: Any) -> None:
        """Writes the snapshot where workers on this machine find it.

        Args:
            executor: See ``evaluate_plane``.
            make: A function that each worker calls with the content; what it returns is what tasks are given.
            content: What is sent.

        Raises:
            TypeError: For an executor that is none.
            ImportError: Where cloudpickle is not installed.
            ValueError: If the content, such as model, loss or data, cannot be sent to another process.
        """
        self._given = executor
        self._folder = mkdtemp(prefix="landscape-widget-")
        finalize(self, rmtree, self._folder, ignore_errors=True)
        self._snapshot = Spooled(self._folder, _KEPT, make, *content)
        self._cause: BaseException | None = None
        self._take()

    def run(
        self,
        task: Callable[[Any, Any, Any], Any],
        items: Sequence[Any],
        shared: Any,
        kept: str = "Call again once there are workers.",
    ) -> Iterator[tuple[int, Any]]:
        """Does ``task(made, item, shared)`` for every item, in one thread of a worker each.

        So what comes back does not depend on how many workers there are, on who does what, or on who fails.

        Args:
            task: A function of a module.
            items: One for each task.
            shared: What all tasks are given beside, which each worker reads once, too.
            kept: What is told to do once workers are lost.

        Yields:
            The place of an item, and what its task returned, in the order in which they are done.

        Raises:
            WorkersLostError: If no worker is left.
            RuntimeError: If a worker has another version of this package or of torch.
            Exception: What a task raises.
        """
        attempts, left = 0, list(range(len(items)))
        beside = Spooled(self._folder, _BESIDE, _itself, shared)
        try:
            self._check_workers()
            while left:
                lost = yield from self._round(task, items, left, beside)
                attempts = attempts + 1 if len(lost) == len(left) else 0
                if lost:
                    self._recover(attempts)
                left = lost
        except WorkersLostError as error:
            raise WorkersLostError(f"{error} {kept}") from error.__cause__
        finally:
            beside.forget()

    def _round(
        self,
        task: Callable[[Any, Any, Any], Any],
        items: Sequence[Any],
        left: Sequence[int],
        beside: Spooled,
    ) -> Generator[tuple[int, Any], None, list[int]]:
        """Sends every item left once; yields what comes back, and returns those whose workers were lost."""
        lost: list[int] = []
        running: dict[Future[Any], int] = {}
        waiting: list[int] = []
        lacking = False
        carrier: Future[Any] | None = None
        usual = self._standing_for(self._snapshot), self._standing_for(beside)

        def send(about: tuple[Any, Any], i: int) -> Future[Any] | None:
            try:
                sent: Future[Any] = self._executor.submit(carried_out, *about, task, items[i])
            except RuntimeError as error:  # of an executor that is broken or shut down
                self._cause = error
                lost.append(i)
                return None
            running[sent] = i
            return sent

        try:
            for i in left:
                send(usual, i)
            while running:
                done = self._first_of(running)
                for future in done:
                    i = running.pop(future)
                    try:
                        found = future.result()
                    except (BrokenExecutor, CancelledError) as error:
                        self._cause = error
                        lost.append(i)
                        continue
                    if isinstance(found, Missing):
                        waiting.append(i)
                        lacking = lacking or found.all
                    else:
                        yield i, found
                # to workers that do not see the file it is sent with one task at a time, once to each of them
                if carrier in done:
                    carrier = None
                    while waiting:
                        send(usual, waiting.pop())
                elif waiting and carrier is None:
                    about = self._snapshot.whole if lacking else self._snapshot.by_file
                    carrier = send((about, beside.whole), waiting.pop())
            lost += waiting
        finally:
            for future in running:
                future.cancel()
        return lost

    def _first_of(self, running: Collection[Future[Any]]) -> Collection[Future[Any]]:
        """Waits for some of them, as long as they are wanted and there are workers."""
        heard = monotonic()
        while True:
            done, _ = wait(running, _LOOK, FIRST_COMPLETED)
            check_wanted()
            if done:
                return done
            if monotonic() - heard > _PATIENCE:
                self._check_workers()
                heard = monotonic()

    def _take(self) -> None:
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
        # a client of Dask is no executor, but has one; its scheduler hands the snapshot on among workers
        is_client = hasattr(found, "get_executor")
        self._executor = found.get_executor() if is_client else found
        client = found if is_client else getattr(found, "_client", None)
        self._client = client if hasattr(client, "scatter") else None
        if not isinstance(self._executor, Executor):
            raise TypeError(_NONE.format(told(found)))
        self._scattered: Any = None

    def _standing_for(self, spooled: Spooled) -> Any:
        """What stands for it in every task: where there is a scheduler, that hands it on among workers."""
        if self._client is None:
            return spooled.by_file
        if spooled is self._snapshot and self._scattered is not None:
            return self._scattered
        # under a name of its own: what was sent before under the same one may just be forgotten
        sent = self._client.scatter(spooled.whole, broadcast=True, hash=False)
        if spooled is self._snapshot:
            self._scattered = sent
        return sent

    def _check_workers(self) -> None:
        if self._client is None:
            return
        if getattr(self._client, "status", "") in ("closing", "closed"):
            raise WorkersLostError("Expected an open client of Dask, got a closed one. Connect a new Client.")
        if not self._client.scheduler_info()["workers"]:
            raise WorkersLostError(_GONE)

    def _recover(self, attempts: int) -> None:
        """Takes workers anew.

        Raises:
            WorkersLostError: If that is not possible, or was in vain too often.
        """
        again = self._client is not None or not hasattr(self._given, "submit")
        if not again or attempts >= _ATTEMPTS:
            raise WorkersLostError(_GONE) from self._cause
        self._take()


#: What is said of what is no executor.
_NONE = (
    "Expected executor as a concurrent.futures.Executor, a client of Dask, or a function that returns one, "
    "got {}."
)


def check_executor(executor: Any) -> None:
    """Sees that something may be an executor, without a call of a function that may return one.

    Raises:
        TypeError: If it is none.
    """
    if not (isinstance(executor, Executor) or callable(executor) or hasattr(executor, "get_executor")):
        raise TypeError(_NONE.format(told(executor)))


#: What is said where nobody is left to work.
_GONE = (
    "Expected workers, but those of the executor are gone. Where executor is a function that returns one, "
    "such as loky.get_reusable_executor, it is called again whenever workers are lost."
)


@dataclass(frozen=True)
class Missing:
    """What a worker answers that does not see the files on this machine."""

    all: bool
    """Whether it lacks what tasks are about, too, and not only what they are given beside."""


def carried_out(
    about: Snapshot, beside: Snapshot, task: Callable[[Any, Any, Any], Any], item: Any
) -> Any | Missing:
    """A task, in a worker.

    Raises:
        RuntimeError: If the snapshot was written by another version of this package or of torch.
        Exception: What the task raises.
    """
    check_versions(about)
    threads = torch.get_num_threads()
    limit_this_thread(1)
    try:
        found, shared = made(about), made(beside)
        return Missing(found is None) if found is None or shared is None else task(found, item, shared)
    finally:
        limit_this_thread(threads)


def _itself(shared: Any) -> Any:
    return shared
