"""Threads that each compute with one intra-op thread of torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    """So many of them, kept: the memory of new ones is slow at first. Work in them must not wait for more."""
    return ThreadPoolExecutor(threads, "landscape", torch.set_num_threads, (1,))
