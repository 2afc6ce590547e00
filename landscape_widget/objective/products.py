"""Hessian-vector products from gradient graphs that are built once, for as many batches as memory allows.

Products that take long are recorded as programs, and those are run instead, where they are faster; short
ones are taken for several vectors at once. Batches are taken one after another by all threads of torch
together, or in as many threads of one each: the small operations of a backward pass do not divide well. What
is faster here is found by measuring.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from concurrent.futures import wait
from time import perf_counter

import torch
from torch import Tensor

from landscape_widget.engine.derivatives import differentiated, vector_jacobian
from landscape_widget.engine.threads import clock_of, pool
from landscape_widget.engine.wanted import check_batch_wanted
from landscape_widget.loss.evaluation import wide_zeros
from landscape_widget.loss.terms import ModelTerms, Terms
from landscape_widget.objective.programs import Programs, even_size
from landscape_widget.objective.weighing import GraphSize, graph_size

log = logging.getLogger(__name__)

#: Bytes of graphs that are kept between two products at θ*.
KEPT_BYTES = 96e6

#: No graphs are kept where those that can be are a smaller share of all: they would save next to no time.
_LEAST_SHARE = 0.2

#: Bytes that the graph of one batch takes. Small batches are joined up to the first, where the cost of a call
#: is small beside the work, and large ones split from the second on, so that memory stays bounded.
_BATCH_BYTES = 12e6, 24e6

#: Where no graphs are kept, batches take so many times the second of these: fewer and larger operations.
_UNKEPT = 2.0

#: Batches of deep networks stay as they are where all graphs together take fewer bytes than these.
_FEW_BYTES = 128e6

#: Products that take fewer seconds are not worth the start of threads.
_WORTH_THREADS = 0.01

#: Where the gradient of all examples takes fewer seconds, products are not recorded, which takes as long.
_WORTH_RECORDING = 0.15

#: Relative difference up to which another way gives the same.
_SAME = {torch.float64: 1e-9, torch.float32: 1e-4}

#: Runs by which two ways are compared.
_COMPARED = 2

#: Vectors that are multiplied at once, where there are as many and a product is not recorded.
_AT_ONCE = 8


class Products:
    """Hv at one θ: what does not depend on v is kept by batch, as far as memory allows."""

    def __init__(
        self,
        terms: Terms,
        theta: Tensor,
        regrouped: Callable[[int], Terms] | None = None,
        keep: float = 0.0,
        *,
        timed: bool = True,
    ) -> None:
        """Builds nothing yet.

        Args:
            terms: Terms of the loss L.
            theta: θ, shape (N,), which nobody changes.
            regrouped: The same L in batches of about so many examples, where graphs are kept.
            keep: Bytes that graphs may take between two products.
            timed: Whether ways of the same result, to rounding, are chosen between by the time they take.
        """
        self.terms = terms
        self._regrouped = regrouped or (lambda _: terms)
        self._theta = theta.detach()
        self._left = keep
        self._graphs: dict[int, tuple[Tensor, Tensor]] = {}
        self._size = GraphSize(0.0 if keep else math.inf)
        self.seconds: dict[int, float] = {}
        """Seconds for one vector, by the number of threads, as far as they were tried."""
        self._again = 1
        """Trials left of many threads, whose first one finds their memory cold."""
        self._timed = timed and bool(keep) and theta.device.type == "cpu"
        self._built = False
        self._programs: Programs | None = None
        self._chooses = timed
        self.at_once = 0
        """Vectors multiplied at once, 0 as long as it is not known what is faster."""

    @property
    def recorded(self) -> bool:
        """Whether products come from recordings."""
        return self._programs is not None

    @property
    def kept(self) -> int:
        """Batches of which a graph, or what a recording computes once, is kept."""
        return len(self._graphs) + (len(self._programs.kept) if self._programs is not None else 0)

    @property
    def left(self) -> float:
        """Bytes that may be kept beside what is."""
        return self._left if self._programs is None else self._programs.left

    @property
    def bytes(self) -> float:
        """Bytes of the graphs that are kept, and of the largest that is not; 0 where it is not known."""
        needs = list(map(self.need, range(len(self.terms.weights))))
        kept = sum(needs[b] for b in self._graphs) or KEPT_BYTES - self.left
        others = [need for b, need in enumerate(needs) if b not in self._graphs]
        found = kept + max(others, default=0.0) * max([1, *self.seconds])
        return found if math.isfinite(found) else 0.0

    def of(self, columns: Tensor) -> Tensor:
        """HV for V of shape (N, k)."""
        if not self._size.each:
            long = self._measure() > _WORTH_RECORDING
            # a recording saves what is between operations, and costs as much as several products
            if self._chooses and long and not self._size.deep:
                self._record()
        if self._chooses and not self.at_once and columns.shape[1] >= _AT_ONCE and 0 in self._graphs:
            self._try_several(columns.T[:_AT_ONCE].contiguous())
        threads = self.threads()
        began = perf_counter()
        total = self._sum(columns) if threads == 1 else self._sum_in_threads(columns, threads)
        if not self._built:
            self._built = True
        else:
            seconds = (perf_counter() - began) / max(1, columns.shape[1])
            self.seconds[threads] = min(seconds, self.seconds.get(threads, math.inf))
        return total.to(columns.dtype)

    def grouped(self) -> Terms:
        """The terms in the batches that products are taken by."""
        if not self._size.each:
            self._measure()
        return self.terms

    def _record(self) -> None:
        """Sets programs up, if they give the same as automatic differentiation, and sooner."""
        if not isinstance(self.terms, ModelTerms) or self.terms.training:
            return
        programs, plain = Programs(self.terms, self._theta), Products(self.terms, self._theta)
        v = torch.randn(self._theta.shape, generator=torch.Generator().manual_seed(0)).to(self._theta)
        try:
            seconds = self._compare(
                lambda: programs.add(0, v[:, None], torch.zeros_like(v[:, None])),
                lambda: plain.add(0, v[:, None], torch.zeros_like(v[:, None])),
            )
            for b in range(len(self.terms.weights)):
                programs.program(b)
        except Exception as error:  # torch cannot record everything, but differentiate almost any model
            log.info("Products are not recorded: %s: %s", type(error).__name__, error)
            return
        if seconds[0] < seconds[1]:
            self._programs = Programs(self.terms, self._theta, self._left, programs.known)

    def _try_several(self, rows: Tensor) -> None:
        """Finds out whether several vectors at once are faster than one after another."""
        self.at_once = 1
        leaf, gradient = self._graphs[0]
        if not gradient.requires_grad:
            return
        try:
            seconds = self._compare(
                lambda: vector_jacobian(gradient, leaf, rows),
                lambda: torch.stack([vector_jacobian(gradient, leaf, row) for row in rows]),
            )
        except Exception as error:  # torch cannot batch everything
            log.info("Products are taken one by one: %s: %s", type(error).__name__, error)
            return
        if seconds[0] < seconds[1]:
            self.at_once = len(rows)

    def _compare(self, one: Callable[[], Tensor], reference: Callable[[], Tensor]) -> list[float]:
        """Seconds that each takes once it has run: the least of a few, in turns.

        Raises:
            ValueError: If they differ.
        """
        found, expected = one(), reference()
        difference = float((found - expected).norm() / expected.norm())
        if difference > _SAME.get(self._theta.dtype, 0.0):
            raise ValueError(f"the results differ by {difference:.1e}")
        seconds, clock = [math.inf, math.inf], clock_of(self._theta.device)
        for _ in range(_COMPARED):
            for i, way in enumerate((one, reference)):
                began = clock()
                way()
                seconds[i] = min(seconds[i], clock() - began)
        return seconds

    def threads(self) -> int:
        """How many to use: what was faster when tried."""
        most = min(torch.get_num_threads(), len(self.terms.weights)) if self._timed else 1
        if most == 1 or self.seconds.get(1, 0.0) < _WORTH_THREADS:
            return 1
        best = min((1, most), key=lambda threads: self.seconds.get(threads, 0.0))
        if best == 1 and most in self.seconds and self._again:
            self._again -= 1
            return most
        return best

    def _sum(self, columns: Tensor) -> Tensor:
        total = wide_zeros(columns)
        for b in range(len(self.terms.weights)):
            check_batch_wanted()
            self.add(b, columns, total)
        return total

    def _sum_in_threads(self, columns: Tensor, threads: int) -> Tensor:
        """The same with a share of the batches for each thread, always the same, so that sums are."""
        batches = len(self.terms.weights)

        def share(first: int) -> Tensor:
            total = wide_zeros(columns)
            for b in range(first, batches, threads):
                self.add(b, columns, total)
            return total

        shares = [pool(threads).submit(share, first) for first in range(threads)]
        wait(shares)  # also where one of them fails
        return sum((done.result() for done in shares), wide_zeros(columns))

    def add(self, b: int, columns: Tensor, total: Tensor) -> Tensor:
        """Adds the share of one batch to ``total``, and returns that."""
        if self._programs is not None:
            return self._programs.add(b, columns, total)
        leaf, gradient = self._graphs.get(b) or self._graph(b)
        if not gradient.requires_grad:
            return total
        at_once, weight = self.at_once, self.terms.weights[b]
        if at_once > 1 and columns.shape[1] > 1:
            for rows, into in zip(
                torch.split(columns.T, at_once), torch.split(total.T, at_once), strict=True
            ):
                into.add_(vector_jacobian(gradient, leaf, rows), alpha=weight)
        else:
            for row, into in zip(columns.T, total.T, strict=True):
                into.add_(vector_jacobian(gradient, leaf, row), alpha=weight)
        return total

    def _graph(self, b: int) -> tuple[Tensor, Tensor]:
        """θ as a leaf and ∇L_b on it, kept if there is room."""
        with differentiated(self._theta) as (leaf, gradient):
            graph = leaf, gradient(self.terms.term(leaf, b), True)
        need = self.need(b)
        if not self._built and need <= self._left:
            self._left -= need
            self._graphs[b] = graph
        return graph

    def need(self, b: int) -> float:
        """Bytes that the graph of one batch takes."""
        return self._size.of(self.terms.weights[b] * self.terms.n_examples)

    def _measure(self) -> float:
        """Weighs graphs, and groups the examples by that.

        Returns about how many seconds it takes to build the graphs of all examples.
        """
        n = self.terms.n_examples
        size = self._size = graph_size(self.terms, self._theta)
        if math.isinf(size.each):
            self._left = 0.0
            return self._time_graphs()
        # that other batches leave the loss the same is shown in float64, which takes as long as some products
        if not (size.deep and self._whole() <= _FEW_BYTES):
            least, largest = _BATCH_BYTES
            if self._left < _LEAST_SHARE * size.each * n:
                self._left, largest = 0.0, _UNKEPT * largest
            most = size.batch(max(self.terms.weights) * n, least, largest)
            self.terms = self._regrouped(even_size(n, max(1, round(most))))
        if self._left < _LEAST_SHARE * self._whole():
            self._left = 0.0
        return self._time_graphs()

    def _whole(self) -> float:
        """Bytes of the graphs of all batches."""
        return sum(map(self.need, range(len(self.terms.weights))))

    def _time_graphs(self) -> float:
        """Seconds that it takes to build the graphs of all batches, by that of the first."""
        clock = clock_of(self._theta.device)
        began = clock()
        with differentiated(self._theta) as (leaf, gradient):
            gradient(self.terms.term(leaf, 0), True)
        return (clock() - began) / self.terms.weights[0]
