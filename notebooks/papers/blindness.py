"""The share of random planes that hide a saddle, of trained networks: measured, closed form, by spectrum."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from networks import NETWORKS, Published
from sklearn.datasets import load_digits
from torch import nn

from landscape_widget import (
    Objective,
    hessian_eigenpairs,
    projected_curvatures,
    saddle_blindness,
    spectral_density,
    trace_of,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from train_function_approximation import NETWORKS as DENSE
from train_function_approximation import WEIGHTS, network, points

#: Images of LeNet-5's loss, and of ResNet-56's.
DIGITS, IMAGES = 100, 8


def shares(objective: Objective, samples: int, probes: int) -> dict[str, Any]:
    """All three, with the 95 % interval of each, and what they are of."""
    pairs = hessian_eigenpairs(objective)
    density = spectral_density(objective, probes=probes, pairs=pairs)
    trace = trace_of(density)
    projections = projected_curvatures(objective, samples=samples)
    found = saddle_blindness(projections, trace, density)
    ways = {"measured": found.measured, "closed form": found.closed_form, "by the spectrum": found.spectral}
    return {
        "examples": objective.n_examples,
        "parameters": objective.n_parameters,
        "λmax": pairs.values[0],
        "λmin": pairs.values[-1],
        "converged": bool(pairs.converged.all()),
        "trace": [trace.value, trace.stderr],
        "planes": samples,
        **{name: [each.probability, each.low, each.high] for name, each in ways.items() if each is not None},
    }


def lenet5() -> nn.Sequential:
    """LeNet-5 of 61,706 parameters with ReLU and max pooling, for 28×28."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def trained_lenet5() -> Objective:
    """LeNet-5 after three epochs on scikit-learn's digits at 28×28; the loss of its first images."""
    digits = load_digits()
    small = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    images, labels = nn.functional.interpolate(small, size=28), torch.tensor(digits.target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = lenet5()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for _ in range(3):
            for batch in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                optimizer.step()
    return Objective(model, (images[:DIGITS], labels[:DIGITS]), nn.CrossEntropyLoss())


def measure() -> dict[str, Any]:
    """FCNN 1 and 2 at their lowest loss, and LeNet-5."""
    found: dict[str, Any] = {}
    for name, title in (("fcnn1", "FCNN 1"), ("fcnn2", "FCNN 2")):
        model = network(DENSE[name][0])
        model.load_state_dict(torch.load(WEIGHTS / f"{name}.pt"))
        dense = Objective(model, points(50), nn.MSELoss(), dtype=torch.float64)
        found[title] = shares(dense, samples=400, probes=10)
    found["LeNet-5"] = shares(trained_lenet5(), samples=100, probes=5)
    return found


def published(folder: Path, count: int = IMAGES) -> dict[str, Any]:
    """Both ResNet-56, on ``IMAGES`` of the images at most: what is asked for takes two products a plane."""
    count = min(count, IMAGES)
    return {
        f"ResNet-56 {name}": shares(Published.read(folder, name).objective(count), samples=40, probes=3)
        for name in NETWORKS
    }
