"""Long use: many moves, explorers and pins; and a model that hangs. Nothing leaks, pictures stay right."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.study.known import MOST_NODES

from ..support.gates import HUNG, finish, finish_pin, gated_saddle, saddle

Make = Callable[..., LandscapeExplorer]

PLANE: dict[str, Any] = {"axes": ("random", "random"), "resolution": 5, "samples": 1}


def moves(seed: int, count: int) -> list[tuple[str, Any]]:
    """What a person does to sliders and lists."""
    drawn, found = Random(seed), []
    for _ in range(count):
        width = drawn.choice([0.1, 0.25, 0.5, 1.0, 2.0])
        found.append(
            drawn.choice(
                [
                    ("domain", (-width, width, -width, width)),
                    ("resolution", drawn.choice([3, 5, 7])),
                    ("seed", drawn.randrange(5)),
                    ("axes", drawn.choice([("random", "random"), ("random", "hessian:max")])),
                    ("accuracy", drawn.choice([0.0, 0.01])),
                ]
            )
        )
    return found


def test_a_thousand_moves_from_two_tabs(make_explorer: Make) -> None:
    """The last picture is that of an explorer which was never moved, bit for bit."""
    explorer = make_explorer(gated_saddle()[1], **PLANE)
    explorer._submit("surface")

    def tab(seed: int) -> None:
        for name, value in moves(seed, 500):
            setattr(explorer, name, value)

    with ThreadPoolExecutor(2) as tabs:
        for moved in [tabs.submit(tab, seed) for seed in (1, 2)]:
            moved.result(HUNG)
    explorer.wait(HUNG)
    chosen = {name: getattr(explorer, name) for name in ("axes", "domain", "resolution", "seed", "accuracy")}
    alone = make_explorer(gated_saddle()[1], samples=1, **chosen).compute("surface")
    np.testing.assert_array_equal(explorer.surface.loss, alone.surface.loss)
    np.testing.assert_array_equal(explorer.surface.done, alone.surface.done)
    assert sum(map(len, explorer._study.known.losses.values())) <= MOST_NODES
    assert len(explorer._errands) <= 1


def test_many_explorers_opened_and_closed() -> None:
    before = {thread.ident for thread in threading.enumerate()}
    freed = []
    for _ in range(30):
        explorer = LandscapeExplorer(gated_saddle()[1], **{**PLANE, "resolution": 3}).compute("surface")
        freed.append(weakref.ref(explorer._study.objective))
        explorer.close()
        explorer._worker._thread.join(HUNG)
    del explorer
    gc.collect()
    assert {thread.ident for thread in threading.enumerate()} <= before
    assert not any(reference() for reference in freed)


def test_many_pins(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], **PLANE).compute("surface")
    plane = explorer.plane
    places = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    pins = [explorer.pin(*map(float, place)) for place in places]
    for pin in pins:
        finish_pin(explorer, pin)
    assert len(explorer.pins) == 40
    for pin, place in zip(pins, places, strict=True):
        expected = saddle(torch.from_numpy(plane.point(*place))).item()
        assert pin.values.train.loss == pytest.approx(expected, rel=1e-12)
    for pin in pins:
        explorer.unpin(pin.number)
    assert explorer.pins == ()


def test_a_forward_that_hangs_leaves_the_rest_usable(make_explorer: Make, tmp_path: Path) -> None:
    """What a file needs of the model is known from the first one on, which takes a forward."""
    hangs, reached, go = Event(), Event(), Event()
    hung = []

    def f(theta: Tensor) -> Tensor:
        if hangs.is_set():
            hung.append(threading.current_thread())
            reached.set()
            assert go.wait(HUNG)
        return saddle(theta)

    explorer = make_explorer(Objective.from_function(f, torch.ones(5, dtype=torch.float64)), **PLANE)
    explorer.compute("surface")
    shown = explorer.surface
    explorer.save(tmp_path / "run.npz")
    hangs.set()
    explorer.domain = (-3.0, 3.0, -3.0, 3.0)
    request = explorer._request
    assert reached.wait(HUNG)
    explorer.save(tmp_path / "run.npz")
    explorer.to_html(tmp_path / "run.html")
    assert "computing" in repr(explorer)
    explorer.cancel()
    explorer.seed = 7
    other = make_explorer(gated_saddle()[1], **PLANE).compute("surface")
    assert other.surface.final
    again = make_explorer(gated_saddle()[1]).load(tmp_path / "run.npz")
    np.testing.assert_array_equal(again.surface.loss, shown.loss)
    assert len(hung) == 1, "nothing but the explorer's own thread waits for the model"
    hangs.clear()
    go.set()
    finish(request)
    explorer.wait(HUNG)
    assert explorer.status == "done"
