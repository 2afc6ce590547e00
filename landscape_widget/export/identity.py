"""What tells one objective from another, so that a file goes on with the one that it was saved of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

import torch

from landscape_widget.objective.objective import Objective


def _fingerprint(objective: Objective) -> str:
    theta = objective.theta.detach().cpu().double().contiguous().numpy()
    return blake2b(theta.tobytes(), digest_size=8).hexdigest()


#: How each trait of an objective is had.
_TRAITS: dict[str, tuple[type, Callable[[Objective], Any]]] = {
    "parameters": (int, lambda objective: objective.n_parameters),
    "examples": (int, lambda objective: objective.n_examples),
    "dtype": (str, lambda objective: str(objective.dtype).removeprefix("torch.")),
    "fingerprint of θ*": (str, _fingerprint),
    "loss at θ*": (float, lambda objective: objective.loss().item()),
}

#: Traits of an objective as a file holds them, by their types.
IDENTITY: dict[str, type] = {name: kind for name, (kind, _) in _TRAITS.items()}


#: Those of objectives, whose losses take a pass over the data.
_known: WeakKeyDictionary[Objective, dict[str, Any]] = WeakKeyDictionary()


def identity(objective: Objective, loss: float | None = None) -> dict[str, Any]:
    """The traits of an objective, for a file.

    Args:
        objective: Which.
        loss: L(θ*), where that is known: a model that hangs by now is not called then.
    """
    if objective not in _known:
        told = {} if loss is None else {"loss at θ*": loss}
        others = {name: trait(objective) for name, (_, trait) in _TRAITS.items() if name not in told}
        _known[objective] = others | told
    return {name: _known[objective][name] for name in _TRAITS}


def differences(saved: Mapping[str, Any], objective: Objective) -> list[str]:
    """Tells in what an objective differs from a saved one, in words.

    Their losses may differ by rounding, which changes from device to device.
    """
    present = identity(objective)
    losses = saved["loss at θ*"], present["loss at θ*"]
    rounding = torch.finfo(objective.dtype).eps ** 0.5 * max(map(abs, losses))
    near = abs(losses[0] - losses[1]) <= rounding
    return [
        f"{name} is {saved[name]}, here {value}"
        for name, value in present.items()
        if saved[name] != value and not (name == "loss at θ*" and near)
    ]
