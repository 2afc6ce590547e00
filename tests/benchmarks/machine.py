"""On what it was measured: machine, versions, thread counts, and the most that the machine multiplies."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

from .measure import clock
from .workloads import DTYPES

PACKAGES = (
    "landscape-widget",
    "torch",
    "numpy",
    "scipy",
    "loss-landscapes",
    "PyHessian",
    "curvlinops-for-pytorch",
)


def describe() -> dict[str, Any]:
    """What the JSON says beside the figures."""
    return {
        "machine": {
            "processor": _processor(),
            "cores": psutil.cpu_count(),
            "memory_GB": round(psutil.virtual_memory().total / 1e9, 1),
            "system": platform.platform(),
            "load_average": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "threads": {
            "torch": torch.get_num_threads(),
            "torch_interop": torch.get_num_interop_threads(),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
        "peak_GFLOPs": {name: round(peak(name), 1) for name in DTYPES},
    }


def peak(dtype: str, n: int = 2048, runs: int = 5) -> float:
    """GFLOP/s of the best of some products of two n×n matrices, by torch's threads."""
    a = torch.randn(n, n, generator=torch.Generator().manual_seed(0), dtype=DTYPES[dtype])
    best = float("inf")
    for _ in range(runs):
        started = clock()
        a @ a
        best = min(best, clock() - started)
    return 2 * n**3 / best / 1e9


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", information.read_text()) if information.exists() else None
    return found[1] if found else platform.processor()
