"""What a worker is at when its task is cancelled ends between two losses, products or batches."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
import torch
from distributed import Client
from torch import Tensor, nn

from landscape_widget import Objective, evaluate_plane, random_plane
from landscape_widget.engine.wanted import UnwantedError, wanted_unless
from landscape_widget.objective import carried, products
from landscape_widget.objective.spool import Spooled, is_forgotten
from landscape_widget.planes.convexity import convexity_steps

from ..support.executors import InPlace
from ..support.gates import HUNG, Gate
from .conftest import loky_workers

#: Seconds of a product while it is counted.
SECONDS = 0.05


class Counted(torch.autograd.Function):
    """What ``Product`` counts."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, counts: str) -> Tensor:
        ctx.counts = counts
        return x.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        if os.path.exists(ctx.counts):
            with open(ctx.counts, "a") as file:
                file.write(".")
            sleep(SECONDS)
        return slope, None


class Product(Counted):
    """Nothing, whose second derivative is counted and slow once there is a file to count in."""

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        return Counted.apply(slope, ctx.counts), None


def idle(executor: Any) -> None:
    """Waits until the workers have done, or left, all they were sent."""
    if not isinstance(executor, Client):
        for probe in [executor.submit(os.getpid) for _ in range(8)]:
            probe.result(HUNG)
        return
    until = monotonic() + HUNG
    while any(executor.run(lambda dask_worker: len(dask_worker.active_threads)).values()):
        assert monotonic() < until
        sleep(0.02)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_nodes_of_a_convexity_map_end_within_a_few_products(
    backend: str, tmp_path: Path, client: Client
) -> None:
    """Those that workers are at, and those that they have taken in advance."""
    counts, n = tmp_path / "counts", 200
    noise = torch.randn(n, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def f(theta: Tensor) -> Tensor:
        x = Product.apply(theta, str(counts))
        return x @ noise @ x + (x**4).sum()

    executor = client if backend == "dask" else loky_workers()
    objective = Objective.from_function(f, torch.ones(n, dtype=torch.float64)).by_workers(executor)
    steps = convexity_steps(objective, random_plane(objective), resolution=5, tol=1e-10)
    centre = next(steps)
    assert centre.n_hvp > 40
    counts.touch()

    def counted() -> int:
        return counts.stat().st_size

    with wanted_unless(lambda: counted() > 10), pytest.raises(UnwantedError):
        deque(steps)
    cancelled = counted()
    idle(executor)
    # four threads at most, each with what it does until it looks, and one product that it was at
    assert counted() - cancelled <= 4 * (carried._LOOK / SECONDS + 2)


#: What threads of this process call by ``gated``, which can be sent.
gates: list[Gate] = []


def gated(output: Tensor, target: Tensor) -> Tensor:
    return gates[-1](output, target)


@pytest.mark.parametrize("call", ["product", "plane"])
def test_batches_of_a_task_are_left(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "_LOOK", 0.0)
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))  # several batches for each share
    torch.manual_seed(0)
    data = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(64)]
    gates.append(gate := Gate(nn.functional.mse_loss))
    with ThreadPoolExecutor(1) as executor:
        objective = Objective(nn.Linear(3, 1), data, gated).by_workers(executor)
        plane = random_plane(objective)

        def run() -> None:
            if call == "product":
                objective.hvp(torch.ones(4))
            else:
                deque(evaluate_plane(objective, plane, resolution=3), maxlen=0)

        run()
        gate.hold(after=2)
        with wanted_unless(gate.reached.is_set), pytest.raises(UnwantedError):
            run()
        begun = gate.calls
        gate.go.set()
    assert gate.calls == begun


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize(
    "call", [Objective.loss, lambda objective: objective.hvp(torch.ones(4), objective.theta * 2)]
)
def test_a_loss_or_product_is_left_only_where_that_is_allowed(
    call: Callable[[Objective], Tensor], batches: bool
) -> None:
    data = [(torch.zeros(4, 3), torch.zeros(4, 1)) for _ in range(64)]
    gate = Gate(nn.functional.mse_loss)
    objective = Objective(nn.Linear(3, 1), data, gate)
    before, unwanted = gate.calls, Event()
    gate.then(unwanted.set, after=2)
    left = pytest.raises(UnwantedError) if batches else nullcontext()
    with wanted_unless(unwanted.is_set, batches=batches), left:
        call(objective)
    assert (gate.calls == before + 3) == batches


def test_only_who_has_seen_files_there_takes_one_for_gone(tmp_path: Path) -> None:
    """Workers on another machine never see any."""
    kept, gone = (Spooled(str(tmp_path), 2, dict, [("a", i)]) for i in range(2))
    gone.forget()
    assert not is_forgotten(gone.by_file)
    assert not is_forgotten(kept.by_file)
    assert is_forgotten(gone.by_file)
    assert is_forgotten(replace(gone.by_file, source=b""))


def test_tasks_that_come_back_from_elsewhere_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a worker take what is wanted for cancelled, the result is the same."""
    objective = Objective.from_function(lambda x: (x**4).sum(), torch.ones(3, dtype=torch.float64))
    v = torch.ones(3, dtype=torch.float64)
    answers = [True, False]
    monkeypatch.setattr(carried, "is_forgotten", lambda _: answers.pop(0))
    assert torch.equal(objective.by_workers(InPlace()).hvp(v), objective.hvp(v))
    assert not answers
