"""Products for both ends of the spectrum along a training run: checkpoints warm-started, and anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from landscape_widget import Objective, Trajectory, TrajectoryRecorder, evolution
from notebooks import train_function_approximation as paper

#: Of each run.
CHECKPOINTS = 16


@dataclass(frozen=True)
class Part:
    """What the checkpoints after the first took."""

    name: str
    warm: list[int]
    cold: list[int]
    overlaps: float
    """Of the eigenvectors of λmax with the one before, the median."""


def measure() -> Iterator[Part]:
    """Runs on all data: a small network on digits, and the paper's FCNN 1."""
    for name, (objective, states) in {"digits": _digits(), "FCNN 1": _fcnn1()}.items():
        *_, warm = evolution(objective, states)
        cold = [next(iter(evolution(objective, states, checkpoints=[i]))) for i in range(1, len(states))]
        for i, alone in enumerate(cold, 1):  # both are certified, and so agree to their tolerance
            np.testing.assert_allclose(alone.values[0], warm.values[i], rtol=2e-3)
        products = [int(alone.n_hvp[0]) for alone in cold]
        yield Part(name, warm.n_hvp[1:].tolist(), products, float(np.median(warm.overlaps[1:, 0])))


def _digits() -> tuple[Objective, Trajectory]:
    digits = load_digits()
    data = torch.tensor(digits.data[:500], dtype=torch.float32) / 16, torch.tensor(digits.target[:500])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
    return _run(model, data, nn.CrossEntropyLoss(), rate=0.5, every=20)


def _fcnn1() -> tuple[Objective, Trajectory]:
    torch.manual_seed(0)
    return _run(
        paper.network(paper.NETWORKS["fcnn1"][0]), paper.points(50), nn.MSELoss(), rate=0.1, every=100
    )


def _run(
    model: nn.Module, data: tuple[torch.Tensor, torch.Tensor], loss_fn: nn.Module, rate: float, every: int
) -> tuple[Objective, Trajectory]:
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with TrajectoryRecorder(model, every=every) as recorder:
        recorder.attach(optimizer)
        for _ in range(every * (CHECKPOINTS - 1)):
            optimizer.zero_grad()
            loss_fn(model(data[0]), data[1]).backward()
            optimizer.step()
    return Objective(model, data, loss_fn), recorder.trajectory
