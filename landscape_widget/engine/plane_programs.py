"""Losses at points of a plane as straight-line programs, recorded once for all batches of a shape."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, fx

from landscape_widget.engine.first_layers import split
from landscape_widget.engine.passes import (
    changed_in_place,
    end_at,
    fuse,
    lay_examples_last,
    pool_by_maxima,
    work_in_place,
    work_late,
)
from landscape_widget.engine.recorder import peak_bytes, recorded


class Stages:
    """A function of (coefficients, basis, *data) in two steps, of which the first needs no data.

    They hold no state: several threads may run them at once.
    """

    def __init__(self, constants: dict[str, Tensor], weights: fx.Graph, rest: fx.Graph) -> None:
        """Takes graphs as ``weights`` and ``rest`` describe; they become programs when first asked for."""
        self._constants = constants
        self._weights, self._rest = weights, rest

    @cached_property
    def weights(self) -> fx.GraphModule:
        """(coefficients, basis) → what is worked out once for several batches; nothing for a single one."""
        return fx.GraphModule(self._constants, self._weights)

    @cached_property
    def rest(self) -> fx.GraphModule:
        """(coefficients, basis, *data, *weights) → the result."""
        return fx.GraphModule(self._constants, self._rest)

    @property
    def peak_bytes(self) -> int:
        """Most bytes that intermediate results take, weights included."""
        return peak_bytes(self._weights) + peak_bytes(self._rest)

    def __call__(self, coefficients: Tensor, basis: Tensor, *data: Tensor) -> Tensor:
        """Both, one after the other."""
        result: Tensor = self.rest(coefficients, basis, *data, *self.weights(coefficients, basis))
        return result


class PlaneProgram:
    """A function of (coefficients, basis, *data), whole, or cut behind what is the same on all of a plane."""

    def __init__(self, graph: fx.Graph, constants: dict[str, Tensor], batches: int) -> None:
        """Takes its graph; ``batches`` of its shape are to share their weights."""
        self._graph, self._constants, self._batches = graph, constants, batches
        self._parts = split(graph)

    @cached_property
    def whole(self) -> Stages:
        """All of it."""
        return _stages(copy.deepcopy(self._graph), self._constants, self._batches > 1)

    @cached_property
    def first(self) -> fx.GraphModule | None:
        """What ``first_layers.prepare`` runs, where something can be prepared."""
        return fx.GraphModule(self._constants, self._parts.first) if self._parts else None

    @cached_property
    def behind(self) -> Stages | None:
        """The rest, with what was prepared as further data."""
        if self._parts is None:
            return None
        return _stages(self._parts.rest, self._constants, self._batches > 1)

    @property
    def prepared_elements(self) -> int:
        """Numbers that are prepared for a plane."""
        return self._parts.elements if self._parts else 0

    @property
    def peak_bytes(self) -> int:
        """Most bytes that intermediate results take, without what is prepared."""
        return (self.behind or self.whole).peak_bytes


def record(
    f: Callable[..., Tensor], coefficients: Tensor, basis: Tensor, *data: Tensor, batches: int = 1
) -> PlaneProgram:
    """``f`` as a program for arguments of these shapes, tidied.

    Args:
        f: (coefficients, basis, *data) → losses.
        coefficients: Of shape (points, 3).
        basis: θ*, η and δ, shape (3, N).
        data: Of one batch.
        batches: How many of this shape there are.

    Raises:
        ValueError: Where ``f`` looks at values in order to decide what to do.
        Exception: Whatever torch raises where it cannot batch ``f``.
    """
    with torch.no_grad():
        graph, constants = recorded(f, coefficients, basis, *data)
    pool_by_maxima(graph)
    return PlaneProgram(graph, constants, batches)


def _stages(graph: fx.Graph, constants: dict[str, Tensor], weights_apart: bool) -> Stages:
    fuse(graph)
    lay_examples_last(graph, _made_of_weights(graph))
    made = _made_of_weights(graph)
    weights = copy.deepcopy(graph)
    borders = [node for node in made if any(user not in made for user in node.users)] if weights_apart else []
    end_at(weights, [node.name for node in borders])
    for data in _arguments(weights)[2:]:
        weights.erase_node(data)
    for node in borders:
        with graph.inserting_after(_arguments(graph)[-1]):
            given = graph.placeholder(f"weights_{node.name}")
        given.meta = dict(node.meta)
        node.replace_all_uses_with(given)
    graph.eliminate_dead_code()
    work_late(graph, made)
    for part in (weights, graph):
        work_in_place(part)
        part.lint()
    return Stages(constants, weights, graph)


def _made_of_weights(graph: fx.Graph) -> dict[fx.Node, None]:
    """The nodes that follow from the first two arguments alone; none where such are changed in place."""
    arguments = _arguments(graph)[:2]
    made: dict[fx.Node, None] = dict.fromkeys(arguments)
    for node in graph.nodes:
        if node.op == "call_function" and node.all_input_nodes and made.keys() >= {*node.all_input_nodes}:
            made[node] = None
    if changed_in_place(graph.nodes) & made.keys():
        return {}
    for argument in arguments:
        del made[argument]
    return made


def _arguments(graph: fx.Graph) -> list[fx.Node]:
    return [node for node in graph.nodes if node.op == "placeholder"]
