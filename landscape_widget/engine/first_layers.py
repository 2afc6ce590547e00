"""The first layers of a network are linear in (1, α, β): on one plane three passes suffice for them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import torch
from torch import Tensor, fx

from landscape_widget.engine.passes import end_at

_ATEN = torch.ops.aten
_SHAPES = {
    _ATEN.alias.default,
    _ATEN.clone.default,
    _ATEN.detach.default,
    _ATEN.expand.default,
    _ATEN.permute.default,
    _ATEN.slice.Tensor,
    _ATEN.squeeze.dim,
    _ATEN.t.default,
    _ATEN.transpose.int,
    _ATEN.unsqueeze.default,
    _ATEN.view.default,
    _ATEN._unsafe_view.default,
}
_SUMS = {_ATEN.add.Tensor, _ATEN.sub.Tensor}
#: The positions of the two factors and of what is added to their product.
_PRODUCTS: dict[Any, tuple[int, ...]] = {
    _ATEN.mm.default: (0, 1),
    _ATEN.bmm.default: (0, 1),
    _ATEN.addmm.default: (1, 2, 0),
    _ATEN.baddbmm.default: (1, 2, 0),
    _ATEN.convolution.default: (0, 1, 2),
}


class _Kind(Enum):
    """What a tensor depends on."""

    COEFFICIENTS = auto()
    BASIS = auto()
    DATA = auto()
    WEIGHTS = auto()
    """Linear in the coefficients, without the data."""
    LINEAR = auto()
    """Linear in the coefficients, and of the data."""
    OTHER = auto()


_IN_COEFFICIENTS = {_Kind.WEIGHTS, _Kind.LINEAR}


@dataclass(frozen=True)
class Split:
    """A program in two parts."""

    first: fx.Graph
    """Arguments (coefficients, basis, *data) → the first layers' results, linear in the coefficients."""
    rest: fx.Graph
    """Arguments (coefficients, basis, *data, *prepared) → what the whole program gives."""
    elements: int
    """Of all that is prepared."""


def split(graph: fx.Graph) -> Split | None:
    """Cuts a program behind what is linear in its first argument; None where nothing is that is made of data.

    Args:
        graph: Its arguments are coefficients of shape (points, 3), a basis of shape (3, N), and data.
    """
    kinds = _kinds(graph)
    coefficients = next(iter(graph.nodes))
    points = coefficients.meta["val"].shape[0]
    cuts = [
        node.name
        for node, kind in kinds.items()
        if kind is _Kind.LINEAR
        and any(kinds.get(user) is not _Kind.LINEAR for user in node.users)
        and (points == 1 or node.meta["val"].shape[:1] == (points,))
    ]
    if not cuts:
        return None
    first, rest = copy.deepcopy(graph), copy.deepcopy(graph)
    end_at(first, cuts)
    return Split(first, rest, 3 * sum(_begin_behind(rest, cut, points) for cut in cuts))


def prepare(first: fx.GraphModule, points: int, basis: Tensor, data: Sequence[Tensor]) -> list[Tensor]:
    """What the rest needs of a plane: the first layers at each of the three vectors, shapes (3, n)."""
    unit = torch.eye(3).to(basis)
    values = [first(row.expand(points, 3), basis, *data) for row in unit]
    return [
        torch.stack([value.reshape(points, -1)[0] for value in parts]) for parts in zip(*values, strict=True)
    ]


def _kinds(graph: fx.Graph) -> dict[fx.Node, _Kind]:
    kinds: dict[fx.Node, _Kind] = {}
    arguments = iter((_Kind.COEFFICIENTS, _Kind.BASIS))
    for node in graph.nodes:
        if node.op == "placeholder":
            kinds[node] = next(arguments, _Kind.DATA)
        elif node.op == "get_attr":
            kinds[node] = _Kind.DATA
        elif node.op == "call_function":
            kinds[node] = _kind(node, kinds)
    return kinds


def _kind(node: fx.Node, kinds: dict[fx.Node, _Kind]) -> _Kind:
    given = {kinds[used] for used in node.all_input_nodes}
    kind = _Kind.OTHER
    if given <= {_Kind.DATA}:
        kind = _Kind.DATA
    elif given == {_Kind.BASIS}:
        kind = _Kind.BASIS
    elif given == {_Kind.COEFFICIENTS, _Kind.BASIS}:
        if node.target is _ATEN.mm.default:
            kind = _Kind.WEIGHTS
    elif given <= _IN_COEFFICIENTS:
        summed = node.target in _SUMS and len(node.all_input_nodes) == 2
        if summed or node.target in _SHAPES:
            kind = _Kind.LINEAR if _Kind.LINEAR in given else _Kind.WEIGHTS
    elif node.target in _PRODUCTS and not node.kwargs:
        one, other, *added = (kinds.get(arg) for arg in _operands(node))
        if (one in _IN_COEFFICIENTS and other is _Kind.DATA) or (
            one is _Kind.DATA and other in _IN_COEFFICIENTS
        ):
            kind = _Kind.LINEAR if _IN_COEFFICIENTS.issuperset(added) else _Kind.OTHER
    return kind


def _operands(node: fx.Node) -> list[Any]:
    """The two factors of a product, and what is added to it, if anything."""
    return [node.args[i] for i in _PRODUCTS[node.target] if node.args[i] is not None]


def _begin_behind(graph: fx.Graph, cut: str, points: int) -> int:
    """Has a node's value made of what was prepared; returns its elements for one point."""
    (node,) = (node for node in graph.nodes if node.name == cut)
    arguments = [node for node in graph.nodes if node.op == "placeholder"]
    value = node.meta["val"]
    n = value.numel() // points
    with graph.inserting_after(arguments[-1]):
        prepared = graph.placeholder(f"prepared_{cut}")
    prepared.meta["val"] = value.new_empty(3, n)
    with graph.inserting_before(node):
        flat = graph.call_function(_ATEN.mm.default, (arguments[0], prepared))
        shaped = graph.call_function(_ATEN.view.default, (flat, list(value.shape)))
    flat.meta["val"], shaped.meta["val"] = value.new_empty(points, n), value.new_empty(value.shape)
    node.replace_all_uses_with(shaped)
    graph.eliminate_dead_code()
    return int(n)
