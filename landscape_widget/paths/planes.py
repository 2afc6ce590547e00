"""Planes along a path: through the principal components of a trajectory, or through three solutions."""

from __future__ import annotations

import numpy as np

from landscape_widget.curvature.eigenpairs import hessian_eigenpairs
from landscape_widget.numerics.vectors import FloatArray, inner, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.components import Given, path_components
from landscape_widget.paths.solutions import Solution, solution_theta
from landscape_widget.planes.axes import parse_axis
from landscape_widget.planes.directions import check_axes, hessian_rank, make_plane
from landscape_widget.results.base import library_versions
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import PathComponents
from landscape_widget.results.planes import Plane

#: Three solutions count as lying on a line where the third is nearer to it than this share of the distance
#: of the first two.
_ON_LINE = 1e-6


def trajectory_plane(
    objective: Objective,
    trajectory: Given,
    axes: tuple[str, str] = ("trajectory:1", "trajectory:2"),
    *,
    components: PathComponents | None = None,
    pairs: EigenPairs | None = None,
    seed: int = 0,
) -> Plane:
    """The plane through θ* along principal components of a trajectory (Li et al. 2018, Section 7).

    ``Plane.variance`` tells the share of the path's variation along each axis.

    Args:
        objective: The loss, whose θ* is the origin, usually the last checkpoint.
        trajectory: The checkpoints.
        axes: Components by number, "trajectory:1", "trajectory:2" …, one of which may be any other axis
            instead, such as "hessian:max".
        components: The components, where they are known already.
        pairs: Eigenpairs, where they are known already and an axis needs one.
        seed: The seed of random axes and of the Lanczos start vector.

    Raises:
        FileNotFoundError: If the file of a checkpoint is missing, naming it.
        IndexError: If the path has fewer components than an axis asks for.
        ValueError: For axes without a component, or what ``path_components`` raises.
    """
    axes = check_axes(axes, objective, of_path=True)
    check_given(PathComponents | None, components=components)
    check_given(EigenPairs | None, pairs=pairs)
    ranks = [axis.rank for axis in map(parse_axis, axes) if axis.kind.of_path]
    if not ranks:
        raise ValueError(f"Expected an axis such as 'trajectory:1', got {axes}.")
    if components is None:
        components = path_components(objective, trajectory, max(ranks))
    if pairs is None and hessian_rank(axes):
        pairs = hessian_eigenpairs(objective, k=hessian_rank(axes), seed=seed)
    return make_plane(objective, axes, seed, pairs, components)


def interpolation_plane(objective: Objective, a: Solution, b: Solution, c: Solution | None = None) -> Plane:
    """The plane through three solutions, with the first one as its origin and at right angles.

    The second lies at (1, 0). A unit of either axis is ‖θ_b − θ_a‖, so that distances in the picture are
    those in the space of θ. ``plane_path(plane, objective, [a, b, c])`` tells where the three lie, with the
    loss of each.

    Args:
        objective: Tells which parameters make up θ; its frozen parameters and batch-norm statistics hold all
            over the plane.
        a: The first solution: a state dict, a model, a file, or θ, shape (N,).
        b: The second.
        c: The third; default the objective's θ*.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a solution is of another model, naming the tensors, or the three lie on a line.
    """
    check_given(Objective, objective=objective)
    given = {"a": a, "b": b, "c": objective.theta if c is None else c}
    origin, second, third = (solution_theta(objective, solution, name) for name, solution in given.items())
    eta: FloatArray = second - origin
    length = norm(eta)
    away = third - origin
    delta = away - inner(away, eta) / (length**2 or 1.0) * eta
    if not norm(delta) > _ON_LINE * length or not length:
        raise ValueError(
            "Expected three solutions that are not on one line, got such ones. Give another c, such as a "
            "third solution, or the bend of bezier_curve(objective, a, b)."
        )
    delta *= length / norm(delta)
    return Plane(
        origin=origin,
        eta=eta,
        delta=np.ascontiguousarray(delta),
        axes=("a → b", "a → c, at right angles"),
        provenance={"distance": length, "versions": library_versions()},
    )
