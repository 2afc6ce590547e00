"""Weights as people give them, and their θ in the space of an objective."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import THETA, keys_of, state_tensors, theta_of
from landscape_widget.paths.stored import SAFETENSORS, Held, SafetensorsFile, Weights, tensors_of, torch_file
from landscape_widget.results.files import given_path

#: What a checkpoint may be: a state dict, a model, a file of either kind, or θ itself, shape (N,).
Solution = Mapping[str, Tensor] | nn.Module | str | os.PathLike[str] | Tensor | npt.NDArray[Any]


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


def opened(source: Any, crc32: int | None = None) -> Weights:
    """The weights that a checkpoint's ``source`` leads to.

    Raises:
        OSError: If its file cannot be read.
        ValueError: If its file is damaged.
    """
    if not isinstance(source, Path):
        weights: Weights = source
        return weights
    return SafetensorsFile.opened(source, crc32) if source.suffix == SAFETENSORS else torch_file(source)


def weights_of(solution: Solution, name: str) -> Weights:
    """The weights of a state dict, a model, a file, or a vector θ.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError: If it is something else.
        ValueError: If a file is damaged.
    """
    try:
        return opened(source_of(solution, name))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"Expected {name} as a file that is there: {error}.") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"Expected {name} as the weights of a model, but {error}") from error


def source_of(checkpoint: Solution, name: str) -> Path | Held:
    """Where the weights of a checkpoint are, which a message calls so."""
    match checkpoint:
        case str() | os.PathLike():
            return given_path(checkpoint).absolute()  # whatever becomes the current folder
        case nn.Module():
            return Held(tensors_of(state_tensors(checkpoint)))
        case Tensor() | np.ndarray():
            vector = torch.as_tensor(checkpoint).detach()
            if vector.ndim != 1 or not vector.is_floating_point():
                raise ValueError(
                    f"a vector θ has one dimension and floating-point numbers, got {told(vector)}."
                )
            return Held({THETA: vector})
        case Mapping():
            return Held(tensors_of(checkpoint))
    raise TypeError(
        f"Expected {name} as a state dict, a model, a path or a vector θ, got {told(checkpoint)}."
    )
