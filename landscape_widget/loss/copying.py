"""Private copies of the user's model and loss, in another dtype where that is wanted."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from itertools import chain
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor, UntypedStorage, nn

from landscape_widget.data.batches import converted_dtype
from landscape_widget.loss.compiled import compiled_methods, is_compiled
from landscape_widget.numerics.checks import few
from landscape_widget.numerics.storage import memory_of

M = TypeVar("M", bound=nn.Module)

_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}

#: Copied by name, whatever hangs on them.
_CODE = (FunctionType, MethodType, BuiltinFunctionType, ModuleType)

#: Where a module keeps its hooks.
_HOOKS = (
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
)

#: How deep attributes of attributes are looked into.
_DEPTH = 4


def deep_copy(module: M) -> M:
    """A copy of a module that shares nothing with it, without gradients.

    Tensors that were computed, such as the weights that pruning and weight normalisation put together before
    each forward pass, become constants, and locks new ones; neither can be copied otherwise. What shares the
    memory of a parameter, be it a buffer, shares that of its copy, which copying alone would part. What
    ``torch.compile`` has compiled is in the copy what it was compiled from.

    Raises:
        TypeError: If something else in it cannot be copied.
    """
    memo: dict[int, Any] = {}
    held = list(_attributes(module))
    computed = [value for value in held if isinstance(value, Tensor) and not value.is_leaf]
    for value in held:
        if type(value) in _LOCKS:
            memo[id(value)] = _LOCKS[type(value)]()
    for value in computed:
        memo[id(value)] = value.detach().clone()
    try:
        for part in reversed([part for part in module.modules() if is_compiled(part)]):
            memo[id(part)] = _before_compilation(part, memo)
        copied = copy.deepcopy(module, memo)
        for part in module.modules():
            twin = memo.get(id(part))  # none of what a module with a __deepcopy__ of its own makes without it
            if isinstance(twin, nn.Module) and not is_compiled(part):
                _restore_methods(part, twin, memo)
        # where copy.deepcopy notes what it has met, in whatever container
        _keep_shared(list(module.parameters()), [*computed, *memo.get(id(memo), [])], memo)
    except Exception as error:
        raise TypeError(
            "Expected a model and loss_fn that copy.deepcopy can copy, because those you passed must stay "
            f"untouched, got {type(error).__name__}: {error}. Take what cannot be copied out of their "
            "attributes, or give the model a method __deepcopy__ that leaves it out."
        ) from error
    for parameter in copied.parameters():
        parameter.grad = None
    for parameter in module.parameters():
        vars(memo.get(id(parameter), parameter)).update(vars(parameter))  # which nn.Parameter leaves out
    _check_own(module, copied)
    return copied


def _check_own(module: nn.Module, copied: nn.Module) -> None:
    """Sees that a copy has none of the tensors of what it is a copy of, as by a ``__deepcopy__`` of its own.

    Raises:
        TypeError: If it has.
    """
    held = {id(tensor): name for name, tensor in chain(module.named_parameters(), module.named_buffers())}
    copies = chain(copied.parameters(), copied.buffers())
    if shared := [held[id(tensor)] for tensor in copies if id(tensor) in held]:
        raise TypeError(
            "Expected a model and loss_fn whose copies by copy.deepcopy have tensors of their own, because "
            f"those you passed must stay untouched, got one that shares {few(shared)} with its copy. Let "
            "__deepcopy__ return a new module, with a copy of each parameter and buffer."
        )


def convert_module(module: M, device: torch.device, dtype: torch.dtype) -> M:
    """The module itself, its numbers as ``dtype`` on ``device``; complex ones stay complex.

    ``nn.Module.to`` would drop imaginary parts.
    """
    module._apply(lambda t: t.to(device, converted_dtype(t, dtype)))  # type: ignore[no-untyped-call]
    return module


def _keep_shared(parameters: list[nn.Parameter], met: list[Any], memo: dict[int, Any]) -> None:
    """Gives the copies of parameters, and of tensors that share memory with one, memory that they share."""
    own, ids = {memory_of(parameter) for parameter in parameters} - {None}, set(map(id, parameters))
    others = [value for value in met if isinstance(value, Tensor) and id(value) not in ids]
    shared = own & {memory_of(tensor) for tensor in others}
    copies: dict[int | None, UntypedStorage] = {}
    with torch.no_grad():
        for tensor in [*parameters, *others]:
            memory, twin = memory_of(tensor), memo.get(id(tensor))
            if twin is None or twin is tensor or memory not in shared or tensor.is_conj() or tensor.is_neg():
                continue
            if memory not in copies:
                copies[memory] = copy.deepcopy(tensor.untyped_storage())
            whole = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
            twin.data = whole.set_(copies[memory], tensor.storage_offset(), tensor.shape, tensor.stride())


def _before_compilation(compiled: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A copy of what a module was compiled from, with the hooks of both."""
    inner: nn.Module = copy.deepcopy(compiled.get_submodule("_orig_mod"), memo)
    for name in _HOOKS:
        outer, own = copy.deepcopy(vars(compiled)[name], memo), vars(inner)[name]
        first, last = (outer, own) if name == "_forward_pre_hooks" else (own, outer)
        vars(inner)[name] = type(own)({**first, **last})
    return inner


def _restore_methods(module: nn.Module, copied: nn.Module, memo: dict[int, Any]) -> None:
    """Gives a copied module the methods that those of the module were compiled from."""
    vars(copied).pop("_compiled_call_impl", None)  # of module.compile()
    for name, method in compiled_methods(module):
        own = getattr(method, "__self__", None) is module
        if own and getattr(type(module), name, None) is method.__func__:
            vars(copied).pop(name, None)
        else:
            vars(copied)[name] = copy.deepcopy(method, memo)


def _attributes(module: nn.Module) -> Iterator[Any]:
    """What the modules hold beside parameters, to some depth."""
    seen: set[int] = set()
    waiting: list[tuple[Any, int]] = [(vars(part), 0) for part in module.modules()]
    while waiting:
        value, depth = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor) or type(value) in _LOCKS:
            yield value
        elif depth < _DEPTH and not isinstance(value, type | nn.Module):
            inside: list[Any] = []
            if isinstance(value, dict):
                inside = list(value.values())
            elif isinstance(value, list | tuple | set):
                inside = list(value)
            elif hasattr(value, "__dict__") and not isinstance(value, _CODE):
                inside = [vars(value)]
            waiting += [(part, depth + 1) for part in inside]
