"""The rates of an optimiser, as far as they tell its edge of stability."""

from __future__ import annotations

import math

import torch

#: Packages whose optimisers only call the one of torch that they have within.
_AROUND = ("accelerate", "lightning", "pytorch_lightning")


def unwrapped(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimiser that takes the steps; another's than those packages' may take different ones."""
    if type(optimizer).__module__.partition(".")[0] not in _AROUND:
        return optimizer
    within: torch.optim.Optimizer = getattr(optimizer, "optimizer", optimizer)
    return within


def rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The learning rate η of its first group as "lr", and β as "momentum".

    β is NaN where training is not stable up to λmax = (2 + 2β)/η: that holds of gradient descent and of its
    momentum alone, with the same rate for all parameters. Where it is stable up to Adam's edge, the
    (2 + 2β₁)/((1 − β₁)η) of its preconditioned curvature, β₁ is there as "beta1".
    """
    optimizer = unwrapped(optimizer)
    groups = optimizer.param_groups
    first = groups[0]
    plain = type(optimizer) is torch.optim.SGD and all(
        not (group["nesterov"] or group["dampening"] or group["weight_decay"] or group["maximize"])
        and (group["lr"], group["momentum"]) == (first["lr"], first["momentum"])
        for group in groups
    )
    found = {"lr": float(first["lr"]), "momentum": float(first["momentum"]) if plain else math.nan}
    by_adam = isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW) and all(
        (group["lr"], group["betas"][0]) == (first["lr"], first["betas"][0])
        and not group["maximize"]
        # what AdamW takes off the weights themselves moves the edge by a share of half η times that alone
        and (not group["weight_decay"] or isinstance(optimizer, torch.optim.AdamW))
        for group in groups
    )
    return found | {"beta1": float(first["betas"][0])} if by_adam else found
