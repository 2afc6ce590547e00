"""The weights of the user's model: read at any point, written on request, put back bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget.loss.compiled import named_parameters
from landscape_widget.loss.parameters import Layout
from landscape_widget.numerics.vectors import FloatArray


class Weights:
    """A model's complete state as it was at first, moved in the parameters that make up θ."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        """Copies the model's state; the model itself is only written to by ``apply`` and ``restore``.

        Args:
            model: The user's own; its present weights are θ*.
            layout: Which of its parameters make up θ.
        """
        self._model = model
        self._layout = layout
        self._first = _copied(model)
        # what was there before apply(), and what apply() wrote
        self._before: dict[str, Tensor] | None = None
        self._written: dict[str, Tensor] = {}
        owners = {id(p): name for name, p in named_parameters(model).items()}
        #: Key of the state → name in the layout. By identity, since tied parameters have several keys
        #: and wrappers rename them.
        self._moving = {
            key: owners[id(tensor)]
            for key, tensor in _tensors(model).items()
            if owners.get(id(tensor)) in layout.names
        }

    def at(self, displacement: FloatArray) -> dict[str, Any]:
        """A state dict at θ* + displacement, in the model's dtypes and on its devices.

        It is complete: frozen parameters and buffers are those of the beginning, at 0 all is as at first.

        Args:
            displacement: Shape (N,).
        """
        moved = self._layout.unflatten(torch.from_numpy(np.asarray(displacement, float)))
        state = self._model.state_dict()
        for key, value in state.items():
            state[key] = self._first[key].clone() if key in self._first else copy.deepcopy(value)
        for key, name in self._moving.items():
            # added in float64 on the CPU, which has it on every machine, and rounded once
            state[key].copy_(self._first[key].double().cpu() + moved[name])
        return state

    def apply(self, displacement: FloatArray) -> None:
        """Writes θ* + displacement into the model, in place."""
        written = self.at(displacement)
        # after training on from weights written before, these are what a person will want back
        before = (
            self._before
            if self._before is not None and not self._changed(self._written)
            else _copied(self._model)
        )
        _write(self._model, written)
        self._before, self._written = before, _copied(self._model)

    @property
    def trained(self) -> bool:
        """Whether the model holds what neither it held at first nor ``apply`` wrote."""
        return bool(self._changed(self._first) and (self._before is None or self._changed(self._written)))

    @property
    def applied(self) -> bool:
        """Whether there is something to restore."""
        return self._before is not None

    def restore(self, force: bool = False) -> None:
        """Puts back, bit for bit, what the model held before ``apply``.

        Args:
            force: Even if the model was changed since, for instance by training.

        Raises:
            RuntimeError: If nothing was applied, or the model was changed since.
        """
        if self._before is None:
            raise RuntimeError("Expected weights that apply() wrote, to be undone; nothing was applied.")
        changed = self._changed(self._written)
        if changed and not force:
            some = ", ".join(changed[:4]) + (", …" if len(changed) > 4 else "")
            raise RuntimeError(
                "Expected the model as apply() left it, but it was changed since, for instance by training "
                f"({some}). Restoring would lose that: keep a copy of model.state_dict() if you need it, "
                "then call restore(force=True)."
            )
        _write(self._model, self._before)
        self._before, self._written = None, {}

    def _changed(self, state: Mapping[str, Tensor]) -> list[str]:
        """Keys of what differs, in any bit, from what the model held once."""
        present = _tensors(self._model)
        return [
            key
            for key, tensor in state.items()
            if key not in present or not _same_bits(tensor, present[key].detach())
        ]


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers, the objects themselves, by their keys in the state dict."""
    state = model.state_dict(keep_vars=True)
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.detach().clone() for key, tensor in _tensors(model).items()}


def _write(model: nn.Module, state: dict[str, Any]) -> None:
    present = _tensors(model)
    differ = [key for key, tensor in present.items() if key not in state or state[key].shape != tensor.shape]
    if differ or len(present) < sum(isinstance(value, Tensor) for value in state.values()):
        raise RuntimeError(
            "Expected a model with the same parameters and buffers as when the explorer was made, got "
            f"others{': ' if differ else ''}{', '.join(differ[:4])}. Make a new explorer."
        )
    with torch.no_grad():
        for key, tensor in present.items():
            tensor.copy_(state[key])


def _same_bits(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    raw_a, raw_b = (t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b.to(a.device)))
    return torch.equal(raw_a, raw_b)
