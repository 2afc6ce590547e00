"""The memory of a module's parameters, which in a copy of it is shared by all that share it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, UntypedStorage, nn

from landscape_widget.numerics.storage import Places, memory_of, reach

#: The addresses from and before which memory lies.
_Place = tuple[int, int]


class ParameterMemory:
    """The memory that parameters lie in, and copies of what is shared of it."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        """Copies nothing yet."""
        self._parameters = parameters
        self._own = {place: p.untyped_storage() for p in parameters if (place := memory_of(p))}
        self._copies: dict[_Place, UntypedStorage] = {}
        self._places = Places(self._own)

    def of(self, value: Any) -> _Place | None:
        """The memory of these that a tensor or array lies in."""
        place, reached = self._places.of(value), reach(value)
        if place is None or reached is None or place not in self._own:
            return None
        return place if place[0] <= reached[0] and reached[1] <= place[1] else None

    def copied_array(self, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """What an array that lies in this memory is in its copy."""
        place = self.of(value)
        assert place is not None, "asked before"
        whole = torch.empty(0, dtype=torch.uint8).set_(self._copy(place)).numpy()
        start = value.ctypes.data - place[0]
        return np.ndarray(value.shape, value.dtype, whole, start, value.strides)

    def keep_shared(self, met: Sequence[Any], memo: Mapping[int, Any]) -> None:
        """Gives the copies of parameters, and of what shares memory with one, memory that they share.

        Args:
            met: All that was copied.
            memo: What each was copied to, by identity.
        """
        ids = set(map(id, self._parameters))
        others = [value for value in met if isinstance(value, Tensor) and id(value) not in ids]
        shared = {place for tensor in others if (place := self.of(tensor))} | set(self._copies)
        with torch.no_grad():
            for tensor in [*self._parameters, *others]:
                place, twin = self.of(tensor), memo.get(id(tensor))
                if (
                    twin is None
                    or twin is tensor
                    or place not in shared
                    or tensor.is_conj()
                    or tensor.is_neg()
                ):
                    continue
                start = (tensor.data_ptr() - place[0]) // tensor.element_size()
                whole = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
                twin.data = whole.set_(self._copy(place), start, tensor.shape, tensor.stride())

    def _copy(self, place: _Place) -> UntypedStorage:
        if place not in self._copies:
            self._copies[place] = copy.deepcopy(self._own[place])
        return self._copies[place]
