"""A trajectory on a plane: where it is nearest, how far it is off, and its loss where it really is."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray, inner, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import keys_of, others_that_differ, theta_of
from landscape_widget.paths.components import Given
from landscape_widget.paths.trajectory import Trajectory, of_what_is_kept
from landscape_widget.planes.directions import check_plane
from landscape_widget.results.paths import Path
from landscape_widget.results.planes import Plane

#: A distance off the plane below this share of ‖θ*‖, or of the distance from θ*, is rounding, and none.
_ROUNDING = 1e-13


def plane_path(
    plane: Plane, objective: Objective, trajectory: Given, *, loss: npt.ArrayLike | None = None
) -> Path:
    """Projects a trajectory orthogonally to any plane, and evaluates the loss at each of its checkpoints.

    A checkpoint's loss is that of the whole of it, with its own frozen parameters and batch-norm statistics
    (unless the objective recomputes these); it is the surface's height at (α, β) only where the checkpoint
    lies in the plane. What is not of θ and differs from the objective's own is named in the provenance. A
    checkpoint that is not finite, as a run that diverges leaves it, is a gap: all of its numbers are NaN.

    Args:
        plane: Any plane; its directions need not be orthogonal.
        objective: L, or the same on test data.
        trajectory: The checkpoints.
        loss: Losses that are known already, shape (n,), such as ``Path.loss`` on another plane.

    Raises:
        FileNotFoundError: If the file of a checkpoint is missing, naming it.
        ValueError: If a checkpoint is damaged, or of another model, naming it; or the plane has another
            number of parameters.
    """
    trajectory = Trajectory.of(trajectory)
    n = len(trajectory)
    try:
        known = None if loss is None else np.asarray(loss, float)
    except (TypeError, ValueError):
        raise TypeError(f"Expected loss as {n} numbers, one for each checkpoint, got {told(loss)}.") from None
    if known is not None and known.shape != (n,):
        raise ValueError(f"Expected loss of shape ({n},), one for each checkpoint, got {known.shape}.")

    places = {id(recorded): i for i, recorded in enumerate(trajectory.recorded)}

    def projected(kept: Trajectory) -> Path:
        def loss_of(i: int, state: dict[str, Tensor]) -> float:
            if known is None:
                return objective.with_state(state).loss().item()
            return float(known[places[id(kept.recorded[i])]])

        return deque(path_steps(plane, objective, kept, loss_of), maxlen=1).pop()

    return of_what_is_kept(trajectory, projected)


def path_steps(
    plane: Plane,
    objective: Objective,
    trajectory: Trajectory,
    loss_of: Callable[[int, dict[str, Tensor]], float],
    **details: str,
) -> Iterator[Path]:
    """Does as ``plane_path``, yielding the path up to each checkpoint, the whole of it last.

    Args:
        plane: Any plane.
        objective: Tells which parameters make up θ.
        trajectory: The checkpoints.
        loss_of: Makes the loss of a checkpoint of its number and its state.
        details: What provenance is to tell of these losses.
    """
    check_plane(plane, objective)
    n = len(trajectory)
    lengths = np.array([length or 1.0 for length in plane.norms])
    units = np.stack([plane.eta, plane.delta]) / lengths[:, None]
    # least squares, whatever the angle between the axes; an axis of zeros gets the coordinate 0
    inverse, scale = np.linalg.pinv(inner(units[:, None], units), hermitian=True), norm(plane.origin)
    coordinates = np.full((n, 2), np.nan)
    off_plane, distance, losses = (np.full(n, np.nan) for _ in range(3))
    steps, scalars = trajectory.steps, trajectory.scalars
    provenance = objective.provenance("path", axes=plane.axes, plane=dict(plane.provenance), **details)
    differ: dict[str, None] = {}
    for i in range(n):
        state = trajectory[i]
        with trajectory.named(i):
            keys = keys_of(objective, {name: tensor.shape for name, tensor in state.items()})
            theta: FloatArray = theta_of(objective, state, keys).cpu().double().numpy()
        if np.isfinite(theta).all():
            away = theta - plane.origin
            along = inverse @ inner(units, away)
            coordinates[i] = along / lengths
            distance[i] = norm(away)
            off = norm(away - along @ units)
            off_plane[i] = off if off > _ROUNDING * max(distance[i], scale) else 0.0
            loss = loss_of(i, state)
            losses[i] = loss if math.isfinite(loss) else math.nan
            differ |= dict.fromkeys(others_that_differ(objective, state, keys))
        so_far = slice(i + 1)
        yield Path(
            alpha=coordinates[so_far, 0].copy(),
            beta=coordinates[so_far, 1].copy(),
            off_plane=off_plane[so_far].copy(),
            distance=distance[so_far].copy(),
            loss=losses[so_far].copy(),
            step=steps[so_far],
            scalars={name: values[so_far] for name, values in scalars.items()},
            provenance={**provenance, **({"differ": list(differ)} if differ else {})},
        )
