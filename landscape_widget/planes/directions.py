"""Directions η, δ and the planes they span: Hessian, random, filter-normalised."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from landscape_widget.curvature.eigenpairs import hessian_eigenpairs
from landscape_widget.numerics.checks import check_seed, told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.axes import depends_on_seed, parse_axis
from landscape_widget.results.base import library_versions
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import PathComponents
from landscape_widget.results.planes import Plane


def check_axes(
    axes: object, objective: Objective, of_path: bool = False, given: Collection[str] = ()
) -> tuple[str, str]:
    """Two axis names that make a plane for ``objective``, "hessian:max:1" as "hessian:max".

    Args:
        axes: The names.
        objective: Tells which directions there are.
        of_path: Whether there is a trajectory, whose components may be axes.
        given: Names of axes whose directions are given, as those toward solutions are.

    Raises:
        ValueError: For other than two known names, two equal axes that are no draws, a rank beyond
            N // 2, filter normalisation where no parameter belongs to a filter, a component without a
            trajectory, or a solution that there is not.
    """
    check_given(Objective, objective=objective)
    names = tuple(axes) if isinstance(axes, list | tuple) else ()
    if len(names) != 2:
        raise ValueError(
            f'Expected axes as two names, for α and β, such as ("hessian:max", "random"), got {told(axes)}.'
        )
    alpha, beta = (parse_axis(name, of_path) for name in names)
    most = max(1, objective.n_parameters // 2)
    for axis in (alpha, beta):
        if axis.kind.of_path and not of_path and axis.name not in given:
            raise ValueError(
                f"Expected a trajectory for the axis {axis.name!r}, got none. Use trajectory_plane, which "
                "takes one, or LandscapeExplorer(…, trajectory=…)."
            )
        if axis.kind.named and axis.name not in given:
            known = ", ".join(repr(name) for name in given if parse_axis(name).kind.named) or "none"
            raise ValueError(
                f"Expected an axis toward one of the solutions ({known}), got {axis.name!r}. Give them to "
                "LandscapeExplorer(…, solutions={…})."
            )
        if axis.end[1] > most:
            raise ValueError(
                f"Expected a rank up to {most} for {objective.n_parameters} parameters, got {axis.name!r}."
            )
        axis.kind.check(objective)
    if alpha == beta and (alpha.rank or alpha.label):
        what = (
            "components of the path"
            if alpha.kind.of_path
            else "solutions"
            if alpha.kind.named
            else "Hessian axes"
        )
        raise ValueError(f"Expected two different {what}, got {alpha.name!r} twice.")
    return alpha.name, beta.name


def hessian_rank(axes: tuple[str, str]) -> int:
    """How many eigenpairs at each end the axes need; 0 where none of them is a Hessian axis."""
    return max(parse_axis(name).end[1] for name in axes)


def by_eigenvectors(axes: tuple[str, str]) -> bool:
    """Whether both axes are eigenvectors."""
    return all(parse_axis(name).kind.end for name in axes)


def check_plane(plane: Any, objective: Objective) -> None:
    """Sees that ``plane`` lies in the space of the objective's θ.

    Raises:
        TypeError: If it is no plane.
        ValueError: If it is one of another number of parameters.
    """
    check_given(Objective, objective=objective)
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
    objective: Objective,
    axes: tuple[str, str],
    seed: int = 0,
    pairs: EigenPairs | None = None,
    components: PathComponents | None = None,
    directions: Mapping[str, FloatArray] | None = None,
) -> Plane:
    """The plane whose axes have the given names.

    A single parameter has a single eigenvector: δ is zero then, and the loss the same all along β.

    Args:
        objective: The loss, whose θ* is the origin.
        axes: Names for η and δ, see ``parse_axis``.
        seed: Seed of random axes. η is always the first draw and δ the second, whatever the other one is.
        pairs: Eigenpairs that Hessian axes are taken from.
        components: The components of a trajectory, which its axes are taken from.
        directions: Directions that are given, shape (N,), by the names of their axes.

    Raises:
        ValueError: For an unknown name, two equal axes that are numbered, or an axis of a trajectory without
            one.
        IndexError: If ``pairs`` or ``components`` lack the one that is asked for.
    """
    given = directions or {}
    axes = check_axes(axes, objective, components is not None, given)
    n = objective.n_parameters
    rests_on = pairs.provenance if pairs is not None and hessian_rank(axes) else {}
    parsed = [parse_axis(name) for name in axes]
    draws = random_pair(n if depends_on_seed(axes) else 0, seed)
    eta, delta = (
        given[axis.name]
        if axis.name in given
        else axis.direction(objective, draw, components if axis.kind.of_path else pairs)
        for axis, draw in zip(parsed, draws.numpy(), strict=True)
    )
    notes: dict[str, Any] = {}
    variance = None
    if components is not None and any(axis.kind.of_path for axis in parsed):
        along = [components.shares[a.rank - 1] if a.kind.of_path else np.nan for a in parsed]
        variance = float(along[0]), float(along[1])
        notes["checkpoints"] = components.provenance.get("checkpoints")
    if n == 1 and by_eigenvectors(axes):
        delta = np.zeros(1)
        notes["delta"] = "zero: one parameter has one direction"
    return Plane(
        origin=objective.theta.detach().cpu().double().numpy().copy(),
        eta=eta,
        delta=delta,
        axes=axes,
        provenance={
            "axes": axes,
            "seed": seed,
            # of the eigenvectors; random axes depend on no data
            **{key: rests_on[key] for key in ("n_examples",) if key in rests_on},
            **notes,
            "versions": library_versions(),
        },
        variance=variance,
    )


def random_pair(n: int, seed: int) -> torch.Tensor:
    """Two directions with entries from N(0, 1), the same on every device, shape (2, N), float64."""
    generator = torch.Generator().manual_seed(check_seed(seed))
    return torch.randn(2, n, generator=generator, dtype=torch.float64)


def random_plane(objective: Objective, seed: int = 0, normalize: str | None = None) -> Plane:
    """Two random directions with entries from N(0, 1), not orthogonalised.

    Args:
        objective: The loss, whose θ* is the origin.
        seed: Seed of the draw.
        normalize: None, or "filter" for Li et al.'s filter normalisation.

    Raises:
        ValueError: For another ``normalize``, or where no parameter belongs to a filter.
    """
    if normalize is not None and (not isinstance(normalize, str) or normalize != "filter"):
        raise ValueError(f"Expected normalize as None or 'filter', got {told(normalize)}.")
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
        objective: The loss, whose θ* is the origin.
        axes: Any of the largest and smallest eigenvectors, for example ("hessian:max", "hessian:max:2").
        pairs: Eigenpairs already computed; otherwise they are computed here.
        seed: Seed of the Lanczos start vector.
    """
    check_given(EigenPairs | None, pairs=pairs)
    axes = check_axes(axes, objective)
    if not by_eigenvectors(axes):
        raise ValueError(f"Expected two Hessian axes, got {axes}.")
    if pairs is None:
        pairs = hessian_eigenpairs(objective, k=hessian_rank(axes), seed=seed)
    return make_plane(objective, axes, seed, pairs)
