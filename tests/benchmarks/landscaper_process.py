"""landscaper's own function for a plane, in its own environment: one grid for each line of standard input.

A line holds the resolution; the answer is a line of JSON. Workload, dtype and number of torch's threads are
the command's arguments.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from importlib.metadata import version

import torch
from landscaper.compute import compute_loss_landscape

from .measure import clock
from .workloads import HALF_WIDTH, WORKLOADS, Problem


def grid(problem: Problem, resolution: int) -> dict[str, object]:
    """The losses on the nodes that everybody else evaluates, and the seconds they took."""
    _, eta, delta = problem.vectors()
    loader, n = problem.loader, len(problem.x)

    def loss(model: torch.nn.Module, data: object) -> float:
        return sum(len(x) * problem.loss_fn(model(x), y).item() for x, y in loader) / n

    # one of its steps is distance/(steps/2) of ‖θ*‖, which its labels take for distance/((steps − 1)/2)
    distance = HALF_WIDTH * resolution / (resolution - 1)
    directions = [problem.in_tensors(delta), problem.in_tensors(eta)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        started = clock()
        found, _ = compute_loss_landscape(
            problem.model, loader, directions, loss, steps=resolution, distance=distance, dim=2, device="cpu"
        )
        seconds = clock() - started
    return {"seconds": seconds, "loss": found.tolist(), "version": version("landscaper")}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    chosen = WORKLOADS[sys.argv[1]].problem(sys.argv[2])
    for line in sys.stdin:
        print(json.dumps(grid(chosen, int(line))), flush=True)
