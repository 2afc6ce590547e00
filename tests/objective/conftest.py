"""What tests of executors share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from distributed import Client


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A cluster of two processes, which take seconds to start."""
    with Client(n_workers=2, threads_per_worker=2, dashboard_address=None) as found:
        yield found
