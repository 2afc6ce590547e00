"""The path of a training run in a plane of its own and in random ones: Li et al., Figs. 8 and 9."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks import outputs
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from landscape_widget import Objective, TrajectoryRecorder, plane_path, random_plane, trajectory_plane

sys.path.insert(0, str(Path(__file__).parents[1]))

from resnet import cifar10, resnet56

#: Epochs, images in a batch, and the rate, which is divided by ten after each third of the epochs.
EPOCHS, BATCH, RATE = 42, 32, 0.1

#: Random planes that the path is held against, and images that losses on it are of.
PLANES, IMAGES = 20, 50


def train(model: nn.Module, images: Tensor, labels: Tensor) -> TrajectoryRecorder:
    """Takes ``EPOCHS`` epochs of SGD with momentum; the state before and after each of them is kept."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, EPOCHS // 3, 0.1)
    with TrajectoryRecorder(model) as recorder:
        recorder.record(0)
        for epoch in range(1, EPOCHS + 1):
            for batch in torch.randperm(len(images)).split(BATCH):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                optimizer.step()
            schedule.step()
            recorder.record(epoch)
    return recorder


def cosine(u: np.ndarray, v: np.ndarray) -> float:
    """|cos| of the angle between two vectors."""
    return float(abs(u @ v) / np.linalg.norm(u) / np.linalg.norm(v))


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Shares of a path in both kinds of planes, and cosines of the whole way with random directions."""
    images, labels = cifar10(folder, count)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = resnet56()
        start = parameters_to_vector(model.parameters()).detach().double().numpy()
        recorder = train(model, images, labels)
    objective = Objective(model.eval(), (images[:IMAGES], labels[:IMAGES]), nn.CrossEntropyLoss())
    own = trajectory_plane(objective, recorder)
    loss = plane_path(own, objective, recorder).loss
    planes = [random_plane(objective, seed=seed) for seed in range(PLANES)]
    return {
        "images": len(images),
        "epochs": EPOCHS,
        "parameters": objective.n_parameters,
        "accuracy": (outputs(model, images).argmax(1) == labels).float().mean().item(),
        "own plane": list(own.variance or ()),
        "random planes": [plane_path(each, objective, recorder, loss=loss).share for each in planes],
        "cosines": [cosine(start - own.origin, v) for each in planes for v in (each.eta, each.delta)],
    }
