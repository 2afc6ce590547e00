"""Two explorers compute at once, and nothing that belongs to the whole process is another one meanwhile."""

from __future__ import annotations

import gc
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.backends import cuda, cudnn, mha, mkldnn
from torch.utils import _pytree as pytree

from landscape_widget import LandscapeExplorer


def in_new_thread(f: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join()
    return found[0]


def switches() -> dict[str, Any]:
    """Every switch of the process that a library could be tempted to flip, as any other thread sees it."""
    status = Path("/proc/self/status")
    umask = [line for line in status.read_text().splitlines() if "Umask" in line] if status.exists() else []
    return {
        "torch's threads": torch.get_num_threads(),
        "torch's threads in a new thread": in_new_thread(torch.get_num_threads),
        "torch's threads between operations": torch.get_num_interop_threads(),
        "gradients in a new thread": in_new_thread(torch.is_grad_enabled),
        "inference in a new thread": in_new_thread(torch.is_inference_mode_enabled),
        "attention kernels": (
            cuda.flash_sdp_enabled(),
            cuda.mem_efficient_sdp_enabled(),
            cuda.math_sdp_enabled(),
            cuda.cudnn_sdp_enabled(),
        ),
        "attention kernels in a new thread": in_new_thread(cuda.flash_sdp_enabled),
        "fast path of attention": mha.get_fastpath_enabled(),
        "cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic),
        "mkldnn": mkldnn.enabled,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "type": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "anomaly mode": torch.is_anomaly_enabled(),
        "random state": (
            torch.random.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),  # type: ignore[index]  # noqa: NPY002
        ),
        "warnings": (id(warnings.showwarning), list(warnings.filters)),
        "environment": dict(os.environ),
        "numpy": (np.geterr(), np.get_printoptions()),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "hooks": (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "locale": locale.setlocale(locale.LC_ALL),
        "umask": umask,
        "folder": Path.cwd(),
        "kinds of trees": len(pytree.SUPPORTED_NODES),
        "recursion limit": sys.getrecursionlimit(),
        "garbage collection": (gc.isenabled(), gc.get_threshold()),
        "path": list(sys.path),
    }


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 1), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x).mean(dim=1))


def explorers(make: Callable[..., LandscapeExplorer]) -> list[LandscapeExplorer]:
    data = [(torch.randn(24, 5, 4), torch.randint(3, (24,))), (torch.randn(24, 4), torch.randint(3, (24,)))]
    mlp = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    return [
        make(model, d, nn.CrossEntropyLoss(), face="trace", resolution=11)
        for model, d in zip((Attending(), mlp), data, strict=True)
    ]


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.parametrize("end", ["done", "cancelled", "failed"])
def test_nothing_of_the_process_changes(make_explorer: Callable[..., LandscapeExplorer], end: str) -> None:
    torch.nn.functional.scaled_dot_product_attention(*torch.randn(3, 1, 2, 2))  # whatever is lazy is there
    warm = explorers(make_explorer)
    for explorer in warm:
        explorer.compute()
    pair = explorers(make_explorer)
    before = switches()
    seen: list[dict[str, Any]] = []
    for explorer in pair:  # on the worker's thread, in the midst of it
        explorer.observe(lambda _: seen.append(in_new_thread(switches)), "progress")
        if end == "failed":
            explorer.objective.hvp = lambda *_: 1 / 0  # type: ignore[method-assign]
            explorer.objective.precise().hvp = lambda *_: 1 / 0  # type: ignore[method-assign]
    requests = [explorer._submit() for explorer in pair]
    if end == "cancelled":
        while not seen:
            threading.Event().wait(0.001)
        for explorer in pair:
            explorer.cancel()
    for request in requests:
        assert request.done.wait(120)
    assert {explorer.status for explorer in pair} == {end}
    assert len(seen) > 1
    for during in seen:
        assert_same(before, during)
    assert_same(before, switches())


def test_a_user_s_choice_of_kernels_is_left_alone(make_explorer: Callable[..., LandscapeExplorer]) -> None:
    explorer = explorers(make_explorer)[0]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION):
        explorer.compute()
        assert not cuda.math_sdp_enabled()
    assert explorer.eigenpairs.converged.all()
