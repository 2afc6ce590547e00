"""Planes and products by two workers of loky and of Dask beside one process, with the same tasks.

    python -m tests.benchmarks.workers fcnn1 convnet resnet20

Efficiency is the time of one process, which carries out each task itself in one thread, over twice that of
two workers. What a worker is sent once, it has been sent before. Results must be the same bits.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, nullcontext
from functools import partial
from statistics import median
from time import perf_counter, sleep
from typing import Any

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
def dask() -> Iterator[Any]:
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50)
    with cluster, Client(cluster) as client:
        yield client


@contextmanager
def of_loky() -> Iterator[Any]:
    executor = loky.get_reusable_executor(max_workers=2, timeout=3600)
    yield executor
    executor.shutdown(kill_workers=True)


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


def product(objective: Objective, v: torch.Tensor) -> np.ndarray:
    """Hv."""
    return objective.hvp(v).numpy()


def compared(name: str, resolution: int, rounds: int) -> None:
    """Prints a line for each act and kind of workers, of which no others are there meanwhile."""
    torch.set_num_threads(1)
    alone, title = Alone(), WORKLOADS[name].title.split(", ")[0]
    objective = objective_of(WORKLOADS[name].problem("float32"))
    v = torch.randn(objective.n_parameters, generator=torch.Generator().manual_seed(0))
    expected: dict[str, tuple[np.ndarray, float, int]] = {}
    for kind, context in (("alone", nullcontext(alone)), ("loky", of_loky()), ("Dask", dask())):
        with context as executor:
            acts = {
                "plane": partial(plane, objective, resolution, executor),
                "product": partial(product, objective.by_workers(executor), v),
            }
            for what, act in acts.items():
                seconds = []
                for _ in range(1 + rounds):
                    alone.tasks, started = 0, perf_counter()
                    found = act()
                    seconds.append(perf_counter() - started)
                took = median(seconds[1:])  # the first one has sent everything
                result, one, tasks = expected.setdefault(what, (found, took, alone.tasks))
                np.testing.assert_array_equal(found, result, err_msg=kind)
                if kind != "alone":
                    print(
                        f"{title}, {what}: {one:.2f} s alone, {took:.2f} s by two of {kind}, efficiency "
                        f"{50 * one / took:.0f} %, {tasks} tasks, "
                        f"{1e3 * (2 * took - one) / tasks:.0f} ms of a worker more for each"
                    )
            if kind != "alone":
                print(f"{kind}: " + ", ".join(f"{n / 1e6:.0f} MB" for n in memory(executor)) + " a worker")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="+", choices=WORKLOADS)
    parser.add_argument("--resolution", type=int, default=11, help="nodes of the plane along each direction")
    parser.add_argument("--rounds", type=int, default=3, help="after the one that sends everything")
    options = parser.parse_args()
    for name in options.workloads:
        compared(name, options.resolution, options.rounds)
