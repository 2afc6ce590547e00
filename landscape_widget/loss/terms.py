"""The loss as a sum of terms over batches, each a pure function of the flat parameter vector θ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from landscape_widget.data.batches import (
    Batch,
    convert_late,
    leaving_none_alone,
    regrouped,
    shuffled,
    shuffled_subset,
)
from landscape_widget.data.tree import describe
from landscape_widget.engine.held_tensors import HeldTensors
from landscape_widget.loss import parametrized
from landscape_widget.loss.batch_loss import BatchLoss, as_scalar
from landscape_widget.loss.calling import is_pair, reminder
from landscape_widget.loss.copying import convert_module, deep_copy
from landscape_widget.loss.dropout import drops
from landscape_widget.loss.parameters import Layout

#: Buffers of the model by name, in place of its own; a layer in train mode writes into them.
Buffers = Mapping[str, Tensor]


class Terms(Protocol):
    """L(θ) = Σ_b weights[b] · term(θ, b)."""

    @property
    def weights(self) -> Sequence[float]:
        """Share of the examples in each batch; they add up to 1."""

    @property
    def n_examples(self) -> int:
        """Examples in all batches."""

    def term(self, theta: Tensor, b: int) -> Tensor:
        """Mean loss of batch ``b`` at θ, a scalar."""

    def metrics(self, theta: Tensor, b: int) -> dict[str, float]:
        """Mean of each metric over batch ``b`` at θ."""

    def convert(self, device: torch.device, dtype: torch.dtype) -> Terms:
        """The same terms on another device or in another dtype."""

    def subset(self, n: int) -> Terms:
        """The same terms over ``n`` of the examples."""

    def first(self) -> Terms:
        """The first of the terms alone."""

    def regroup(self, size: int) -> Terms:
        """The same examples with about ``size`` in each term; L may be another one then."""


class FunctionTerms:
    """One term: a function of θ that the caller wrote."""

    weights: Sequence[float] = (1.0,)
    n_examples = 1

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        self._f = f

    def term(self, theta: Tensor, b: int) -> Tensor:
        """Returns f(θ)."""
        return as_scalar(self._f(theta), "f")

    def metrics(self, theta: Tensor, b: int) -> dict[str, float]:
        """None: there is no output to measure."""
        return {}

    def convert(self, device: torch.device, dtype: torch.dtype) -> FunctionTerms:
        """Itself: the function takes θ as it comes."""
        return self

    def subset(self, n: int) -> FunctionTerms:
        """Itself: there is one example."""
        return self

    def first(self) -> FunctionTerms:
        """Itself: there is one term."""
        return self

    def regroup(self, size: int) -> FunctionTerms:
        """Itself: there is one term."""
        return self


class ModelTerms:
    """A private copy of the model on a snapshot of the data; batches weigh by their examples."""

    batch_norm = "frozen"
    """What is told of its batch-norm statistics: "recomputed" where they are held at what they were found."""

    def __init__(self, batch_loss: BatchLoss, layout: Layout, batches: Sequence[Batch]) -> None:
        """Takes ownership of ``batch_loss``, which must hold a copy of the user's model."""
        self._batch_loss = batch_loss
        self.layout = layout
        self._set_batches(batches)
        self._take()
        # such as whether weight decay leaves one out
        self._attributes = {name: vars(p) for name, p in batch_loss.named_parameters() if vars(p)}

    def _take(self) -> None:
        """Takes the module as it is."""
        # one that is called from two threads at once would give wrong losses in silence
        self._lock = RLock()
        self._versions = {name: p._version for name, p in self._batch_loss.named_parameters()}
        self._held = HeldTensors(self._batch_loss)

    def _set_batches(self, batches: Sequence[Batch]) -> None:
        self.batches = list(batches)
        self.n_examples = sum(batch.n for batch in batches)
        self.weights = [batch.n / self.n_examples for batch in batches]

    def __getstate__(self) -> dict[str, Any]:
        # pickled by and by, while another thread may put its tensors in the place of the model's
        copied = self._copy()
        parametrized.take_apart(copied)
        state = vars(self) | {"_batch_loss": copied}
        return {name: value for name, value in state.items() if name not in ("_lock", "_versions", "_held")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        parametrized.put_together(self._batch_loss)
        self._take()

    def term(self, theta: Tensor, b: int) -> Tensor:
        """Mean loss of batch ``b`` with the parameters θ."""
        return self.loss_on(theta, self.batches[b])

    def metrics(self, theta: Tensor, b: int) -> dict[str, float]:
        """Mean of each metric over batch ``b`` with the parameters θ."""
        return self.metrics_on(theta, self.batches[b])

    def output(self, theta: Tensor, b: int) -> tuple[Tensor, Tensor, int]:
        """The model's outputs on batch ``b`` with the parameters θ, the targets, and its number of examples.

        Raises:
            ValueError: If the batches are no pairs (x, y), or the outputs no tensor.
        """
        batch = self.batches[b].widened()
        if not is_pair(batch.content):
            raise ValueError(f"Expected batches (x, y), got {describe(batch.content)}.")
        output = self._call(theta, batch, "output")
        if not isinstance(output, Tensor):
            raise ValueError(f"Expected a model that returns a tensor, got {describe(output)}.")
        return output, batch.content[1], batch.n

    @property
    def loss_fn(self) -> Callable[..., Any]:
        """The loss function, or a copy of one that is a module."""
        loss_fn: Callable[..., Any] = self._batch_loss.loss_fn
        return loss_fn

    @property
    def takes_model(self) -> bool:
        """Whether it is called as loss_fn(model, batch), by the name of its first argument."""
        return self._batch_loss.takes_model

    @property
    def has_metrics(self) -> bool:
        """Whether there are quantities beside the loss."""
        return bool(self._batch_loss.metrics)

    def reminder(self, what: str, batch: Batch, error: Exception) -> str:
        """How ``what``, "loss_fn" or "metrics", is called on a batch, where an error may come from that."""
        metrics = {f"The metric {name!r}": metric for name, metric in self._batch_loss.metrics.items()}
        functions = {"loss_fn": self.loss_fn} if what == "loss_fn" else metrics
        told = dict.fromkeys(reminder(name, f, batch.content, error) for name, f in functions.items())
        return "".join(f" {words}" for words in told if words)

    def named_modules(self) -> dict[str, nn.Module]:
        """The modules of the model by name."""
        return dict(self._batch_loss.model.named_modules())

    @contextmanager
    def at_rest(self) -> Iterator[nn.Module]:
        """The model between two evaluations: during one it holds the tensors of that for its own."""
        with self._lock:
            yield self._batch_loss.model

    def held(self) -> dict[str, Tensor]:
        """The floating-point buffers and parameters of the model itself, θ as it was among them, by name."""
        with self.at_rest() as model:
            tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        return {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}

    def loss_on(self, theta: Tensor, batch: Batch, buffers: Buffers | None = None) -> Tensor:
        """Mean loss of any batch with the parameters θ, and other buffers where they are given."""
        loss: Tensor = self._call(theta, batch, "loss", buffers)
        return loss

    def metrics_on(self, theta: Tensor, batch: Batch, buffers: Buffers | None = None) -> dict[str, float]:
        """Mean of each metric over any batch, likewise; without metrics no pass is made."""
        if not self._batch_loss.metrics:
            return {}
        metrics: dict[str, float] = self._call(theta, batch, "metrics", buffers)
        return metrics

    def loss_with(self, parameters: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Mean loss of any batch with the parameters by name."""
        loss: Tensor = self._call_with(parameters, batch, "loss")
        return loss

    def buffers(self, modules: Sequence[str]) -> dict[str, Tensor]:
        """The buffers of these modules of the model by name, as ``loss_on`` takes them."""
        return {
            f"model.{name}.{key}" if name else f"model.{key}": buffer
            for name, module in self.named_modules().items()
            if name in modules
            for key, buffer in module.named_buffers(recurse=False)
        }

    def with_model(self, change: Callable[[dict[str, nn.Module]], None]) -> ModelTerms:
        """The same with a copy of the model of which ``change`` gets the modules by name."""
        batch_loss = self._copy()
        change(dict(batch_loss.model.named_modules()))
        return ModelTerms(batch_loss, self.layout, self.batches)

    def _call(self, theta: Tensor, batch: Batch, what: str, buffers: Buffers | None = None) -> Any:
        return self._call_with(self.layout.unflatten(theta), batch, what, buffers)

    def _call_with(
        self, parameters: Mapping[str, Tensor], batch: Batch, what: str, buffers: Buffers | None = None
    ) -> Any:
        tensors = {f"model.{name}": t for name, t in parameters.items()}
        for name in self._attributes.keys() & tensors.keys():
            vars(tensors[name]).update(self._attributes[name])
        with self._lock:
            # layers that write into their buffers would make the next evaluation one of another function
            return self._held.call(tensors, buffers or {}, batch.widened(), what)

    @property
    def training(self) -> bool:
        """Whether the model is in training mode."""
        return self._batch_loss.model.training

    @property
    def divisible(self) -> bool:
        """Whether every batch can be cut between any two examples."""
        return all(batch.divisible for batch in self.batches)

    def never_cut(self) -> None:
        """The model does not take part of a batch."""
        self.batches = [replace(batch, divisible=False) for batch in self.batches]

    @contextmanager
    def taking(self, *, new_batches: bool) -> Iterator[None]:
        """Where new batches are looked at, one after another, for whether the loss changes any of them.

        Others are given as they are, as long as the loss is not known to change them.
        """
        before, self._batch_loss.looks = self._batch_loss.looks, new_batches
        try:
            yield
        finally:
            self._batch_loss.looks = before

    def time_may_come_first(self) -> list[str]:
        """Names of layers that take sequences with time as their first dimension."""
        return [
            name
            for name, module in self.named_modules().items()
            if getattr(module, "batch_first", None) is False
        ]

    def written_in_place(self) -> list[str]:
        """Names of parameters outside θ that a forward pass has written into since the copy was made."""
        present = {name: p._version for name, p in self._batch_loss.named_parameters()}
        return [name for name, version in present.items() if version != self._versions.get(name, version)]

    def active_dropout(self) -> list[str]:
        """Names of the layers that drop units at random in the model's present mode."""
        return [
            name
            for name, module in self._batch_loss.model.named_modules()
            if module.training and drops(module)
        ]

    def convert(self, device: torch.device, dtype: torch.dtype) -> ModelTerms:
        """The same with a copy of the model, on ``device`` in ``dtype``; data are shared where possible."""
        batch_loss = convert_module(self._copy(), device, dtype)
        converted = ModelTerms(batch_loss, self.layout, convert_late(self.batches, device, dtype))
        converted.batch_norm = self.batch_norm
        return converted

    def _copy(self) -> BatchLoss:
        with self.at_rest():
            return deep_copy(self._batch_loss)

    def subset(self, n: int) -> ModelTerms:
        """The same model over ``n`` examples drawn without replacement (nested as n grows).

        What is taken of the batches is joined to batches of their size, or larger ones where a single example
        would be left: a few examples of every batch would cost as many calls as all of them.
        """
        size = leaving_none_alone(n, max(batch.n for batch in self.batches))
        return self.over(shuffled_subset(self.batches, n)).regroup(size)

    def first(self) -> ModelTerms:
        """The same model over the first batch."""
        return self.over(self.batches[:1])

    def over(self, batches: Sequence[Batch]) -> ModelTerms:
        """The same model over other batches, which must be on its device and in its dtype."""
        terms = ModelTerms.__new__(ModelTerms)
        vars(terms).update(vars(self))
        terms._set_batches(batches)
        return terms

    def regroup(self, size: int) -> ModelTerms:
        """The same examples in batches of ``size`` and a rest, as far as batches can be joined and cut."""
        batches = regrouped(self.batches, size)
        same = [batch.n for batch in batches] == [batch.n for batch in self.batches]
        return self if same else self.over(batches)

    def shuffled(self) -> ModelTerms:
        """The same examples in a random order, in batches as large as these; a copy of the data."""
        return self.over(shuffled(self.batches))
