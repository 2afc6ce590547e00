"""One process may serve several sessions: their explorers share nothing that a page asks for."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

from landscape_widget import LandscapeExplorer
from landscape_widget.explorer.page import ExplorerPage, shared

from ..support.gates import gated_saddle

Make = Callable[..., LandscapeExplorer]


class Session:
    """What a host has for each of its visitors."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.sent: list[str] = []

    def create_comm(self, **options: Any) -> BaseComm:
        session = self

        class Comm(BaseComm):
            def __init__(self, **options: Any) -> None:
                setattr(self, session.channel, session)
                super().__init__(**options)

            def publish_msg(self, *_: Any, **__: Any) -> None:
                session.sent.append(self.comm_id)

        return Comm(**options)


@pytest.fixture(params=["kernel", "comm_manager", "_stream"])
def visit(request: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Session], Session]:
    """Makes a session the present one."""

    def visit_(session: Session | None = None) -> Session:
        session = session or Session(request.param)
        monkeypatch.setattr(comm, "create_comm", session.create_comm)
        return session

    return visit_


def parts(explorer: LandscapeExplorer) -> set[str]:
    return {explorer._page.model_id, explorer._runtime.model_id, explorer.layout.model_id, explorer.model_id}


def test_every_session_gets_the_whole_page(visit: Callable[..., Session], make_explorer: Make) -> None:
    first = visit()
    one, two = (make_explorer(gated_saddle()[1]) for _ in range(2))
    second = visit()
    other = make_explorer(gated_saddle()[1])
    visit(first)
    back = make_explorer(gated_saddle()[1])
    assert one._page is two._page is back._page is not other._page
    assert one._runtime is two._runtime is back._runtime is not other._runtime
    assert parts(one) | parts(two) | parts(back) <= set(first.sent)
    assert parts(other) <= set(second.sent)
    assert not parts(other) & set(first.sent)


def test_a_session_that_has_gone_leaves_nothing(visit: Callable[..., Session]) -> None:
    visit()
    explorer = LandscapeExplorer(gated_saddle()[1])
    kept = [weakref.ref(one) for one in (explorer, explorer._page, explorer._runtime)]
    comms = [one.comm for one in (explorer, explorer._page, explorer._runtime, explorer.layout)]
    visit()
    del explorer
    for one in comms:
        one.close()
    del comms, one
    gc.collect()
    assert [reference() for reference in kept] == [None] * 3


def test_what_a_host_closes_underneath_opens_again_under_its_number(
    visit: Callable[..., Session], make_explorer: Make
) -> None:
    """As where the cell that made the first explorer is run again, and the second one is in another cell."""
    session = visit()
    explorer = make_explorer(gated_saddle()[1])
    number = explorer._page.model_id
    explorer._page.comm.close()
    session.sent.clear()
    other = make_explorer(gated_saddle()[1])
    assert other._page is explorer._page
    assert other._page.model_id == number
    assert number in session.sent


def test_where_the_explorer_itself_is_closed_there_is_a_new_page(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    explorer._page.close()
    assert make_explorer(gated_saddle()[1])._page.comm is not None
    assert shared(ExplorerPage, explorer) is not explorer._page
