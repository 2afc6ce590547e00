"""L as a pure function of θ: its values, its derivatives, and the same in another type."""

from __future__ import annotations

from functools import partial
from typing import Any, Self
from weakref import proxy

import torch
from torch import Tensor

from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.precision import widest
from landscape_widget.admission.slope_check import CutOffError
from landscape_widget.data.reading import BatchSize
from landscape_widget.engine.derivatives import evaluated, ordinary
from landscape_widget.loss.evaluation import Move, Spans, gradient_of, loss_of, losses_of
from landscape_widget.loss.parameters import Layout
from landscape_widget.loss.terms import ModelTerms, Terms
from landscape_widget.objective.arguments import check_device, check_dtype
from landscape_widget.objective.groupings import OwnSlope
from landscape_widget.objective.products import KEPT_BYTES, Products

#: Examples by which it is seen whether model and loss have a wider type, where those have a loss.
_FEW = 8

#: What it means that there is nothing wider than float32.
_IMPRECISE = (
    "{cause}; in single precision rounding moves the smallest eigenvalues, by up to 11 % for networks with "
    "ReLU, and residuals do not show it"
)


class PureFunction:
    """L(θ), a sum of terms, and θ*, where it is evaluated unless told otherwise."""

    _terms: Terms

    def _set(
        self,
        terms: Terms,
        theta: Tensor,
        blocks: Tensor,
        layout: Layout | None,
        batch_size_fn: BatchSize = None,
    ) -> None:
        self._terms = terms
        self.theta = theta
        self.filter_blocks = blocks
        self.layout = layout
        self.second_derivative_checked = False
        self.doubt = ""
        """Why Hessian-vector products may be wrong, if so."""
        self._batch_size_fn = batch_size_fn
        self._names: dict[str, str] = {}
        """What model and loss are called."""
        self._mode: dict[str, str] = {}
        """What provenance tells of a model in another mode than it is looked at in."""
        self._dtype_chosen = False
        """Whether the user asked for its floating-point type."""
        self._in_graph = False
        """Whether values need a graph, because the loss asks whether parameters require a gradient."""
        self._groupings: dict[tuple[float, ...], bool] = {}
        """Whether L stays the same in other batches, by their shares of the examples."""
        self._own_slope: OwnSlope | None = None
        """What other groupings are held against."""
        self._cut_off: CutOffError | None = None
        """Why there are no derivatives, if so."""
        self._imprecise = ""
        """Why curvature is in no wider type than this objective's own, if so."""
        self._precise: Self | None = None
        self._products: Products | None = None
        self._repeatable = False
        """Whether products have the same bits in every process: then none is taken by what is timed."""

    def __getstate__(self) -> dict[str, Any]:
        """What cannot be computed again: executors send objectives to other processes."""
        return {**vars(self), **dict.fromkeys(("_precise", "_products", "_own_slope"))}

    @property
    def n_parameters(self) -> int:
        """N, the length of θ."""
        return len(self.theta)

    @property
    def terms(self) -> Terms:
        """The terms that L is the sum of."""
        return self._terms

    @property
    def n_examples(self) -> int:
        """Examples that L is the mean over."""
        return self._terms.n_examples

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of θ and of every evaluation."""
        return self.theta.dtype

    @property
    def device(self) -> torch.device:
        """Where evaluations take place."""
        return self.theta.device

    @property
    def in_graph(self) -> bool:
        """Whether values need a graph, because the loss asks whether parameters require a gradient."""
        return self._in_graph

    @property
    def divisible(self) -> bool:
        """Whether part of the examples can be had alone."""
        return getattr(self._terms, "divisible", True)

    @property
    def spans(self) -> Spans:
        """Where each parameter tensor lies in θ, by name; "θ" for all of it where there are none."""
        if self.layout is None:
            return {"θ": slice(0, len(self.theta))}
        return {entry.name: slice(entry.start, entry.stop) for entry in self.layout.entries}

    def loss(self, theta: Tensor | None = None) -> Tensor:
        """L(θ), a scalar tensor; ``theta`` of shape (N,), default θ*.

        The sum over batches is taken in float64 and rounded once, to no less than float32.
        """
        value = loss_of(self._terms, self._point(theta), self.spans, in_graph=self._in_graph)
        return torch.tensor(value, dtype=torch.promote_types(self.dtype, torch.float32), device=self.device)

    def losses(self, size: int, theta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The mean loss over each of some groups of examples, and the share of the examples in each.

        Args:
            size: Examples in a group, about, which are drawn at random; they stay as the loader gave them
                where the loss is not known to be the same function in others.
            theta: The point, shape (N,); default θ*.

        Returns:
            Both of shape (B,), in float64 on the CPU.
        """
        terms = self.regrouped(size)
        if terms is self._terms:
            terms = self.regrouped(size + 1)  # of groups as large as the loader's nothing was shown
        if isinstance(terms, ModelTerms) and terms is not self._terms:
            with torch.inference_mode(False):
                terms = terms.shuffled()
        losses = losses_of(terms, self._point(theta), self.spans, in_graph=self._in_graph)
        return losses, torch.tensor(terms.weights, dtype=torch.float64)

    def metrics(self, theta: Tensor | None = None) -> dict[str, float]:
        """The mean over the examples of each metric at ``theta``, shape (N,), default θ*."""
        theta = self._point(theta).detach().clone()
        total: dict[str, float] = {}
        with evaluated():
            for b, weight in enumerate(self._terms.weights):
                for name, value in self._terms.metrics(theta, b).items():
                    total[name] = total.get(name, 0.0) + weight * value
        return total

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """∇L(θ), shape (N,); ``theta`` of shape (N,), default θ*.

        Raises:
            CutOffError: For a function whose gradient is not its slope.
        """
        return self._gradient(self._point(theta))

    def gradient_beside(self, v: Tensor, step: float) -> Tensor:
        """∇L(θ* + hv), shape (N,), for v of shape (N,) and the step h, with a single copy of the point."""
        return self._gradient(self.theta, Move(v, step))

    def _gradient(self, theta: Tensor, move: Move | None = None) -> Tensor:
        if self._cut_off is not None:
            raise self._cut_off
        return gradient_of(self._terms, theta, self.spans, move)

    def hvp(self, v: Tensor, theta: Tensor | None = None) -> Tensor:
        """Hessian-vector products H(θ)v.

        They are as torch differentiates the loss, and not held against differences of gradients here, which
        tell of a custom backward that is differentiated wrongly: whatever certifies curvature does so once.

        Args:
            v: One vector, shape (N,), or k of them as columns, shape (N, k).
            theta: The point, shape (N,); default θ*.

        Returns:
            Hv, of the shape of ``v``.
        """
        theta = self._point(theta)
        if not isinstance(v, Tensor):
            raise TypeError(
                f"Expected v as a tensor, got {type(v).__name__}. Pass an array as torch.as_tensor(v)."
            )
        if v.ndim not in (1, 2) or len(v) != self.n_parameters:
            raise ValueError(
                f"Expected v of shape ({self.n_parameters},) or ({self.n_parameters}, k), "
                f"got {tuple(v.shape)}."
            )
        if self._cut_off is not None:
            raise self._cut_off
        with torch.inference_mode(False):
            return self._products_with(ordinary(v), theta)

    def _products_with(self, v: Tensor, theta: Tensor) -> Tensor:
        columns = v.to(theta).reshape(self.n_parameters, -1)
        if theta is self.theta:
            products = self._own_products()
        else:
            terms = self._terms if self._products is None else self._products.terms
            products = Products(terms, theta.clone())
        return products.of(columns).reshape(v.shape)

    def _own_products(self) -> Products:
        """The products at θ*, which are kept."""
        if self._products is None:
            # by a proxy, so that what is kept goes with the objective at once, and not when cycles are sought
            regrouped = partial(type(self).regrouped, proxy(self))
            self._products = Products(
                self._terms, self.theta, regrouped, KEPT_BYTES, timed=not self._repeatable
            )
        return self._products

    def _point(self, theta: Tensor | None) -> Tensor:
        if theta is None:
            return self.theta
        if not isinstance(theta, Tensor):
            raise TypeError(
                f"Expected theta as a tensor of shape ({self.n_parameters},), got {type(theta).__name__}. "
                "Pass an array as torch.as_tensor(theta)."
            )
        if theta.shape != self.theta.shape:
            raise ValueError(f"Expected theta of shape ({self.n_parameters},), got {tuple(theta.shape)}.")
        with torch.inference_mode(False):
            return ordinary(theta).to(self.theta)

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Self:
        """The same objective in another dtype or on another device; itself if nothing changes."""
        device = self.device if device is None else check_device(device)
        dtype = check_dtype(dtype)
        if (dtype, device) == (self.dtype, self.device):
            return self
        with torch.inference_mode(False):
            other = self._with(self._terms.convert(device, dtype), self.theta.to(device, dtype))
        return other._by_same(self)

    def at(self, theta: Tensor) -> Self:
        """The same objective with θ, shape (N,), as its θ*."""
        other = self._with(self._terms, self._point(theta))
        other.second_derivative_checked, other.doubt = self.second_derivative_checked, self.doubt
        other._groupings, other._imprecise = self._groupings, self._imprecise
        return other._by_same(self)

    def _by_same(self, other: PureFunction) -> Self:
        """This one, computed as another is."""
        self._repeatable = other._repeatable
        return self

    @property
    def product_bytes(self) -> float:
        """Bytes that products at θ* keep and need, once one was taken; 0 before, and with workers."""
        return 0.0 if self._products is None else self._products.bytes

    def precise(self) -> Self:
        """The same in float64, or itself where device (MPS), model or loss have none.

        In float32 the curvature of ReLU networks is off by percents while its own residual looks fine: where
        that is all there is, the provenance of every result says so and why.
        """
        if self._precise is None:
            with torch.inference_mode(False):
                few = Probe.of(self._terms, self.theta, self.spans).few(_FEW)
                dtype, cause = widest(few.terms, self.theta)
                self._precise = self.to(dtype)
            self._precise._imprecise = _IMPRECISE.format(cause=cause) if cause else ""
        return self._precise

    def regrouped(self, size: int) -> Terms:
        """L in batches of about ``size`` examples, where it was shown to be the same function in them.

        Otherwise the batches stay as the loader gave them.
        """
        with torch.inference_mode(False):
            terms = self._terms.regroup(size)
        weights = tuple(terms.weights)
        if weights == tuple(self._terms.weights):
            return self._terms
        if weights not in self._groupings:
            self._groupings[weights] = self._stays_the_same(size)
        return terms if self._groupings[weights] else self._terms

    def _stays_the_same(self, size: int) -> bool:
        precise = self.precise()
        if precise.dtype is not torch.float64 or not self.divisible:
            return False
        if precise._own_slope is None:
            precise._own_slope = OwnSlope(precise._terms, precise.theta, self.spans)
        return precise._own_slope.is_that_in(size)

    def _with(self, terms: Terms, theta: Tensor) -> Self:
        other = type(self).__new__(type(self))
        other._set(terms, theta, self.filter_blocks, self.layout, self._batch_size_fn)
        other._in_graph, other._cut_off, other._names = self._in_graph, self._cut_off, self._names
        other._mode, other._dtype_chosen = self._mode, self._dtype_chosen
        return other
