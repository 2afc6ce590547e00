"""Hessian-vector products from gradient graphs that are built once, for as many batches as memory allows.

Batches are taken one after another by all threads of torch together, or in as many threads of one each,
whichever is faster here: the small operations of a backward pass do not divide well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape_widget.losses import Terms

#: Bytes of graphs that are kept between two products at θ*.
KEPT_BYTES = 96e6

#: Bytes that the graph of one batch takes. Small batches are joined up to the first, where the cost of a call
#: is small beside the work, and large ones split from the second on, so that memory stays bounded.
_BATCH_BYTES = 12e6, 24e6

#: Examples that graphs are weighed by.
_WEIGHED = 16, 32

#: Products that take fewer seconds are not worth the start of threads.
_WORTH_THREADS = 0.01


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
        self._each = 0.0 if keep else math.inf
        """Bytes that the graph of a batch takes for each example, and beside those."""
        self._fixed = 0.0
        self._seconds: dict[int, float] = {}
        """For one vector, by the number of threads; the first product builds graphs and is not timed."""
        self._timed = bool(keep) and theta.device.type == "cpu"
        self._built = False

    def of(self, columns: Tensor) -> Tensor:
        """HV for V of shape (N, k)."""
        if not self._each:
            self._measure()
        threads = self._threads()
        began = perf_counter()
        total = self._sum(columns) if threads == 1 else self._sum_in_threads(columns, threads)
        if self._built:
            seconds = (perf_counter() - began) / max(1, columns.shape[1])
            self._seconds[threads] = min(seconds, self._seconds.get(threads, math.inf))
        self._built = True
        return total

    def _threads(self) -> int:
        """How many to use: each number is tried once, then the faster one is taken."""
        most = min(torch.get_num_threads(), len(self.terms.weights)) if self._timed else 1
        if most == 1 or self._seconds.get(1, 0.0) < _WORTH_THREADS:
            return 1
        return min((1, most), key=lambda threads: self._seconds.get(threads, 0.0))

    def _sum(self, columns: Tensor) -> Tensor:
        total = torch.zeros_like(columns)
        for b in range(len(self.terms.weights)):
            self._add(b, columns, total)
        return total

    def _sum_in_threads(self, columns: Tensor, threads: int) -> Tensor:
        """The same with a share of the batches for each thread, always the same, so that sums are."""
        batches = len(self.terms.weights)

        def share(first: int) -> Tensor:
            total = torch.zeros_like(columns)
            for b in range(first, batches, threads):
                self._add(b, columns, total)
            return total

        # the choice of kernels is one for all threads: none may undo it while another is at work
        with (
            sdpa_kernel(SDPBackend.MATH),
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            return sum(pool.map(share, range(threads)), torch.zeros_like(columns))

    def _add(self, b: int, columns: Tensor, total: Tensor) -> None:
        """Adds the share of one batch."""
        leaf, gradient = self._graphs.get(b) or self._graph(b)
        if gradient.requires_grad:
            for column, into in zip(columns.T, total.T, strict=True):
                into.add_(_vector_jacobian(gradient, leaf, column), alpha=self.terms.weights[b])

    def _graph(self, b: int) -> tuple[Tensor, Tensor]:
        """θ as a leaf and ∇L_b on it, kept if there is room."""
        with differentiated(self._theta) as (leaf, gradient):
            graph = leaf, gradient(self.terms.term(leaf, b), True)
        need = self._fixed + self._each * self.terms.weights[b] * self.terms.n_examples
        if not self._built and need <= self._left:
            self._left -= need
            self._graphs[b] = graph
        return graph

    def _measure(self) -> None:
        """Weighs the graphs of a few examples and of twice as many, and groups the examples by that.

        The graph of a whole batch of the loader may be too large to be built.
        """
        few, more = (self._weigh(size) for size in _WEIGHED)
        if more[0] > few[0]:
            self._each = max(1.0, (more[1] - few[1]) / (more[0] - few[0]))
        else:  # they cannot be grouped anew
            self._each = max(1.0, few[1] / few[0])
        self._fixed = max(0.0, few[1] - self._each * few[0])
        most = max(self.terms.weights) * self.terms.n_examples
        joined, split = (max(limit - self._fixed, limit / 4) / self._each for limit in _BATCH_BYTES)
        self.terms = self.terms.regroup(max(1, round(min(max(joined, most), split))))

    def _weigh(self, size: int) -> tuple[float, float]:
        """Examples in a batch of about ``size``, and bytes of its graph beside θ itself."""
        terms = self.terms.regroup(size)
        storages: dict[int, int] = {}

        def weigh(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with (
            differentiated(self._theta) as (leaf, gradient),
            torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor),
        ):
            gradient(terms.term(leaf, 0), True)
        storages.pop(leaf.untyped_storage().data_ptr(), None)
        return terms.weights[0] * terms.n_examples, float(sum(storages.values()))


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
