"""Hessian-vector products as straight-line programs, recorded once for all batches of a shape.

Automatic differentiation does more than a product needs, such as derivatives with respect to the data; in a
recording that is seen, and left out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from functools import cached_property

from torch import Tensor, fx, strided

from landscape_widget.engine.derivatives import differentiated, vector_jacobian
from landscape_widget.engine.passes import (
    changed_in_place,
    changes_its_argument,
)
from landscape_widget.engine.recorder import recorded


class ProductProgram:
    """Hv of one batch, v of shape (N,), or (k, N) for several at once. It holds no state."""

    def __init__(self, graph: fx.Graph, constants: dict[str, Tensor]) -> None:
        """Takes the graph of (θ, v, *data) → Hv, which must end in one tensor."""
        self._graph, self._constants = graph, constants
        at, along = _divide(graph)
        self.at = fx.GraphModule(constants, at)
        """(θ, *data) → what does not depend on v, to be kept between products."""
        self.along = fx.GraphModule(constants, along)
        """(v, *kept) → Hv."""

    @cached_property
    def whole(self) -> fx.GraphModule:
        """(θ, v, *data) → Hv."""
        return fx.GraphModule(self._constants, self._graph)


def kept_bytes(kept: Iterable[Tensor], given: Iterable[Tensor]) -> int:
    """Memory that what is kept takes beside that of θ and the data."""
    own = {tensor.untyped_storage().data_ptr() for tensor in given if tensor.layout is strided}
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage() for t in kept if t.layout is strided}
    return sum(storage.nbytes() for address, storage in storages.items() if address not in own)


def record(loss: Callable[..., Tensor], theta: Tensor, v: Tensor, *data: Tensor) -> ProductProgram:
    """The product for ``loss(theta, *data)``, a scalar, as programs for arguments of these shapes.

    Raises:
        ValueError: Where ``loss`` looks at values in order to decide what to do, or has no second derivative.
        Exception: Whatever torch raises where it cannot batch the product over several vectors.
    """

    def product(theta: Tensor, v: Tensor, *data: Tensor) -> Tensor:
        with differentiated(theta) as (leaf, gradient):
            slope = gradient(loss(leaf, *data), True)
            if not slope.requires_grad:
                raise ValueError("its gradient does not depend on θ")
            return vector_jacobian(slope, leaf, v)

    graph, constants = recorded(product, theta, v, *data)
    graph.lint()
    return ProductProgram(graph, constants)


def _divide(graph: fx.Graph) -> tuple[fx.Graph, fx.Graph]:
    """What does not depend on v, the second argument, and what does."""
    _, v, *_ = (node for node in graph.nodes if node.op == "placeholder")
    dependent = _dependent(graph, v)
    kept = [*dict.fromkeys(u for node in dependent for u in node.all_input_nodes if u not in dependent)]

    along = fx.Graph()
    copies = {v: along.placeholder("v")}
    copies |= {node: along.placeholder(f"kept_{i}") for i, node in enumerate(kept)}
    for node in dependent:
        if node is not v:
            copies[node] = along.node_copy(node, copies.__getitem__)

    at = copy.deepcopy(graph)
    twins = dict(zip(graph.nodes, at.nodes, strict=True))
    at.output_node().args = (tuple(twins[node] for node in kept),)
    for node, twin in reversed(twins.items()):
        used = twin.users or node.op in ("placeholder", "output") or changes_its_argument(node)
        if (node in dependent and node.op != "output") or not used:
            at.erase_node(twin)
    return at, along


def _dependent(graph: fx.Graph, v: fx.Node) -> dict[fx.Node, None]:
    """The nodes that depend on v, and those whose results are changed in place by such nodes; in order."""
    seeds = {v}
    while True:
        found = dict.fromkeys(seeds & {v})
        for node in graph.nodes:
            if node in seeds or any(used in found for used in node.all_input_nodes):
                found[node] = None
        changed = changed_in_place(found)
        if changed <= found.keys():
            return found
        if any(node.op != "call_function" for node in changed):
            raise ValueError("it changes its arguments in place")
        seeds |= changed
