"""An explorer whose planes and products are had from workers: the same results, and faults survived."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    evaluate_plane,
    hessian_eigenpairs,
    projected_curvatures,
)

from ..support.cases import case
from ..support.executors import Held, InPlace
from ..support.gates import HUNG, finish, saddle
from ..support.page import received

Make = Callable[..., LandscapeExplorer]


def of_saddle() -> Objective:
    return Objective.from_function(saddle, torch.ones(5, dtype=torch.float64))


def test_it_finds_what_the_functions_do(make_explorer: Make) -> None:
    network, domain = case("dense tanh"), (-0.5, 0.5, -0.25, 0.25)
    data = network.batches()
    executor = ThreadPoolExecutor(2)
    explorer = make_explorer(
        network.model(),
        data,
        network.loss_fn,
        test_loader=data,
        split="difference",
        accuracy=0,
        executor=executor,
        domain=domain,
    )
    explorer.compute()
    objective = Objective(network.model(), data, network.loss_fn)
    alone = InPlace()
    *_, surface = evaluate_plane(objective, explorer.plane, domain, 5, accuracy=0, executor=alone)
    for split in ("train", "test"):
        np.testing.assert_array_equal(explorer.surfaces[split].loss, surface.loss)
    pairs = hessian_eigenpairs(objective, executor=alone)
    np.testing.assert_array_equal(explorer.eigenpairs.values, pairs.values)
    np.testing.assert_array_equal(explorer.eigenpairs.vectors, pairs.vectors)
    here = projected_curvatures(objective, 4, executor=alone)
    np.testing.assert_array_equal(explorer.projections.A, here.A)


def test_files_and_the_call_are_as_ever(make_explorer: Make, tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    explorer = make_explorer(of_saddle(), executor=executor).compute("surface")
    assert "    executor=executor,\n" in received(explorer, "_surface")["python"]
    explorer.save(tmp_path / "run.npz")
    alone = make_explorer(of_saddle()).load(tmp_path / "run.npz")
    np.testing.assert_array_equal(alone.surface.loss, explorer.surface.loss)
    assert "executor" not in received(make_explorer(of_saddle()).compute("surface"), "_surface")["python"]


def test_what_is_no_executor_is_refused_at_once(make_explorer: Make) -> None:
    with pytest.raises(TypeError, match="Expected executor as a concurrent"):
        make_explorer(of_saddle(), executor=3)


def test_cancel_reaches_the_workers(make_explorer: Make) -> None:
    """What waits is not begun, and what a worker is at is not waited for."""
    executor = Held(1, task=7)
    explorer = make_explorer(of_saddle(), executor=executor, axes=("random", "random"), accuracy=0)
    request = explorer._submit("surface")
    assert executor.reached.wait(HUNG)
    explorer.cancel()
    finish(request)
    assert explorer.status == "cancelled"
    assert executor.begun == 8
    executor.go.set()
    executor.shutdown()
    assert executor.begun == 8


def test_workers_that_are_gone_and_back(make_explorer: Make) -> None:
    """What was finished is kept; the same call goes on."""
    workers: list[Any] = [InPlace(12), *[InPlace(0)] * 3]
    explorer = make_explorer(
        of_saddle(),
        executor=lambda: workers[0] if len(workers) == 1 else workers.pop(0),
        axes=("random", "random"),
    )
    explorer.accuracy = 0
    with pytest.raises(RuntimeError, match="workers, but those of the executor are gone"):
        explorer.compute("surface")
    kept = sum(map(len, explorer._study.known.losses.values()))
    assert kept >= 12
    workers[:] = [back := InPlace()]
    explorer.compute("surface")
    assert len(back.snapshots) <= 25 - 12 + 1  # and L(θ*) once more
    alone = make_explorer(of_saddle(), executor=InPlace(), axes=("random", "random"), accuracy=0).compute(
        "surface"
    )
    np.testing.assert_array_equal(explorer.surface.loss, alone.surface.loss)


def test_a_point_that_fails_is_a_hole_and_named(make_explorer: Make) -> None:
    def f(theta: torch.Tensor) -> torch.Tensor:
        if theta[0] > 1.3:
            raise ArithmeticError("too far")
        return saddle(theta)

    objective = Objective.from_function(f, torch.ones(5, dtype=torch.float64))
    chosen = {"axes": ("random", "random"), "domain": (-1.0, 1.0, -1.0, 1.0), "accuracy": 0}
    found = make_explorer(objective, executor=InPlace(), **chosen).compute("surface").surface
    alone = make_explorer(objective, **chosen).compute("surface").surface
    assert 0 < np.isnan(found.loss).sum() < found.loss.size
    np.testing.assert_array_equal(np.isnan(found.loss), np.isnan(alone.loss))
    assert "ArithmeticError: too far" in found.provenance["failures"]["first"]


def test_a_worker_lost_among_products(make_explorer: Make) -> None:
    class Breaks(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if len(self.snapshots) == 40:
                self.snapshots.append(None)
                raise BrokenExecutor("a worker was killed")
            return super().submit(fn, *args, **kwargs)

    executor = Breaks()
    network = case("dense tanh")
    data = network.batches()
    found = make_explorer(network.model(), data, network.loss_fn, executor=lambda: executor).compute(
        "eigenpairs"
    )
    assert None in executor.snapshots
    expected = hessian_eigenpairs(Objective(network.model(), data, network.loss_fn), executor=InPlace())
    np.testing.assert_array_equal(found.eigenpairs.values, expected.values)
