"""Changes of a recorded graph that leave its results what they are, and parts of it."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload

_ATEN = torch.ops.aten
#: Their results take no memory of their own.
VIEWS = (_ATEN.view.default, _ATEN._unsafe_view.default, _ATEN.expand.default)


def changes_its_argument(node: fx.Node) -> bool:
    """Whether a node works in place."""
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def _shape(node: Any) -> torch.Size | None:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return value.shape if isinstance(value, Tensor) else None


def changed_in_place(nodes: Iterable[fx.Node]) -> set[fx.Node]:
    """The nodes whose memory some of ``nodes`` write to."""
    return {origin(node.args[0]) for node in nodes if changes_its_argument(node)}


def origin(node: Any) -> fx.Node:
    """The node whose memory a view belongs to."""
    while node.op == "call_function" and (
        node.target is operator.getitem
        or any(value.alias_info is not None for value in node.target._schema.returns)
    ):
        node = node.args[0]
    origin: fx.Node = node
    return origin


def drop_what_changes_nothing(graph: fx.Graph) -> None:
    """Views of the same shape, transposes of transposes, products with 1 and the like.

    Batching and differentiation leave them behind.
    """
    changed = changed_in_place(graph.nodes)
    for node in list(graph.nodes):
        if node.op != "call_function" or not node.all_input_nodes:
            continue
        same = _same_memory(node) or _same_values(node, changed)
        if same is not None:
            node.replace_all_uses_with(same)
            graph.erase_node(node)
    graph.eliminate_dead_code()


def _same_memory(node: fx.Node) -> fx.Node | None:
    """What the node is another name of."""
    source = node.all_input_nodes[0]
    same_shape = node.target in VIEWS and _shape(source) is not None and _shape(source) == _shape(node)
    if same_shape or node.target is _ATEN.detach.default:
        return source
    if node.target is source.target is _ATEN.t.default:
        return source.all_input_nodes[0]
    return None


def _same_values(node: fx.Node, changed: set[fx.Node]) -> fx.Node | None:
    """What the node is a copy of, where neither it nor what it is made of is changed in place."""
    if changed & {node, *map(origin, node.all_input_nodes)}:
        return None
    if node.target is _ATEN.mul.Scalar and node.args[1] == 1:
        return node.all_input_nodes[0]
    if node.target is _ATEN.mul.Tensor:
        for one, other in (node.args, node.args[::-1]):
            ones = isinstance(one, fx.Node) and one.target is _ATEN.ones_like.default
            if ones and isinstance(other, fx.Node) and _shape(other) == _shape(node):
                return other
    return None


def pool_by_maxima(graph: fx.Graph) -> None:
    """Max pooling as the maximum of shifted slices, first of rows and then of columns.

    The operation itself compares one number after another, because it also notes where the largest one was.
    Both pass NaN on.
    """
    for node in list(graph.nodes):
        if node.target is not _ATEN.max_pool2d_with_indices.default or len(node.users) != 1:
            continue
        (maxima,) = node.users  # the indices, where nobody uses them, are gone
        if maxima.args[1] != 0:
            continue
        source, *options = node.args
        kernel, stride, padding, dilation = (
            _pair(options[i]) if len(options) > i and options[i] else _pair(default or options[0])
            for i, default in enumerate((None, None, [0], [1]))
        )
        sizes, pooled = source.meta["val"].shape[-2:], maxima.meta["val"].shape[-2:]
        reach = [(pooled[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 for i in (0, 1)]
        after = [reach[i] - sizes[i] - padding[i] for i in (0, 1)]
        with graph.inserting_before(node):
            if any(padding) or max(after) > 0:
                margins = [padding[1], after[1], padding[0], after[0]]
                source = graph.call_function(_ATEN.constant_pad_nd.default, (source, margins, -math.inf))
            for axis in (0, 1):
                starts = [i * dilation[axis] for i in range(kernel[axis])]
                length = (pooled[axis] - 1) * stride[axis] + 1
                parts = [
                    graph.call_function(_ATEN.slice.Tensor, (source, axis - 2, s, s + length, stride[axis]))
                    for s in starts
                ]
                source = reduce(lambda a, b: graph.call_function(_ATEN.maximum.default, (a, b)), parts)
        maxima.replace_all_uses_with(source)
        graph.erase_node(maxima)
        graph.erase_node(node)


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return values[0], values[-1]


def fuse(graph: fx.Graph) -> None:
    """B + XW in one operation."""
    for node in list(graph.nodes):
        if node.target is not _ATEN.add.Tensor or node.kwargs:
            continue
        bias, product = node.args
        if getattr(product, "target", None) is not _ATEN.bmm.default or len(product.users) > 1:
            continue
        with graph.inserting_before(node):
            fused = graph.call_function(_ATEN.baddbmm.default, (bias, *product.args))
        fused.meta = dict(node.meta)
        node.replace_all_uses_with(fused)
        graph.erase_node(node)
        graph.erase_node(product)
