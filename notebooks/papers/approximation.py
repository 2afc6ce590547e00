"""Böttcher & Wheeler's function approximation, App. D and Fig. 9, on the weights beside the notebooks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape_widget import Objective, evaluate_plane, hessian_eigenpairs, hessian_plane, random_plane

sys.path.insert(0, str(Path(__file__).parents[1]))

from train_function_approximation import NETWORKS, WEIGHTS, network, points


def lower(
    train: Objective, test: Objective, plane: Any, half_widths: tuple[float, float], size: int
) -> dict[str, Any]:
    """Where the lowest node lies, and by what share both losses are lower there."""
    a, b = half_widths
    *_, surface = evaluate_plane(train, plane, (-a, a, -b, b), size, accuracy=0)
    alpha, beta, loss = surface.minimum
    there = test.loss(torch.from_numpy(plane.point(alpha, beta)))
    return {
        "at": [alpha, beta],
        "training": 1 - loss / train.loss().item(),
        "test": 1 - (there / test.loss()).item(),
    }


def measure() -> dict[str, Any]:
    """Both networks, at their first loss below 1e-4 and at their lowest."""
    found: dict[str, Any] = {}
    for name in ("fcnn1-early", "fcnn1", "fcnn2-early", "fcnn2"):
        model = network(NETWORKS[name.removesuffix("-early")][0])
        model.load_state_dict(torch.load(WEIGHTS / f"{name}.pt"))
        train = Objective(model, points(50), nn.MSELoss(), dtype=torch.float64)
        test = Objective(model, points(1000), nn.MSELoss(), dtype=torch.float64)
        pairs = hessian_eigenpairs(train)
        width = 2 * np.sqrt(2 * train.loss().item() / np.abs(pairs.values))
        filters = random_plane(train, seed=0, normalize="filter")
        found[name] = {
            "parameters": train.n_parameters,
            "training loss": train.loss().item(),
            "test loss": test.loss().item(),
            "λmax": pairs.values[0],
            "λmin": pairs.values[-1],
            "Hessian plane": lower(train, test, hessian_plane(train, pairs=pairs), tuple(width), 31),
            "random plane": lower(train, test, filters, (1, 1), 21),
        }
    return found
