"""Where second derivatives vanish or do not exist: right values without a false alarm, or one plain error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian

from landscape_widget import Objective, hessian_eigenpairs, projected_curvatures

from ..support.squares import Square


@pytest.fixture(autouse=True)
def nothing_is_said() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


ZERO = torch.zeros(6, dtype=torch.float64)

FLAT: dict[str, Callable[[Tensor], Tensor]] = {
    "θ³": lambda t: (t**3).sum(),
    "θ⁴": lambda t: (t**4).sum(),
    "θ⁵": lambda t: (t**5).sum(),
    "θ⁶": lambda t: (t**6).sum(),
    "θ⁷": lambda t: (t**7).sum(),
    "steep θ⁴": lambda t: 1e8 * (t**4).sum(),
    "very steep θ⁴": lambda t: 1e20 * (t**4).sum(),
    "flat θ⁴": lambda t: 1e-30 * (t**4).sum(),
    "θ⁴ on a height": lambda t: 1e6 + 1e8 * (t**4).sum(),
    "θ⁴ on a slope": lambda t: t.sum() + 1e8 * (t**4).sum(),
    "|θ|³": lambda t: (t.abs() ** 3).sum(),
    "|θ|^2.5": lambda t: (t * t).pow(1.25).sum() if t.any() else (t * t * t).sum(),
    "product of three": lambda t: t[0] * t[1] * t[2] + 1e6 * t[3] * t[4] * t[5],
    "product of all": lambda t: t.prod(),
    "squared products": lambda t: (t[:3] * t[3:]).square().sum(),
    "exp(θ⁴)": lambda t: (1e3 * t**4).sum().exp(),
    "exp of a product": lambda t: (t[0] * t[1] * t[2]).exp(),
    "log(1 + θ⁴)": lambda t: (1e9 * t**4).sum().log1p(),
    "sin(θ³)": lambda t: torch.sin(1e5 * (t**3).sum()),
    "cosh without its parabola": lambda t: (torch.cosh(2 * t) - 2 * t**2).sum(),
    "some θ⁴, some θ²": lambda t: 1e8 * (t[:3] ** 4).sum() + (t[3:] ** 2 * torch.arange(1, 4)).sum(),
    "some θ³, some −θ²": lambda t: 1e4 * (t[:3] ** 3).sum() - (t[3:] ** 2).sum(),
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, torch.float64) for name in FLAT),
        # they are computed in float64 all the same
        *((name, torch.float32) for name in ("θ³", "very steep θ⁴", "flat θ⁴", "some θ⁴, some θ²")),
    ],
    ids=str,
)
def test_flat_functions(name: str, dtype: torch.dtype) -> None:
    f = FLAT[name]
    pairs = hessian_eigenpairs(Objective.from_function(f, ZERO.to(dtype)))
    right = torch.linalg.eigvalsh(hessian(f)(ZERO))
    assert pairs.values == pytest.approx([float(right[-1]), float(right[0])], rel=1e-6, abs=1e-12)
    assert pairs.converged.all()


def zeros(*widths: int, between: Callable[[], nn.Module] = nn.Identity, bias: bool = False) -> nn.Module:
    layers = [[nn.Linear(m, n, bias=bias), between()] for m, n in pairwise(widths)]
    model = nn.Sequential(*[layer for pair in layers for layer in pair][:-1]).double()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return model


def draws(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


NETWORKS = {
    "two layers": lambda: zeros(3, 4, 2),
    "three layers": lambda: zeros(3, 4, 4, 2),
    "four layers": lambda: zeros(3, 4, 4, 4, 2),
    "tanh": lambda: zeros(3, 4, 4, 2, between=nn.Tanh),
    "GELU": lambda: zeros(3, 4, 4, 2, between=nn.GELU),
    "biases": lambda: zeros(3, 4, 4, 2, between=nn.Tanh, bias=True),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("scale", "classes"), [(1.0, True), (1e3, False)])
def test_networks_of_zeros(name: str, scale: float, classes: bool) -> None:
    make = NETWORKS[name]
    x = scale * draws(20, 3)
    y = torch.arange(20) % 2 if classes else draws(20, 2)
    weight = torch.tensor([1.0, 2.0], dtype=torch.float64)
    loss = nn.CrossEntropyLoss(weight=weight) if classes else nn.MSELoss()
    model = make()
    parts = {name: p.detach() for name, p in model.named_parameters()}

    def of(theta: Tensor) -> Tensor:
        split = theta.split([p.numel() for p in parts.values()])
        given = {n: part.view(p.shape) for (n, p), part in zip(parts.items(), split, strict=True)}
        return loss(functional_call(model, given, (x,)), y)

    right = torch.linalg.eigvalsh(hessian(of)(torch.zeros(sum(p.numel() for p in parts.values())).double()))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The loss of the first batch")
        pairs = hessian_eigenpairs(Objective(make(), (x, y), loss))
    assert pairs.values == pytest.approx([float(right[-1]), float(right[0])], rel=1e-6, abs=1e-12)


# where there is no second derivative


class Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2, bias=False).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).norm(dim=1)


def network_of_a_norm() -> Objective:
    """One example of zeros, where the norm has no second derivative."""
    return Objective(
        Norm(), (torch.cat([torch.zeros(1, 3), torch.ones(5, 3)]).double(), draws(6)), nn.MSELoss()
    )


NONE: dict[str, Callable[[], Objective]] = {
    "√|θ|": lambda: Objective.from_function(lambda t: (1 + t.abs()).sum() + t.abs().sqrt().sum(), ZERO),
    "‖θ‖": lambda: Objective.from_function(lambda t: t.square().sum().sqrt(), ZERO),
    "|θ|^1.5": lambda: Objective.from_function(lambda t: t.abs().pow(1.5).sum(), ZERO),
    "norm of an output": network_of_a_norm,
}


@pytest.mark.parametrize("make", NONE.values(), ids=NONE.keys())
@pytest.mark.parametrize(
    "compute", [hessian_eigenpairs, lambda o: projected_curvatures(o, 3)], ids=["eigenpairs", "projections"]
)
def test_a_second_derivative_that_is_not_finite_is_one_error_and_no_warning(
    make: Callable[[], Objective], compute: Callable[[Objective], object]
) -> None:
    with pytest.raises(ArithmeticError, match="twice differentiable at the present weights"):
        compute(make())


def test_products_that_cannot_be_checked_are_told() -> None:
    """At the edge of where the loss is defined."""
    edge = torch.ones(2, dtype=torch.float64)
    f = Objective.from_function(
        lambda t: torch.where(t.max() > 1, torch.nan * t.sum(), t.square().sum()), edge
    )
    with pytest.warns(UserWarning, match=r"Expected gradients beside θ\* that are finite"):
        assert hessian_eigenpairs(f).values == pytest.approx([2, 2])


class Squared(Square):
    """Whose second derivative is right but for a part."""

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return 2 * slope * (0.9 * x + 0.1 * x.detach())


@pytest.mark.parametrize("steepness", [0.0, 1.0, 1e6])
def test_a_wrong_second_derivative_is_told_beside_a_flat_one(steepness: float) -> None:
    f = Objective.from_function(lambda t: Squared.apply(t).sum() + steepness * (t**4).sum(), ZERO)
    with pytest.warns(UserWarning, match="got a difference in θ \\(10 %\\)"):
        hessian_eigenpairs(f)
