"""The loss on a full grid: the plain loop, this package, plain vmap, loss-landscapes and landscaper.

Where a grid takes longer than ``BUDGET``, each evaluates part of it. What goes node by node is broken off; a
peer's function, which cannot be, gets a coarser grid.
"""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue
from types import TracebackType

import numpy as np
import torch
from torch.func import functional_call, vmap
from torch.nn.utils import vector_to_parameters
from torch.utils.flop_counter import FlopCounterMode

from landscape_widget import Objective, Plane, evaluate_plane
from landscape_widget.engine.threads import pool
from landscape_widget.planes.grid import levels

from .measure import BUDGET, TOLERANCE, Budget, Contender, Rounds, Run, alternate, clock
from .workloads import HALF_WIDTH, ROOT, Problem, Workload

#: landscaper needs an older numpy: it runs in a process of its own.
LANDSCAPER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"

PLAIN, OURS, AGAIN = "plain loop", "this package", "this package, later planes"
VMAP = "plain vmap"
CERTIFIED = "certified picture"

#: Points in one chunk of the plain vmap: the best of these on a few nodes, found before the time starts.
CHUNKS = (1, 8, 16, 32, 64)

#: Nodes for each axis of a certified picture, and its largest error, as a share of the range.
RESOLUTION, GOOD = 51, 0.005

#: Grids after which an objective has tried the strategies that pay.
_TRIED = 3


def measure(workload: Workload, dtype: str, ratios: int) -> Rounds:
    """Ratios of the plain loop's seconds to everybody's, for the full grid."""
    problem = workload.problem(dtype)
    known = tried(problem)
    chunk = best_chunk(problem.coarse())
    with Landscaper(workload, dtype) as landscaper:

        def contenders(problem: Problem) -> dict[str, Contender]:
            return {
                PLAIN: lambda: plain_loop(problem),
                OURS: lambda: this_package(problem, objective_of(problem)),
                VMAP: lambda: plain_vmap(problem, chunk),
                AGAIN: lambda: this_package(problem, known, steady=True),
                "loss-landscapes": lambda: by_rate(loss_landscapes, problem),
                "landscaper": lambda: by_rate(lambda few: landscaper.run(few.resolution), problem),
            }

        return alternate(contenders(problem.coarse()), contenders(problem), ratios, TOLERANCE[dtype], 0.0)


def measure_certified(workload: Workload, dtype: str, ratios: int) -> Rounds:
    """Ratios of the plain loop's seconds, for a full grid, to those of a picture of it within ``GOOD``."""
    problem = replace(workload.problem(dtype), resolution=RESOLUTION)
    known = tried(problem)
    contenders: dict[str, Contender] = {
        PLAIN: lambda: plain_loop(problem),
        CERTIFIED: lambda: certified(problem, objective_of(problem)),
        f"{CERTIFIED}, later planes": lambda: certified(problem, known),
    }
    return alternate(None, contenders, ratios, GOOD, 0.0)


def best_chunk(problem: Problem) -> int:
    """How many points at once are fastest; no more are tried than the first number that is slower."""
    best, least = 1, float("inf")
    for chunk in CHUNKS:
        seconds = min(plain_vmap(problem, chunk, 64).seconds for _ in range(2))
        if seconds > 1.2 * least:
            break
        best, least = (chunk, seconds) if seconds < least else (best, least)
    return best


def by_rate(run: Callable[[Problem], Run], problem: Problem) -> Run:
    """A run on as many nodes as fit the budget, its seconds scaled to all of them.

    The nodes of a coarser grid are others, so that its losses are not told; the warm-up's are.
    """
    few = run(problem.coarse())
    fit = (BUDGET / few.seconds) ** 0.5 * problem.coarse().resolution
    resolution = min(problem.resolution, max(3, 2 * int((fit - 1) / 2) + 1))
    if resolution == problem.resolution:
        return run(problem)
    part = few if resolution == 3 else run(replace(problem, resolution=resolution))
    scale = (problem.resolution / resolution) ** 2
    unknown = np.full((problem.resolution, problem.resolution), np.nan)
    return Run(scale * part.seconds, unknown, {**part.notes, "nodes": resolution**2})


@torch.no_grad()
def plain_loop(problem: Problem) -> Run:
    """What everybody writes first: set the weights, run the loader."""
    origin, eta, delta = (torch.from_numpy(v).to(problem.dtype) for v in problem.vectors())
    model, loader = copy.deepcopy(problem.model), problem.loader
    parameters = list(model.parameters())
    axis = problem.axis.tolist()
    loss = np.full((len(axis), len(axis)), np.nan)
    budget, nodes = Budget(BUDGET), coarse_to_fine(problem)
    for done, (i, j) in enumerate(nodes, 1):
        vector_to_parameters(origin + axis[j] * eta + axis[i] * delta, parameters)
        total = 0.0
        for x, y in loader:
            total += len(x) * problem.loss_fn(model(x), y).item()
        loss[i, j] = total / len(problem.x)
        if not budget.is_left(done):
            break
    return Run(budget.seconds(len(nodes), steady=True), loss, {"nodes": done})


def coarse_to_fine(problem: Problem) -> list[tuple[int, int]]:
    """The nodes (i, j) in about the order of this package, so that parts of a grid can be compared."""
    found: dict[tuple[int, int], None] = {}
    for rows, columns in levels(problem.axis, problem.axis, 3):
        found |= dict.fromkeys((int(i), int(j)) for i in rows for j in columns)
    return list(found)


def plain_vmap(problem: Problem, chunk: int, repeated: int = 0) -> Run:
    """Ten lines over ``vmap(functional_call)``: chunks of points, a copy of the model for each thread.

    Args:
        problem: What is evaluated.
        chunk: Points at once.
        repeated: The first so many points of the grid, over and over, in place of all, to choose ``chunk``.
    """
    basis = torch.stack([torch.from_numpy(v).to(problem.dtype) for v in problem.vectors()])
    shapes = {name: p.shape for name, p in problem.model.named_parameters()}
    parts = basis.split([p.numel() for p in problem.parameters], dim=1)
    batches = list(problem.loader)
    axis, nodes = problem.axis.tolist(), coarse_to_fine(problem)
    nodes = (nodes * repeated)[:repeated] if repeated else nodes
    points = [(1.0, axis[j], axis[i]) for i, j in nodes]
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

    budget, found = Budget(BUDGET if not repeated else BUDGET / 10), []
    starts = range(0, len(points), chunk)
    for first in range(0, len(starts), threads):  # so many at once as there are threads
        found += pool(threads).map(losses, starts[first : first + threads])
        done = sum(map(len, found))
        if not budget.is_left(done):
            break
    loss = np.full((len(axis), len(axis)), np.nan)
    for (i, j), value in zip(nodes, torch.cat(found).tolist(), strict=False):
        loss[i, j] = value
    return Run(budget.seconds(len(points), steady=True), loss, {"points": chunk, "nodes": done})


def objective_of(problem: Problem) -> Objective:
    """An objective that has seen no plane before."""
    return Objective(problem.model, problem.loader, problem.loss_fn)


def tried(problem: Problem) -> Objective:
    """An objective that has tried the strategies that pay."""
    objective = objective_of(problem)
    for _ in range(_TRIED):
        this_package(problem, objective, steady=True)
    return objective


def this_package(problem: Problem, objective: Objective, *, steady: bool = False) -> Run:
    """``evaluate_plane``.

    Args:
        problem: What is evaluated.
        objective: Of the problem.
        steady: Whether it has tried the strategies that pay, so that nodes take as long as one another.
    """
    plane, domain = _plane(problem)
    budget = Budget(BUDGET)
    for surface in evaluate_plane(objective, plane, domain, problem.resolution, accuracy=0.0):
        done = int(surface.done.sum())
        if not budget.is_left(done):
            break
    notes = {k: v for k, v in surface.provenance.items() if k in ("strategy", "threads")}
    seconds = budget.seconds(problem.resolution**2, steady=steady)
    return Run(seconds, np.where(surface.done, surface.loss, np.nan), {**notes, "nodes": done})


def certified(problem: Problem, objective: Objective) -> Run:
    """``evaluate_plane`` as it comes: a part of the nodes, and the others interpolated."""
    plane, domain = _plane(problem)
    started = clock()
    *_, surface = evaluate_plane(objective, plane, domain, problem.resolution, interval=9)
    return Run(clock() - started, surface.loss, {"nodes": int(surface.done.sum())})


def _plane(problem: Problem) -> tuple[Plane, tuple[float, float, float, float]]:
    """The plane of a problem, and its domain."""
    return Plane(*problem.vectors()), (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH, HALF_WIDTH)


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
    started = clock()
    found = planar_interpolation(*ends, metric, steps=steps)
    seconds = clock() - started
    loss = np.full((steps, steps), np.nan)
    loss[::2, 1:] = found[::2, :-1]
    loss[1::2] = found[1::2]
    return Run(seconds, loss)


class Landscaper:
    """landscaper in its own process, which waits while others run."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        self._arguments = [workload.name, dtype, str(torch.get_num_threads())]
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
