"""Peak memory over that of the model and its data, each time in a process of its own (Linux).

python -m tests.benchmarks.memory fcnn1 float32 grid
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from . import planes, products
from .workloads import ROOT, WORKLOADS

#: What is computed, and on how many nodes for each axis or with how many products: enough for every buffer.
TASKS = {"grid": 11, "products": 3}


def measure(name: str, dtype: str, task: str) -> float:
    """MB between the memory before a task and its peak."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", name, dtype, task]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(answer)


def _resident(field: str) -> float:
    """VmRSS or VmHWM, the peak, in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1e3


def _main(name: str, dtype: str, task: str) -> None:
    workload = planes.smaller(WORKLOADS[name], TASKS["grid"])
    problem = workload.problem(dtype)
    planes.plain_loop(problem.coarse())  # with what torch itself holds once it has computed
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    if task == "grid":
        planes.this_package(problem)
    else:
        products.this_package(problem, TASKS["products"])
    print(_resident("VmHWM") - before)


if __name__ == "__main__":
    _main(*sys.argv[1:])
