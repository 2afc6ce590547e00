"""How many threads of torch a thread computes with, threads of ours with one each, and their clock."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter, thread_time
from typing import Any

import torch
from threadpoolctl import ThreadpoolController


def pool(threads: int) -> Executor:
    """So many of them, kept: the memory of new ones is slow at first. Work in them must not wait for more.

    A process that was forked has others, since threads are not forked with it.
    """
    return _pool(threads, os.getpid())


@cache
def _pool(threads: int, _process: int) -> Executor:
    return _Daemons(threads)


class _Daemons(Executor):
    """Threads that end with the interpreter, which would wait for those of a ``ThreadPoolExecutor``."""

    def __init__(self, threads: int) -> None:
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        for i in range(threads):
            Thread(target=self._run, name=f"landscape_{i}", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))
        return future

    def _run(self) -> None:
        limit_this_thread(1)
        while True:
            _carry_out(*self._work.get())


def _carry_out(future: Future[Any], work: Callable[[], Any]) -> None:
    """Works in a frame of its own, which keeps nothing of the work while the thread waits for more."""
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work())
        except BaseException as error:  # it is raised where the result is asked for
            future.set_exception(error)


def clock_of(device: torch.device) -> Callable[[], float]:
    """A clock of what the calling thread computes on a device, in seconds.

    On the CPU it stands still while other programs have the processor, so that what is fastest is found
    beside them, too. Windows counts such time in steps that are longer than what is timed, and other devices
    are waited for; there it is the clock on the wall.
    """
    return thread_time if device.type == "cpu" and os.name != "nt" else perf_counter


def leave_a_core_free() -> None:
    """Has the calling thread keep one core for the kernel's cells and the browser.

    Torch's parallel regions wait for their slowest thread, so one thread too many on a busy machine
    costs several times what it could bring.
    """
    limit_this_thread(max(1, min(torch.get_num_threads(), cores() - 1)))


def limit_this_thread(threads: int) -> None:
    """Has torch compute with so many threads wherever the calling thread calls it, from now on.

    ``torch.set_num_threads`` would set the count of every thread that starts later, the user's as well. The
    counts of OpenMP, and of MKL where torch holds one, are the calling thread's own.
    """
    torch.get_num_threads()  # torch sets both when a thread first asks, and never again
    _openmp().limit(limits=threads)
    _limit_mkl()(threads)


@contextmanager
def one_thread() -> Iterator[None]:
    """Has torch compute with one thread wherever the calling thread calls it in the block.

    Afterwards each library has its own count again, which need not be that of torch.
    """
    torch.get_num_threads()
    openmp, mkl = _openmp().limit(limits=1), _limit_mkl()
    before = mkl(1)
    try:
        yield
    finally:
        mkl(before)
        openmp.restore_original_limits()


@cache
def _openmp() -> ThreadpoolController:
    """The OpenMP libraries that are loaded, torch's among them, but Microsoft's, whose count is one."""
    return ThreadpoolController().select(prefix=["libgomp", "libiomp", "libomp"])


@cache
def _limit_mkl() -> Callable[[int], int]:
    """MKL's count for the calling thread, which goes before OpenMP's once torch has set it.

    It does so if the user ever called ``torch.set_num_threads``.
    """
    name = "torch_cpu.dll" if os.name == "nt" else "libtorch_cpu.so"
    try:
        limit: Callable[[int], int] = ctypes.CDLL(
            str(Path(torch.__file__).parent / "lib" / name)
        ).MKL_Set_Num_Threads_Local
    except (AttributeError, OSError):  # another BLAS, or an MKL that keeps to itself
        return lambda _: 0
    return limit


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
