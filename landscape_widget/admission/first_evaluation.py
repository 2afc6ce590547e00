"""The first evaluation of a loss, where its faults are met and the user can act on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from landscape_widget.admission import not_finite
from landscape_widget.admission.acceptance import accepted, check_whole
from landscape_widget.admission.graph_check import derivative
from landscape_widget.admission.held_elsewhere import check_held_elsewhere
from landscape_widget.admission.kept import check_kept
from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.own_model import OF_OWN_MODEL, depend_on
from landscape_widget.admission.precision import repeatable
from landscape_widget.admission.rows import check_rows
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import BatchLoss, InvalidLossError
from landscape_widget.loss.evaluation import Spans
from landscape_widget.loss.options import is_mean
from landscape_widget.loss.terms import ModelTerms, Terms
from landscape_widget.numerics.checks import few

#: Examples that stand for all in what a model does to each of them alike.
_FEW = 16


def first_evaluation(
    terms: Terms,
    theta: Tensor,
    spans: Spans,
    own: Sequence[Tensor],
    *,
    told: bool,
    fresh: Callable[[], BatchLoss] | None = None,
) -> bool:
    """Evaluates loss and metrics at θ, and holds the gradient against the loss on some of the first examples.

    Args:
        terms: Terms of the loss L.
        theta: θ, shape (N,).
        spans: Where each parameter tensor lies in θ.
        own: The parameters of the user's own model that make up θ, which L must not depend on.
        told: Whether the user said how many examples a batch holds.
        fresh: Makes a copy of model and loss that has not been called yet; None of a model that is known.

    Returns:
        Whether the loss asks whether parameters require a gradient, so that its values need a graph.

    Raises:
        ValueError: For whatever is wrong with loss, metrics or model, and what to do about it.
    """
    probe = Probe.of(terms, theta, spans)
    if not isinstance(terms, ModelTerms):
        found = derivative(probe.widened(), own)
        loss = probe.value(theta, in_graph=found.in_graph)
        if not math.isfinite(loss):
            raise not_finite.refusal(loss, [loss], terms, theta, spans)
        found.check_slope()
        return found.in_graph
    first = accepted(terms, theta, spans)
    probe = probe.first()
    if is_mean(terms.loss_fn, terms.batches[:1]):  # then the model alone may couple examples
        probe = probe.few(_FEW)
    probe = probe.widened()
    check_rows(probe, terms, told=told)
    found = derivative(probe.few(_FEW), own)
    if fresh is not None:
        check_kept(found)
    _check_metrics(terms, theta, own)
    check_whole(terms, theta, spans, first=first, in_graph=found.in_graph)
    found.check_slope()
    if fresh is not None:
        check_held_elsewhere(found, fresh, theta.dtype)
    if written := terms.written_in_place():
        raise InvalidLossError(
            "Expected a model that leaves its parameters as they are, got a forward pass that writes into "
            f"{few(written)}. Do that in the training step, or on a copy in forward."
        )
    return found.in_graph


def _check_metrics(terms: ModelTerms, theta: Tensor, own: Sequence[Tensor]) -> None:
    """Sees that no metric reads the user's own model, asks for gradients, or differs between calls."""
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


def _as_in_training(terms: ModelTerms, theta: Tensor) -> dict[str, float]:
    """The metrics of parameters that require a gradient, without a graph; none where they need one."""
    with suppress(Exception), evaluated(), torch.no_grad():
        return terms.metrics_on(theta.detach().clone().requires_grad_(), terms.batches[0])
    return {}
