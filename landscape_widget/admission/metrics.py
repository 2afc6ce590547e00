"""Whether metrics are means over a batch, and depend on parameters and data alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor

from landscape_widget.admission.own_model import OF_OWN_MODEL, depend_on
from landscape_widget.admission.precision import repeatable
from landscape_widget.data.batches import halves
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.terms import ModelTerms

#: Share of a metric that either half of a batch has where their sum tells something: a largest value is the
#: sum of two where one of them is next to nothing.
_TELLS = 1e-3


def check_metrics(terms: ModelTerms, theta: Tensor, own: Sequence[Tensor]) -> None:
    """Sees that no metric reads the user's own model, asks for gradients, or differs between calls.

    Args:
        terms: Terms of the loss L, with the metrics.
        theta: θ, shape (N,).
        own: The parameters of the user's own model that make up θ.

    Raises:
        ValueError: If one does.

    Warns:
        UserWarning: If one is the sum over a batch, as a count is, and not the mean.
    """
    alone: dict[str, float] = {}

    def compute() -> list[float]:
        with evaluated():
            values = terms.metrics_on(theta.detach().clone(), terms.batches[0])
        alone.update(values | alone)  # the first ones are those of memory as it is
        return list(values.values())

    same = repeatable(theta.dtype)
    if found := depend_on(own, compute, same):
        name = list(alone)[found[0]]
        raise InvalidLossError(OF_OWN_MODEL.format(f"metric {name!r}", "metric", name))
    with evaluated():
        for batch in terms.batches[-1], terms.batches[0]:
            again = terms.metrics_on(theta.detach().clone(), batch)
    for name, value in again.items():
        if abs(value - alone[name]) > same * max(abs(value), abs(alone[name])):
            raise InvalidLossError(
                "Expected metrics that depend on the values of parameters and data alone, got "
                f"{name!r} of {alone[name]:.8g}, and of {value:.8g} in a later call on the same batch. Have "
                "it keep nothing from call to call, and draw no random numbers."
            )
    for name, asked in _as_in_training(terms, theta).items():
        if abs(asked - alone[name]) > same * max(abs(asked), abs(alone[name])):
            raise InvalidLossError(
                "Expected metrics that depend on the values of parameters and data alone, got "
                f"{name!r} of {asked:.8g} where parameters require a gradient and {alone[name]:.8g} where "
                "they do not. Leave that question out, or tell parameters by their names."
            )
    _tell_of_sums(terms, theta, alone)


def _as_in_training(terms: ModelTerms, theta: Tensor) -> dict[str, float]:
    """The metrics of parameters that require a gradient, without a graph; none where they need one."""
    with suppress(Exception), evaluated(), torch.no_grad():
        return terms.metrics_on(theta.detach().clone().requires_grad_(), terms.batches[0])
    return {}


def _tell_of_sums(terms: ModelTerms, theta: Tensor, alone: dict[str, float]) -> None:
    """Warns of metrics whose value over the first batch is that over its halves, added."""
    parts = halves(terms.batches[0]) if alone else None
    if parts is None:
        return
    try:
        with evaluated():
            one, other = (terms.metrics_on(theta.detach().clone(), part) for part in parts)
    except Exception as error:  # a model may insist on its batch size
        if out_of_memory(error):
            raise
        return
    for name, whole in alone.items():
        added, least = one[name] + other[name], min(abs(one[name]), abs(other[name]))
        if abs(added - whole) <= repeatable(theta.dtype) * abs(whole) and least > _TELLS * abs(whole):
            warnings.warn(
                f"Expected metrics that return their mean over the batch, got {name!r} of {whole:.6g} over "
                f"the first batch, {one[name]:.6g} over its first half and {other[name]:.6g} over the rest: "
                "a sum. Divide it by the number of examples.",
                stacklevel=5,
            )
