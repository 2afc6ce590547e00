"""Hessian-vector products from gradient graphs that are built once, for as many batches as memory allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape_widget.losses import Terms

#: Bytes of graphs that are kept between two products at θ*.
KEPT_BYTES = 128e6

#: Bytes that the graph of one batch takes. Small batches are joined up to the first, where the cost of a call
#: is small beside the work, and large ones split from the second on, so that memory stays bounded.
_BATCH_BYTES = 16e6, 64e6


class Products:
    """Hv at one θ: the graph of ∇L is built by batch; where it is kept, only its derivative is left to do."""

    def __init__(self, terms: Terms, theta: Tensor, keep: float = 0.0) -> None:
        """Builds nothing yet.

        Args:
            terms: L; grouped anew where graphs are kept.
            theta: θ, shape (N,).
            keep: Bytes that graphs may take between two products.
        """
        self.terms = terms
        self._theta = theta
        self._left = keep
        self._graphs: dict[int, tuple[Tensor, Tensor]] = {}
        self._bytes = 0.0 if keep else math.inf

    def of(self, columns: Tensor) -> Tensor:
        """HV for V of shape (N, k)."""
        if not self._bytes:
            self._measure()
        total = torch.zeros_like(columns)
        for b, weight in enumerate(self.terms.weights):
            leaf, gradient = self._graphs.get(b) or self._graph(b)
            if gradient.requires_grad:
                for column, into in zip(columns.T, total.T, strict=True):
                    into.add_(_vector_jacobian(gradient, leaf, column), alpha=weight)
        return total

    def _graph(self, b: int) -> tuple[Tensor, Tensor]:
        """θ as a leaf and ∇L_b on it, kept if there is room."""
        with differentiated(self._theta) as (leaf, gradient):
            graph = leaf, gradient(self.terms.term(leaf, b), True)
        need = self._bytes * self.terms.weights[b]
        if need <= self._left:
            self._left -= need
            self._graphs[b] = graph
        return graph

    def _measure(self) -> None:
        """Weighs the graph of the first batch, from that of all of them, and groups the examples by it."""
        storages: dict[int, int] = {}

        def weigh(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with (
            differentiated(self._theta) as (leaf, gradient),
            torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor),
        ):
            gradient(self.terms.term(leaf, 0), True)
        self._bytes = max(1.0, sum(storages.values())) / self.terms.weights[0]
        joined, split = (limit / self._bytes for limit in _BATCH_BYTES)
        share = min(max(joined, *self.terms.weights), split)
        self.terms = self.terms.regroup(max(1, round(share * self.terms.n_examples)))


@contextmanager
def differentiated(theta: Tensor) -> Iterator[tuple[Tensor, Callable[[Tensor, bool], Tensor]]]:
    """θ as a leaf, and the gradient of a loss with respect to it, under kernels that allow two."""
    leaf = theta.detach().requires_grad_()

    def gradient(loss: Tensor, create_graph: bool) -> Tensor:
        if not loss.requires_grad:
            return torch.zeros_like(leaf)
        (g,) = torch.autograd.grad(loss, leaf, create_graph=create_graph, materialize_grads=True)
        return g

    # the flash and memory-efficient kernels of attention have no second derivative
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        yield leaf, gradient


def _vector_jacobian(gradient: Tensor, leaf: Tensor, v: Tensor) -> Tensor:
    """vᵀ ∂g/∂θ, shape (N,), which is Hv because H is symmetric."""
    (product,) = torch.autograd.grad(gradient, leaf, v, retain_graph=True, materialize_grads=True)
    return product
