"""Graphs recorded from functions: the same values, without looking at them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx

from landscape_widget.engine.recorder import peak_bytes, recorded


def arguments(points: int, size: int) -> tuple[Tensor, Tensor]:
    """Coefficients (points, 3) and a basis (3, size)."""
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(points, 3, generator=generator, dtype=torch.float64)
    return coefficients, torch.randn(3, size, generator=generator, dtype=torch.float64)


def program(f: Callable[..., Tensor], *args: Tensor) -> fx.GraphModule:
    """f as it was recorded for arguments of these shapes."""
    graph, constants = recorded(f, *args)
    return fx.GraphModule(constants, graph)


@pytest.mark.parametrize(
    "looks",
    [
        lambda x, _: x * 2 if x.sum() > 0 else x,
        lambda x, _: x * float(x[0, 0]),
        lambda x, _: x[x > 0].sum(),
    ],
    ids=["if", "float", "mask"],
)
def test_what_looks_at_values_is_refused(looks: object) -> None:
    coefficients, basis = arguments(1, 4)
    with pytest.raises(ValueError, match="looks at the values"):
        recorded(looks, coefficients, basis)  # type: ignore[arg-type]


def test_what_was_not_an_argument_is_a_constant() -> None:
    table = torch.arange(3.0, dtype=torch.float64)
    coefficients, basis = arguments(2, 3)
    again = program(lambda c, b: (c @ b) * table + torch.tensor(2.0), coefficients, basis)
    torch.testing.assert_close(again(coefficients, basis), (coefficients @ basis) * table + 2)


def test_weights_changed_in_place_keep_their_order() -> None:
    def changed(c: Tensor, b: Tensor) -> Tensor:
        w = c @ b
        doubled = w * 2
        w += 1
        return doubled * w

    coefficients, basis = arguments(2, 3)
    expected = changed(coefficients, basis)
    torch.testing.assert_close(program(changed, coefficients, basis)(coefficients, basis), expected)


def test_a_mask_that_began_as_ones_is_none_of_them() -> None:
    def masked(c: Tensor, b: Tensor) -> Tensor:
        w = c @ b
        mask = torch.ones_like(w)
        mask[:, 1] = 0
        return w * mask

    coefficients, basis = arguments(2, 3)
    again = program(masked, coefficients, basis)
    torch.testing.assert_close(again(coefficients, basis), masked(coefficients, basis))


def squashed(c: Tensor, b: Tensor) -> Tensor:
    return (c @ b).exp().sin().cos().sum()


def viewed(c: Tensor, b: Tensor) -> Tensor:
    parts = (c @ b).view(10, 100).t().split(50)
    return parts[0].sin() + parts[1]


def changed_in_place(c: Tensor, b: Tensor) -> Tensor:
    return (c @ b).sin_().cos_().exp_().sum()


def several_results(c: Tensor, b: Tensor) -> Tensor:
    values, where = (c @ b).sort()
    return values.sum() + where.sum()


@pytest.mark.parametrize(
    ("f", "peak"),
    [(squashed, 16000), (viewed, 16000), (changed_in_place, 8008), (several_results, 24000)],
)
def test_the_peak_counts_what_lives_at_one_time(f: Callable[..., Tensor], peak: int) -> None:
    graph, _ = recorded(f, *arguments(1, 1000))
    assert peak_bytes(graph) == peak
