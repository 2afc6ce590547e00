"""Functions that a test can stop, fail and count from outside, for computations on another thread."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

import torch
from torch import Tensor

from landscape_widget import LandscapeExplorer, Objective, Pin
from landscape_widget.explorer.mailbox import Request
from landscape_widget.study.controls import Controls

#: Seconds after which a test that should not wait at all is taken for hung.
HUNG = 60.0


class Gate:
    """Wraps a function; open at first. ``hold`` or ``fail`` sets what the next call but ``after`` does."""

    def __init__(self, f: Callable[..., Tensor]) -> None:
        self.calls = 0
        self.reached, self.go = Event(), Event()
        self._f = f
        self._what: Callable[[], None] | None = None
        self._after = 0

    def hold(self, after: int = 0) -> None:
        """A later call tells that it is ``reached``, and waits for ``go``."""

        def wait() -> None:
            self.reached.set()
            assert self.go.wait(HUNG)

        self.then(wait, after)

    def fail(self, error: Exception, after: int = 0) -> None:
        """A later call raises ``error``."""

        def raise_() -> None:
            raise error

        self.then(raise_, after)

    def then(self, what: Callable[[], None], after: int = 0) -> None:
        """A later call does ``what`` first, once."""
        self._what, self._after = what, self.calls + after

    def __call__(self, *arguments: Any) -> Tensor:
        self.calls += 1
        if self._what is not None and self.calls > self._after:
            what, self._what = self._what, None
            what()
        return self._f(*arguments)

    def __deepcopy__(self, memo: dict[int, Any]) -> Gate:
        return self  # copies of a model share their gate with the test


def saddle(theta: Tensor) -> Tensor:
    """Curvatures 4, 2, 1, −1, −3 at θ* = (1, …, 1), and a cubic term away from it."""
    d = theta - 1
    h = torch.tensor([4.0, 2.0, 1.0, -1.0, -3.0], dtype=torch.float64)
    return 0.5 * (h * d**2).sum() + 0.1 * (d**3).sum() + 2


def gated_saddle() -> tuple[Gate, Objective]:
    """``saddle`` behind a gate, and its objective."""
    gate = Gate(saddle)
    return gate, Objective.from_function(gate, torch.ones(5, dtype=torch.float64))


def finish(request: Request | None) -> None:
    """Waits for the end of a request."""
    assert request is not None
    assert request.done.wait(HUNG)


def settle(explorer: LandscapeExplorer) -> None:
    """Waits for the end of all that was asked for, however it ends."""
    with suppress(RuntimeError):  # it failed, or was cancelled
        explorer.wait(HUNG)


def finish_pin(explorer: LandscapeExplorer, pin: Pin) -> Pin:
    """Waits until everything about a pin is computed."""
    finish(explorer._points.pins.requests[pin.number])
    return pin


def make_controls(**chosen: Any) -> Controls:
    """What an explorer starts with, but for what is chosen."""
    return Controls(**chosen)
