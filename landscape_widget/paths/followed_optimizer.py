"""The optimiser of a training run: what is kept of it beside the weights."""

from __future__ import annotations

import math
import warnings

import torch
from torch import nn

from landscape_widget.numerics.checks import few
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.paths.preconditioners import check_adam, known_preconditioner, not_moved
from landscape_widget.paths.rates import rates, unwrapped


class FollowedOptimizer:
    """The optimiser that moves a model, once one was told: its rates, and what Adam divides its steps by."""

    def __init__(self, model: nn.Module, preconditioner: bool) -> None:
        """Takes the model, and whether the preconditioner is to be kept."""
        self._model, self._preconditioner = model, preconditioner
        self._optimizer: torch.optim.Optimizer | None = None
        self._told_without = False
        """Whether a warning has said that some parameters have no preconditioner."""

    def moves_model(self, optimizer: torch.optim.Optimizer) -> bool:
        """Tells whether an optimiser moves some parameter of the model."""
        return not _moved(optimizer).isdisjoint(map(id, self._model.parameters()))

    def rates(self, optimizer: torch.optim.Optimizer) -> dict[str, float]:
        """What ``rates`` tells of an optimiser, which is followed from now on.

        Where it does not move all trainable parameters of the model, no edge of stability is told.

        Raises:
            TypeError: If its preconditioner is to be kept, and it is not Adam.
        """
        if self._preconditioner:
            self._optimizer = unwrapped(optimizer)
            check_adam(self._optimizer)
        told = rates(optimizer)
        if _moved(optimizer).issuperset(id(p) for p in self._model.parameters() if p.requires_grad):
            return told
        return {"lr": told["lr"], "momentum": math.nan}

    def diagonal(self) -> FloatArray | None:
        """What Adam divides by; where that is not known of some parameters after its first step, says so."""
        optimizer = self._optimizer
        if optimizer is None:
            return None
        without = not_moved(self._model, optimizer)
        if without and optimizer.state and not self._told_without:
            self._told_without = True
            warnings.warn(
                "Expected an Adam that moves every trainable parameter, for preconditioner=True, got one "
                f"that has taken no step with {few(without)}: no gradient so far, or not the optimizer's. No "
                "preconditioner is kept before it has. Freeze what the loss does not depend on, before "
                "training and before an objective is made: parameter.requires_grad_(False).",
                RuntimeWarning,
                stacklevel=2,
            )
        return known_preconditioner(self._model, optimizer)


def _moved(optimizer: torch.optim.Optimizer) -> set[int]:
    """Identities of the parameters that an optimiser moves."""
    return {id(p) for group in optimizer.param_groups for p in group["params"]}
