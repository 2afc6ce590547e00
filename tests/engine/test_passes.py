"""Passes over recorded graphs: they are carried out, and the values stay."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn

from landscape_widget.engine import passes
from landscape_widget.engine.recorder import recorded

functional = nn.functional


def after(change: Callable[[fx.Graph], None], f: Callable[..., Tensor], *args: Tensor) -> fx.GraphModule:
    """What was recorded of f, after a pass."""
    with torch.no_grad():
        graph, constants = recorded(f, *args)
    change(graph)
    graph.lint()
    return fx.GraphModule(constants, graph)


#: Sizes of images, of windows, strides, padding, dilation, and whether windows may reach beyond the end.
POOLINGS = [
    (size, kernel, stride, padding, dilation, ceil)
    for size, kernel, stride, padding, dilation, ceil in itertools.product(
        [(8, 8), (9, 11), (7, 5)], [1, 2, 3, (2, 3)], [None, 1, 2, 3, (2, 1)], [0, 1], [1, 2], [False, True]
    )
    if 2 * padding <= (kernel if isinstance(kernel, int) else min(kernel))
]


def test_max_pooling_is_replaced_by_maxima_of_the_same_value() -> None:
    for size, *options in POOLINGS:
        x = torch.randn(4, 3, *size)
        x[0, 0, 2, 2] = float("nan")

        def pooled(x: Tensor, options: list[object] = options) -> Tensor:
            return functional.max_pool2d(x, *options)  # type: ignore[arg-type]

        expected = pooled(x)
        again = after(passes.pool_by_maxima, pooled, x)
        assert "pool" not in again.code
        torch.testing.assert_close(again(x), expected, rtol=0, atol=0, equal_nan=True)


def test_max_pooling_whose_indices_are_used_stays() -> None:
    def located(x: Tensor) -> Tensor:
        values, where = functional.max_pool2d(x, 2, return_indices=True)
        return values + where

    x = torch.randn(2, 3, 6, 6)
    again = after(passes.pool_by_maxima, located, x)
    assert "max_pool2d_with_indices" in again.code
    torch.testing.assert_close(again(x), located(x), rtol=0, atol=0)


def product(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return b + x @ w


def product_used_twice(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    y = x @ w
    return b + y + y


def weighted_sum(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.add(b, x @ w, alpha=2)


@pytest.mark.parametrize(
    ("f", "fused"), [(product, True), (product_used_twice, False), (weighted_sum, False)]
)
def test_a_bias_is_added_by_the_product_itself(f: Callable[..., Tensor], fused: bool) -> None:
    x, w, b = torch.randn(4, 3, 5), torch.randn(4, 5, 2), torch.randn(4, 1, 2)
    again = after(passes.fuse, f, x, w, b)
    assert ("baddbmm" in again.code) is fused
    torch.testing.assert_close(again(x, w, b), f(x, w, b))
