"""The loss of a model on a data set as a pure function of the flat parameter vector θ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from landscape_widget.admission.acceptance import restored
from landscape_widget.admission.first_evaluation import first_evaluation
from landscape_widget.admission.pieces import in_pieces
from landscape_widget.admission.slope_check import CutOffError
from landscape_widget.data.reading import BatchSize, is_whole, read_batches
from landscape_widget.engine.random_state import preserved_random_state
from landscape_widget.loss.batch_loss import private_copy
from landscape_widget.loss.copying import convert_module
from landscape_widget.loss.parameters import Layout, Selection, filter_blocks, select_parameters
from landscape_widget.loss.terms import FunctionTerms, ModelTerms
from landscape_widget.numerics.checks import told
from landscape_widget.objective.arguments import (
    check_arguments,
    check_device,
    check_examples,
    check_function,
    check_metrics,
    widest_dtype,
)
from landscape_widget.objective.modes import told_of_mode
from landscape_widget.objective.names import names_of
from landscape_widget.objective.states import keys_of, others_of, theta_of, with_others
from landscape_widget.objective.statistics import WithStatistics
from landscape_widget.results.base import library_versions

#: What is said where the examples were not shown to have the same loss in other batches.
_AS_GIVEN = "as given: in others the loss is, or may be, another function"

#: Metrics by name, each called as the loss function is, each returning its mean over the batch.
Metrics = Mapping[str, Callable[..., Any]]


class Objective(WithStatistics):
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
        batch_size_fn: BatchSize = None,
    ) -> None:
        """Reads the data, evaluates the loss once, and holds its gradient against differences of it.

        Args:
            model: The model, whose present weights are θ*.
            data: A loader (any iterable of batches), a ``Dataset``, a pair of tensors (x, y) or a
                mapping of tensors.
            loss_fn: ``loss_fn(output, target)`` for (x, y) batches; ``loss_fn(model, batch)`` for any
                other batch, or whenever its first argument is named ``model``. Returns the mean over
                the batch (a loss module with ``reduction="sum"`` is divided by the batch size).
            device: Where to compute; default: where the model's parameters are.
            dtype: Floating-point type; default: that of the model's parameters, and where the data are
                rounded to it, a ``UserWarning`` says so.
            max_examples: The most examples that are taken, the first ones in the loader's order.
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
        check_arguments(model, loss_fn, mode, dtype, batch_size_fn)
        check_metrics(metrics)
        with preserved_random_state(), torch.inference_mode(False):
            selected = select_parameters(model, parameters)
            first = next(iter(selected.values()))
            device = first.device if device is None else check_device(device)
            chosen = dtype is not None
            dtype = dtype or widest_dtype(selected.values())
            layout = Layout(selected.items())
            batches = read_batches(data, max_examples, batch_size_fn, device, dtype, chosen=chosen)
            fresh = partial(private_copy, model, loss_fn, metrics, training=mode == "train")
            terms = ModelTerms(convert_module(fresh(), device, dtype), layout, batches)
            theta = layout.flatten({n: p.detach().clone() for n, p in selected.items()}).to(device, dtype)
            self._set(terms, theta, filter_blocks(model, layout), layout, batch_size_fn)
            self._names, self._mode = names_of(loss_fn, model), told_of_mode(model, mode)
            self._dtype_chosen = chosen
            with restored(model), terms.taking(new_batches=True):
                if is_whole(data):
                    terms = in_pieces(terms, theta, self.spans)
                    self._terms = terms
                self._in_graph = first_evaluation(
                    terms,
                    theta,
                    self.spans,
                    list(selected.values()),
                    told=batch_size_fn is not None,
                    fresh=fresh,
                )

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
        check_function(f, theta)
        objective = cls.__new__(cls)
        blocks = torch.full(theta.shape, -1, dtype=torch.long)
        with torch.inference_mode(False):
            objective._set(FunctionTerms(f), theta.detach().clone(), blocks, None)
            objective._names = names_of(f)
            try:
                first_evaluation(objective._terms, objective.theta, objective.spans, [], told=True)
            except CutOffError as error:  # its losses are right, and all that needs no derivative
                objective._cut_off = error
        return objective

    def __repr__(self) -> str:
        examples = f"{self.n_examples:,} example{'s' * (self.n_examples != 1)}"
        sizes = f"{self.n_parameters:,} parameters", examples
        return f"{type(self).__name__}({', '.join([*self._names.values(), *sizes])})"

    def provenance(self, quantity: str, **details: Any) -> dict[str, Any]:
        """What a reader needs to repeat a result of this objective."""
        return {
            "quantity": quantity,
            **self._names,
            "batch_norm": getattr(self._terms, "batch_norm", "frozen"),
            **self._mode,
            **details,
            "dtype": str(self.dtype).removeprefix("torch."),
            "n_examples": self.n_examples,
            "n_parameters": self.n_parameters,
            **({"precision": self._imprecise} if self._imprecise else {}),
            **({"doubt": self.doubt} if self.doubt else {}),
            **({} if all(self._groupings.values()) else {"batches": _AS_GIVEN}),
            "versions": library_versions(),
        }

    def check_examples(self, n_examples: int) -> int:
        """``n_examples`` itself, if there are that many.

        Raises:
            ValueError: If not.
        """
        return check_examples(n_examples, self.n_examples, self.divisible)

    def subset(self, n_examples: int) -> Objective:
        """The same objective over a fixed random choice of ``n_examples``, nested as the number grows.

        Raises:
            ValueError: If there are not that many.
        """
        if self.check_examples(n_examples) == self.n_examples:
            return self
        with torch.inference_mode(False):
            return self._with(self._terms.subset(n_examples), self.theta)._by_same(self)

    def parts(self, n_examples: int, size: int) -> list[Objective]:
        """The same objective over each of some small groups of examples that are drawn from all.

        Args:
            n_examples: Examples in all of them, or all that there are.
            size: Examples in one of them, about.

        Returns:
            None where the examples cannot be had alone, or are one group.
        """
        if not isinstance(self._terms, ModelTerms) or not self.divisible:
            return []
        with torch.inference_mode(False):
            sample = self._terms.subset(min(n_examples, self.n_examples)).regroup(size)
            groups = sample.batches if len(sample.batches) > 1 else []
            return [self._with(sample.over([batch]), self.theta) for batch in groups]

    def repeatable(self) -> Objective:
        """The same objective in this thread, whose products have the same bits in every process."""
        other = self.at(self.theta)
        other._executor, other._repeatable = None, True
        return other

    def with_state(self, state: Mapping[str, Tensor]) -> Objective:
        """The same objective at the weights of a checkpoint, with its frozen parameters and buffers.

        Args:
            state: A state dict of the model, complete, or {"θ": θ} for a vector θ of shape (N,) alone.

        Raises:
            ValueError: If tensors are missing, foreign or of another shape, naming them.
        """
        if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
            raise TypeError(
                "Expected state as a state dict, tensors by their names, such as model.state_dict(), got "
                f"{told(state) if isinstance(state, Mapping) else type(state).__name__}."
            )
        try:
            keys = keys_of(self, {name: tensor.shape for name, tensor in state.items()})
        except ValueError as error:
            raise ValueError(f"Expected a state of the objective's model, but {error}") from error
        with torch.inference_mode(False):
            moved = self.at(theta_of(self, state, keys).clone())
            others = others_of(self, state, keys)
            if others:
                moved._terms = with_others(self._terms, others)
        return moved

    def with_data(self, data: Any, max_examples: int | None = None) -> Objective:
        """The same model, loss, metrics and θ* on other data, for instance those held out for testing.

        Args:
            data: See the constructor.
            max_examples: The most examples that are taken, the first ones in the loader's order.

        Raises:
            ValueError: If the model cannot take the data, or what the constructor raises of them.
            TypeError: Data of the wrong kind, an objective that was made of a function, or one whose
                batch-norm statistics follow θ.
        """
        if self.layout is None:
            raise TypeError("Expected an objective of a model, got one of a function, which takes no data.")
        own = self._with_frozen_statistics("with_data")
        with preserved_random_state(), torch.inference_mode(False):
            how = self._batch_size_fn, self.device, self.dtype
            batches = read_batches(data, max_examples, *how, chosen=self._dtype_chosen)
            terms = own.over(batches)
            with terms.taking(new_batches=True):
                if is_whole(data):
                    terms = in_pieces(terms, self.theta, self.spans)
                told = self._batch_size_fn is not None
                first_evaluation(terms, self.theta, self.spans, [], told=told)
        return self._with(terms, self.theta)._by_same(self)

    @property
    def has_metrics(self) -> bool:
        """Whether there are further quantities beside the loss."""
        return isinstance(self._terms, ModelTerms) and self._terms.has_metrics

    def first_batch(self) -> Objective:
        """The same objective over its first batch alone, for checks that must not cost a whole pass."""
        return self._with(self._terms.first(), self.theta)
