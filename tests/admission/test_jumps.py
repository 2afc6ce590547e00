"""Losses that jump or are too rough for differences: told as what they are, with place and way out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian
from torch.nn.utils.parametrizations import orthogonal
from torch.nn.utils.parametrize import remove_parametrizations

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.admission.jumps import find_jump
from landscape_widget.admission.slope_check import CutOffError

from ..support.cases import EACH, Case

STRAIGHT = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, Y = draws(40, 4), draws(40, 3, seed=1)


def seeded(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().double()


class Through(nn.Module):
    """Two layers with a function between them."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.between = nn.Linear(4, 6), nn.Linear(6, 3), between

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self.first(x)))


class Rounded(nn.Module):
    """Rounds, and says in training that it does not."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (torch.round(8 * x) / 8 - x).detach()


class RoundedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.round(16 * self.layer.weight).T / 16 + self.layer.bias


def one_hot(h: Tensor) -> Tensor:
    return nn.functional.one_hot(h.argmax(-1), 6).to(h)


JUMPING: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "round": (lambda: Through(lambda h: torch.round(4 * h) / 4), "'round' in Through"),
    "floor": (lambda: Through(torch.floor), "'floor' in Through"),
    "sign": (lambda: Through(torch.sign), "'sign' in Through"),
    "threshold": (lambda: Through(lambda h: (h > 0).to(h)), "'gt' in Through"),
    "branch": (
        lambda: Through(lambda h: torch.ones_like(h) * (1 if h[0].sum() > 1.3 else 2)),
        "'gt' in Through",
    ),
    "argmax": (lambda: Through(one_hot), "'argmax' in Through"),
    "integers": (lambda: Through(lambda h: (8 * h).int().to(h)), "'to' in Through"),
    "straight through": (lambda: Through(Rounded()), r"'round' in module 'between' \(Rounded\)"),
    "rounded weights": (RoundedWeights, "'round' in RoundedWeights"),
    "quantised": (
        lambda: Through(lambda h: torch.fake_quantize_per_tensor_affine(h.float(), 0.5, 0, -99, 99).to(h)),
        "'fake_quantize.* in Through",
    ),
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, torch.float64) for name in JUMPING),
        *((name, torch.float32) for name in ("floor", "branch", "rounded weights")),
    ],
    ids=str,
)
def test_jumps_are_told_as_jumps_with_their_place(name: str, dtype: torch.dtype) -> None:
    make, place = JUMPING[name]
    with pytest.raises(CutOffError, match=f"without jumps.*jumps from .* to .*{place}") as caught:
        Objective(seeded(make), (X, Y), nn.MSELoss(), dtype=dtype)
    assert "cut off" not in str(caught.value)
    assert "smooth stand-in" in str(caught.value)


@pytest.mark.parametrize("before", ["first.weight, first.bias"])
def test_the_parameters_before_a_threshold_are_named_and_can_be_left_out(before: str) -> None:
    def make() -> nn.Module:
        return Through(torch.sign)

    with pytest.raises(CutOffError, match=f"in {before} its gradient is zero.*by `parameters`"):
        Objective(seeded(make), (X, Y), nn.MSELoss())
    objective = Objective(seeded(make), (X, Y), nn.MSELoss(), parameters="last.*")
    with torch.no_grad():
        hidden = torch.sign(seeded(make).first(X))  # type: ignore[operator]
    design = torch.cat([hidden, torch.ones(40, 1, dtype=torch.float64)], dim=1)
    right = 2 / 3 * torch.linalg.eigvalsh(design.T @ design / 40)  # the mean over 3 outputs
    assert hessian_eigenpairs(objective).values[0] == pytest.approx(float(right[-1]), rel=1e-6)


def test_a_loss_function_that_jumps() -> None:
    def accuracy(output: Tensor, target: Tensor) -> Tensor:
        return (output.argmax(-1) != target.argmax(-1)).to(output).mean() + 0 * output.sum()

    with pytest.raises(CutOffError, match=r"jumps from .* at the operation 'argmax', on"):
        Objective(seeded(lambda: nn.Linear(4, 3)), (X, Y), accuracy)


@pytest.mark.parametrize(
    "f",
    [lambda t: torch.floor(3 * t).sum() + (t**2).sum(), lambda t: torch.where(t > 0.5, t, t - 1).sum()],
    ids=["floor", "where"],
)
def test_a_function_that_jumps_has_losses_and_no_derivatives(f: Callable[[Tensor], Tensor]) -> None:
    theta = torch.tensor([1 / 3, 0.5, 1.0], dtype=torch.float64)
    objective = Objective.from_function(f, theta)
    assert objective.loss().item() == pytest.approx(f(theta).item())
    with pytest.raises(CutOffError, match=r"jumps from .* at the operation '(floor|gt)'"):
        hessian_eigenpairs(objective)


# a parametrisation that jumps at the weights themselves


def orthogonal_network(n: int, k: int, orthogonal_map: str, trivial: bool = True) -> nn.Module:
    layer = orthogonal(nn.Linear(n, k), orthogonal_map=orthogonal_map, use_trivialization=trivial)
    return nn.Sequential(layer, nn.Tanh(), nn.Linear(k, 3))


@pytest.mark.parametrize(("k", "trivial"), [(1, True), (2, False), (4, True), (6, False), (6, True)])
def test_orthogonal_weights_by_householder_are_refused_by_name(k: int, trivial: bool) -> None:
    model = seeded(lambda: orthogonal_network(4, k, "householder", trivial), k)
    with pytest.raises(
        CutOffError, match=r"jumps from .* in module '0\.parametrizations\.weight\.0'"
    ) as caught:
        Objective(model, (X, Y), nn.MSELoss())
    for way_out in ("orthogonal_map='cayley' or 'matrix_exp'", "remove_parametrizations"):
        assert way_out in str(caught.value)


def dense_values(model: nn.Module) -> np.ndarray:
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    sizes = [p.numel() for p in parameters.values()]

    def of(theta: Tensor) -> Tensor:
        parts = torch.split(theta, sizes)
        given = {n: part.view(p.shape) for (n, p), part in zip(parameters.items(), parts, strict=True)}
        return nn.functional.mse_loss(functional_call(model, given, (X,)), Y)

    theta = torch.cat([p.reshape(-1) for p in parameters.values()])
    return torch.linalg.eigvalsh(hessian(of)(theta)).numpy()


@pytest.mark.parametrize(
    ("way_out", "k"), [("cayley", 2), ("cayley", 6), ("matrix_exp", 4), ("matrix_exp", 6), ("remove", 2)]
)
def test_the_ways_out_of_householder(way_out: str, k: int) -> None:
    model = seeded(lambda: orthogonal_network(4, k, "householder" if way_out == "remove" else way_out))
    if way_out == "remove":
        remove_parametrizations(model[0], "weight")  # type: ignore[index]
    values = hessian_eigenpairs(Objective(model, (X, Y), nn.MSELoss())).values
    right = dense_values(model)
    assert values == pytest.approx([right[-1], right[0]], rel=1e-5, abs=1e-9)


# jumps beside θ*


def test_a_jump_nearby_is_told_and_the_curvature_is_that_of_the_piece() -> None:
    model = seeded(lambda: Through(nn.Hardshrink(0.1965)))
    with pytest.warns(
        UserWarning, match=r"jumps from .* 'hardshrink' in module 'between'.* from θ\*\. Its values"
    ):
        objective = Objective(model, (X[:8], Y[:8]), nn.MSELoss())
    parts = [p.detach() for p in model.parameters()]

    def piece(theta: Tensor) -> Tensor:
        a, b, c, d = (
            p.view_as(q) for p, q in zip(theta.split([p.numel() for p in parts]), parts, strict=True)
        )
        passed = (X[:8] @ parts[0].T + parts[1]).abs() > 0.1965  # which does not change on the piece
        return nn.functional.mse_loss(((X[:8] @ a.T + b) * passed) @ c.T + d, Y[:8])

    right = torch.linalg.eigvalsh(hessian(piece)(torch.cat([p.reshape(-1) for p in parts])))
    values = hessian_eigenpairs(objective).values
    assert values == pytest.approx([float(right[-1]), float(right[0])], rel=1e-5)


@pytest.mark.parametrize("case", EACH, ids=str)
def test_nothing_is_said_of_usual_networks(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        case.objective()


def test_a_jump_in_a_later_batch_is_told_before_curvature_is_certified() -> None:
    model = seeded(lambda: nn.Linear(4, 3))
    edge = model.weight.detach().sum()  # type: ignore[operator,union-attr]

    def loss(model: Any, batch: Any) -> Tensor:
        found = nn.functional.mse_loss(model(batch[0]), batch[1])
        return found + (model.weight.sum() > edge if batch[0][0, 0] > 10 else 0.0)

    later = X.clone()
    later[0, 0] = 11.0
    objective = Objective(model, [(X, Y), (later, Y)], loss)
    with pytest.raises(CutOffError, match=r"jumps from .* at the operation 'gt', on all of the data"):
        hessian_eigenpairs(objective)


# too rough


class Chaotic(nn.Module):
    """A recurrence whose steps amplify each difference."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.into, self.out = steps, nn.Linear(4, 20), nn.Linear(20, 3)
        self.recurrent = nn.Parameter(3 / 20**0.5 * torch.randn(20, 20))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.into(x))
        for _ in range(self.steps):
            h = torch.tanh(h @ self.recurrent.T)
        return self.out(h)


@pytest.mark.parametrize("steps", [60, 100])
def test_a_chaotic_recurrence_is_told_as_too_rough(steps: int) -> None:
    with pytest.raises(CutOffError, match=r"do not settle as the step.*too rough.*recurrence") as caught:
        Objective(seeded(lambda: Chaotic(steps)), (X, Y), nn.MSELoss())
    assert "cut off" not in str(caught.value)


def logistic(t: Tensor) -> Tensor:
    x = torch.sigmoid(t)
    for _ in range(60):
        x = 4 * x * (1 - x)
    return x.sum()


@pytest.mark.parametrize("f", [logistic, lambda t: torch.sin(1e10 * t).sum()], ids=["logistic map", "sine"])
def test_functions_that_are_too_rough_have_losses_and_no_derivatives(f: Callable[[Tensor], Tensor]) -> None:
    theta = torch.tensor([0.3, 0.8], dtype=torch.float64)
    objective = Objective.from_function(f, theta)
    assert objective.loss().item() == f(theta).item()
    with pytest.raises(CutOffError, match="do not settle"):
        objective.gradient()


# the search itself


@pytest.mark.parametrize("at", [1e-9, 0.1, 0.5, 0.637, 1 - 1e-9])
@pytest.mark.parametrize("size", [1e-4, 1.0, -1e3])
def test_a_jump_is_found_where_it_is(at: float, size: float) -> None:
    def loss(t: Tensor) -> float:
        return 2 + 0.1 * size * math.sin(3 * t.item()) + (size if t.item() >= at else 0.0)

    jump = find_jump(loss, *STRAIGHT)
    assert jump is not None
    assert jump.before.item() < at <= jump.after.item()
    assert jump.after.item() - jump.before.item() < 1e-11
    assert jump.losses[1] - jump.losses[0] == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda _: 0.0,
        lambda t: t**3 - t,
        lambda t: abs(t - 0.3),
        lambda t: abs(t - 0.3) ** 0.5,
        lambda t: math.tanh(1e7 * (t - 0.3)),
        lambda t: max(0.0, t - 0.3) * 1e6,
        lambda t: math.sin(1e20 * t),
        lambda t: math.nan if t > 0.3 else t,
        math.log,
        lambda t: 1 / (t - 0.3),
        lambda t: math.sqrt(t - 0.3),
    ],
)
def test_what_is_no_jump(f: Callable[[float], float]) -> None:
    """Constant, smooth, kinked, steep, rough, not defined or unbounded."""
    assert find_jump(lambda t: f(t.item()), *STRAIGHT) is None


def test_memory_that_does_not_suffice_is_no_hole() -> None:
    def loss(_: Tensor) -> float:
        raise MemoryError

    with pytest.raises(MemoryError):
        find_jump(loss, *STRAIGHT)
