"""Peak memory over that of the model and its data, each time in a process of its own (Linux).

For instance::

    python -m tests.benchmarks.memory fcnn1 float32 51     # a grid of 51×51 nodes
    python -m tests.benchmarks.memory fcnn1 float32 0      # Hessian-vector products
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from . import planes, products
from .workloads import ROOT, WORKLOADS

#: Enough for every buffer to be there.
PRODUCTS = 3


def measure(name: str, dtype: str, resolution: int) -> float:
    """MB between the memory before and the peak; of a grid, or of products where ``resolution`` is 0."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", name, dtype, str(resolution)]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(answer)


def _resident(field: str) -> float:
    """VmRSS or VmHWM, the peak, in MB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1e3


def _main(name: str, dtype: str, resolution: int) -> None:
    problem = replace(WORKLOADS[name].problem(dtype), resolution=resolution)
    planes.plain_loop(problem.coarse())  # with what torch itself holds once it has computed
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    if resolution:
        planes.this_package(problem, planes.objective_of(problem))
    else:
        products.this_package(problem, PRODUCTS)
    print(_resident("VmHWM") - before)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
