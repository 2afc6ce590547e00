"""Whether a loss is computed in the precision of θ throughout, so that a wider type tells more."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_widget.derivatives import evaluated
from landscape_widget.faults import out_of_memory
from landscape_widget.losses import Terms

#: Relative difference of two evaluations at one θ up to which they count as the same: parallel sums
#: round differently from run to run, dropout is off by far more.
_REPEATABLE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 1e-1, torch.float16: 1e-2}

#: Words of torch about types that do not go together.
_ABOUT_TYPES = ("dtype", "type", "double", "float")


def repeatable(dtype: torch.dtype) -> float:
    """Relative difference of two evaluations up to which they count as the same."""
    return _REPEATABLE.get(dtype, 1e-4)


def rounding_fault(terms: Terms, theta: Tensor) -> str | None:
    """Why L is not computed in the precision of θ throughout; None where it is.

    Models make tensors of their own in a fixed type, or go through one; in the first term that is seen.
    """
    watch = _Narrow(theta.dtype)
    try:
        with evaluated(), watch:
            loss = terms.term(theta.detach().clone(), 0)
    except RuntimeError as error:
        if out_of_memory(error) or not any(word in str(error).lower() for word in _ABOUT_TYPES):
            raise
        short = str(error).splitlines()[0][:200] if str(error) else ""
        return f"in {_name(theta.dtype)} the model or loss_fn fails ({type(error).__name__}: {short})"
    narrow = watch.seen or (loss.dtype if loss.dtype is not theta.dtype else None)
    if narrow is None:
        return None
    return f"the model or loss_fn goes through {_name(narrow)} ({watch.where or 'its result'})"


class _Narrow(TorchDispatchMode):
    """Notices operations that turn numbers of one type into a narrower one."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which takes a second to be loaded."""
        return False

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dtype = dtype
        self.seen: torch.dtype | None = None
        self.where = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        wide = any(isinstance(a, Tensor) and a.dtype is self._dtype for a in args)
        number = isinstance(result, Tensor) and result.is_floating_point()
        if wide and number and result.dtype is not self._dtype and self.seen is None:
            self.seen, self.where = result.dtype, str(func)
        return result


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
