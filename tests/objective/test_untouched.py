"""The user's model, data and random state: bit for bit the same, whatever happens."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    evaluate_plane,
    hessian_eigenpairs,
    projected_curvatures,
    random_plane,
)

from ..support.gates import HUNG, Gate
from ..support.page import send

X = torch.randn(13, 1, 6, 6, generator=torch.Generator().manual_seed(1))
Y = torch.randint(3, (13,), generator=torch.Generator().manual_seed(2))


def no_hook(*arguments: Any) -> None:
    """A hook of the user's."""


class Network(nn.Module):
    """Everything that an evaluation could disturb; its forward pass goes through a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(48, 3)
        self.gate = Gate(lambda x: x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.norm(self.convolution(self.gate(x))).tanh().flatten(1)))


@pytest.fixture
def network() -> Network:
    """In training: train mode, gradients of the last step, a frozen bias, a hook."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Network().train()
    nn.functional.cross_entropy(model(X), Y).backward()
    model.convolution.bias.requires_grad_(False)
    model.drop.eval()
    model.norm.register_forward_hook(no_hook)
    model.register_forward_pre_hook(no_hook)
    return model


def loader() -> DataLoader:
    """Draws from the global generator when it is read."""
    return DataLoader(TensorDataset(X, Y), batch_size=5, shuffle=True)


def state(model: nn.Module) -> dict[str, Any]:
    """Everything that must stay."""
    return {
        "weights and buffers": {k: (v.data_ptr(), v.clone()) for k, v in model.state_dict().items()},
        "gradients": {
            k: None if p.grad is None else (p.grad.data_ptr(), p.grad.clone())
            for k, p in model.named_parameters()
        },
        "requires_grad": {k: p.requires_grad for k, p in model.named_parameters()},
        "mode": {k: m.training for k, m in model.named_modules()},
        "hooks": {
            (k, kind): list(vars(m)[kind].items())
            for k, m in model.named_modules()
            for kind in vars(m)
            if kind.endswith("_hooks")
        },
        "python's generator": random.getstate(),
        "numpy's generator": np.random.get_state(),  # noqa: NPY002 - the global one is meant
        "torch's generator": torch.get_rng_state(),
        "data": (X.clone(), Y.clone()),
        "grad mode and threads": (
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.get_num_threads(),
        ),
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert [name for name in before if not same(before[name], after[name])] == []


def criterion(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, target)


def derivatives(objective: Objective) -> None:
    objective.loss()
    objective.gradient()
    objective.hvp(torch.ones(objective.n_parameters, 2))


def plane(objective: Objective) -> None:
    steps = evaluate_plane(objective, random_plane(objective, normalize="filter"), resolution=5)
    deque(steps, maxlen=0)


WORK: dict[str, Callable[[Objective], Any]] = {
    "building": lambda _: None,
    "derivatives": derivatives,
    "eigenpairs": lambda objective: hessian_eigenpairs(objective, max_hvp=8),
    "surface": plane,
    "projections": lambda objective: projected_curvatures(objective, 3),
    "subset in double": lambda objective: derivatives(objective.subset(4).precise()),
}


@pytest.mark.filterwarnings("ignore:The loss of the first batch")  # of training mode, tested elsewhere
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in WORK),
        *((name, {"mode": "train"}) for name in ("building", "eigenpairs", "surface")),
        *((name, {"dtype": torch.float64}) for name in ("derivatives", "projections")),
    ],
    ids=str,
)
def test_after_success(network: Network, name: str, options: dict[str, Any]) -> None:
    if options.get("mode") == "train":
        network.drop.p = 0.0  # a stochastic model would be refused
    before = state(network)
    objective = Objective(network, loader(), criterion, **options)
    WORK[name](objective)
    assert_same(before, state(network))


def test_after_an_explorer_has_computed(
    network: Network, make_explorer: Callable[..., LandscapeExplorer]
) -> None:
    before = state(network)
    make_explorer(network, loader(), criterion, axes=("random:filter", "hessian:max")).compute()
    assert_same(before, state(network))


class BrokenError(Exception):
    """Raised by a model or loss of the tests."""


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("where", ["model", "loss"])
def test_after_an_error_while_building(network: Network, where: str, calls: int) -> None:
    gate = network.gate if where == "model" else Gate(criterion)
    before = state(network)
    gate.fail(BrokenError("broken"), after=calls)
    with pytest.raises((ValueError, BrokenError), match="broken"):
        Objective(network, loader(), gate if where == "loss" else criterion)
    assert_same(before, state(network))


@pytest.mark.parametrize("where", ["model", "loss"])
def test_after_an_error_at_any_call_while_building(network: Network, where: str) -> None:
    # away from θ* or on half a batch a model may refuse; such a call is forgiven, any other one is told
    gate = network.gate if where == "model" else Gate(criterion)
    loss = gate if where == "loss" else criterion
    before, told, start = state(network), [], gate.calls
    Objective(network, loader(), loss)
    for calls in range(gate.calls - start):
        gate.fail(BrokenError("broken"), after=calls)
        message = ""
        try:
            Objective(network, loader(), loss)
        except (ValueError, BrokenError) as error:
            message = str(error)
        told.append("broken" in message)
        assert told[-1] or not message
        assert_same(before, state(network))
    assert told[0]
    assert told[1]
    assert not all(told)


def test_after_an_error_in_the_loader(network: Network) -> None:
    def batches() -> Any:
        yield X[:5], Y[:5]
        torch.rand(1)
        raise BrokenError("no such file")

    before = state(network)
    with pytest.raises(BrokenError):
        Objective(network, batches(), criterion)
    assert_same(before, state(network))


# the first calls of products weigh graphs of few examples, which a loss may refuse: those are forgiven
@pytest.mark.parametrize(
    ("work", "calls"),
    [
        *((work, calls) for work in ("derivatives", "surface", "subset in double") for calls in (0, 1, 2)),
        *((work, calls) for work in ("eigenpairs", "projections") for calls in (0, 3, 4)),
    ],
)
def test_after_an_error_while_computing(network: Network, work: str, calls: int) -> None:
    objective = Objective(network, loader(), criterion)
    before = state(network)
    network.gate.fail(BrokenError("broken"), after=calls)
    with pytest.raises(BrokenError):
        WORK[work](objective)
    assert_same(before, state(network))


@pytest.mark.parametrize("calls", [0, 1, 10])
def test_after_an_error_in_the_midst_of_compute(
    network: Network, make_explorer: Callable[..., LandscapeExplorer], calls: int
) -> None:
    explorer = make_explorer(network, loader(), criterion)
    before = state(network)
    network.gate.fail(BrokenError("broken"), after=calls)
    with pytest.raises(RuntimeError, match="broken") as raised:
        explorer.compute()
    assert isinstance(raised.value.__cause__, BrokenError)
    assert_same(before, state(network))


@pytest.mark.parametrize("calls", [0, 1, 10, 20, 40])
def test_after_a_cancel(
    network: Network, make_explorer: Callable[..., LandscapeExplorer], calls: int
) -> None:
    explorer = make_explorer(network, loader(), criterion)
    before = state(network)
    network.gate.hold(after=calls)
    send(explorer, type="shown")
    assert network.gate.reached.wait(HUNG)
    assert_same(before, state(network))  # also in the midst of a forward pass
    explorer.cancel()
    network.gate.go.set()
    with pytest.raises(RuntimeError, match="cancelled"):
        explorer.wait(HUNG)
    assert explorer.status == "cancelled"
    assert_same(before, state(network))


def spoil(model: nn.Module, x: Tensor, y: Tensor) -> None:
    """Training goes on: weights, buffers and data change in place, and so does the mode."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(1)
        x.mul_(-2)
        y.fill_(0)
    model.train(not model.training)


@pytest.mark.parametrize("kind", ["loader", "pair", "list", "dict"])
def test_later_changes_do_not_show(network: Network, kind: str) -> None:
    x, y = X.clone(), Y.clone()
    data = {
        "loader": DataLoader(TensorDataset(x, y), batch_size=5),
        "pair": (x, y),
        "list": [(x, y)],
        "dict": {"x": x, "y": y},
    }[kind]

    def loss_of_dict(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return criterion(model(batch["x"]), batch["y"])

    objective = Objective(network, data, loss_of_dict if kind == "dict" else criterion)
    theta, loss, gradient = objective.theta.clone(), objective.loss(), objective.gradient()
    spoil(network, x, y)
    assert torch.equal(objective.theta, theta)
    assert torch.equal(objective.loss(), loss)
    assert torch.equal(objective.gradient(), gradient)
    # one parameter, no batch norm: nothing is copied on the way by chance
    linear = nn.Linear(2, 1, bias=False)
    objective = Objective(linear, (torch.ones(3, 2), torch.zeros(3, 1)), nn.MSELoss())
    loss = objective.loss()
    with torch.no_grad():
        linear.weight.add_(1)
    assert torch.equal(objective.loss(), loss)


def test_theta_of_a_function_is_a_copy() -> None:
    theta = torch.ones(3, dtype=torch.float64)
    objective = Objective.from_function(lambda t: (t**2).sum(), theta)
    theta.zero_()
    assert objective.loss() == 3


def test_arrays_of_a_plane_are_its_own() -> None:
    objective = Objective.from_function(lambda t: (t**2).sum(), torch.ones(3, dtype=torch.float64))
    random_plane(objective).origin[:] = 0
    assert objective.loss() == 3


class Drifting(nn.Module):
    """Follows its inputs in train mode, as an average that is part of the function."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)
        self.register_buffer("centre", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.centre.mul_(0.9).add_(0.1 * x.mean(dim=0))
        return self.linear(x - self.centre)


def test_buffers_that_a_model_writes_do_not_move_its_loss() -> None:
    data = torch.ones(4, 2), torch.zeros(4, 1)
    objective = Objective(Drifting(), data, nn.MSELoss(), mode="train")
    assert len({objective.loss().item() for _ in range(5)}) == 1
