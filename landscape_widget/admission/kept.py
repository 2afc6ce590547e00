"""Whether model or loss keep what they have made of parameters while they take them for the same tensors."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from landscape_widget.admission.graph_check import Derivative
from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.precision import NOISE, repeatable
from landscape_widget.data.tree import map_tensors
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.terms import ModelTerms

#: Examples that losses are compared on.
_FEW = 8

#: Tensors that take the identities which Python would give again.
_CROWD = 1000

#: Entries between the addresses of tensors, even as those of complex numbers are.
_APART = 2


def check_kept(found: Derivative) -> None:
    """Sees that the loss near θ is the same in tensors that have held θ before.

    Python gives the identity and the memory of a tensor that is gone to the next one: what is kept by these,
    or by versions, is taken for that of other parameters then, and what is kept by those of a batch is taken
    for that of any. Whether that has happened yet is left to chance, so that no two losses are compared here
    but those in tensors that are new in both respects, on batches that are.

    Args:
        found: The gradient of the loss near θ.

    Raises:
        InvalidLossError: If it is not.
    """
    few = found.probe.few(_FEW)
    point, _ = few.point
    held = [point.view_as(point) for _ in range(_CROWD)]
    for in_graph in {found.in_graph, True}:
        loss = partial(_loss, few, held, in_graph)
        fresh, again = loss(point), loss(few.theta, point)
        if not abs(again - fresh) > repeatable(point.dtype) * max(abs(again), abs(fresh)):
            continue
        if abs(again - fresh) > NOISE * abs(loss(point) - fresh):
            raise InvalidLossError(
                "Expected a model and loss_fn whose loss depends on the values of parameters and data alone, "
                f"got {fresh:.8g} and {again:.8g} at the same ones, the latter in tensors that held others "
                "before: they keep what they have made of parameters from call to call, for instance by the "
                "id, the version or the address of one, or of a batch. Have forward make it anew."
            )


def _loss(few: Probe, held: list[Tensor], in_graph: bool, *values: Tensor) -> float:
    """The loss at the last of several values of θ, each written into the same tensors, on the same batch.

    Args:
        few: The loss.
        held: Tensors whose identities are taken, to which these are added, without their memory.
        in_graph: Whether they require a gradient.
        *values: Those of θ, of shape (N,).
    """
    terms, like = few.terms, few.theta
    assert isinstance(terms, ModelTerms)
    shift, batch = _APART * len(held), terms.batches[0].widened()
    batch = replace(batch, content=map_tensors(batch.content, partial(_elsewhere, shift)))
    with evaluated(), terms.taking(new_batches=False):
        theta = torch.empty(len(like) + shift, dtype=like.dtype, device=like.device)[shift:]
        theta.requires_grad_(in_graph)
        parameters = terms.layout.unflatten(theta)
        for value in values:
            theta.data.copy_(value)  # which counts as no change of version
            loss = terms.loss_with(parameters, batch)
    for parameter in parameters.values():
        parameter.data = like.new_empty(0)
        held.append(parameter)
    return float(loss.detach())


def _elsewhere(shift: int, tensor: Tensor) -> Tensor:
    """A copy of a tensor of a batch, so many entries behind where memory is given out."""
    has_no_place = tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized
    if has_no_place or type(tensor) is not Tensor:
        return tensor.clone()
    return tensor.new_empty(tensor.numel() + shift)[shift:].view(tensor.shape).copy_(tensor)
