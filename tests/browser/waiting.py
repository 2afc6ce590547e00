"""Waiting on a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str | Callable[[], str], timeout: float = 30.0) -> T:
    """Call `condition` until it returns something true, and return that.

    Args:
        condition: Asked again and again; cheap, and without side effects.
        what: Completes the sentence "waited … s for", for the message; or tells it when the time is over.
        timeout: In seconds.

    Raises:
        TimeoutError: If the condition stays false; the message ends with its last value.
    """
    deadline, pause = time.monotonic() + timeout, 0.02
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise TimeoutError(f"waited {timeout:g} s for {said}; last seen: {value!r}")
        time.sleep(pause)
        pause = min(1.3 * pause, 0.25)  # to ask takes time from what is waited for
