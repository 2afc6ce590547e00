"""Tasks sent as jobs of submitit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from time import monotonic, sleep
from traceback import format_exc
from typing import Any, TypeAlias

from landscape_widget.engine.threads import cores, pool

#: Seconds between two looks at what is to be sent and at what has come back.
_LOOK = 0.25

#: Seconds in which a job on this machine may see by itself that nobody wants it any more.
_GRACE = 30.0

#: Jobs for what is sent together, unless the user says how many run at once: as the shares of a product.
_JOBS = 16

#: What submitit raises for a job without a result, and where that is raised in the job as its time is over.
_UNCOMPLETED = "UncompletedJobError"

Task: TypeAlias = Callable[[], Any]

#: What a task returned; or what it raised, and where.
Outcome: TypeAlias = tuple[Any, None] | tuple[Exception, str]


def is_submitit(executor: Any) -> bool:
    """Whether it is an executor of submitit, or of a class made of one."""
    return any(kind.__module__.partition(".")[0] == "submitit" for kind in type(executor).__mro__)


@dataclass
class _Sent:
    """A job, and who waits for it."""

    job: Any
    futures: Sequence[Future[Any]]
    until: float = 0.0
    """By when it is cancelled, once nobody waits any more."""


class SubmittedJobs(Executor):
    """An executor of submitit whose jobs share what is sent together: each one starts Python anew.

    One thread sends them and looks for results, for as long as there are any to come.
    """

    def __init__(self, executor: Any) -> None:
        """Sends nothing yet.

        Args:
            executor: A ``submitit.Executor``.
        """
        self._executor = executor
        is_here = self._is_here = getattr(executor, "cluster", executor.name()) == "local"
        self._jobs: int = executor.parameters.get("array_parallelism") or (cores() if is_here else _JOBS)
        self._waiting: list[tuple[Future[Any], Task]] = []
        self._is_watched, self._lock = False, Lock()

    @property
    def folder(self) -> str:
        """A folder that all jobs see."""
        given = Path(self._executor.folder)
        # submitit has names of jobs stand in place of %j in it
        return str(next(folder for folder in (given, *given.parents) if "%" not in str(folder)))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor."""
        future: Future[Any] = Future()
        with self._lock:
            self._waiting.append((future, partial(fn, *args, **kwargs)))
            if not self._is_watched:
                self._is_watched = True
                Thread(target=self._watch, name="landscape_jobs", daemon=True).start()
        return future

    def _watch(self) -> None:
        """Sends what waits and hands on what comes back, until there is nothing of either."""
        running: list[_Sent] = []
        while True:
            sleep(_LOOK)
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not running and not waiting:
                    self._is_watched = False
                    return
            running = [sent for sent in running if not self._is_over(sent)]
            if waiting := [(future, task) for future, task in waiting if not future.cancelled()]:
                running += self._sent(waiting)

    def _sent(self, waiting: Sequence[tuple[Future[Any], Task]]) -> list[_Sent]:
        """Sends tasks, an equal share of them with each job."""
        n = min(self._jobs, len(waiting))
        shares = [waiting[k::n] for k in range(n)]
        try:
            jobs = self._executor.map_array(_carried_out, [[task for _, task in share] for share in shares])
        except Exception as error:
            _hand_on([(error, "")] * len(waiting), [future for future, _ in waiting])
            return []
        return [_Sent(job, [future for future, _ in share]) for job, share in zip(jobs, shares, strict=True)]

    def _is_over(self, sent: _Sent) -> bool:
        """Whether nothing more comes of a job; what did is handed on."""
        if all(future.cancelled() for future in sent.futures):
            return self._is_left(sent)
        try:
            if not sent.job.done():
                return False
            outcomes: Sequence[Outcome] = sent.job.results()[0]
        except Exception as error:
            outcomes = [(_fault(error), "")] * len(sent.futures)
        _hand_on(outcomes, sent.futures)
        return True

    def _is_left(self, sent: _Sent) -> bool:
        """Whether a job that nobody wants has ended or was cancelled.

        On this machine it sees that by itself, while submitit's way to cancel it puts a traceback of its own
        on the terminal.
        """
        with suppress(Exception):
            if self._is_here and not sent.job.done():
                sent.until = sent.until or monotonic() + _GRACE
                if monotonic() < sent.until:
                    return False
            sent.job.cancel(check=False)
        return True


def _fault(error: Exception) -> Exception:
    """What is wrong with a job that has no result: itself, or its worker was lost."""
    if type(error).__name__ != _UNCOMPLETED and _UNCOMPLETED not in str(error):
        return error
    lost = BrokenExecutor("A job of submitit was killed, or its time was over.")
    lost.__cause__ = error
    return lost


def _hand_on(outcomes: Sequence[Outcome], futures: Sequence[Future[Any]]) -> None:
    for future, (found, where) in zip(futures, outcomes, strict=True):
        if not future.set_running_or_notify_cancel():
            continue
        if where is None:
            future.set_result(found)
            continue
        if where:
            found.__cause__ = RuntimeError(f"In a job of submitit:\n{where}")
        future.set_exception(found)


def _carried_out(tasks: Sequence[Task]) -> list[Outcome]:
    """Tasks one after another, in a job.

    Not in its main thread, which is told by an exception of submitit's that its time is over: a task would
    take that for one of its own.
    """
    found = pool(1).submit(lambda: [_outcome(task) for task in tasks])
    while not found.done():
        wait([found], _LOOK)  # a signal that comes just before a wait does not end it
    return found.result()


def _outcome(task: Task) -> Outcome:
    try:
        return task(), None
    except Exception as error:  # with its place, since what is sent back has none
        return error, format_exc()
