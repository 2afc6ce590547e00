"""Grids of a plane: their domain and coordinates, their ever finer sub-grids, and what is known on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Set

import numpy as np

from landscape_widget.numerics.checks import check_integer, integer, real, told
from landscape_widget.numerics.vectors import FloatArray

#: (α min, α max, β min, β max)
Domain = tuple[float, float, float, float]

#: Losses of one plane by their coordinates (α, β), rounded as ``cache_keys`` does.
Cache = MutableMapping[tuple[float, float], float]

MAX_RESOLUTION = 501

#: Coordinates up to this have squares, and widths from its inverse have spacings, that floats can hold.
_LARGEST = 1e100

#: Least width, as a share of the larger end: nodes are told apart by 12 digits, at any resolution.
_NARROWEST = 1e-8


def check_domain(domain: object) -> Domain:
    """The four numbers (α min, α max, β min, β max) as floats.

    Raises:
        ValueError: If they are not four finite numbers with min < max, or floats cannot tell apart, or
            square, the coordinates of nodes between them.
    """
    ordered = not isinstance(domain, str | bytes | bytearray | Mapping | Set)
    try:
        values = tuple(map(real, domain)) if ordered else ()  # type: ignore[call-overload]
    except TypeError:
        values = ()
    if len(values) != 4 or not np.isfinite(values).all():
        raise ValueError(
            f"Expected domain as four finite numbers (α min, α max, β min, β max), got {told(domain)}."
        )
    a0, a1, b0, b1 = values
    if not (a0 < a1 and b0 < b1):
        raise ValueError(f"Expected a domain with α min < α max and β min < β max, got {values}.")
    for low, high in ((a0, a1), (b0, b1)):
        size = max(abs(low), abs(high))
        if size > _LARGEST or not high - low >= max(1 / _LARGEST, _NARROWEST * size):
            raise ValueError(
                f"Expected a domain with coordinates of at most {_LARGEST:g} and widths of at least "
                f"{1 / _LARGEST:g} and {_NARROWEST:g} of the larger end, so that its nodes are told apart, "
                f"got {values}. Rescale the directions of the plane, or move its origin."
            )
    return a0, a1, b0, b1


def check_resolution(resolution: object) -> int:
    """The number of nodes for each axis.

    Raises:
        ValueError: If it is not an odd integer between 3 and 501.
    """
    number = integer(resolution)
    if number is None:
        raise ValueError(f"Expected resolution as an odd integer, got {told(resolution)}.")
    number = check_integer(number, "a resolution", 3, MAX_RESOLUTION, " nodes for each axis")
    if number % 2 == 0:
        raise ValueError(
            f"Expected an odd resolution, so that θ* is a node of the grid, got {number}. Use {number + 1}."
        )
    return number


def grid_axis(low: float, high: float, resolution: int) -> FloatArray:
    """``resolution`` equidistant coordinates of which one is exactly 0 where low ≤ 0 ≤ high.

    The coordinates are integer multiples of the spacing (high − low)/(resolution − 1), so a domain
    that is not symmetric moves by at most half a spacing, and grids of equal spacing share nodes.
    """
    spacing = (high - low) / (resolution - 1)
    first = round(low / spacing)
    return (first + np.arange(resolution)) * spacing


def nearest(axis: FloatArray, x: float) -> int:
    """The node that is nearest to a coordinate."""
    return int(np.argmin(np.abs(axis - x)))


def cache_keys(axis: FloatArray) -> list[float]:
    """Coordinates to 12 digits: a node of two grids may come out a rounding error apart."""
    return [float(f"{x:.12g}") for x in axis]


def n_known(cache: Cache, alpha: FloatArray, beta: FloatArray) -> int:
    """How many nodes of a grid have their loss in the cache."""
    columns, rows = cache_keys(alpha), cache_keys(beta)
    return sum((a, b) in cache for b in rows for a in columns)


def levels(beta: FloatArray, alpha: FloatArray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of ever finer sub-grids, each containing the one before, θ* and the border."""
    most = max(len(beta), len(alpha))
    while True:
        yield _spread(beta, count), _spread(alpha, count)
        if count >= most:
            return
        count = 2 * count - 1


def _spread(axis: FloatArray, count: int) -> np.ndarray:
    if count >= len(axis):
        return np.arange(len(axis))
    even = np.round(np.linspace(0, len(axis) - 1, count)).astype(int)
    return np.union1d(even, int(np.argmin(np.abs(axis))))
