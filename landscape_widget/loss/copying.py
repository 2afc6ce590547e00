"""Private copies of the user's model and loss, in another dtype where that is wanted."""

from __future__ import annotations

import copy
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget.data.batches import converted_dtype
from landscape_widget.loss.compiled import compiled_methods, is_compiled
from landscape_widget.loss.parameter_memory import ParameterMemory
from landscape_widget.numerics.checks import few

M = TypeVar("M", bound=nn.Module)

_LOCKS = {type(threading.Lock()): threading.Lock, type(threading.RLock()): threading.RLock}

#: What leads to something without keeping it.
_WEAK = (weakref.ref, weakref.ProxyType, weakref.CallableProxyType)

#: Copied by name, whatever hangs on them.
_CODE = (FunctionType, MethodType, BuiltinFunctionType, ModuleType)

#: Layouts of sparse tensors that ``copy.deepcopy`` cannot copy.
_COMPRESSED = torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc

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
    each forward pass, become constants, and locks new ones; neither can be copied otherwise, nor can tensors
    that are sparse by rows or columns. What shares the memory of a parameter, be it a buffer or an array of
    numpy, shares that of its copy, which copying alone would part. Weak references to what is copied lead to
    its copy, and what stands for another object is not opened. What ``torch.compile`` has compiled is in the
    copy what it was compiled from.

    Raises:
        TypeError: If something else in it cannot be copied.
    """
    held = list(_attributes(module))
    tensors = [value for value in held if isinstance(value, Tensor)]
    computed = [value for value in tensors if not value.is_leaf or value.layout in _COMPRESSED]
    memory = ParameterMemory(list(module.parameters()))
    memo: dict[int, Any] = {id(value): value.detach().clone() for value in computed}
    # places for hooks, of which each module has ten, would take half of the time of all copying
    places = [value for part in module.modules() for value in vars(part).values()]
    empty = [value for value in places if type(value) is OrderedDict and not value and not vars(value)]
    memo |= {id(value): OrderedDict() for value in empty}
    for value in held:
        if type(value) in _LOCKS:
            memo[id(value)] = _LOCKS[type(value)]()
        elif type(value) in _WEAK:
            memo[id(value)] = value
        elif isinstance(value, np.ndarray) and memory.of(value):
            memo[id(value)] = memory.copied_array(value)
    try:
        for part in reversed([part for part in module.modules() if is_compiled(part)]):
            memo[id(part)] = _before_compilation(part, memo)
        copied = copy.deepcopy(module, memo)
        for part in module.modules():
            twin = memo.get(id(part))  # none of what a module with a __deepcopy__ of its own makes without it
            if isinstance(twin, nn.Module) and not is_compiled(part):
                _restore_methods(part, twin, memo)
        for parameter in module.parameters():
            if (twin := memo.get(id(parameter), parameter)) is not parameter:
                vars(twin).update(copy.deepcopy(vars(parameter), memo))  # which nn.Parameter leaves out
        met = [*computed, *memo.get(id(memo), [])]  # where copy.deepcopy notes that, in whatever container
        memory.keep_shared(met, memo)
        for value in met:
            _lead_to_copies(memo.get(id(value)), memo)
    except Exception as error:
        raise TypeError(
            "Expected a model and loss_fn that copy.deepcopy can copy, because those you passed must stay "
            f"untouched, got {type(error).__name__}: {error}. Take what cannot be copied out of their "
            "attributes, or give the model a method __deepcopy__ that leaves it out."
        ) from error
    for parameter in copied.parameters():
        parameter.grad = None
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


def _lead_to_copies(twin: Any, memo: dict[int, Any]) -> None:
    """Lets weak references in a copy lead to copies, where they led to what was copied."""
    for name, value in list(getattr(twin, "__dict__", {}).items()):
        if type(value) is weakref.ref and (copied := memo.get(id(value()))) is not None:
            vars(twin)[name] = weakref.ref(copied)


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
        if type(value) in (*_WEAK, *_LOCKS) or isinstance(value, Tensor | np.ndarray):
            yield value
            if isinstance(value, Tensor):
                waiting.append((vars(value), _DEPTH - 1))
        elif depth < _DEPTH and not isinstance(value, type | nn.Module):
            inside: list[Any] = []
            if isinstance(value, dict):
                inside = list(value.values())
            elif isinstance(value, list | tuple | set):
                inside = list(value)
            elif hasattr(value, "__dict__") and not isinstance(value, _CODE):
                inside = [vars(value)]
            waiting += [(part, depth + 1) for part in inside]
