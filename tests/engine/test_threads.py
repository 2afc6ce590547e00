"""Threads of ours compute with the threads of torch that they were told to; nobody else notices."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from threading import Event, Thread
from time import thread_time

import pytest
import torch

from landscape_widget.engine import threads
from landscape_widget.engine.threads import clock_of, leave_a_core_free, limit_this_thread, pool

from ..support.scripts import Scripts

HUNG = 30.0


@pytest.fixture(params=[None, 3], ids=["torch's own count", "a count that the user set"])
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    """The count of every thread but those that are limited."""
    before = torch.get_num_threads()
    if request.param is not None:
        torch.set_num_threads(request.param)
    yield torch.get_num_threads()
    torch.set_num_threads(before)


def in_a_thread(f: Callable[[], int]) -> int:
    found: list[int] = []
    thread = Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join(HUNG)
    return found[0]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_limit_holds_for_the_thread_that_asks(count: int, limit: int) -> None:
    limited, go, seen = Event(), Event(), []

    def work() -> None:
        limit_this_thread(limit)
        seen.append(torch.get_num_threads())
        limited.set()
        assert go.wait(HUNG)
        seen.append(torch.get_num_threads())

    thread = Thread(target=work)
    thread.start()
    assert limited.wait(HUNG)
    others = torch.get_num_threads(), in_a_thread(torch.get_num_threads)
    in_a_thread(lambda: torch.set_num_threads(4))  # the user's, while it runs
    go.set()
    thread.join(HUNG)
    torch.set_num_threads(count)
    assert seen == [limit, limit]
    assert others == (count, count)
    assert (torch.get_num_threads(), in_a_thread(torch.get_num_threads)) == (count, count)


def test_threads_of_the_pool_have_one_each(count: int) -> None:
    assert list(pool(2).map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    assert (torch.get_num_threads(), in_a_thread(torch.get_num_threads)) == (count, count)


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (3, 2), (64, 3)])
def test_a_core_is_left_free(monkeypatch: pytest.MonkeyPatch, cores: int, expected: int) -> None:
    monkeypatch.setattr(threads, "cores", lambda: cores)
    before = torch.get_num_threads()
    torch.set_num_threads(3)

    def work() -> int:
        leave_a_core_free()
        return torch.get_num_threads()

    found = in_a_thread(work)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)
    assert found == expected


#: Which kernel threads a product of matrices, a function of every element and a convolution keep busy, by the
#: kernel's own count of the nanoseconds that each ran.
BUSY = """
from pathlib import Path
from threading import Thread
from time import sleep
from landscape_widget.engine.threads import limit_this_thread

torch.set_num_threads(3)
a, b, image = torch.randn(300, 300), torch.randn(400_000), torch.randn(8, 8, 40, 40)
convolution = torch.nn.Conv2d(8, 16, 3)
WORK = (lambda: a @ a, lambda: a.double() @ a.double(), lambda: torch.tanh(b), lambda: convolution(image))

def ran():
    return {p.parent.name: int(p.read_text().split()[0]) for p in Path("/proc/self/task").glob("*/schedstat")}

def busy():
    found = []
    for f in WORK:
        f()
        before = ran()
        for _ in range(40):
            f()
        spent = [t - before.get(name, 0) for name, t in ran().items()]
        found.append(sum(t > 0.05 * sum(spent) for t in spent))
    return found

def limited():
    limit_this_thread(1)
    print(busy())

sleep(0.5)  # the threads that made the numbers spin for a while
thread = Thread(target=limited)
thread.start()
thread.join()
print(busy())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's count of each thread's time is Linux's")
def test_matrix_products_run_in_as_many_threads_as_told(new_process: Scripts) -> None:
    code, out, err = new_process.run(BUSY, 60)
    assert code == 0, err
    limited, free = (json.loads(line) for line in out.splitlines())
    assert limited == [1, 1, 1, 1]
    assert all(n > 1 for n in free), f"the work does not show how many threads do it: {free}"


@pytest.mark.skipif(sys.platform == "win32", reason="counts such time in steps that are too long")
def test_the_clock_stands_still_while_others_compute() -> None:
    def work() -> int:
        until = thread_time() + 0.03
        while thread_time() < until:
            pass
        return 0

    clock = clock_of(torch.device("cpu"))
    began = clock()
    in_a_thread(work)
    assert clock() - began < 0.02
    work()
    assert clock() - began >= 0.03


#: The counts of torch, and of the OpenMP that scikit-learn brings along, before, in and after the block.
COUNTS = """
import sklearn.cluster
from threadpoolctl import threadpool_info
from landscape_widget.engine.threads import one_thread

def counts():
    return sorted({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"})

torch.set_num_threads(3)
print([torch.get_num_threads(), *counts()])
with one_thread():
    print([torch.get_num_threads(), *counts()])
print([torch.get_num_threads(), *counts()])
"""


def test_each_library_has_its_own_count_again(new_process: Scripts) -> None:
    code, out, err = new_process.run(COUNTS, 60)
    assert code == 0, err
    before, within, after = (json.loads(line) for line in out.splitlines())
    assert within == [1, 1]
    assert before == after
    assert before[0] == 3
