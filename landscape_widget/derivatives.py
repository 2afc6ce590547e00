"""First and second derivatives with respect to θ, by reverse mode twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def differentiated(theta: Tensor) -> Iterator[tuple[Tensor, Callable[[Tensor, bool], Tensor]]]:
    """θ as a leaf, and the gradient of a loss with respect to it, under kernels that allow two."""
    leaf = theta.detach().requires_grad_()

    def gradient(loss: Tensor, create_graph: bool) -> Tensor:
        if not loss.requires_grad:
            return torch.zeros_like(leaf)
        (g,) = torch.autograd.grad(loss, leaf, create_graph=create_graph, materialize_grads=True)
        return g

    # the flash and memory-efficient kernels of attention have no second derivative
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        yield leaf, gradient


def vector_jacobian(gradient: Tensor, leaf: Tensor, v: Tensor) -> Tensor:
    """vᵀ ∂g/∂θ for v of shape (N,), or of several as rows (k, N), which is Hv because H is symmetric."""
    if v.ndim == 2:
        return _grad(gradient, leaf, grad_outputs=v, is_grads_batched=True)
    # as the derivative of a number: for that of a vector torch loads sympy, which takes half a second
    with torch.enable_grad():
        along = gradient @ v
    return _grad(along, leaf)


def _grad(outputs: Tensor, leaf: Tensor, **options: Any) -> Tensor:
    (found,) = torch.autograd.grad(outputs, leaf, retain_graph=True, materialize_grads=True, **options)
    return found
