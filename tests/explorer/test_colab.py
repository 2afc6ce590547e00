"""What Colab asks of a widget, as far as it can be held to without Colab.

Its manager of third-party widgets is https://github.com/googlecolab/colab-cdn-widget-manager, and is to be
enabled in Python; and messages should not be large.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import comm
import pytest
from anywidget._util import enable_custom_widget_manager_once
from comm.base_comm import BaseComm

from landscape_widget import LandscapeExplorer
from landscape_widget.planes.grid import MAX_RESOLUTION

from ..support.gates import gated_saddle

Make = Callable[..., LandscapeExplorer]
WIDGET = "application/vnd.jupyter.widget-view+json"
MANAGER = "https://ssl.gstatic.com/colaboratory-static/widgets/colab-cdn-widget-manager/0/manager.min.js"


class Output(ModuleType):
    """``google.colab.output``, which is imported in Colab's kernels."""

    def __init__(self) -> None:
        super().__init__("google.colab.output")
        self._widgets = SimpleNamespace(_installed_url=None)

    def enable_custom_widget_manager(self) -> None:
        self._widgets._installed_url = MANAGER


def test_the_manager_of_third_party_widgets_is_enabled_and_named(
    monkeypatch: pytest.MonkeyPatch, make_explorer: Make
) -> None:
    output = Output()
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    enable_custom_widget_manager_once.cache_clear()  # once for a process
    try:
        explorer = make_explorer(gated_saddle()[1])
        assert output._widgets._installed_url == MANAGER
        data, metadata = explorer._repr_mimebundle_()
        assert data[WIDGET]["model_id"] == explorer.model_id
        assert metadata[WIDGET] == {"colab": {"custom_widget_manager": {"url": MANAGER}}}
    finally:
        enable_custom_widget_manager_once.cache_clear()


class Message(SimpleNamespace):
    """One from the kernel: its type, the number of its widget, its data and the sizes of its buffers."""

    @property
    def size(self) -> int:
        return len(json.dumps(self.data).encode()) + sum(self.buffers)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """All messages of widgets that are made from now on."""
    messages: list[Message] = []

    class Comm(BaseComm):
        _stream = object()  # of a session of its own, whose page and plotly.js are made anew

        def publish_msg(self, kind: str, data: Any = None, buffers: Any = None, **_: Any) -> None:
            sizes = [memoryview(buffer).nbytes for buffer in buffers or ()]
            messages.append(Message(kind=kind, widget=self.comm_id, data=data or {}, buffers=sizes))

    monkeypatch.setattr(comm, "create_comm", Comm)
    return messages


def test_messages_are_small_and_those_that_open_widgets_have_no_buffers(
    sent: list[Message], make_explorer: Make
) -> None:
    """Its manager passes no buffers on that come with the message by which a widget opens."""
    explorer = make_explorer(gated_saddle()[1], resolution=MAX_RESOLUTION).compute()
    other = make_explorer(gated_saddle()[1], resolution=51).compute()
    opening = {message.widget: message for message in sent if message.kind == "comm_open"}
    assert {explorer.model_id, explorer._page.model_id, explorer._runtime.model_id} <= set(opening)
    assert not any(message.buffers for message in opening.values())
    results = {
        one.model_id: max(
            message.size for message in sent if message.widget == one.model_id and message.kind == "comm_msg"
        )
        for one in (explorer, other)
    }
    # four bytes for a loss, and one that says whether it was evaluated; all else is small beside the picture
    assert results[explorer.model_id] == pytest.approx(5 * MAX_RESOLUTION**2, rel=0.05)
    assert results[explorer.model_id] < 1_350_000
    assert results[other.model_id] < 30_000
    assert max(message.size for message in opening.values()) < 1_900_000  # plotly.js, once for a session
    assert opening[other.model_id].size < 20_000
