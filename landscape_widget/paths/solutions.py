"""Solutions as people give them, in the space of an objective's θ."""

from __future__ import annotations

from torch import Tensor

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import keys_of, theta_of
from landscape_widget.paths.trajectory import Solution, weights_of


def solution_state(objective: Objective, solution: Solution, name: str) -> dict[str, Tensor]:
    """A copy of the complete state of a solution, by the names of the objective's model, or of its θ alone.

    Args:
        objective: What it is held against.
        solution: A state dict, a model, a file, or θ, shape (N,).
        name: The name of the solution, for messages.

    Raises:
        FileNotFoundError: If its file is missing.
        ValueError: If it is damaged, of another model, naming the tensors, or not finite.
    """
    weights = weights_of(solution, name)
    try:
        keys = keys_of(objective, weights.shapes)
    except ValueError as error:
        raise ValueError(f"Expected {name} as weights of the objective's model, but {error}") from error
    state = weights.state()
    named = {own: state[key] for own, key in keys.items()}
    theta = theta_of(objective, named, {own: own for own in named})
    if not bool(theta.isfinite().all()):
        raise ValueError(f"Expected {name} with finite weights, got some that are not.")
    return named


def solution_theta(objective: Objective, solution: Solution, name: str) -> FloatArray:
    """θ of a solution in float64, shape (N,); errors as in ``solution_state``."""
    state = solution_state(objective, solution, name)
    theta = theta_of(objective, state, {own: own for own in state})
    vector: FloatArray = theta.cpu().double().numpy().copy()
    return vector
