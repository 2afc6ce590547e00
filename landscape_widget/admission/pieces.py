"""Data that came as whole tensors, in pieces where the loss is seen to be a mean over examples.

The loss of such data is ``loss_fn`` of all of them at once. Pieces cost less memory, and have the same loss
unless examples are coupled: by class weights, ignored targets, a sum over pairs, a batch statistic.
"""

from __future__ import annotations

import logging
from itertools import pairwise

import torch
from torch import Tensor

from landscape_widget.admission.nearby import Probe
from landscape_widget.data.batches import Batch, leaving_none_alone, regrouped
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.evaluation import Spans, loss_of
from landscape_widget.loss.options import is_mean
from landscape_widget.loss.terms import ModelTerms

log = logging.getLogger(__name__)

#: Examples in a piece.
PIECE = 512

#: Examples by which it is seen whether the model couples those of a batch.
_FEW = 64

#: Relative difference, in float64, up to which the loss of two pieces is the mean of theirs.
_SAME = 1e-10


def in_pieces(terms: ModelTerms, theta: Tensor, spans: Spans) -> ModelTerms:
    """The terms of whole data in pieces of ``PIECE`` examples, or as one term where that has another loss.

    A standard loss takes no more than a few examples to see whether the model couples them; of any other
    one, whose examples may be coupled by what is in the data, all of them are looked at.

    Args:
        terms: L of the whole data, in one batch or several.
        theta: θ, shape (N,).
        spans: Where each parameter tensor lies in θ.
    """
    pieces = terms.regroup(leaving_none_alone(terms.n_examples, PIECE))
    if len(pieces.batches) == 1:
        return pieces
    probe = Probe.of(pieces, theta, spans)
    size = PIECE // 2
    if is_mean(pieces.loss_fn, pieces.batches):
        probe, size = probe.few(_FEW), _FEW // 2
    try:
        wide = probe.widened()
        same = wide.theta.dtype is torch.float64 and _is_additive(wide, size)
    except InvalidLossError:
        raise
    except Exception as error:  # a model may insist on its batch, or have no loss there
        if out_of_memory(error):
            raise
        log.info("Data are not cut: %s: %s", type(error).__name__, error)
        same = False
    return pieces if same else terms.regroup(terms.n_examples)


def _is_additive(probe: Probe, size: int) -> bool:
    """Whether the loss of any two neighbouring stretches of ``size`` examples is the mean of theirs."""
    terms, (theta, _) = probe.terms, probe.point
    assert isinstance(terms, ModelTerms)

    def loss(batch: Batch) -> float:
        return loss_of(terms.over([batch]), theta, probe.spans)

    stretches = regrouped(terms.batches, size)
    losses = [batch.n * loss(batch) for batch in stretches]
    for i, both in enumerate(pairwise(stretches)):
        joined = regrouped(both, 2 * size)
        if len(joined) > 1:
            return False
        whole, parts = joined[0].n * loss(joined[0]), losses[i] + losses[i + 1]
        if not abs(whole - parts) <= _SAME * (abs(losses[i]) + abs(losses[i + 1])):
            return False
    return True
