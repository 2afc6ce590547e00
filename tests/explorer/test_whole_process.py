"""Two explorers compute at once, and nothing that belongs to the whole process is another one meanwhile.

The main thread looks, and a new one does, while an explorer's thread stands still inside a model or an
observer: what is set for a call alone and put back afterwards is seen as well.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.backends import cuda

from landscape_widget import LandscapeExplorer

from ..support.gates import HUNG, finish_pin
from .switches import in_new_thread, look

for module in ("scipy.special", "torch.fx.experimental.symbolic_shapes"):
    import_module(module)  # before anybody looks: what loading them on the way changes is in tests/project

Make = Callable[..., LandscapeExplorer]
Seen = dict[str, tuple[Any, Any]]


class Asking:
    """Has the main thread look and stands still until it has, at the first calls and then now and then."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[Event | None] = SimpleQueue()
        self.on = False
        self.calls: Counter[str] = Counter()
        self.then: Callable[[], None] = lambda: None
        """Called from some moment on."""

    def __call__(self, place: str) -> None:
        if not self.on:
            return
        self.calls[place] += 1
        if self.calls[place] <= 6 or self.calls[place] % 100 == 0:
            looked = Event()
            self.asked.put(looked)
            assert looked.wait(HUNG)
        if self.calls[place] > 40:
            self.then()

    def __deepcopy__(self, memo: dict[int, Any]) -> Asking:
        return self

    def during(self, *calls: Callable[[], Any]) -> list[Seen]:
        """What the main thread sees while the calls go on, each in a thread."""
        seen = []
        self.on = True
        with ThreadPoolExecutor(len(calls)) as threads:
            futures = [threads.submit(call) for call in calls]
            for future in futures:
                future.add_done_callback(lambda _: self.asked.put(None))
            left = len(futures)
            while left:
                looked = self.asked.get(timeout=HUNG)
                if looked is None:
                    left -= 1
                else:
                    seen.append(look())
                    looked.set()
        self.on = False
        for future in futures:
            future.result()
        return seen


class Asked(nn.Module):
    """Asks before and after the module that it wraps."""

    def __init__(self, inner: nn.Module, ask: Asking) -> None:
        super().__init__()
        self.inner, self.ask = inner, ask

    def forward(self, x: Tensor) -> Tensor:
        self.ask(f"{type(self.inner).__name__}, before")
        x = self.inner(x)
        self.ask(f"{type(self.inner).__name__}, after")
        return x


def explorers(make: Make, ask: Asking) -> list[LandscapeExplorer]:
    """One of attention, which torch has switches for, and one with all else that can be asked for."""
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
    attending = nn.Sequential(Asked(nn.TransformerEncoder(layer, 1), ask), nn.Flatten(), nn.Linear(20, 3))
    dense = nn.Sequential(Asked(nn.Linear(4, 6), ask), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    y = torch.arange(24) % 3
    options = {"face": "trace", "resolution": 5}
    second = {
        "test_loader": (torch.randn(24, 4), y),
        "batch_norm": "recomputed",
        "compared_axes": ("random", "random:filter"),
        "compared_split": "difference",
    }
    pair = [
        make(attending.eval(), (torch.randn(24, 5, 4), y), nn.CrossEntropyLoss(), **options),
        make(dense.eval(), (torch.randn(24, 4), y), nn.CrossEntropyLoss(), **options, **second),
    ]
    for explorer in pair:
        explorer.observe(lambda change: ask(change.name), ["status", "progress", "_surface", "_trace"])
    return pair


def all_else(explorer: LandscapeExplorer, path: Path) -> None:
    finish_pin(explorer, explorer.pin(0.1, 0.1))
    explorer.table()
    explorer.face = "projections"
    explorer.recentre(0.01, 0.0)
    explorer.compute()
    explorer.save(path)
    explorer.load(path)
    explorer.go_back()
    explorer.close()


def compute(explorer: LandscapeExplorer) -> None:
    with suppress(RuntimeError):  # where it is cancelled or fails
        explorer.compute()


@pytest.fixture
def settings_of_a_user() -> Iterator[None]:
    """Counts of threads that no thread of ours has, and the kernels of a new process."""
    torchs, limiter = torch.get_num_threads(), ThreadpoolController().select(user_api="blas")
    blas = {library["filepath"]: library["num_threads"] for library in limiter.info()}
    # threadpoolctl hears one thread alone about a BLAS, as long as that lives: here one that ends
    in_new_thread(lambda: limiter.limit(limits=2))
    torch.set_num_threads(1 + (os.cpu_count() or 1))
    cuda.enable_flash_sdp(True)
    cuda.enable_mem_efficient_sdp(True)
    yield
    torch.set_num_threads(torchs)
    in_new_thread(lambda: limiter.limit(limits=blas))


def changed(before: Seen, later: list[Seen]) -> dict[str, Any]:
    """What is another one at some time, as it was and as it then is."""
    return {
        name: (before[name], seen[name]) for seen in later for name in before if seen[name] != before[name]
    }


@pytest.mark.usefixtures("settings_of_a_user")
@pytest.mark.parametrize("end", ["done", "cancelled", "failed"])
def test_nothing_of_the_process_changes(
    make_explorer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("landscape_widget.study.budget.TRACE_SAMPLES", 4)

    def cancel() -> None:
        for explorer in pair:
            explorer.cancel()

    def fail() -> None:
        raise MemoryError("broken")

    ask = Asking()
    pair = explorers(make_explorer, ask)
    if end != "done":
        ask.then = cancel if end == "cancelled" else fail
    look()  # sets up what is set up when it is first asked for
    before = look()
    during = ask.during(*(partial(compute, explorer) for explorer in pair))
    assert {explorer.status for explorer in pair} == {end}
    assert len(during) > 20
    if end == "done":
        during += ask.during(*(partial(all_else, e, tmp_path / f"{i}.npz") for i, e in enumerate(pair)))
    assert changed(before, [*during, look()]) == {}


def test_a_user_s_choice_of_kernels_is_left_alone(make_explorer: Make) -> None:
    explorer = explorers(make_explorer, Asking())[0]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION):
        explorer.compute("eigenpairs")
        assert not cuda.math_sdp_enabled()
    assert explorer.eigenpairs.converged.all()
