"""The loss and its first and second derivatives with respect to θ, all of one and the same function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

#: Where nothing is called that ``evaluated`` replaces, and need not be looked at for it, which takes two
#: microseconds for each operation.
unseen = torch._C.DisableTorchFunction


def ordinary(tensor: Tensor) -> Tensor:
    """The tensor itself, or a copy of one that was made in inference mode, for use outside of it."""
    return tensor.clone() if tensor.is_inference() else tensor


@contextmanager
def evaluated() -> Iterator[None]:
    """Where model and loss are called, whether or not they are differentiated.

    Gradients are enabled, since a loss may need derivatives of its own and a model may ask; where nothing
    requires a gradient no graph is built. Inference mode around the caller is left. Attention and what else
    is in ``_ELEMENTARY`` is taken in its elementary form, which can be differentiated twice, and torch's fast
    path for encoder layers, which treats padding otherwise, stands aside. Checkpoints keep what they would
    compute again. All of that holds for this thread alone.
    """
    with torch.inference_mode(False), torch.enable_grad(), _Elementary():
        yield


@contextmanager
def differentiated(theta: Tensor) -> Iterator[tuple[Tensor, Callable[[Tensor, bool], Tensor]]]:
    """θ as a leaf, and the gradient of a loss with respect to it."""
    with evaluated():
        leaf = theta.detach().requires_grad_()

        def gradient(loss: Tensor, create_graph: bool) -> Tensor:
            if not loss.requires_grad:
                return torch.zeros_like(leaf)
            (g,) = torch.autograd.grad(loss, leaf, create_graph=create_graph, materialize_grads=True)
            return g

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


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``scaled_dot_product_attention`` as torch's reference kernel computes it."""
    if attn_mask is not None and attn_mask.dtype is torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill_(~attn_mask, -torch.inf)
    found: Tensor = torch.ops.aten._scaled_dot_product_attention_math(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )[0]
    return found


#: torch's multi-head attention in Python, whose own calls a mode does not see, on the attention above.
_multi_head_attention = FunctionType(
    functional.multi_head_attention_forward.__code__,
    {**vars(functional), "scaled_dot_product_attention": _attention, "has_torch_function": lambda _: False},
    argdefs=functional.multi_head_attention_forward.__defaults__,
)
_multi_head_attention.__kwdefaults__ = functional.multi_head_attention_forward.__kwdefaults__

#: Rows from which on torch takes Euclidean distances by a product of matrices, which has a second derivative,
#: and entries of differences up to which others of so many rows get one, too.
_MANY_ROWS, _MOST_ENTRIES = 25, 1 << 24


def _cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary"
) -> Tensor:
    """``cdist`` in its elementary form where it is by torch's kernel, which has no second derivative.

    Parts of a batch have one as it has. Where two rows are the same, such as a row and itself, both are zero,
    as torch's first one is.
    """
    many = max(x1.shape[-2], x2.shape[-2]) > _MANY_ROWS
    by_matrices = p == 2 and "donot" not in compute_mode and (many or "if_necessary" not in compute_mode)
    large = many and max(x1.numel() * x2.shape[-2], x2.numel() * x1.shape[-2]) > _MOST_ENTRIES
    if by_matrices or large or not x1.shape[-1] == x2.shape[-1] > 0:
        return torch.cdist(x1, x2, p, compute_mode)
    if torch.is_autocast_enabled(x1.device.type):  # which has torch's own take no less
        x1, x2 = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (x1, x2))
    apart = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    same = (apart == 0).all(-1)
    lengths: Tensor = torch.linalg.vector_norm(apart.masked_fill(same.unsqueeze(-1), 1), p, dim=-1)
    return lengths.masked_fill(same, 0)


def _hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:  # noqa: A002 - the name is torch's
    """``hardsigmoid`` by an operation that has a second derivative."""
    found = functional.relu6(input + 3) / 6
    return input.copy_(found) if inplace else found


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """Weight norm without torch's kernel, whose second derivative is off by a third, in silence."""
    found: Tensor = v * (g / torch.norm_except_dim(v, 2, dim))
    return found


def _view_as_complex(input: Tensor) -> Tensor:  # noqa: A002 - the name is torch's
    """``view_as_complex`` of parameters wherever they lie in θ: torch takes pairs from even places alone.

    So does its second derivative.
    """
    if not input.requires_grad and input.storage_offset() % 2 == 0:
        return torch.view_as_complex(input)
    return torch.complex(*input.unbind(-1))


_ELEMENTARY: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.cdist: _cdist,
    torch._weight_norm: _weight_norm,
    torch.view_as_complex: _view_as_complex,
    functional.hardsigmoid: _hardsigmoid,
    functional.scaled_dot_product_attention: _attention,
    functional.multi_head_attention_forward: _multi_head_attention,
}


class _Elementary(TorchFunctionMode):
    """Replaces torch's functions that cannot be differentiated twice, or not rightly, in this thread.

    The flash and memory-efficient kernels of attention have no second derivative, and torch's switch for
    them is one for all threads. Others have no switch.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        call = _ELEMENTARY.get(func, func)
        hooks = torch._C._autograd._top_saved_tensors_default_hooks(False)
        if hooks is None or hooks[0].__module__ != "torch.utils.checkpoint":
            return call(*args, **(kwargs or {}))
        # a checkpoint would compute again what the graph needs, when θ has left the model: it is kept
        with torch.autograd.graph.saved_tensors_hooks(Tensor.detach, lambda tensor: tensor):
            return call(*args, **(kwargs or {}))
