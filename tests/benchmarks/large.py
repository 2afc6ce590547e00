"""Both ends of the Hessian of large networks: products, memory and processor time, in a process of its own.

    python -m tests.benchmarks.large DenseNet-121 --images 4

Memory is what the process has of its own (``RssAnon``: a basis in a file is not in it), at most, beyond what
it had before. That of products alone, two of them, is told beside it, and the difference in units of the
parameters' bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time

import torch
from torch import nn

from landscape_widget import hessian_eigenpairs
from notebooks.papers.others import NETWORKS as PUBLISHED
from notebooks.papers.others import untrained

#: Seconds between two looks at the memory.
_LOOK = 0.02


def wide() -> nn.Module:
    """A dense network of five million parameters."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 1400), nn.Tanh(), nn.Linear(1400, 500), nn.Tanh(), nn.Linear(500, 10)
    )


NETWORKS = {**PUBLISHED, "dense, 5 million": wide}


def held() -> int:
    """Bytes of memory that this process has of its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


@contextmanager
def watched(peak: dict[str, int], name: str) -> Iterator[None]:
    """Notes the most that is held while the block runs."""
    ended, peak[name] = Event(), held()

    def look() -> None:
        while not ended.wait(_LOOK):
            peak[name] = max(peak[name], held())

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--k", type=int, default=1)
    parser.add_argument("--most", type=int, default=1000, help="products")
    options = parser.parse_args()
    torch.manual_seed(0)
    objective = untrained(NETWORKS[options.network](), options.images)
    objective.precise()
    v = torch.randn(objective.n_parameters)
    before, peak = held(), {}
    with watched(peak, "products"):
        for one in (objective, objective.precise()):
            for _ in range(2):
                one.hvp(v.to(one.theta))
    started, wall = process_time(), perf_counter()
    with watched(peak, "search"):
        pairs = hessian_eigenpairs(objective, options.k, max_hvp=options.most)
    n_bytes = 4 * objective.n_parameters
    print(f"{options.network}, N = {objective.n_parameters:,}, {options.images} images, k = {options.k}")
    print(f"ends {pairs.values}, residuals {pairs.residuals}, converged {pairs.converged}")
    print(f"{pairs.n_hvp} products ({pairs.provenance['products']})")
    print(f"{process_time() - started:.0f} s of the processor, {perf_counter() - wall:.0f} s")
    for name, found in peak.items():
        more = found - before
        print(f"{name}: {more / 1e6:,.0f} MB, {more / n_bytes:.1f} × the parameters' bytes")


if __name__ == "__main__":
    main()
