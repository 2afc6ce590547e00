"""Freed memory: kept for what comes next, or given back."""

import ctypes
from collections.abc import Callable
from functools import cache

import torch


@cache
def keep_freed_memory() -> None:
    """Has the C library of Linux use freed memory again, instead of asking the system for fresh pages.

    Networks allocate megabytes for each layer, and a fresh page costs more than to fill it: without this,
    losses and products take up to twice as long. glibc adapts to the largest block freed so far, up to
    32 MiB: from then on it takes smaller ones from its heap, and gives the end of its heap back from twice
    that size on. Elsewhere this does nothing. No page of the block is touched.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def give_freed_memory_back() -> None:
    """Has the C library of Linux return its free pages, after work of a kind that does not come again.

    What trials leave behind is of other sizes than what follows, and would stand beside it.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], int]:
    """``malloc_trim`` of glibc, or something that does nothing."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # macOS, musl and Windows
        return lambda _: 0
    return trim
