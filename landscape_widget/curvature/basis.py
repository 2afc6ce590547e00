"""The Krylov basis of a search for eigenpairs: how many vectors it holds, in memory or in a file."""

from __future__ import annotations

import logging

from torch import Tensor

from landscape_widget.numerics.storage import rows_in_file

log = logging.getLogger(__name__)

#: Limits of the basis in memory; beyond them the process restarts from the outermost Ritz vectors.
MEMORY_BYTES, _VECTORS = 1 << 30, 200

#: Where those bytes hold fewer vectors in float64 than this, which searches in networks hardly need more of,
#: the basis goes into a file of at most so many bytes.
_ENOUGH, _FILE_BYTES = 80, 8 << 30

#: Ritz vectors beside those wanted that a restart keeps at each end.
KEPT = 4


def most_vectors(n: int, k: int, n_bytes: int, most: int | None = None) -> int:
    """How many vectors of N entries the basis of a search for k pairs at each end may hold.

    Args:
        n: N.
        k: Pairs at each end.
        n_bytes: Bytes of an entry.
        most: Bytes of all of them; default what memory or a file is given.
    """
    least = (4 if k == 1 else 6) * (k + KEPT)
    if most is None:
        most = _FILE_BYTES if in_file(n) else MEMORY_BYTES
    return max(least, min(_VECTORS, most // (n * n_bytes)))


def in_file(n: int) -> bool:
    """Whether the basis is so large that it goes into a file, where vectors are on the CPU."""
    return 8 * n * _ENOUGH > MEMORY_BYTES


def rows(k: int, count: int, like: Tensor) -> Tensor:
    """Room for so many vectors, or for fewer in memory where neither that nor the disk has enough."""
    n, n_bytes = len(like), like.element_size()
    if in_file(n):
        try:
            if like.device.type == "cpu":
                return rows_in_file(count, like)
        except OSError as error:
            log.info("The basis of %d vectors stays in memory: %s", count, error)
        count = min(count, most_vectors(n, k, n_bytes, MEMORY_BYTES))
    return like.new_empty((count, n))
