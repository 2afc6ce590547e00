"""The loss of a model on a data set as a pure function of the flat parameter vector θ."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from landscape_widget.batch_norm import MODES, DifferenceTerms, RecomputedTerms, frozen_layers
from landscape_widget.derivatives import differentiated
from landscape_widget.losses import BatchLoss, FunctionTerms, InvalidLossError, ModelTerms, Terms
from landscape_widget.parameters import Layout, Selection, filter_blocks, select_parameters
from landscape_widget.products import KEPT_BYTES, Products
from landscape_widget.random_state import preserved_random_state
from landscape_widget.results import library_versions
from landscape_widget.snapshot import convert, describe, halves, read_batches

#: Relative difference up to which the loss of a batch is the mean over its examples beyond doubt, so that
#: batches may be joined; a dtype that is not listed rounds too coarsely to tell.
_ADDITIVE = {torch.float64: 1e-11, torch.float32: 1e-5}

#: Relative difference of two evaluations at θ* up to which they count as the same: parallel sums
#: round differently from run to run, dropout is off by far more.
_REPEATABLE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 1e-1, torch.float16: 1e-2}

#: Metrics by name, each called as the loss function is, each returning its mean over the batch.
Metrics = Mapping[str, Callable[..., Any]]


class Objective:
    """L(θ), the mean loss over the examples of a fixed data set, and its derivatives.

    Model and data are copied once; the user's model is never touched, and later changes to it do not
    show here. Dropout is off and batch-norm statistics are frozen unless ``mode="train"``.
    """

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
    ) -> None:
        """Reads the data and evaluates the loss once.

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

        Raises:
            ValueError: Empty data, no trainable parameter, a loss or metric that is not a scalar or not
                a number, a model that cannot take the data, a loss that differs between two
                evaluations at θ*.
            TypeError: A model, loss, metric or data of the wrong kind.
        """
        _check_arguments(model, loss_fn, mode, dtype)
        _check_metrics(metrics)
        with preserved_random_state():
            selected = select_parameters(model, parameters)
            first = next(iter(selected.values()))
            device = torch.device(device) if device is not None else first.device
            dtype = dtype or first.dtype
            layout = Layout(selected.items())
            batches = convert(read_batches(data, max_examples), device, dtype)
            copied = _copy(BatchLoss(model, loss_fn, metrics)).to(device, dtype)
            copied.model.train(mode == "train")
            terms = ModelTerms(copied, layout, batches)
            theta = layout.flatten({n: p.detach() for n, p in selected.items()}).to(device, dtype)
            self._set(terms, theta, filter_blocks(model, layout), layout)
            self._first_evaluation(terms)

    def _set(self, terms: Terms, theta: Tensor, blocks: Tensor, layout: Layout | None) -> None:
        self._terms = terms
        self.theta = theta
        self.filter_blocks = blocks
        self.layout = layout
        self._precise: Objective | None = None
        self._products: Products | None = None
        self.second_derivative_checked = False

    @classmethod
    def from_function(cls, f: Callable[[Tensor], Tensor], theta: Tensor) -> Objective:
        """The same for a twice differentiable torch function of θ.

        Args:
            f: Maps θ of shape (N,) to a scalar tensor, for instance Eq. (26) of Böttcher & Wheeler.
            theta: θ*, shape (N,), floating point.

        Raises:
            ValueError: If θ* is no vector, or f(θ*) is not a finite scalar.
        """
        if theta.ndim != 1 or not theta.is_floating_point():
            raise ValueError(f"Expected theta as a float vector of shape (N,), got {describe(theta)}.")
        objective = cls.__new__(cls)
        blocks = torch.full(theta.shape, -1, dtype=torch.long)
        objective._set(FunctionTerms(f), theta.detach().clone(), blocks, None)
        objective._check_finite(objective.loss())
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
            "versions": library_versions(),
        }

    def to(self, dtype: torch.dtype, device: torch.device | str | None = None) -> Objective:
        """The same objective in another dtype or on another device; itself if nothing changes."""
        device = self.device if device is None else torch.device(device)
        if (dtype, device) == (self.dtype, self.device):
            return self
        return self._with(self._terms.convert(device, dtype), self.theta.to(device, dtype))

    def precise(self) -> Objective:
        """The same objective in float64, or itself where the device has none (MPS).

        In float32 the curvature of ReLU networks is off by percents while its own residual looks fine.
        """
        if self._precise is None:
            self._precise = self if self.device.type == "mps" else self.to(torch.float64)
        return self._precise

    def check_examples(self, n_examples: int) -> int:
        """``n_examples`` itself, if there are that many.

        Raises:
            ValueError: If not.
        """
        if not 1 <= n_examples <= self.n_examples:
            raise ValueError(f"Expected between 1 and {self.n_examples} examples, got {n_examples}.")
        return n_examples

    def subset(self, n_examples: int) -> Objective:
        """The same objective over a fixed random choice of ``n_examples``, nested as the number grows.

        Raises:
            ValueError: If there are not that many.
        """
        if self.check_examples(n_examples) == self.n_examples:
            return self
        return self._with(self._terms.subset(n_examples), self.theta)

    def at(self, theta: Tensor) -> Objective:
        """The same objective with θ, shape (N,), as its θ*."""
        other = self._with(self._terms, self._point(theta))
        other.second_derivative_checked = self.second_derivative_checked
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
        with preserved_random_state():
            terms = self._terms.over(convert(read_batches(data, max_examples), self.device, self.dtype))
            other = self._with(terms, self.theta)
            other._first_evaluation(terms)
        return other

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

    def loss(self, theta: Tensor | None = None) -> Tensor:
        """L(θ), a scalar tensor; ``theta`` of shape (N,), default θ*."""
        theta = self._point(theta)
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        with torch.no_grad():
            for b, weight in self._weighted():
                total += weight * self._terms.term(theta, b)
        return total

    def metrics(self, theta: Tensor | None = None) -> dict[str, float]:
        """The mean over the examples of each metric at ``theta``, shape (N,), default θ*."""
        theta = self._point(theta)
        total: dict[str, float] = {}
        with torch.no_grad():
            for b, weight in self._weighted():
                for name, value in self._terms.metrics(theta, b).items():
                    total[name] = total.get(name, 0.0) + weight * value
        return total

    def gradient(self, theta: Tensor | None = None) -> Tensor:
        """∇L(θ), shape (N,); ``theta`` of shape (N,), default θ*."""
        theta = self._point(theta)
        total = torch.zeros_like(theta)
        for b, weight in self._weighted():
            with differentiated(theta) as (leaf, graph):
                total += weight * graph(self._terms.term(leaf, b), False)
        return total

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
        columns = v.to(theta).reshape(self.n_parameters, -1)
        if self._products is None:
            self._products = Products(self._terms, self.theta, keep=KEPT_BYTES)
        here = theta is self.theta
        products = self._products if here else Products(self._products.terms, theta)
        return products.of(columns).reshape(v.shape)

    def _weighted(self) -> Iterator[tuple[int, float]]:
        return iter(enumerate(self._terms.weights))

    def _point(self, theta: Tensor | None) -> Tensor:
        if theta is None:
            return self.theta
        if theta.shape != self.theta.shape:
            raise ValueError(f"Expected theta of shape ({self.n_parameters},), got {tuple(theta.shape)}.")
        return theta.to(self.theta)

    def _with(self, terms: Terms, theta: Tensor) -> Objective:
        other = type(self).__new__(type(self))
        other._set(terms, theta, self.filter_blocks, self.layout)
        return other

    def _first_evaluation(self, terms: ModelTerms) -> None:
        """Meets the model's and the loss's faults here, where the user can act on them."""
        batch = terms.batches[0]
        with torch.no_grad():
            try:
                what = "loss_fn"
                first = terms.loss_on(self.theta, batch)
                what = "metrics"
                terms.metrics_on(self.theta, batch)
            except InvalidLossError:
                raise
            except Exception as error:
                raise ValueError(
                    f"Expected a model and {what} that take the batches of the data, got an error on "
                    f"the first batch, {describe(batch.content)}: {type(error).__name__}: {error}"
                ) from error
            self._check_repeatable(first, terms.loss_on(self.theta, batch), terms)
            self._check_mean(first, terms)
        self._check_finite(self.loss())

    def _check_repeatable(self, first: Tensor, second: Tensor, terms: ModelTerms) -> None:
        a, b = first.item(), second.item()
        near = abs(a - b) <= _REPEATABLE.get(self.dtype, 1e-4) * max(abs(a), abs(b))
        if near or a == b or math.isnan(a):  # two infinities have no difference
            return
        active = terms.active_dropout()
        cause = (
            f"these layers drop at random: {', '.join(active[:5])}. Use mode='eval'"
            if active
            else "the model or loss_fn draws random numbers. Fix its noise, for instance by a "
            "generator seeded in each call"
        )
        raise ValueError(
            "Expected the same loss at the same parameters, got "
            f"{a:.8g} and {b:.8g} in two evaluations. The likely cause: {cause}."
        )

    def _check_mean(self, whole: Tensor, terms: ModelTerms) -> None:
        """Notes whether the loss of a batch is the mean of the losses of its examples; warns where not."""
        parts = halves(terms.batches[0])
        if parts is None:
            return
        try:
            mean = sum(p.n * terms.loss_on(self.theta, p).item() for p in parts) / terms.batches[0].n
        except Exception:  # a model may insist on its batch size; then there is nothing to compare
            return
        difference = abs(mean - whole.item()) / (abs(whole.item()) or 1.0)
        terms.additive = difference <= _ADDITIVE.get(self.dtype, -1.0)
        if difference > 1e2 * _REPEATABLE.get(self.dtype, 1e-4):
            warnings.warn(
                f"The loss of the first batch is {whole.item():.6g}, the mean over its two halves "
                f"{mean:.6g}: it is not a mean over examples (class weights, ignored targets, "
                "batch statistics, or pairs within the batch?), so results depend on the batches.",
                stacklevel=4,
            )

    def _check_finite(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise ValueError(
                f"Expected a finite loss at the model's present weights, got {loss.item()}. "
                "Check the data and the weights for values that are not finite."
            )


def _copy(batch_loss: BatchLoss) -> BatchLoss:
    try:
        copied = copy.deepcopy(batch_loss)
    except Exception as error:
        raise TypeError(
            "Expected a model that copy.deepcopy can copy, because the one you passed must stay "
            f"untouched, got {type(error).__name__}: {error}"
        ) from error
    for parameter in copied.parameters():
        parameter.grad = None
    return copied


def _check_arguments(model: Any, loss_fn: Any, mode: Any, dtype: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"Expected model as a torch.nn.Module, got {type(model).__name__}. "
            "For a plain function of θ use Objective.from_function."
        )
    if not callable(loss_fn):
        raise TypeError(f"Expected loss_fn as a callable, got {type(loss_fn).__name__}.")
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
