"""Planes by the workers of executors: the same losses whoever evaluates them, and whoever fails."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distributed import Client
from torch import Tensor, nn

from landscape_widget import (
    Objective,
    Surface,
    evaluate_plane,
    hessian_eigenpairs,
    hessian_trace,
    random_plane,
    spectral_density,
)
from landscape_widget.objective import spool
from landscape_widget.objective.workers import WorkersLostError

from ..support.cases import case
from ..support.executors import Held, InPlace
from .conftest import loky_workers


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(50, 3, generator=generator), torch.randn(50, 1, generator=generator)


def picture(objective: Objective, executor: Any, **keywords: Any) -> Surface:
    *_, surface = evaluate_plane(objective, random_plane(objective), executor=executor, **keywords)
    return surface


def expected(objective: Objective, surface: Surface) -> np.ndarray:
    """L at every node by an evaluation of its own."""
    plane = random_plane(objective)
    origin, eta, delta = (torch.from_numpy(v) for v in (plane.origin, plane.eta, plane.delta))
    return np.array(
        [
            [objective.loss((origin + a * eta + b * delta).to(objective.theta)).item() for a in surface.alpha]
            for b in surface.beta
        ]
    )


def test_the_losses_are_those_of_one_process(client: Client) -> None:
    objective = case("convolution, batch norm").objective()
    alone = picture(objective, InPlace(), resolution=11)
    np.testing.assert_allclose(alone.loss[alone.done], expected(objective, alone)[alone.done], rtol=1e-6)
    for executor in (ThreadPoolExecutor(3), loky_workers(), client, client.get_executor()):
        found = picture(objective, executor, resolution=11)
        np.testing.assert_array_equal(found.loss, alone.loss)
        np.testing.assert_array_equal(found.done, alone.done)
        assert found.error_bound == alone.error_bound


def test_a_function_and_every_node() -> None:
    objective = Objective.from_function(lambda theta: (theta**4).sum(), torch.ones(3, dtype=torch.float64))
    found = picture(objective, ThreadPoolExecutor(2), resolution=9, accuracy=0)
    assert found.done.all()
    np.testing.assert_allclose(found.loss, expected(objective, found), rtol=1e-13)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_worker_that_is_killed(backend: str, tmp_path: Path, client: Client) -> None:
    switch = tmp_path / "switch"
    here = os.getpid()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        if os.getpid() != here and switch.exists():
            switch.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.functional.mse_loss(output, target)

    objective = Objective(model(), data(), loss)
    executor = client if backend == "dask" else loky_workers
    whole = picture(objective, InPlace(), resolution=11, accuracy=0)
    switch.touch()
    found = picture(objective, executor, resolution=11, accuracy=0)
    assert not switch.exists()
    np.testing.assert_array_equal(found.loss, whole.loss)


@pytest.mark.parametrize("last", [0, 1, 7, 40])
def test_workers_that_are_lost_and_replaced(last: int) -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    made = []

    def renew() -> InPlace:
        made.append(InPlace(last if len(made) < 2 else np.inf))
        return made[-1]

    found = picture(objective, renew, resolution=7, accuracy=0)
    assert len(made) > 1
    np.testing.assert_array_equal(found.loss, picture(objective, InPlace(), resolution=7, accuracy=0).loss)


def test_all_workers_gone_and_back() -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    cache: dict[tuple[float, float], float] = {}
    with pytest.raises(WorkersLostError, match="same cache"):
        picture(objective, InPlace(12), resolution=7, accuracy=0, cache=cache)
    assert len(cache) == 12
    going_on = InPlace()
    found = picture(objective, going_on, resolution=7, accuracy=0, cache=cache)
    np.testing.assert_array_equal(found.loss, picture(objective, InPlace(), resolution=7, accuracy=0).loss)


@pytest.mark.parametrize("call", [hessian_eigenpairs, hessian_trace, spectral_density])
@pytest.mark.parametrize("kind", ["shut down", "lost", "client of Dask"])
def test_only_a_plane_tells_of_its_cache(call: Callable[..., Any], kind: str) -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    executor: Any = InPlace(0)
    if kind == "shut down":
        executor = ThreadPoolExecutor(1)
        executor.shutdown()
    elif kind == "client of Dask":
        executor = Client(n_workers=0, processes=False, dashboard_address=None)
        executor.close()

    def to_its_end() -> None:
        found = call(objective, executor=executor)
        deque(found if isinstance(found, Iterator) else (), maxlen=0)

    with pytest.raises(WorkersLostError) as error:
        to_its_end()
    assert "cache" not in str(error.value)
    assert "Call again once" in str(error.value)


def test_a_slow_worker_holds_up_one_tile() -> None:
    """Whoever is free takes the rest, and it is on show meanwhile."""
    objective = Objective(model(), data(), nn.MSELoss())
    executor = Held(2, task=90)  # of the second level: the first has 81
    run = evaluate_plane(
        objective, random_plane(objective), resolution=17, accuracy=0, executor=executor, interval=0.0
    )
    while not executor.reached.is_set() or executor.ended < executor.sent - 1:
        surface = next(run)
    assert 81 < surface.done.sum() < 17**2
    executor.go.set()
    *_, surface = run
    executor.shutdown()
    alone = picture(objective, InPlace(), resolution=17, accuracy=0)
    np.testing.assert_array_equal(surface.loss, alone.loss)


def test_workers_that_never_last() -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    with pytest.raises(WorkersLostError):
        picture(objective, lambda: InPlace(0), resolution=7)


def test_dask_without_workers() -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    empty = Client(n_workers=0, processes=False, dashboard_address=None)
    with empty, pytest.raises(WorkersLostError):
        picture(objective, empty, resolution=7)


def test_a_client_of_dask_that_is_closed() -> None:
    """Before it begins, and between two pictures."""
    objective = Objective(model(), data(), nn.MSELoss())
    closed = Client(n_workers=0, processes=False, dashboard_address=None)
    closed.close()
    for executor in (closed, closed.get_executor(), lambda: closed):
        with pytest.raises(WorkersLostError, match=r"got a closed one.*the same cache"):
            picture(objective, executor, resolution=7)


def test_an_executor_that_was_shut_down() -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(WorkersLostError):
        picture(objective, pool, resolution=7)
    with pytest.raises(TypeError, match="function without arguments"):
        picture(objective, InPlace.submit, resolution=7)


def test_a_point_that_fails_is_a_hole() -> None:
    def f(theta: Tensor) -> Tensor:
        if theta[0] > 1.5:
            raise ArithmeticError("too far")
        return (theta**2).sum()

    objective = Objective.from_function(f, torch.ones(2, dtype=torch.float64))
    alone = picture(objective, None, resolution=9, accuracy=0)
    found = picture(objective, ThreadPoolExecutor(2), resolution=9, accuracy=0)
    np.testing.assert_array_equal(np.isnan(found.loss), np.isnan(alone.loss))
    assert found.provenance["failures"] == alone.provenance["failures"]
    assert "ArithmeticError: too far" in found.provenance["failures"]["first"]


def test_workers_on_another_machine_are_sent_the_content() -> None:
    read = Path.read_bytes

    class Elsewhere(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Path, "read_bytes", lambda path: read(path.with_name("elsewhere")))
                return super().submit(fn, *args, **kwargs)

    objective = Objective(model(), data(), nn.MSELoss())
    executor = Elsewhere()
    for domain in ((-1.0, 1.0, -1.0, 1.0), (-2.0, 2.0, -2.0, 2.0)):
        found = picture(objective, executor, domain=domain, resolution=7, accuracy=0)
        np.testing.assert_allclose(found.loss, expected(objective, found), rtol=1e-6)
    with_content = [s for s in executor.snapshots if isinstance(s.source, bytes)]
    assert len(with_content) == 1, "once for each worker, not with each task, nor with each picture"


def test_workers_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    here = spool.library_versions()

    class Elsewhere(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(spool, "library_versions", lambda: {**here, "torch": "1.0"})
                return super().submit(fn, *args, **kwargs)

    with pytest.raises(RuntimeError, match=r"Expected torch .* got 1\.0"):
        picture(objective, Elsewhere(), resolution=7)


@pytest.mark.parametrize("executor", ["loky", 2, object(), lambda: 3])
def test_what_is_no_executor(executor: Any) -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    with pytest.raises(TypeError, match="Expected executor as a concurrent"):
        picture(objective, executor)


def test_what_cannot_be_sent(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:

        def loss(output: Tensor, target: Tensor) -> Tensor:
            file.write("")
            return nn.functional.mse_loss(output, target)

        objective = Objective(model(), data(), loss)
        with pytest.raises(ValueError, match="sent to another process"):
            picture(objective, InPlace())


def test_stopping_early_leaves_nothing() -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    executor = ThreadPoolExecutor(1)
    threads = torch.get_num_threads()
    run = evaluate_plane(objective, random_plane(objective), executor=executor, interval=0.0)
    next(run)  # of the coarsest nodes
    next(run)  # in the midst of the next
    snapshot = Path(objective.by_workers(executor).workers._snapshot.by_file.source)
    assert len(list(snapshot.parent.iterdir())) == 2, "objective and plane"
    run.close()
    assert list(snapshot.parent.iterdir()) == [snapshot]
    del run, objective
    assert not snapshot.parent.exists()
    executor.shutdown()
    assert torch.get_num_threads() == threads
