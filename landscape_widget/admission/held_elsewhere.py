"""Whether model or loss keep parameters, or what was made of them, where θ does not reach them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress

import torch
from torch import Tensor, nn

from landscape_widget.admission.graph_check import Derivative
from landscape_widget.admission.precision import NOISE, repeatable
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.loss.batch_loss import BatchLoss, InvalidLossError
from landscape_widget.loss.copying import convert_module
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import few

#: Relative difference that rounding may make of two losses by the same operations, at least, and in roundings
#: of their type.
_SAME, _ROUNDINGS = 1e-8, 100.0


def check_held_elsewhere(found: Derivative, fresh: Callable[[], BatchLoss], own: torch.dtype) -> None:
    """Holds the loss near θ against that of a copy into whose parameters θ is written, as training does.

    Elsewhere θ is put in the place of the parameters, by their names: what a list holds of them, or a view of
    one that is kept from call to call, stays where it was. Gradient and differences agree all the same. At θ
    itself a copy holds nothing else: what differs there, too, has another cause, such as constants that a
    model keeps as its first call rounded them.

    Args:
        found: The gradient of the loss near θ.
        fresh: Makes a copy of model and loss, in their own types, that has not been called yet.
        own: The type that the loss is evaluated in.

    Raises:
        InvalidLossError: If the two differ.
    """
    probe = found.probe
    point, expected = probe.point
    if found.in_graph:
        expected = probe.value(point, in_graph=True)
    value = _written(found, fresh(), own, point)
    off, size = abs(value - expected), max(abs(value), abs(expected))
    if not off > _tolerance(point) * size:
        return  # also where it is not finite
    again = probe.value(point * (1 + torch.finfo(point.dtype).eps), in_graph=found.in_graph)
    if not off > NOISE * abs(again - expected):  # of a loss that magnifies rounding, or that others name
        return
    at_theta = probe.value(probe.theta, in_graph=found.in_graph)
    there = _written(found, fresh(), own, probe.theta)
    if not off > NOISE * abs(there - at_theta):
        if off <= repeatable(own) * size:
            return
        raise InvalidLossError(
            "Expected a model and loss_fn whose loss depends on the values of parameters and data alone, got "
            f"{at_theta:.8g} where the parameters are put in by name, as tensors, and {there:.8g} where they "
            "are written into a model that was not called before: they ask which of them are an nn.Parameter,"
            " keep what they have seen in their first call, or have parameters merged by eval(). Take "
            "model.parameters() as they are, call the model once before, and switch merging off, or use "
            "mode='train'."
        )
    without = [name for name, span in probe.spans.items() if not bool(found.gradient[span].any())]
    which = f"some ({few(without)}?)" if without else "some"
    raise InvalidLossError(
        "Expected a model and loss_fn that take the parameters by their names, got a loss near θ* of "
        f"{expected:.8g} where they are put in by name and {value:.8g} where they are written into the "
        f"model's tensors: {which} are held in another place too, such as a list or a buffer, or what was "
        "made of them is kept from call to call, or by eval(). Have forward use self.weight itself, or an "
        "nn.ParameterList, and loss_fn model.parameters(), and keep nothing that is made of parameters or "
        "shares their memory: of what is meant as a constant keep a .clone(). Where eval() merges "
        "parameters, as of low-rank adapters, switch that off, or use mode='train'."
    )


def _tolerance(theta: Tensor) -> float:
    """Relative difference that is rounding."""
    return max(_SAME, _ROUNDINGS * torch.finfo(theta.dtype).eps)


def _written(found: Derivative, copied: BatchLoss, own: torch.dtype, point: Tensor) -> float:
    """The loss of a copy, which is used up, with its parameters at a point, rounded to ``own`` otherwise.

    It is put in its mode after that, as after training: there are models whose ``eval()`` puts together what
    their forward takes.
    """
    terms = found.probe.terms
    assert isinstance(terms, ModelTerms)
    written = terms.layout.unflatten(point)
    if not written.keys() <= dict(copied.model.named_parameters()).keys():
        return math.nan
    with evaluated():
        with suppress(Exception):  # of models for inference alone
            copied.model.train()
        # first into what shares their memory as well, which converting parts from them
        _write(copied.model, written)
        convert_module(copied, point.device, own)
        _write(convert_module(copied, point.device, point.dtype).model, written)
        copied.model.train(terms.training)
        for name, parameter in copied.model.named_parameters():
            if name in written:
                parameter.requires_grad_(found.in_graph)
        return float(copied(terms.batches[0].widened(), "loss").detach())


def _write(model: nn.Module, written: Mapping[str, Tensor]) -> None:
    held = dict(model.named_parameters())
    for name, tensor in written.items():
        held[name].detach().copy_(tensor)
