"""A torch function as a straight-line program of tensor operations, without the overhead of modules."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

_ATEN = torch.ops.aten
_VIEWS = (_ATEN.view.default, _ATEN._unsafe_view.default, _ATEN.expand.default)
#: Their results are new tensors, so that what follows may work in place.
_FRESH = (_ATEN.baddbmm.default, _ATEN.addmm.default, _ATEN.bmm.default, _ATEN.convolution.default)


def trace(f: Callable[..., Tensor], *args: Tensor) -> fx.GraphModule:
    """``f`` as a program for arguments of these shapes, tidied.

    The program holds no state, so that several threads may run it at once. Where ``f`` looks at values
    in order to decide what to do, torch refuses to trace it.

    Raises:
        Exception: Whatever torch raises where it cannot trace ``f``.
    """
    with torch.no_grad(), warnings.catch_warnings():
        # operations that cannot be batched are done one by one, and timed like that
        warnings.filterwarnings("ignore", "There is a performance drop")
        program = make_fx(f)(*args)
    graph = program.graph
    graph.eliminate_dead_code()
    _drop_what_changes_nothing(graph)
    _fuse(graph)
    _work_late(graph)
    graph.lint()
    program.recompile()
    return program


def peak_bytes(program: fx.GraphModule) -> int:
    """Most bytes that intermediate results of the program take at one time."""
    nodes = list(program.graph.nodes)
    last = {used: i for i, node in enumerate(nodes) for used in node.all_input_nodes}
    held, peak = {}, 0
    for i, node in enumerate(nodes):
        value = node.meta.get("val")
        if node.op == "call_function" and isinstance(value, Tensor) and node.target not in _VIEWS:
            held[node] = value.numel() * value.element_size()
            peak = max(peak, sum(held.values()))
        held = {node: size for node, size in held.items() if last.get(node, i) > i}
    return peak


def _shape(node: Any) -> torch.Size | None:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return value.shape if isinstance(value, Tensor) else None


def _drop_what_changes_nothing(graph: fx.Graph) -> None:
    """Views of the same shape and products with 1, which batching leaves behind."""
    for node in list(graph.nodes):
        view = node.target in _VIEWS and _shape(node) is not None and _shape(node.args[0]) == _shape(node)
        if view or (node.target is _ATEN.mul.Scalar and node.args[1] == 1):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _fuse(graph: fx.Graph) -> None:
    """B + XW in one operation, and ReLU in place of what nobody else reads."""
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
    for node in graph.nodes:
        if node.target is _ATEN.relu.default:
            (source,) = node.args
            if source.target in _FRESH and len(source.users) == 1:
                node.target = _ATEN.relu_.default


def _work_late(graph: fx.Graph) -> None:
    """Moves weights to where they are first used: they are then still in the cache, and gone soon after.

    Weights are what follows from the first two arguments alone.
    """
    arguments = [node for node in graph.nodes if node.op == "placeholder"]
    weights = set(arguments[:2])
    for node in graph.nodes:
        if node.op == "call_function" and node.all_input_nodes and weights.issuperset(node.all_input_nodes):
            weights.add(node)
    order = {node: float(i) for i, node in enumerate(graph.nodes)}
    for node in reversed(list(graph.nodes)):
        if node in weights and node.op == "call_function" and node.users:
            first = min(node.users, key=order.__getitem__)
            first.prepend(node)
            order[node] = order[first] - 0.5
