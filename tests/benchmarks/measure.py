"""Alternating runs: everybody once in each round, results compared before a time counts.

A run that would take long is broken off, and its time scaled to the whole of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch

#: Largest difference from the reference that passes, as a share of the reference's range. Sums in another
#: order and weights put together in another precision stay below; a shifted row or a lost batch does not.
TOLERANCE = {"float32": 1e-3, "float64": 1e-6}


#: Seconds after which a run is broken off.
BUDGET = 4.0


class WrongResultError(Exception):
    """A contender's result is not the reference's."""


@dataclass(frozen=True)
class Run:
    """One run of one contender."""

    seconds: float
    """For all of the work, see ``clock``."""
    result: np.ndarray
    """Numbers to compare; NaN where the contender has none."""
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Rounds:
    """What a number of rounds brought."""

    seconds: dict[str, list[float]]
    """By contender; only of those whose every result was right."""
    notes: dict[str, Mapping[str, Any]]
    """By contender, of its last run."""
    refused: dict[str, str]
    """Contenders without times, and why."""

    def median(self, name: str) -> float:
        """Seconds."""
        return float(np.median(self.seconds[name]))

    def speed(self, name: str, reference: str) -> float:
        """How many times faster than ``reference``: the median of the ratios within rounds."""
        return float(np.median(np.divide(self.seconds[reference], self.seconds[name])))


Contender = Callable[[], Run]


def clock() -> float:
    """Seconds: those of this process's processor where torch has one thread, else those of the wall.

    One thread takes as much of its processor beside other work as without, or nearly so; two would wait for
    each other, which costs processor time itself.
    """
    return process_time() if torch.get_num_threads() == 1 else perf_counter()


def timed(work: Callable[[], tuple[np.ndarray, Mapping[str, Any]]]) -> Run:
    """Runs ``work``, which returns its result and notes, to its end."""
    started = clock()
    result, notes = work()
    return Run(clock() - started, np.asarray(result, dtype=float), notes)


class Budget:
    """The time that a run has taken, and when it is to be broken off."""

    def __init__(self, seconds: float) -> None:
        self._limit, self._began = seconds, clock()
        self._marks = [(0, 0.0)]

    def is_left(self, done: int) -> bool:
        """Whether to go on, after ``done`` parts of the work in all."""
        self._marks.append((done, clock() - self._began))
        return self._marks[-1][1] < self._limit

    def seconds(self, total: int, *, steady: bool) -> float:
        """For all ``total`` parts of the work, by those that were done.

        Args:
            total: How many there are.
            steady: Whether each takes as long; otherwise those that are left count as those of the second
                half of the time did.
        """
        done, seconds = self._marks[-1]
        if steady:
            return seconds * total / done
        late = [mark for mark in self._marks if mark[0] < done and mark[1] >= seconds / 2]
        n, before = late[0] if late else self._marks[-2]
        return seconds + (total - done) * (seconds - before) / (done - n)


def compare(result: np.ndarray, reference: np.ndarray, tolerance: float, least: float = 0.5) -> None:
    """Refuses a result that differs from the reference.

    Raises:
        WrongResultError: If a value is off by more than ``tolerance`` times the range of the reference, if
            one is infinite, or if a smaller share than ``least`` of the values is there. What the reference
            lacks is not compared.
    """
    if result.shape != reference.shape:
        raise WrongResultError(f"shape {result.shape} in place of {reference.shape}")
    there = ~np.isnan(result)
    if there.mean() < least:
        raise WrongResultError(f"{there.sum()} of {there.size} values")
    there &= ~np.isnan(reference)
    if not there.any():
        return
    off = float(np.abs(result - reference)[there].max() / (np.nanmax(reference) - np.nanmin(reference)))
    if not off <= tolerance:
        raise WrongResultError(f"off by {off:.1e} of the range")


def alternate(
    warm_up: Mapping[str, Contender] | None,
    contenders: Mapping[str, Contender],
    ratios: int,
    tolerance: float,
    least: float = 0.5,
) -> Rounds:
    """Runs all contenders in turn, ``ratios`` times, each round starting with the next one.

    Args:
        warm_up: The same contenders on a small part of the work: run and compared before any time is taken;
            None where results of the first round must do.
        contenders: The first one is the reference, of results and of speed, the second one is this package;
            the others are left out as soon as they fail.
        ratios: How many rounds.
        tolerance: See ``compare``.
        least: See ``compare``; the warm-up must have half of the values in any case.

    Raises:
        WrongResultError: If this package's result is wrong.
    """
    found = Rounds({name: [] for name in contenders}, {}, {})
    names = list(contenders)
    if warm_up is not None:
        _round(warm_up, names, found, tolerance, 0.5)
    for i in range(ratios):
        first = i % len(names)
        order = names[first:] + names[:first]
        for name, run in _round(contenders, order, found, tolerance, least).items():
            found.seconds[name].append(run.seconds)
            found.notes[name] = run.notes
    for name in found.refused:
        found.seconds.pop(name)
        found.notes.pop(name, None)
    return found


def _round(
    contenders: Mapping[str, Contender],
    order: Sequence[str],
    found: Rounds,
    tolerance: float,
    least: float,
) -> dict[str, Run]:
    """One run of each contender that was not refused yet; those of right results."""
    reference, ours, *_ = contenders
    runs: dict[str, Run] = {}
    for name in order:
        if name in found.refused:
            continue
        try:
            runs[name] = contenders[name]()
        except Exception as error:
            if name in (reference, ours):
                raise
            found.refused[name] = f"{type(error).__name__}: {error}"
    for name in [name for name in runs if name != reference]:
        try:
            compare(runs[name].result, runs[reference].result, tolerance, least)
        except WrongResultError as error:
            if name == ours:
                raise WrongResultError(f"{name}: {error}") from None
            found.refused[name] = f"wrong result, {error}"
            del runs[name]
    return runs
