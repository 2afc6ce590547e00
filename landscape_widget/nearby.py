"""Where a loss is examined: near θ, where neither symmetry nor a vanishing slope hides a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from landscape_widget.evaluation import Spans, loss_of
from landscape_widget.faults import out_of_memory
from landscape_widget.losses import InvalidLossError, ModelTerms, Terms
from landscape_widget.precision import rounding_fault
from landscape_widget.snapshot import cut

#: Length of a displacement to where nothing is a coincidence, relative to max(‖θ‖, 1).
_DISPLACED = 1e-2


def displaced(theta: Tensor) -> Tensor:
    """A point near θ, always the same, where nothing is a coincidence."""
    # in float32, which takes a quarter of the time
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float32)
    length = _DISPLACED * max(float(theta.norm()), 1.0)
    return theta + v.to(theta).mul_(length / float(v.norm()))


@dataclass(frozen=True)
class Probe:
    """A loss, and where it is examined."""

    terms: Terms
    theta: Tensor
    """θ, shape (N,)."""
    displaced: Tensor
    """``displaced(θ)``, drawn once for all that is examined there."""
    spans: Spans
    """Where each parameter tensor lies in θ."""

    @classmethod
    def of(cls, terms: Terms, theta: Tensor, spans: Spans) -> Probe:
        """The loss ``terms`` near θ."""
        return cls(terms, theta, displaced(theta), spans)

    def value(self, theta: Tensor, *, in_graph: bool = False) -> float:
        """The loss at a point."""
        return loss_of(self.terms, theta, self.spans, in_graph=in_graph)

    def point(self) -> tuple[Tensor, float]:
        """The displaced θ and the loss there, or θ where that is not defined, as of a variance below zero."""
        try:
            loss = self.value(self.displaced)
        except InvalidLossError:
            raise
        except Exception as error:
            if out_of_memory(error):
                raise
            loss = math.nan
        return (self.displaced, loss) if math.isfinite(loss) else (self.theta, self.value(self.theta))

    def widened(self) -> Probe:
        """The same in float64, or itself where device, model or loss have none; a copy of model and data."""
        if self.theta.dtype is torch.float64 or self.theta.device.type == "mps":
            return self
        wide = Probe(
            self.terms.convert(self.theta.device, torch.float64),
            self.theta.double(),
            self.displaced.double(),
            self.spans,
        )
        return wide if rounding_fault(wide.terms, wide.theta) is None else self

    def first(self) -> Probe:
        """The same of the first term alone."""
        return replace(self, terms=self.terms.first())

    def few(self, n: int) -> Probe:
        """The same of ``n`` examples of the first term, where that can be cut and they have a loss."""
        if not isinstance(self.terms, ModelTerms):
            return self
        batch = self.terms.batches[0]
        if batch.n > n and batch.divisible:
            few = replace(self, terms=self.terms.over([cut(batch, slice(n))]))
            if math.isfinite(few.value(self.theta)):
                return few
        return self.first()
