"""How much memory gradient graphs take, by those of a few examples, and what batches follow from that."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape_widget.data.batches import tensors_in
from landscape_widget.engine.derivatives import differentiated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.engine.product_program import kept_bytes
from landscape_widget.loss.terms import ModelTerms, Terms

log = logging.getLogger(__name__)

#: Examples that graphs are weighed by.
_WEIGHED = 4, 8

#: Where the graph of one example takes more bytes, as in deep convolutional networks, time goes to large
#: operations.
DEEP = 2e6

#: Examples that a batch has there at least, since fewer make operations small.
_LEAST_EXAMPLES = 12

#: Bytes up to which a batch has that many.
_MOST_BYTES = 200e6


@dataclass(frozen=True)
class GraphSize:
    """Bytes that the graph of a batch takes: so many for each example, and some beside those."""

    each: float = 0.0
    """0 where that is not known yet, infinite where it cannot be found out."""
    fixed: float = 0.0

    def of(self, examples: float) -> float:
        """Bytes of a batch of so many examples."""
        return self.fixed + self.each * examples

    @property
    def deep(self) -> bool:
        """Whether one example takes more than ``DEEP``, where that is known."""
        return DEEP < self.each < math.inf

    def batch(self, own: float, least: float, largest: float) -> float:
        """Examples in a batch.

        Args:
            own: Examples in the largest of the batches as they are.
            least: Bytes up to which batches are joined.
            largest: Bytes from which on they are split.
        """
        joined, split = (max(limit - self.fixed, limit / 4) / self.each for limit in (least, largest))
        if self.deep:
            split = max(split, min(_LEAST_EXAMPLES, _MOST_BYTES / self.each))
        return max(1.0, min(max(joined, own), split))


def graph_size(terms: Terms, theta: Tensor) -> GraphSize:
    """Weighs the graphs of a few examples, and of twice as many; that of a whole batch may be too large.

    Infinite where that cannot be found out: a loss may need a whole batch, as one of the largest fifty does,
    and a graph with transforms of ``torch.func`` in it cannot be looked into.
    """
    for groups in ([terms.regroup(size) for size in _WEIGHED], [terms] * 2):
        try:
            few, more = (_weigh(group, theta) for group in groups)
        except Exception as error:
            if out_of_memory(error):
                raise
            log.info("Graphs of few examples are not weighed: %s: %s", type(error).__name__, error)
            continue
        # where they cannot be grouped anew, both are the same
        slope = (more[1] - few[1]) / (more[0] - few[0]) if more[0] > few[0] else few[1] / few[0]
        each = max(1.0, slope)
        return GraphSize(each, max(0.0, few[1] - each * few[0]))
    return GraphSize(math.inf)


def _weigh(terms: Terms, theta: Tensor) -> tuple[float, float]:
    """Examples in the first batch, and bytes of its graph with ∇L, beside θ and the data themselves."""
    saved: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        saved.append(tensor.detach())  # the graph would hold itself for ever by a result as it stands
        return saved[-1]

    with (
        differentiated(theta) as (leaf, gradient),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
    ):
        gradient(terms.term(leaf, 0), True)
    data = tensors_in(terms.batches[0]) if isinstance(terms, ModelTerms) else []
    return terms.weights[0] * terms.n_examples, float(kept_bytes(saved, [theta, *data]) + theta.nbytes)
