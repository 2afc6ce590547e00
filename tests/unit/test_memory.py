"""Memory that was freed is used again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

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


#: Times that two results of 20 MB are made, and the pages of 4096 bytes that they take.
RUNS, PAGES = 30, 2 * 20_000_000 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have rules of their own")
def test_results_of_megabytes_take_no_fresh_pages() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT.format(runs=RUNS)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < RUNS * PAGES / 5
