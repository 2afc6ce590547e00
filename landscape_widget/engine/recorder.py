"""The tensor operations of a torch function as a graph, without the overhead of modules."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch._ops import OpOverload
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from landscape_widget.engine.passes import drop_what_changes_nothing, origin

#: Operations whose results a program cannot foresee.
_UNFORESEEN = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


#: Ways to the values of a tensor outside of torch, by name, and the properties that lead there.
_WAYS_OUT = {
    *("numpy", "__array__", "tolist", "item", "__bool__", "__int__", "__float__", "__index__", "__complex__"),
    *(
        "data_ptr",
        "untyped_storage",
        "storage",
        "_typed_storage",
        "__dlpack__",
        "__reduce_ex__",
        "__repr__",
        "__format__",
    ),
    *("__contains__", "equal", "is_nonzero", "__deepcopy__"),
}
_WAYS_OUT_BY_NAME = (torch.Tensor.__cuda_array_interface__,)


def recorded(f: Callable[..., Tensor], *args: Tensor) -> tuple[fx.Graph, dict[str, Tensor]]:
    """The operations that ``f`` does for arguments of these shapes, as far as its result needs them.

    Returns:
        Their graph, and its constants by name.

    Raises:
        ValueError: Where ``f`` looks at values in order to decide what to do.
        Exception: Whatever torch raises where it cannot batch ``f``.
    """
    with _Recorder(args) as recorder, _Closed():
        result = f(*args)
    graph = recorder.graph
    graph.output(recorder.node(result))
    graph.eliminate_dead_code()
    drop_what_changes_nothing(graph)
    return graph, recorder.constants


class _Closed(TorchFunctionMode):
    """Lets no value out of a tensor: what is decided by one is seen by no recording.

    Some ways out, such as numpy's, are no operations on tensors, and the recorder itself does not see them.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in _WAYS_OUT or getattr(func, "__self__", None) in _WAYS_OUT_BY_NAME:
            raise ValueError(f"it looks at the values of a tensor ({getattr(func, '__name__', func)})")
        return func(*args, **(kwargs or {}))


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
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if _UNFORESEEN.intersection(func.tags):
            raise ValueError(f"it looks at the values of a tensor ({func})")
        node = self.graph.call_function(
            func, map_aggregate(args, self._known), map_aggregate(kwargs, self._known)
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

    def _known(self, value: Any) -> Any:
        return self.node(value) if isinstance(value, Tensor) else value

    def _note(self, tensor: Tensor, node: fx.Node) -> None:
        self._nodes[tensor] = node
        node.meta["val"] = tensor.to("meta")


def peak_bytes(graph: fx.Graph) -> int:
    """Most bytes that intermediate results of the graph take at one time; views take none."""
    origins = {node: origin(node) for node in graph.nodes if node.op == "call_function"}
    uses = [[origins[used] for used in node.all_input_nodes if used in origins] for node in graph.nodes]
    last = {used: i for i, all_used in enumerate(uses) for used in all_used}
    held: dict[fx.Node, int] = {}
    peak = 0
    for i, node in enumerate(graph.nodes):
        if node in origins and origins[node] is node:
            # of an operation with several results, each is a node
            results = [user for user in node.users if user.target is operator.getitem] or [node]
            values = (result.meta.get("val") for result in results)
            held[node] = sum(v.numel() * v.element_size() for v in values if isinstance(v, Tensor))
        peak = max(peak, sum(held.values()))
        held = {node: size for node, size in held.items() if last.get(node, i) > i}
    return peak
