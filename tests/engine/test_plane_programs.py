"""Programs recorded from functions: the same values, without looking at them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from landscape_widget.engine.first_layers import prepare
from landscape_widget.engine.plane_programs import record
from landscape_widget.engine.recorder import peak_bytes, recorded

functional = nn.functional


def arguments(points: int, size: int) -> tuple[Tensor, Tensor]:
    """Coefficients (points, 3) and a basis (3, size)."""
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(points, 3, generator=generator, dtype=torch.float64)
    return coefficients, torch.randn(3, size, generator=generator, dtype=torch.float64)


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

        def pooled(x: Tensor, basis: Tensor, options: list[object] = options) -> Tensor:
            return functional.max_pool2d(x, *options)  # type: ignore[arg-type]

        expected = pooled(x, x)
        program = record(pooled, x, x).whole
        assert "pool" not in program.rest.code + program.weights.code
        torch.testing.assert_close(program(x, x), expected, rtol=0, atol=0, equal_nan=True)


def test_max_pooling_whose_indices_are_used_stays() -> None:
    def located(x: Tensor, basis: Tensor) -> Tensor:
        values, where = functional.max_pool2d(x, 2, return_indices=True)
        return values + where

    x = torch.randn(2, 3, 6, 6)
    program = record(located, x, x).whole
    assert "max_pool2d_with_indices" in program.rest.code + program.weights.code
    torch.testing.assert_close(program(x, x), located(x, x), rtol=0, atol=0)


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
        record(looks, coefficients, basis)  # type: ignore[arg-type]


def test_what_was_not_an_argument_is_a_constant() -> None:
    table = torch.arange(3.0, dtype=torch.float64)
    coefficients, basis = arguments(2, 3)
    program = record(lambda c, b: (c @ b) * table + torch.tensor(2.0), coefficients, basis).whole
    torch.testing.assert_close(program(coefficients, basis), (coefficients @ basis) * table + 2)


def test_weights_changed_in_place_keep_their_order() -> None:
    def changed(c: Tensor, b: Tensor) -> Tensor:
        w = c @ b
        doubled = w * 2
        w += 1
        return doubled * w

    coefficients, basis = arguments(2, 3)
    expected = changed(coefficients, basis)
    torch.testing.assert_close(record(changed, coefficients, basis).whole(coefficients, basis), expected)


def test_a_mask_that_began_as_ones_is_none_of_them() -> None:
    def masked(c: Tensor, b: Tensor) -> Tensor:
        w = c @ b
        mask = torch.ones_like(w)
        mask[:, 1] = 0
        return w * mask

    coefficients, basis = arguments(2, 3)
    program = record(masked, coefficients, basis).whole
    torch.testing.assert_close(program(coefficients, basis), masked(coefficients, basis))


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


def test_recording_loads_no_compiler() -> None:
    code = (
        "import sys, torch; from torch.func import vmap;"
        "from landscape_widget.engine.plane_programs import record;"
        "record(lambda c, b: vmap(lambda w: w.sin().sum())(c @ b), torch.ones(2, 3), torch.ones(3, 4));"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, f: nn.Module) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        """As f."""
        return x + self.f(x)


class Doubled(nn.Module):
    """2x, in place."""

    def forward(self, x: Tensor) -> Tensor:
        """As x."""
        return x.mul_(2)


DENSE = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)).double()
CONVOLUTION = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)).double()
#: Networks and the shape of one example.
NETWORKS = {
    "dense": (DENSE, (6,)),
    "without a bias": (nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU()).double(), (6,)),
    "two linear layers": (nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 2)).double(), (6,)),
    "sequence": (DENSE, (3, 6)),
    "convolution": (CONVOLUTION, (2, 4, 4)),
    "changed in place": (nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True)).double(), (6,)),
}


def losses_of(model: nn.Module) -> Callable[..., Tensor]:
    """(coefficients, basis, x) → the mean square of the model's outputs, less 1, at each point."""
    sizes = [p.numel() for p in model.parameters()]
    shapes = {name: p.shape for name, p in model.named_parameters()}

    def losses(c: Tensor, b: Tensor, x: Tensor) -> Tensor:
        parts = dict(zip(shapes, (c @ part for part in b.split(sizes, dim=1)), strict=True))

        def loss(weights: dict[str, Tensor]) -> Tensor:
            output = functional_call(model, weights, x)
            return functional.mse_loss(output, torch.ones_like(output))

        if len(c) == 1:
            return loss({n: part.view(shapes[n]) for n, part in parts.items()}).reshape(1)
        return vmap(loss)({n: part.view(len(c), *shapes[n]) for n, part in parts.items()})

    return losses


@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_first_layers_are_prepared_once_for_a_plane(name: str, points: int) -> None:
    model, shape = NETWORKS[name]
    x = torch.randn(7, *shape, dtype=torch.float64)
    coefficients, basis = arguments(points, sum(p.numel() for p in model.parameters()))
    losses = losses_of(model)
    expected = losses(coefficients, basis, x)
    program = record(losses, coefficients, basis, x)
    torch.testing.assert_close(program.whole(coefficients, basis, x), expected, rtol=1e-12, atol=0)
    assert program.first is not None
    assert program.behind is not None
    prepared = prepare(program.first, points, basis, [x])
    assert program.prepared_elements == sum(part.numel() for part in prepared)
    result = program.behind(coefficients, basis, x, *prepared)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=0)
    # the data are not looked at again
    torch.testing.assert_close(program.behind(coefficients, basis, x * 0, *prepared), result, rtol=0, atol=0)


def test_a_bias_that_is_no_parameter_is_not_taken_for_linear() -> None:
    bias = torch.randn(4, dtype=torch.float64)
    x = torch.randn(7, 3, dtype=torch.float64)
    coefficients, basis = arguments(1, 12)

    def loss(c: Tensor, b: Tensor, x: Tensor) -> Tensor:
        return (functional.linear(x, (c @ b).view(4, 3), bias)).square().mean().reshape(1)

    program = record(loss, coefficients, basis, x)
    assert program.first is None


@pytest.mark.parametrize("name", NETWORKS)
def test_what_follows_from_the_weights_needs_the_basis_no_more(name: str) -> None:
    model, shape = NETWORKS[name]
    coefficients, basis = arguments(4, sum(p.numel() for p in model.parameters()))
    losses = losses_of(model)
    example = torch.ones(7, *shape, dtype=torch.float64)
    stages = record(losses, coefficients, basis, example, batches=2).whole
    weights = stages.weights(coefficients, basis)
    for _ in range(2):  # weights are those of all batches: none may change them
        x = torch.randn(7, *shape, dtype=torch.float64)
        expected = losses(coefficients, basis, x)
        torch.testing.assert_close(
            stages.rest(coefficients, basis * 0, x, *weights), expected, rtol=1e-12, atol=0
        )


#: Layers, and whether products with 16 examples are laid so that these come last.
LAYERS = {
    "hidden and last": ([nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 1)], 2),
    "whole lines of features": ([nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8)], 0),
    "softmax": ([nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3), nn.Softmax(-1)], 1),
    "another shape": ([nn.Linear(6, 5), nn.Unflatten(1, (5, 1)), nn.Conv1d(5, 2, 1)], 0),
    "changed in place": (
        [nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3), Doubled(), nn.Linear(3, 1)],
        2,
    ),
    "used twice": ([nn.Linear(6, 5), nn.ReLU(), Residual(nn.Linear(5, 5)), nn.Linear(5, 1)], 2),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("examples", [16, 15])
@pytest.mark.parametrize("batches", [1, 2])
def test_examples_come_last_where_that_fills_cache_lines(name: str, examples: int, batches: int) -> None:
    layers, turned = LAYERS[name]
    model = nn.Sequential(*layers).double()
    x = torch.randn(examples, 6, dtype=torch.float64)
    coefficients, basis = arguments(4, sum(p.numel() for p in model.parameters()))
    losses = losses_of(model)
    stages = record(losses, coefficients, basis, x, batches=batches).whole
    torch.testing.assert_close(
        stages(coefficients, basis, x), losses(coefficients, basis, x), rtol=1e-12, atol=0
    )
    products = [node for node in stages.rest.graph.nodes if "bmm" in str(node.target)]
    last = [node for node in products if node.meta["val"].shape[-1] == examples]
    assert len(last) == (turned if examples == 16 else 0)
