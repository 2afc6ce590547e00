"""Values as Python writes them: literals, variables, what is put together or cut of them, losses of torch."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from math import isfinite
from typing import Any

import torch
from torch import nn

#: Parts of what is written out at most; more of them stand better in a variable.
_MOST = 8


def written(value: Any, variables: Mapping[str, Any]) -> str | None:
    """An expression whose value this is; None where there is none.

    Args:
        value: Any value.
        variables: Those that a person has, by their names. What is no literal is told by identity.
    """
    if value is None or isinstance(value, bool | torch.dtype):
        return repr(value)
    if isinstance(value, str | int | float):  # those of numpy among them, which write themselves otherwise
        plain = next(kind(value) for kind in (str, int, float) if isinstance(value, kind))
        return f'float("{plain}")' if isinstance(plain, float) and not isfinite(plain) else repr(plain)
    # the names that begin with a line are those of IPython's own history
    named = (name for name, held in [*variables.items()] if held is value and not name.startswith("_"))
    return next(named, None) or _of_parts(value, variables) or _cut(value, variables) or _of_torch(value)


def _of_parts(value: Any, variables: Mapping[str, Any]) -> str | None:
    """A tuple, list or dict of what can be written."""
    if type(value) not in (tuple, list, dict) or not 0 < len(value) <= _MOST:
        return None
    keys = list(value) if isinstance(value, dict) else []
    if not all(isinstance(key, str) for key in keys):
        return None
    parts = [written(part, variables) for part in (value.values() if keys else value)]
    told = [part for part in parts if part is not None]
    if len(told) < len(parts):
        return None
    if keys:
        return f"{{{', '.join(f'{key!r}: {part}' for key, part in zip(keys, told, strict=True))}}}"
    if isinstance(value, list):
        return f"[{', '.join(told)}]"
    return f"({', '.join(told)}{',' * (len(told) == 1)})"


def _cut(value: Any, variables: Mapping[str, Any]) -> str | None:
    """A slice of a tensor along its first axis, which is told by the memory that both share."""
    if not _in_rows(value):
        return None
    for name, whole in [*variables.items()]:
        if name.startswith("_") or not _in_rows(whole) or value.dtype != whole.dtype:
            continue
        if (value.device, value.shape[1:]) != (whole.device, whole.shape[1:]):
            continue
        start, rest = divmod(value.data_ptr() - whole.data_ptr(), value[0].numel() * value.element_size())
        end = start + len(value)
        if start >= 0 and not rest and end <= len(whole) and torch.equal(whole[start:end], value):
            return f"{name}[{start or ''}:{end if end < len(whole) else ''}]"
    return None


def _in_rows(value: Any) -> bool:
    """Whether it is a tensor whose rows follow one another in memory."""
    if type(value) is not torch.Tensor or value.layout is not torch.strided or value.is_meta:
        return False
    return value.is_contiguous() and value.dim() > 0 and value.numel() > 0


def _of_torch(value: Any) -> str | None:
    """A function of ``torch.nn.functional``, or a module of ``torch.nn`` without state, as it was made."""
    name = getattr(value, "__name__", "")
    if name and getattr(nn.functional, name, None) is value:
        return f"nn.functional.{name}"
    kind = type(value)
    if not isinstance(value, nn.Module) or getattr(nn, kind.__name__, None) is not kind:
        return None
    if [*value.parameters(), *value.buffers(), *value.children()]:
        return None
    options = {
        name: getattr(value, name)
        for name, parameter in signature(kind).parameters.items()
        if name in vars(value) and getattr(value, name) != parameter.default
    }
    try:
        same = vars(kind(**options)) == vars(value)
    except Exception:  # one that is made of something else
        return None
    told = {name: written(option, {}) for name, option in options.items()}
    same = same and None not in told.values()
    return f"nn.{kind.__name__}({', '.join(f'{n}={text}' for n, text in told.items())})" if same else None
