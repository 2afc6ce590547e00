"""What Adam divides its steps by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget.numerics.checks import few
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import names_in_theta, plain_names
from landscape_widget.paths.trajectory import Trajectory

#: How a sentence ends on a preconditioner that cannot be used.
_LEFT_OUT = "the preconditioned curvature is left out."


def adam_preconditioner(model: nn.Module, optimizer: torch.optim.Optimizer) -> FloatArray:
    """The diagonal of P as it was in Adam's last step, Δθ = −η P⁻¹ m̂, shape (N,): √v̂ + ε.

    v̂ is the mean of squared gradients without its bias. The order is that of the trainable parameters of the
    model, which make up θ unless an objective is told otherwise.

    Args:
        model: The model that is trained.
        optimizer: ``torch.optim.Adam``, or ``AdamW``, after its first step.

    Raises:
        TypeError: For another optimiser, or a model that is none.
        ValueError: Before the first step, or where a trainable parameter is not the optimiser's.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"Expected model as the module that is trained, got {type(model).__name__}.")
    check_adam(optimizer)
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    parts = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        state = optimizer.state.get(parameter, {})
        if not _has_moved(optimizer, parameter):
            raise ValueError(
                f"Expected an optimizer that has taken a step with {name!r}, got one that has not. Call it "
                "after optimizer.step()."
            )
        group = groups[id(parameter)]
        squares = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"].detach().double()
        unbiased = squares / (1 - group["betas"][1] ** float(state["step"]))
        parts.append(unbiased.sqrt().add(group["eps"]).reshape(-1).cpu())
    diagonal: FloatArray = torch.cat(parts).numpy()
    return diagonal


def check_adam(optimizer: object) -> None:
    """Raises a TypeError for anything but Adam."""
    if not isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW):
        raise TypeError(f"Expected torch.optim.Adam or AdamW, got {type(optimizer).__name__}.")


def not_moved(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The trainable parameters that Adam has taken no step with, by name."""
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not _has_moved(optimizer, parameter)
    ]


def _has_moved(optimizer: torch.optim.Optimizer, parameter: Tensor) -> bool:
    """Whether Adam has taken a step with a parameter; one that a scaler has skipped does not count."""
    state = optimizer.state.get(parameter, {})
    return "exp_avg_sq" in state and float(state["step"]) > 0


def known_preconditioner(model: nn.Module, optimizer: torch.optim.Optimizer) -> FloatArray | None:
    """The same in float32; None before Adam's first step with every trainable parameter."""
    return None if not_moved(model, optimizer) else adam_preconditioner(model, optimizer).astype(np.float32)


def trained_sizes(model: nn.Module) -> dict[str, int]:
    """How many entries of such a diagonal belong to which parameter, in their order."""
    return {name: p.numel() for name, p in model.named_parameters() if p.requires_grad}


def preconditioner_of(objective: Objective, trajectory: Trajectory, i: int) -> FloatArray | None:
    """The optimiser's P at checkpoint ``i``, cut to the parameters of an objective, shape (N,).

    None where nobody keeps it, ``why_not`` tells that it is of others, or it has numbers that are not finite
    or 0: a single step with steep gradients makes them, from which the weights themselves may well recover.
    """
    diagonal = trajectory.preconditioner(i)
    if diagonal is None or why_not(objective, trajectory, i):
        return None
    if not ((diagonal > 0) & (diagonal < np.inf)).all():
        return None
    sizes = trajectory.recorded[i].trained
    if not sizes or not (theta := names_in_theta(objective)):
        return diagonal
    keys = _keys(theta, sizes)
    parts = dict(zip(sizes, np.split(diagonal, np.cumsum([*sizes.values()])[:-1]), strict=True))
    return np.concatenate([parts[keys[name]] for name in theta])


def why_not(objective: Objective, trajectory: Trajectory, i: int) -> str:
    """Why P at a checkpoint is not that of the parameters of an objective; empty where it is, or is none."""
    recorded = trajectory.recorded[i]
    if recorded.preconditioner is None:
        return ""
    sizes, theta, n = recorded.trained, names_in_theta(objective), objective.n_parameters
    if not sizes or not theta:
        diagonal = trajectory.preconditioner(i)
        if diagonal is None or len(diagonal) == n:
            return ""
        return (
            f"The preconditioner at {recorded.name} has {len(diagonal):,} entries, and nobody told of which "
            f"parameters, for {n:,} of the objective; {_LEFT_OUT}"
        )
    keys = _keys(theta, sizes)
    lacking = [name for name in theta if name not in keys]
    if lacking:
        return f"The preconditioner at {recorded.name} was kept without that of {few(lacking)}; {_LEFT_OUT}"
    return ""


def _keys(theta: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, str]:
    """What parameters of θ are called where a diagonal was kept, without those that it is not of."""
    plain = plain_names(sizes)
    found = {name: name if name in sizes else plain.get(own) for name, own in theta.items()}
    return {name: key for name, key in found.items() if key is not None}
