"""At most one picture on its way to the page: the next one is sent once the page has drawn it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

#: Seconds that an acknowledgement is waited for: a browser takes as long for its first scene in software.
PATIENCE = 3.0


class InFlight:
    """Knows whether the page may be sent another picture.

    The page acknowledges each picture by its number. Of several views the first one counts: one that is
    slower draws the newest it has got, and one whose page was closed looks no different. An acknowledgement
    that never comes, as from a closed page or while a cell keeps the kernel from hearing, is waited for no
    longer than ``PATIENCE``. Where no page has told of itself there is nothing to wait for.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._number = 0
        self._since: float | None = None
        self._heard = False

    def hear(self) -> None:
        """Takes note that there is a page, which will acknowledge what it draws."""
        self._heard = True

    def send(self) -> int:
        """Takes note that a picture is sent now, and returns its number."""
        self._number += 1
        self._since = self._clock() if self._heard else None
        return self._number

    def acknowledge(self, number: int) -> None:
        """Takes note that the page has drawn a picture; of another one than the last it tells nothing."""
        self.hear()
        if number == self._number:
            self._since = None

    @property
    def free(self) -> bool:
        """Whether no picture is on its way."""
        return self._since is None

    @property
    def late(self) -> bool:
        """Whether an acknowledgement is overdue, so that it may never come."""
        return self._since is not None and self._clock() - self._since >= PATIENCE
