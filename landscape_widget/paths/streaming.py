"""θᵢ − θ* of all checkpoints, streamed from wherever they are, in parts that fit into memory and caches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from landscape_widget.engine.threads import pool
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import THETA, is_theta, keys_of
from landscape_widget.paths.stored import Piece
from landscape_widget.paths.trajectory import Trajectory

#: Bytes of weights that are held at once: the more, the fewer pieces are read of each file.
_BLOCK_BYTES = 60_000_000

#: Bytes of the differences, in float64, that a thread works on at once, which its cache holds.
_CHUNK_BYTES = 2_500_000

#: Threads at most: each has sums of its own.
_THREADS = 4

#: Number types that float32 holds without rounding.
_NARROW = frozenset({torch.float32, torch.float16, torch.bfloat16})


class Differences:
    """θᵢ − θ* of all checkpoints, in chunks of parameters."""

    def __init__(self, objective: Objective, trajectory: Trajectory) -> None:
        """Opens each checkpoint and holds it against the objective's model."""
        self.n = len(trajectory)
        self.n_threads = min(torch.get_num_threads(), _THREADS)
        self._pool = pool(self.n_threads)
        self._trajectory = trajectory
        theta = objective.theta.detach().cpu().double()
        entries = [] if objective.layout is None else objective.layout.entries
        names = [entry.name for entry in entries]
        self._weights = list(self._pool.map(trajectory.weights, range(self.n)))
        self._keys: list[dict[str, str]] = []
        dtypes: set[torch.dtype] = set()
        before: Mapping[str, torch.Size] = {}
        for i, weights in enumerate(self._weights):
            shapes, own = weights.shapes, weights.dtypes
            with trajectory.named(i):  # the checkpoints of one run have one answer, which takes a while
                keys = self._keys[-1] if shapes == before else keys_of(objective, shapes)
            self._keys.append(keys)
            dtypes |= {own[keys[name]] for name in ([THETA] if is_theta(keys) else names)}
            before = shapes
        self._dtype = np.dtype(np.float32 if dtypes <= _NARROW else np.float64)
        order = {name: i for i, name in enumerate(self._weights[0].shapes)}
        spans = [(entry.name, entry.start, entry.stop) for entry in entries] or [(THETA, 0, len(theta))]
        if not is_theta(self._keys[0]):  # as they are stored, so that what is read at once lies side by side
            spans.sort(key=lambda span: order[self._keys[0][span[0]]])
        self._spans = spans
        self._theta = torch.cat([theta[start:stop] for _, start, stop in spans])

    def as_theta(self, values: Tensor) -> Tensor:
        """A number of each parameter, shape (N, …), as ``each`` counts the parameters, in the order of θ."""
        ordered, sizes = torch.empty_like(values), [stop - start for _, start, stop in self._spans]
        for (_, start, stop), part in zip(self._spans, values.split_with_sizes(sizes), strict=True):
            ordered[start:stop] = part
        return ordered

    def each(self, work: Callable[[int, slice, Tensor], None]) -> None:
        """Calls ``work`` with a thread's number, a part of the parameters and the differences in it.

        Parameters are counted as ``as_theta`` takes them. The differences have shape (n, width) and hold
        until the call is over. Each thread gets the same parts again.
        """
        n, size = self.n, len(self._theta)
        width = max(1, _BLOCK_BYTES // (self._dtype.itemsize * n))
        narrow = max(1, min(width, _CHUNK_BYTES // (8 * n)))
        with torch.inference_mode(False):
            block = torch.from_numpy(np.empty((n, min(width, size)), self._dtype))  # has large pages on Linux
            scratch = torch.empty(self.n_threads, n, narrow, dtype=torch.float64, device="cpu")

        def fill(rows: Tensor, span: slice, thread: int) -> None:
            pieces = self._pieces(span)
            for i in range(thread, n, self.n_threads):
                self._fill(i, rows[i], pieces)

        def subtract(rows: Tensor, span: slice, thread: int) -> None:
            for start in range(thread * narrow, rows.shape[1], self.n_threads * narrow):
                part = slice(start, min(start + narrow, rows.shape[1]))
                here = slice(span.start + part.start, span.start + part.stop)
                chunk = scratch[thread][:, : part.stop - part.start]
                work(thread, here, chunk.copy_(rows[:, part]).sub_(self._theta[here]))

        for first in range(0, size, width):
            span = slice(first, min(first + width, size))
            rows = block[:, : span.stop - first]
            for step in (fill, subtract):
                list(self._pool.map(partial(step, rows, span), range(self.n_threads)))

    def _fill(self, i: int, row: Tensor, pieces: Sequence[tuple[Piece, int]]) -> None:
        """Reads a part of θ of checkpoint ``i``."""
        keys = self._keys[i]
        if is_theta(keys):
            wanted = [(keys[THETA], first + start, first + stop) for (_, start, stop), first in pieces]
        else:
            wanted = [(keys[name], start, stop) for (name, start, stop), _ in pieces]
        with self._trajectory.named(i):
            self._weights[i].read(wanted, row)

    def _pieces(self, span: slice) -> Sequence[tuple[Piece, int]]:
        """The parts of tensors that make up a part of all parameters, and where in θ their tensors begin."""
        pieces, at = [], 0
        for name, first, last in self._spans:
            start, stop = max(span.start - at, 0), min(span.stop - at, last - first)
            if start < stop:
                pieces.append(((name, start, stop), first))
            at += last - first
        return pieces
