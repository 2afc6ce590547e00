"""Models whose parameter tensors are of very different norms are certified where they are right alone."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.admission.nearby import displaced
from landscape_widget.admission.slope_check import CutOffError

from ..support.cases import EACH, FEW, Case
from ..support.squares import Square

SINGLE, DOUBLE = torch.float32, torch.float64


def data(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def network(*between: nn.Module) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 8), *between, nn.Linear(8, 2)).double()


def rescaled(scale: float, *between: nn.Module, bias: bool = True) -> nn.Sequential:
    """The first layer times ``scale`` and the last one divided by it."""
    model = network(*between)
    with torch.no_grad():
        model[0].weight.mul_(scale)
        model[0].bias.mul_(scale * bias)
        model[-1].weight.div_(scale)
    return model


class Wrong(nn.Module):
    """x² whose second derivative is lost."""

    def forward(self, x: Tensor) -> Tensor:
        return WrongSquare.apply(x)


class WrongSquare(Square):
    @staticmethod
    def backward(ctx, slope):
        return 2 * slope * ctx.saved_tensors[0].detach()


class Large(nn.Module):
    """A network one of whose tensors holds numbers in large units, by which the output is divided again."""

    def __init__(self, place: str, size: float, unit: nn.Module) -> None:
        super().__init__()
        self.layers, self.place, self.size = network(unit), place, size
        self.extra = nn.Parameter(size * (1 + 0.1 * data(2, seed=5)))

    def forward(self, x: Tensor) -> Tensor:
        out = self.layers(x)
        return out + self.extra if self.place == "bias" else out * (self.extra / self.size)


class Embedded(nn.Module):
    """An embedding in large units, which a fixed factor takes to those of the network."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.table, self.layers, self.size = nn.Embedding(6, 5), network(nn.ReLU()), size
        with torch.no_grad():
            self.table.weight.copy_(size * data(6, 5, seed=7))

    def forward(self, k: Tensor) -> Tensor:
        return self.layers(self.table(k).to(self.layers[0].weight) / self.size)


class Physics(nn.Module):
    """A field by a network, and logarithms of a stiffness beside a conductivity in plain units."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = network(nn.Tanh())
        self.log_rate = nn.Parameter(torch.tensor(-3.0, dtype=DOUBLE))
        self.stiffness = nn.Parameter(torch.tensor(2.1e11, dtype=DOUBLE))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) * self.log_rate.exp() + self.stiffness / 1e11


def certified(objective: Objective) -> np.ndarray:
    """λmax and λmin, where nothing doubts them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = hessian_eigenpairs(objective)
    assert pairs.converged.all()
    return pairs.values


def largest(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """λmax by the dense Hessian, in float64."""
    parameters = [*model.double().parameters()]
    slopes = torch.autograd.grad(mse_loss(model(x), y), parameters, create_graph=True)
    rows = [
        torch.autograd.grad(each, parameters, retain_graph=True, materialize_grads=True)
        for each in torch.cat([part.reshape(-1) for part in slopes])
    ]
    dense = torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in rows])
    return float(torch.linalg.eigvalsh((dense + dense.T) / 2)[-1])


@pytest.mark.parametrize(
    ("unit", "scale", "bias", "dtype"),
    [
        (nn.ReLU(), 1e-8, True, SINGLE),
        (nn.Hardtanh(0, 1e30), 1e-8, False, SINGLE),
        (nn.LeakyReLU(), 1e-6, False, SINGLE),
        (nn.ReLU(), 1e-4, False, DOUBLE),
        (nn.Hardtanh(0, 1e30), 1e4, True, SINGLE),
        (nn.ReLU(), 1e6, True, DOUBLE),
        (nn.LeakyReLU(), 1e8, False, DOUBLE),
        (nn.ReLU(), 1e8, True, SINGLE),
    ],
    ids=str,
)
def test_layers_rescaled_against_each_other_are_certified(
    unit: nn.Module, scale: float, bias: bool, dtype: torch.dtype
) -> None:
    model, (x, y) = rescaled(scale, unit, bias=bias).to(dtype), (data(40, 5), data(40, 2, seed=1))
    values = certified(Objective(model, (x.to(dtype), y.to(dtype)), nn.MSELoss()))
    x, y = x.to(dtype).double(), y.to(dtype).double()
    np.testing.assert_allclose(values[0], largest(model, x, y), rtol=1e-6)


@pytest.mark.parametrize(
    ("place", "unit", "size"),
    [
        ("bias", nn.Tanh(), 1e6),
        ("bias", nn.ReLU(), 1e9),
        ("factor", nn.ReLU(), 1e6),
        ("factor", nn.Tanh(), 1e7),
        ("factor", nn.Tanh(), 1e9),
    ],
    ids=str,
)
def test_one_tensor_in_large_units_is_certified(place: str, unit: nn.Module, size: float) -> None:
    model, x = Large(place, size, unit), data(40, 5)
    y = data(40, 2, seed=1) + (size if place == "bias" else 0)
    values = certified(Objective(model, (x, y), nn.MSELoss()))
    np.testing.assert_allclose(values[0], largest(model, x, y), rtol=1e-5)


@pytest.mark.parametrize("size", [1e6, 1e8], ids=str)
def test_an_embedding_in_large_units_is_certified(size: float) -> None:
    model, k, y = Embedded(size), torch.arange(40) % 6, data(40, 2, seed=1)
    np.testing.assert_allclose(
        certified(Objective(model, (k, y), nn.MSELoss()))[0], largest(model, k, y), rtol=1e-6
    )


def test_constants_of_physics_beside_their_logarithms_are_certified() -> None:
    model, x, y = Physics(), data(40, 5), data(40, 2, seed=1)
    np.testing.assert_allclose(
        certified(Objective(model, (x, y), nn.MSELoss()))[0], largest(model, x, y), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("scale", "examples"), [(1e-8, 8), (1e-8, 40), (1e-6, 40), (1e-3, 8), (1.0, 40), (10.0, 8)], ids=str
)
def test_a_wrong_derivative_between_rescaled_layers_is_doubted(scale: float, examples: int) -> None:
    model = rescaled(scale, nn.ReLU(), Wrong())
    with torch.no_grad():
        model[-1].weight.div_(scale)
    objective = Objective(model, (data(examples, 5), data(examples, 2, seed=1)), nn.MSELoss())
    with pytest.warns(UserWarning, match="agree with"):
        assert not hessian_eigenpairs(objective).converged.any()


@pytest.mark.parametrize(
    ("place", "size", "examples"),
    [("bias", 1e6, 8), ("bias", 1e8, 40), ("factor", 1e6, 8), ("factor", 1e6, 40)],
    ids=str,
)
def test_a_wrong_derivative_beside_a_tensor_in_large_units_is_doubted(
    place: str, size: float, examples: int
) -> None:
    y = data(examples, 2, seed=1) + (size if place == "bias" else 0)
    objective = Objective(Large(place, size, Wrong()), (data(examples, 5), y), nn.MSELoss())
    with pytest.warns(UserWarning, match="agree with"):
        assert not hessian_eigenpairs(objective).converged.any()


@pytest.mark.parametrize(
    ("examples", "dead", "size"),
    [
        (8, [0], 0.0),
        (40, [1], 0.0),
        (40, [0, 1], 0.0),
        (40, [0], 1e-14),
        (8, [1], 1e-14),
        (40, [0], 1e-7),
        (8, [0, 1], 1e-7),
    ],
    ids=str,
)
def test_a_wrong_derivative_beside_a_tensor_of_hardly_any_norm_is_doubted(
    examples: int, dead: list[int], size: float
) -> None:
    model = network(nn.ReLU(), Wrong(), nn.Linear(8, 8).double(), nn.ReLU())
    with torch.no_grad():
        for i in dead:
            [*model.parameters()][2 * i + 1].mul_(size)
    objective = Objective(model, (data(examples, 5), data(examples, 2, seed=1)), nn.MSELoss())
    with pytest.warns(UserWarning, match="agree with"):
        assert not hessian_eigenpairs(objective).converged.any()


class Cut(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + (0.3 * x**2).detach()


@pytest.mark.parametrize("size", [1e6, 1e8], ids=str)
@pytest.mark.parametrize("place", ["bias", "factor"])
def test_what_is_cut_off_beside_a_tensor_in_large_units_is_refused(place: str, size: float) -> None:
    y = data(40, 2, seed=1) + (size if place == "bias" else 0)
    with pytest.raises(CutOffError):
        Objective(Large(place, size, Cut()), (data(40, 5), y), nn.MSELoss())


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e4, 1e8], ids=str)
def test_what_is_cut_off_between_rescaled_layers_is_refused(scale: float) -> None:
    with pytest.raises(CutOffError):
        Objective(rescaled(scale, Cut()), (data(40, 5), data(40, 2, seed=1)), nn.MSELoss())


@pytest.mark.parametrize(
    ("case", "large"), [*((each, 1.0) for each in EACH), *((each, 100.0) for each in FEW)], ids=str
)
def test_models_in_usual_units_are_examined_where_all_parameters_move_alike(case: Case, large: float) -> None:
    """Files hold the loss there."""
    objective = case.objective().precise()
    theta = objective.theta * large
    v = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float32)
    length = 1e-2 * max(float(theta.norm()), 1.0)
    expected = theta + v.to(theta).mul_(length / float(v.norm()))
    assert torch.equal(displaced(theta, objective.spans), expected)


def test_beside_a_tensor_in_large_units_others_stay_near() -> None:
    objective = Objective(Large("factor", 1e8, nn.Tanh()), (data(40, 5), data(40, 2)), nn.MSELoss())
    moves = displaced(objective.theta, objective.spans) - objective.theta
    assert 1e5 < moves[objective.spans["extra"]].norm() < 1e7
    assert 0.1 < moves[objective.spans["layers.0.weight"]].norm() < 10


@pytest.mark.parametrize("slope", [0.0, 1e-3, 0.1], ids=str)
@pytest.mark.parametrize("size", [1e-4, 1e-6, 1e-8, 1e-10], ids=str)
def test_a_wrong_derivative_that_hardly_counts_is_doubted_beside_a_slope(size: float, slope: float) -> None:
    """The curvature of three parameters is 0.1 by products and 4.1 in truth, times ``size``."""

    def loss(theta: Tensor) -> Tensor:
        a, b = theta[:3], theta[3:]
        return 0.5 * a @ a + slope * a[0] + size * (2 * WrongSquare.apply(b - 1) + 0.05 * (b - 1) ** 2).sum()

    theta = torch.tensor([0.0, 0, 0, 1, 1, 1], dtype=DOUBLE)
    with pytest.warns(UserWarning, match="No curvature counts as certified"):
        pairs = hessian_eigenpairs(Objective.from_function(loss, theta))
    assert not pairs.converged.any()
