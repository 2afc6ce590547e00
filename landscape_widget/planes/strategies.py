"""Ways to evaluate L at points of a plane, and what is known of them for one model and its data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log2
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from landscape_widget.data.batches import Batch
from landscape_widget.data.tree import describe
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.programs import Program, record

#: Bytes that intermediate results of all threads may take.
MEMORY_BUDGET = 150e6

#: Bytes of intermediate results of one thread that its processor has at hand.
_CACHED = 3e6

#: Fewer points than these are not worth batching: for so few, operations on one point are large enough.
_FEW = 8

#: Most points in one run of a program on the CPU.
_MOST_POINTS = 32

#: Most points in one run of a program elsewhere.
_MOST_POINTS_ELSEWHERE = 256

#: Batches are cut where one point takes so many times the bytes at hand: only then is much gained.
_LARGE = 2.0


@dataclass(frozen=True)
class Strategy:
    """How points are evaluated: one after another with the model itself, or by a traced program."""

    points: int = 0
    """Points that one run of the program evaluates; 0 for the plain loop."""
    examples: int = 0
    """Examples at most in one batch."""
    threads: int = 1

    def __str__(self) -> str:
        """What the provenance of a surface says."""
        if not self.points:
            return "plain loop"
        threads = f"{self.threads} thread" + "s" * (self.threads > 1)
        return f"traced, {self.points} × {self.examples} examples, {threads}"


LOOP = Strategy()


class Choice:
    """What is known of the strategies for one objective's terms; it outlives the planes."""

    def __init__(self, objective: Objective) -> None:
        """Knows of the plain loop alone."""
        self.lock = Lock()
        self.best = LOOP
        self.seconds: dict[Strategy, float] = {}
        """What one point takes, by strategy."""
        self.trial = 0.0
        """Seconds that the last trial of a candidate took."""
        self.spent = 0.0
        """Seconds of evaluation since then: who looked at many points will look at more."""
        self.programs: dict[tuple[Strategy, str], Program] = {}
        """Programs by strategy and by what a batch looks like."""
        self.batches: dict[int, Sequence[Batch]] = {}
        """Batches by the most examples that one of them may have."""
        self.bytes = 0.0
        """The bytes that one point takes for each example, as far as a program has told."""
        self._weights = objective.theta.nbytes
        self.candidates: Iterator[Strategy] = iter(())
        terms = objective.terms
        if (
            isinstance(terms, ModelTerms)
            and not terms.training
            and not objective.in_graph
            and objective.dtype
            in (
                torch.float32,
                torch.float64,
            )
        ):
            self.candidates = self._candidates(max(batch.n for batch in terms.batches), objective.device)

    # without the terms: a generator that never starts would keep alive what the choice is kept for
    def _candidates(self, natural: int, device: torch.device) -> Iterator[Strategy]:
        """What to try next, given what was best so far; the first one is weighed only."""
        on_cpu = device.type == "cpu"
        one = Strategy(1, natural, torch.get_num_threads() if on_cpu else 1)
        yield one  # to be weighed
        cache, most = (_CACHED, _MOST_POINTS) if on_cpu else (MEMORY_BUDGET, _MOST_POINTS_ELSEWHERE)
        points = 2 ** int(log2(max(1.0, min(most, cache / (natural * self.bytes)))))
        if points >= _FEW:
            yield replace(one, points=points)
        if self.best is LOOP:
            if natural * self.bytes > _LARGE * cache:
                one = replace(one, examples=2 ** round(log2(max(1.0, cache / self.bytes))))
            yield one

    def batches_of(self, strategy: Strategy, terms: ModelTerms) -> Sequence[Batch]:
        """All examples in batches as the strategy takes them."""
        if strategy.examples not in self.batches:
            natural = strategy.examples == max(batch.n for batch in terms.batches)
            self.batches[strategy.examples] = (terms if natural else terms.regroup(strategy.examples)).batches
        return self.batches[strategy.examples]

    def program(self, strategy: Strategy, terms: ModelTerms, basis: Tensor, batch: Batch) -> Program:
        """The strategy's program for batches of this shape, recorded when first needed."""
        key = strategy, describe(batch.content)
        if key not in self.programs:
            self.programs[key] = record(terms, basis, strategy.points, batch)
        return self.programs[key]

    def need(self, strategy: Strategy) -> float:
        """Bytes that its programs would take, judged by the one for a single point."""
        return strategy.threads * strategy.points * (strategy.examples * self.bytes + self._weights)

    def learn(self, strategy: Strategy, seconds: float) -> None:
        """Notes what a strategy takes for one point."""
        self.seconds[strategy] = seconds
        if seconds < self.seconds.get(self.best, np.inf):
            self.best = strategy

    def forget_others(self) -> None:
        """Programs and data of strategies that lost."""
        self.programs = {key: program for key, program in self.programs.items() if key[0] == self.best}
        self.batches = {size: batches for size, batches in self.batches.items() if size == self.best.examples}


def check_memory(need: float) -> None:
    """Raises a ValueError if intermediate results would take more than the budget."""
    if need > MEMORY_BUDGET:
        raise ValueError(f"it needs {need / 1e6:.0f} MB, more than {MEMORY_BUDGET / 1e6:.0f} MB")
