"""``wait``: until everything that was asked for is done."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from landscape_widget import LandscapeExplorer

from ..support.gates import HUNG, gated_saddle
from ..support.page import received, send

Make = Callable[..., LandscapeExplorer]


def shown(explorer: LandscapeExplorer) -> None:
    """The page shows it, which starts a computation."""
    send(explorer, type="shown")


def on_a_thread(f: Callable[[], Any]) -> Thread:
    thread = Thread(target=f, daemon=True)
    thread.start()
    return thread


def test_nothing_was_asked_for(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    assert explorer.wait() is explorer
    assert explorer.surface is None


def test_it_waits_for_the_computation(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    shown(explorer)
    assert explorer.wait(HUNG) is explorer
    assert explorer.status == "done"
    explorer.resolution = 7
    assert explorer.wait(HUNG).surface.loss.shape == (7, 7)


def test_it_waits_for_pins_and_the_table(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    pins = [explorer.pin(0.1 * i, 0.1) for i in range(3)]
    send(explorer, type="table")
    explorer.wait(HUNG)
    assert all(pin.done for pin in pins)
    assert received(explorer, "_pins")["table"]


@pytest.mark.parametrize("what", ["computation", "pin", "table"])
def test_it_gives_up_in_time_and_nothing_is_lost(make_explorer: Make, what: str) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective).compute()
    gate.hold()
    if what == "computation":
        explorer.axes = ("random", "random")
    elif what == "pin":
        explorer.pin(0.1, 0.1)
    else:
        send(explorer, type="table")
    assert gate.reached.wait(HUNG)
    with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        explorer.wait(0.01)
    with pytest.raises(TimeoutError):
        explorer.wait(0)
    gate.go.set()
    assert explorer.wait(HUNG) is explorer


@pytest.mark.parametrize("timeout", [-1, float("nan"), "soon", True])
def test_a_timeout_that_is_none(make_explorer: Make, timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout"):
        make_explorer(gated_saddle()[1]).wait(timeout)


def test_a_failure_is_raised_with_its_cause(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.fail(MemoryError("broken"), after=10)
    shown(explorer)
    with pytest.raises(RuntimeError, match="broken") as caught:
        explorer.wait(HUNG)
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_fault_at_a_pin_stays_there(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective).compute()
    gate.fail(MemoryError("broken"))
    pin = explorer.pin(0.1, 0.1)
    explorer.wait(HUNG)
    assert "broken" in pin.error


def test_a_cancelled_computation_is_told(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=10)
    shown(explorer)
    assert gate.reached.wait(HUNG)
    explorer.cancel()
    gate.go.set()
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.wait(HUNG)


@pytest.mark.parametrize("name", ["status", "_pins"])
def test_it_is_refused_inside_an_observer(make_explorer: Make, name: str) -> None:
    explorer = make_explorer(gated_saddle()[1])
    told: list[str] = []

    def observer(_: Any) -> None:
        try:
            explorer.wait()
        except RuntimeError as error:
            told.append(str(error))

    explorer.compute()
    explorer.observe(observer, name)
    explorer.pin(0.1, 0.1)
    explorer.resolution = 7
    explorer.unobserve(observer, name)
    explorer.wait(HUNG)
    assert told
    assert all("wait() outside of observers" in words for words in told)


@pytest.mark.parametrize("computed", [True, False])
def test_a_closed_explorer_says_so(make_explorer: Make, computed: bool) -> None:
    explorer = make_explorer(gated_saddle()[1])
    if computed:
        explorer.compute()
    explorer.close()
    with pytest.raises(RuntimeError, match="got a closed one"):
        explorer.wait()


def test_closing_ends_it(make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective)
    gate.hold(after=10)
    shown(explorer)
    assert gate.reached.wait(HUNG)
    told: list[RuntimeError] = []

    def waits() -> None:
        try:
            explorer.wait()
        except RuntimeError as error:
            told.append(error)

    thread = on_a_thread(waits)
    explorer.close()
    thread.join(HUNG)  # although the loss is still at work
    assert "closed" in str(told[0])
    gate.go.set()
