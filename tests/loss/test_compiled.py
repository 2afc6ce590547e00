"""Compiled models: the landscape is that of the model before torch.compile, which notices nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache, wraps
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters

from landscape_widget import LandscapeExplorer, Objective, hessian_eigenpairs

X, Y = (torch.randn(12, n, generator=torch.Generator().manual_seed(n)) for n in (4, 3))
LOSS = nn.MSELoss()


class Net(nn.Module):
    """Two layers, the second of which is reached by a method."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.body = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
            self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x))

    def last(self, h: Tensor) -> Tensor:
        return self.head(h)


def compiled(target: Any) -> Any:
    return torch.compile(target, backend="eager")


class Decorated(Net):
    """Compiled where its class is written."""

    @compiled
    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.body(x))

    @compiled
    def last(self, h: Tensor) -> Tensor:
        return self.head(h)


class Listed(Net):
    """Holds a compiled part outside the tree of modules, too."""

    def __init__(self) -> None:
        super().__init__()
        self.body = compiled(self.body)
        self.steps = [self.body]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.steps[0](x))


def nested() -> nn.Module:
    net = Net()
    net.body[0] = compiled(net.body[0])
    net.body = compiled(net.body)
    return net


def in_place() -> nn.Module:
    net = Net()
    net.compile(backend="eager")
    net.head.compile(backend="eager")
    return net


def by_method() -> nn.Module:
    net = Net()
    net.forward = compiled(net.forward)  # type: ignore[method-assign]
    net.last = compiled(net.last)  # type: ignore[method-assign]
    return net


def by_optimize() -> nn.Module:
    net = Net()
    net.forward = torch._dynamo.optimize("eager")(net.forward)  # type: ignore[method-assign]
    return net


KINDS: dict[str, Callable[[], nn.Module]] = {
    "the model": lambda: compiled(Net()),
    "nested parts": nested,
    "model and nested parts": lambda: compiled(nested()),
    "in place": in_place,
    "forward replaced": by_method,
    "forward replaced by dynamo": by_optimize,
    "methods of the class": Decorated,
    "a part outside the tree": Listed,
    "model with methods of the class": lambda: compiled(Decorated()),
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Counters and compiled code are those of the process."""
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()
    counters.clear()


@cache
def values_of_the_model_before() -> list[float]:
    return hessian_eigenpairs(Objective(Net(), (X, Y), LOSS)).values.tolist()


def seen() -> dict[str, dict[str, int]]:
    return {name: dict(group) for name, group in counters.items() if group}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_nothing_is_compiled_and_the_numbers_are_those_of_the_model_before(
    make: Callable[[], nn.Module],
) -> None:
    expected = Objective(Net(), (X, Y), LOSS)
    objective = Objective(make(), (X, Y), LOSS)
    assert objective.layout is not None
    assert sorted(objective.layout.names) == sorted(expected.layout.names)  # type: ignore[union-attr]
    assert torch.equal(objective.loss(), expected.loss())
    assert torch.equal(objective.theta.sort().values, expected.theta.sort().values)
    objective.gradient()
    for dtype in (torch.float64, torch.float32):
        objective.to(dtype).loss()
    pairs = hessian_eigenpairs(objective)
    assert pairs.values == pytest.approx(values_of_the_model_before(), rel=1e-9), (
        "the same sums in another order"
    )
    assert seen() == {}, "torch has compiled something"


#: Without what is compiled in two ways that are there one by one.
ALONE = [name for name in KINDS if name not in ("nested parts", "model with methods of the class")]


@pytest.mark.parametrize("make", [KINDS[name] for name in ALONE], ids=ALONE)
def test_the_model_stays_compiled_and_as_it_was(make: Callable[[], nn.Module]) -> None:
    model = make()
    model(X)
    before = seen()
    assert before, "or this tests nothing"
    kinds = {name: type(part) for name, part in model.named_modules()}
    own = {name: dict(vars(part)) for name, part in model.named_modules()}
    state = deepcopy(dict(model.state_dict()))
    with torch._dynamo.config.patch(recompile_limit=2):  # eight, as torch has it, take longer
        for _ in range(3):
            Objective(model, (X, Y), LOSS).precise().loss()
    assert {name: type(part) for name, part in model.named_modules()} == kinds
    for name, part in model.named_modules():
        assert vars(part).keys() == own[name].keys()
        assert all(vars(part)[key] is value for key, value in own[name].items() if key[0] != "_")
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    model(X)
    assert seen() == before, "the compiled code of before is still in use"


def test_a_compiled_loss_and_metric_are_taken_as_they_were_written() -> None:
    @compiled
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return ((output - target) ** 2).mean()

    objective = Objective(Net(), (X, Y), loss, metrics={"error": compiled(nn.L1Loss())})
    assert float(objective.loss()) == pytest.approx(float(LOSS(Net()(X), Y).detach()), rel=1e-6)
    expected = float((Net()(X) - Y).detach().abs().mean())
    assert objective.metrics()["error"] == pytest.approx(expected, rel=1e-6)
    assert seen() == {}


def test_what_wraps_a_compiled_method_is_part_of_the_function() -> None:
    """functools.wraps copies the mark of compiled functions."""
    net = Net()
    inner = compiled(net.forward)

    @wraps(inner)
    def doubled(x: Tensor) -> Tensor:
        return 2 * net.head(net.body(x))

    assert hasattr(doubled, "_torchdynamo_orig_callable")
    with torch.no_grad():
        expected = float(LOSS(doubled(X), Y))
    net.forward = doubled  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="reaches those of your own model"):
        Objective(net, (X, Y), LOSS)  # the function holds that model, whatever it is called
    objective = Objective(Net(), (X, Y), lambda model, batch: LOSS(2 * model(batch[0]), batch[1]))
    assert float(objective.loss()) == pytest.approx(expected, rel=1e-6)


def test_hooks_of_the_compiled_model_are_part_of_the_function() -> None:
    model = compiled(Net())
    model.register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    model._orig_mod.register_forward_pre_hook(lambda _, args: (args[0] * 2,))
    model._orig_mod.register_forward_hook(lambda *args: args[2] + 1)
    model.register_forward_hook(lambda *args: args[2] * 3)
    objective = Objective(model, (X, Y), LOSS)
    expected = LOSS(3 * (Net()((X + 1) * 2) + 1), Y).detach()
    assert float(objective.loss()) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("chosen", ["body.*", "_orig_mod.body.*"])
def test_parameters_are_chosen_by_either_name(chosen: str) -> None:
    objective = Objective(compiled(Net()), (X, Y), LOSS, parameters=chosen)
    assert objective.layout is not None
    assert objective.layout.names == ("body.0.weight", "body.0.bias")
    model = compiled(Net())
    by_part = Objective(model, (X, Y), LOSS, parameters=model.body)
    assert torch.equal(by_part.theta, objective.theta)
    assert torch.equal(by_part.filter_blocks, objective.filter_blocks)
    assert int(by_part.filter_blocks.max()) == 4, "one filter for each unit"


@pytest.mark.parametrize("make", [lambda: compiled(Net()), nested], ids=["model", "nested"])
def test_weights_fit_the_compiled_model(
    make_explorer: Callable[..., LandscapeExplorer], make: Callable[[], nn.Module]
) -> None:
    model = make()
    options = {"resolution": 5, "samples": 5, "domain": (-1, 1, -1, 1), "axes": ("random", "random")}
    explorer = make_explorer(model, (X, Y), LOSS, **options)
    explorer.compute()
    state = explorer.parameters_at(1.0, 0.5)
    assert state.keys() == model.state_dict().keys()
    model.load_state_dict(state)
    surface = explorer.surface
    i, j = (int(abs(axis - at).argmin()) for axis, at in ((surface.beta, 0.5), (surface.alpha, 1.0)))
    with torch.no_grad():
        assert float(LOSS(model(X), Y)) == pytest.approx(float(surface.loss[i, j]), rel=1e-5)


class Own(Net):
    """Copies itself without a memo."""

    def __deepcopy__(self, memo: Any) -> Net:
        twin = Own()
        twin.load_state_dict(self.state_dict())
        return twin


@pytest.mark.parametrize("make", [Own, lambda: compiled(Own())], ids=["plain", "compiled"])
def test_a_module_with_a_copy_of_its_own(make: Callable[[], nn.Module]) -> None:
    assert torch.equal(Objective(make(), (X, Y), LOSS).loss(), Objective(Net(), (X, Y), LOSS).loss())
    assert seen() == {}


def test_the_objective_of_a_compiled_model_pickles() -> None:
    objective = Objective(compiled(by_method()), (X, Y), LOSS)
    again = pickle.loads(pickle.dumps(objective))
    assert torch.equal(again.loss(), objective.loss())
    assert seen() == {}
