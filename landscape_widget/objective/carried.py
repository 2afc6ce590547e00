"""What a worker does with a task, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from landscape_widget.engine.threads import one_thread
from landscape_widget.engine.wanted import UnwantedError, check_wanted, wanted_unless
from landscape_widget.objective.spool import Snapshot, check_versions, is_forgotten, made

#: Seconds between two looks of a worker whether its task is wanted still.
_LOOK = 0.2


@dataclass(frozen=True)
class Done:
    """What a worker answers that has carried a task out."""

    result: Any


@dataclass(frozen=True)
class Ended:
    """What a worker answers whose task would have ended it, by ``sys.exit``."""


@dataclass(frozen=True)
class Missing:
    """What a worker answers that does not see the files on this machine, or not any more."""

    all: bool
    """Whether it lacks what tasks are about, too, and not only what they are given beside."""


def carried_out(
    about: Snapshot, beside: Snapshot, task: Callable[[Any, Any, Any], Any], item: Any
) -> Done | Ended | Missing:
    """A task, in a worker.

    Raises:
        RuntimeError: If the snapshot was written by another version of this package or of torch.
        Exception: What the task raises.
    """
    check_versions(about)
    try:
        with one_thread(), wanted_unless(_forgotten(beside), batches=True):
            check_wanted()
            found, shared = made(about), made(beside)
            if found is None or shared is None:
                return Missing(found is None)
            return Done(task(found, item, shared))
    except UnwantedError:
        return Missing(False)
    except SystemExit:  # some executors would raise it where the tasks come from
        return Ended()


def _forgotten(beside: Snapshot) -> Callable[[], bool]:
    """Asks whether a task is not wanted any more, which a look at a file tells, now and then."""
    again = -math.inf

    def forgotten() -> bool:
        nonlocal again
        if monotonic() < again:
            return False
        again = monotonic() + _LOOK
        return is_forgotten(beside)

    return forgotten


def nothing(*_: Any) -> None:
    """Shows that a worker works."""


def itself(shared: Any) -> Any:
    """What tasks are given beside, as a worker makes it."""
    return shared
