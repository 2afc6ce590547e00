"""Which choices could make λmax of ResNet-56 what Böttcher & Wheeler's Table II states, one row for each.

python notebooks/papers/referee.py --data FOLDER

None of this package's curvature code: plain double backward in float32 and Lanczos with full
reorthogonalisation, stopped at a residual of 1 % (Li et al.'s published code stops there). A row that is in
results/referee.json is not measured again, so that the command can be given again until all are there.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import RESULTS, write
from networks import NETWORKS, Published, outputs
from torch import Tensor, nn

#: A row stops there, or after so many products.
TOLERANCE, PRODUCTS = 1e-2, 30

#: Images in one pass with frozen statistics.
PASS = 32


@dataclass(frozen=True)
class Row:
    """One choice of images, statistics and parameters."""

    network: str
    images: str
    statistics: str = "frozen"
    parameters: str = "all"

    @property
    def key(self) -> str:
        """What the row is called."""
        return "; ".join([self.network, self.images, f"statistics {self.statistics}", self.parameters])


WITH, WITHOUT = NETWORKS

ROWS = [
    *(Row(WITH, f"first {n}") for n in (8, 32, 128)),
    *(Row(WITHOUT, f"first {n}") for n in (8, 32, 128)),
    *(Row(name, "hardest 64 of all") for name in (WITH, WITHOUT)),
    *(Row(name, "first 128", "of the batch") for name in (WITH, WITHOUT)),
    *(Row(name, "first 1000") for name in (WITHOUT, WITH)),
    *(Row(name, "first 128", parameters="weights only") for name in (WITHOUT, WITH)),
]


def chosen(network: Published, images: str) -> Tensor:
    """Which images a row takes, (n,)."""
    order, number, *_ = images.split()
    if order == "first":
        return torch.arange(int(number))
    losses = nn.functional.cross_entropy(
        outputs(network.model, network.images), network.labels, reduction="none"
    )
    return losses.argsort(descending=True)[: int(number)]


def product(network: Published, row: Row, index: Tensor, v: Tensor) -> Tensor:
    """Hv of the mean loss over these images, in float32, (N,)."""
    model, train = network.model, row.statistics != "frozen"
    chosen_ = [p for p in model.parameters() if row.parameters == "all" or p.ndim > 1]
    kept = copy.deepcopy(model.state_dict()) if train else None
    model.train(train)
    total = torch.zeros_like(v)
    for part in index.split(len(index) if train else PASS):
        z = model(network.images[part])
        loss = nn.functional.cross_entropy(z, network.labels[part], reduction="sum") / len(index)
        slopes = torch.autograd.grad(loss, chosen_, create_graph=True)
        rows = torch.autograd.grad(torch.cat([s.reshape(-1) for s in slopes]), chosen_, v)
        total += torch.cat([each.reshape(-1) for each in rows])
    if kept is not None:
        model.load_state_dict(kept)
        model.eval()
    return total


def lanczos(network: Published, row: Row) -> dict[str, Any]:
    """λmax with its residual, and the smallest Ritz value, which is no more than a bound of λmin."""
    index = chosen(network, row.images)
    n = sum(p.numel() for p in network.model.parameters() if row.parameters == "all" or p.ndim > 1)
    v = torch.randn(n, generator=torch.Generator().manual_seed(0))
    basis, diagonal, beside = [v / v.norm()], [], []
    while True:
        w = product(network, row, index, basis[-1])
        diagonal.append(float(w @ basis[-1]))
        for _ in range(2):
            for q in basis:
                w = w - (w @ q) * q
        beside.append(float(w.norm()))
        values, vectors = np.linalg.eigh(
            np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
        )
        residual = beside[-1] * abs(vectors[-1, -1])
        if residual <= TOLERANCE * values[-1] or len(diagonal) == PRODUCTS:
            return {
                "images": len(index),
                "λmax": values[-1],
                "residual": residual,
                "λmin at most": values[0],
                "products": len(diagonal),
            }
        basis.append(w / w.norm())


def main() -> None:
    """Measures the rows that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of CIFAR-10 and of the weights")
    folder = parser.parse_args().data
    path, started = RESULTS / "referee.json", time.monotonic()
    kept = (
        json.loads(path.read_text("utf-8")) if path.exists() else {"figures": {}, "made by": {"seconds": 0}}
    )
    before = kept["made by"]["seconds"]
    for row in ROWS:
        if row.key in kept["figures"]:
            continue
        network = Published.read(folder, row.network)
        kept["figures"][row.key] = lanczos(network, row)
        command = "python notebooks/papers/referee.py --data FOLDER"
        write("referee", kept["figures"], command, started - before)
        print(f"{row.key}: {kept['figures'][row.key]}", file=sys.stderr)


if __name__ == "__main__":
    main()
