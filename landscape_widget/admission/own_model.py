"""Whether a loss or metric reads the parameters of the user's own model, which stay where they are."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_widget.engine.faults import out_of_memory
from landscape_widget.numerics.storage import Places, reach

#: What is said of a function that reads them, of what it returns, and its name.
OF_OWN_MODEL = (
    "Expected a {0} that knows the parameters only through its arguments, got one that reaches those of your "
    "own model, or their memory (.data, state_dict(), numpy), by a closure or a global name: they stay where "
    "they are while θ moves, and so would that part of the {1}. Write it as {2}(model, batch), which is "
    "called with θ in the model, and use that model, for instance in weight decay over model.parameters(); "
    "of what is meant as a constant keep a .clone()."
)

#: What reads a tensor without an operation.
_PAST = (Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.__dlpack__)

#: How deep functions are looked for in functions.
_DEPTH = 3

#: How far other values are from what they are, one after another: what counts hits, such as an accuracy,
#: needs large ones, and an assertion may not hold for those.
_STEPS = (0.01, 0.1, 1.0, 10.0)


def depend_on(own: Sequence[Tensor], compute: Callable[[], Sequence[float]], same: float) -> list[int]:
    """Which of some values are others where the memory of tensors reads otherwise.

    Args:
        own: The tensors, which stay as they are.
        compute: Computes the values.
        same: How far they may be apart by themselves, relatively.
    """
    with _watched(own) as reads:  # apart from the loss, as a model may ask whether a mode is there
        values = compute()
    others: list[Sequence[float]] = []
    for step in _STEPS if reads.found else ():
        try:
            with _watched(own, step):
                others.append(compute())
        except Exception as error:
            if out_of_memory(error):
                raise
    if reads.found and not others:
        return list(range(len(values)))
    return [
        i
        for i, value in enumerate(values)
        if math.isfinite(value)
        and any(not abs(other[i] - value) <= same * max(abs(other[i]), abs(value)) for other in others)
    ]


def names_array_of(f: Any, own: Sequence[Tensor]) -> bool:
    """Whether a function names an array of numpy in the memory of tensors: what reads that is not seen.

    So it does where a function does that it names.
    """
    places = Places(map(reach, own))
    seen: set[int] = set()
    waiting = [(f, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, np.ndarray) and places.of(value):
            return True
        if id(value) in seen or depth > _DEPTH or not isinstance(value, FunctionType | MethodType):
            continue
        seen.add(id(value))
        function: Any = getattr(value, "__func__", value)
        with suppress(ValueError, RecursionError):  # a name without a value, a list in itself
            named = inspect.getclosurevars(function)
            held = [
                *(dict(named.nonlocals), dict(named.globals)),
                *(function.__defaults__, function.__kwdefaults__),
            ]
            waiting += [(part, depth + 1) for part in pytree.tree_leaves(held)]
    return False


class _Reads(TorchDispatchMode):
    """Notices operations that take the values of tensors, by their memory, or gives them other ones."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which takes a second to be loaded."""
        return False

    def __init__(self, tensors: Sequence[Tensor], step: float = 0.0) -> None:
        """Takes the tensors, and how far from theirs the values are that they get."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._places = Places(map(reach, tensors))
        self._step = step
        self.found = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return func(*args, **(kwargs or {})) if func.is_view else self.read(func, args, kwargs)

    def read(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
        """What a function that takes values makes of those."""

        def seen(value: Any) -> Any:
            if not isinstance(value, Tensor) or self._places.of(value) is None:
                return value
            self.found = True
            return _moved(value, self._step) if self._step else value

        args, kwargs = pytree.tree_map(seen, (args, kwargs or {}))
        return func(*args, **kwargs)


class _Past(TorchFunctionMode):
    """The same of what reads tensors past all operations."""

    def __init__(self, reads: _Reads) -> None:
        """Takes what notices them."""
        super().__init__()
        self._reads = reads

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self._reads.read(func, args, kwargs) if func in _PAST else func(*args, **(kwargs or {}))


@contextmanager
def _watched(own: Sequence[Tensor], step: float = 0.0) -> Iterator[_Reads]:
    """Notices what takes the values of tensors in whatever way, or gives it other ones."""
    with _Reads(own, step) as reads, _Past(reads):
        yield reads


def _moved(value: Tensor, step: float) -> Tensor:
    """Other values, by no constant, which a softmax would not show."""
    by = torch.arange(1, value.numel() + 1, device=value.device, dtype=torch.float32).sin().add(1.5).mul(step)
    return (value.detach() + by.reshape(value.shape)).to(value.dtype)
