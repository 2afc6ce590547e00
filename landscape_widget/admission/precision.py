"""Whether a loss is computed in the precision of θ throughout, so that a wider type tells more."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.terms import Terms

log = logging.getLogger(__name__)

#: Relative difference of two evaluations at one θ up to which they count as the same: parallel sums
#: round differently from run to run, dropout is off by far more.
_REPEATABLE = {torch.float64: 1e-10, torch.float32: 1e-4, torch.bfloat16: 1e-1, torch.float16: 1e-2}

#: How much more than evaluations of the same differ must losses differ that are said to be others.
NOISE = 100.0

#: Words of torch about types that do not go together.
_ABOUT_TYPES = ("dtype", "type", "double", "float")


def repeatable(dtype: torch.dtype) -> float:
    """Relative difference of two evaluations up to which they count as the same."""
    return _REPEATABLE.get(dtype, 1e-4)


def rounding_fault(terms: Terms, theta: Tensor, *, own: bool = False) -> str | None:
    """Why L is not computed in the precision of θ throughout, or is another function there; None where not.

    Models make tensors of their own in a fixed type, or go through one; in the first term that is seen. From
    one seed torch draws other numbers in float64 than in float32.

    Args:
        terms: Terms of the loss L.
        theta: θ, shape (N,).
        own: Whether θ has the type that the user has chosen, in which what is drawn is part of L.
    """
    watch = _Narrow(theta.dtype)
    try:
        with evaluated(), watch:
            loss = terms.term(theta.detach().clone(), 0)
    except (RuntimeError, TypeError, ValueError) as error:
        if out_of_memory(error) or not any(word in str(error).lower() for word in _ABOUT_TYPES):
            raise
        short = str(error).splitlines()[0][:200] if str(error) else ""
        return f"in {_name(theta.dtype)} the model or loss_fn fails ({type(error).__name__}: {short})"
    if watch.drawn and not own:
        return (
            f"the model or loss_fn draws random numbers, other ones in {_name(theta.dtype)} ({watch.drawn})"
        )
    narrow = watch.seen or (loss.dtype if loss.dtype is not theta.dtype else None)
    if narrow is None:
        return None
    return f"the model or loss_fn goes through {_name(narrow)} ({watch.where or 'its result'})"


def widest(terms: Terms, theta: Tensor) -> tuple[torch.dtype, str]:
    """The widest type in which L is the same function, and why that is not float64, "" where it is.

    Args:
        terms: L, in the type of θ.
        theta: θ, shape (N,).
    """
    own, fault = theta.dtype, ""
    if theta.device.type == "mps":
        return own, "the device has no float64"
    if own is torch.float64:
        cause = rounding_fault(terms.first(), theta, own=True)
        return (own, "") if cause is None else (torch.float32, cause)  # whose rounding it has
    for dtype in (torch.float64, torch.float32):
        if torch.promote_types(dtype, own) is own:
            break
        cause = rounding_fault(terms.first().convert(theta.device, dtype), theta.to(dtype))
        if cause is None:
            return dtype, fault
        fault = fault or cause
        log.info("Not computed in %s: %s", dtype, cause)
    return own, fault


class _Narrow(TorchDispatchMode):
    """Notices operations that turn numbers of one type into a narrower one, or draw numbers of that type."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which takes a second to be loaded."""
        return False

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dtype = dtype
        self.seen: torch.dtype | None = None
        self.where = ""
        self.drawn = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        # of a complex number, its parts
        wide = any(isinstance(a, Tensor) and a.dtype.to_real() is self._dtype for a in args)
        number = isinstance(result, Tensor) and result.dtype.to_real().is_floating_point
        draws = torch.Tag.nondeterministic_seeded in func.tags and "rrelu" not in str(
            func
        )  # not in eval mode
        if draws and number and result.dtype.to_real() is self._dtype:
            self.drawn = self.drawn or str(func)
        if wide and number and result.dtype.to_real() is not self._dtype and self.seen is None:
            self.seen, self.where = result.dtype, str(func)
        return result


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
