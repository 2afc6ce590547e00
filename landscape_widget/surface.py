"""The loss on a plane, coarse to fine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Set
from itertools import islice
from time import monotonic

import numpy as np

from landscape_widget.checks import check_integer, integer, real, told
from landscape_widget.directions import check_plane
from landscape_widget.monotone import monotone_cubic
from landscape_widget.objective import Objective
from landscape_widget.results import Plane, Provenance, Surface
from landscape_widget.strategies import LOOP, PICTURE, Evaluator
from landscape_widget.vectors import FloatArray

#: (α min, α max, β min, β max)
Domain = tuple[float, float, float, float]

#: Losses of one plane by their coordinates (α, β), rounded as ``cache_keys`` does.
Cache = MutableMapping[tuple[float, float], float]

MAX_RESOLUTION = 501

#: Coordinates up to this have squares, and widths from its inverse have spacings, that floats can hold.
_LARGEST = 1e100

#: Least width, as a share of the larger end: nodes are told apart by 12 digits, at any resolution.
_NARROWEST = 1e-8

#: Nodes for each axis of the coarsest sub-grid, where the plain loop takes one point after another.
_COARSE = 3


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


def cache_keys(axis: FloatArray) -> list[float]:
    """Coordinates to 12 digits: a node of two grids may come out a rounding error apart."""
    return [float(f"{x:.12g}") for x in axis]


def n_known(cache: Cache, alpha: FloatArray, beta: FloatArray) -> int:
    """How many nodes of a grid have their loss in the cache."""
    columns, rows = cache_keys(alpha), cache_keys(beta)
    return sum((a, b) in cache for b in rows for a in columns)


def evaluate_plane(
    objective: Objective,
    plane: Plane,
    domain: Domain = (-1.0, 1.0, -1.0, 1.0),
    resolution: int = 51,
    *,
    cache: Cache | None = None,
    interval: float = 0.1,
    enough: int | None = None,
) -> Iterator[Surface]:
    """Evaluates L(θ* + αη + βδ) on a grid; yields surfaces that are each complete and better.

    A grid of 3×3 nodes is refined by halves. What is not evaluated yet is interpolated, never beyond
    the values of its neighbours, and marked so in ``Surface.done``. Between two surfaces the caller may stop.

    Args:
        objective: L.
        plane: θ*, η and δ.
        domain: (α min, α max, β min, β max); it is moved by at most half a spacing so that θ* is a node.
        resolution: Nodes for each axis, odd, 3 to 501.
        cache: Losses of this plane that are known already; new ones are added to it.
        interval: Seconds of work between two surfaces.
        enough: Nodes after which to stop, at the end of a level; None for all of them.

    Yields:
        ``Surface`` with ``loss[i, j]`` = L(θ* + alpha[j]·η + beta[i]·δ). Values that are not finite are NaN,
        and so are those of points where the model or the loss raises; its provenance has the number of these
        points and the first error under "failures".

    Raises:
        ValueError: For a bad domain or resolution, or a plane of another number of parameters.
    """
    check_plane(plane, objective)
    a0, a1, b0, b1 = check_domain(domain)
    resolution = check_resolution(resolution)
    alpha, beta = grid_axis(a0, a1, resolution), grid_axis(b0, b1, resolution)
    cache = {} if cache is None else cache
    provenance = objective.provenance(
        "loss", axes=plane.axes, plane=dict(plane.provenance), domain=(a0, a1, b0, b1)
    )
    enough = len(alpha) * len(beta) if enough is None else check_integer(enough, "enough", 1)
    return _refine(objective, plane, alpha, beta, cache, interval, enough, provenance)


def _refine(
    objective: Objective,
    plane: Plane,
    alpha: FloatArray,
    beta: FloatArray,
    cache: Cache,
    interval: float,
    enough: int,
    provenance: Provenance,
) -> Iterator[Surface]:
    evaluator = Evaluator(objective, plane)

    def surface(values: FloatArray) -> Surface:
        told = {**provenance, "strategy": str(evaluator.strategy)}
        if evaluator.failures:
            told["failures"] = {"points": len(evaluator.failures), "first": evaluator.failures[0][:500]}
        return Surface(alpha, beta, values, done.copy(), told)

    loss = np.full((len(beta), len(alpha)), np.nan)
    done = np.zeros(loss.shape, dtype=bool)
    columns_by_key, rows_by_key = cache_keys(alpha), cache_keys(beta)
    for i, b in enumerate(rows_by_key):
        for j, a in enumerate(columns_by_key):
            known = cache.get((a, b))
            if known is not None:
                loss[i, j], done[i, j] = known, True
    below = None
    worked_since = monotonic()
    for rows, columns in _levels(beta, alpha, _COARSE if evaluator.strategy is LOOP else PICTURE):
        level = [(i, j) for i in rows for j in columns if not done[i, j]]
        if not level and not done.all():
            below = _interpolate(loss, rows, columns)
            continue
        level.sort(key=lambda node: _distance(node, loss.shape))
        points = [(float(alpha[j]), float(beta[i])) for i, j in level]
        nodes = iter(level)
        for values in evaluator.losses(points, enough - int(done.sum())):
            for (i, j), value in zip(islice(nodes, len(values)), values.tolist(), strict=True):
                loss[i, j] = cache[columns_by_key[j], rows_by_key[i]] = value
                done[i, j] = True
            # the last nodes of a level are followed by the level's own surface
            ended = done[level[-1]]
            if below is not None and not ended and monotonic() - worked_since >= interval:
                yield surface(np.where(done, loss, below))
                worked_since = monotonic()
        below = _interpolate(loss, rows, columns)
        yield surface(np.where(done, loss, below))
        worked_since = monotonic()
        if done.sum() >= enough:
            return


def _distance(node: tuple[int, int], shape: tuple[int, ...]) -> float:
    """Distance of a node from the centre of the picture, where people look first."""
    (i, j), (rows, columns) = node, shape
    return float(np.hypot(2 * i / (rows - 1) - 1, 2 * j / (columns - 1) - 1))


def _levels(beta: FloatArray, alpha: FloatArray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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


def _interpolate(loss: FloatArray, rows: np.ndarray, columns: np.ndarray) -> FloatArray:
    """Along rows, then along columns, between the nodes of a sub-grid; holes stay holes."""
    n_rows, n_columns = loss.shape
    along = monotone_cubic(np.arange(n_columns), columns, loss[np.ix_(rows, columns)])
    return monotone_cubic(np.arange(n_rows), rows, along.T).T
