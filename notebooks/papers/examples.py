"""Böttcher & Wheeler's examples whose Hessian is known: their Figs. 1 to 4 in numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_widget import (
    Objective,
    evaluate_plane,
    hessian_eigenpairs,
    hessian_plane,
    hessian_trace,
    projected_curvatures,
    random_plane,
    saddle_blindness,
    spectral_density,
)


def saddle(n: int, positive: int) -> Objective:
    """Eq. (26), or Eq. (31) where ``positive`` > n: eigenvalues 1 (``positive`` times), -1 and a single 0."""
    signs = torch.ones(2 * n, dtype=torch.float64)
    signs[positive:] = -1
    theta = torch.zeros(2 * n + 1, dtype=torch.float64)
    theta[-1] = 1

    def loss(t: Tensor) -> Tensor:
        return 0.5 * t[-1] * (signs * t[:-1] ** 2).sum()

    return Objective.from_function(loss, theta)


def looks(surface: Any) -> str:
    """What second differences through θ* make of a surface."""
    middle = len(surface.alpha) // 2
    lines = surface.loss[middle], surface.loss[:, middle]
    signs = {np.sign(line[0] - 2 * line[middle] + line[-1]) for line in lines}
    return "saddle" if signs == {1, -1} else "minimum" if signs == {1} else "maximum"


def measure() -> dict[str, Any]:
    """All figures, from 10,000 random projections of each function."""
    found: dict[str, Any] = {}
    for name, n, positive in (("26", 500, 500), ("31", 500, 800), ("33", 900, 1000)):
        objective = saddle(n, positive)
        projections = projected_curvatures(objective, samples=10_000)
        exact = hessian_trace(objective, "exact")
        blindness = saddle_blindness(projections, exact, spectral_density(objective, probes=20))
        same = {"samples": 320, "distribution": "normal"}
        found[name] = {
            "means": {key: [value.value, value.stderr] for key, value in projections.statistics.items()},
            "trace": exact.value,
            "hutchinson": hessian_trace(objective, "hutchinson", **same).value,
            "curvature fit": hessian_trace(objective, "curvature-fit", half_width=0.05, **same).value,
            "hidden": {
                "measured": [blindness.measured.low, blindness.measured.high],
                "closed form": blindness.closed_form.probability,
                "spectral": blindness.spectral.probability,
            },
        }
    pairs = hessian_eigenpairs(objective, k=2)
    planes = {
        "λmax × λmin": hessian_plane(objective, pairs=pairs),
        "λmax × λmax": hessian_plane(objective, ("hessian:max", "hessian:max:2"), pairs),
        "λmin × λmin": hessian_plane(objective, ("hessian:min", "hessian:min:2"), pairs),
        "random": random_plane(objective, seed=0),
    }
    domain = (-0.05, 0.05, -0.05, 0.05)
    found["planes"] = {
        name: looks([*evaluate_plane(objective, plane, domain, resolution=21)][-1])
        for name, plane in planes.items()
    }
    return found
