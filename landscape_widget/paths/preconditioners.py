"""What Adam divides its steps by."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from landscape_widget.numerics.vectors import FloatArray


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
        if "exp_avg_sq" not in state:
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
        if parameter.requires_grad and "exp_avg_sq" not in optimizer.state.get(parameter, {})
    ]


def known_preconditioner(model: nn.Module, optimizer: torch.optim.Optimizer) -> FloatArray | None:
    """The same in float32; None before Adam's first step with every trainable parameter."""
    return None if not_moved(model, optimizer) else adam_preconditioner(model, optimizer).astype(np.float32)
