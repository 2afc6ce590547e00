"""Seeds of the many random planes that are drawn for one seed."""

from __future__ import annotations

#: How far the first planes of neighbouring seeds lie apart, of 2³². As √2 is, it is badly approximated by
#: fractions: those of up to 10,000 neighbouring seeds lie 150,000 planes apart or more.
_STRIDE = 0x6A09E667

#: Odd, so that seeds which differ in their upper 32 bits alone have planes of their own.
_UPPER = 0x9E3779B1


def plane_seed(seed: int, i: int) -> int:
    """The seed that a random plane has to have to be the one of number ``i`` of a seed's."""
    # the engine takes the lower 32 bits of its seed, of which the upper ones change all
    return ((seed + (seed >> 32) * _UPPER) * _STRIDE) % 2**32 + i
