"""What tells one objective from another, so that a file goes on with the one that it was saved of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import isclose, isfinite
from typing import Any
from weakref import WeakKeyDictionary

import torch

from landscape_widget.admission.nearby import displaced
from landscape_widget.objective.objective import Objective

log = logging.getLogger(__name__)


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


#: The loss at a fixed point near θ*, and how far roundings of it may lie apart, relatively. Where the last
#: layer is zero all losses at θ* are log C, whatever the data, and nearly so for one example of thousands.
#: Files of former versions lack them, as do those of a loss that is not defined there.
_BESIDE, _ROUNDING = "loss near θ*", "rounding near θ*"

#: Traits of an objective that a file may lack, by their types.
OPTIONAL_IDENTITY: dict[str, type] = {_BESIDE: float, _ROUNDING: float}


#: Those of objectives by the number of examples: losses take a pass over the data.
_known: WeakKeyDictionary[Objective, dict[int, dict[str, Any]]] = WeakKeyDictionary()


def identity(
    objective: Objective,
    loss: float | None = None,
    n_examples: int | None = None,
    *,
    changed: bool = False,
) -> dict[str, Any]:
    """The traits of an objective, for a file; they take up to two passes over the data, the first time.

    Args:
        objective: Which.
        loss: L(θ*), where that is known.
        n_examples: How many of its examples are meant; default all. Which ones are drawn depends on their
            order.
        changed: Whether the loss is another one by now; then what would be evaluated near θ* is left out.
    """
    n = objective.n_examples if n_examples is None else n_examples
    known = _known.setdefault(objective, {})
    if n not in known:
        part, told = objective.subset(n), {} if loss is None else {"loss at θ*": loss}
        others = {name: trait(part) for name, (_, trait) in _TRAITS.items() if name not in told}
        found = {name: (others | told)[name] for name in _TRAITS}
        if changed:
            return found
        known[n] = {**found, **_beside(part)}
    return dict(known[n])


def is_known(objective: Objective, n_examples: int | None = None) -> bool:
    """Whether ``identity`` takes no pass over the data."""
    return (objective.n_examples if n_examples is None else n_examples) in _known.get(objective, {})


def loss_near(objective: Objective, n_examples: int) -> float | None:
    """The loss near θ* as ``identity`` has it, None where that is not known."""
    found: float | None = _known.get(objective, {}).get(n_examples, {}).get(_BESIDE)
    return found


def _beside(objective: Objective) -> dict[str, float]:
    """The loss near θ*, in float64 where there is one; nothing where model or loss refuse that point.

    Devices and thread counts round a sum in float64 differently by some 1e-13, in float32, with the short
    products of some GPUs, by some 1e-4: √eps of the type lies above both, and far below what another example
    makes of the loss in float64.
    """
    try:
        precise = objective.precise()
        loss = precise.loss(displaced(precise.theta, precise.spans)).item()
    except Exception as error:
        log.info("No loss near θ*: %s: %s", type(error).__name__, error)
        return {}
    return {_BESIDE: loss, _ROUNDING: _rounding(precise)} if isfinite(loss) else {}


def _rounding(objective: Objective) -> float:
    return float(torch.finfo(objective.dtype).eps ** 0.5)


def differences(saved: Mapping[str, Any], objective: Objective, n_examples: int | None = None) -> list[str]:
    """Tells in what an objective, or its part of ``n_examples``, differs from a saved one, in words.

    Their losses may differ by rounding, which changes from device to device.
    """
    present = identity(objective, n_examples=n_examples)
    rounding = {
        "loss at θ*": _rounding(objective),
        _BESIDE: max(each.get(_ROUNDING, 0.0) for each in (saved, present)),
    }
    return [
        f"{name} is {saved[name]}, here {value}"
        for name, value in present.items()
        if name in saved
        and name != _ROUNDING
        and saved[name] != value
        and not (name in rounding and isclose(saved[name], value, rel_tol=rounding[name], abs_tol=0.0))
    ]
