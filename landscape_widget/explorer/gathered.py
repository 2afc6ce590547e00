"""The latest of each result, and which of them belong to one picture with its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings

#: Controls that pictures do not depend on.
_BESIDE = ("samples", "face", "lines")


@dataclass(frozen=True)
class Kept:
    """Some of the findings of one computation, with the controls that they were made for."""

    fields: Mapping[str, Any]
    """Values of findings by their names."""
    controls: Controls
    """Controls of the computation."""
    rests_on: Callable[[Controls], object]
    """What of the controls they depend on."""

    def fits(self, controls: Controls) -> bool:
        """Whether the same would be found for other controls."""
        return self.rests_on(self.controls) == self.rests_on(controls)


class Gathered:
    """What was found around one centre.

    While a computation for changed controls has no picture yet, the former one is the newest that there is.
    What is written of it, or drawn, is that picture with its own controls and what was found for these, and
    never half of either.
    """

    def __init__(self) -> None:
        """Begins with nothing."""
        self.latest = Findings()
        """The latest of each result, whatever controls it is of."""
        self.controls: Controls | None = None
        """The results that ``together`` is made of; None while there is nothing."""
        self._newest: dict[str, Kept] = {}
        self._fitting: dict[str, Kept] = {}

    def copied(self) -> Gathered:
        """What there is by now, whatever is added to this."""
        other = Gathered()
        other.latest, other.controls = copy(self.latest), self.controls
        other._newest, other._fitting = dict(self._newest), dict(self._fitting)
        return other

    def take(self, kept: Mapping[str, Kept], controls: Controls) -> None:
        """Adds what a computation has found so far.

        Args:
            kept: Findings, by the topic that they belong to.
            controls: The controls of the computation.
        """
        for one in kept.values():
            vars(self.latest).update(one.fields)
        self._newest |= kept
        drawn = [one.controls for one in self._newest.values() if one.fields.get("surface") is not None]
        picture = drawn[0] if drawn else controls
        # how many projections are asked for, which face is on show, and which lines, changes no picture
        self.controls = replace(picture, **{name: getattr(controls, name) for name in _BESIDE})
        known = {**self._fitting, **{n: one for n, one in self._newest.items() if one.fits(picture)}}
        self._fitting = {name: one for name, one in known.items() if one.fits(picture)}

    @property
    def together(self) -> Findings:
        """The picture, and all that was found for its controls."""
        found = Findings()
        for one in self._fitting.values():
            vars(found).update(one.fields)
        return found


def of_picture(controls: Controls) -> Controls:
    """What of the controls a picture depends on."""
    return replace(controls, **{name: getattr(Controls, name) for name in _BESIDE})
