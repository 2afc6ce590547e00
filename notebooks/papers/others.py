"""Böttcher & Wheeler's three further networks in their sizes.

Weights of theirs are not at hand, and training them takes days on two cores: what is measured are both ends
of untrained networks on noise, which tells what they take and not what the paper found.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from landscape_widget import Objective, hessian_eigenpairs

#: Images of noise that both ends are of.
IMAGES = 2


def unit(
    width_in: int, width: int, size: int, *, activation: type[nn.Module] = nn.ReLU, **how: Any
) -> nn.Module:
    """A convolution without bias, batch norm and an activation."""
    layer = nn.Conv2d(width_in, width, size, padding=size // 2, bias=False, **how)
    return nn.Sequential(layer, nn.BatchNorm2d(width), activation())


class Beside(nn.Module):
    """Branches whose outputs are joined."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, sum of the branches', h, w)."""
        return torch.cat([branch(x) for branch in self.branches], 1)


class Added(nn.Module):
    """A branch that is added to its input."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) of the same shape."""
        return x + self.branch(x)


def head(width: int) -> list[nn.Module]:
    """Means over the image, and ten classes."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]


def densenet121() -> nn.Sequential:
    """Huang et al. 2017, growth 32, for small images."""
    width, layers = 64, [nn.Conv2d(3, 64, 3, padding=1, bias=False)]

    def normed(width_in: int, width: int, size: int) -> list[nn.Module]:
        convolution = nn.Conv2d(width_in, width, size, padding=size // 2, bias=False)
        return [nn.BatchNorm2d(width_in), nn.ReLU(), convolution]

    for block, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            branch = nn.Sequential(*normed(width, 128, 1), *normed(128, 32, 3))
            layers.append(Beside(branch, nn.Identity()))
            width += 32
        if block < 3:
            layers += [*normed(width, width // 2, 1), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU(), *head(width))


def mobilenet_v2() -> nn.Sequential:
    """Sandler et al. 2018, with fewer strides for small images."""
    width, layers = 32, [unit(3, 32, 3, activation=nn.ReLU6)]
    for expansion, after, count, first_stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 1),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for i in range(count):
            inner, stride = width * expansion, first_stride if i == 0 else 1
            block = nn.Sequential(
                *([unit(width, inner, 1, activation=nn.ReLU6)] if expansion > 1 else []),
                unit(inner, inner, 3, activation=nn.ReLU6, stride=stride, groups=inner),
                unit(inner, after, 1, activation=nn.Identity),
            )
            layers.append(Added(block) if stride == 1 and width == after else block)
            width = after
    return nn.Sequential(*layers, unit(width, 1280, 1, activation=nn.ReLU6), *head(1280))


def googlenet() -> nn.Sequential:
    """Szegedy et al. 2015 with batch norm, for small images, 3×3 in the place of 5×5 and no side heads."""
    width, layers = 192, [unit(3, 192, 3)]
    for a, b, c, d, e, f in (
        (64, 96, 128, 16, 32, 32),
        (128, 128, 192, 32, 96, 64),
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
        (256, 160, 320, 32, 128, 128),
        (384, 192, 384, 48, 128, 128),
    ):
        layers.append(
            Beside(
                unit(width, a, 1),
                nn.Sequential(unit(width, b, 1), unit(b, c, 3)),
                nn.Sequential(unit(width, d, 1), unit(d, e, 3)),
                nn.Sequential(nn.MaxPool2d(3, 1, padding=1), unit(width, f, 1)),
            )
        )
        width = a + c + e + f
        if width in (480, 832) and len(layers) < 10:
            layers.append(nn.MaxPool2d(3, 2, padding=1))
    return nn.Sequential(*layers, *head(width))


NETWORKS = {"DenseNet-121": densenet121, "MobileNetV2": mobilenet_v2, "GoogLeNet": googlenet}


def untrained(model: nn.Module, images: int) -> Objective:
    """The loss of a network on noise, with its statistics of batch norm, without which kinks are all over."""
    data = torch.randn(images, 3, 32, 32), torch.arange(images) % 10
    with torch.no_grad():
        for _ in range(20):
            model(torch.randn(8, 3, 32, 32))
    return Objective(model, data, nn.CrossEntropyLoss())


def measure() -> dict[str, Any]:
    """Parameters of each, and both ends of it untrained."""
    found = {}
    for name, make in NETWORKS.items():
        torch.manual_seed(0)
        objective = untrained(make(), IMAGES)
        pairs = hessian_eigenpairs(objective)
        found[name] = {
            "parameters": objective.n_parameters,
            "images of noise": IMAGES,
            "λmax": pairs.values[0],
            "λmin": pairs.values[-1],
            "residuals": pairs.residuals.tolist(),
            "converged": bool(pairs.converged.all()),
            "products": pairs.n_hvp,
        }
    return found
