"""Both papers' ResNet-56 with the weights that Li et al. published, and what takes long of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from landscape_widget import EigenPairs, Objective, hessian_eigenpairs, load, save

sys.path.insert(0, str(Path(__file__).parents[1]))

from resnet import cifar10, published

#: File, and the half-width of the paper's Hessian plane.
NETWORKS = {"with shortcuts": ("resnet56", 0.05), "without shortcuts": ("resnet56-no-shortcuts", 1e-3)}


@dataclass
class Published:
    """One network, and all images that are there."""

    name: str
    model: nn.Module
    images: Tensor
    labels: Tensor
    folder: Path

    @classmethod
    def read(cls, folder: Path, name: str) -> Published:
        """The network of that name from a folder of weights and images."""
        model = published(folder / f"{NETWORKS[name][0]}.pt", shortcuts=name == "with shortcuts")
        return cls(name, model, *cifar10(folder), folder)

    def objective(self, count: int) -> Objective:
        """The mean loss over the first ``count`` images, with frozen statistics."""
        return Objective(self.model, (self.images[:count], self.labels[:count]), nn.CrossEntropyLoss())

    def pairs(self, count: int) -> EigenPairs:
        """Both ends on the first ``count`` images, from a file beside the weights or computed and kept there.

        Vectors of 13 MB are too large for a repository, and take from minutes to hours.
        """
        path = self.folder / f"{NETWORKS[self.name][0]}-pairs-{count}.npz"
        if path.exists():
            kept: EigenPairs = load(path)
            return kept
        found = hessian_eigenpairs(self.objective(count))
        save(found, path)
        return found


def outputs(model: nn.Module, images: Tensor) -> Tensor:
    """(n, 10) of all images, by parts that fit a cache."""
    with torch.no_grad():
        return torch.cat([model(part) for part in images.split(100)])
