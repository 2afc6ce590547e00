"""Tasks for the workers of an executor: other processes, here or elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from shutil import rmtree
from tempfile import mkdtemp
from time import monotonic
from typing import Any, NoReturn
from weakref import finalize

from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.checks import told
from landscape_widget.objective.carried import Done, Ended, Missing, carried_out, itself, nothing
from landscape_widget.objective.executors import ATTEMPTS, GONE, LOOK, TakenExecutor, WorkersLostError
from landscape_widget.objective.spool import Spooled

#: Seconds after which it is asked whether there are workers still, where the executor can tell.
_PATIENCE = 5.0

#: Snapshots that a worker keeps: both splits of a picture take turns, and products in both precisions.
_KEPT = 4

#: What tasks are given beside that a worker keeps: two planes, or vectors, take turns.
_BESIDE = 2


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
        self._taken = TakenExecutor(executor)
        self._folder = mkdtemp(prefix="landscape-widget-", dir=self._taken.folder)
        finalize(self, rmtree, self._folder, ignore_errors=True)
        self._snapshot = Spooled(self._folder, _KEPT, make, *content)
        self._cause: BaseException | None = None
        self._has_ended = False  # whether it is known of an item that it ends its worker

    def run(
        self,
        task: Callable[[Any, Any, Any], Any],
        items: Sequence[Any],
        shared: Any,
        ended: Callable[[int], Any],
        kept: str = "Call again once there are workers.",
    ) -> Iterator[tuple[int, Any]]:
        """Does ``task(made, item, shared)`` for every item, in one thread of a worker each.

        So what comes back does not depend on how many workers there are, on who does what, or on who fails.
        What is lost with its worker is sent again, in parts and alone, until it is known which items end
        their worker by themselves.

        Args:
            task: A function of a module.
            items: One for each task.
            shared: What all tasks are given beside, which each worker reads once, too.
            ended: Called with the place of an item that ends its worker; what it returns stands for a result.
            kept: What is told to do once workers are lost.

        Yields:
            The place of an item, and what its task returned, in the order in which they are done.

        Raises:
            WorkersLostError: If no worker is left.
            RuntimeError: If a worker has another version of this package or of torch.
            TypeError: If an executor returns something else than its tasks do.
            Exception: What a task or ``ended`` raises.
        """
        groups = [list(range(len(items)))]
        beside = Spooled(self._folder, _BESIDE, itself, shared)
        alone: set[int] = set()
        singly_until = -math.inf
        try:
            self._taken.check_workers()
            while groups:
                group = groups.pop()
                if len(group) > 1 and monotonic() < singly_until:
                    groups.append(group[1:])
                    del group[1:]
                lost = yield from self._round(task, items, group, beside, ended)
                if not lost:
                    continue
                started = monotonic()
                self._recover(beside)
                # an item sent singly ends its worker once: worth the time that another recovery takes
                singly_until = 2 * monotonic() - started
                if len(group) > 1:
                    groups += _parts(sorted(lost))
                elif self._has_ended or group[0] in alone:
                    self._has_ended = True
                    yield group[0], ended(group[0])
                else:
                    alone.update(group)
                    groups.append(group)
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
        ended: Callable[[int], Any],
    ) -> Generator[tuple[int, Any], None, list[int]]:
        """Sends every item left once; yields what comes back, and returns those whose workers were lost."""
        lost: list[int] = []
        running: dict[Future[Any], int] = {}
        waiting: list[int] = []
        lacking = False
        carrier: Future[Any] | None = None
        usual = self._taken.standing_for(self._snapshot), self._taken.standing_for(beside)

        def send(about: tuple[Any, Any], i: int) -> Future[Any] | None:
            try:
                sent = self._taken.submit(carried_out, *about, task, items[i])
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
                    found = self._result(future)
                    if found is None:
                        lost.append(i)
                    elif isinstance(found, Missing):
                        waiting.append(i)
                        lacking = lacking or found.all
                    elif isinstance(found, Ended):
                        yield i, ended(i)
                    else:
                        yield i, found.result
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

    def _result(self, future: Future[Any]) -> Done | Ended | Missing | None:
        """What a task has returned; None where its worker was lost."""
        try:
            found = future.result()
        except Exception as error:
            # of Dask, once a task has ended several workers
            is_given_up = type(error).__name__ == _KILLED
            if not is_given_up and not isinstance(error, (BrokenExecutor, CancelledError)):
                raise
            self._cause, self._has_ended = error, self._has_ended or is_given_up
            return None
        if not isinstance(found, Done | Ended | Missing):
            raise TypeError(
                "Expected executor as one that returns what the function returns that it is sent, got "
                f"{type(self._taken.executor).__name__}, which returned {told(found)}."
            )
        return found

    def _first_of(self, running: Collection[Future[Any]]) -> Collection[Future[Any]]:
        """Waits for some of them, as long as they are wanted and there are workers."""
        heard = monotonic()
        while True:
            wait(running, LOOK, FIRST_COMPLETED)
            check_wanted()
            # one that a shutdown has cancelled is done, and `wait` does not tell it
            if done := [future for future in running if future.done()]:
                return done
            if monotonic() - heard > _PATIENCE:
                self._taken.check_workers()
                heard = monotonic()

    def _recover(self, beside: Spooled) -> None:
        """Takes workers anew, and sees that they carry something out.

        Raises:
            WorkersLostError: If that is not possible, or was in vain too often.
        """
        if not self._taken.is_renewable:
            raise WorkersLostError(f"{GONE} {_AGAIN}") from self._cause
        for _ in range(ATTEMPTS):
            self._taken.take()
            about = self._taken.standing_for(self._snapshot), self._taken.standing_for(beside)
            try:
                sent = self._taken.submit(carried_out, *about, nothing, None)
            except RuntimeError as error:  # of an executor that is broken or shut down
                self._cause = error
                continue
            self._first_of([sent])
            if self._result(sent) is not None:
                return
        raise WorkersLostError(
            f"{GONE} They were taken anew {ATTEMPTS} times, and carried nothing out."
        ) from self._cause


def refuse_ended(what: str) -> NoReturn:
    """Raises a RuntimeError about an item that ends its worker by itself."""
    raise RuntimeError(
        f"Expected {what} from a worker, got none: the worker that evaluated it ended, also where it was "
        "sent nothing else. It crashed, or was killed for want of memory. Give workers more memory, take "
        "smaller batches, or see by the same call without executor what ends it."
    )


#: What is said where the executor was not given as a function.
_AGAIN = (
    "Give executor as a function that returns one, such as loky.get_reusable_executor, which is called again "
    "whenever workers are lost."
)

#: What Dask raises for a task that it does not send again.
_KILLED = "KilledWorker"


def _parts(lost: list[int]) -> list[list[int]]:
    """Parts of 1, 1, 2, 4, 8 … items, the first ones last: among these is what ended its worker."""
    sizes = [2**k for k in range(len(lost).bit_length())]
    return [part for size in reversed(sizes) if (part := lost[size : 2 * size])] + [lost[:1]]
