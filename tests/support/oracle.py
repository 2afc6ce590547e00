"""Loss, gradient and Hessian of a case in full, by ``torch.func`` on all examples as one batch.

It shares no code with the package: functorch's transforms instead of double backward, one batch instead
of many, dictionaries of parameters instead of a flat vector. Reverse over reverse mode, because forward
over reverse (``torch.func.hessian``) gives an unsymmetric matrix for layer norm (torch 2.13, off by
0.02); ``tests/objective/test_oracle.py`` holds the result against differences of the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev
from torch.nn.attention import SDPBackend, sdpa_kernel

from .cases import N_EXAMPLES, Case

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Dense:
    """The truth about a case at one point."""

    names: tuple[str, ...]
    """Of the trainable parameters, in the order of ``named_parameters``."""
    sizes: tuple[int, ...]
    loss: Tensor
    gradient: Tensor
    hessian: Tensor

    def indices(self, *names: str) -> Tensor:
        """Where the named parameters lie in the flat vector."""
        parts = torch.arange(len(self.gradient)).split(self.sizes)
        return torch.cat([part for part, name in zip(parts, self.names, strict=True) if name in names])


def trainable(model: nn.Module) -> Parameters:
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def flat(tensors: Parameters) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors.values()])


@cache
def dense(case: Case, n_examples: int = N_EXAMPLES, step: float = 0.0) -> Dense:
    """The truth at θ* + step · (1, …, 1), over the first ``n_examples``."""
    model, loss_fn = case.model(), case.loss_fn
    x, y = (part[:n_examples] for part in case.examples())
    parameters = {name: p + step for name, p in trainable(model).items()}

    def loss(values: Parameters) -> Tensor:
        def with_values(inputs: Any) -> Tensor:
            return functional_call(model, values, (inputs,))

        if case.batches_are_dicts:
            return loss_fn(with_values, {"x": x, "y": y})
        return loss_fn(with_values(x), y)

    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
        blocks = jacrev(grad(loss))(parameters)
        gradient = grad(loss)(parameters)
    rows = [
        torch.cat([blocks[a][b].reshape(parameters[a].numel(), -1) for b in parameters], dim=1)
        for a in parameters
    ]
    return Dense(
        names=tuple(parameters),
        sizes=tuple(p.numel() for p in parameters.values()),
        loss=loss(parameters).detach(),
        gradient=flat(gradient),
        hessian=torch.cat(rows),
    )
