"""What kind of fault an error is."""

from __future__ import annotations

import torch


def of_the_moment(error: BaseException) -> bool:
    """Whether an error comes from the machine and not from the model: another time it may be gone."""
    words = str(error).lower()
    return (
        isinstance(error, OSError) or out_of_memory(error) or "cuda error" in words or "new thread" in words
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: that says nothing about the model, and another time it may."""
    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in words for sign in ("allocate memory", "out of memory", "not enough memory")
    )
