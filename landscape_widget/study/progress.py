"""Progress of computations: the time left, runs that can be left and resumed, results not too often."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from landscape_widget.study.budget import PRODUCT_COST

K = TypeVar("K")
T = TypeVar("T")


class Work(NamedTuple):
    """Work of one kind that is to come."""

    units: int
    """How many, about."""
    of: str
    """What a unit is made of, "loss" or "product"."""
    each: float = 1.0
    """How many of these a unit is."""

    @property
    def losses(self) -> float:
        """Losses that take about as long as a unit."""
        return self.each * (PRODUCT_COST if self.of == "product" else 1.0)


class Meter:
    """Counts work done and left, in units of each kind, each weighed by the seconds it took here.

    Work that was foreseen and has not begun is weighed by what other kinds took, those that are made of the
    same if there are any.
    """

    def __init__(self) -> None:
        self._foreseen: dict[str, Work] = {}
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._reused: dict[str, int] = {}
        self._seconds: dict[str, float] = {}

    def foresee(self, works: Mapping[str, Work]) -> None:
        """Takes note of work of several kinds that will be expected by and by."""
        self._foreseen |= works
        for kind, work in works.items():
            self.expect(kind, work.units)

    def include(self, name: str, other: Meter) -> None:
        """Takes over what another meter counts, its kinds with a name before them."""
        for mine, its in (
            (self._done, other._done),
            (self._total, other._total),
            (self._reused, other._reused),
            (self._seconds, other._seconds),
        ):
            mine |= {f"{name} {kind}": value for kind, value in its.items()}

    def expect(self, kind: str, total: int, reused: int = 0) -> None:
        """Takes note that ``total`` units of a kind are wanted, of which ``reused`` cost nothing."""
        self._total[kind], self._reused[kind] = total, reused
        self._done[kind] = max(reused, self._done.get(kind, 0))

    def reused(self, kind: str) -> int:
        """Returns how many units of a kind were there before."""
        return self._reused[kind]

    def record(self, kind: str, done: int, seconds: float) -> None:
        """Takes note that ``done`` units in all are finished, the last of which took ``seconds``."""
        self._done[kind] = done
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def finish(self, kind: str) -> None:
        """Takes note that no more units of a kind are wanted: it ended early, or never began."""
        self._total[kind] = self._done.setdefault(kind, 0)

    def forget(self) -> None:
        """Takes note that what has not begun need not come: something that it may rest on has failed."""
        for kind in self._foreseen:
            if not self._done[kind]:
                self.finish(kind)

    def has_work(self, *apart: str) -> bool:
        """Whether anything was done that was not there before, but for kinds that end so and do not tell."""
        return any(self._fresh(kind) > 0 for kind in self._done if not kind.endswith(apart))

    def left(self) -> tuple[float, float | None]:
        """Returns the fraction of the time that is behind us, and the seconds ahead (None while unknown)."""
        spent = sum(self._seconds.values())
        parts = self.ahead().values()
        ahead = sum(seconds for seconds in parts if seconds is not None)
        if not parts or None in parts:
            return 0.0, None
        return (spent / (spent + ahead) if spent + ahead > 0 else 1.0), ahead

    def ahead(self) -> dict[str, float | None]:
        """Returns the seconds ahead for each kind of work, None while unknown."""
        found: dict[str, float | None] = {}
        for kind, total in self._total.items():
            remaining = max(0, total - self._done[kind])
            pace = self._pace(kind) if remaining else 0.0
            found[kind] = None if pace is None else remaining * pace
        return found

    def _pace(self, kind: str) -> float | None:
        """Seconds that a unit takes: its own, else by what it is made of; None while unknown."""
        if (fresh := self._fresh(kind)) > 0:
            return self._seconds.get(kind, 0.0) / fresh
        work = self._foreseen.get(kind)
        if work is None:
            return None
        made = [(name, other) for name, other in self._foreseen.items() if self._fresh(name) > 0]
        alike = [(name, other) for name, other in made if other.of == work.of] or made
        count = sum(self._fresh(name) * other.losses for name, other in alike)
        seconds = sum(self._seconds.get(name, 0.0) for name, _ in alike)
        return work.losses * seconds / count if count else None

    def _fresh(self, kind: str) -> int:
        return max(0, self._done[kind] - self._reused.get(kind, 0))


class Run(Generic[T]):
    """A computation that can be left at any step and resumed by a later request."""

    def __init__(self, start: Callable[[], Iterator[T]]) -> None:
        self._start = start
        self._steps: Iterator[T] | None = None
        self._ended = False
        self.latest: T | None = None

    def resume(self) -> Iterator[tuple[T, float]]:
        """Yields what is known already, then every new result, each with the seconds it took.

        After an error the computation starts again with the next call.
        """
        if self.latest is not None:
            yield self.latest, 0.0
        while not self._ended:
            started = monotonic()
            if self._steps is None:
                self._steps = self._start()
            try:
                self.latest = next(self._steps)
            except StopIteration:
                self._ended = True
                return
            except BaseException:
                self._steps = self.latest = None
                raise
            yield self.latest, monotonic() - started


class Runs(Generic[K, T]):
    """Runs of one kind by what they depend on, and what those ended with that have ended."""

    def __init__(self, ended: MutableMapping[K, T]) -> None:
        """Takes results that are known already as those of runs that have ended.

        Args:
            ended: The last result of each run; those of runs that end from now on are added.
        """
        self._ended = ended
        self._running: dict[K, Run[T]] = {}

    def latest(self, key: K) -> T | None:
        """Returns the latest result of a run, None before the first one."""
        if key in self._ended:
            return self._ended[key]
        return self._running[key].latest if key in self._running else None

    def begun(self) -> list[K]:
        """Returns the keys of all runs that have a result."""
        return [*self._ended, *(key for key, run in self._running.items() if run.latest is not None)]

    def resume(self, key: K, start: Callable[[], Iterator[T]]) -> Iterator[tuple[T, float]]:
        """Goes on with a run as ``Run.resume`` does; ``start`` begins it where there is none."""
        if key in self._ended:
            yield self._ended[key], 0.0
            return
        run = self._running.setdefault(key, Run(start))
        yield from run.resume()
        if run.latest is not None:
            self._ended[key] = run.latest
        del self._running[key]


def fairly(*jobs: Iterator[T]) -> Iterator[T]:
    """Advances the job that has had the least time so far, until all have ended.

    What the caller does with a result counts as time of the job: one that only waits for another would
    otherwise be asked again and again.
    """
    queue = [(0.0, order, job) for order, job in enumerate(jobs)]
    while queue:
        spent, order, job = heapq.heappop(queue)
        started = monotonic()
        try:
            result = next(job)
        except StopIteration:
            continue
        yield result
        heapq.heappush(queue, (spent + monotonic() - started, order, job))


class Throttle:
    """Decides which of many results are passed on: only new ones, and none too soon after another."""

    def __init__(self, interval: float) -> None:
        """Starts with nothing passed on.

        Args:
            interval: The least seconds between two results of one name.
        """
        self._interval = interval
        self._passed: dict[str, tuple[tuple[object, ...], float]] = {}

    def due(self, name: str, state: tuple[object, ...], flush: bool) -> bool:
        """Whether a result is to be passed on now.

        Args:
            name: The name of the result.
            state: The objects it is made of; it is new if one of them is another object than before.
            flush: Whether this is the last chance, so that a new result is passed on however soon it comes.
        """
        if not self.is_new(name, state) or not (flush or monotonic() - self.passed(name) >= self._interval):
            return False
        self._passed[name] = state, monotonic()
        return True

    def is_new(self, name: str, state: tuple[object, ...]) -> bool:
        """Whether a result is another one than was passed on last."""
        passed, _ = self._passed.get(name, ((), None))
        return len(passed) != len(state) or any(a is not b for a, b in zip(passed, state, strict=True))

    def passed(self, name: str) -> float:
        """When a result of this name was passed on last, −∞ before the first."""
        return self._passed[name][1] if name in self._passed else -math.inf

    def forget(self) -> None:
        """Takes nothing for passed on: whoever had the results has them no more."""
        self._passed.clear()
