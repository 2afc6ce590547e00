"""Where a loss is examined: near θ, where neither symmetry nor a vanishing slope hides a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from landscape_widget.admission.precision import rounding_fault
from landscape_widget.data.batches import cut
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.evaluation import Spans, loss_of
from landscape_widget.loss.terms import ModelTerms, Terms

#: Length of a displacement to where nothing is a coincidence, relative to max(‖θ‖, 1).
_DISPLACED = 1e-2


def displaced(theta: Tensor, spans: Spans) -> Tensor:
    """A point near θ, always the same, where nothing is a coincidence.

    Beside a tensor in large units no other is moved by more than its own norm, or 1 for each entry.
    """
    # in float32, which takes a quarter of the time
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float32)
    length = _DISPLACED * max(float(theta.norm()), 1.0)
    move = v.to(theta).mul_(length / float(v.norm()))
    for span in spans.values():
        farthest = max(float(theta[span].norm()), len(theta[span]) ** 0.5)
        way = float(move[span].norm())
        if way > farthest:
            move[span] *= farthest / way
    return theta + move


@dataclass(frozen=True)
class Probe:
    """A loss, and where it is examined."""

    terms: Terms
    theta: Tensor
    """θ, shape (N,)."""
    displaced: Tensor
    """``displaced(θ, spans)``, drawn once for all that is examined there."""
    spans: Spans
    """Where each parameter tensor lies in θ."""

    @classmethod
    def of(cls, terms: Terms, theta: Tensor, spans: Spans) -> Probe:
        """The loss ``terms`` near θ."""
        return cls(terms, theta, displaced(theta, spans), spans)

    def value(self, theta: Tensor, *, in_graph: bool = False) -> float:
        """The loss at a point."""
        return loss_of(self.terms, theta, self.spans, in_graph=in_graph)

    @cached_property
    def point(self) -> tuple[Tensor, float]:
        """The displaced θ and the loss there, or θ where that is not defined, as of a variance below zero."""
        loss = self._value_if_any(self.displaced)
        return (self.displaced, loss) if math.isfinite(loss) else (self.theta, self.value(self.theta))

    def _value_if_any(self, theta: Tensor) -> float:
        """The loss at a point, NaN where the model or the loss refuses it."""
        try:
            return self.value(theta)
        except InvalidLossError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            return math.nan

    def widened(self) -> Probe:
        """The same in float64, or in float32 where device, model or loss go through no wider type."""
        if self.theta.device.type == "mps":
            return self
        wide = self._as(torch.float64)
        if rounding_fault(wide.terms, wide.theta, own=wide is self) is None:
            return wide
        return self._as(torch.float32) if self.theta.dtype is torch.float64 else self

    def _as(self, dtype: torch.dtype) -> Probe:
        """The same in another type; a copy of model and data."""
        if self.theta.dtype is dtype:
            return self
        terms = self.terms.convert(self.theta.device, dtype)
        return Probe(terms, self.theta.to(dtype), self.displaced.to(dtype), self.spans)

    def first(self) -> Probe:
        """The same of the first term alone."""
        return self if len(self.terms.weights) == 1 else replace(self, terms=self.terms.first())

    def few(self, n: int) -> Probe:
        """The same of ``n`` examples of the first term, where that can be cut and they have a loss."""
        if not isinstance(self.terms, ModelTerms):
            return self
        batch = self.terms.batches[0]
        if batch.n > n and batch.divisible:
            few = replace(self, terms=self.terms.over([cut(batch, slice(n))]))
            if math.isfinite(few._value_if_any(self.theta)):  # a loss may need more, as the largest 50 do
                return few
        return self.first()
