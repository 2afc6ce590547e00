"""Losses at points of a plane by the workers of an executor: other processes, here or elsewhere."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import local
from time import perf_counter
from typing import Any, cast
from weakref import finalize

import numpy as np
import torch

from landscape_widget.engine.threads import limit_this_thread
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.evaluator import Coordinates, Evaluator
from landscape_widget.results.base import library_versions
from landscape_widget.results.planes import Plane

#: Seconds that a task should take: long beside what it costs to send one, short for who cancels or loses it.
_TILE = 0.5

#: Tasks that points are cut into at least, so that workers which are done early take from those that are not.
_TILES = 32

#: Times in a row that tasks are sent again while none of them is finished.
_ATTEMPTS = 3

#: Seconds after which it is asked whether there are workers still, where the executor can tell.
_PATIENCE = 5.0

#: Objectives that a worker keeps: both splits of a picture take turns.
_KEPT = 2

#: Libraries whose version decides what a task computes.
_DECISIVE = ("landscape-widget", "torch")


class WorkersLostError(RuntimeError):
    """The workers of an executor are gone; what they had finished is in the cache and in the last surface."""


@dataclass(frozen=True)
class Snapshot:
    """An objective and a plane for workers, which each read it once."""

    digest: str
    versions: dict[str, str]
    source: str | bytes
    """A file that holds it, or its bytes."""


@dataclass(frozen=True)
class Tile:
    """What a task found at its points."""

    losses: list[float]
    failures: list[str]
    seconds: float


class Workers:
    """L at points of one plane, each by the plain loop in one thread of a worker.

    So the losses do not depend on how many workers there are, on who takes which points, or on who fails.
    """

    strategy = "plain loop, by the workers of an executor"

    def __init__(self, objective: Objective, plane: Plane, executor: Any) -> None:
        """Writes the snapshot where workers on this machine find it.

        Args:
            objective: L.
            plane: θ*, η and δ.
            executor: See ``evaluate_plane``.

        Raises:
            TypeError: For an executor that is none.
            ImportError: Where cloudpickle is not installed.
            ValueError: If model, loss or data cannot be sent to another process.
        """
        self.failures: list[str] = []
        """What model or loss raised, for each point without a loss because of that."""
        self._given = executor
        self._content = _pickled((objective, plane))
        folder = mkdtemp(prefix="landscape-widget-")
        finalize(self, rmtree, folder, ignore_errors=True)
        digest = blake2b(self._content, digest_size=16).hexdigest()
        path = Path(folder) / digest
        path.write_bytes(self._content)
        self._snapshot = Snapshot(digest, library_versions(), str(path))
        self._seconds = np.inf
        self._cause: BaseException | None = None
        self._start()

    def losses(self, points: Coordinates, left: int) -> Iterator[tuple[Sequence[int], FloatArray]]:  # noqa: ARG002
        """L at (α, β), for groups of ``points`` as workers return them; not finite values are NaN.

        Args:
            points: Where.
            left: As of an ``Evaluator``.

        Yields:
            Which of the points, and their losses.

        Raises:
            WorkersLostError: If no worker is left.
            RuntimeError: If a worker has another version of this package or of torch.
            Exception: What model or loss raise at θ*.
        """
        size = max(1, int(min(len(points) / _TILES, _TILE / self._seconds)))
        tiles = [range(i, min(i + size, len(points))) for i in range(0, len(points), size)]
        attempts = 0
        while tiles:
            lost = yield from self._round(tiles, points)
            attempts = attempts + 1 if len(lost) == len(tiles) else 0
            if lost:
                self._recover(attempts)
            tiles = lost

    def _round(
        self, tiles: Sequence[range], points: Coordinates
    ) -> Generator[tuple[Sequence[int], FloatArray], None, list[range]]:
        """Sends every tile once; yields what comes back, and returns the tiles whose workers were lost."""
        lost: list[range] = []
        running: dict[Future[Any], range] = {}

        waiting: list[range] = []
        carrier: Future[Any] | None = None

        def send(snapshot: Any, tile: range) -> Future[Any] | None:
            try:
                task: Future[Any] = self._executor.submit(losses_at, snapshot, [points[i] for i in tile])
            except RuntimeError as error:  # of an executor that is broken or shut down
                self._cause = error
                lost.append(tile)
                return None
            running[task] = tile
            return task

        try:
            for tile in tiles:
                send(self._argument, tile)
            while running:
                done, _ = wait(running, _PATIENCE, FIRST_COMPLETED)
                if not done:
                    self._check_workers()
                for task in done:
                    tile = running.pop(task)
                    try:
                        found = task.result()
                    except (BrokenExecutor, CancelledError) as error:
                        self._cause = error
                        lost.append(tile)
                        continue
                    if found is None:
                        waiting.append(tile)
                        continue
                    self.failures += found.failures
                    self._seconds = found.seconds / len(tile)
                    yield tile, np.array(found.losses)
                # to workers that do not see the file it is sent with one task at a time, once to each of them
                if carrier in done:
                    carrier = None
                    while waiting:
                        send(self._argument, waiting.pop())
                elif waiting and carrier is None:
                    carrier = send(replace(self._snapshot, source=self._content), waiting.pop())
            lost += waiting
        finally:
            for task in running:
                task.cancel()
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
                    "Expected an open client of Dask, got a closed one. Connect a new Client, and call again "
                    "with the same cache."
                )
            self._check_workers()
            whole = replace(self._snapshot, source=self._content)
            # under a name of its own: what was sent before under the same one may just be forgotten
            self._argument = self._client.scatter(whole, broadcast=True, hash=False)

    def _check_workers(self) -> None:
        if self._client is not None and not self._client.scheduler_info()["workers"]:
            raise WorkersLostError(_GONE)

    def _recover(self, attempts: int) -> None:
        """Takes workers anew.

        Raises:
            WorkersLostError: If that is not possible, or was in vain too often.
        """
        again = self._client is not None or not hasattr(self._given, "submit")
        if not again or attempts >= _ATTEMPTS:
            raise WorkersLostError(_GONE) from self._cause
        self._start()


#: What is said where nobody is left to work.
_GONE = (
    "Expected workers, but those of the executor are gone. The losses that they had returned are kept: call "
    "again with the same cache once there are workers. Where executor is a function that returns one, such "
    "as loky.get_reusable_executor, it is called again whenever workers are lost."
)


def losses_at(snapshot: Snapshot, points: Coordinates) -> Tile | None:
    """L at (α, β), in a worker; None if the worker cannot read the snapshot.

    Raises:
        RuntimeError: If the snapshot was written by another version of this package or of torch.
        Exception: What model or loss raise at θ*.
    """
    here = library_versions()
    for name in _DECISIVE:
        if here[name] != snapshot.versions[name]:
            raise RuntimeError(
                f"Expected {name} {snapshot.versions[name]} in every worker, as where the plane is evaluated "
                f"from, got {here[name]}. Install that version there."
            )
    evaluator = _evaluator(snapshot)
    if evaluator is None:
        return None
    threads, known = torch.get_num_threads(), len(evaluator.failures)
    limit_this_thread(1)
    try:
        started = perf_counter()
        losses = [evaluator.loss(point) for point in points]
        return Tile(losses, evaluator.failures[known:], perf_counter() - started)
    finally:
        limit_this_thread(threads)


#: What each thread of a worker has read, by digest: a model must not be called by two threads at once.
_read = local()


def _evaluator(snapshot: Snapshot) -> Evaluator | None:
    known: dict[str, Evaluator] = vars(_read).setdefault("evaluators", {})
    if snapshot.digest not in known:
        content = snapshot.source
        if isinstance(content, str):
            try:
                content = Path(content).read_bytes()
            except OSError:
                return None
        while len(known) >= _KEPT:
            del known[next(iter(known))]
        known[snapshot.digest] = Evaluator(*pickle.loads(content))
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
            "what holds files, locks or connections, or evaluate without executor."
        ) from error
