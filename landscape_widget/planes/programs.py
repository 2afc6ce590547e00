"""The loss of a batch at several points of a plane as one straight-line program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx
from torch.func import vmap

from landscape_widget.data.batches import Batch, check_only_tensors, tensors_in, with_tensors
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.passes import changed_in_place, fuse, pool_by_maxima
from landscape_widget.engine.recorder import peak_bytes, recorded
from landscape_widget.loss.parameters import Layout
from landscape_widget.loss.terms import ModelTerms


@dataclass(frozen=True)
class Program:
    """It holds no state: several threads may run it at once."""

    run: fx.GraphModule
    """(*weights, *data) → losses, shape (points,)."""
    bytes: int
    """Most bytes that intermediate results take at one time, without the weights."""


def weights_at(coefficients: Tensor, basis: Tensor, layout: Layout) -> list[Tensor]:
    """The tensors of [1, α, β] @ [θ*; η; δ], with an axis for the points unless there is a single one."""
    points = len(coefficients)
    return [
        (coefficients @ basis[:, e.start : e.stop]).view(e.shape if points == 1 else (points, *e.shape))
        for e in layout.entries
    ]


def record(terms: ModelTerms, basis: Tensor, points: int, batch: Batch) -> Program:
    """The mean loss over batches that look like this one, at so many points.

    Raises:
        ValueError: Where model or loss look at values in order to decide what to do, where they change the
            weights, the data or anything else in place, or where a batch holds more than tensors.
        Exception: Whatever torch raises where it cannot batch them.
    """
    check_only_tensors(batch)
    names = [entry.name for entry in terms.layout.entries]

    def losses(*tensors: Tensor) -> Tensor:
        weights = dict(zip(names, tensors, strict=False))
        content = with_tensors(batch, tensors[len(names) :])
        with evaluated():
            if points == 1:
                return terms.loss_with(weights, content).reshape(1)
            return vmap(lambda own: terms.loss_with(own, content))(weights)

    with torch.no_grad():
        coefficients = basis.new_tensor([(1.0, 0.0, 0.0)] * points)
        weights = weights_at(coefficients, basis, terms.layout)
        graph, constants = recorded(losses, *weights, *tensors_in(batch))
    if any(node.op != "call_function" for node in changed_in_place(graph.nodes)):
        raise ValueError("it changes its arguments in place")
    pool_by_maxima(graph)
    fuse(graph)
    graph.lint()
    return Program(fx.GraphModule(constants, graph), peak_bytes(graph))


def mean_losses(
    runs: Sequence[tuple[Program, Batch]], coefficients: Tensor, basis: Tensor, layout: Layout
) -> Tensor:
    """Mean over all examples of the batches at each point, whose weights are put together once."""
    with torch.no_grad():
        weights = weights_at(coefficients, basis, layout)
        losses = [batch.n * program.run(*weights, *tensors_in(batch)) for program, batch in runs]
        return torch.stack(losses).sum(dim=0) / sum(batch.n for _, batch in runs)
