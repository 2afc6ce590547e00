"""Random probe vectors z with E[zzᵀ] = 1, the same for a seed however many are drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from landscape_widget.numerics.checks import check_choice

DISTRIBUTIONS = ("rademacher", "normal")

#: What random vectors are drawn for. Those of one seed must not be the same vectors for two purposes: a
#: second look from the same vector sees nothing new, and its error is the same error.
STREAMS = ("start", "explore", "density", "trace")

#: Memory for the probes of one block and their products.
_BLOCK_BYTES = 1 << 28


def generator(seed: int, stream: str) -> torch.Generator:
    """The generator of a seed for one of ``STREAMS``."""
    # the engine takes the lower 32 bits of its seed
    return torch.Generator().manual_seed((seed + 0x9E3779B1 * STREAMS.index(stream)) % 2**32)


class Probes:
    """A stream of independent probe vectors of length N."""

    def __init__(self, n: int, distribution: str, seed: int, stream: str, like: Tensor) -> None:
        """Draws nothing yet.

        Args:
            n: Length N of each vector.
            distribution: "rademacher" (entries ±1) or "normal" (entries from N(0, 1)).
            seed: Seed of the stream.
            stream: One of ``STREAMS``.
            like: A tensor of the dtype and device that the probes are to have.

        Raises:
            ValueError: For another distribution.
        """
        check_choice(distribution, DISTRIBUTIONS, "distribution")
        self._n, self._distribution, self._like = n, distribution, like
        self._generator = generator(seed, stream)
        self.largest_block = max(1, _BLOCK_BYTES // (n * 8 * 4))

    def draw(self, count: int) -> Tensor:
        """The next ``count`` probes as columns, shape (N, count)."""
        # one draw for each probe, since a larger tensor would be filled with other numbers
        return torch.stack([self._one() for _ in range(count)], dim=1).to(self._like)

    def _one(self) -> Tensor:
        if self._distribution == "normal":
            return torch.randn(self._n, generator=self._generator, dtype=torch.float64)
        bits = torch.randint(2, (self._n,), generator=self._generator)
        return (2 * bits - 1).double()
