"""What kind of fault an error is."""

from __future__ import annotations

import torch


def out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: that says nothing about the model, and another time it may."""
    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        sign in words for sign in ("allocate memory", "out of memory", "not enough memory")
    )
