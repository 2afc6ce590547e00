"""Progress of a computation: time left, runs that can be left and resumed, results not too often."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Meter:
    """Work done and left, in units of each kind, each weighed by the seconds it took here."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._reused: dict[str, int] = {}
        self._seconds: dict[str, float] = {}

    def expect(self, kind: str, total: int, reused: int = 0) -> None:
        """``total`` units of a kind are wanted, of which ``reused`` cost nothing."""
        self._total[kind], self._reused[kind] = total, reused
        self._done.setdefault(kind, reused)

    def reused(self, kind: str) -> int:
        """Units of a kind that were there before."""
        return self._reused[kind]

    def record(self, kind: str, done: int, seconds: float) -> None:
        """``done`` units in all are finished; the last of them took ``seconds``."""
        self._done[kind] = done
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def finish(self, kind: str) -> None:
        """No more units of a kind are wanted: it ended sooner than expected."""
        self._total[kind] = self._done[kind]

    def left(self) -> tuple[float, float | None]:
        """Fraction of the time that is behind us, and the seconds ahead (None while unknown)."""
        spent = sum(self._seconds.values())
        ahead = 0.0
        known = bool(self._total)
        for kind, total in self._total.items():
            fresh = self._done[kind] - self._reused[kind]
            remaining = max(0, total - self._done[kind])
            if fresh > 0:
                ahead += remaining * self._seconds.get(kind, 0.0) / fresh
            elif remaining:
                known = False
        if not known:
            return 0.0, None
        return (spent / (spent + ahead) if spent + ahead > 0 else 1.0), ahead


class Run(Generic[T]):
    """A computation that can be left at any step and resumed by a later request."""

    def __init__(self, start: Callable[[], Iterator[T]], latest: T | None = None) -> None:
        """``latest``: a result that is known already, which ``start`` goes on from."""
        self._start = start
        self._steps: Iterator[T] | None = None
        self.ended = False
        self.latest = latest

    @classmethod
    def finished(cls, result: T) -> Run[T]:
        """A run that has nothing left to do."""
        return cls(lambda: iter(()), result)

    def resume(self) -> Iterator[tuple[T, float]]:
        """What is known already, then every new result, each with the seconds it took.

        After an error the computation starts again with the next call.
        """
        if self.latest is not None:
            yield self.latest, 0.0
        while not self.ended:
            started = monotonic()
            if self._steps is None:
                self._steps = self._start()
            try:
                self.latest = next(self._steps)
            except StopIteration:
                self.ended = True
                return
            except BaseException:
                self._steps = self.latest = None
                raise
            yield self.latest, monotonic() - started


class Throttle:
    """Decides which of many results are passed on: only new ones, and none too soon after another."""

    def __init__(self, interval: float) -> None:
        """``interval``: least seconds between two results of one name."""
        self._interval = interval
        self._passed: dict[str, tuple[tuple[object, ...], float]] = {}

    def due(self, name: str, state: tuple[object, ...], flush: bool) -> bool:
        """Whether a result is to be passed on now.

        Args:
            name: Of the result.
            state: The objects it is made of; it is new if one of them is another object than before.
            flush: The last chance: only whether it is new counts.
        """
        passed, when = self._passed.get(name, ((), -math.inf))
        same = len(passed) == len(state) and all(a is b for a, b in zip(passed, state, strict=True))
        if same or not (flush or monotonic() - when >= self._interval):
            return False
        self._passed[name] = state, monotonic()
        return True
