"""Whether what a thread computes is still wanted: asked between two losses, where a step takes many.

In a task of a worker, with which all ends there, it is asked between the batches of one, too. A computation
of this process takes a loss after it was cancelled, by which what it found is known to be of one model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local

_here = local()


class UnwantedError(BaseException):
    """Nobody wants what is computed any more; no ``Exception``, so that nothing takes it for a failure."""


@contextmanager
def wanted_unless(cancelled: Callable[[], bool], *, batches: bool = False) -> Iterator[None]:
    """Lets ``check_wanted`` on this thread ask whether something was cancelled, until the block ends.

    Args:
        cancelled: Whether it was.
        batches: Whether ``check_batch_wanted`` asks, too.
    """
    before = getattr(_here, "asked", (None, False))
    _here.asked = cancelled, batches
    try:
        yield
    finally:
        _here.asked = before


def check_wanted() -> None:
    """Raises an ``UnwantedError`` where what this thread computes was cancelled."""
    cancelled, _ = getattr(_here, "asked", (None, False))
    if cancelled is not None and cancelled():
        raise UnwantedError


def check_batch_wanted() -> None:
    """The same between two batches of a loss or product, where that may end unfinished."""
    if getattr(_here, "asked", (None, False))[1]:
        check_wanted()
