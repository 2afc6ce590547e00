"""What the page may ask to be done at points, message by message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landscape_widget.explorer.points import Points

#: Types of the messages that ``obey`` knows.
AT_POINTS = ("pin", "unpin", "recentre", "back", "update", "apply", "restore")


def obey(content: Mapping[str, Any], points: Points, request: int) -> None:
    """Does what a message of the page asks for; what lacks its numbers is no such message.

    Args:
        content: The message.
        points: Pins, centres and weights, on which it is done.
        request: Number of the last request.

    Raises:
        KeyError: If there is no such pin.
        RuntimeError: If it cannot be done now.
        ValueError: For coordinates that are no finite numbers.
    """
    match content:
        case {"type": "pin", "alpha": alpha, "beta": beta, "picture": [number, axes, n_examples]}:
            points.click(alpha, beta, (number, tuple(axes), n_examples))
        case {"type": "unpin", "pin": number}:
            points.pins.remove(number)
        case {"type": "recentre", "pin": number}:
            points.recentre(points.pins[number].theta, request)
        case {"type": "back"}:
            points.go_back(request)
        case {"type": "update"}:
            points.update(None, request)
        case {"type": "apply", "pin": number}:
            pin = points.pins[number]
            points.apply(points.displaced(pin.theta, pin.plane), f"pin {number}")
        case {"type": "restore", "force": force}:
            points.restore(bool(force))
