"""Whether model or loss keep what they have made of parameters while they take them for the same tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.precision import repeatable
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import InvalidLossError
from landscape_widget.loss.terms import ModelTerms

#: Tensors that take the identities which Python has to give again.
_CROWD = 1000


def check_kept(probe: Probe) -> None:
    """Sees that the loss near θ is the same in tensors that have held θ before.

    Python gives the identity and the memory of a tensor that is gone to the next one: what is kept by these,
    or by versions, is taken for that of other parameters then. Whether that has happened yet is left to
    chance, so that no two losses are compared here but those in tensors that are new in both respects.

    Args:
        probe: The loss of few examples.

    Raises:
        InvalidLossError: If it is not.
    """
    point, _ = probe.point
    for in_graph in (False, True):
        fresh = _loss(probe, [point], 1 + 2 * in_graph, in_graph=in_graph)
        again = _loss(probe, [probe.theta, point], 2 + 2 * in_graph, in_graph=in_graph)
        if abs(again - fresh) > repeatable(point.dtype) * max(abs(again), abs(fresh)):
            raise InvalidLossError(
                "Expected a model and loss_fn whose loss depends on the values of parameters and data alone, "
                f"got {fresh:.8g} and {again:.8g} at the same ones, the latter in tensors that held others "
                "before: they keep what they have made of parameters from call to call, for instance by the "
                "id, the version or the address of one. Have forward make it anew."
            )


def _loss(probe: Probe, values: list[Tensor], shift: int, *, in_graph: bool) -> float:
    """The loss at the last of several values of θ, each written into the same tensors.

    Args:
        probe: The loss.
        values: Those of θ, of shape (N,).
        shift: Entries by which addresses differ from those that memory is given out at.
        in_graph: Whether the tensors require a gradient.
    """
    terms, theta = probe.terms, probe.theta
    assert isinstance(terms, ModelTerms)
    crowd = [theta.view_as(theta) for _ in range(_CROWD)]
    with evaluated():
        theta = torch.empty(len(theta) + shift, dtype=theta.dtype, device=theta.device)[shift:]
        theta.requires_grad_(in_graph)
        parameters = terms.layout.unflatten(theta)
        for value in values:
            theta.data.copy_(value)  # which counts as no change of version
            loss = terms.loss_with(parameters, terms.batches[0])
    del crowd
    return float(loss.detach())
