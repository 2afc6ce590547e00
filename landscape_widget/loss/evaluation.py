"""Loss and gradient over all terms: summed in float64, on copies of θ that nothing may write into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from landscape_widget.engine.derivatives import differentiated, evaluated, unseen
from landscape_widget.engine.wanted import check_batch_wanted
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.terms import Terms
from landscape_widget.numerics.checks import few
from landscape_widget.numerics.storage import wide

#: Where each parameter tensor lies in θ, by name.
Spans = Mapping[str, slice]


class Move(NamedTuple):
    """From θ to θ + hv."""

    along: Tensor
    """v, shape (N,)."""
    step: float
    """h."""

    def end(self, theta: Tensor) -> Tensor:
        """θ + hv, by two roundings, which are the same whatever the processor takes at once."""
        return (self.step * self.along).add_(theta)


def loss_of(terms: Terms, theta: Tensor, spans: Spans, *, in_graph: bool = False) -> float:
    """L(θ) for θ of shape (N,).

    Args:
        terms: What L is the sum of.
        theta: The parameters θ.
        spans: Where parameters lie in θ, for the message of an error.
        in_graph: Whether a graph is built, for losses that ask whether parameters require a gradient.

    Raises:
        InvalidLossError: If a forward pass writes into the parameters.
    """
    weights = torch.tensor(terms.weights, dtype=torch.float64)
    return float(weights @ losses_of(terms, theta, spans, in_graph=in_graph))


def losses_of(terms: Terms, theta: Tensor, spans: Spans, *, in_graph: bool = False) -> Tensor:
    """The mean loss of each term at θ, shape (B,), float64 on the CPU; otherwise as ``loss_of``."""
    with evaluated(), unwritten(theta, spans) as own:
        values = []
        for b in range(len(terms.weights)):
            check_batch_wanted()
            values.append(terms.term(own.requires_grad_(in_graph), b).detach())
    return torch.stack(values).to("cpu", torch.float64)


def gradient_of(terms: Terms, theta: Tensor, spans: Spans, move: Move | None = None) -> Tensor:
    """∇L(θ), shape (N,), for θ of shape (N,), or beside it; errors as in ``loss_of``."""
    total: Tensor | None = None
    with torch.inference_mode(False), unwritten(theta, spans, move) as own:
        for b, weight in enumerate(terms.weights):
            with differentiated(own) as (leaf, gradient):
                found = gradient(terms.term(leaf, b), False)
            # zeros to begin with would be one more vector while the first backward pass needs its own
            total = weight * found.to(wide(found)) if total is None else total.add_(found, alpha=weight)
            del found
    assert total is not None, "a loss has terms"
    return total.to(theta.dtype)


def wide_zeros(like: Tensor) -> Tensor:
    """Zeros to add up tensors like this one in, float64 where the device has it."""
    return torch.zeros_like(like, dtype=wide(like))


@contextmanager
def unwritten(theta: Tensor, spans: Spans, move: Move | None = None) -> Iterator[Tensor]:
    """A copy of θ to evaluate at, or a point beside it, which is made again in order to be compared.

    Raises:
        InvalidLossError: If it was written into, naming the parameters.
    """
    with torch.inference_mode(False), unseen():
        own = theta.detach().clone() if move is None else move.end(theta)
    yield own
    with unseen():
        expected = theta if move is None else move.end(theta)
        stayed = torch.equal(own, expected)
    if not stayed:
        same = (own == expected) | (own.isnan() & expected.isnan())
        names = [name for name, span in spans.items() if not bool(same[span].all())]
        if names:
            raise InvalidLossError(
                "Expected a model and loss_fn that leave the parameters as they are, got a forward pass that "
                f"writes into {few(names)} (Embedding(max_norm=…), clamp_, .data …). The loss "
                "would be one of other parameters. Do that in the training step, or on a copy in forward."
            )
