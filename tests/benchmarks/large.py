"""Both ends of the Hessian of large networks: products, memory and processor time, in a process of its own.

    python -m tests.benchmarks.large DenseNet-121 --examples 4

Memory is what the process has of its own (``RssAnon``: a basis in a file is not in it), at most, beyond what
it had before. That of products alone, two of them, is told beside it, and the difference in units of the
parameters' bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time

import torch
from torch import Tensor, nn

from landscape_widget import Objective, hessian_eigenpairs
from notebooks.papers.others import NETWORKS as PUBLISHED
from notebooks.papers.others import untrained

#: Bytes of a piece of text.
LENGTH = 64

#: Seconds between two looks at the memory.
_LOOK = 0.02


def wide() -> nn.Module:
    """A dense network of five million parameters."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 1400), nn.Tanh(), nn.Linear(1400, 500), nn.Tanh(), nn.Linear(500, 10)
    )


class Text(nn.Module):
    """A transformer that tells each next byte of a text from those before it."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.byte, self.place = nn.Embedding(256, width), nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(
            width, width // 64, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 256)

    def forward(self, read: Tensor) -> Tensor:
        """Bytes (n, LENGTH) to logits of those that come next, (n, 256, LENGTH)."""
        later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
        embedded = self.byte(read) + self.place.weight
        return self.head(self.layers(embedded, mask=later)).movedim(-1, 1)


def text(width: int, layers: int, n: int) -> Objective:
    """The loss of such a transformer with random weights on pieces of this project's documentation."""
    written = b"".join(
        path.read_bytes() for path in sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
    )
    pieces = torch.tensor([*written[: n * (LENGTH + 1)]]).view(n, LENGTH + 1)
    return Objective(Text(width, layers), (pieces[:, :-1], pieces[:, 1:]), nn.CrossEntropyLoss())


#: Each as a function of the number of examples.
NETWORKS = {
    **{name: lambda n, make=make: untrained(make(), n) for name, make in PUBLISHED.items()},
    "dense, 5 million": lambda n: untrained(wide(), n),
    "transformer, 10 million": partial(text, 384, 6),
    "transformer, 100 million": partial(text, 768, 14),
}


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
    parser.add_argument("--examples", type=int, default=4)
    parser.add_argument("--k", type=int, default=1)
    parser.add_argument("--most", type=int, default=1000, help="products")
    options = parser.parse_args()
    torch.manual_seed(0)
    objective = NETWORKS[options.network](options.examples)
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
    print(f"{options.network}, N = {objective.n_parameters:,}, {options.examples} examples, k = {options.k}")
    print(f"ends {pairs.values}, residuals {pairs.residuals}, converged {pairs.converged}")
    print(f"{pairs.n_hvp} products ({pairs.provenance['products']})")
    print(f"{process_time() - started:.0f} s of the processor, {perf_counter() - wall:.0f} s")
    for name, found in peak.items():
        more = found - before
        print(f"{name}: {more / 1e6:,.0f} MB, {more / n_bytes:.1f} × the parameters' bytes")


if __name__ == "__main__":
    main()
