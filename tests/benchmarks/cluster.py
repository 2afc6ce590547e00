"""What ResNet-56 on all of CIFAR-10 takes on a cluster: operations counted, bytes and seconds from those.

    python -m tests.benchmarks.cluster

Operations are those that torch's own counter sees of one loss and one Hessian-vector product on few images;
both are sums over examples, so that all of them take as many times more. Seconds follow from the operations
that a device carries out in one, which is a guess for whoever has none at hand, and from a simulation: tiles
go to whoever is free, some workers are slow, and some are lost with the tile they are at.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from notebooks import resnet

#: Operations per second that convolutions of this size are taken to reach on one GPU, in float32.
RATE = 5e12

#: Seconds until a task has begun and its result has come back.
LATENCY = 0.02

#: Seconds until a lost worker is replaced: noticed, started, and the snapshot read.
REPLACED = 60.0


@dataclass(frozen=True)
class Work:
    """Operations (multiplications and additions) on some images."""

    loss: float
    product: float


def counted(model: nn.Module, images: int) -> Work:
    """Counts one loss, and one product by differentiating twice, on so many random images."""
    model.eval()
    x, y = torch.randn(images, 3, 32, 32), torch.arange(images) % 10
    with FlopCounterMode(display=False) as loss, torch.no_grad():
        nn.functional.cross_entropy(model(x), y)
    parameters = list(model.parameters())
    with FlopCounterMode(display=False) as product:
        value = nn.functional.cross_entropy(model(x), y)
        gradient = torch.autograd.grad(value, parameters, create_graph=True)
        torch.autograd.grad(gradient, parameters, [torch.ones_like(p) for p in parameters])
    return Work(loss.get_total_flops(), product.get_total_flops())


def simulated(
    tiles: int, seconds: float, workers: int, *, slow: float = 0.0, lost: float = 0.0, seed: int = 0
) -> float:
    """Seconds until all tiles are done, each by whoever is free first.

    Args:
        tiles: How many.
        seconds: Of one of them, on a usual worker.
        workers: How many.
        slow: Share of the workers that take twice as long.
        lost: Chance that a worker is lost at a tile, which is done anew by another.
        seed: Which workers and tiles that happens to.
    """
    drawn = Random(seed)
    pace = [2.0 if drawn.random() < slow else 1.0 for _ in range(workers)]
    free = [(0.0, w) for w in range(workers)]
    left, last = tiles, 0.0
    while left:
        now, w = heapq.heappop(free)
        end = now + LATENCY + pace[w] * seconds
        if drawn.random() < lost:
            end = now + drawn.random() * pace[w] * seconds + REPLACED
        else:
            left -= 1
            last = max(last, end)
        heapq.heappush(free, (end, w))
    return last


def main() -> None:
    work, images, nodes = counted(resnet.resnet56(), 2), 50_000, 51**2
    loss, product = (of / 2 * images for of in (work.loss, work.product))
    n = sum(p.numel() for p in resnet.resnet56().parameters())
    times = loss / RATE, product / RATE
    print(f"a loss: {loss:.3g} operations, {times[0]:.1f} s; a product: {product:.3g}, {times[1]:.1f} s")
    print(
        f"data: {images * (3072 * 4 + 8) / 1e6:.0f} MB once for each worker; a vector: {8 * n / 1e6:.1f} MB"
    )
    heads = "GPUs", "all nodes", "efficiency", "5 % slow, 0.1 % lost", "nodes as GPUs", "a product"
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    alone = simulated(nodes, times[0], 1)
    for gpus in (1, 4, 16, 64):
        ideal, real = (simulated(nodes, times[0], gpus, **how) for how in ({}, {"slow": 0.05, "lost": 1e-3}))
        weak = simulated(nodes * gpus // 64, times[0], gpus)
        one = simulated(16, times[1] / 16, min(16, gpus))
        share = f"{alone / gpus / ideal:.0%}"
        print(f"| {gpus} | {ideal:,.0f} s | {share} | {real:,.0f} s | {weak:,.0f} s | {one:.1f} s |")


if __name__ == "__main__":
    main()
