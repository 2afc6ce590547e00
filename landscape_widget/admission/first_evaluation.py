"""The first evaluation of a loss, where its faults are met and the user can act on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from landscape_widget.admission import not_finite
from landscape_widget.admission.acceptance import accepted, check_whole
from landscape_widget.admission.graph_check import derivative
from landscape_widget.admission.held_elsewhere import check_held_elsewhere
from landscape_widget.admission.kept import check_kept
from landscape_widget.admission.metrics import check_metrics
from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.rows import check_rows
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

    Warns:
        UserWarning: If the loss is not a mean over examples, or a metric is a sum over them.
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
    check_metrics(terms, theta, own)
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
