"""The loss of a model on a data set as a pure function of the flat parameter vector θ."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from landscape_widget.admission.acceptance import restored
from landscape_widget.admission.first_evaluation import first_evaluation
from landscape_widget.admission.nearby import displaced
from landscape_widget.admission.pieces import in_pieces
from landscape_widget.admission.precision import rounding_fault
from landscape_widget.admission.slope_check import CutOffError
from landscape_widget.data.reading import BatchSize, is_whole, read_batches
from landscape_widget.data.tree import describe
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.random_state import preserved_random_state
from landscape_widget.loss.batch_loss import BatchLoss
from landscape_widget.loss.batch_norm import MODES, DifferenceTerms, RecomputedTerms, frozen_layers
from landscape_widget.loss.copying import convert_module, deep_copy
from landscape_widget.loss.evaluation import Spans, gradient_of, loss_of
from landscape_widget.loss.parameters import Layout, Selection, filter_blocks, select_parameters
from landscape_widget.loss.terms import FunctionTerms, ModelTerms, Terms
from landscape_widget.objective.products import KEPT_BYTES, Products
from landscape_widget.results.base import library_versions

log = logging.getLogger(__name__)

#: Relative difference of two gradients in float64 up to which they are the same sum in another order.
_SAME = 1e-9

#: Metrics by name, each called as the loss function is, each returning its mean over the batch.
Metrics = Mapping[str, Callable[..., Any]]


class Objective:
    """L(θ), the mean loss over the examples of a fixed data set, and its derivatives.

    Model and data are copied once; the user's model is never touched, and later changes to it do not
    show here. Dropout is off and batch-norm statistics are frozen unless ``mode="train"``.
    """

    _terms: Terms

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss_fn: Callable[..., Tensor],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        max_examples: int | None = None,
        parameters: Selection = None,
        mode: str = "eval",
        metrics: Metrics | None = None,
        batch_size_fn: BatchSize = None,
    ) -> None:
        """Reads the data, evaluates the loss once, and holds its gradient against differences of it.

        Args:
            model: Its present weights are θ*.
            data: A loader (any iterable of batches), a ``Dataset``, a pair of tensors (x, y) or a
                mapping of tensors.
            loss_fn: ``loss_fn(output, target)`` for (x, y) batches; ``loss_fn(model, batch)`` for any
                other batch, or whenever its first argument is named ``model``. Returns the mean over
                the batch (a loss module with ``reduction="sum"`` is divided by the batch size).
            device: Where to compute; default: where the model's parameters are.
            dtype: Floating-point type; default: that of the model's parameters.
            max_examples: At most so many examples, the first ones in the loader's order.
            parameters: Which trainable parameters make up θ: a glob over names, a module of the model,
                several of either, or a predicate (name, parameter). The others stay at their values, so
                that all curvature is that of a diagonal block of the Hessian.
            mode: "eval" or "train", as in ``model.eval()`` and ``model.train()``.
            metrics: Further quantities by name, such as {"accuracy": accuracy}. Each is called as
                ``loss_fn`` is, returns its mean over the batch as one number, and need not be
                differentiable.
            batch_size_fn: ``batch_size_fn(batch)`` → examples in it, where that cannot be told from the
                batch, such as for graphs, or sequences with time as the first dimension.

        Raises:
            ValueError: Empty data, no trainable parameter, a loss or metric that is not a scalar or not
                a number, a model that cannot take the data, batches that do not tell how many examples they
                hold, a loss that differs between two evaluations at θ*, that is cut off from θ, that
                reaches the user's own model, or whose forward pass writes into the parameters.
            TypeError: A model, loss, metric or data of the wrong kind.
        """
        _check_arguments(model, loss_fn, mode, dtype, batch_size_fn)
        _check_metrics(metrics)
        with preserved_random_state(), torch.inference_mode(False):
            selected = select_parameters(model, parameters)
            first = next(iter(selected.values()))
            device = torch.device(device) if device is not None else first.device
            dtype = dtype or _widest(selected.values())
            layout = Layout(selected.items())
            batches = read_batches(data, max_examples, batch_size_fn, device, dtype)
            copied = convert_module(deep_copy(BatchLoss(model, loss_fn, metrics)), device, dtype)
            copied.model.train(mode == "train")
            copied.requires_grad_(False)
            terms = ModelTerms(copied, layout, batches)
            theta = layout.flatten({n: p.detach().clone() for n, p in selected.items()}).to(device, dtype)
            self._set(terms, theta, filter_blocks(model, layout), layout, batch_size_fn)
            with restored(model):
                if is_whole(data):
                    terms = in_pieces(terms, theta, self.spans)
                    self._terms = terms
                self._in_graph = first_evaluation(
                    terms, theta, self.spans, list(selected.values()), told=batch_size_fn is not None
                )

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
        self._in_graph = False
        """Whether values need a graph, because the loss asks whether parameters require a gradient."""
        self._groupings: dict[tuple[float, ...], bool] = {}
        """Whether L stays the same in other batches, by their shares of the examples."""
        self._slope_nearby: Tensor | None = None
        """The gradient at a displaced θ, which other groupings are held against."""
        self._cut_off: CutOffError | None = None
        """Why there are no derivatives, if so."""
        self._imprecise = ""
        """Why curvature is in no wider type than this objective's own, if so."""
        self._precise: Objective | None = None
        self._products: Products | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What cannot be computed again: executors send objectives to other processes."""
        return {**vars(self), "_precise": None, "_products": None, "_slope_nearby": None}

    @classmethod
    def from_function(cls, f: Callable[[Tensor], Tensor], theta: Tensor) -> Objective:
        """The same for a twice differentiable torch function of θ.

        Args:
            f: Maps θ of shape (N,) to a scalar tensor, for instance Eq. (26) of Böttcher & Wheeler. Where its
                gradient is not its slope, as of one by numpy, there are losses, and derivatives are refused.
            theta: θ*, shape (N,), floating point.

        Raises:
            ValueError: If θ* is no vector, or f(θ*) is not a finite scalar.
        """
        if theta.ndim != 1 or not theta.is_floating_point():
            raise ValueError(f"Expected theta as a float vector of shape (N,), got {describe(theta)}.")
        objective = cls.__new__(cls)
        blocks = torch.full(theta.shape, -1, dtype=torch.long)
        with torch.inference_mode(False):
            objective._set(FunctionTerms(f), theta.detach().clone(), blocks, None)
            try:
                first_evaluation(objective._terms, objective.theta, objective.spans, [], told=True)
            except CutOffError as error:  # its losses are right, and all that needs no derivative
                objective._cut_off = error
        return objective

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

    def provenance(self, quantity: str, **details: Any) -> dict[str, Any]:
        """What a reader needs to repeat a result of this objective."""
        return {
            "quantity": quantity,
            **details,
            "dtype": str(self.dtype).removeprefix("torch."),
            "batch_norm": getattr(self._terms, "batch_norm", "frozen"),
            "n_examples": self.n_examples,
            "n_parameters": self.n_parameters,
            **({"precision": self._imprecise} if self._imprecise else {}),
            **({"doubt": self.doubt} if self.doubt else {}),
            **({} if all(self._groupings.values()) else {"batches": _AS_GIVEN}),
            "versions": library_versions(),
        }

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Objective:
        """The same objective in another dtype or on another device; itself if nothing changes."""
        device = self.device if device is None else torch.device(device)
        if (dtype, device) == (self.dtype, self.device):
            return self
        with torch.inference_mode(False):
            return self._with(self._terms.convert(device, dtype), self.theta.to(device, dtype))

    def precise(self) -> Objective:
        """The same objective in float64, or itself where device (MPS), model or loss have none.

        In float32 the curvature of ReLU networks is off by percents while its own residual looks fine: where
        that is all there is, the provenance of every result says so and why.
        """
        if self._precise is None:
            self._precise = self._widened()
        return self._precise

    def _widened(self) -> Objective:
        if self.device.type == "mps":
            self._imprecise = _IMPRECISE.format(cause="the device has no float64")
            return self
        if self.dtype is torch.float64:
            cause = rounding_fault(self._terms.first(), self.theta, own=True)
            if cause is None:
                return self
            narrow = self.to(torch.float32)  # whose rounding it has
            narrow._imprecise = _IMPRECISE.format(cause=cause)
            return narrow
        fault = ""
        for dtype in (torch.float64, torch.float32):
            if torch.promote_types(dtype, self.dtype) is self.dtype:
                break
            wide = self.to(dtype)
            cause = rounding_fault(wide._terms.first(), wide.theta)
            if cause is None:
                wide._imprecise = fault
                return wide
            fault = fault or _IMPRECISE.format(cause=cause)
            log.info("Not computed in %s: %s", dtype, cause)
        self._imprecise = fault
        return self

    def check_examples(self, n_examples: int) -> int:
        """``n_examples`` itself, if there are that many.

        Raises:
            ValueError: If not.
        """
        if not 1 <= n_examples <= self.n_examples:
            raise ValueError(f"Expected between 1 and {self.n_examples} examples, got {n_examples}.")
        if n_examples < self.n_examples and not self.divisible:
            raise ValueError(
                f"Expected all {self.n_examples} examples, since these batches cannot be cut between two of "
                f"them (not every tensor has one row for an example), got {n_examples}. Use a loader of "
                "fewer."
            )
        return n_examples

    @property
    def divisible(self) -> bool:
        """Whether part of the examples can be had alone."""
        return getattr(self._terms, "divisible", True)

    def subset(self, n_examples: int) -> Objective:
        """The same objective over a fixed random choice of ``n_examples``, nested as the number grows.

        Raises:
            ValueError: If there are not that many.
        """
        if self.check_examples(n_examples) == self.n_examples:
            return self
        with torch.inference_mode(False):
            return self._with(self._terms.subset(n_examples), self.theta)

    def at(self, theta: Tensor) -> Objective:
        """The same objective with θ, shape (N,), as its θ*."""
        other = self._with(self._terms, self._point(theta))
        other.second_derivative_checked, other.doubt = self.second_derivative_checked, self.doubt
        other._groupings, other._imprecise = self._groupings, self._imprecise
        return other

    def with_data(self, data: Any, max_examples: int | None = None) -> Objective:
        """The same model, loss, metrics and θ* on other data, for instance those held out for testing.

        Args:
            data: As in the constructor.
            max_examples: At most so many examples, the first ones in the loader's order.

        Raises:
            ValueError: If the model cannot take the data, or what the constructor raises of them.
            TypeError: Data of the wrong kind, or an objective that was made of a function.
        """
        if not isinstance(self._terms, ModelTerms):
            raise TypeError("Expected an objective of a model, got one of a function, which takes no data.")
        with preserved_random_state(), torch.inference_mode(False):
            batches = read_batches(data, max_examples, self._batch_size_fn, self.device, self.dtype)
            terms = self._terms.over(batches)
            if is_whole(data):
                terms = in_pieces(terms, self.theta, self.spans)
            told = self._batch_size_fn is not None
            first_evaluation(terms, self.theta, self.spans, [], told=told)
        return self._with(terms, self.theta)

    def with_batch_norm(self, mode: str, source: Objective | None = None) -> Objective:
        """The same objective with batch-norm statistics that follow θ.

        Frozen statistics, the default, make L one fixed function, the one whose minimum training sought
        last and whose Hessian is meant; away from θ* they no longer fit the activations. Recomputed ones
        show the loss of a model whose statistics were refreshed there.

        Args:
            mode: "frozen" for itself; "recomputed", see ``batch_norm.RecomputedTerms``; "difference" for
                recomputed − frozen.
            source: On whose data statistics are recomputed, default this objective's own; for one on test
                data it is that on the training data.

        Raises:
            ValueError: For another mode, or where no layer normalises with running statistics.
        """
        if self.check_batch_norm(mode) == "frozen":
            return self
        assert isinstance(self._terms, ModelTerms)
        statistics = self._terms if source is None else source._terms
        assert isinstance(statistics, ModelTerms)
        recomputed = RecomputedTerms(self._terms, statistics)
        terms = recomputed if mode == "recomputed" else DifferenceTerms(recomputed, self._terms)
        return self._with(terms, self.theta)

    def check_batch_norm(self, mode: str) -> str:
        """``mode`` itself, if it is one that this objective has.

        Raises:
            ValueError: If not.
        """
        if mode not in MODES:
            raise ValueError(f"Expected batch_norm as one of {', '.join(map(repr, MODES))}, got {mode!r}.")
        if mode != "frozen" and not self.has_batch_norm:
            raise ValueError(
                f"Expected a model in eval mode with batch-norm layers that keep running statistics for "
                f"batch_norm={mode!r}, found none. Use 'frozen'."
            )
        return mode

    @property
    def has_batch_norm(self) -> bool:
        """Whether a layer of the model normalises with running statistics."""
        return bool(frozen_layers(self._terms))

    def first_batch(self) -> Objective:
        """The same objective over its first batch alone, for checks that must not cost a whole pass."""
        return self._with(self._terms.first(), self.theta)

    @property
    def spans(self) -> Spans:
        """Where each parameter tensor lies in θ, by name; "θ" for all of it where there are none."""
        if self.layout is None:
            return {"θ": slice(0, len(self.theta))}
        return {entry.name: slice(entry.start, entry.stop) for entry in self.layout.entries}

    def regrouped(self, size: int) -> Terms:
        """L in batches of about ``size`` examples, where it was shown to be the same function in them.

        Class weights, ignored targets and batch statistics make the loss of a batch another one than the mean
        over its examples, and no batch tells that of all. So the gradient over all of the data is computed in
        both groupings, in float64 at a displaced θ; where they differ, or cannot be computed, the batches
        stay as the loader gave them.
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
        theta = displaced(precise.theta)
        try:
            if precise._slope_nearby is None:
                precise._slope_nearby = gradient_of(precise.terms, theta, self.spans)
            expected = precise._slope_nearby
            found = gradient_of(precise.terms.regroup(size), theta, self.spans)
        except Exception as error:  # a model may insist on its batches, or have no loss there
            log.info("Batches stay as the loader gave them: %s: %s", type(error).__name__, error)
            return False
        same = bool((found - expected).norm() <= _SAME * expected.norm()) and bool(expected.any())
        if not same:
            log.info("Batches stay as the loader gave them: in others the loss is another function.")
        return same

    def loss(self, theta: Tensor | None = None) -> Tensor:
        """L(θ), a scalar tensor; ``theta`` of shape (N,), default θ*.

        The sum over batches is taken in float64 and rounded once, to no less than float32.
        """
        value = loss_of(self._terms, self._point(theta), self.spans, in_graph=self._in_graph)
        return torch.tensor(value, dtype=torch.promote_types(self.dtype, torch.float32), device=self.device)

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
        if self._cut_off is not None:
            raise self._cut_off
        return gradient_of(self._terms, self._point(theta), self.spans)

    def hvp(self, v: Tensor, theta: Tensor | None = None) -> Tensor:
        """Hessian-vector products H(θ)v.

        Args:
            v: One vector, shape (N,), or k of them as columns, shape (N, k).
            theta: Where, shape (N,); default θ*.

        Returns:
            Hv, of the shape of ``v``.
        """
        theta = self._point(theta)
        if v.ndim not in (1, 2) or len(v) != self.n_parameters:
            raise ValueError(
                f"Expected v of shape ({self.n_parameters},) or ({self.n_parameters}, k), "
                f"got {tuple(v.shape)}."
            )
        if self._cut_off is not None:
            raise self._cut_off
        with torch.inference_mode(False):
            return self._products_with(v.clone() if v.is_inference() else v, theta)

    def _products_with(self, v: Tensor, theta: Tensor) -> Tensor:
        columns = v.to(theta).reshape(self.n_parameters, -1)
        if self._products is None:
            self._products = Products(self._terms, self.theta, self.regrouped, KEPT_BYTES)
        here = theta is self.theta
        products = self._products if here else Products(self._products.terms, theta)
        return products.of(columns).reshape(v.shape)

    def _point(self, theta: Tensor | None) -> Tensor:
        if theta is None:
            return self.theta
        if theta.shape != self.theta.shape:
            raise ValueError(f"Expected theta of shape ({self.n_parameters},), got {tuple(theta.shape)}.")
        with torch.inference_mode(False):
            return theta.clone() if theta.is_inference() else theta.to(self.theta)

    def _with(self, terms: Terms, theta: Tensor) -> Objective:
        other = type(self).__new__(type(self))
        other._set(terms, theta, self.filter_blocks, self.layout, self._batch_size_fn)
        other._in_graph, other._cut_off = self._in_graph, self._cut_off
        return other


#: What is said where the examples were not shown to have the same loss in other batches.
_AS_GIVEN = "as given: in others the loss is, or may be, another function"

#: What it means that there is nothing wider than float32.
_IMPRECISE = (
    "{cause}; in single precision rounding moves the smallest eigenvalues, by up to 11 % for networks with "
    "ReLU, and residuals do not show it"
)


def _widest(parameters: Iterable[Tensor]) -> torch.dtype:
    return reduce(torch.promote_types, (parameter.dtype for parameter in parameters))


def _check_arguments(model: Any, loss_fn: Any, mode: Any, dtype: Any, batch_size_fn: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"Expected model as a torch.nn.Module, got {type(model).__name__}. "
            "For a plain function of θ use Objective.from_function."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise TypeError(
            "Expected a model in Python, got a TorchScript module, whose derivatives run past all "
            "checks. Pass the module that it was made from."
        )
    if isinstance(loss_fn, type):
        name = loss_fn.__name__
        raise TypeError(f"Expected loss_fn as a callable, got the class {name}. Make one of it: {name}().")
    if not callable(loss_fn):
        raise TypeError(f"Expected loss_fn as a callable, got {type(loss_fn).__name__}.")
    if batch_size_fn is not None and not callable(batch_size_fn):
        raise TypeError(f"Expected batch_size_fn as a callable, got {type(batch_size_fn).__name__}.")
    if mode not in ("eval", "train"):
        raise ValueError(f"Expected mode 'eval' or 'train', got {mode!r}.")
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"Expected dtype as a floating-point torch.dtype, got {dtype!r}.")


def _check_metrics(metrics: Any) -> None:
    if metrics is None:
        return
    if not isinstance(metrics, Mapping) or not all(isinstance(name, str) for name in metrics):
        raise TypeError(
            'Expected metrics as a mapping of names to functions, such as {"accuracy": accuracy}, got '
            f"{type(metrics).__name__}."
        )
    for name, metric in metrics.items():
        if not callable(metric):
            raise TypeError(f"Expected the metric {name!r} as a callable, got {type(metric).__name__}.")
