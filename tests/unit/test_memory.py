"""Memory that was freed is used again, or given back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from landscape_widget import memory

COUNT = """
import resource
import torch
from torch import nn
from landscape_widget import Objective

Objective(nn.Linear(2, 1), (torch.randn(4, 2), torch.randn(4, 1)), nn.MSELoss())

def work():
    a = torch.full((5_000_000,), 1.0)
    b = a + 1
    return b.sum()

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({runs}):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


GIVEN_BACK = """
from pathlib import Path
import torch
from landscape_widget.memory import give_freed_memory_back, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

keep_freed_memory()
parts = [torch.ones(250_000) for _ in range(200)]
last = torch.ones(250_000)  # where the heap ends
parts.clear()
before = resident()
give_freed_memory_back()
print(before - resident())
"""


#: Times that two results of 20 MB are made, and the pages of 4096 bytes that they take.
RUNS, PAGES = 30, 2 * 20_000_000 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have rules of their own")
def test_results_of_megabytes_take_no_fresh_pages() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(runs=RUNS)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < RUNS * PAGES / 5


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have rules of their own")
def test_free_pages_below_what_is_in_use_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0.9 * 200 * 1_000_000


def test_where_there_is_no_such_function_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory._trim.cache_clear()
    memory.give_freed_memory_back()
    memory._trim.cache_clear()
