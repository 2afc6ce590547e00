"""What a script waits for: that a computation is done, or all that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import TypeVar

from landscape_widget.explorer.computing import BackgroundComputing
from landscape_widget.explorer.mailbox import Request
from landscape_widget.explorer.worker import CLOSED, others_wait, stay_at_the_end
from landscape_widget.numerics.checks import check_real, told
from landscape_widget.study.plan import Plan, plan_of
from landscape_widget.study.study import check_part

_Self = TypeVar("_Self", bound="Waiting")

#: What is said of a computation that failed.
NOT_COMPUTED = "The landscape could not be computed: {}"


class Waiting(BackgroundComputing):
    """Computes in the background, and has callers wait for it where they ask to."""

    def compute(self: _Self, what: str = "all") -> _Self:
        """Computes what the controls ask for and returns when it is done.

        Where a control is changed meanwhile, the same is computed for what the controls ask for by then.

        Args:
            what: "surface", "eigenpairs", "curvature" or "lines" for that alone, with what it rests on; or
                "all".

        Raises:
            ValueError: For another ``what``.
            RuntimeError: If the computation fails, with the cause chained, or is cancelled; if the explorer
                is closed meanwhile; inside an observer, which the computation would wait for.
            KeyboardInterrupt: On an interrupt of the kernel; the computation is cancelled.
        """
        refuse_inside("compute")
        check_part(what)
        try:
            self._submit(what)
            self._wait_while(lambda: [self._request])
        except KeyboardInterrupt:
            self.cancel()
            raise
        return self._successful()

    def wait(self: _Self, timeout: float | None = None) -> _Self:
        """Waits until everything that was asked for is done: the computation, all pins, and the page's table.

        It starts nothing, and an interrupt of the kernel ends the waiting only. What could not be computed at
        a pin stands in its ``error``.

        Args:
            timeout: Seconds after which it gives up; None to wait as long as it takes.

        Returns:
            The explorer itself.

        Raises:
            RuntimeError: If the last computation failed, with the cause chained, or was cancelled; if the
                explorer is closed; inside an observer, which the computation would wait for.
            TimeoutError: If it is not done by then; it goes on.
            ValueError: For a ``timeout`` that is no number of seconds.
        """
        refuse_inside("wait")
        if timeout is not None and (timeout := check_real(timeout, "timeout")) < 0:
            raise ValueError(f"Expected timeout as a number of seconds or None, got {told(timeout)}.")
        self._wait_while(lambda: [self._request, *self._errands], timeout)
        return self._successful()

    def plan(self) -> Plan:
        """What ``compute()`` will take from here: memory, losses, products and time.

        It measures a loss and products, for which it waits, where these are not measured yet; a computation
        that runs goes on afterwards.

        Raises:
            RuntimeError: If the explorer is closed, or inside an observer.
            Exception: What model or loss raise.
        """
        refuse_inside("plan")
        found: list[Plan] = []
        with self._lock:
            centre, controls = self._study.centre, self._chosen()

        def steps() -> Iterator[None]:
            found.append(plan_of(centre, controls))
            yield

        request = self._errand(steps)
        try:
            self._wait_while(lambda: [request])
        except KeyboardInterrupt:
            request.cancelled = True
            raise
        if request.error is not None:
            raise request.error
        return found[0]

    def _wait_while(self, asked: Callable[[], list[Request | None]], timeout: float | None = None) -> None:
        """Returns when all requests have ended; a moved control puts another one in the place of the first.

        Raises:
            RuntimeError: If the explorer is closed.
            TimeoutError: If they have not ended by then.
        """
        end = inf if timeout is None else monotonic() + timeout
        while not self._worker.closed:
            with self._lock:  # under which one request takes the place of another
                running = [request for request in asked() if request and not request.done.is_set()]
            if not running:
                break
            left = end - monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"Expected everything to be computed within {timeout} s; it was not, and goes on. "
                    "Wait longer, or cancel()."
                )
            running[0].done.wait(min(left, 0.1))  # in slices, or an interrupt would wait for the end
        if self._worker.closed:
            stay_at_the_end()
            raise RuntimeError(f"The computation was not finished. {CLOSED}")

    def _successful(self: _Self) -> _Self:
        """The explorer, unless its last computation failed or was cancelled."""
        request = self._request
        if request is not None and request.error is not None:
            raise RuntimeError(NOT_COMPUTED.format(self.error)) from request.error
        if request is not None and request.cancelled:
            raise RuntimeError("The computation was cancelled.")
        return self


def refuse_inside(call: str) -> None:
    """Raises a RuntimeError on a thread that what is computed would wait for."""
    if others_wait():
        raise RuntimeError(
            f"Expected {call}() outside of observers and of what an explorer calls, got it inside: it "
            "would wait for itself. Call it in a thread of its own, "
            f"threading.Thread(target=explorer.{call}).start(), or set a control, which does not wait."
        )
