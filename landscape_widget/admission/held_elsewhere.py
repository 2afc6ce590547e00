"""Whether model or loss keep parameters, or what was made of them, where θ does not reach them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from landscape_widget.admission.graph_check import Derivative
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import BatchLoss, InvalidLossError
from landscape_widget.loss.copying import convert_module
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import few

#: Relative difference that rounding may make of two losses by the same operations, at least, and in roundings
#: of their type.
_SAME, _ROUNDINGS = 1e-8, 100.0

#: How much more it must be than what a loss with slight noise differs by from itself.
_NOISE = 30.0


def check_held_elsewhere(found: Derivative, fresh: Callable[[], BatchLoss]) -> None:
    """Holds the loss near θ against that of a copy into whose parameters θ is written, as training does.

    Elsewhere θ is put in the place of the parameters, by their names: what a list holds of them, or a view of
    one that is kept from call to call, stays where it was. Gradient and differences agree all the same.

    Args:
        found: The gradient of the loss near θ.
        fresh: Makes a copy of model and loss that has not been called yet.

    Raises:
        InvalidLossError: If the two differ.
    """
    probe, terms = found.probe, found.probe.terms
    assert isinstance(terms, ModelTerms)
    point, expected = probe.point
    if found.in_graph:
        expected = probe.value(point, in_graph=True)
    copied = convert_module(fresh(), point.device, point.dtype)  # what was rounded is
    held = dict(copied.model.named_parameters())
    written = terms.layout.unflatten(point)
    if not written.keys() <= held.keys():
        return
    with evaluated():
        with torch.no_grad():
            for name, tensor in written.items():
                held[name].copy_(tensor)
        for tensor in held.values():
            tensor.requires_grad_(found.in_graph)
        value = float(copied(terms.batches[0].widened(), "loss").detach())
    rounding = max(_SAME, _ROUNDINGS * torch.finfo(point.dtype).eps)
    if not abs(value - expected) > rounding * max(abs(value), abs(expected)):
        return  # also where it is not finite
    again = probe.value(point, in_graph=found.in_graph)
    if not abs(value - expected) > _NOISE * abs(again - expected):  # which others name
        return
    without = [name for name, span in probe.spans.items() if not bool(found.gradient[span].any())]
    which = f"some ({few(without)}?)" if without else "some"
    raise InvalidLossError(
        "Expected a model and loss_fn that take the parameters by their names, got a loss near θ* of "
        f"{expected:.8g} where they are put in by name and {value:.8g} where they are written into the "
        f"model's tensors: {which} are held in another place too, such as a list, or what was made of them is"
        " kept from call to call. Have forward use self.weight itself, or an nn.ParameterList, and loss_fn "
        "model.parameters(), and keep nothing that is made of parameters."
    )
