"""Tasks sent to the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class DaskTasks(Executor):
    """An executor of a client of Dask each of whose tasks comes to an end.

    The one that a client returns waits forever for a result that was lost with its worker on its way here.
    """

    def __init__(self, client: Any, options: dict[str, Any]) -> None:
        """Sends nothing yet.

        Args:
            client: A ``distributed.Client``.
            options: What every task is sent with, such as the workers that may take it.
        """
        self._client, self._options = client, options

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor."""
        sent = self._client.submit(fn, *args, **self._options, **kwargs)
        future: Future[Any] = Future()

        def hand_on(_: Any) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                found = sent.result()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(found)

        def withdraw(_: Any) -> None:
            if future.cancelled():
                sent.cancel()

        future.add_done_callback(withdraw)
        sent.add_done_callback(hand_on)
        return future
