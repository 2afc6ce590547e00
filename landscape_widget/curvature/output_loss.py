"""Losses of a model's outputs whose second derivatives are known: mean squared error, cross entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from landscape_widget.loss.options import ignored_target, options, reduction, unwrapped

_KNOWN: dict[Any, str] = {
    nn.MSELoss: "mse",
    functional.mse_loss: "mse",
    nn.CrossEntropyLoss: "cross entropy",
    functional.cross_entropy: "cross entropy",
}


class OutputLoss:
    """The mean loss of a batch as a function of the model's outputs."""

    def __init__(self, loss_fn: Callable[..., Tensor], takes_model: bool) -> None:
        """Nothing is refused yet.

        Args:
            loss_fn: The function that the user gave.
            takes_model: Whether it is called as loss_fn(model, batch).
        """
        inner = unwrapped(loss_fn)
        self._loss_fn = loss_fn
        self._takes_model = takes_model
        self._kind = _KNOWN.get(inner) or _KNOWN.get(type(inner))
        self._options = options(loss_fn)

    def __call__(self, output: Tensor, target: Tensor, n: int) -> Tensor:
        """The mean over a batch of n examples, which may be more or fewer rows of outputs, shape ()."""
        loss = self._loss_fn(output, target)
        return loss / n if self._is_sum else loss

    def check(self, operator: str) -> None:
        """Refuses losses that have no matrix called ``operator``.

        Raises:
            ValueError: If the loss is not one of those known, or weighs or smooths its classes so that
                it is the −log p of no distribution.
        """
        name = getattr(self._loss_fn, "__name__", type(self._loss_fn).__name__)
        if self._takes_model or self._kind is None:
            raise ValueError(
                f"Expected loss_fn as a mean squared error or cross entropy of the model's outputs for "
                f"operator={operator!r}, got {name}. Pass torch.nn.MSELoss() or torch.nn.CrossEntropyLoss() "
                "with batches (x, y), or use operator='hessian'."
            )
        altered = [o for o in ("weight", "label_smoothing") if _is_set(self._options.get(o))]
        if operator == "fisher" and altered:
            raise ValueError(
                f"Expected a loss that is −log p of a distribution for operator='fisher', got {name} with "
                f"{' and '.join(altered)}. Leave that out, or use operator='ggn'."
            )

    @property
    def weighted(self) -> bool:
        """Whether classes have weights, which could be negative; without them both losses are convex."""
        return _is_set(self._options.get("weight"))

    @property
    def _is_sum(self) -> bool:
        return reduction(self._loss_fn) == "sum"

    def _counted(self, target: Tensor) -> Tensor:
        """Which targets that are classes the loss takes account of, of their shape."""
        return target != ignored_target(self._loss_fn)

    def counted_examples(self, output: Tensor, target: Tensor, n: int) -> int:
        """How many of n examples the loss of a batch is the mean over: not those whose targets it ignores.

        Raises:
            ValueError: If the outputs have not a row for each example.
        """
        if len(output) != n:
            raise ValueError(
                f"Expected outputs with a row for each of {n} examples for operator='empirical-fisher', "
                f"which is made of their own gradients, got shape {tuple(output.shape)}. Use 'fisher'."
            )
        if self.is_squared_error or self._is_sum or target.is_floating_point():
            return n
        return max(1, int(self._counted(target).reshape(n, -1).any(dim=1).sum()))

    @property
    def is_squared_error(self) -> bool:
        """Whether it is −log of a normal density around the outputs, so that F is its second derivative G."""
        return self._kind == "mse"

    def fisher_product(self, output: Tensor, target: Tensor, tangent: Tensor, n: int) -> Tensor:
        """E_{y∼p}[∇ℓ ∇ℓᵀ] u in output space for the mean cross entropy of a batch, in closed form.

        With p = softmax(output) it is p∘u − p(p·u), divided by the number of terms in the mean.

        Args:
            output: Classes are the second dimension.
            target: The target that the loss gets.
            tangent: u, of the shape of ``output``.
            n: How many examples the batch has.
        """
        p = torch.softmax(output, dim=1)
        image = p * tangent - p * (p * tangent).sum(dim=1, keepdim=True)
        if target.is_floating_point():
            counted = torch.ones_like(output[:, :1])
        else:
            counted = self._counted(target).to(output).unsqueeze(1)
        return image * counted / (n if self._is_sum else counted.sum())


def _is_set(option: Any) -> bool:
    return isinstance(option, Tensor) or bool(option)
