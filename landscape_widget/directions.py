"""Directions η, δ and the planes they span: Hessian, random, filter-normalised."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch

from landscape_widget.checks import check_seed
from landscape_widget.hessian import hessian_eigenpairs
from landscape_widget.objective import Objective
from landscape_widget.results import EigenPairs, Plane, library_versions
from landscape_widget.vectors import FloatArray

_AXIS = re.compile(r"hessian:(max|min)(?::([1-9]\d*))?|random(?::filter)?")


def parse_axis(axis: str) -> tuple[str, int]:
    """Kind and rank of an axis name.

    Returns:
        ("max", rank) or ("min", rank) for Hessian axes, ("random", 0), ("filter", 0).

    Raises:
        ValueError: If the name is none of "hessian:max", "hessian:max:2" …, "hessian:min", …,
            "random", "random:filter".
    """
    match = _AXIS.fullmatch(axis) if isinstance(axis, str) else None
    if match is None:
        raise ValueError(
            'Expected an axis named "hessian:max", "hessian:min", "hessian:max:2", …, "random" or '
            f'"random:filter", got {axis!r}.'
        )
    if match[1]:
        return match[1], int(match[2] or 1)
    return ("filter" if axis.endswith("filter") else "random"), 0


def check_axes(axes: object, objective: Objective) -> tuple[str, str]:
    """Two axis names that make a plane for ``objective``.

    Raises:
        ValueError: For other than two known names, two equal Hessian axes, a rank beyond N // 2, or
            filter normalisation where no parameter belongs to a filter.
    """
    names = tuple(axes) if isinstance(axes, list | tuple) else ()
    if len(names) != 2:
        raise ValueError(f"Expected axes as two names, for α and β, got {axes!r}.")
    parsed = [parse_axis(axis) for axis in names]
    most = max(1, objective.n_parameters // 2)
    for name, (kind, rank) in zip(names, parsed, strict=True):
        if rank > most:
            raise ValueError(
                f"Expected a rank up to {most} for {objective.n_parameters} parameters, got {name!r}."
            )
        if kind == "filter":
            _check_filters(objective)
    if parsed[0] == parsed[1] and parsed[0][1]:
        raise ValueError(f"Expected two different Hessian axes, got {names[0]!r} twice.")
    return names[0], names[1]


def hessian_rank(axes: tuple[str, str]) -> int:
    """How many eigenpairs at each end the axes need; 0 where none of them is a Hessian axis."""
    return max(rank for _, rank in map(parse_axis, axes))


def check_plane(plane: Any, objective: Objective) -> None:
    """Sees that ``plane`` lies in the space of the objective's θ.

    Raises:
        TypeError: If it is no plane.
        ValueError: If it is one of another number of parameters.
    """
    if not isinstance(plane, Plane):
        raise TypeError(
            f"Expected plane as a Plane, as random_plane returns one, got {type(plane).__name__}."
        )
    if np.shape(plane.origin) != (objective.n_parameters,):
        raise ValueError(
            f"Expected a plane of {objective.n_parameters} parameters, as many as the objective has, got one "
            f"of shape {np.shape(plane.origin)}. Make it of this objective."
        )


def make_plane(
    objective: Objective, axes: tuple[str, str], seed: int = 0, pairs: EigenPairs | None = None
) -> Plane:
    """The plane whose axes have the given names.

    A single parameter has a single eigenvector: δ is zero then, and the loss the same all along β.

    Args:
        objective: Its θ* is the origin.
        axes: Names for η and δ, see ``parse_axis``.
        seed: Of random axes. η is always the first draw and δ the second, whatever the other one is.
        pairs: Eigenpairs that Hessian axes are taken from.

    Raises:
        ValueError: For an unknown name, or two equal Hessian axes.
        IndexError: If ``pairs`` lacks the one that is asked for.
    """
    axes = check_axes(axes, objective)
    n = objective.n_parameters
    rests_on = pairs.provenance if pairs is not None and hessian_rank(axes) else {}
    draws = random_pair(n, seed)
    directions, notes = [], {}
    for (kind, rank), draw in zip(map(parse_axis, axes), draws, strict=True):
        if rank:
            if pairs is None:
                raise ValueError("Expected eigenpairs for a Hessian axis, got none.")
            if len(pairs.vectors) != n:
                raise ValueError(f"Expected pairs of {n} parameters, got {len(pairs.vectors)}.")
            directions.append(pairs.vectors[:, pairs.at(kind, rank)])
        elif kind == "filter":
            directions.append(filter_normalise(objective, draw.numpy()))
        else:
            directions.append(draw.numpy())
    if n == 1 and all(parse_axis(axis)[1] for axis in axes):
        directions[1] = np.zeros(1)
        notes["delta"] = "zero: one parameter has one direction"
    return Plane(
        origin=objective.theta.detach().cpu().double().numpy().copy(),
        eta=directions[0],
        delta=directions[1],
        axes=axes,
        provenance={
            "axes": axes,
            "seed": seed,
            # of the eigenvectors; random axes depend on no data
            **{key: rests_on[key] for key in ("n_examples",) if key in rests_on},
            **notes,
            "versions": library_versions(),
        },
    )


def random_pair(n: int, seed: int) -> torch.Tensor:
    """Two directions with entries from N(0, 1), the same on every device, shape (2, N), float64."""
    generator = torch.Generator().manual_seed(check_seed(seed))
    return torch.randn(2, n, generator=generator, dtype=torch.float64)


def random_plane(objective: Objective, seed: int = 0, normalize: str | None = None) -> Plane:
    """Two random directions with entries from N(0, 1), not orthogonalised.

    Args:
        objective: Its θ* is the origin.
        seed: Of the draw.
        normalize: None, or "filter" for Li et al.'s filter normalisation.

    Raises:
        ValueError: For another ``normalize``, or where no parameter belongs to a filter.
    """
    if normalize not in (None, "filter"):
        raise ValueError(f"Expected normalize as None or 'filter', got {normalize!r}.")
    axis = "random:filter" if normalize else "random"
    return make_plane(objective, (axis, axis), seed)


def hessian_plane(
    objective: Objective,
    axes: tuple[str, str] = ("hessian:max", "hessian:min"),
    pairs: EigenPairs | None = None,
    seed: int = 0,
) -> Plane:
    """Unit eigenvectors of the Hessian at θ*, by default (λmax, λmin): the saddle plane.

    Args:
        objective: Its θ* is the origin.
        axes: Any of the largest and smallest eigenvectors, for example ("hessian:max", "hessian:max:2").
        pairs: Eigenpairs already computed; otherwise they are computed here.
        seed: Of the Lanczos start vector.
    """
    if not all(parse_axis(axis)[1] for axis in axes):
        raise ValueError(f"Expected two Hessian axes, got {axes}.")
    if pairs is None:
        pairs = hessian_eigenpairs(objective, k=hessian_rank(axes), seed=seed)
    return make_plane(objective, axes, seed, pairs)


def filter_normalise(objective: Objective, direction: FloatArray) -> FloatArray:
    """Rescales each filter of ``direction`` to the norm of the same filter of θ* (Li et al. 2018).

    d_{i,j} ← d_{i,j} / ‖d_{i,j}‖ · ‖θ_{i,j}‖. Biases and parameters of normalisation layers get zero.

    Args:
        objective: Tells θ* and which element belongs to which filter.
        direction: Shape (N,).

    Raises:
        ValueError: If no parameter belongs to a filter, as for plain functions of θ.
    """
    _check_filters(objective)
    blocks = objective.filter_blocks.numpy()
    inside = blocks >= 0
    theta = objective.theta.detach().cpu().double().numpy()
    labels = blocks[inside]

    def norms(vector: FloatArray) -> FloatArray:
        return np.sqrt(np.bincount(labels, weights=vector[inside] ** 2))

    wanted, present = norms(theta), norms(direction)
    scale = np.divide(wanted, present, out=np.zeros_like(wanted), where=present > 0)
    normalised = np.zeros_like(direction)
    normalised[inside] = direction[inside] * scale[labels]
    return normalised


def _check_filters(objective: Objective) -> None:
    if not bool((objective.filter_blocks >= 0).any()):
        raise ValueError(
            "Expected parameters that form filters (matrices or convolution kernels), got none. "
            "Use random directions without filter normalisation."
        )
