"""A module that is called with other parameters and buffers in the places of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from landscape_widget.numerics.checks import few


class HeldTensors:
    """Where a module and its parts hold parameters and buffers, which ``functional_call`` finds at each call.

    That took a third of the time of a small model.
    """

    def __init__(self, module: nn.Module) -> None:
        """Finds them; a parameter that has several names is held in several places."""
        self._module = module
        self._parts = dict(module.named_modules())
        self._seen = [
            (part, part._parameters, part._buffers, (*part._modules.values(),))
            for part in self._parts.values()
        ]
        places: dict[int, list[tuple[Mapping[str, Any], str, str]]] = {}
        for part in self._parts.values():
            for kind in ("_parameters", "_buffers"):
                for key, tensor in vars(part)[kind].items():
                    places.setdefault(id(tensor), []).append((vars(part), kind, key))
        self._own = dict(module.named_parameters(remove_duplicate=False))
        buffers = set(map(id, module.buffers()))
        self._parameters = {name: places[id(p)] for name, p in self._own.items()}
        self._twofold = {name for name, p in self._own.items() if id(p) in buffers}

    def call(self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], *arguments: Any) -> Any:
        """What the module returns, while ``parameters`` and ``buffers`` by name are in place.

        Other buffers, which a layer may write into, are there as copies: nothing of the module changes.

        Raises:
            ValueError: If one of the parameters is a buffer, too, or has left its place.
        """
        if not all(
            part._parameters is own and part._buffers is others and (*part._modules.values(),) == parts
            for part, own, others, parts in self._seen
        ):
            self._find_again(parameters)
        if not self._twofold.isdisjoint(parameters):
            raise ValueError("a parameter is registered as a buffer, too: leave it out there")
        put = [(*place, tensor) for name, tensor in parameters.items() for place in self._parameters[name]]
        others = {id(self._buffer(name)): buffer for name, buffer in buffers.items()}
        for part in self._parts.values():
            for key, buffer in part._buffers.items():
                if buffer is not None:
                    if id(buffer) not in others:
                        others[id(buffer)] = buffer.clone()
                    put.append((vars(part), "_buffers", key, others[id(buffer)]))
        own = [(part, kind, key, part[kind][key]) for part, kind, key, _ in put]
        try:
            for part, kind, key, tensor in put:
                part[kind][key] = tensor
            return self._module(*arguments)
        finally:
            for part, kind, key, tensor in own:
                part[kind][key] = tensor

    def _find_again(self, wanted: Iterable[str]) -> None:
        """Finds them where a forward has put something else in a place.

        Raises:
            ValueError: If a name that is wanted leads to another parameter than before, or to none.
        """
        found = HeldTensors(self._module)
        if moved := [name for name in wanted if found._own.get(name) is not self._own[name]]:
            raise ValueError(
                "Expected a model whose parameters stay where they are, got one whose forward (or loss_fn) "
                f"removes {few(moved)} or puts others in their places: what each call computes would depend "
                "on the calls before. Do that once, before, and keep parts that change places in a list that "
                "is no nn.ModuleList."
            )
        vars(self).update(vars(found))

    def _buffer(self, name: str) -> Tensor | None:
        path, _, key = name.rpartition(".")
        buffer: Tensor | None = self._parts[path]._buffers[key]
        return buffer
