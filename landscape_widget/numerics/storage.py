"""Where tensors lie; many long vectors, in memory or in a file, and sums over them on the spot."""

from __future__ import annotations

import mmap
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Columns that are worked on together: what is made of them is small beside a vector of millions, and two
#: looks at them in turn find them in the processor's cache.
COLUMNS = 1 << 15


def rows_in_file(count: int, like: Tensor) -> Tensor:
    """So many vectors of the shape and dtype of ``like``, (N,), on the CPU, in a file without a name.

    The system keeps of it in memory what it has room for. The file goes with the tensor. It lies in the
    temporary folder, and all of its room is taken at once.

    Raises:
        OSError: If the disk has no room for it.
    """
    n_bytes = count * like.numel() * like.element_size()
    with TemporaryFile(prefix="landscape-widget-") as file:
        if hasattr(os, "posix_fallocate"):  # else the first vector without room would end the process
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        else:
            file.truncate(n_bytes)
        mapped = mmap.mmap(file.fileno(), n_bytes)
    return torch.frombuffer(mapped, dtype=like.dtype).reshape(count, like.numel())


def memory_of(tensor: Tensor) -> tuple[int, int] | None:
    """The addresses from and before which a tensor's storage lies; None of what has none that can be told."""
    try:
        store = tensor.untyped_storage()
        start = store.data_ptr()
    except (RuntimeError, NotImplementedError):  # sparse ones, and what stands for several tensors
        return None
    return (start, start + store.nbytes()) if start else None


def reach(value: Any) -> tuple[int, int] | None:
    """The addresses from and before which the numbers of a tensor or array lie; None as in ``memory_of``."""
    if isinstance(value, np.ndarray) and value.size:
        start, sizes, steps, width = value.ctypes.data, value.shape, value.strides, value.itemsize
    elif isinstance(value, Tensor) and memory_of(value) is not None and value.numel():
        start, sizes, width = value.data_ptr(), value.shape, value.element_size()
        steps = tuple(step * width for step in value.stride())
    else:
        return None
    far = [(size - 1) * step for size, step in zip(sizes, steps, strict=True)]
    return start + sum(step for step in far if step < 0), start + sum(s for s in far if s > 0) + width


class Places:
    """Stretches of memory, none of which overlaps another."""

    def __init__(self, stretches: Iterable[tuple[int, int] | None]) -> None:
        """Takes the addresses from and before which they lie; what overlaps is one."""
        self._all: list[tuple[int, int]] = []
        for place in sorted({stretch for stretch in stretches if stretch is not None}):
            if self._all and _overlap(self._all[-1], place):
                last = self._all.pop()
                self._all.append((last[0], max(last[1], place[1])))
            else:
                self._all.append(place)

    def of(self, value: Any) -> tuple[int, int] | None:
        """The first stretch that a tensor or array has numbers in, or may have; None if it has in none."""
        if not self._all or (reached := reach(value)) is None:
            return None
        first = max(0, bisect_right(self._all, (reached[0], reached[0])) - 1)
        return next((place for place in self._all[first : first + 2] if _overlap(place, reached)), None)


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def wide(like: Tensor) -> torch.dtype:
    """The type to add up in: float64 where the device has it."""
    return like.dtype if like.device.type == "mps" else torch.float64


def spans(n: int) -> Iterator[slice]:
    """The parts of N columns, one after another."""
    return (slice(i, min(i + COLUMNS, n)) for i in range(0, n, COLUMNS))


def orthogonalise(vector: Tensor, rows: Tensor) -> Tensor:
    """Takes from ``vector``, (N,), what lies along orthonormal ``rows``, (m, N), in place.

    Products of parts are added up in float64 where the device has it. Returns what it was, shape (m,).
    """
    total = torch.zeros(len(rows), dtype=wide(vector), device=vector.device)
    for span in spans(len(vector)):
        total += rows[:, span] @ vector[span]
    first, again = total.to(vector), torch.zeros_like(total)
    for span in spans(len(vector)):  # once is not enough (Kahan & Parlett)
        vector[span] -= first @ rows[:, span]
        again += rows[:, span] @ vector[span]
    first = again.to(vector)
    for span in spans(len(vector)):
        vector[span] -= first @ rows[:, span]
    return total + again


def rotate(rows: Tensor, rotation: Tensor, start: int) -> None:
    """Puts ``rotation``, (k, m), times the m ``rows`` from ``start`` on in the place of the first k."""
    for span in spans(rows.shape[1]):
        rows[start : start + len(rotation), span] = rotation @ rows[start : start + rotation.shape[1], span]


def combined(rows: Tensor, coordinates: Tensor) -> Tensor:
    """``rows``, (m, N), combined with ``coordinates``, (m, k), in the type of these, shape (N, k)."""
    found = coordinates.new_empty(coordinates.shape[1], rows.shape[1])
    for span in spans(rows.shape[1]):
        found[:, span] = coordinates.T @ rows[:, span].to(coordinates)
    return found.T
