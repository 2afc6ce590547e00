"""What tests of executors share."""

from __future__ import annotations

from collections.abc import Iterator

import loky
import pytest
from distributed import Client


def loky_workers() -> loky.ProcessPoolExecutor:
    """Two processes, which take seconds to start and by themselves would end after ten without work."""
    return loky.get_reusable_executor(2, timeout=600)


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A cluster of two processes, which take seconds to start."""
    with Client(n_workers=2, threads_per_worker=2, dashboard_address=None) as found:
        yield found
