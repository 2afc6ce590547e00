"""A trajectory on a plane: where it is nearest, how far it is off, and its loss where it really is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray, inner, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import keys_of, theta_of
from landscape_widget.paths.components import Given
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.planes.directions import check_plane
from landscape_widget.results.paths import Path
from landscape_widget.results.planes import Plane


def plane_path(
    plane: Plane, objective: Objective, trajectory: Given, *, loss: npt.ArrayLike | None = None
) -> Path:
    """Projects a trajectory orthogonally to any plane, and evaluates the loss at each of its checkpoints.

    A checkpoint's loss is that of the whole of it, with its own frozen parameters and batch-norm statistics
    (unless the objective recomputes these); it is the surface's height at (α, β) only where the checkpoint
    lies in the plane.

    Args:
        plane: Any plane; its directions need not be orthogonal.
        objective: L, or the same on test data.
        trajectory: The checkpoints.
        loss: Losses that are known already, shape (n,), such as ``Path.loss`` on another plane.

    Raises:
        FileNotFoundError: If the file of a checkpoint is missing, naming it.
        ValueError: If a checkpoint is damaged, of another model, or not finite, naming it; or the plane has
            another number of parameters.
    """
    check_plane(plane, objective)
    trajectory = Trajectory.of(trajectory)
    n = len(trajectory)
    try:
        known = None if loss is None else np.asarray(loss, float)
    except (TypeError, ValueError):
        raise TypeError(f"Expected loss as {n} numbers, one for each checkpoint, got {told(loss)}.") from None
    if known is not None and known.shape != (n,):
        raise ValueError(f"Expected loss of shape ({n},), one for each checkpoint, got {known.shape}.")
    lengths = np.array([length or 1.0 for length in plane.norms])
    units = np.stack([plane.eta, plane.delta]) / lengths[:, None]
    # least squares, whatever the angle between the axes; an axis of zeros gets the coordinate 0
    inverse = np.linalg.pinv(inner(units[:, None], units), hermitian=True)
    coordinates, off_plane, distance, losses = np.empty((n, 2)), np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        state = trajectory[i]
        with trajectory.named(i):
            keys = keys_of(objective, {name: tensor.shape for name, tensor in state.items()})
            theta: FloatArray = theta_of(objective, state, keys).cpu().double().numpy()
            if not np.isfinite(theta).all():
                raise ValueError("its weights are not all finite. Leave it out.")
        away = theta - plane.origin
        along = inverse @ inner(units, away)
        coordinates[i] = along / lengths
        distance[i] = norm(away)
        off_plane[i] = norm(away - along @ units)
        losses[i] = objective.with_state(state).loss().item() if known is None else known[i]
    return Path(
        alpha=coordinates[:, 0],
        beta=coordinates[:, 1],
        off_plane=off_plane,
        distance=distance,
        loss=np.where(np.isfinite(losses), losses, math.nan),
        step=trajectory.steps,
        scalars=trajectory.scalars,
        provenance=objective.provenance("path", axes=plane.axes, plane=dict(plane.provenance)),
    )
