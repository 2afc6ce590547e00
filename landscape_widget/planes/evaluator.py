"""Ways to evaluate L at many points of a plane, and which of them is fastest here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from landscape_widget.data.batches import Batch
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.faults import of_the_moment, out_of_memory
from landscape_widget.engine.threads import clock_of, pool
from landscape_widget.loss.terms import ModelTerms, Terms
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.programs import mean_losses
from landscape_widget.planes.strategies import LOOP, Choice, Strategy, check_memory
from landscape_widget.results.planes import Plane

log = logging.getLogger(__name__)

#: Another strategy is tried where the best one so far took or would take so many seconds: to trace a program
#: takes a hundredth of a second and more.
_PATIENCE = 0.1

#: Once it is known what a trial costs, so many times that.
_TRIALS = 8.0

#: Nodes for each axis of a first picture.
PICTURE = 9

#: Nodes of the coarsest picture, which no trial keeps waiting.
_COARSEST = 9

#: Evaluations of the loss that it takes to show that other batches leave it the same, in float64.
_PROOF = 20

#: A first picture that so many seconds of the plain loop complete is not kept waiting by trials.
_SOON = 0.1

#: Relative difference from the plain loop up to which a strategy computes the same.
_SAME = {torch.float64: 1e-9, torch.float32: 1e-3}

#: Runs that a strategy is timed by at least: the shortest counts, others wait for memory not at hand yet.
_LEAST_RUNS = 3

#: Runs that a strategy is timed by at most.
_MOST_RUNS = 5

#: Seconds of runs after which no more than the least are needed.
_TIMING = 0.05

#: Seconds that one group of points should take, so that a caller may look in between.
_GROUP = 0.05

Coordinates = Sequence[tuple[float, float]]


_choices: WeakKeyDictionary[Terms, Choice] = WeakKeyDictionary()


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
        self._choice = _choices.setdefault(objective.terms, Choice(objective))
        self._clock = clock_of(objective.device)
        self.failures: list[str] = []
        """What model or loss raised, for each point without a loss because of that."""
        self._off_centre: list[tuple[float, float]] = []
        self._seen = 0

    @property
    def strategy(self) -> Strategy:
        """The fastest one so far."""
        return self._choice.best

    def losses(self, points: Coordinates, left: int) -> Iterator[tuple[Sequence[int], FloatArray]]:
        """L at (α, β), for consecutive groups of ``points``; not finite values are NaN.

        Args:
            points: Where L is evaluated.
            left: Points that the caller will want in all, these included.

        Yields:
            Which of the points, and their losses.
        """
        done = 0
        while done < len(points):
            ready = len(self._off_centre) >= 2 and self._seen >= _COARSEST and not self._picture_is_near()
            if ready and self._choice.lock.acquire(blocking=False):
                try:
                    self._try_another(left - done)
                finally:
                    self._choice.lock.release()
            group = points[done : done + self._group()]
            started = self._clock()
            values, strategy = self._evaluate(self.strategy, group)
            if strategy is LOOP:
                seconds = (self._clock() - started) / len(group)
                self._choice.learn(LOOP, min(seconds, self._choice.seconds.get(LOOP, seconds)))
                self._off_centre += [point for point in group if any(point)][: 2 - len(self._off_centre)]
            self._choice.spent += len(group) * self._choice.seconds[strategy]
            which = range(done, done + len(group))
            done += len(group)
            self._seen += len(group)
            yield which, values

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
            return np.array([self.loss(point) for point in points])
        batches = self._choice.batches_of(strategy, self._terms)
        array = self._traced(strategy, points, batches).to("cpu", torch.float64).numpy()
        return np.where(np.isfinite(array), array, np.nan)

    def loss(self, point: tuple[float, float]) -> float:
        """L at one point by the plain loop, NaN where it is not finite.

        NaN, too, and told, where model or loss fail there, again, and not at θ*.
        """
        theta = self._theta(*point)
        try:
            return self._finite(theta)
        except Exception as error:
            if of_the_moment(error) or not any(point):
                raise
            self._objective.loss(self._theta(0.0, 0.0))
            try:
                return self._finite(theta)
            except type(error) as again:
                self.failures.append(f"{type(again).__name__}: {again}")
                return np.nan

    def _finite(self, theta: Tensor) -> float:
        value = self._objective.loss(theta).item()
        return value if np.isfinite(value) else np.nan

    def _theta(self, alpha: float, beta: float) -> Tensor:
        """θ* + αη + βδ, put together in float64; the objective rounds it once."""
        return self._basis[0] + alpha * self._basis[1] + beta * self._basis[2]

    def _traced(self, strategy: Strategy, points: Coordinates, batches: Sequence[Batch]) -> Tensor:
        """Mean loss over ``batches`` at every point."""
        losses = self._chunk_losses(strategy, batches)
        chunks = [points[i : i + strategy.points] for i in range(0, len(points), strategy.points)]
        if strategy.threads == 1:
            return torch.cat([losses(chunk) for chunk in chunks])
        return torch.cat(list(pool(strategy.threads).map(losses, chunks)))

    def _chunk_losses(self, strategy: Strategy, batches: Sequence[Batch]) -> Callable[[Coordinates], Tensor]:
        """What one run of the program does: mean loss over ``batches`` at so many points at most."""
        terms = self._terms
        runs = [(self._choice.program(strategy, terms, self._rounded, batch), batch) for batch in batches]

        def losses(chunk: Coordinates) -> Tensor:
            padded = [*chunk, *[chunk[-1]] * (strategy.points - len(chunk))]
            coefficients = self._rounded.new_tensor([(1.0, *point) for point in padded])
            return mean_losses(runs, coefficients, self._rounded, terms.layout)[: len(chunk)]

        return losses

    def _seconds(self, strategy: Strategy, batches: Sequence[Batch]) -> float:
        """What one point takes while all threads of the strategy work, by the clock of each."""
        losses, chunk = self._chunk_losses(strategy, batches), self._off_centre[:1] * strategy.points

        def timed(_: int) -> float:
            started = self._clock()
            losses(chunk).cpu()
            return self._clock() - started

        if strategy.threads == 1:
            return timed(0) / strategy.points
        each = list(pool(strategy.threads).map(timed, range(strategy.threads)))
        return sum(each) / (strategy.points * strategy.threads**2)

    @property
    def _terms(self) -> ModelTerms:
        terms = self._objective.terms
        assert isinstance(terms, ModelTerms)
        return terms

    def _try_another(self, left: int) -> None:
        """Sets the next candidate up, checks and times it, if there is enough work left for that to pay."""
        choice = self._choice
        while choice.spent + left * choice.seconds.get(choice.best, 0.0) > max(
            _PATIENCE, _TRIALS * choice.trial
        ):
            candidate = next(choice.candidates, None)
            if candidate is None:
                break
            choice.spent, started = 0.0, self._clock()
            try:
                if choice.bytes:
                    choice.learn(candidate, self._time(candidate, left))
                else:
                    self._weigh(candidate)
            except Exception as error:  # torch cannot trace or batch everything; the loop takes any model
                log.info("Not evaluated as %s: %s: %s", candidate, type(error).__name__, error)
                if not choice.bytes:
                    choice.candidates = iter(())
            choice.trial = self._clock() - started
            choice.forget_others()

    def _weigh(self, strategy: Strategy) -> None:
        """Learns the memory for one point, before many are tried."""
        batch = self._choice.batches_of(strategy, self._terms)[0]
        program = self._choice.program(strategy, self._terms, self._rounded, batch)
        self._choice.bytes = program.bytes / batch.n

    def _time(self, strategy: Strategy, left: int) -> float:
        """Seconds for one point, measured on the first batch.

        Raises:
            ValueError: If its losses are not those of the plain loop, if its memory exceeds the budget, or if
                it takes other batches and saves less on the points ``left`` than to show that it may.
        """
        choice, terms = self._choice, self._terms
        # to trace a program is to run it, so one that is known to be too large must not even be traced
        check_memory(choice.need(strategy))
        batches = choice.batches_of(strategy, terms)
        first = batches[:1]
        check_memory(strategy.threads * choice.program(strategy, terms, self._rounded, first[0]).bytes)
        values = self._traced(strategy, self._off_centre, first).tolist()
        share = first[0].n / self._objective.n_examples
        with evaluated():
            thetas = [self._theta(*point).to(self._objective.theta) for point in self._off_centre]
            started = self._clock()
            expected = [terms.loss_on(theta, first[0]).item() for theta in thetas]
            plain = (self._clock() - started) / len(expected) / share
        # the loop was timed on its first points, which are slow
        choice.learn(LOOP, min(plain, choice.seconds[LOOP]))
        if not np.allclose(values, expected, rtol=_SAME[self._objective.dtype], atol=0.0, equal_nan=True):
            raise ValueError(f"its losses are {values}, those of the plain loop {expected}")
        each = strategy.points * strategy.threads
        seconds: list[float] = []
        while len(seconds) < _LEAST_RUNS or (sum(seconds) * each < _TIMING and len(seconds) < _MOST_RUNS):
            seconds.append(self._seconds(strategy, first))
        found = min(seconds) / share
        if found < choice.seconds[choice.best]:
            if [batch.n for batch in batches] != [batch.n for batch in terms.batches]:
                if (choice.seconds[choice.best] - found) * left < _PROOF * choice.seconds[LOOP]:
                    raise ValueError(f"it saves too little on {left} points")
                if self._objective.regrouped(strategy.examples) is terms:
                    raise ValueError("in other batches its loss is another function")
            for batch in batches:  # the programs for other shapes must exist before it is relied on
                choice.program(strategy, terms, self._rounded, batch)
        return found
