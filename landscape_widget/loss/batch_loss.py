"""Model, loss function and metrics on one batch, and what they must return."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from landscape_widget.data.batches import Batch
from landscape_widget.data.counting import is_list_of_examples
from landscape_widget.data.tree import describe, leaves
from landscape_widget.engine.derivatives import unseen
from landscape_widget.loss.calling import is_pair, takes_model
from landscape_widget.loss.compiled import uncompiled
from landscape_widget.loss.copying import deep_copy
from landscape_widget.loss.options import reduction
from landscape_widget.numerics.checks import few

#: What is said of a model that has written into a batch where none was written into before.
_LATE = (
    "Expected a model, loss_fn and metrics that write into batches at θ* or nowhere, got some that left all "
    "of them as they are there, and changed one elsewhere, which is not what it was any more. Use operations "
    "that are not in place, or .clone() first, and make the objective anew."
)


class BatchLoss(nn.Module):
    """Model, loss function and metrics as one module, so that these meet the model with θ in place."""

    def __init__(
        self,
        model: nn.Module,
        loss_fn: Callable[..., Tensor],
        metrics: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss_fn = loss_fn = uncompiled(loss_fn)
        self.metrics = {name: uncompiled(metric) for name, metric in (metrics or {}).items()}
        # those that are modules go along to another device or dtype
        self.metric_modules = nn.ModuleList(m for m in self.metrics.values() if isinstance(m, nn.Module))
        self.takes_model = takes_model(loss_fn)
        self._metrics_taking_model = {name for name, metric in self.metrics.items() if takes_model(metric)}
        self._writes: dict[str, bool] = {}
        """Whether what is computed changes batches, as far as it is known."""
        self._spoilt = False
        self.looks = False
        """Whether batches are looked at that may have been never before."""

    def forward(self, batch: Batch, what: str = "loss") -> Any:
        """Mean loss of the batch, shape (), or its metrics or the model's output as ``what`` says.

        The batch stays as it is: where model or loss write into theirs or take something out of it, as of one
        that a loader makes anew in each epoch, or it is not known yet whether they do, they get a copy.

        Raises:
            InvalidLossError: If they write into tensors that have shared memory, which their copies do not,
                or begin to write when all batches were looked at.
        """
        if self._spoilt:
            raise InvalidLossError(_LATE)
        copies = self.looks or self._writes.get(what, True)
        batch = batch.copied() if copies else batch
        given = list(leaves(batch.content))
        versions = _versions(given)
        found = self._found(batch, what)
        written = versions != _versions(given)
        if written and batch.shared:
            raise InvalidLossError(
                "Expected a model, loss_fn and metrics that leave a batch as it is where its tensors share "
                "memory, as of x and x.view(-1), got some that write into it: what else they change is not "
                "known. Use operations that are not in place, or .clone() first."
            )
        changed = written or list(map(id, given)) != list(map(id, leaves(batch.content)))
        if changed and not copies:
            self._spoilt = True
            raise InvalidLossError(_LATE)
        self._writes[what] = changed or self._writes.get(what, False)
        return found

    def _found(self, batch: Batch, what: str) -> Any:
        output = cache(lambda: _apply(self.model, batch.content[0], batch.n))
        if what == "output":
            return output()
        if what == "loss":
            loss = as_scalar(self._call(self.loss_fn, self.takes_model, batch, output), "loss_fn")
            return _mean(self.loss_fn, loss, batch)
        values = {
            name: self._call(metric, name in self._metrics_taking_model, batch, output)
            for name, metric in self.metrics.items()
        }
        return {name: _mean(self.metrics[name], as_number(v, name), batch) for name, v in values.items()}

    def _call(self, f: Callable[..., Any], takes_model: bool, batch: Batch, output: Callable[[], Any]) -> Any:
        """f(model, batch) or f(output, target)."""
        if takes_model or not is_pair(batch.content):
            return f(self.model, batch.content)
        return f(output(), batch.content[1])


def _versions(given: list[Any]) -> list[int]:
    """What changes when a tensor is written into, of each."""
    with unseen():
        return [0 if not isinstance(x, Tensor) or x.is_inference() else x._version for x in given]


def private_copy(
    model: nn.Module,
    loss_fn: Callable[..., Tensor],
    metrics: Mapping[str, Callable[..., Any]] | None,
    *,
    training: bool,
) -> BatchLoss:
    """The three on copies of what the user passed, that evaluations can have for themselves.

    They are where those are, and of their types.

    Raises:
        TypeError: If something in them cannot be copied.
        InvalidLossError: If the mode changes parameters.
    """
    copied = deep_copy(BatchLoss(model, loss_fn, metrics))
    _put_in_mode(copied.model, training)
    return copied.requires_grad_(False)


def _put_in_mode(model: nn.Module, training: bool) -> None:
    """Puts a copy in train or eval mode, and sees that what is trained of it stays as it is.

    Raises:
        InvalidLossError: If it does not, naming parameters: θ is that of the user's model in its own mode.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    before = {name: p.detach().clone() for name, p in trained.items()}
    model.train(training)
    held = dict(model.named_parameters(remove_duplicate=False))
    changed = [
        name
        for name, p in trained.items()
        if held.get(name) is not p
        or not bool(((p == before[name]) | (p.isnan() & before[name].isnan())).all())
    ]
    if changed:
        mode = "train" if training else "eval"
        raise InvalidLossError(
            f"Expected a model whose parameters stay as they are when it is put in {mode} mode, got one "
            f"whose {mode}() changes or removes {few(changed)}, as adapters do that are merged with weights "
            "and branches that are fused. Switch that off, or put the model in the mode that is asked for "
            f"before: model.{mode}() for mode={mode!r}."
        )


def _mean(f: Callable[..., Any], value: Any, batch: Batch) -> Any:
    """The mean over the batch, also where a module or function of ``torch.nn`` returns the sum."""
    return value / batch.n if reduction(f) == "sum" else value


class InvalidLossError(ValueError):
    """The loss function or a metric returned something other than one real number."""


def as_scalar(loss: Any, source: str) -> Tensor:
    """``loss`` as a tensor of shape ().

    Raises:
        InvalidLossError: If it is no real floating-point tensor, or has more than one element.
    """
    with unseen():
        if not isinstance(loss, Tensor) or not loss.is_floating_point():
            raise InvalidLossError(
                f"Expected {source} to return a real floating-point torch tensor with one element, "
                f"got {describe(loss)}."
            )
        if loss.numel() != 1:
            raise InvalidLossError(
                f"Expected {source} to return a scalar, the mean over the examples of the batch, got a "
                f"tensor of shape {tuple(loss.shape)}. Take its mean, or use reduction='mean'."
            )
        return loss.reshape(())


def as_number(value: Any, metric: str) -> float:
    """What a metric returned as a number.

    Raises:
        InvalidLossError: If it is not one real number.
    """
    if isinstance(value, Tensor | np.ndarray | np.generic) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, int | float):
        raise InvalidLossError(
            f"Expected the metric {metric!r} to return one real number, its mean over the examples of the "
            f"batch, got {describe(value)}."
        )
    return float(value)


def _apply(model: Callable[..., Any], inputs: Any, n: int) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    packed = isinstance(inputs, PackedSequence)
    if isinstance(inputs, list | tuple) and not packed and not is_list_of_examples(inputs, n):
        return model(*inputs)
    return model(inputs)
