"""Filter normalisation: random directions in proportion to the weights, filter by filter."""

from __future__ import annotations

import numpy as np

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective


def filter_normalise(objective: Objective, direction: FloatArray) -> FloatArray:
    """Rescales each filter of ``direction`` to the norm of the same filter of θ* (Li et al. 2018).

    d_{i,j} ← d_{i,j} / ‖d_{i,j}‖ · ‖θ_{i,j}‖. Biases and parameters of normalisation layers get zero.

    Args:
        objective: Tells θ* and which element belongs to which filter.
        direction: The direction, shape (N,).

    Raises:
        ValueError: If no parameter belongs to a filter, as for plain functions of θ.
    """
    check_filters(objective)
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


def check_filters(objective: Objective) -> None:
    """Sees that there are filters to normalise.

    Raises:
        ValueError: If no parameter belongs to a filter.
    """
    if not bool((objective.filter_blocks >= 0).any()):
        raise ValueError(
            "Expected parameters that form filters (matrices or convolution kernels), got none. "
            "Use random directions without filter normalisation."
        )
