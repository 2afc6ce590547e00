"""Pictures on their way to the page: one at a time, the newest wins, and what is small never waits."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from landscape_widget import LandscapeExplorer
from landscape_widget.explorer import in_flight, sending
from landscape_widget.explorer.in_flight import PATIENCE, InFlight
from landscape_widget.explorer.publisher import TOPICS, Publisher
from landscape_widget.export.news import News

from ..support.gates import HUNG, gated_saddle, settle
from ..support.logs import Log
from ..support.page import received, send

Make = Callable[..., LandscapeExplorer]

#: Traits that the page takes long to draw.
PICTURES = [topic.trait for topic in TOPICS if topic.drawn]


class Page:
    """What a page does, with a count of the pictures that it was sent and has not drawn."""

    def __init__(self, explorer: LandscapeExplorer, draws: bool = True) -> None:
        """``draws`` whether it acknowledges each picture at once."""
        self.explorer, self.draws = explorer, draws
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.undrawn: set[int] = set()
        self.most = 0
        self.final = Event()
        explorer.observe(self._take, names=PICTURES)
        self.say(type="shown")

    def say(self, **content: Any) -> None:
        """Sends a message to the kernel."""
        send(self.explorer, **content)

    def draw(self) -> None:
        """Draws what has come, as the browser does after a while."""
        for number in sorted(self.undrawn):
            self.undrawn.discard(number)
            self.say(type="drawn", number=number)

    def sent(self, trait: str) -> list[dict[str, Any]]:
        """The payloads of a trait, in the order in which they came."""
        return [payload for name, payload in self.came if name == trait]

    def _take(self, change: Any) -> None:
        if change.new is None:
            return
        self.came.append((change.name, change.new))
        self.undrawn.add(change.new["sent"])
        self.most = max(self.most, len(self.undrawn))
        if received(self.explorer, "_surface") and received(self.explorer, "_surface")["final"]:
            self.final.set()
        if self.draws:
            self.draw()


class Clock:
    """Time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def flight() -> tuple[InFlight, Clock]:
    clock = Clock()
    return InFlight(clock), clock


def test_without_a_page_nothing_is_waited_for() -> None:
    pictures, _ = flight()
    assert [pictures.send(), pictures.send()] == [1, 2]
    assert pictures.free
    assert not pictures.late


def test_a_picture_is_on_its_way_until_it_is_acknowledged() -> None:
    pictures, _ = flight()
    pictures.hear()
    assert pictures.free
    number = pictures.send()
    assert not pictures.free
    pictures.acknowledge(number)
    assert pictures.free


def test_an_acknowledgement_of_an_older_picture_tells_nothing() -> None:
    """As that of the slower one of two views."""
    pictures, _ = flight()
    pictures.hear()
    first = pictures.send()
    pictures.acknowledge(first)
    second = pictures.send()
    pictures.acknowledge(first)
    assert not pictures.free
    pictures.acknowledge(second)
    pictures.acknowledge(second)
    assert pictures.free


def test_an_acknowledgement_is_late_after_a_while() -> None:
    pictures, clock = flight()
    pictures.hear()
    pictures.send()
    clock.now = 0.99 * PATIENCE
    assert not pictures.late
    clock.now = PATIENCE
    assert pictures.late
    number = pictures.send()
    assert not pictures.late
    pictures.acknowledge(number)
    clock.now = 10 * PATIENCE
    assert not pictures.late


@pytest.mark.parametrize("face", ["projections", "spectrum", "trace"])
def test_never_two_pictures_at_once_and_every_last_one_comes(make_explorer: Make, face: str) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=33, face=face, compared_axes=("random", "random"))
    explorer._publisher._throttle._interval = 0.0
    page = Page(explorer)
    explorer.wait(HUNG)
    assert page.most == 1
    assert len(page.sent("_surface")) > 1
    shown = {name for name, _ in page.came}
    assert shown == {"_surface", "_compared", "_projections", "_spectrum"} | ({"_trace"} & {f"_{face}"})
    assert all(page.sent(trait)[-1]["final"] for trait in shown)


def test_of_what_waits_the_newest_comes_and_small_messages_do_not_wait(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=33)
    explorer._publisher._throttle._interval = 0.0
    page = Page(explorer, draws=False)
    settle(explorer)
    assert len(page.came) == 1
    assert explorer.status == "done"
    assert explorer.progress["fraction"] == 1.0
    assert received(explorer, "_eigenpairs")["final"]
    while page.undrawn:
        page.draw()
    # the one that was on its way, and of all that came after it the last
    assert len(page.sent("_surface")) == 2
    assert page.sent("_surface")[-1]["final"]
    assert len(page.sent("_projections")) == 1
    assert page.most == 1


def test_no_acknowledgement_at_all_stops_nothing(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (in_flight, sending):
        monkeypatch.setattr(module, "PATIENCE", 0.01)
    explorer = make_explorer(gated_saddle()[1], resolution=33)
    page = Page(explorer, draws=False)
    explorer.wait(HUNG)
    assert page.final.wait(HUNG)


def test_what_is_late_is_sent_one_picture_at_a_time(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=5, face="spectrum").compute()
    news = News(explorer._publisher.latest, explorer._chosen(), 1, 0.0, 1.0, 0.0, ("objective",))
    pictures, clock = flight()
    pictures.hear()
    publisher = Publisher(0.0, pictures)

    def sent() -> list[str]:
        return [
            trait for trait, payload in publisher.updates(news, flush=True) if payload and trait in PICTURES
        ]

    came = sent()
    for _ in range(2):
        assert publisher.holds
        assert sent() == []
        clock.now += PATIENCE
        came += sent()
    assert sorted(came) == ["_projections", "_spectrum", "_surface"]
    assert not publisher.holds


def test_an_observer_that_fails_keeps_no_later_picture_back(make_explorer: Make, caplog: Log) -> None:
    """As it would once no computation is there to fail by it."""
    explorer = make_explorer(gated_saddle()[1], resolution=33)
    page = Page(explorer, draws=False)
    settle(explorer)

    def fails(change: Any) -> None:
        raise ValueError("no room")

    explorer.observe(fails, "_projections")
    while page.undrawn:
        page.draw()
    assert explorer.status == "done"
    assert page.sent("_surface")[-1]["final"]
    assert page.sent("_projections")
    assert "no room" in caplog.text


def test_the_table_is_of_the_picture_that_is_on_its_way(make_explorer: Make) -> None:
    """Though the page shows a former one until then; that picture leaves the table where it is."""
    explorer = make_explorer(gated_saddle()[1], resolution=5)
    page = Page(explorer)
    explorer.wait(HUNG)
    page.draws = False
    number = explorer._publisher.flight.send()  # there is no room for what follows
    explorer.domain = (-2.0, 2.0, -1.0, 1.0)
    settle(explorer)
    page.say(type="table")
    explorer.wait(HUNG)
    assert received(explorer, "_surface")["request"] == 1
    page.say(type="drawn", number=number)
    while page.undrawn:
        page.draw()
    assert received(explorer, "_surface")["request"] == 2
    assert received(explorer, "_pins")["table"]
    explorer.domain = (-1.0, 1.0, -1.0, 1.0)
    while received(explorer, "_surface")["request"] == 2:
        settle(explorer)
        page.draw()
    assert not received(explorer, "_pins")["table"]


def test_a_page_that_comes_later_is_waited_for(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=33)
    explorer.compute()
    page = Page(explorer, draws=False)
    explorer.domain = (-2.0, 2.0, -2.0, 2.0)
    settle(explorer)
    assert len(page.came) == 1


def test_what_is_held_of_a_former_request_never_comes(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], resolution=33)
    page = Page(explorer, draws=False)
    settle(explorer)
    explorer.resolution = 5
    settle(explorer)
    while page.undrawn:
        page.draw()
    numbers = [payload["request"] for payload in page.sent("_surface")]
    assert numbers == [1, 2]
    assert page.sent("_surface")[-1]["final"]


@pytest.mark.parametrize("draws", [True, False])
def test_no_picture_comes_after_cancel(make_explorer: Make, draws: bool) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, resolution=33)
    explorer._publisher._throttle._interval = 0.0
    page = Page(explorer, draws)
    settle(explorer)
    page.draw()
    gate.hold(after=40)
    explorer.domain = (-2.0, 2.0, -2.0, 2.0)
    assert gate.reached.wait(HUNG)
    page.say(type="cancel")
    came = len(page.came)
    gate.go.set()
    settle(explorer)
    page.draw()
    assert explorer.status == "cancelled"
    assert len(page.came) == came
