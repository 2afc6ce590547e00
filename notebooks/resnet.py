"""ResNet-56 for small images, with and without shortcuts, as in Li et al. (2018)."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3×3 convolutions, and a shortcut around them or none."""

    def __init__(self, width_in: int, width: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut: nn.Module | None = None
        if shortcut and stride == 1:
            self.shortcut = nn.Identity()
        elif shortcut:
            self.shortcut = nn.Sequential(
                nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(n, width_in, h, w) → (n, width, h/stride, w/stride)."""
        y = self.convolutions(x)
        return nn.functional.relu(y if self.shortcut is None else y + self.shortcut(x))


def resnet56(shortcuts: bool = True, classes: int = 10) -> nn.Sequential:
    """56 layers in three stages of nine blocks; 855,770 parameters, 853,018 without shortcuts."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    width_in = 16
    for width, first_stride in ((16, 1), (32, 2), (64, 2)):
        for i in range(9):
            layers.append(Block(width_in, width, first_stride if i == 0 else 1, shortcuts))
            width_in = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def published(path: Path, shortcuts: bool = True) -> nn.Sequential:
    """The weights that Li et al. published (``resnet56.pt``, ``resnet56-no-shortcuts.pt``), in eval mode."""
    model = resnet56(shortcuts)
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    model.load_state_dict({_renamed(name): value for name, value in state.items()}, strict=False)
    missing = {name for name, _ in model.named_parameters()} - {_renamed(name) for name in state}
    if missing:
        raise ValueError(f"expected the weights of a ResNet-56 in {path}, found none for {min(missing)}")
    return model.eval()


def _renamed(name: str) -> str:
    """``layer2.0.conv1.weight`` is ``12.convolutions.0.weight`` here."""
    outer = {"conv1": "0", "bn1": "1", "linear": "32"}
    inner = {
        "conv1": "convolutions.0",
        "bn1": "convolutions.1",
        "conv2": "convolutions.3",
        "bn2": "convolutions.4",
    }
    first, *rest = name.split(".")
    if first in outer:
        return ".".join([outer[first], *rest])
    block = 3 + 9 * (int(first.removeprefix("layer")) - 1) + int(rest[0])
    return ".".join([str(block), inner.get(rest[1], rest[1]), *rest[2:]])


def cifar10(folder: Path, most: int = 50_000) -> tuple[Tensor, Tensor]:
    """The first training images (n, 3, 32, 32), normalised as those weights expect it, and labels (n,).

    Reads torchvision's ``cifar-10-batches-py``, or an npz file of ``images`` (n, 32, 32, 3) and ``labels``.
    """
    batches = sorted((folder / "cifar-10-batches-py").glob("data_batch_*"))
    files = sorted(folder.glob("cifar10*.npz"))
    if batches:
        read = [pickle.loads(path.read_bytes(), encoding="latin1") for path in batches]
        images = np.concatenate([each["data"] for each in read]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([each["labels"] for each in read])
    elif files:
        with np.load(files[0]) as kept:
            images, labels = kept["images"].transpose(0, 3, 1, 2), kept["labels"]
    else:
        raise FileNotFoundError(f"expected cifar-10-batches-py or cifar10*.npz in {folder}")
    mean, std = (torch.tensor(x).reshape(3, 1, 1) / 255 for x in ((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)))
    pixels = torch.tensor(images[:most], dtype=torch.float32) / 255
    return (pixels - mean) / std, torch.tensor(labels[:most], dtype=torch.long)
