"""Forward hooks of the user's model: they are part of what it computes, on the copy as on the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune, spectral_norm

from landscape_widget import Objective

MSE = nn.MSELoss()


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4)).double()


@pytest.fixture
def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 20, 4, generator=generator, dtype=torch.float64)
    return x, y


def doubled(_: nn.Module, __: Any, output: Tensor) -> Tensor:
    return 2 * output


def double_outputs(model: nn.Module) -> None:
    model[0].register_forward_hook(doubled)


def halve_inputs(model: nn.Module) -> None:
    model[0].register_forward_pre_hook(lambda _, inputs: (inputs[0] / 2,))


def normalise(model: nn.Module) -> None:
    spectral_norm(model[0])
    model.eval()


def thin_out(model: nn.Module) -> None:
    prune.l1_unstructured(model[0], "weight", 0.5)


@pytest.mark.parametrize("change", [double_outputs, halve_inputs, normalise, thin_out])
def test_hooks_that_change_what_a_layer_computes_stay(
    data: tuple[Tensor, Tensor], change: Callable[[nn.Module], None]
) -> None:
    model, plain = network(), network()
    change(model)
    x, y = data
    expected = MSE(model(x), y)
    assert Objective(model, data, MSE).loss().item() == pytest.approx(expected.item(), rel=1e-12)
    assert abs(expected.item() - MSE(plain(x), y).item()) > 1e-3


def test_a_loss_that_reads_what_a_hook_keeps_is_right(data: tuple[Tensor, Tensor]) -> None:
    """Which is why such hooks are called: without them that part of the loss would stay as it is."""
    model, kept, (x, y) = network(), {}, data
    model[0].register_forward_hook(lambda _, __, output: kept.update(hidden=output))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return MSE(model(batch[0]), batch[1]) + kept["hidden"].square().mean()

    objective = Objective(model, data, loss)
    expected = MSE(model(x), y) + model[0](x).square().mean()
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(expected, list(model.parameters()))])
    assert objective.loss().item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(objective.gradient(), gradient, rtol=1e-10, atol=1e-12)


def test_what_a_method_keeps_in_its_object_stays_the_users(data: tuple[Tensor, Tensor]) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.seen: list[Tensor] = []

        def __call__(self, _: nn.Module, __: Any, output: Tensor) -> None:
            self.seen.append(output)

        keep = __call__

    method, called = Recorder(), Recorder()
    model = network()
    model[0].register_forward_hook(method.keep)
    model[2].register_forward_hook(called)
    Objective(model, data, MSE).gradient()
    assert method.seen == []
    assert called.seen == []
