"""Who computes a loss: this thread, or the workers of an executor."""

from __future__ import annotations

from typing import Any, Self

from torch import Tensor

from landscape_widget.objective.executors import check_executor
from landscape_widget.objective.pure_function import PureFunction
from landscape_widget.objective.sample import Sample
from landscape_widget.objective.shared_products import SharedProducts
from landscape_widget.objective.workers import Workers


class WithWorkers(PureFunction):
    """L(θ), and the same loss computed by the workers of an executor."""

    _executor: Any = None
    """The executor whose workers compute, if not this thread."""
    _shared: SharedProducts | None = None
    _workers: Workers | None = None
    _sample: Sample | None = None
    """What it is held against in a worker."""
    _twin: Self | None = None
    """The same by the workers of an executor, the last one that was asked for."""

    def __getstate__(self) -> dict[str, Any]:
        """What cannot be computed again, without what stays where the executor is."""
        return {**super().__getstate__(), **dict.fromkeys(("_executor", "_shared", "_workers", "_twin"))}

    def by_workers(self, executor: Any) -> Self:
        """The same objective, whose losses on planes and products are had from the workers of an executor.

        Args:
            executor: See ``evaluate_plane``; None for this objective itself.

        Raises:
            TypeError: If it is none.
        """
        if executor is None or executor is self._executor:
            return self
        check_executor(executor)
        if self._twin is None or self._twin._executor is not executor:
            self._twin = self._with(self._terms, self.theta)
            self._twin._executor, self._twin._groupings = executor, self._groupings
        return self._twin

    @property
    def has_workers(self) -> bool:
        """Whether the workers of an executor compute."""
        return self._executor is not None

    @property
    def workers(self) -> Workers:
        """The workers, each of which reads this objective once; errors as of ``Workers``."""
        if self._workers is None:
            sample = Sample.of(self._terms, self.theta, self.spans)
            self._workers = Workers(self._executor, _sent, self, sample)
        return self._workers

    def as_sent(self) -> Self:
        """Itself, in a worker, seen to be the loss of where tasks come from.

        Raises:
            RuntimeError: If it is another one.
        """
        if self._sample is not None:
            self._sample.check(self._terms, self.theta, self.spans)
        return self

    def _products_with(self, v: Tensor, theta: Tensor) -> Tensor:
        if self._executor is None:
            return super()._products_with(v, theta)
        if self._shared is None:
            terms = self._own_products().grouped()
            self._shared = SharedProducts(terms, self.theta, self.spans, self._executor)
        columns = v.to(theta).reshape(self.n_parameters, -1)
        return self._shared.of(columns, None if theta is self.theta else theta).reshape(v.shape)

    def _by_same(self, other: PureFunction) -> Self:
        self._executor = other._executor if isinstance(other, WithWorkers) else None
        return super()._by_same(other)


def _sent(objective: WithWorkers, sample: Sample) -> WithWorkers:
    objective._sample = sample
    return objective
