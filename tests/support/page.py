"""The page of an explorer as a test plays it: what it receives, by names on the wire, and what it says."""

from __future__ import annotations

from typing import Any

from landscape_widget import LandscapeExplorer


def received(explorer: LandscapeExplorer, name: str) -> Any:
    """What stands in a trait, such as "_surface", for the page to read."""
    return explorer.get_state(name)[name]


def update(explorer: LandscapeExplorer, **state: Any) -> None:
    """The page saves its changes."""
    _hear(explorer, {"method": "update", "state": state, "buffer_paths": []})


def send(explorer: LandscapeExplorer, **content: Any) -> None:
    """The page sends a message."""
    _hear(explorer, {"method": "custom", "content": content})


def _hear(explorer: LandscapeExplorer, data: dict[str, Any]) -> None:
    explorer.comm.handle_msg({"content": {"data": data}, "buffers": []})
