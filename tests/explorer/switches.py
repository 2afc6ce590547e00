"""Every switch, filter, count and hook of the whole process that has a name here, and how it is read."""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import comm
import numpy as np
import plotly.io
import torch
from threadpoolctl import threadpool_info
from torch.backends import cuda, cudnn, mha, mkldnn
from torch.nn.modules import module as hooks
from torch.utils import _pytree as pytree

from ..support.gates import HUNG


def umask() -> list[str]:
    """Read where that does not set it."""
    status = Path("/proc/self/status")
    return [line for line in status.read_text().splitlines() if "Umask" in line] if status.exists() else []


def limits() -> Any:
    try:
        import resource
    except ImportError:  # on Windows
        return None
    return [resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")]


SWITCHES: dict[str, Callable[[], Any]] = {
    "torch's threads": torch.get_num_threads,
    "torch's threads between operations": torch.get_num_interop_threads,
    "threads of each library": lambda: {x["filepath"]: x["num_threads"] for x in threadpool_info()},
    "attention kernels": lambda: (
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.math_sdp_enabled(),
        cuda.cudnn_sdp_enabled(),
        mha.get_fastpath_enabled(),
    ),
    "grad mode": lambda: (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
    "anomaly detection": lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
    "autocast": lambda: (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
    "modes": lambda: (torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack()),
    "default type and device": lambda: (torch.get_default_dtype(), torch.get_default_device()),
    "deterministic algorithms": lambda: (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    ),
    "precision of float32 products": torch.get_float32_matmul_precision,
    "cuDNN": lambda: (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
    "oneDNN": lambda: (mkldnn.enabled, mkldnn.deterministic),
    "denormal numbers": lambda: torch.tensor([1e-310], dtype=torch.float64).mul(0.5).tolist(),
    "warnings of torch": torch.is_warn_always_enabled,
    "vmap's fallback": torch._C._functorch._is_vmap_fallback_enabled,
    "how torch prints": lambda: dict(vars(torch._tensor_str.PRINT_OPTS)),
    "kinds of trees": lambda: set(pytree.SUPPORTED_NODES),
    "hooks of all modules": lambda: {
        n: len(v) for n, v in vars(hooks).items() if n.startswith("_global_") and v
    },
    "sharing of tensors": torch.multiprocessing.get_sharing_strategy,
    "random numbers of torch": lambda: torch.get_rng_state().tolist(),
    "random numbers of numpy": lambda: str(np.random.get_state()),  # noqa: NPY002 - the global ones
    "random numbers of Python": random.getstate,
    "errors of numpy": lambda: (np.geterr(), np.geterrcall()),
    "how numpy prints": np.get_printoptions,
    "warnings": lambda: (id(warnings.filters), list(warnings.filters), warnings.showwarning),
    "environment": lambda: dict(os.environ),
    "logging": lambda: (
        *(logging.root.level, logging.root.manager.disable, logging.raiseExceptions, logging.lastResort),
        *(list(logging.root.handlers), list(logging.root.filters), logging.getLoggerClass()),
    ),
    "signals": lambda: {s: signal.getsignal(s) for s in signal.valid_signals()},
    "hooks of Python": lambda: (
        *(sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()),
        *(sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook),
    ),
    "streams": lambda: (sys.stdin, sys.stdout, sys.stderr),
    "imports": lambda: (list(sys.path), list(sys.meta_path), list(sys.path_hooks)),
    "limits of Python": lambda: (sys.getrecursionlimit(), sys.getswitchinterval(), threading.stack_size()),
    "limits of the process": limits,
    "garbage collection": lambda: (gc.isenabled(), gc.get_threshold(), gc.get_debug(), list(gc.callbacks)),
    "locale and time zone": lambda: (locale.setlocale(locale.LC_ALL), time.tzname),
    "decimal numbers": lambda: str(decimal.getcontext()),
    "umask": umask,
    "folder": Path.cwd,
    "cores": lambda: os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None,
    "priority": lambda: os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else None,
    "sockets": socket.getdefaulttimeout,
    "plots": lambda: (plotly.io.templates.default, plotly.io.renderers.default),
    "comms": lambda: (comm.create_comm, comm.get_comm_manager),
}


def in_new_thread(f: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join(HUNG)
    return found[0]


def look() -> dict[str, tuple[Any, Any]]:
    """Every switch as this thread sees it, and a new one, which begins with what is set for the process."""
    here = {name: read() for name, read in SWITCHES.items()}
    # in the opposite order, since what a thread asks for first may set the thread up
    there = in_new_thread(lambda: {name: SWITCHES[name]() for name in reversed(SWITCHES)})
    return {name: (value, there[name]) for name, value in here.items()}
