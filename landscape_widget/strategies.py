"""Ways to evaluate L at many points of a plane, and which of them is fastest here."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import log2
from threading import Lock
from time import perf_counter
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, fx
from torch.func import vmap

from landscape_widget.derivatives import evaluated
from landscape_widget.faults import of_the_moment, out_of_memory
from landscape_widget.first_layers import prepare
from landscape_widget.losses import ModelTerms, Terms
from landscape_widget.objective import Objective
from landscape_widget.plane_programs import PlaneProgram, record
from landscape_widget.results import Plane
from landscape_widget.snapshot import Batch, check_only_tensors, tensors_in, with_tensors
from landscape_widget.threads import pool
from landscape_widget.tree import describe
from landscape_widget.vectors import FloatArray

log = logging.getLogger(__name__)

#: Bytes that intermediate results of all threads may take.
MEMORY_BUDGET = 150e6

#: Bytes of intermediate results of one thread that its processor has at hand.
_CACHED = 3e6

#: Fewer points than these are not worth batching: for so few, operations on one point are large enough.
_FEW = 8

#: Bytes that the first layers of all examples may take, which are kept for as long as one plane is evaluated.
PREPARED_BYTES = 64e6

#: Another strategy is tried where the best one so far took or would take so many seconds: to trace a program
#: takes a hundredth of a second and more. Once it is known what a trial costs, so many times that.
_PATIENCE, _TRIALS = 0.1, 8.0

#: Nodes for each axis of a first picture; one that so many seconds of the plain loop complete is not kept
#: waiting by trials.
PICTURE, _SOON = 9, 0.1

#: Relative difference from the plain loop up to which a strategy computes the same.
_SAME = {torch.float64: 1e-9, torch.float32: 1e-3}

#: Runs that a strategy is timed by, the shortest of them: on a busy machine most are too long.
_LEAST_RUNS, _MOST_RUNS, _TIMING = 3, 5, 0.05

#: Seconds that one group of points should take, so that a caller may look in between.
_GROUP = 0.05

Coordinates = Sequence[tuple[float, float]]

#: A batch's two stages (see ``plane_programs.Stages``), and what was prepared of it for a plane.
_Ready = tuple[tuple[fx.GraphModule, fx.GraphModule], list[Tensor]]


@dataclass(frozen=True)
class Strategy:
    """How points are evaluated: one after another with the model itself, or by a traced program."""

    points: int = 0
    """Points that one run of the program evaluates; 0 for the plain loop."""
    examples: int = 0
    """Examples at most in one batch."""
    threads: int = 1

    def __str__(self) -> str:
        """For the provenance of a surface."""
        if not self.points:
            return "plain loop"
        threads = f"{self.threads} thread" + "s" * (self.threads > 1)
        return f"traced, {self.points} × {self.examples} examples, {threads}"


LOOP = Strategy()


class _Choice:
    """What is known of the strategies for one objective's terms; it outlives the planes."""

    def __init__(self, objective: Objective) -> None:
        self.lock = Lock()
        self.best = LOOP
        self.seconds: dict[Strategy, float] = {}
        """For one point."""
        self.trial = 0.0
        """Seconds that the last trial of a candidate took."""
        self.spent = 0.0
        """Seconds of evaluation since then: who looked at many points will look at more."""
        self.programs: dict[tuple[Strategy, str], PlaneProgram] = {}
        self.bytes = 0.0
        """That one point takes for each example, as far as a program has told."""
        self.batches: dict[int, Sequence[Batch]] = {}
        """By the most examples that one of them may have."""
        terms = objective.terms
        self.candidates: Iterator[Strategy] = iter(())
        if isinstance(terms, ModelTerms) and not terms.training and objective.dtype in _SAME:
            natural = max(batch.n for batch in terms.batches)
            self.candidates = self._candidates(natural, terms.n_examples, objective.device)

    # without the terms: a generator that never starts would keep alive what the choice is kept for
    def _candidates(self, natural: int, total: int, device: torch.device) -> Iterator[Strategy]:
        """What to try next, given what was best so far; the first one is weighed only."""
        threads = torch.get_num_threads() if device.type == "cpu" else 1
        one = Strategy(1, natural, threads)
        yield one  # to be weighed
        cache, most = (_CACHED, 64) if device.type == "cpu" else (MEMORY_BUDGET, 256)
        points = 2 ** int(log2(max(1.0, min(most, cache / (natural * self.bytes)))))
        if points >= _FEW:
            yield replace(one, points=points)
        if self.best is LOOP:
            if natural * self.bytes > cache:
                one = replace(one, examples=2 ** round(log2(max(1.0, cache / self.bytes))))
            yield one
        best = one if self.best is LOOP else self.best
        others = [2 * best.examples] if best.examples < total else []
        if best.points == 1:  # the number of points was chosen for batches of that size
            others.append(best.examples // 2)
        for examples in others:
            if 0 < examples * best.points * self.bytes < 2 * cache:
                yield replace(best, examples=examples)

    def need(self, strategy: Strategy) -> float:
        """Bytes that its programs would take, judged by the one for a single point."""
        return strategy.threads * strategy.points * strategy.examples * self.bytes

    def learn(self, strategy: Strategy, seconds: float) -> None:
        self.seconds[strategy] = seconds
        if seconds < self.seconds.get(self.best, np.inf):
            self.best = strategy

    def forget_others(self) -> None:
        """Programs and data of strategies that lost."""
        self.programs = {key: program for key, program in self.programs.items() if key[0] == self.best}
        self.batches = {size: batches for size, batches in self.batches.items() if size == self.best.examples}


_choices: WeakKeyDictionary[Terms, _Choice] = WeakKeyDictionary()


class Evaluator:
    """L at points of one plane, by the strategy that is fastest on this model, data and machine.

    The plain loop comes first and stays the reference: a strategy whose losses differ from its, or that
    torch cannot carry out on this model, is dropped with one line in the log.
    """

    def __init__(self, objective: Objective, plane: Plane) -> None:
        """Computes nothing yet."""
        self._objective = objective
        precision = torch.float32 if objective.device.type == "mps" else torch.float64
        self._basis = torch.stack(
            [
                torch.from_numpy(np.asarray(v, dtype=float)).to(objective.device, precision)
                for v in (plane.origin, plane.eta, plane.delta)
            ]
        )
        self._rounded = self._basis.to(objective.dtype)
        self._choice = _choices.setdefault(objective.terms, _Choice(objective))
        self.failures: list[str] = []
        """What model or loss raised, for each point without a loss because of that."""
        self._off_centre: list[tuple[float, float]] = []
        self._seen = 0
        self._ready: dict[Strategy, list[_Ready]] = {}

    @property
    def strategy(self) -> Strategy:
        """The fastest one so far."""
        return self._choice.best

    def losses(self, points: Coordinates, left: int) -> Iterator[FloatArray]:
        """L at (α, β), as arrays for consecutive groups of ``points``; not finite values are NaN.

        Args:
            points: Where.
            left: Points that the caller will want in all, these included.
        """
        done = 0
        while done < len(points):
            ready = len(self._off_centre) >= 2 and not self._picture_is_near()
            if ready and self._choice.lock.acquire(blocking=False):
                try:
                    self._try_another(left - done)
                finally:
                    self._choice.lock.release()
            group = points[done : done + self._group()]
            started = perf_counter()
            values, strategy = self._evaluate(self.strategy, group)
            elapsed = perf_counter() - started
            self._choice.spent += elapsed
            if strategy is LOOP:
                seconds = elapsed / len(group)
                self._choice.learn(LOOP, min(seconds, self._choice.seconds.get(LOOP, seconds)))
                self._off_centre += [point for point in group if any(point)][: 2 - len(self._off_centre)]
            done += len(group)
            self._seen += len(group)
            yield values

    def _picture_is_near(self) -> bool:
        """Whether the plain loop will soon have evaluated enough for a first picture."""
        return 0 < (PICTURE**2 - self._seen) * self._choice.seconds.get(LOOP, 0.0) < _SOON

    def _group(self) -> int:
        """Points until the caller may look again; one where nothing is gained by more."""
        if self.strategy is LOOP:
            return 1
        seconds = self._choice.seconds[self.strategy]
        least = self.strategy.points * self.strategy.threads
        return least * max(1, int(_GROUP / seconds / least))

    def _evaluate(self, strategy: Strategy, points: Coordinates) -> tuple[FloatArray, Strategy]:
        """L at ``points``, and the strategy that it came from."""
        if strategy.points > len(points) and self._takes_longer(strategy, len(points)):
            strategy = LOOP
        try:
            return self._run(strategy, points), strategy
        except (RuntimeError, MemoryError) as error:
            if strategy is LOOP or not out_of_memory(error):
                raise
        smaller = replace(strategy, points=strategy.points // 2) if strategy.points > 1 else LOOP
        log.info("Memory does not suffice for %s; going on with %s.", strategy, smaller)
        self._choice.best = smaller
        self._choice.seconds[smaller] = 2 * self._choice.seconds[strategy]
        return self._evaluate(smaller, points)

    def _takes_longer(self, strategy: Strategy, n: int) -> bool:
        """Whether one run of the program costs more than ``n`` points in the plain loop."""
        seconds = self._choice.seconds
        return strategy.points * seconds.get(strategy, 0.0) > n * seconds.get(LOOP, np.inf)

    def _run(self, strategy: Strategy, points: Coordinates) -> FloatArray:
        if strategy is LOOP:
            array = np.array([self._loss(point) for point in points])
        else:
            array = self._traced(strategy, points, self._batches(strategy)).to("cpu", torch.float64).numpy()
        return np.where(np.isfinite(array), array, np.nan)

    def _loss(self, point: tuple[float, float]) -> float:
        """L at one point; NaN, which is told, where model or loss fail there, again, and not at θ*."""
        theta = self._theta(*point)
        try:
            return self._objective.loss(theta).item()
        except Exception as error:
            if of_the_moment(error) or not any(point):
                raise
            self._objective.loss(self._theta(0.0, 0.0))
            try:
                return self._objective.loss(theta).item()
            except type(error) as again:
                self.failures.append(f"{type(again).__name__}: {again}")
                return np.nan

    def _theta(self, alpha: float, beta: float) -> Tensor:
        """θ* + αη + βδ, put together in float64; the objective rounds it once."""
        return self._basis[0] + alpha * self._basis[1] + beta * self._basis[2]

    def _traced(self, strategy: Strategy, points: Coordinates, batches: Sequence[Batch]) -> Tensor:
        """Mean loss over ``batches`` at every point."""
        programs = self._prepared(strategy, batches)
        examples = sum(batch.n for batch in batches)

        def losses(chunk: Coordinates) -> Tensor:
            padded = [*chunk, *[chunk[-1]] * (strategy.points - len(chunk))]
            coefficients = self._rounded.new_tensor([(1.0, *point) for point in padded])
            total = coefficients.new_zeros(strategy.points)
            with torch.no_grad():
                for (combine, rest), same in groupby(zip(batches, programs, strict=True), lambda p: p[1][0]):
                    weights = combine(coefficients, self._rounded)
                    for batch, (_, prepared) in same:
                        arguments = *tensors_in(batch), *prepared, *weights
                        total += batch.n / examples * rest(coefficients, self._rounded, *arguments)
            return total[: len(chunk)]

        chunks = [points[i : i + strategy.points] for i in range(0, len(points), strategy.points)]
        if strategy.threads == 1:
            return torch.cat([losses(chunk) for chunk in chunks])
        return torch.cat(list(pool(strategy.threads).map(losses, chunks)))

    def _prepared(self, strategy: Strategy, batches: Sequence[Batch]) -> list[_Ready]:
        """For each batch its program, and what that needs of the plane, which is worked out once."""
        known = self._ready.setdefault(strategy, [])
        for batch in batches[len(known) :]:
            program = self._program(strategy, batch)
            kept = sum(tensor.nbytes for _, prepared in known for tensor in prepared)
            need = program.prepared_elements * self._rounded.element_size()
            if program.first is not None and program.behind is not None and kept + need <= PREPARED_BYTES:
                with torch.no_grad():
                    prepared = prepare(program.first, strategy.points, self._rounded, tensors_in(batch))
                stages = program.behind
            else:
                prepared, stages = [], program.whole
            known.append(((stages.weights, stages.rest), prepared))
        return known[: len(batches)]

    def _batches(self, strategy: Strategy) -> Sequence[Batch]:
        known = self._choice.batches
        if strategy.examples not in known:
            terms = self._objective.terms
            assert isinstance(terms, ModelTerms)
            natural = strategy.examples == max(batch.n for batch in terms.batches)
            known[strategy.examples] = (terms if natural else terms.regroup(strategy.examples)).batches
        return known[strategy.examples]

    def _program(self, strategy: Strategy, batch: Batch) -> PlaneProgram:
        """The program for batches of this shape, traced when first needed."""
        terms = self._objective.terms
        assert isinstance(terms, ModelTerms)
        key = strategy, describe(batch.content)
        if key not in self._choice.programs:
            check_only_tensors(batch)
            entries = terms.layout.entries

            def losses(coefficients: Tensor, basis: Tensor, *tensors: Tensor) -> Tensor:
                content = with_tensors(batch, tensors)
                with evaluated():
                    return at_points(coefficients, basis, content)

            def at_points(coefficients: Tensor, basis: Tensor, content: Batch) -> Tensor:
                parts = {e.name: coefficients @ basis[:, e.start : e.stop] for e in entries}
                if strategy.points == 1:
                    own = {e.name: parts[e.name].view(e.shape) for e in entries}
                    return terms.loss_with(own, content).reshape(1)
                weights = {e.name: parts[e.name].view(-1, *e.shape) for e in entries}
                return vmap(lambda own: terms.loss_with(own, content))(weights)

            coefficients = self._rounded.new_tensor([(1.0, 0.0, 0.0)] * strategy.points)
            self._choice.programs[key] = record(
                losses,
                *(coefficients, self._rounded, *tensors_in(batch)),
                batches=sum(describe(other.content) == key[1] for other in self._batches(strategy)),
            )
        return self._choice.programs[key]

    def _try_another(self, left: int) -> None:
        """Sets the next candidate up, checks and times it, if there is enough work left for that to pay."""
        choice = self._choice
        while choice.spent + left * choice.seconds.get(choice.best, 0.0) > self._patience():
            candidate = next(choice.candidates, None)
            if candidate is None:
                break
            choice.spent, started = 0.0, perf_counter()
            try:
                if choice.bytes:
                    choice.learn(candidate, self._time(candidate))
                else:
                    self._weigh(candidate)
            except Exception as error:  # torch cannot trace or batch everything; the loop takes any model
                log.info("Not evaluated as %s: %s: %s", candidate, type(error).__name__, error)
                if not choice.bytes:
                    choice.candidates = iter(())
            choice.trial = perf_counter() - started
            choice.forget_others()
            self._ready = {choice.best: self._ready.get(choice.best, [])}

    def _patience(self) -> float:
        """Seconds of work that make another trial worth its cost."""
        return max(_PATIENCE, _TRIALS * self._choice.trial)

    def _weigh(self, strategy: Strategy) -> None:
        """Learns the memory for one point, before many are tried."""
        batch = self._batches(strategy)[0]
        self._choice.bytes = self._program(strategy, batch).peak_bytes / batch.n

    def _time(self, strategy: Strategy) -> float:
        """Seconds for one point, measured on the first batch.

        Raises:
            ValueError: If its losses are not those of the plain loop, or its memory exceeds the budget.
        """
        batches, choice = self._batches(strategy), self._choice
        # to trace a program is to run it, so one that is known to be too large must not even be traced
        _check_memory(choice.need(strategy))
        _check_memory(strategy.threads * self._program(strategy, batches[0]).peak_bytes)
        first, terms = batches[:1], self._objective.terms
        assert isinstance(terms, ModelTerms)
        values = self._traced(strategy, self._off_centre, first).tolist()
        share = first[0].n / self._objective.n_examples
        with evaluated():
            thetas = [self._theta(*point).to(self._objective.theta) for point in self._off_centre]
            started = perf_counter()
            expected = [terms.loss_on(theta, first[0]).item() for theta in thetas]
            plain = (perf_counter() - started) / len(expected) / share
        # the loop was timed on its first points, which are slow, and perhaps in a busy moment
        choice.learn(LOOP, min(plain, choice.seconds[LOOP]))
        if not np.allclose(values, expected, rtol=_SAME[self._objective.dtype], atol=0.0, equal_nan=True):
            raise ValueError(f"its losses are {values}, those of the plain loop {expected}")
        points = self._off_centre[:1] * (strategy.points * strategy.threads)
        seconds: list[float] = []
        while len(seconds) < _LEAST_RUNS or (sum(seconds) < _TIMING and len(seconds) < _MOST_RUNS):
            started = perf_counter()
            self._traced(strategy, points, first)
            seconds.append(perf_counter() - started)
        found = min(seconds) / len(points) / share
        if found < choice.seconds[choice.best]:
            regrouped = [batch.n for batch in batches] != [batch.n for batch in terms.batches]
            if regrouped and self._objective.regrouped(strategy.examples) is terms:
                raise ValueError("in other batches its loss is another function")
            for batch in batches:  # the programs for other shapes must exist before it is relied on
                self._program(strategy, batch)
        return found


def _check_memory(need: float) -> None:
    """Raises a ValueError if intermediate results would take more than the budget."""
    if need > MEMORY_BUDGET:
        raise ValueError(f"it needs {need / 1e6:.0f} MB, more than {MEMORY_BUDGET / 1e6:.0f} MB")
