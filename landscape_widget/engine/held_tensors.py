"""A module that is called with other parameters and buffers in the places of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class HeldTensors:
    """Where a module and its parts hold parameters and buffers, which ``functional_call`` finds at each call.

    That took a third of the time of a small model.
    """

    def __init__(self, module: nn.Module) -> None:
        """Finds them; a parameter that has several names is held in several places."""
        self._module = module
        self._find()

    def _find(self) -> None:
        module = self._module
        self._parts = dict(module.named_modules())
        self._seen = [
            (part, part._parameters, part._buffers, (*part._modules.values(),))
            for part in self._parts.values()
        ]
        places: dict[int, list[tuple[dict[str, Any], str]]] = {}
        for part in self._parts.values():
            for held in (part._parameters, part._buffers):
                for key, tensor in held.items():
                    places.setdefault(id(tensor), []).append((held, key))
        parameters, buffers = dict(module.named_parameters()), set(map(id, module.buffers()))
        self._parameters = {name: places[id(p)] for name, p in parameters.items()}
        self._twofold = {name for name, p in parameters.items() if id(p) in buffers}

    def call(self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], *arguments: Any) -> Any:
        """What the module returns, while ``parameters`` and ``buffers`` by name are in place.

        Other buffers, which a layer may write into, are there as copies: nothing of the module changes.

        Raises:
            ValueError: If one of the parameters is a buffer, too.
        """
        if not all(
            part._parameters is own and part._buffers is others and (*part._modules.values(),) == parts
            for part, own, others, parts in self._seen
        ):
            self._find()  # a forward has put something else in a place
        if not self._twofold.isdisjoint(parameters):
            raise ValueError("a parameter is registered as a buffer, too: leave it out there")
        put = [(*place, tensor) for name, tensor in parameters.items() for place in self._parameters[name]]
        others = {id(self._buffer(name)): buffer for name, buffer in buffers.items()}
        for part in self._parts.values():
            for key, buffer in part._buffers.items():
                if buffer is not None:
                    if id(buffer) not in others:
                        others[id(buffer)] = buffer.clone()
                    put.append((part._buffers, key, others[id(buffer)]))
        own = [(held, key, held[key]) for held, key, _ in put]
        try:
            for held, key, tensor in put:
                held[key] = tensor
            return self._module(*arguments)
        finally:
            for held, key, tensor in own:
                held[key] = tensor

    def _buffer(self, name: str) -> Tensor | None:
        path, _, key = name.rpartition(".")
        buffer: Tensor | None = self._parts[path]._buffers[key]
        return buffer
