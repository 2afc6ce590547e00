"""What ``torch.compile`` has made of modules and functions, and what it has made it from.

Each copy of a compiled model, and each dtype, would count towards the recompilations that torch allows a
function in a process, after which it compiles nothing more of it, the user's next models included.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any

from torch import nn

#: The module of torch that compiled things come from; it takes seconds to be loaded, and nothing is compiled
#: before it is.
_DYNAMO = "torch._dynamo.eval_frame"

#: Where a compiled module holds what it was made from.
_INNER = "_orig_mod"


def is_compiled(module: nn.Module) -> bool:
    """Whether a module is what ``torch.compile(module)`` returns."""
    dynamo = sys.modules.get(_DYNAMO)
    return dynamo is not None and isinstance(module, dynamo.OptimizedModule)


def uncompiled(function: Any) -> Any:
    """What a compiled function or bound method was made from; itself where it is not compiled."""
    if isinstance(function, MethodType):
        inner = uncompiled(function.__func__)
        return function if inner is function.__func__ else MethodType(inner, function.__self__)
    # functools.wraps around a compiled function copies the attribute, so that it alone tells nothing
    while isinstance(function, FunctionType) and function.__globals__.get("__name__") == _DYNAMO:
        inner = vars(function).get("_torchdynamo_orig_callable")
        if inner is None:
            break
        function = uncompiled(inner)
    return function


def compiled_methods(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Names of the compiled methods of a module or of its class, and what they were made from, bound."""
    own = vars(module)
    for name, value in own.items():
        if uncompiled(value) is not value:
            yield name, uncompiled(value)
    seen = set(own)
    for kind in type(module).__mro__:
        if kind is nn.Module:
            break
        for name, value in vars(kind).items():
            if name not in seen and uncompiled(value) is not value:
                yield name, MethodType(uncompiled(value), module)
            seen.add(name)


def plain_names(model: nn.Module) -> Callable[[str], str]:
    """What makes of a name of a model's parameter or buffer the one that it has without ``torch.compile``."""
    compiled = {name for name, part in model.named_modules(remove_duplicate=False) if is_compiled(part)}

    def plain(name: str) -> str:
        parts = name.split(".")
        return ".".join(p for i, p in enumerate(parts) if p != _INNER or ".".join(parts[:i]) not in compiled)

    return plain


def named_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of a model under the names that they have without ``torch.compile``."""
    plain = plain_names(model)
    return {plain(name): parameter for name, parameter in model.named_parameters()}
