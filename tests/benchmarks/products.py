"""Hessian-vector products: this package, a plain double backward, PyHessian in both its ways, curvlinops."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from landscape_widget import Objective

from .measure import BUDGET, TOLERANCE, Budget, Contender, Rounds, Run, alternate
from .workloads import BATCH_SIZE, Problem, Workload

PYHESSIAN, OURS = "PyHessian", "this package"

#: Seconds that the reference's run should last, and how few and many products it may take for that. Both ends
#: take 21 products and more on each of the networks, so at least twenty share what is done once.
AIM, LEAST, MOST = 1.0, 20, 200

#: Vectors that are multiplied in turn, and products before a run may be broken off: the first ones are dear.
_VECTORS, _FIRST = 4, 4


def measure(workload: Workload, dtype: str, ratios: int) -> Rounds:
    """Ratios of the seconds of PyHessian's products over a loader to everybody's, of the same vectors."""
    problem = workload.problem(dtype)

    def contenders(count: int) -> dict[str, Contender]:
        return {
            PYHESSIAN: lambda: pyhessian(problem, count),
            OURS: lambda: this_package(problem, count),
            "double backward": lambda: double_backward(problem, count),
            "PyHessian, one batch": lambda: pyhessian_one_batch(problem, count),
            "curvlinops": lambda: curvlinops(problem, count),
        }

    # second derivatives of attention exist for this kernel only
    with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using backward")  # PyHessian's way, and its leak
        seconds = pyhessian(problem, 1).seconds
        count = int(np.clip(AIM / seconds, LEAST, MOST))
        return alternate(contenders(1), contenders(count), ratios, TOLERANCE[dtype])


def this_package(problem: Problem, count: int) -> Run:
    """``Objective.hvp`` on an objective that has seen no vector before."""
    objective = Objective(problem.model, problem.loader, problem.loss_fn)
    return _products(problem, count, lambda: objective.hvp)


def double_backward(problem: Problem, count: int) -> Run:
    """The derivative of gᵀv, batch by batch of the loader, as everybody writes it."""
    model, split = copy.deepcopy(problem.model), _splitter(problem)
    parameters = list(model.parameters())

    def product(v: Tensor) -> Tensor:
        parts, total = split(v), torch.zeros_like(v)
        for x, y in problem.loader:
            loss = problem.loss_fn(model(x), y) * (len(x) / len(problem.x))
            slopes = torch.autograd.grad(loss, parameters, create_graph=True)
            along = torch.stack([(g * part).sum() for g, part in zip(slopes, parts, strict=True)]).sum()
            total += _joined(list(torch.autograd.grad(along, parameters)))
        return total

    return _products(problem, count, lambda: product)


def pyhessian(problem: Problem, count: int) -> Run:
    """PyHessian over the loader."""
    from pyhessian import hessian

    model = copy.deepcopy(problem.model)
    operator = hessian(model, problem.loss_fn, dataloader=problem.loader, cuda=False)
    split = _splitter(problem)
    return _products(problem, count, lambda: lambda v: _joined(operator.dataloader_hv_product(split(v))[1]))


def pyhessian_one_batch(problem: Problem, count: int) -> Run:
    """PyHessian with all data as one batch: it keeps the graph of one gradient, built within the time."""
    from pyhessian import hessian
    from pyhessian.utils import hessian_vector_product

    model, split = copy.deepcopy(problem.model), _splitter(problem)

    def prepare() -> Callable[[Tensor], Tensor]:
        operator = hessian(model, problem.loss_fn, data=(problem.x, problem.y), cuda=False)
        return lambda v: _joined(hessian_vector_product(operator.gradsH, operator.params, split(v)))

    return _products(problem, count, prepare)


def curvlinops(problem: Problem, count: int) -> Run:
    """curvlinops, by the loader's batches where they are equal, else by one: it weighs batches alike."""
    from curvlinops import HessianLinearOperator

    equal = len(problem.x) % BATCH_SIZE == 0
    data = list(problem.loader) if equal else [(problem.x, problem.y)]
    model = copy.deepcopy(problem.model)
    operator: Any = HessianLinearOperator(
        model, problem.loss_fn, list(model.parameters()), data, check_deterministic=False
    )
    return _products(problem, count, lambda: lambda v: operator @ v)


def _products(problem: Problem, count: int, prepare: Callable[[], Callable[[Tensor], Tensor]]) -> Run:
    """Times ``prepare`` and ``count`` products with fixed vectors; the result is the last of them.

    Where they take longer than the budget, the run is broken off, at the same vector for everybody, and the
    rest counts as the last ones did.
    """
    n = sum(p.numel() for p in problem.parameters)
    vectors = torch.randn(_VECTORS, n, generator=torch.Generator().manual_seed(2), dtype=problem.dtype)
    budget = Budget(BUDGET)
    product = prepare()
    for i in range(count):
        last = product(vectors[i % _VECTORS])
        if not budget.is_left(i + 1) and i + 1 >= _FIRST and (i + 1 - count) % _VECTORS == 0:
            break
    notes = {"products": count} | ({"taken": i + 1} if i + 1 < count else {})
    return Run(budget.seconds(count, steady=False), last.detach().numpy(), notes)


def _splitter(problem: Problem) -> Callable[[Tensor], list[Tensor]]:
    sizes = [p.numel() for p in problem.parameters]
    return lambda v: [part.view(p.shape) for part, p in zip(v.split(sizes), problem.parameters, strict=True)]


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])
