"""ResNet-56 for small images, with and without shortcuts, as in Li et al. (2018)."""

from __future__ import annotations

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
