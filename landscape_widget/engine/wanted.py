"""Whether what a thread computes is still wanted: asked between two losses, where a step takes many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local

_here = local()


class UnwantedError(BaseException):
    """Nobody wants what is computed any more; no ``Exception``, so that nothing takes it for a failure."""


@contextmanager
def wanted_unless(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Lets ``check_wanted`` on this thread ask whether something was cancelled, until the block ends."""
    before = getattr(_here, "cancelled", None)
    _here.cancelled = cancelled
    try:
        yield
    finally:
        _here.cancelled = before


def check_wanted() -> None:
    """Raises an ``UnwantedError`` where what this thread computes was cancelled."""
    cancelled = getattr(_here, "cancelled", None)
    if cancelled is not None and cancelled():
        raise UnwantedError
