"""A torch function as a straight-line program of tensor operations, without the overhead of modules."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

from landscape_widget.first_layers import split

_ATEN = torch.ops.aten
_VIEWS = (_ATEN.view.default, _ATEN._unsafe_view.default, _ATEN.expand.default)
#: Their results are new tensors, so that what follows may work in place.
_FRESH = (
    _ATEN.addmm.default,
    _ATEN.baddbmm.default,
    _ATEN.bmm.default,
    _ATEN.convolution.default,
    _ATEN.mm.default,
)
#: Operations whose results a program cannot foresee.
_UNFORESEEN = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


@dataclass(frozen=True)
class Program:
    """A function of (coefficients, basis, *data) as straight-line programs, which hold no state.

    Several threads may run them at once.
    """

    whole: fx.GraphModule
    first: fx.GraphModule | None = None
    """What ``first_layers.prepare`` runs, where something can be prepared."""
    rest: fx.GraphModule | None = None
    """The whole with what was prepared as further arguments."""
    prepared_bytes: int = 0


def trace(f: Callable[..., Tensor], coefficients: Tensor, basis: Tensor, *data: Tensor) -> Program:
    """``f`` as a program for arguments of these shapes, tidied.

    Raises:
        ValueError: Where ``f`` looks at values in order to decide what to do.
        Exception: Whatever torch raises where it cannot batch ``f``.
    """
    args = coefficients, basis, *data
    with torch.no_grad(), warnings.catch_warnings():
        # operations that cannot be batched are done one by one, and timed like that
        warnings.filterwarnings("ignore", "There is a performance drop")
        with _Recorder(args) as recorder:
            result = f(*args)
    graph = recorder.graph
    graph.output(recorder.node(result))
    graph.eliminate_dead_code()
    _drop_what_changes_nothing(graph)
    _pool_by_maxima(graph)
    parts = split(graph)

    def finished(graph: fx.Graph) -> fx.GraphModule:
        _fuse(graph)
        _work_late(graph)
        graph.lint()
        return fx.GraphModule(recorder.constants, graph)

    if parts is None:
        return Program(finished(graph))
    size = parts.elements * coefficients.element_size()
    return Program(finished(graph), finished(parts.first), finished(parts.rest), size)


class _Recorder(TorchDispatchMode):
    """Notes each tensor operation, as it is done, in a graph; the tensors themselves are not kept.

    ``make_fx`` of torch does more, for which it takes a second to be loaded and four times as long to run.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not wrapped for ``torch.compile``, which nothing here uses and which takes that second, too."""
        return False

    def __init__(self, args: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self.constants: dict[str, Tensor] = {}
        """What was neither an argument nor computed, such as the buffers of a model."""
        self._nodes = WeakTensorKeyDictionary()
        for i, argument in enumerate(args):
            self._note(argument, self.graph.placeholder(f"argument_{i}"))

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if _UNFORESEEN.intersection(func.tags):
            raise ValueError(f"it looks at the values of a tensor ({func})")
        node = self.graph.call_function(
            func, *(tree_map_only(Tensor, self.node, part) for part in (args, dict(kwargs)))
        )
        result = func(*args, **kwargs)
        if isinstance(result, Tensor):
            self._note(result, node)
        elif isinstance(result, Sequence):
            for i, part in enumerate(result):
                if isinstance(part, Tensor):
                    self._note(part, self.graph.call_function(operator.getitem, (node, i)))
        return result

    def node(self, tensor: Tensor) -> fx.Node:
        """Where the tensor comes from."""
        if tensor not in self._nodes:
            name = f"constant_{len(self.constants)}"
            self.constants[name] = tensor
            self._note(tensor, self.graph.create_node("get_attr", name))
        node: fx.Node = self._nodes[tensor]
        return node

    def _note(self, tensor: Tensor, node: fx.Node) -> None:
        self._nodes[tensor] = node
        node.meta["val"] = tensor.to("meta")


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


def _pool_by_maxima(graph: fx.Graph) -> None:
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
            alone = len(source.users) == 1
            while source.target in _VIEWS[:2]:
                source = source.args[0]
                alone = alone and len(source.users) == 1
            if alone and source.target in _FRESH:
                node.target = _ATEN.relu_.default


def _work_late(graph: fx.Graph) -> None:
    """Moves weights to where they are first used: they are then still in the cache, and gone soon after.

    Weights are what follows from the first two arguments alone.
    """
    arguments = [node for node in graph.nodes if node.op == "placeholder"]
    weights = set(arguments[:2])
    for node in graph.nodes:
        if node.op == "call_function" and node.all_input_nodes and weights.issuperset(node.all_input_nodes):
            if isinstance(node.target, OpOverload) and node.target._schema.is_mutable:
                return  # what is changed in place must be read before
            weights.add(node)
    for node in reversed(list(graph.nodes)):
        if node in weights and node.op == "call_function" and node.users:
            min(node.users).prepend(node)
