"""What ResNet-56 on all of CIFAR-10 takes on a cluster: operations counted, bytes and seconds from those.

    python -m tests.benchmarks.cluster
    python -m tests.benchmarks.cluster --confirm     # on this machine: foreseen beside measured

Operations are those that torch's own counter sees of one loss and one Hessian-vector product on few images;
both are sums over examples, so that all of them take as many times more. Seconds follow from the operations
that a device carries out in one, which is a guess for whoever has none at hand, and from a simulation: tiles
go to whoever is free, some workers are slow, and some are lost with the tile they are at.
"""

from __future__ import annotations

import heapq
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import median
from time import perf_counter, process_time

import loky
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from landscape_widget import Objective, evaluate_plane, random_plane
from notebooks import resnet

from .workloads import resnet20

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
    with FlopCounterMode(display=False) as product:
        differentiated_twice(model, x, y)
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


def seconds_of(act: Callable[[], object]) -> float:
    """Processor seconds of one thread, the median of five after one that prepares."""
    act()
    found = []
    for _ in range(5):
        began = process_time()
        act()
        found.append(process_time() - began)
    return median(found)


def differentiated_twice(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """One Hessian-vector product, as ``counted`` counts it."""
    parameters = list(model.parameters())
    gradient = torch.autograd.grad(nn.functional.cross_entropy(model(x), y), parameters, create_graph=True)
    torch.autograd.grad(gradient, parameters, [torch.ones_like(p) for p in parameters])


def confirmed(images: int = 32, resolution: int = 5) -> Iterator[tuple[str, float, float]]:
    """What is foreseen from one loss of ResNet-20, as for a cluster, and what is measured here.

    Yields:
        What it is, what is foreseen, and what is measured.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = torch.randn(images, 3, 32, 32), torch.arange(images) % 10
    small, large = resnet20().eval(), resnet.resnet56().eval()
    operations = {model: counted(model, images) for model in (small, large)}

    def loss(model: nn.Module) -> None:
        with torch.no_grad():
            nn.functional.cross_entropy(model(x), y)

    rate = operations[small].loss / seconds_of(lambda: loss(small))
    for name, model in (("ResNet-20", small), ("ResNet-56", large)):
        if model is large:
            yield f"a loss of {name}, s", operations[model].loss / rate, seconds_of(partial(loss, model))
        measured = seconds_of(partial(differentiated_twice, model, x, y))
        yield f"a product of {name}, s", operations[model].product / rate, measured

    objective = Objective(small, (x, y), nn.functional.cross_entropy)
    n, plane = objective.n_parameters, random_plane(objective)
    workers = loky.get_reusable_executor(2, timeout=600)
    spooled = objective.by_workers(workers).workers._snapshot.whole.source
    # the model, θ*, and θ* in float64
    yield "bytes of data and model", images * (3072 * 4 + 8) + 16 * n, len(spooled)
    v = torch.zeros(n, dtype=torch.float64)
    yield "bytes of a vector", 8 * n, len(pickle.dumps(v.numpy()))

    def drawn() -> float:
        began = perf_counter()
        deque(evaluate_plane(objective, plane, resolution=resolution, accuracy=0, executor=workers), maxlen=0)
        return perf_counter() - began

    drawn()
    seconds = seconds_of(objective.loss)
    yield (
        f"{resolution**2} nodes of ResNet-20 by two workers, s",
        simulated(resolution**2, seconds, 2),
        min(drawn() for _ in range(3)),
    )


def main() -> None:
    if sys.argv[1:] == ["--confirm"]:
        print("| what | foreseen | measured |\n|---|---|---|")
        for what, foreseen, measured in confirmed():
            print(f"| {what} | {foreseen:,.3g} | {measured:,.3g} |", flush=True)
        return
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
