"""The networks, data and planes that are measured; a peer's process has torch and numpy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from notebooks import resnet
from notebooks import train_function_approximation as paper

ROOT = Path(__file__).parents[2]

BATCH_SIZE = 128

#: Weights trained by an earlier run.
KEPT = ROOT / "test-output" / "benchmark-weights"

#: The grid reaches this far along each direction, whose length is ‖θ*‖.
HALF_WIDTH = 0.5

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Workload:
    """What is measured, and how much faster than the plain loop it should be."""

    name: str
    title: str
    model: Callable[[], nn.Module]
    data: Callable[[], tuple[Tensor, Tensor]]
    loss_fn: nn.Module
    resolution: int
    goals: Mapping[str, float]
    """Dtypes that it is measured in, and the goal for the full grid in each."""
    training: int = 0
    """Steps from random weights; the weights are kept, so that every process has the same."""

    def problem(self, dtype: str) -> Problem:
        """The same every time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model, (x, y) = self.model(), self.data()
            if self.training:
                weights = KEPT / f"{self.name}-{self.training}.pt"
                if not weights.exists():
                    train(model, x, y, self.loss_fn, self.training)
                    KEPT.mkdir(parents=True, exist_ok=True)
                    torch.save(model.state_dict(), weights)
                model.load_state_dict(torch.load(weights))
        kind = DTYPES[dtype]
        return Problem(
            model.to(kind).eval(),
            x.to(kind) if x.is_floating_point() else x,
            y.to(kind) if y.is_floating_point() else y,
            self.loss_fn,
            self.resolution,
        )


@dataclass(frozen=True)
class Problem:
    """A model, its data and a plane, in one dtype."""

    model: nn.Module
    x: Tensor
    y: Tensor
    loss_fn: nn.Module
    resolution: int

    @property
    def dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(self.model.parameters())

    @property
    def loader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(TensorDataset(self.x, self.y), batch_size=BATCH_SIZE)

    @property
    def axis(self) -> np.ndarray:
        """Coordinates of the nodes along each direction, shape (resolution,)."""
        half = self.resolution // 2
        return np.arange(-half, half + 1) * (2 * HALF_WIDTH / (self.resolution - 1))

    def coarse(self) -> Problem:
        """The same on 3×3 nodes, to warm up and to compare results."""
        return replace(self, resolution=3)

    def vectors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """θ*, η, δ as float64, each of shape (N,).

        Each tensor of a direction has the norm √(its size) but for a common factor: so landscaper, which
        normalises tensors that way whether wanted or not, moves along the same directions.
        """
        origin = _flat([p.detach() for p in self.parameters])
        generator = torch.Generator().manual_seed(1)
        directions = []
        for _ in range(2):
            parts = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in self.parameters]
            direction = _flat([part * part.numel() ** 0.5 / part.norm() for part in parts])
            # by einsum: numpy's norm has threads that keep a core busy for a while, whoever comes next
            squares = [np.einsum("i,i", v, v) for v in (origin, direction)]
            directions.append(direction * (squares[0] / squares[1]) ** 0.5)
        return origin, *directions

    def in_tensors(self, vector: np.ndarray) -> list[Tensor]:
        """A vector of shape (N,) as tensors of the parameters' shapes and dtype."""
        sizes = [p.numel() for p in self.parameters]
        parts = torch.from_numpy(vector).to(self.dtype).split(sizes)
        return [part.reshape(p.shape).clone() for part, p in zip(parts, self.parameters, strict=True)]


class Transformer(nn.Module):
    """Two encoder layers of width 64 over tokens, and a read-out of their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(64, 64)
        self.positions = nn.Parameter(0.02 * torch.randn(32, 64))
        layer = nn.TransformerEncoderLayer(64, nhead=4, dim_feedforward=256, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 32) → (n, 10)."""
        return self.head(self.encoder(self.tokens(x) + self.positions).mean(dim=1))


def fcnn(name: str) -> nn.Module:
    """A network of Böttcher & Wheeler's Appendix D with the weights kept in the repository."""
    model = paper.network(paper.NETWORKS[name][0])
    model.load_state_dict(torch.load(paper.WEIGHTS / f"{name}.pt"))
    return model


def convnet() -> nn.Module:
    """LeNet-5: 61,706 parameters."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def resnet20(channels: int = 3) -> nn.Module:
    """Three stages of three blocks with batch norm: 272,474 parameters for images in colour."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
    ]
    width_in = 16
    for width, first_stride in ((16, 1), (32, 2), (64, 2)):
        for i in range(3):
            layers.append(resnet.Block(width_in, width, first_stride if i == 0 else 1, shortcut=True))
            width_in = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def images(n: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Ten classes: a random image each, under noise of twice its size."""
    y = torch.randint(10, (n,))
    return torch.randn(10, *shape)[y] + 2 * torch.randn(n, *shape), y


def sequences(n: int, length: int) -> tuple[Tensor, Tensor]:
    """Ten classes: a third of the tokens are of six that belong to the class."""
    y = torch.randint(10, (n,))
    own = 6 * y[:, None] + torch.randint(6, (n, length))
    return torch.where(torch.rand(n, length) < 1 / 3, own, torch.randint(64, (n, length))), y


def train(model: nn.Module, x: Tensor, y: Tensor, loss_fn: nn.Module, steps: int) -> None:
    """Adam on random batches."""
    optimizer = torch.optim.Adam(model.train().parameters(), lr=1e-3)
    for _ in range(steps):
        rows = torch.randint(len(x), (BATCH_SIZE,))
        optimizer.zero_grad()
        loss_fn(model(x[rows]), y[rows]).backward()
        optimizer.step()


def _flat(tensors: list[Tensor]) -> np.ndarray:
    return torch.cat([t.reshape(-1).double() for t in tensors]).numpy()


_CATALOGUE = (
    Workload(
        "fcnn1",
        "FCNN 1, 50 points, 51×51",
        lambda: fcnn("fcnn1"),
        lambda: paper.points(50),
        nn.MSELoss(),
        51,
        {"float32": 12, "float64": 8},
    ),
    Workload(
        "fcnn1-1000",
        "FCNN 1, 1000 points, 51×51",
        lambda: fcnn("fcnn1"),
        lambda: paper.points(1000),
        nn.MSELoss(),
        51,
        {"float32": 12, "float64": 8},
    ),
    Workload(
        "fcnn2",
        "FCNN 2, 50 points, 51×51",
        lambda: fcnn("fcnn2"),
        lambda: paper.points(50),
        nn.MSELoss(),
        51,
        {"float32": 7, "float64": 6},
    ),
    Workload(
        "convnet",
        "LeNet-5, 2000 images 28×28, 25×25",
        convnet,
        lambda: images(2000, 1, 28, 28),
        nn.CrossEntropyLoss(),
        25,
        {"float32": 2.5},
        training=60,
    ),
    Workload(
        "resnet20",
        "ResNet-20, 512 images 32×32, 11×11",
        resnet20,
        lambda: images(512, 3, 32, 32),
        nn.CrossEntropyLoss(),
        11,
        {"float32": 2.5},
        training=40,
    ),
    Workload(
        "transformer",
        "transformer, 256 sequences of 32, 21×21",
        Transformer,
        lambda: sequences(256, 32),
        nn.CrossEntropyLoss(),
        21,
        {"float32": 2},
        training=60,
    ),
)
WORKLOADS = {workload.name: workload for workload in _CATALOGUE}
