"""Planes and products by two workers of loky and of Dask beside one process, with the same tasks.

    python -m tests.benchmarks.workers fcnn1 convnet resnet20

Efficiency is the time of one process, which carries out each task itself in one thread, over twice that of
two workers. Two processes at once are slower than one where they share a machine's memory and its clock:
how much is told by both workers carrying out everything by themselves at the same time. What a worker is sent
once, it has been sent before. Results must be the same bits.
"""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache, partial
from statistics import mean
from time import perf_counter, sleep
from typing import Any

import dask
import loky
import numpy as np
import torch
from distributed import Client, LocalCluster

from landscape_widget import Objective, evaluate_plane, random_plane

from .large import held
from .planes import objective_of
from .workloads import WORKLOADS

DOMAIN = (-0.5, 0.5, -0.5, 0.5)


class Alone(Executor):
    """Carries tasks out in this process, at once."""

    def __init__(self) -> None:
        self.tasks = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor."""
        self.tasks += 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def of_dask(trim: int | None) -> Iterator[Any]:
    with dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": trim}):
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50)
    with cluster, Client(cluster) as client:
        yield client


@contextmanager
def of_loky() -> Iterator[Any]:
    executor = loky.get_reusable_executor(max_workers=2, timeout=3600)
    yield executor
    executor.shutdown(kill_workers=True)


KINDS: dict[str, Callable[[], Any]] = {
    "loky": of_loky,
    "Dask": partial(of_dask, None),
    "Dask as it comes": partial(of_dask, 65536),
}


def told() -> tuple[int, int]:
    """This worker's process, and the bytes that it has of its own."""
    sleep(0.2)
    return os.getpid(), held()


def memory(executor: Any) -> list[int]:
    """Bytes that each worker has of its own."""
    if isinstance(executor, Client):
        return list(executor.run(held).values())
    return list(dict(f.result() for f in [executor.submit(told) for _ in range(4)]).values())


def plane(objective: Objective, resolution: int, executor: Any) -> np.ndarray:
    """The losses of all nodes."""
    along = random_plane(objective, seed=0)
    *_, surface = evaluate_plane(objective, along, DOMAIN, resolution, accuracy=0, executor=executor)
    return surface.loss


ALONE = Alone()


@cache
def prepared(name: str) -> tuple[Objective, torch.Tensor]:
    """The workload's objective, and a vector."""
    torch.set_num_threads(1)
    objective = objective_of(WORKLOADS[name].problem("float32"))
    return objective, torch.randn(objective.n_parameters, generator=torch.Generator().manual_seed(0))


@cache
def sent(name: str, executor: Any) -> Objective:
    """The workload's objective with products by this executor."""
    return prepared(name)[0].by_workers(executor)


def carried_out(what: str, name: str, resolution: int, executor: Any) -> tuple[np.ndarray, float]:
    """The act's result by this executor, and its seconds."""
    objective, v = prepared(name)
    by_workers = sent(name, executor)
    started = perf_counter()
    found = plane(objective, resolution, executor) if what == "plane" else by_workers.hvp(v).numpy()
    return found, perf_counter() - started


def by_itself(what: str, name: str, resolution: int) -> float:
    """Seconds of the act in this process alone."""
    return carried_out(what, name, resolution, ALONE)[1]


def compared(name: str, resolution: int, rounds: int) -> None:
    """Prints a line for each act and kind of workers, of which no others are there meanwhile."""
    title = WORKLOADS[name].title.split(", ")[0]
    for kind, context in KINDS.items():
        with context() as executor:
            unlike = {"pure": False} if isinstance(executor, Client) else {}
            for what in ("plane", "product"):
                ALONE.tasks, seconds = 0, []
                expected, _ = carried_out(what, name, resolution, ALONE)
                tasks = ALONE.tasks
                for _ in range(1 + rounds):
                    one = by_itself(what, name, resolution)
                    both = [executor.submit(by_itself, what, name, resolution, **unlike) for _ in range(2)]
                    beside = mean(future.result() for future in both)
                    found, two = carried_out(what, name, resolution, executor)
                    np.testing.assert_array_equal(found, expected, err_msg=kind)
                    seconds.append((one, beside, two))
                one, beside, two = np.median(seconds[1:], axis=0)  # the first one has sent everything
                print(
                    f"{title}, {what}, {tasks} tasks: {one:.2f} s alone, {beside:.2f} s where both do "
                    f"all, {two:.2f} s by two of {kind}, efficiency {50 * one / two:.0f} %, of what the "
                    f"machine gives {50 * beside / two:.0f} %, "
                    f"{1e3 * (2 * two - beside) / tasks:.0f} ms of a worker more for each"
                )
            print(f"{kind}: " + ", ".join(f"{n / 1e6:.0f} MB" for n in memory(executor)) + " a worker")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="+", choices=WORKLOADS)
    parser.add_argument("--resolution", type=int, default=11, help="nodes of the plane along each direction")
    parser.add_argument("--rounds", type=int, default=3, help="after the one that sends everything")
    options = parser.parse_args()
    for name in options.workloads:
        compared(name, options.resolution, options.rounds)


if __name__ == "__main__":
    # a worker asks for what it is to do by the module's name
    importlib.import_module("tests.benchmarks.workers").main()
