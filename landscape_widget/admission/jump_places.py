"""Which operation, in which module, makes a loss jump, and what to do about it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_widget.admission.jumps import Jump
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.evaluation import Spans, loss_of
from landscape_widget.loss.terms import ModelTerms, Terms

#: What operations are called that go by another name within torch.
_SPOKEN = {"lift_fresh": "torch.tensor or from_numpy, of numbers found without gradients"}

#: Change of a result from which on it has jumped, relative to itself, and to the way between the two points.
_JUMPED, _AMPLIFIED = 1e-8, 1e4

_WAY_OUT = (
    "Use a smooth stand-in (a sigmoid for a threshold, a softmax for the largest, weights as they are before "
    "they are rounded), or leave out by `parameters` what comes before it. Losses on random planes need no "
    "gradient: Objective.from_function has them."
)

_WAY_OUT_OF_HOUSEHOLDER = (
    "The Householder map of torch.nn.utils.parametrizations.orthogonal rounds the signs that it keeps on a "
    "diagonal. Fold the weight by torch.nn.utils.parametrize.remove_parametrizations(module, 'weight'): the "
    "landscape is then that of the weight itself; or register the parametrization anew with "
    "orthogonal_map='cayley' or 'matrix_exp'."
)


def told(terms: Terms, spans: Spans, jump: Jump, where: str) -> tuple[str, str]:
    """What a message says of a jump: between which losses and where, and the way out.

    Args:
        terms: What the loss is the sum of.
        spans: Where each parameter tensor lies in θ.
        jump: The jump of that loss.
        where: What data the loss is of, in words.
    """
    operation, name, module = _place(terms, spans, jump)
    operation = _SPOKEN.get(operation, operation)
    found = "jumps from {:.6g} to {:.6g}".format(*jump.losses)
    if operation:
        called = f"module {name!r} ({type(module).__name__})" if name else type(module).__name__
        found += f" at the operation {operation!r}" + (f" in {called}" if module is not None else "")
    orthogonal = type(module).__name__ == "_Orthogonal"
    return f"{found}, on {where}", _WAY_OUT_OF_HOUSEHOLDER if orthogonal else _WAY_OUT


def _place(terms: Terms, spans: Spans, jump: Jump) -> tuple[str, str, nn.Module | None]:
    """The first operation whose result jumps, and the module that calls it by name; "" if none is found."""
    modules: dict[str, nn.Module] = {}
    try:
        if isinstance(terms, ModelTerms):
            terms = terms.with_model(modules.update)  # others may be using the model at this time
        watch = _Results(modules)
        runs = []
        for theta in (jump.before, jump.after):
            watch.results = []
            with watch:
                loss_of(terms, theta, spans)
            runs.append(watch.results)
    except Exception as error:  # a name is wanted, no more
        if out_of_memory(error):
            raise
        return "", "", None
    least = _AMPLIFIED * float((jump.after - jump.before).norm())
    for (operation, module, a), (other, _, b) in zip(*runs, strict=False):
        if operation != other or any(_differ(*pair, least) for pair in zip(a, b, strict=False)):
            return operation, module or "", modules.get(module) if module is not None else None
    return "", "", None


class _Results(TorchDispatchMode):
    """Notes every operation, the module that it is called in, and its result in two numbers."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which takes a second to be loaded."""
        return False

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.results: list[tuple[str, str | None, list[tuple[float, float]]]] = []
        self._inside: list[str] = []
        for name, module in modules.items():
            module.register_forward_pre_hook(lambda *_, name=name: self._inside.append(name), prepend=True)
            module.register_forward_hook(lambda *_: self._leave())

    def _leave(self) -> None:
        self._inside.pop()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__.removeprefix("_").removesuffix("_copy")  # _to_copy is to()
        numbers = [_two_numbers(leaf) for leaf in pytree.tree_leaves(result)]
        self.results.append((name, self._inside[-1] if self._inside else None, numbers))
        return result


def _two_numbers(value: Any) -> tuple[float, float]:
    """A weighted sum of a result, and that of its absolute values."""
    if isinstance(value, bool | int | float):
        return float(value), abs(float(value))
    if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_complex():
        return math.nan, math.nan
    flat = value.detach().double().reshape(-1)
    weights = torch.linspace(1, 2, len(flat), dtype=flat.dtype, device=flat.device)
    return float(weights @ flat), float(weights @ flat.abs())


def _differ(a: tuple[float, float], b: tuple[float, float], least: float) -> bool:
    return abs(a[0] - b[0]) > max(_JUMPED * max(a[1], b[1]), least)
