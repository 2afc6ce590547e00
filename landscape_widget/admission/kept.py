"""Whether model or loss keep what they have made of parameters while they take them for the same tensors."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from landscape_widget.admission.graph_check import Derivative
from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.precision import repeatable
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.terms import ModelTerms

#: Tensors that take the identities which Python would give again.
_CROWD = 1000

#: Entries between the addresses of tensors, even as those of complex numbers are.
_APART = 2

#: How much more than two evaluations in new tensors the losses must differ.
_NOISE = 100.0


def check_kept(found: Derivative, few: Probe) -> None:
    """Sees that the loss near θ is the same in tensors that have held θ before.

    Python gives the identity and the memory of a tensor that is gone to the next one: what is kept by these,
    or by versions, is taken for that of other parameters then. Whether that has happened yet is left to
    chance, so that no two losses are compared here but those in tensors that are new in both respects.

    Args:
        found: The gradient of the loss near θ.
        few: The loss of few examples.

    Raises:
        InvalidLossError: If it is not.
    """
    point, _ = few.point
    held = [point.view_as(point) for _ in range(_CROWD)]
    for in_graph in {found.in_graph, True}:
        loss = partial(_loss, few, held, in_graph)
        fresh, again = loss(point), loss(few.theta, point)
        if not abs(again - fresh) > repeatable(point.dtype) * max(abs(again), abs(fresh)):
            continue
        if abs(again - fresh) > _NOISE * abs(loss(point) - fresh):
            raise InvalidLossError(
                "Expected a model and loss_fn whose loss depends on the values of parameters and data alone, "
                f"got {fresh:.8g} and {again:.8g} at the same ones, the latter in tensors that held others "
                "before: they keep what they have made of parameters from call to call, for instance by the "
                "id, the version or the address of one. Have forward make it anew."
            )


def _loss(few: Probe, held: list[Tensor], in_graph: bool, *values: Tensor) -> float:
    """The loss at the last of several values of θ, each written into the same tensors.

    Args:
        few: The loss.
        held: Tensors whose identities are taken, to which these are added, without their memory.
        in_graph: Whether they require a gradient.
        *values: Those of θ, of shape (N,).
    """
    terms, like = few.terms, few.theta
    assert isinstance(terms, ModelTerms)
    shift = _APART * len(held)
    with evaluated():
        theta = torch.empty(len(like) + shift, dtype=like.dtype, device=like.device)[shift:]
        theta.requires_grad_(in_graph)
        parameters = terms.layout.unflatten(theta)
        for value in values:
            theta.data.copy_(value)  # which counts as no change of version
            loss = terms.loss_with(parameters, terms.batches[0])
    for parameter in parameters.values():
        parameter.data = like.new_empty(0)
        held.append(parameter)
    return float(loss.detach())
