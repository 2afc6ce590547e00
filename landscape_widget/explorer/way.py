"""The way to a centre in a file: what is held of it there, and how one goes on from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from landscape_widget.explorer.centres import Centres
from landscape_widget.explorer.model_weights import arrays_of, tensors_of
from landscape_widget.explorer.spots import Spot, vector_of
from landscape_widget.numerics.vectors import norm
from landscape_widget.paths.index import Recorded
from landscape_widget.paths.stored import Held
from landscape_widget.study.known import Known
from landscape_widget.study.study import Study


def way_of(centres: Centres) -> dict[str, Any]:
    """What a file holds of the way to the present centre, nothing where it is the first one.

    That is where it came by, what was found where it began, and the weights themselves where neither the
    model nor a trajectory has them in the next session.
    """
    spot, begun = centres.present, centres.begun
    if spot is begun:
        return {}
    passed = [begun, centres.spots.first, *(one.spot for one in centres.stack[:-1])]
    way: dict[str, Any] = {"from": [one.digest for one in passed], "known": begun.known.saved()}
    if spot.theta is not None or spot.recorded in (*centres.landmarks.taken, centres.landmarks.aside):
        way["theta"] = vector_of(centres.study.objective)
        if spot.recorded is not begun.recorded:
            way["state"] = arrays_of(centres.spots.state(spot.recorded))
    return way


def by_way(centres: Centres, way: Mapping[str, Any]) -> Study | None:
    """The study of the centre that a way of a file leads to; None where it does not come by here."""
    return centres.spots.made(_beyond(centres, way)) if centres.present.digest in way["from"] else None


def _beyond(centres: Centres, way: Mapping[str, Any]) -> Spot:
    recorded, theta = centres.present.recorded, way["theta"]
    if "state" in way:
        recorded = Recorded(Held(tensors_of(way["state"])), recorded.step, told=False)
    return Spot(recorded, theta, norm(theta - vector_of(centres.study.objective)))


@contextmanager
def replaced(
    centres: Centres,
    study: Study,
    number: int | None = None,
    way: Mapping[str, Any] | None = None,
    begun: Mapping[str, Known] | None = None,
) -> Iterator[None]:
    """Puts another study in the place of the present one, and back if what is done under it fails.

    Args:
        centres: Those that lead to the present one.
        study: It may be that of a checkpoint.
        number: Number of that one; None for the last one.
        way: The way of a file to another centre, which then is one to go back from.
        begun: What a file holds of where its way began, by the digest of that.
    """
    centres.check_open()
    stack, first = [*centres.stack], centres.begun
    before = stack[-1]
    here = (centres.last if number is None else number) == centres.number
    there = before.spot if way is None and here else None
    spot = there or (centres.spots.at(number) if way is None else _beyond(centres, way))
    former = [(one, one.study, one.known) for one in (spot, first)]
    if begun and first is not spot and not first.known.losses_at_theta:
        first.leave()
        first.known = begun.get(first.digest, first.known)
    spot.study, spot.known = study, study.known
    centres.spots.enter(spot)
    centres.stack[-1 if way is None else len(stack) :] = [replace(before, spot=spot)]
    try:
        yield
    except BaseException:
        # an observer may have moved on, or closed
        if centres.stack and centres.study is study:
            for one, its_study, known in former:
                one.study, one.known = its_study, known
            centres.spots.enter(before.spot)
            centres.stack[:] = stack
        raise
