"""The loss on a full grid: the plain loop, this package, plain vmap, loss-landscapes and landscaper."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from queue import SimpleQueue
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, vmap
from torch.nn.utils import vector_to_parameters
from torch.utils.flop_counter import FlopCounterMode

from landscape_widget import Objective, Plane, evaluate_plane
from landscape_widget.engine.threads import pool

from .measure import TOLERANCE, Contender, Rounds, Run, alternate, timed
from .workloads import HALF_WIDTH, ROOT, Problem, Workload

#: landscaper needs an older numpy: it runs in a process of its own.
LANDSCAPER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"

PLAIN, OURS, AGAIN = "plain loop", "this package", "this package, later planes"
VMAP = "plain vmap"

#: Points in one chunk of the plain vmap: the best of these on a few nodes, found before the time starts.
CHUNKS = (1, 8, 16, 32, 64)

#: Grids after which an objective has tried the strategies that pay.
_TRIED = 3


def measure(workload: Workload, dtype: str, ratios: int) -> Rounds:
    """Ratios of the plain loop's seconds to everybody's, on the full grid."""
    problem = workload.problem(dtype)
    known = objective_of(problem)
    for _ in range(_TRIED):
        this_package(problem, known)
    few = problem.coarse()
    chunk = min(CHUNKS, key=lambda points: min(plain_vmap(few, points, 64).seconds for _ in range(2)))
    with Landscaper(workload, dtype) as landscaper:

        def contenders(problem: Problem) -> dict[str, Contender]:
            return {
                PLAIN: lambda: timed(lambda: (plain_loop(problem), {})),
                OURS: lambda: this_package(problem, objective_of(problem)),
                VMAP: lambda: plain_vmap(problem, chunk),
                AGAIN: lambda: this_package(problem, known),
                "loss-landscapes": lambda: loss_landscapes(problem),
                "landscaper": lambda: landscaper.run(problem.resolution),
            }

        return alternate(contenders(problem.coarse()), contenders(problem), ratios, TOLERANCE[dtype])


@torch.no_grad()
def plain_loop(problem: Problem) -> np.ndarray:
    """What everybody writes first: set the weights, run the loader; shape (resolution, resolution)."""
    origin, eta, delta = (torch.from_numpy(v).to(problem.dtype) for v in problem.vectors())
    model, loader = copy.deepcopy(problem.model), problem.loader
    parameters = list(model.parameters())
    axis = problem.axis.tolist()
    loss = np.empty((len(axis), len(axis)))
    for i, beta in enumerate(axis):
        for j, alpha in enumerate(axis):
            vector_to_parameters(origin + alpha * eta + beta * delta, parameters)
            total = 0.0
            for x, y in loader:
                total += len(x) * problem.loss_fn(model(x), y).item()
            loss[i, j] = total / len(problem.x)
    return loss


def plain_vmap(problem: Problem, chunk: int, repeated: int = 0) -> Run:
    """Ten lines over ``vmap(functional_call)``: chunks of points, two threads, a copy of the model for each.

    Args:
        problem: What is evaluated.
        chunk: Points at once.
        repeated: The first so many points of the grid, over and over, in place of all, to choose ``chunk``.
    """
    basis = torch.stack([torch.from_numpy(v).to(problem.dtype) for v in problem.vectors()])
    shapes = {name: p.shape for name, p in problem.model.named_parameters()}
    parts = basis.split([p.numel() for p in problem.parameters], dim=1)
    batches = list(problem.loader)
    axis = problem.axis.tolist()
    points = [(1.0, alpha, beta) for beta in axis for alpha in axis]
    points = (points * repeated)[:repeated] if repeated else points
    threads = torch.get_num_threads()
    models: SimpleQueue[torch.nn.Module] = SimpleQueue()
    for _ in range(threads):
        models.put(copy.deepcopy(problem.model))

    def losses(start: int) -> torch.Tensor:
        model = models.get()
        coefficients = torch.tensor(points[start : start + chunk], dtype=problem.dtype)
        weights = {
            n: (coefficients @ p).view(-1, *s) for (n, s), p in zip(shapes.items(), parts, strict=True)
        }
        with torch.no_grad():
            total = torch.zeros(len(coefficients), dtype=torch.float64)
            for x, y in batches:
                loss = vmap(lambda w, x=x, y=y: problem.loss_fn(functional_call(model, w, x), y))(weights)
                total += len(x) / len(problem.x) * loss
        models.put(model)
        return total

    def work() -> tuple[np.ndarray, Mapping[str, Any]]:
        found = torch.cat(list(pool(threads).map(losses, range(0, len(points), chunk))))
        shape = (-1,) if repeated else (len(axis), len(axis))
        return found.reshape(shape).numpy(), {"points": chunk}

    return timed(work)


def objective_of(problem: Problem) -> Objective:
    """An objective that has seen no plane before."""
    return Objective(problem.model, problem.loader, problem.loss_fn)


def this_package(problem: Problem, objective: Objective) -> Run:
    """``evaluate_plane`` to its end."""
    origin, eta, delta = problem.vectors()
    plane = Plane(origin, eta, delta)
    domain = (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH, HALF_WIDTH)

    def work() -> tuple[np.ndarray, Mapping[str, Any]]:
        *_, surface = evaluate_plane(objective, plane, domain, problem.resolution, accuracy=0.0)
        return surface.loss, {k: v for k, v in surface.provenance.items() if k in ("strategy", "threads")}

    return timed(work)


def loss_landscapes(problem: Problem) -> Run:
    """``planar_interpolation`` over the same nodes, all examples at once, as its ``Loss`` wants them.

    Its odd rows go back along the nodes that the even ones came along, but one step behind: what it puts in
    column j is the loss at node j + 1 in even rows and at node j in odd ones. Read here as what they are.
    """
    from loss_landscapes import planar_interpolation
    from loss_landscapes.metrics import Loss

    origin, eta, delta = problem.vectors()
    steps, low = problem.resolution, problem.axis[0]
    ends = []
    corner = origin + low * (eta + delta)
    # its steps are 1/steps of the way from the first model to the other two
    reach = steps * (problem.axis[1] - problem.axis[0])
    for vector in (corner, corner + reach * delta, corner + reach * eta):
        model = copy.deepcopy(problem.model)
        with torch.no_grad():
            for p, value in zip(model.parameters(), problem.in_tensors(vector), strict=True):
                p.copy_(value)
        ends.append(model)
    metric = Loss(problem.loss_fn, problem.x, problem.y)

    def work() -> tuple[np.ndarray, Mapping[str, Any]]:
        found = planar_interpolation(*ends, metric, steps=steps)
        loss = np.full((steps, steps), np.nan)
        loss[::2, 1:] = found[::2, :-1]
        loss[1::2] = found[1::2]
        return loss, {}

    return timed(work)


class Landscaper:
    """landscaper in its own process, which waits while others run."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        self._arguments = [workload.name, dtype]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Landscaper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate()

    def run(self, resolution: int) -> Run:
        """The grid once, timed over there.

        Raises:
            FileNotFoundError: If its environment was not set up.
            RuntimeError: If the process ended.
        """
        if self._process is None:
            command = [str(LANDSCAPER_PYTHON), "-m", "tests.benchmarks.landscaper_process", *self._arguments]
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(resolution, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"its process ended with {self._process.wait()}")
        found = json.loads(answer)
        loss = np.array(found["loss"], dtype=float)
        # it adds noise to the largest value
        loss[loss == loss.max()] = np.nan
        return Run(found["seconds"], loss, {"version": found["version"]})


def gflop(problem: Problem) -> float:
    """Floating-point operations of one evaluation of the loss, in 10⁹, as torch counts them."""
    counter = FlopCounterMode(display=False)
    with counter:  # with gradients: fused kernels of inference are not counted
        problem.loss_fn(problem.model(problem.x), problem.y)
    return counter.get_total_flops() / 1e9


def smaller(workload: Workload, resolution: int) -> Workload:
    """The same on a grid of at most so many nodes for each axis."""
    return replace(workload, resolution=min(workload.resolution, resolution))
