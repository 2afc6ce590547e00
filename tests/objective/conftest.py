"""What tests of executors share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerContext

import dask
import loky
import pytest
from distributed import Client

#: What workers load: each would take seconds to.
LOADED = ["distributed", "landscape_widget", "loky", "pytest"]
LOADED += [f"{__package__}.{name}" for name in ("forked_jobs", "test_submitted_jobs", "test_workers")]


@cache
def forked() -> ForkServerContext:
    """Workers come from one process that has loaded all they need, as soon as one is asked for or lost."""
    context = get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    forkserver.ensure_running()  # before Dask has it load other things
    return context


def loky_workers(number: int = 2) -> loky.ProcessPoolExecutor:
    """Processes that would end by themselves after ten seconds without work."""
    return loky.get_reusable_executor(number, forked(), timeout=600)


@pytest.fixture(scope="session")
def dask_forks() -> Iterator[None]:
    """Workers of Dask are processes as those of loky are."""
    forked()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.fixture(scope="session")
def client(dask_forks: None) -> Iterator[Client]:
    """A cluster of two processes."""
    with Client(n_workers=2, threads_per_worker=2, dashboard_address=None) as found:
        yield found
