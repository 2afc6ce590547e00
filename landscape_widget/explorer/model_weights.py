"""The weights of the user's model: read at any point, written on request, put back bit for bit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from time import sleep
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget.loss.compiled import named_parameters, plain_names
from landscape_widget.loss.parameters import Layout
from landscape_widget.numerics.checks import few
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.states import state_tensors
from landscape_widget.results.tables import brief

#: Parameters and buffers of a model at one time, by their keys in its state dict without ``torch.compile``.
State = Mapping[str, Tensor]

#: Types of numbers that numpy has, too.
_IN_NUMPY = frozenset(torch.from_numpy(np.zeros(0, kind)).dtype for kind in "dfeDF?lihbB")

#: How often weights that change are copied anew before that is given up.
_LOOKS = 20

#: Seconds in which a step of an optimizer that has begun changes further weights, in another thread.
_STEP = 0.01


@dataclass(frozen=True)
class Drift:
    """What a model's weights have become since they were taken."""

    words: str
    """A sentence that says so."""
    takes: bool
    """Whether they can be taken as the next θ*."""


class Weights:
    """A model's complete state as it was when it was taken, moved in the parameters that make up θ."""

    def __init__(self, model: nn.Module, layout: Layout) -> None:
        """Copies the model's state; the model itself is only written to by ``apply`` and ``restore``.

        Args:
            model: The user's own; its present weights are θ*.
            layout: Which of its parameters make up θ.
        """
        self.model = model
        """The user's own."""
        self._layout = layout
        self.first: State = _copied(model)
        """The state that the model had at first."""
        self._trainable = _trainable(model)
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

    def at(self, displacement: FloatArray, base: State | None = None) -> dict[str, Any]:
        """A state dict at θ* + displacement, in the model's dtypes and on its devices.

        It is complete: frozen parameters and buffers are those of ``base``, at 0 all is as it is there.

        Args:
            displacement: The displacement, shape (N,).
            base: The state that the displacement is from; default the first one.
        """
        base = self.first if base is None else base
        moved = self._layout.unflatten(torch.from_numpy(np.asarray(displacement, float)))
        state = self.model.state_dict()
        plain = {plain: key for key, plain in zip(state, map(plain_names(self.model), state), strict=True)}
        for name, key in plain.items():
            own = state[key]
            # in the model's dtypes and on its devices, which those of a checkpoint need not be
            there = base.get(name)
            state[key] = copy.deepcopy(own) if there is None else there.to(own.device, own.dtype, copy=True)
        for name, parameter in self._moving.items():
            # added in float64 on the CPU, which has it on every machine, and rounded once
            state[plain[name]].copy_(base[name].double().cpu() + moved[parameter])
        return state

    def apply(self, displacement: FloatArray, base: State | None = None) -> None:
        """Writes θ* + displacement into the model, in place; ``base`` as for ``at``."""
        written = self.at(displacement, base)
        # after training on from weights written before, these are what a person will want back
        before = (
            self._before
            if self._before is not None and not self._changed(self._written)
            else _copied(self.model)
        )
        _write(self.model, written)
        self._before, self._written = before, _copied(self.model)

    def trained_since(self, base: State) -> bool:
        """Whether the model holds what neither was taken from it nor ``apply`` wrote."""
        return bool(self._changed(base) and (self._before is None or self._changed(self._written)))

    def drift(self, base: State) -> Drift | None:
        """What the model has become since ``base`` was taken, None where nothing or by ``apply`` alone.

        Only values count: a model that was moved to another device or type is the same as long as those are.
        """
        present = _tensors(self.model)
        differ = _unlike(base, present)
        if not differ or not self.trained_since(base):
            return None
        if others := self._others(base):
            return Drift(
                f"Your model has other parameters by now ({few(others)}). Make a new explorer.", False
            )
        moving = [key for key in differ if key in self._moving]
        if not all(bool(present[key].isfinite().all()) for key in moving):
            return Drift("Your model's weights are not all finite by now.", False)
        # of tied parameters, which have several keys, each counts once
        owners = {self._moving[key]: key for key in moving}
        squares = [
            float((present[key].detach().double().cpu() - base[key].double().cpu()).square().sum())
            for key in owners.values()
        ]
        since = "since its weights were taken"
        if not sum(squares):
            return Drift(f"Your model has changed {since}, not in θ but in {few(differ)}.", True)
        return Drift(f"Your model has moved ‖Δθ‖ = {brief(sum(squares) ** 0.5, 3)} {since}.", True)

    def taken(self, base: State) -> State:
        """A copy of what the model holds now, as the next θ*.

        Args:
            base: What was taken last.

        Raises:
            RuntimeError: If the model has other parameters by now, naming them, or is being trained.
            ValueError: If weights are not finite.
        """
        if others := self._others(base):
            raise RuntimeError(
                "Expected a model with the parameters and buffers that it had when the explorer was made, of "
                f"the same shapes, and the same ones trainable; others are {few(others)}. Make a new "
                "explorer."
            )
        for _ in range(_LOOKS):
            state = _copied(self.model)
            sleep(_STEP)
            if not self._changed(state):  # a copy amid a step of training is of no weights there ever were
                break
        else:
            raise RuntimeError(
                "Expected weights that hold still while they are copied; they are being trained. Take them "
                "between two steps of training."
            )
        if wrong := [key for key in self._moving if not bool(state[key].isfinite().all())]:
            raise ValueError(f"Expected finite weights, got others in {few(wrong)}. The former ones stay.")
        return state

    def _others(self, base: State) -> list[str]:
        """Names of what is there no more, or new, or has another shape, or is trainable on one side only."""
        present, trainable = _tensors(self.model), _trainable(self.model)
        shapes = {key: tensor.shape for key, tensor in present.items()}
        other = [key for key, tensor in base.items() if shapes.get(key) != tensor.shape]
        other += [key for key in present if key not in base]
        return other or [name for name, on in self._trainable.items() if trainable.get(name) is not on]

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
            raise RuntimeError(
                "Expected the model as apply() left it, but it was changed since, for instance by training "
                f"({few(changed)}). Restoring would lose that: keep a copy of model.state_dict() if you "
                "need it, then call restore(force=True)."
            )
        _write(self.model, self._before)
        self._before, self._written = None, {}

    def _changed(self, state: State) -> list[str]:
        """Keys of what differs, in any bit, from what the model held once."""
        present = _tensors(self.model)
        return [
            key
            for key, tensor in state.items()
            if key not in present or not _same_bits(tensor, present[key].detach())
        ]


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers, the objects themselves."""
    plain = plain_names(model)
    return {plain(key): tensor for key, tensor in state_tensors(model).items()}


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.detach().clone() for key, tensor in _tensors(model).items()}


def _write(model: nn.Module, state: dict[str, Any]) -> None:
    present, plain = _tensors(model), plain_names(model)
    state = {plain(key): value for key, value in state.items()}
    differ = [key for key, tensor in present.items() if key not in state or state[key].shape != tensor.shape]
    if differ or len(present) < sum(isinstance(value, Tensor) for value in state.values()):
        raise RuntimeError(
            "Expected a model with the same parameters and buffers as when the explorer was made, got "
            f"others{': ' if differ else ''}{few(differ)}. Make a new explorer."
        )
    with torch.no_grad():
        for key, tensor in present.items():
            tensor.copy_(state[key])


def _trainable(model: nn.Module) -> dict[str, bool]:
    return {name: parameter.requires_grad for name, parameter in named_parameters(model).items()}


def _unlike(state: State, present: State) -> list[str]:
    """Keys of what has other values, whatever their type."""
    return [
        key
        for key in {**state, **present}
        if key not in state or key not in present or not same_values(state[key], present[key].detach())
    ]


def same_values(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal, whatever their types and wherever they are."""
    if a.dtype == b.dtype or a.shape != b.shape:
        return _same_bits(a, b)
    wide = torch.promote_types(a.dtype, b.dtype)
    return torch.equal(a.cpu().to(wide), b.cpu().to(wide))


def _same_bits(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    raw_a, raw_b = (t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b.to(a.device)))
    return torch.equal(raw_a, raw_b)


def arrays_of(state: State) -> dict[str, np.ndarray]:
    """A state for a file; numbers of types that numpy does not have in wider ones."""
    plain = {name: tensor.detach().cpu() for name, tensor in state.items()}
    return {
        name: (tensor if tensor.dtype in _IN_NUMPY else tensor.float()).numpy()
        for name, tensor in plain.items()
    }


def tensors_of(arrays: Mapping[str, np.ndarray]) -> State:
    """The state that ``arrays_of`` is of."""
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
