"""Planes by the workers of executors: the same losses whoever evaluates them, and whoever fails."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from threading import local
from typing import Any

import cloudpickle
import dask
import numpy as np
import pytest
import torch
from distributed import Client
from distributed.comm import CommClosedError
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from tornado.ioloop import PeriodicCallback

from landscape_widget import (
    Objective,
    Surface,
    convexity_map,
    evaluate_plane,
    hessian_eigenpairs,
    hessian_trace,
    random_plane,
    spectral_density,
)
from landscape_widget.engine.threads import limit_this_thread
from landscape_widget.engine.wanted import UnwantedError, wanted_unless
from landscape_widget.objective import executors, spool
from landscape_widget.objective.executors import TakenExecutor, WorkersLostError

from ..support.cases import case
from ..support.executors import Ended, Fragile, Held, InPlace
from ..support.gates import HUNG
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


def convexity_map_of(objective: Objective, executor: Any) -> Any:
    return convexity_map(objective, random_plane(objective), resolution=3, executor=executor)


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


class Symmetric(nn.Module):
    """Makes a matrix symmetric."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight.triu() + weight.triu(1).T


NORMS = {
    "weight": parametrizations.weight_norm,
    "spectral": parametrizations.spectral_norm,
    "orthogonal": partial(parametrizations.orthogonal, orthogonal_map="cayley"),
    "own": lambda layer: parametrize.register_parametrization(layer, "weight", Symmetric()),
}


@pytest.mark.parametrize("norm", NORMS)
def test_parametrized_models_are_sent(norm: str) -> None:
    """Torch makes classes for their parts that refuse to be pickled."""
    network = model()
    network.insert(0, NORMS[norm](nn.Linear(3, 3)))
    kind = type(network[0])
    objective = Objective(network, data(), nn.MSELoss(), dtype=torch.float64)
    surface = picture(objective, InPlace(), resolution=5)
    np.testing.assert_allclose(surface.loss, expected(objective, surface), rtol=1e-12)
    assert type(network[0]) is kind
    twin = cloudpickle.loads(cloudpickle.dumps(objective))
    for other in twin, cloudpickle.loads(cloudpickle.dumps(twin)), twin.to(torch.float64):
        assert torch.equal(other.hvp(objective.theta), objective.hvp(objective.theta))


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


def take(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tile seems to take so many seconds."""
    monkeypatch.setattr("landscape_widget.planes.workers.perf_counter", count(0.0, seconds).__next__)


@pytest.mark.parametrize(
    ("seconds", "tasks"),
    [
        (1.0, 17**2),
        # the first ones singly, 49 by two in a tenth of a second, 208 in some 32 tasks
        (0.05, 32 + 25 + 35),
        (1e-4, 32 + 1 + 1),
    ],
)
def test_tiles_take_neither_long_nor_next_to_nothing(
    seconds: float, tasks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(seconds, monkeypatch)
    executor = InPlace()
    picture(Objective(model(), data(), nn.MSELoss()), executor, resolution=17, accuracy=0)
    assert len(executor.snapshots) == tasks


@pytest.mark.parametrize("last", [0, 1, 7, 40])
def test_workers_that_are_lost_and_replaced(last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    take(1.0, monkeypatch)  # 49 tasks for as many points
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


def test_a_slow_worker_holds_up_one_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is free takes the rest, and it is on show meanwhile."""
    take(1.0, monkeypatch)  # tiles of one point each
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


def test_dask_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_RETURN", 0.3)
    objective = Objective(model(), data(), nn.MSELoss())
    empty = Client(n_workers=0, processes=False, dashboard_address=None)
    with empty, pytest.raises(WorkersLostError):
        picture(objective, empty, resolution=7)


def test_workers_of_dask_are_not_taken_for_gone(client: Client, tmp_path: Path) -> None:
    """While a client asks its scheduler now and then, as it does by itself every two seconds."""
    often = PeriodicCallback(client._update_scheduler_info, 1)
    taken = TakenExecutor(client)
    client.loop.add_callback(often.start)
    try:
        for _ in range(300):
            taken.check_workers()
    finally:
        client.loop.add_callback(often.stop)


def test_dask_is_given_time_to_start_workers_anew(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After the last one was killed; a cancel does not wait for them."""
    taken = TakenExecutor(client)
    there = client.nthreads()
    answers = [{}, {}, there]
    monkeypatch.setattr(client, "nthreads", lambda: answers.pop(0))
    taken.check_workers()
    assert not answers
    answers += 100 * [{}]
    with wanted_unless(lambda: len(answers) < 98), pytest.raises(UnwantedError):
        taken.check_workers()


@pytest.mark.parametrize(
    "fault",
    [
        CommClosedError("closed"),
        TimeoutError("No valid workers found"),
        ValueError("Can not use replicate to delete data"),  # what Dask says where none is left
    ],
)
def test_a_worker_that_is_lost_while_it_is_sent_what_all_need(
    client: Client, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    scatter, faults = client.scatter, [fault]

    def fails(*args: Any, **keywords: Any) -> Any:
        if faults:
            raise faults.pop()
        return scatter(*args, **keywords)

    monkeypatch.setattr(client, "scatter", fails)
    objective = Objective(model(), data(), nn.MSELoss())
    found = picture(objective, client, resolution=5, accuracy=0)
    np.testing.assert_array_equal(found.loss, picture(objective, InPlace(), resolution=5, accuracy=0).loss)
    assert not faults
    faults += [fault] * 9
    with pytest.raises(WorkersLostError):
        picture(objective, client, resolution=5, accuracy=0)


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


@pytest.mark.timeout(HUNG)
@pytest.mark.parametrize("call", [picture, hessian_eigenpairs, convexity_map_of])
def test_a_pool_that_is_shut_down_with_tasks_left(call: Callable[..., Any]) -> None:
    """These are cancelled without a notice to who waits for them, as `shutdown(cancel_futures=True)` does."""

    class Left(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.left > 0:
                return super().submit(fn, *args, **kwargs)
            future: Future[Any] = Future()
            future.cancel()
            return future

    objective = Objective(model(), data(), nn.MSELoss())
    with pytest.raises(WorkersLostError):
        call(objective, executor=Left(2))
    executors = iter([Left(2), Left(0), InPlace()])
    assert call(objective, executor=lambda: next(executors)) == call(objective, executor=InPlace())


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


def forked() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, get_context("fork"))


def fragile() -> Fragile:
    return Fragile()


class Deadly:
    """θ₁² + …, which ends any other process that evaluates it beyond a limit, and may raise in this."""

    def __init__(self, limit: float, raises: bool) -> None:
        self.limit, self.raises, self.here = limit, raises, os.getpid()

    def __call__(self, theta: Tensor) -> Tensor:
        if theta[0] > self.limit:
            if os.getpid() != self.here:
                os._exit(1)
            if self.raises:
                raise Ended
        return (theta**2).sum()


def deadly(limit: float, raises: bool = True) -> Objective:
    return Objective.from_function(Deadly(limit, raises), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("executor", "limit"), [(fragile, 1.3), (forked, 4.0)], ids=["in place", "processes"]
)
def test_a_point_that_ends_its_worker_is_a_hole(executor: Callable[[], Any], limit: float) -> None:
    found = picture(deadly(limit), executor, resolution=5, accuracy=0)
    plane = random_plane(deadly(9.0))
    first = np.array([[plane.point(a, b)[0] for a in found.alpha] for b in found.beta])
    np.testing.assert_array_equal(np.isnan(found.loss), first > limit)
    told, holes = found.provenance["failures"], np.argwhere(first > limit)
    assert 0 < told["points"] == len(holes) < 25
    names = {f"({found.alpha[j]:.4g}, {found.beta[i]:.4g})" for i, j in holes}
    assert told["first"] in {f"The worker that evaluated {name} ended." for name in names}
    alone = picture(deadly(9.0), None, resolution=5, accuracy=0)
    np.testing.assert_allclose(found.loss[first <= limit], alone.loss[first <= limit], rtol=1e-12)


def test_points_that_end_their_worker_are_found_in_tiles_of_many() -> None:
    found = picture(deadly(1.6), fragile, resolution=17, accuracy=0)
    plane = random_plane(deadly(9.0))
    first = np.array([[plane.point(a, b)[0] for a in found.alpha] for b in found.beta])
    np.testing.assert_array_equal(np.isnan(found.loss), first > 1.6)


class Ways:
    """Σ θ⁴, whose evaluation ends any other process beyond limits of θ₁, by a way of its own for each."""

    def __init__(self, ways: list[tuple[float, str]], here: int) -> None:
        self.ways, self.here = ways, here

    def __call__(self, theta: Tensor) -> Tensor:
        for limit, way in self.ways:
            if theta[0] > limit and os.getpid() != self.here:
                if way == "sys.exit":
                    sys.exit(1)
                if way == "os._exit":
                    os._exit(1)
                os.kill(os.getpid(), signal.SIGKILL)
        return (theta**4).sum()


def ending(*ways: str, here: int | None = None) -> tuple[Objective, np.ndarray]:
    """An objective that ends its worker at the farthest nodes of 5 × 5, and losses with holes."""
    start = torch.ones(2, dtype=torch.float64)
    alone = picture(Objective.from_function(Ways([], 0), start), None, resolution=5, accuracy=0)
    plane = random_plane(Objective.from_function(Ways([], 0), start))
    first = np.array([[plane.point(a, b)[0] for a in alone.alpha] for b in alone.beta])
    *limits, _ = np.sort(first.ravel())[-len(ways) - 1 :]
    f = Ways([*zip(limits[::-1], ways, strict=True)], here=os.getpid() if here is None else here)
    return Objective.from_function(f, start), np.where(first > limits[0], np.nan, alone.loss)


def test_processes_that_end_by_themselves_leave_holes_at_their_nodes() -> None:
    """Killed, as for want of memory, or ended by a call of the model."""
    objective, losses = ending("SIGKILL", "os._exit", "sys.exit")
    found = picture(objective, lambda: loky_workers(1), resolution=5, accuracy=0)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-12)
    assert found.provenance["failures"]["points"] == 3


def test_a_task_that_would_end_a_thread_is_a_hole() -> None:
    objective, losses = ending("sys.exit", "sys.exit", here=0)
    found = picture(objective, ThreadPoolExecutor(2), resolution=5, accuracy=0)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-12)


@pytest.mark.usefixtures("dask_forks")
def test_a_process_of_dask_that_ends_by_itself_leaves_a_hole() -> None:
    objective, losses = ending("os._exit")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client,
    ):
        found = picture(objective, client, resolution=5, accuracy=0)
    np.testing.assert_allclose(found.loss, losses, rtol=1e-12)
    assert found.provenance["failures"]["points"] == 1


def test_what_is_forgotten_stays_for_others_that_sent_the_same(tmp_path: Path) -> None:
    one, other = (spool.Spooled(str(tmp_path), 2, dict, [("a", 1)]) for _ in range(2))
    whole = other.whole
    one.forget()
    assert other.whole == whole
    assert one.by_file.digest == other.by_file.digest, "which workers read once"


@pytest.mark.parametrize(
    ("call", "limit", "words"),
    [
        (lambda objective, **keywords: picture(objective, resolution=5, **keywords), 0.5, "the loss at θ"),
        (hessian_eigenpairs, 0.5, "part of a Hessian-vector product of batches 1 to 1, of 1,"),
        (convexity_map_of, 1.3, r"the eigenvalues at \(α, β\) = \("),
    ],
    ids=["plane", "products", "convexity map"],
)
def test_what_ends_its_worker_and_cannot_be_left_out_is_named(
    call: Callable[..., object], limit: float, words: str
) -> None:
    with pytest.raises(RuntimeError, match=rf"{words}.* ended, also where it was sent nothing else") as error:
        call(deadly(limit, raises=False), executor=forked)
    assert "Call again" not in str(error.value)


def test_a_pool_that_was_not_given_as_a_function_says_how_to() -> None:
    with pytest.raises(WorkersLostError, match="Give executor as a function"):
        picture(deadly(1.8), Fragile(), resolution=5)
    with pytest.raises(WorkersLostError, match="taken anew 3 times") as error:
        picture(deadly(9.0), lambda: InPlace(0), resolution=5)
    assert "Give executor as a function" not in str(error.value)


def test_a_task_that_dask_gives_up_is_lost_with_its_worker() -> None:
    class KilledWorker(Exception):  # noqa: N818
        pass

    class Scheduler(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            try:
                return super().submit(fn, *args, **kwargs)
            except Ended:
                future: Future[Any] = Future()
                future.set_exception(KilledWorker("several workers"))
                return future

    scheduler = Scheduler()
    found = picture(deadly(1.3), lambda: scheduler, resolution=5, accuracy=0)
    assert found.provenance["failures"]["points"] == np.isnan(found.loss).sum() > 0


@pytest.mark.parametrize("returned", ["garbage", None, 3.0, [0.5]])
def test_an_executor_that_returns_something_else_is_named(returned: Any) -> None:
    class Garbled(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ARG002
            future: Future[Any] = Future()
            future.set_result(returned)
            return future

    objective = Objective(model(), data(), nn.MSELoss())
    for call in (
        lambda: picture(objective, Garbled()),
        lambda: hessian_eigenpairs(objective, executor=Garbled()),
    ):
        with pytest.raises(
            TypeError, match=r"Expected executor as one that returns what .*Garbled.*returned"
        ):
            call()


def test_an_executor_that_returns_no_future_is_named() -> None:
    class Hasty(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            super().submit(fn, *args, **kwargs)

    objective = Objective(model(), data(), nn.MSELoss())
    for call in (
        lambda: picture(objective, Hasty()),
        lambda: hessian_eigenpairs(objective, executor=Hasty()),
    ):
        with pytest.raises(TypeError, match=r"Expected submit of .*Hasty.* to return a Future, got None"):
            call()


def test_the_only_worker_does_not_wait_for_itself() -> None:
    objective = Objective(model(), data(), nn.MSELoss())
    with ThreadPoolExecutor(1) as pool:
        for call in (
            lambda: picture(objective, pool, resolution=5),
            lambda: hessian_eigenpairs(objective, executor=pool),
        ):
            with pytest.raises(WorkersLostError, match=r"the only one .* has to wait for itself"):
                pool.submit(call).result(HUNG)
    with ThreadPoolExecutor(2) as pool:
        found = pool.submit(lambda: picture(objective, pool, resolution=5)).result(HUNG)
    np.testing.assert_array_equal(found.loss, picture(objective, InPlace(), resolution=5).loss)


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


#: What a module of the user's holds, which a worker may have loaded before it was changed here.
FACTOR = 1.0


def scaled(output: Tensor, target: Tensor) -> Tensor:
    return FACTOR * nn.functional.mse_loss(output, target)


class OfItsOwn(nn.Module):
    """Begins with a tensor of torch's default type."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + 0.1 * torch.ones(3).cumsum(0)) @ torch.full((1, 1), 0.3)


class Apart(InPlace):
    """Has settings and a memory of its own, as another process."""

    def __init__(self, set_there: Callable[[], None], set_here: Callable[[], None]) -> None:
        super().__init__()
        self._there, self._here, self._read = set_there, set_here, local()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spool, "_read", self._read)
            self._there()
            try:
                return super().submit(fn, *args, **kwargs)
            finally:
                self._here()


@pytest.mark.parametrize(
    ("call", "dtype"),
    [
        (picture, torch.float32),
        (picture, torch.float64),
        (hessian_eigenpairs, torch.float32),
        (convexity_map_of, torch.float64),
    ],
)
def test_workers_that_compute_another_loss(
    call: Callable[..., Any], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sets(factor: float) -> Callable[[], None]:
        return lambda: monkeypatch.setattr(sys.modules[__name__], "FACTOR", factor)

    objective = Objective(model(), data(), scaled, dtype=dtype)
    call(objective, executor=Apart(sets(1.0), sets(1.0)))
    with pytest.raises(RuntimeError, match=r"the same loss .* got .* Start workers anew"):
        call(objective, executor=Apart(sets(1 + 1e-6), sets(1.0)))


def test_many_parameters_are_not_copied_into_another_type_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another loss is seen all the same."""
    monkeypatch.setattr("landscape_widget.objective.sample._MANY", 0)

    def sets(factor: float) -> Callable[[], None]:
        return lambda: monkeypatch.setattr(sys.modules[__name__], "FACTOR", factor)

    objective = Objective(model(), data(), scaled, dtype=torch.float32)
    monkeypatch.setattr("landscape_widget.admission.nearby.Probe.widened", lambda _: pytest.fail("a copy"))
    with pytest.raises(RuntimeError, match=r"the same loss .* got .* Start workers anew"):
        objective.by_workers(Apart(sets(1.01), sets(1.0))).hvp(torch.ones(objective.n_parameters))


def test_workers_are_held_against_what_one_thread_computes() -> None:
    """As they have: by another number an ill-conditioned loss is rounded otherwise, by 1e-7 and more."""

    def f(theta: Tensor) -> Tensor:
        return (1 + 1e-7 * torch.get_num_threads()) * (theta @ theta)

    threads = torch.get_num_threads()
    limit_this_thread(2)
    try:
        for call in (picture, hessian_eigenpairs):
            call(Objective.from_function(f, torch.ones(3, dtype=torch.float64)), executor=InPlace())
            assert torch.get_num_threads() == 2
    finally:
        limit_this_thread(threads)


def test_a_function_that_draws_at_random_is_not_held_against_itself() -> None:
    """It is no other loss in a worker; of a function nobody asks for the same value twice."""
    objective = Objective.from_function(
        lambda theta: (theta @ theta) * (1 + 0.01 * torch.rand(())), torch.ones(3, dtype=torch.float64)
    )
    assert np.isfinite(picture(objective, InPlace(), resolution=5).loss).all()


def test_workers_with_another_default_type() -> None:
    def sets(dtype: torch.dtype) -> Callable[[], None]:
        return lambda: torch.set_default_dtype(dtype)

    sets(torch.float64)()
    try:
        network, (x, y) = OfItsOwn(), data()
        objective = Objective(network, (x.double(), y.double()), nn.MSELoss())
        picture(objective, Apart(sets(torch.float64), sets(torch.float64)), resolution=5)
        for call in (picture, hessian_eigenpairs):
            with pytest.raises(RuntimeError, match=r"type is torch\.float32 there and torch\.float64 here"):
                call(objective, executor=Apart(sets(torch.float32), sets(torch.float64)))
    finally:
        sets(torch.float32)()


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


def test_stopping_early_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # a task would take all nodes of a stage, had it to take as long as in use
    monkeypatch.setattr("landscape_widget.planes.workers._SHORT", 0.0)
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
