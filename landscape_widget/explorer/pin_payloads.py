"""Pins as the page receives them."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_widget.explorer.centres import Centres
from landscape_widget.explorer.pins import Pins
from landscape_widget.export import point_payloads as wire
from landscape_widget.export.payloads import Payload
from landscape_widget.results.planes import Plane


class PinPayloads:
    """A payload for each pin, made anew where it, what is known of it, or the planes on show are others."""

    def __init__(self) -> None:
        """Knows none yet."""
        self._rows: dict[int, tuple[tuple[object, ...], Payload]] = {}

    def of(self, pins: Pins, centres: Centres, shown: Sequence[Plane | None]) -> list[Payload]:
        """All pins, on the planes on show."""
        rows, centred = {}, dict[int, bool]()
        for pin in pins.all:
            if id(pin.plane) not in centred:
                centred[id(pin.plane)] = centres.is_origin(pin.plane)
            state = pin, pin.values, pin.error, *shown, centred[id(pin.plane)]
            row = self._rows.get(pin.number)
            if row is None or any(a is not b for a, b in zip(row[0], state, strict=True)):
                row = state, wire.pin(pin, shown, centred[id(pin.plane)])
            rows[pin.number] = row
        self._rows = rows
        return [payload for _, payload in rows.values()]
