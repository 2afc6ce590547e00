"""The core that asks for nodes and is told losses: whoever drives it, in any order, ends with the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landscape_widget.planes.grid import grid_axis
from landscape_widget.planes.refinement import Node, Refinement

ALPHA, BETA = grid_axis(-1.0, 1.0, 17), grid_axis(-0.5, 1.5, 17)


def wavy(a: float, b: float) -> float:
    return float(np.sin(3 * a) * np.exp(b) + (np.nan if a > 0.8 and b > 1 else 0))


def drive(refinement: Refinement, order: Any = None, at_once: int = 1000, most: int = 10**6) -> list[Node]:
    """Evaluates what is asked for, in parts and in an order of its own, up to a number of nodes."""
    told: list[Node] = []
    while len(told) < most and (nodes := refinement.ask()):
        if order is not None:
            order.shuffle(nodes)
        part = nodes[: min(at_once, most - len(told))]
        refinement.tell(part, [wavy(*refinement.point(node)) for node in part])
        told += part
    return told


def test_the_order_and_the_parts_of_what_is_told_do_not_matter() -> None:
    first, second = Refinement(ALPHA, BETA), Refinement(ALPHA, BETA)
    nodes = drive(first)
    again = drive(second, np.random.default_rng(0), at_once=7)
    assert sorted(nodes) == sorted(again)
    assert len(nodes) == len(set(nodes))
    assert np.array_equal(first.picture(), second.picture(), equal_nan=True)


@pytest.mark.parametrize("most", [1, 9, 40, 200])
def test_one_that_was_left_goes_on_from_its_cache(most: int) -> None:
    whole, cache = Refinement(ALPHA, BETA), {}
    nodes = drive(whole)
    first = drive(Refinement(ALPHA, BETA, cache), np.random.default_rng(1), at_once=3, most=most)
    resumed = Refinement(ALPHA, BETA, cache)
    assert sorted(first + drive(resumed)) == sorted(nodes)
    assert np.array_equal(whole.picture(), resumed.picture(), equal_nan=True)


def test_asking_again_asks_for_what_was_not_told() -> None:
    refinement = Refinement(ALPHA, BETA)
    nodes = refinement.ask()
    assert refinement.ask() == nodes
    refinement.tell(nodes[2:4], [0.0, 0.0])
    assert refinement.ask() == nodes[:2] + nodes[4:]


def test_the_centre_is_asked_for_first_and_the_picture_is_complete_from_the_first_sub_grid_on() -> None:
    refinement = Refinement(ALPHA, BETA)
    assert not refinement.has_picture
    nodes = refinement.ask()
    assert nodes[0] == (8, 8)
    refinement.tell(nodes, [1.0] * len(nodes))
    refinement.ask()
    assert refinement.has_picture
    assert np.isfinite(refinement.picture()).all()
