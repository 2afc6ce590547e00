"""Tasks for the workers of an executor: other processes, here or elsewhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import local
from typing import Any, cast
from weakref import finalize

import torch

from landscape_widget.engine.threads import limit_this_thread
from landscape_widget.numerics.checks import told
from landscape_widget.results.base import library_versions

#: Times in a row that tasks are sent again while none of them is finished.
_ATTEMPTS = 3

#: Seconds after which it is asked whether there are workers still, where the executor can tell.
_PATIENCE = 5.0

#: Snapshots that a worker keeps: both splits of a picture take turns, and products in both precisions.
_KEPT = 4

#: Libraries whose version decides what a task computes.
_DECISIVE = ("landscape-widget", "torch")


class WorkersLostError(RuntimeError):
    """The workers of an executor are gone; of a plane, what they had finished is in the cache."""


@dataclass(frozen=True)
class Snapshot:
    """What tasks are about, such as an objective and a plane, for workers which each read it once."""

    digest: str
    versions: dict[str, str]
    source: str | bytes
    """A file that holds it, or its bytes."""


class Workers:
    """Tasks about one thing, such as an objective, which each worker of an executor reads once."""

    def __init__(self, executor: Any, make: Callable[..., Any], *content: Any, kept: str = "") -> None:
        """Writes the snapshot where workers on this machine find it.

        Args:
            executor: See ``evaluate_plane``.
            make: A function that each worker calls with the content; what it returns is what tasks are given.
            content: What is sent.
            kept: What is told to do once workers are lost, where what they had returned is kept.

        Raises:
            TypeError: For an executor that is none.
            ImportError: Where cloudpickle is not installed.
            ValueError: If the content, such as model, loss or data, cannot be sent to another process.
        """
        self._given = executor
        self._kept = kept or "Call again once there are workers."
        self._content = _pickled((make, content))
        folder = mkdtemp(prefix="landscape-widget-")
        finalize(self, rmtree, folder, ignore_errors=True)
        digest = blake2b(self._content, digest_size=16).hexdigest()
        path = Path(folder) / digest
        path.write_bytes(self._content)
        self._snapshot = Snapshot(digest, library_versions(), str(path))
        self._cause: BaseException | None = None
        self._start()

    def run(
        self, task: Callable[[Any, Any, Any], Any], items: Sequence[Any], shared: Any = None
    ) -> Iterator[tuple[int, Any]]:
        """Does ``task(made, item, shared)`` for every item, in one thread of a worker each.

        So what comes back does not depend on how many workers there are, on who does what, or on who fails.

        Args:
            task: A function of a module, which must not return None.
            items: One for each task.
            shared: What all tasks are given beside, sent as few times as the executor can.

        Yields:
            The place of an item, and what its task returned, in the order in which they are done.

        Raises:
            WorkersLostError: If no worker is left.
            RuntimeError: If a worker has another version of this package or of torch.
            Exception: What a task raises.
        """
        attempts, left = 0, list(range(len(items)))
        while left:
            lost = yield from self._round(task, items, left, shared)
            attempts = attempts + 1 if len(lost) == len(left) else 0
            if lost:
                self._recover(attempts)
            left = lost

    def _round(
        self, task: Callable[[Any, Any, Any], Any], items: Sequence[Any], left: Sequence[int], shared: Any
    ) -> Generator[tuple[int, Any], None, list[int]]:
        """Sends every item left once; yields what comes back, and returns those whose workers were lost."""
        lost: list[int] = []
        running: dict[Future[Any], int] = {}
        waiting: list[int] = []
        carrier: Future[Any] | None = None
        beside = self._scattered(shared)

        def send(snapshot: Any, i: int) -> Future[Any] | None:
            try:
                sent: Future[Any] = self._executor.submit(carried_out, snapshot, task, items[i], beside)
            except RuntimeError as error:  # of an executor that is broken or shut down
                self._cause = error
                lost.append(i)
                return None
            running[sent] = i
            return sent

        try:
            for i in left:
                send(self._argument, i)
            while running:
                done, _ = wait(running, _PATIENCE, FIRST_COMPLETED)
                if not done:
                    self._check_workers()
                for future in done:
                    i = running.pop(future)
                    try:
                        found = future.result()
                    except (BrokenExecutor, CancelledError) as error:
                        self._cause = error
                        lost.append(i)
                        continue
                    if found is None:
                        waiting.append(i)
                    else:
                        yield i, found
                # to workers that do not see the file it is sent with one task at a time, once to each of them
                if carrier in done:
                    carrier = None
                    while waiting:
                        send(self._argument, waiting.pop())
                elif waiting and carrier is None:
                    carrier = send(replace(self._snapshot, source=self._content), waiting.pop())
            lost += waiting
        finally:
            for future in running:
                future.cancel()
        return lost

    def _start(self) -> None:
        """Takes the executor that was given, or one that a given function returns.

        Raises:
            TypeError: If it is none.
        """
        given = self._given
        try:
            found = given if hasattr(given, "submit") or not callable(given) else given()
        except TypeError as error:
            raise TypeError(
                "Expected executor as a function without arguments that returns a "
                f"concurrent.futures.Executor, got {told(given)}, which raises {error}."
            ) from error
        # a client of Dask is no executor, but has one; its scheduler hands the snapshot on among workers
        is_client = hasattr(found, "get_executor")
        self._executor = found.get_executor() if is_client else found
        client = found if is_client else getattr(found, "_client", None)
        self._client = client if hasattr(client, "scatter") else None
        if not isinstance(self._executor, Executor):
            raise TypeError(
                "Expected executor as a concurrent.futures.Executor, a client of Dask, or a function that "
                f"returns one, got {told(found)}."
            )
        self._argument: Any = self._snapshot
        if self._client is not None:
            if getattr(self._client, "status", "") in ("closing", "closed"):
                raise WorkersLostError(
                    f"Expected an open client of Dask, got a closed one. Connect a new Client. {self._kept}"
                )
            self._check_workers()
            self._argument = self._scattered(replace(self._snapshot, source=self._content))

    def _scattered(self, content: Any) -> Any:
        """What stands for content in every task: a scheduler, where there is one, hands it on once."""
        if self._client is None or content is None:
            return content
        # under a name of its own: what was sent before under the same one may just be forgotten
        return self._client.scatter(content, broadcast=True, hash=False)

    def _check_workers(self) -> None:
        if self._client is not None and not self._client.scheduler_info()["workers"]:
            raise WorkersLostError(_GONE.format(self._kept))

    def _recover(self, attempts: int) -> None:
        """Takes workers anew.

        Raises:
            WorkersLostError: If that is not possible, or was in vain too often.
        """
        again = self._client is not None or not hasattr(self._given, "submit")
        if not again or attempts >= _ATTEMPTS:
            raise WorkersLostError(_GONE.format(self._kept)) from self._cause
        self._start()


#: What is said where nobody is left to work.
_GONE = (
    "Expected workers, but those of the executor are gone. {} Where executor is a function that returns one, "
    "such as loky.get_reusable_executor, it is called again whenever workers are lost."
)


def carried_out(
    snapshot: Snapshot, task: Callable[[Any, Any, Any], Any], item: Any, shared: Any
) -> Any | None:
    """A task, in a worker; None if the worker cannot read the snapshot.

    Raises:
        RuntimeError: If the snapshot was written by another version of this package or of torch.
        Exception: What the task raises.
    """
    here = library_versions()
    for name in _DECISIVE:
        if here[name] != snapshot.versions[name]:
            raise RuntimeError(
                f"Expected {name} {snapshot.versions[name]} in every worker, as where the tasks come from, "
                f"got {here[name]}. Install that version there."
            )
    made = _made(snapshot)
    if made is None:
        return None
    threads = torch.get_num_threads()
    limit_this_thread(1)
    try:
        return task(made, item, shared)
    finally:
        limit_this_thread(threads)


#: What each thread of a worker has read, by digest: a model must not be called by two threads at once.
_read = local()


def _made(snapshot: Snapshot) -> Any | None:
    known: dict[str, Any] = vars(_read).setdefault("made", {})
    if snapshot.digest not in known:
        content = snapshot.source
        if isinstance(content, str):
            try:
                content = Path(content).read_bytes()
            except OSError:
                return None
        while len(known) >= _KEPT:
            del known[next(iter(known))]
        make, arguments = pickle.loads(content)
        known[snapshot.digest] = make(*arguments)
    return known[snapshot.digest]


def _pickled(content: Any) -> bytes:
    try:
        import cloudpickle  # noqa: PLC0415 - needed with an executor only
    except ImportError as error:
        raise ImportError(
            "Expected cloudpickle for executor=, which sends models of a notebook to other processes. "
            "Install it: `pip install cloudpickle`; loky and Dask bring it."
        ) from error
    try:
        return cast(bytes, cloudpickle.dumps(content))
    except Exception as error:
        raise ValueError(
            f"Expected a model, a loss and data that can be sent to another process, got {error}. Leave out "
            "what holds files, locks or connections, or do without executor."
        ) from error
