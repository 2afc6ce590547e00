"""Copies of a model's tensors as they are at one time, in memory and as a safetensors file."""

from __future__ import annotations

import json

import safetensors.torch
from torch import Tensor, nn

from landscape_widget.objective.states import state_tensors, unfit
from landscape_widget.paths.stored import DTYPES, TIED, copied


def copies(model: nn.Module) -> dict[str, Tensor]:
    """Copies of the tensors on the CPU; tied ones are one tensor here, too."""
    return copied(state_tensors(model), "cpu")


def serialized(model: nn.Module) -> bytes:
    """A safetensors file of the model's state; tied tensors are stored once, under their first name."""
    first: dict[int, str] = {}
    tensors = copies(model)
    owners = {name: first.setdefault(id(tensor), name) for name, tensor in tensors.items()}
    tied = {name: owner for name, owner in owners.items() if name != owner}
    stored = {name: tensor for name, tensor in tensors.items() if name not in tied}
    for name, tensor in stored.items():
        if tensor.dtype not in DTYPES:
            raise unfit(name, tensor)
    return safetensors.torch.save(stored, {TIED: json.dumps(tied)} if tied else None)
