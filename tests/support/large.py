"""Networks of millions of parameters as they are used on CIFAR: 32×32 images, ten classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Trainable parameters of each.
COUNTS = {"DenseNet-121": 6_956_298, "MobileNetV2": 2_236_682, "GoogLeNet": 5_490_986}


def convolution(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


class Dense(nn.Module):
    """A layer of DenseNet (Huang et al. 2017): 32 new channels beside those before."""

    def __init__(self, inputs: int, growth: int = 32) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            convolution(inputs, 4 * growth),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            convolution(4 * growth, growth, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.new(x), x], 1)


def densenet121() -> nn.Module:
    """DenseNet-121 without the first layer's pooling and normalisation."""
    channels, layers = 64, [convolution(3, 64, 3)]
    for i, count in enumerate((6, 12, 24, 16)):
        layers += [Dense(channels + 32 * j) for j in range(count)]
        channels += 32 * count
        layers += [nn.BatchNorm2d(channels), nn.ReLU()]
        if i < 3:
            layers += [convolution(channels, channels // 2), nn.AvgPool2d(2)]
            channels //= 2
    return nn.Sequential(*layers, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels, 10))


class Inverted(nn.Module):
    """A block of MobileNetV2 (Sandler et al. 2018): wide between two narrow ends."""

    def __init__(self, inputs: int, outputs: int, stride: int, widening: int) -> None:
        super().__init__()
        width = inputs * widening
        wide = [convolution(inputs, width), nn.BatchNorm2d(width), nn.ReLU6()] if widening > 1 else []
        self.block = nn.Sequential(
            *wide,
            convolution(width, width, 3, stride, width),
            nn.BatchNorm2d(width),
            nn.ReLU6(),
            convolution(width, outputs),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.adds else self.block(x)


def mobilenet_v2() -> nn.Module:
    """MobileNetV2 with strides of one where images are small."""
    layers: list[nn.Module] = [convolution(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU6()]
    inputs = 32
    for widening, outputs, count, stride in (
        (1, 16, 1, 1),
        (6, 24, 2, 1),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for i in range(count):
            layers.append(Inverted(inputs, outputs, 1 if i else stride, widening))
            inputs = outputs
    layers += [convolution(320, 1280), nn.BatchNorm2d(1280), nn.ReLU6(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1280, 10))


def normalised(inputs: int, outputs: int, size: int = 1) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, outputs, size), nn.BatchNorm2d(outputs), nn.ReLU())


class Inception(nn.Module):
    """A block of GoogLeNet (Szegedy et al. 2015) with batch norm: four ways side by side."""

    def __init__(
        self, inputs: int, one: int, three: tuple[int, int], five: tuple[int, int], pool: int
    ) -> None:
        super().__init__()
        self.ways = nn.ModuleList(
            [
                normalised(inputs, one),
                nn.Sequential(normalised(inputs, three[0]), normalised(*three, 3)),
                nn.Sequential(normalised(inputs, five[0]), normalised(*five, 3)),  # 3×3, as it is trained now
                nn.Sequential(nn.MaxPool2d(3, 1, 1), normalised(inputs, pool)),
            ]
        )
        self.outputs = one + three[1] + five[1] + pool

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([way(x) for way in self.ways], 1)


def googlenet() -> nn.Module:
    """GoogLeNet with one first layer, and without auxiliary classifiers."""
    layers: list[nn.Module] = [normalised(3, 192, 3)]
    inputs = 192
    for block in (
        (64, (96, 128), (16, 32), 32),
        (128, (128, 192), (32, 96), 64),
        None,
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
        None,
        (256, (160, 320), (32, 128), 128),
        (384, (192, 384), (48, 128), 128),
    ):
        if block is None:
            layers.append(nn.MaxPool2d(3, 2, 1))
        else:
            inception = Inception(inputs, *block)
            inputs = inception.outputs
            layers.append(inception)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


MODELS = {"DenseNet-121": densenet121, "MobileNetV2": mobilenet_v2, "GoogLeNet": googlenet}
