"""What torch cannot differentiate twice: it works, or it is refused with the module's name and a way out."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, weight_norm

from landscape_widget import (
    Objective,
    SecondDerivativeError,
    hessian_eigenpairs,
    hessian_trace,
    projected_curvatures,
    spectral_density,
)
from landscape_widget.curvature.eigenpairs import eigenpair_steps
from landscape_widget.curvature.product_check import check_hvp, suspicious_modules

from ..support.cases import EACH, Case, case
from ..support.squares import Square


def data(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def double(make: type[nn.Module] | object, *args: object) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return make(*args).double()  # type: ignore[operator]


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.layer = kind(4, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


class WrongBackward(Square):
    """x² whose backward forgets that its own derivative depends on x."""

    @staticmethod
    def backward(ctx, slope):
        return 2 * slope * ctx.saved_tensors[0].detach()


class Custom(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return WrongBackward.apply(super().forward(x))


@pytest.mark.parametrize("case", EACH, ids=str)
def test_networks_whose_derivatives_are_right_pass(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective = case.objective().precise()
        check_hvp(objective)
    assert objective.second_derivative_checked


def test_a_few_examples_come_first_and_all_of_them_last() -> None:
    sizes: list[int] = []

    class Noted(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super().forward(x)

    objective = Objective(double(Noted, 4, 3), (data(20, 4), data(20, 3, seed=1)), nn.MSELoss())
    sizes.clear()
    check_hvp(objective)
    assert max(sizes[: sizes.index(20)]) == 8
    assert max(sizes) == 20


class Normed(nn.Linear):
    """A layer with weight norm, written out; its parameters are in the order of torch's."""

    def __init__(self, dim: int | None) -> None:
        super().__init__(4, 6)
        weight = self.weight.detach()
        del self.weight
        self.axis = None if dim is None else 1 - dim
        self.g, self.v = nn.Parameter(self.length(weight)), nn.Parameter(weight.clone())

    def length(self, v: Tensor) -> Tensor:
        return (v**2).sum().sqrt() if self.axis is None else (v**2).sum(self.axis, keepdim=True).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.g * self.v / self.length(self.v)).T + self.bias


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("norm", [weight_norm, parametrizations.weight_norm], ids=["old", "new"])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_has_the_right_second_derivative(norm: Callable[..., nn.Module], dim: int | None) -> None:
    """That of torch._weight_norm itself is off by tens of percent, in silence."""
    batch = data(20, 4), data(20, 3, seed=1)
    written = double(lambda: nn.Sequential(Normed(dim), nn.Tanh(), nn.Linear(6, 3)))
    model = double(lambda: nn.Sequential(norm(nn.Linear(4, 6), "weight", dim), nn.Tanh(), nn.Linear(6, 3)))
    with torch.no_grad():
        for own, other in zip(model.parameters(), written.parameters(), strict=True):
            own.copy_(other.reshape(own.shape))
    objective, exact = (Objective(each, batch, nn.MSELoss()) for each in (model, written))
    each = torch.eye(objective.n_parameters, dtype=torch.float64)
    torch.testing.assert_close(objective.theta, exact.theta, rtol=0, atol=0)
    torch.testing.assert_close(objective.hvp(each), exact.hvp(each), rtol=1e-12, atol=1e-14)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hessian_eigenpairs(objective).converged.all()


@pytest.mark.parametrize("compute", [hessian_eigenpairs, hessian_trace, spectral_density])
def test_a_missing_second_derivative_is_named(compute: Callable[[Objective], object]) -> None:
    model = double(nn.Sequential, nn.EmbeddingBag(7, 4), nn.Tanh(), nn.Linear(4, 3))
    tokens = torch.randint(7, (12, 5), generator=torch.Generator().manual_seed(0))
    objective = Objective(model, (tokens, data(12, 3)), nn.MSELoss())
    with pytest.raises(SecondDerivativeError, match="EmbeddingBag; use Embedding and a sum") as caught:
        compute(objective)
    assert "projected_curvatures(method='gradients')" in str(caught.value)
    assert "_embedding_bag_backward" in str(caught.value)
    with pytest.raises(SecondDerivativeError):
        projected_curvatures(objective, 3, method="hvp")
    with pytest.warns(UserWarning, match="finite differences of gradients"):
        found = projected_curvatures(objective, 5)
    assert found.provenance["method"] == "gradients"
    assert (found.n_hvp, found.n_gradient) == (0, 20)


def test_an_unknown_fault_warns_and_names_the_parameters() -> None:
    objective = Objective(double(Custom, 4, 3), (data(20, 4), data(20, 3, seed=1)), nn.MSELoss())
    with pytest.warns(UserWarning, match=r"got a difference in .*weight \(\d+ %\).*custom backward"):
        hessian_trace(objective, "hutchinson", samples=2)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrence_works_on_the_cpu(kind: type[nn.Module]) -> None:
    objective = Objective(double(Recurrent, kind), (data(10, 6, 4), data(10, 3)), nn.MSELoss())
    assert hessian_eigenpairs(objective).converged.all()


def test_recurrence_on_cuda_is_suspicious() -> None:
    objective = Objective(double(Recurrent, nn.GRU), (data(10, 6, 4), data(10, 3)), nn.MSELoss())
    assert suspicious_modules(objective) == {}
    objective.theta = torch.empty(objective.n_parameters, device="meta")
    assert suspicious_modules(objective) == {}
    objective.__class__ = type("OnCuda", (Objective,), {"device": torch.device("cuda")})
    assert "cudnn.enabled = False" in suspicious_modules(objective)["layer"]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
        lambda: nn.MultiheadAttention(4, 2, batch_first=True),
    ],
    ids=["TransformerEncoderLayer", "MultiheadAttention"],
)
def test_attention_works_under_the_math_kernel(layer: object) -> None:
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer()  # type: ignore[operator]

        def forward(self, x: Tensor) -> Tensor:
            out = self.layer(x, x, x)[0] if isinstance(self.layer, nn.MultiheadAttention) else self.layer(x)
            return out.mean(dim=1)

    objective = Objective(double(Attending), (data(8, 5, 4), data(8, 4, seed=1)), nn.MSELoss())
    assert hessian_eigenpairs(objective).converged.all()


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.HuberLoss(), nn.SmoothL1Loss(), nn.L1Loss()])
def test_losses_that_fail_in_forward_mode_work(loss: nn.Module) -> None:
    network = case("dense tanh", "mse")
    assert (
        hessian_trace(Objective(network.model(), network.batches(), loss), "hutchinson", samples=4).n_hvp == 4
    )


def test_batch_norm_in_train_mode_works() -> None:
    network = case("convolution, batch norm", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the loss is no mean over examples then, and says so
        objective = network.objective((13,), mode="train")
    assert hessian_eigenpairs(objective).converged.all()


def test_a_loss_without_curvature_passes() -> None:
    """All rounding on both sides of the comparison."""
    flat = Objective.from_function(lambda t: 1e6 * t.sum(), torch.ones(5, dtype=torch.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(hessian_eigenpairs(flat).values, [0, 0])


def test_it_runs_once_on_one_batch_and_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = case("dense tanh").objective((1,) * 13).precise()
    examples: list[int] = []
    product = Objective.hvp

    def counted(self: Objective, v: Tensor, theta: Tensor | None = None) -> Tensor:
        examples.append(self.n_examples)
        return product(self, v, theta)

    monkeypatch.setattr(Objective, "hvp", counted)
    check_hvp(objective)
    check_hvp(objective)
    assert examples[:2] == [1, 13]
    assert set(examples[2:]) <= {1}
    assert len(examples) < 2 + 6


def test_a_first_look_is_refused_where_a_second_derivative_is_missing() -> None:
    model = nn.Sequential(nn.EmbeddingBag(7, 4), nn.Tanh(), nn.Linear(4, 3))
    tokens = torch.randint(7, (40, 5), generator=torch.Generator().manual_seed(0))
    objective = Objective(model, (tokens, torch.arange(40) % 3), nn.CrossEntropyLoss())
    with pytest.raises(SecondDerivativeError, match="EmbeddingBag"):
        deque(eigenpair_steps(objective, precise=False), maxlen=0)


class Wrong(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return WrongBackward.apply(x)


def dead_units(layer: nn.Module) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """A network of which weight decay has left two units of 1e-14: on their kink at θ*."""
    model = double(nn.Sequential, nn.Linear(4, 8), nn.ReLU(), layer, nn.Linear(8, 3))
    with torch.no_grad():
        model[0].weight[:2] *= 1e-14
        model[0].bias[:2] *= 1e-14
    return model, (data(40, 4), torch.arange(40) % 3)


def test_a_kink_at_the_point_itself_is_no_doubt() -> None:
    model, batch = dead_units(nn.Identity())
    objective = Objective(model, batch, nn.CrossEntropyLoss())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = hessian_eigenpairs(objective)
    assert pairs.converged.all()
    slopes = torch.autograd.grad(
        nn.functional.cross_entropy(model(batch[0]), batch[1]), [*model.parameters()], create_graph=True
    )
    slope = torch.cat([part.reshape(-1) for part in slopes])
    rows = [torch.autograd.grad(each, [*model.parameters()], retain_graph=True) for each in slope]
    dense = torch.stack([torch.cat([part.reshape(-1) for part in row]) for row in rows])
    np.testing.assert_allclose(pairs.values, torch.linalg.eigvalsh(dense)[[-1, 0]], rtol=1e-6)


def test_a_wrong_derivative_beside_such_kinks_is_doubted() -> None:
    model, batch = dead_units(Wrong())
    with pytest.warns(UserWarning, match="agree with finite differences"):
        assert not hessian_eigenpairs(Objective(model, batch, nn.CrossEntropyLoss())).converged.any()


def test_a_tensor_of_zeros_is_compared_all_the_same() -> None:
    model, batch = dead_units(nn.Identity())
    nn.init.zeros_(model[3].bias)
    with pytest.warns(UserWarning, match="agree with finite differences"):
        assert not hessian_eigenpairs(Objective(model, batch, nn.CrossEntropyLoss())).converged.any()


def kinks_at(examples: list[int], unit: nn.Module, layer: nn.Module) -> Objective:
    """Examples of which each has a unit at its kink, nearer than any step of a difference."""
    model = double(nn.Sequential, nn.Linear(4, 8), unit, layer, nn.Linear(8, 3))
    x = data(40, 4)
    with torch.no_grad():
        for row, example in enumerate(examples):
            model[0].bias[row] = 1e-14 - model[0].weight[row] @ x[example]
    return Objective(model, (x, torch.arange(40) % 3), nn.CrossEntropyLoss())


@pytest.mark.parametrize("unit", [nn.ReLU(), nn.LeakyReLU(), nn.Hardtanh(0, 5)], ids=str)
@pytest.mark.parametrize("examples", [[17], [3, 30]], ids=str)
def test_kinks_of_a_few_examples_are_no_doubt(unit: nn.Module, examples: list[int]) -> None:
    objective = kinks_at(examples, unit, nn.Identity())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_hvp(objective)
    assert not objective.doubt


class WrongForSome(nn.Module):
    """A derivative that is wrong where the units of an example add up to more than a few."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x.sum(1, keepdim=True) > 3, WrongBackward.apply(x), x**2)


class Drawn(Square):
    """x² whose second derivative is drawn anew each time, about the right one."""

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        drawn = 1 + 0.1 * torch.randn_like(x)
        return 2 * slope * (x * drawn + (x * (1 - drawn)).detach())


class Random(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Drawn.apply(x)


@pytest.mark.parametrize("layer", [Wrong(), WrongForSome(), Random()], ids=str)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_wrong_derivative_beside_kinks_of_a_few_examples_is_doubted(layer: nn.Module) -> None:
    objective = kinks_at([17], nn.ReLU(), layer)
    check_hvp(objective)
    assert "agree with finite differences" in objective.doubt


def test_kinks_of_most_examples_are_doubted() -> None:
    with pytest.warns(UserWarning, match="many kinks"):
        check_hvp(kinks_at([1, 2, 9, 12, 17, 22, 27, 35], nn.ReLU(), nn.Identity()))


def test_behind_kinks_the_product_of_all_is_held_against_the_plain_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objective = kinks_at([17], nn.ReLU(), nn.Identity())
    product = Objective.hvp

    def wrong_at_the_point(self: Objective, v: Tensor, theta: Tensor | None = None) -> Tensor:
        return product(self, v, theta) * (1.1 if theta is None else 1)

    monkeypatch.setattr(Objective, "hvp", wrong_at_the_point)
    with pytest.warns(UserWarning, match="agree with finite differences"):
        check_hvp(objective)


class Fused(torch.autograd.Function):
    """Cross entropy that keeps its gradient from the forward pass: its second derivative is lost."""

    @staticmethod
    def forward(ctx, z, y):
        ctx.save_for_backward((z.softmax(1) - nn.functional.one_hot(y, z.shape[1])) / len(z))
        return nn.functional.cross_entropy(z, y)

    @staticmethod
    def backward(ctx, upstream):
        return upstream * ctx.saved_tensors[0], None


class Rare(torch.autograd.Function):
    """tanh whose second derivative is lost for large inputs alone."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        slope = 1 - x.tanh() ** 2
        return upstream * torch.where(x.abs() > 2, slope.detach(), slope)


class RareTanh(nn.Module):
    def forward(self, x):
        return Rare.apply(x)


@pytest.mark.parametrize("least", [2, 8, 20])
def test_a_derivative_that_is_wrong_in_larger_batches_alone_is_doubted(least: int) -> None:
    model = double(lambda: nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)))
    x = data(100, 4)
    batches = [(x[i : i + 25], (x[i : i + 25, 0] > 0).long()) for i in range(0, 100, 25)]

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return Fused.apply(z, y) if len(z) > least else nn.functional.cross_entropy(z, y)

    with pytest.warns(UserWarning, match="agree with finite differences"):
        assert not hessian_eigenpairs(Objective(model, batches, loss)).converged.any()


def test_a_derivative_that_is_wrong_for_some_examples_alone_is_doubted() -> None:
    """Some of a hundred, none of them among the first, in a network without kinks."""
    model = double(lambda: nn.Sequential(nn.Linear(4, 6), RareTanh(), nn.Linear(6, 2)))
    x = data(200, 4)
    x[:150] *= 0.1
    x[150:] *= 3
    with pytest.warns(UserWarning, match="agree with finite differences"):
        assert not hessian_eigenpairs(
            Objective(model, (x, (x[:, 0] > 0).long()), nn.CrossEntropyLoss())
        ).converged.any()


class WrongSign(torch.autograd.Function):
    """z² whose second derivative is −2 where an example is marked."""

    @staticmethod
    def forward(ctx, z, marked):
        ctx.save_for_backward(z, marked)
        return z**2

    @staticmethod
    def backward(ctx, upstream):
        z, marked = ctx.saved_tensors
        return upstream * torch.where(marked, 4 * z.detach() - 2 * z, 2 * z), None


class Marking(nn.Module):
    """Squares of a linear function, the second derivative of the last of 600 having the wrong sign."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(6, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return WrongSign.apply(x[:, :6] @ self.weight, x[:, 6] > 0)


@pytest.mark.parametrize("scale", [0.03, 0.3])
@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("method", ["lanczos", "annihilation"])
def test_a_sign_that_rests_on_one_example_whose_derivative_is_wrong_is_doubted(
    scale: float, preconditioned: bool, method: str
) -> None:
    x = data(600, 7)
    x[:, 5:] = 0  # nothing but the last example tells of the sixth parameter
    x[-1] = torch.tensor([0, 0, 0, 0, 0, scale, 1])
    objective = Objective(Marking(), (x, torch.zeros(600)), lambda z, _: z.mean())
    with pytest.warns(UserWarning, match="slopes on either side"):
        pairs = hessian_eigenpairs(
            objective, method=method, preconditioner=np.linspace(0.5, 2, 6) if preconditioned else None
        )
    assert not pairs.converged.any()
    assert "slopes" in pairs.provenance["doubt"]
    assert not hessian_eigenpairs(objective).converged.any()


class WrongCurve(torch.autograd.Function):
    """c·x²/2 with the right gradient c·x, whose own derivative is told as another one."""

    @staticmethod
    def forward(ctx, x, right, told):
        ctx.save_for_backward(x)
        ctx.curves = right, told
        return right * x * x / 2

    @staticmethod
    def backward(ctx, slope):
        right, told = ctx.curves
        (x,) = ctx.saved_tensors
        return slope * (told * x + ((right - told) * x).detach()), None, None


class Beside(nn.Module):
    """A sum of squares, and another one whose second derivative is wrong, in the same tensor or its own."""

    def __init__(
        self, curvatures: list[float], own: bool, right: float, told: float, slope: float = 0
    ) -> None:
        super().__init__()
        self.all = nn.Parameter(torch.zeros(len(curvatures), dtype=torch.float64))
        self.one = nn.Parameter(torch.zeros(1, dtype=torch.float64)) if own else None
        self.register_buffer("curvatures", torch.tensor(curvatures, dtype=torch.float64))
        self.curves = right, told
        with torch.no_grad():
            self.all[0] = slope / curvatures[0]

    def forward(self, x: Tensor) -> Tensor:
        one = self.all[1] if self.one is None else self.one[0]
        return 0 * x + (self.curvatures * self.all**2).sum() / 2 + WrongCurve.apply(one, *self.curves)


def of_all(model: nn.Module) -> Objective:
    return Objective(model, (data(12, 1), data(12, 1)), lambda output, _: output.mean())


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("largest", [2e4, 2e9])
def test_a_wrong_derivative_is_doubted_however_large_others_are(largest: float, own: bool) -> None:
    """As inputs in large units make them; the wrong ones lie within the spectrum, so that no end tells."""
    right = 1.2 if own else 0.0
    model = Beside([largest, right, *np.linspace(1, 2, 28)], own, -0.5, 1.5)
    with pytest.warns(UserWarning, match="difference in " + ("one" if own else "all")):
        pairs = hessian_eigenpairs(of_all(model))
    assert not pairs.converged.any()


@pytest.mark.parametrize("slope", [0.0, 100.0])
def test_a_wrong_sign_is_doubted_beside_a_gradient(slope: float) -> None:
    objective = of_all(Beside([1e4, 0.0, *np.linspace(1, 2, 28)], False, -1e-3, 1e-3, slope))
    with pytest.warns(UserWarning, match="No curvature counts as certified"):
        pairs = hessian_eigenpairs(objective)
    assert not pairs.converged.any()


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("slope", [0.0, 100.0])
def test_right_derivatives_beside_large_ones_are_certified(own: bool, slope: float) -> None:
    model = Beside([2e9, 0.0, *np.linspace(1, 2, 28)], own, -0.5, -0.5, slope)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = hessian_eigenpairs(of_all(model))
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, [2e9, -0.5], rtol=1e-3)
