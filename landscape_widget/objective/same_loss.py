"""Whether a model is the one of an objective in all that no state dict holds."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import private_copy
from landscape_widget.loss.copying import convert_module
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import state_tensors

#: Relative difference of losses of one function, which rounding alone makes differ.
_SAME_LOSS = 1e-4


def check_same_loss(objective: Objective, model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Holds the loss on the first batch against that of a model which the objective has a state of.

    The model may be trained meanwhile: it is a copy of it that is evaluated, at that state.

    What differs on other batches only is not found, which would take a pass over all data; nor is anything in
    training mode, whose forward passes may be random.

    Raises:
        RuntimeError: If they differ, because of what no state dict has.
    """
    here = objective.first_batch()
    terms = here.terms
    if not isinstance(terms, ModelTerms) or terms.training:
        return
    copied = private_copy(model, terms.loss_fn, None, training=False)
    other = convert_module(copied, here.device, here.dtype)
    with evaluated():
        for name, tensor in state_tensors(other.model).items():
            tensor.detach().copy_(state[name])
        for name, parameter in other.model.named_parameters():
            parameter.requires_grad_(here.in_graph and name in terms.layout.names)
        found = float(other(terms.batches[0].widened(), "loss").detach())
    expected = here.loss().item()
    rounding = 10 * torch.finfo(here.dtype).eps
    same = math.isclose(found, expected, rel_tol=_SAME_LOSS, abs_tol=rounding)
    if not same and (math.isfinite(found) or math.isfinite(expected)):
        raise RuntimeError(
            "Expected a model that is the explorer's in all but parameters and buffers, got one with a loss "
            f"of {found:.6g} on the first batch where the explorer's has {expected:.6g} with the same "
            "weights: an attribute, a buffer that is not persistent, tied weights or the forward pass are "
            "others. Make a new explorer."
        )
