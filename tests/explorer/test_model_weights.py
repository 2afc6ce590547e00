"""Weights at a point: a state dict that loads, written into the user's model and put back bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective, evaluate_point, random_plane
from landscape_widget.explorer.model_weights import Weights

from ..support.cases import ONE_BATCH, case

AT = (0.3, -0.2)
NAMES = ["dense tanh", "tied", "frozen", "convolution, batch norm"]


def bits(model: nn.Module) -> dict[str, tuple[int, bytes]]:
    """Address and content of every tensor of the state."""
    return {
        key: (t.data_ptr(), t.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        for key, t in model.state_dict().items()
    }


def set_up(name: str, change: Callable[[nn.Module], Any] = nn.Module.eval) -> tuple[Any, ...]:
    """A case's model, the objective of it, a displacement, and the model's weights."""
    network = case(name)
    model = network.model()
    change(model)
    objective = Objective(model, network.batches(ONE_BATCH), network.loss_fn)
    plane = random_plane(objective, seed=2)
    return model, objective, plane, Weights(model, objective.layout)


def plain_loss(name: str, model: nn.Module) -> float:
    x, y = case(name).examples()
    with torch.no_grad():
        return nn.functional.cross_entropy(model(x), y).item()


@pytest.mark.parametrize("name", NAMES)
def test_the_state_dict_has_the_loss_of_the_point(name: str) -> None:
    model, objective, plane, weights = set_up(name)
    before = bits(model)
    state = weights.at(plane.point(*AT) - plane.origin)
    assert list(state) == list(model.state_dict())
    fresh = case(name).model()
    fresh.load_state_dict(state)
    point = evaluate_point(objective, plane, *AT)
    assert plain_loss(name, fresh) == pytest.approx(point.train.loss, rel=1e-12)
    assert plain_loss(name, fresh) != pytest.approx(plain_loss(name, model), rel=1e-3)
    assert bits(model) == before


@pytest.mark.parametrize("name", NAMES)
def test_at_no_displacement_it_is_the_model(name: str) -> None:
    model, objective, _, weights = set_up(name)
    state = weights.at(np.zeros(objective.n_parameters))
    for key, tensor in model.state_dict().items():
        assert torch.equal(state[key], tensor), key
        assert state[key].dtype == tensor.dtype
        assert state[key].data_ptr() != tensor.data_ptr()


def test_frozen_parameters_and_buffers_are_those_of_the_beginning() -> None:
    model, _, plane, weights = set_up("convolution, batch norm")
    model.train()
    model(case("convolution, batch norm").examples()[0])  # moves the running statistics
    state = weights.at(plane.point(*AT) - plane.origin)
    original = case("convolution, batch norm").model().state_dict()
    for key in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(state[key], original[key])
    frozen, _, plane, weights = set_up("frozen")
    state = weights.at(plane.point(*AT) - plane.origin)
    moved = {key for key, t in frozen.state_dict().items() if not torch.equal(state[key], t)}
    assert moved == {name for name, p in frozen.named_parameters() if p.requires_grad}


def test_dtype_of_each_tensor_is_kept() -> None:
    def mix(model: nn.Module) -> None:
        model[0].half()
        model[2].float()

    model, objective, plane, _ = set_up("dense tanh")
    mix(model)
    weights = Weights(model, objective.layout)
    state = weights.at(plane.point(*AT) - plane.origin)
    assert [t.dtype for t in state.values()] == [t.dtype for t in model.state_dict().values()]


@pytest.mark.parametrize("name", NAMES)
def test_apply_and_restore(name: str) -> None:
    model, objective, plane, weights = set_up(name)
    before = bits(model)
    mode, grads = model.training, [p.grad for p in model.parameters()]
    weights.apply(plane.point(*AT) - plane.origin)
    assert plain_loss(name, model) == pytest.approx(
        evaluate_point(objective, plane, *AT).train.loss, rel=1e-12
    )
    assert {key: at for key, (at, _) in bits(model).items()} == {key: at for key, (at, _) in before.items()}
    assert weights.applied
    weights.restore()
    assert bits(model) == before
    assert not weights.applied
    assert (model.training, [p.grad for p in model.parameters()]) == (mode, grads)


def test_restore_is_exact_down_to_the_bits() -> None:
    """Among them a negative zero, a NaN with a payload, a number that rounds, and strides of their own."""

    def odd(model: nn.Module) -> None:
        model[0].weight.data = torch.randn(4, 6, dtype=torch.float64).t()
        with torch.no_grad():
            model[0].weight[0, 0] = -0.0
            model[0].weight[1, 0] = 0.1

    model, _, plane, weights = set_up("dense tanh", odd)
    assert not model[0].weight.is_contiguous()
    with torch.no_grad():  # a buffer or frozen weight may be anything
        model[2].bias.view(torch.int64)[0] = 0x7FF800000000BEEF
    before, strides = bits(model), model[0].weight.stride()
    weights.apply(plane.point(*AT) - plane.origin)
    assert bits(model) != before
    weights.restore()
    assert bits(model) == before
    assert model[0].weight.stride() == strides


def test_the_first_of_several_is_what_comes_back() -> None:
    model, _, plane, weights = set_up("dense tanh")
    before = bits(model)
    for at in (AT, (0.1, 0.1), AT):
        weights.apply(plane.point(*at) - plane.origin)
    weights.restore()
    assert bits(model) == before


def test_nothing_to_restore() -> None:
    _, _, plane, weights = set_up("dense tanh")
    with pytest.raises(RuntimeError, match="nothing was applied"):
        weights.restore()
    weights.apply(plane.eta)
    weights.restore()
    with pytest.raises(RuntimeError, match="nothing was applied"):
        weights.restore()


def step(model: nn.Module) -> None:
    with torch.no_grad():
        model[0].bias.add_(1e-3)


def test_training_after_apply_is_not_lost_in_silence() -> None:
    model, _, plane, weights = set_up("dense tanh")
    before = bits(model)
    weights.apply(plane.eta)
    step(model)
    trained = bits(model)
    with pytest.raises(RuntimeError, match=r"changed since.*\(0.bias\).*restore\(force=True\)"):
        weights.restore()
    assert bits(model) == trained
    weights.restore(force=True)
    assert bits(model) == before


def test_after_training_on_from_applied_weights_those_come_back() -> None:
    model, _, plane, weights = set_up("dense tanh")
    weights.apply(plane.eta)
    step(model)
    trained = bits(model)
    weights.apply(plane.delta)
    weights.restore()
    assert bits(model) == trained


def test_training_before_apply_does_not_move_the_plane() -> None:
    model, objective, plane, weights = set_up("dense tanh")
    step(model)
    weights.apply(plane.point(*AT) - plane.origin)
    point = evaluate_point(objective, plane, *AT)
    assert plain_loss("dense tanh", model) == pytest.approx(point.train.loss, rel=1e-12)


@pytest.mark.parametrize("buffers", [False, True], ids=["parameters", "buffers alone"])
def test_whether_it_was_trained(buffers: bool) -> None:
    """Neither at first, nor with weights that were written and put back; batch norm's statistics count."""
    model, _, plane, weights = set_up("convolution, batch norm")
    assert not weights.trained_since(weights.first)
    weights.apply(plane.point(*AT) - plane.origin)
    assert not weights.trained_since(weights.first)
    weights.restore()
    assert not weights.trained_since(weights.first)
    with torch.no_grad():
        next(model.buffers() if buffers else model.parameters()).add_(1.0)
    assert weights.trained_since(weights.first)
    weights.apply(plane.point(*AT) - plane.origin)
    assert not weights.trained_since(weights.first)


def test_a_model_that_became_another_one_is_left_alone() -> None:
    model, _, plane, weights = set_up("dense tanh")
    model[4] = nn.Linear(5, 7).double()
    before = bits(model)
    with pytest.raises(RuntimeError, match=r"same parameters.*4\.weight.*Make a new explorer"):
        weights.apply(plane.eta)
    assert bits(model) == before
    assert not weights.applied


class Wrapped(nn.Module):
    """A wrapper whose state dict drops its prefix, as some of torch's do."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.register_state_dict_post_hook(self._rename)

    @staticmethod
    def _rename(_module: nn.Module, state: dict[str, Tensor], prefix: str, _meta: Any) -> None:
        for key in list(state):
            state[key.removeprefix(prefix + "inner.")] = state.pop(key)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def test_keys_may_differ_from_the_names_of_parameters() -> None:
    network = case("dense tanh")
    model = Wrapped(network.model())
    objective = Objective(model, network.batches(ONE_BATCH), network.loss_fn)
    plane = random_plane(objective, seed=2)
    state = Weights(model, objective.layout).at(plane.point(*AT) - plane.origin)
    plain = network.model()
    plain.load_state_dict(state)
    assert plain_loss("dense tanh", plain) == pytest.approx(
        evaluate_point(objective, plane, *AT).train.loss, rel=1e-12
    )
