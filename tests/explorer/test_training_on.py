"""Training on: what an explorer says of a model that has moved, and takes when asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.explorer.model_weights import State, Weights

from ..support.cases import ONE_BATCH, case
from ..support.gates import HUNG, finish, gated_saddle, settle
from ..support.page import received, send

Make = Callable[..., LandscapeExplorer]

NAME = "dense tanh"


def explorer_of(make: Make, name: str = NAME, **keywords: Any) -> tuple[nn.Module, LandscapeExplorer]:
    network = case(name)
    model = network.model()
    if name != NAME:
        model.eval()
    keywords = {"axes": ("random", "random"), "resolution": 5, "domain": (-1, 1, -1, 1), **keywords}
    return model, make(model, network.batches(ONE_BATCH), network.loss_fn, **keywords)


def train(model: nn.Module, by: float = 0.1) -> float:
    """Moves the trainable parameters as training does, and returns ‖Δθ‖."""
    generator, total = torch.Generator().manual_seed(3), 0.0
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                step = by * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.add_(step)
                total += float(step.double().square().sum())
    return total**0.5


def loss_now(model: nn.Module, name: str = NAME) -> float:
    network = case(name)
    return float(Objective(model, network.batches(ONE_BATCH), network.loss_fn).loss())


def drift(explorer: LandscapeExplorer) -> str:
    told = received(explorer, "_pins")["drift"]
    return "" if told is None else told["words"]


def ask(explorer: LandscapeExplorer) -> None:
    """The page's regular question, answered."""
    send(explorer, type="alive")
    for errand in explorer._errands:
        assert errand.done.wait(60)


@pytest.mark.parametrize("name", [NAME, "tied", "frozen", "convolution, batch norm"])
def test_a_model_that_moved_is_told_of_and_nothing_is_taken(make_explorer: Make, name: str) -> None:
    model, explorer = explorer_of(make_explorer, name)
    explorer.compute("surface")
    theta, loss = explorer.objective.theta.clone(), explorer.results.centre_loss
    assert drift(explorer) == ""
    assert "moved" not in repr(explorer)
    moved = train(model)
    ask(explorer)
    assert drift(explorer) == f"Your model has moved ‖Δθ‖ = {moved:.3g} since its weights were taken."
    assert f"your model has moved ‖Δθ‖ = {moved:.3g} since" in repr(explorer)
    explorer.compute("surface")
    assert torch.equal(explorer.objective.theta, theta)
    assert explorer.results.centre_loss == loss


def test_a_computation_that_begins_sees_it(make_explorer: Make) -> None:
    model, explorer = explorer_of(make_explorer)
    train(model)
    explorer.compute("surface")
    assert "moved" in drift(explorer)


@pytest.mark.parametrize("name", [NAME, "tied", "frozen", "convolution, batch norm"])
def test_update_takes_the_present_weights_and_goes_back(make_explorer: Make, name: str) -> None:
    model, explorer = explorer_of(make_explorer, name, seed=4, samples=7)
    explorer.compute("surface")
    controls, before = explorer._chosen(), explorer.results
    moved = train(model)
    explorer.update()
    assert drift(explorer) == ""
    assert received(explorer, "_pins")["centre"] == {
        "depth": 1,
        "request": explorer._points.centres.left_at,
        "moved": 0.0,
    }
    assert received(explorer, "_pins")["checkpoint"] == 1
    explorer.compute("surface")
    assert explorer._chosen() == controls
    assert explorer.results.centre_loss == pytest.approx(loss_now(model, name), rel=1e-12)
    state = explorer.parameters_at(0.0, 0.0)
    assert all(torch.equal(state[key], tensor) for key, tensor in model.state_dict().items())
    explorer.go_back()
    explorer.compute("surface")
    np.testing.assert_array_equal(explorer.surface.loss, before.surface.loss)
    assert (
        drift(explorer) == f"Your model has moved ‖Δθ‖ = {moved:.3g} since its weights were taken."
    )  # away from that θ* again
    assert received(explorer, "_pins")["checkpoint"] == 0


def test_the_page_takes_them_too(make_explorer: Make) -> None:
    model, explorer = explorer_of(make_explorer)
    explorer.compute("surface")
    train(model)
    send(explorer, type="update")
    settle(explorer)
    assert explorer.results.centre_loss == pytest.approx(loss_now(model), rel=1e-12)
    assert received(explorer, "_pins")["checkpoint"] == 1


def test_batch_norm_statistics_alone(make_explorer: Make) -> None:
    """They are not in θ, but the loss rests on them."""
    name = "convolution, batch norm"
    model, explorer = explorer_of(make_explorer, name)
    explorer.compute("surface")
    model.train()
    model(case(name).examples()[0])
    model.eval()
    ask(explorer)
    assert "not in θ but in 1.running_mean" in drift(explorer)
    explorer.update()
    explorer.compute("surface")
    assert explorer.results.centre_loss == pytest.approx(loss_now(model, name), rel=1e-12)
    explorer.go_back()
    explorer.compute("surface")
    assert explorer.results.centre_loss != pytest.approx(loss_now(model, name), rel=1e-6)


def test_another_type_with_the_same_values_is_no_move(make_explorer: Make) -> None:
    model, explorer = explorer_of(make_explorer)
    train(model)
    explorer.update()
    model.float()
    ask(explorer)
    assert "moved" in drift(explorer)  # weights in float64 were rounded
    explorer.update()
    model.double()
    ask(explorer)
    assert drift(explorer) == ""
    explorer.compute("surface")
    assert explorer.results.centre_loss == pytest.approx(loss_now(model), rel=1e-12)


def reshape(model: nn.Module) -> None:
    model[0] = nn.Linear(4, 9, dtype=torch.float64)


def freeze(model: nn.Module) -> None:
    train(model)
    model[0].bias.requires_grad_(False)


def spoil(model: nn.Module) -> None:
    with torch.no_grad():
        model[0].bias[0] = torch.nan


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [(reshape, RuntimeError, "0.weight"), (freeze, RuntimeError, "0.bias"), (spoil, ValueError, "0.bias")],
)
def test_what_cannot_be_taken_is_refused_with_names_and_nothing_changes(
    make_explorer: Make, change: Callable[[nn.Module], None], error: type[Exception], told: str
) -> None:
    model, explorer = explorer_of(make_explorer)
    explorer.compute("surface")
    theta = explorer.objective.theta.clone()
    change(model)
    ask(explorer)
    assert received(explorer, "_pins")["drift"]["takes"] is False
    with pytest.raises(error, match=told):
        explorer.update()
    send(explorer, type="update")
    assert told in received(explorer, "_pins")["note"]
    assert torch.equal(explorer.objective.theta, theta)
    assert received(explorer, "_pins")["centre"]["depth"] == 0


def test_weights_that_apply_wrote_are_no_move_and_can_be_taken(make_explorer: Make) -> None:
    model, explorer = explorer_of(make_explorer)
    explorer.compute("surface")
    explorer.apply(0.3, -0.2)
    ask(explorer)
    assert drift(explorer) == ""
    explorer.update()
    explorer.compute("surface")
    assert explorer.results.centre_loss == pytest.approx(loss_now(model), rel=1e-12)
    explorer.restore()
    assert "moved" in drift(explorer)


def test_a_pin_of_former_weights_keeps_their_buffers(make_explorer: Make) -> None:
    name = "convolution, batch norm"
    model, explorer = explorer_of(make_explorer, name)
    explorer.compute("surface")
    pin = explorer.pin(0.3, -0.2)
    before = explorer.parameters_at(pin)
    train(model)
    model.train()
    model(case(name).examples()[0])
    model.eval()
    explorer.update()
    after = explorer.parameters_at(pin)
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())


def test_without_a_model_there_is_nothing_to_take(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1])
    with pytest.raises(RuntimeError, match="made of an objective"):
        explorer.update()


def test_while_it_computes_the_newest_weights_win(make_explorer: Make) -> None:
    model, explorer = explorer_of(make_explorer, resolution=51, accuracy=0.0)
    send(explorer, type="shown")
    first = explorer._request
    train(model)
    explorer.update()
    assert explorer._request is not first
    finish(first)
    settle(explorer)
    assert explorer.results.centre_loss == pytest.approx(loss_now(model), rel=1e-12)


def test_two_explorers_of_one_model(make_explorer: Make) -> None:
    model, first = explorer_of(make_explorer)
    second = make_explorer(model, case(NAME).batches(ONE_BATCH), case(NAME).loss_fn)
    train(model)
    first.update()
    for explorer in (first, second):
        ask(explorer)
    assert drift(first) == ""
    assert "moved" in drift(second)


def test_another_model_takes_the_place_of_the_first(make_explorer: Make) -> None:
    model, explorer = explorer_of(make_explorer)
    other = case(NAME).model()
    train(other)
    explorer.update(other)
    explorer.compute("surface")
    assert explorer.results.centre_loss == pytest.approx(loss_now(other), rel=1e-12)
    train(model)
    ask(explorer)
    assert drift(explorer) == ""
    train(other)
    ask(explorer)
    assert "moved" in drift(explorer)
    with pytest.raises(RuntimeError, match="Make a new explorer"):
        explorer.update(
            nn.Sequential(nn.Linear(4, 9, dtype=torch.float64), nn.Linear(9, 3, dtype=torch.float64))
        )
    with pytest.raises(TypeError, match="Expected a model, got dict"):
        explorer.update(dict(other.state_dict()))  # type: ignore[arg-type]


def asking(model: nn.Module, batch: Any) -> torch.Tensor:
    squares = [p.square().sum() for p in model.parameters() if p.requires_grad]
    return nn.functional.mse_loss(model(batch[0]), batch[1]) + torch.stack([torch.zeros(()), *squares]).sum()


def physical(model: nn.Module, batch: Any) -> torch.Tensor:
    x = batch[0].clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    return slope.square().mean() + nn.functional.mse_loss(model(x), batch[1])


@pytest.mark.parametrize("loss_fn", [asking, physical])
def test_another_model_takes_the_place_whatever_the_loss_needs(
    make_explorer: Make, loss_fn: Callable[..., torch.Tensor]
) -> None:
    """That of a loss which asks what requires a gradient, or has derivatives of its own, needs a graph."""
    torch.manual_seed(0)
    batch, model, other = (torch.randn(8, 3), torch.randn(8, 1)), nn.Linear(3, 1), nn.Linear(3, 1)
    explorer = make_explorer(model, [batch], loss_fn, resolution=5).compute("surface")
    explorer.update(other)
    explorer.compute("surface")
    assert explorer.results.centre_loss == pytest.approx(float(loss_fn(other, batch).detach()), rel=1e-5)
    other.forward = lambda x: 2 * nn.Linear.forward(other, x)  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="Make a new explorer"):
        explorer.update(other)


def test_weights_amid_a_step_of_an_optimizer_are_not_taken(make_explorer: Make) -> None:
    """A step in another thread, whose pauses between parameters are longer than a copy takes.

    What is taken while the machine makes one of them longer than a step is waited for tells nothing.
    """
    model, explorer = explorer_of(make_explorer)
    ends, over, taken, late = Event(), Event(), [], []

    def steps() -> None:
        while not ends.wait(0.03):
            at = monotonic()
            for parameter in model.parameters():
                sleep(0.003)
                parameter.data += 1
                before, at = at, monotonic()
                if at - before > 0.007:
                    late.append((before, at))
            over.set()

    first = explorer.objective.theta.clone()
    thread = Thread(target=steps)
    thread.start()
    until = monotonic() + HUNG
    try:
        while len(taken) < 10 and monotonic() < until:
            began = monotonic()
            with suppress(RuntimeError):  # it asks for a time between two steps
                explorer.update()
                ended, moved = monotonic(), explorer.objective.theta - first
                over.clear()
                assert over.wait(HUNG)  # and so a pause that was on
                if not any(begin < ended and end > began for begin, end in late):
                    taken.append(moved)
    finally:
        ends.set()
        thread.join()
    assert len(taken) == 10
    for moved in taken:
        assert torch.allclose(moved, moved[0].round(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [NAME, "convolution, batch norm"])
def test_a_model_that_is_trained_meanwhile_is_taken_as_it_was_copied(
    make_explorer: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread that goes on between the copy and the look whether the model is the same in all else."""
    model, explorer = explorer_of(make_explorer, name)
    train(model)
    expected, taken = loss_now(model, name), Weights.taken

    def copied_before_a_step(weights: Weights, base: State) -> State:
        state = taken(weights, base)
        train(weights.model, 1.0)
        return state

    monkeypatch.setattr(Weights, "taken", copied_before_a_step)
    explorer.update()
    assert explorer.compute("surface").surface.loss[2, 2] == pytest.approx(expected, rel=1e-6)


class Gated(nn.Module):
    """Its output depends on what a state dict does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 3)
        self.register_buffer("shift", torch.zeros(3), persistent=False)
        self.temperature = 1.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.first(x) + self.shift)) / self.temperature


class Bent(Gated):
    """The same state, another function."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.first(x)))


def shifted(model: Gated) -> None:
    model.shift += 1


def heated(model: Gated) -> None:
    model.temperature = 0.2


def burst(model: Gated) -> None:
    model.temperature = 0.0


def untied(model: Gated) -> None:
    model.last.weight = nn.Parameter(model.last.weight.detach() + 1)


@pytest.mark.parametrize("change", [shifted, heated, burst, untied, lambda _: Bent()])
def test_a_model_that_is_another_function_by_now_is_refused(
    make_explorer: Make, change: Callable[[Gated], Gated | None]
) -> None:
    torch.manual_seed(0)
    data = torch.randn(20, 3), torch.arange(20) % 3
    model = Gated()
    if change is untied:
        model.last.weight = model.first.weight
    explorer = make_explorer(
        model, data, nn.CrossEntropyLoss(), axes=("random", "random"), domain=(-1, 1, -1, 1)
    )
    train(model)
    explorer.update()  # that alone is no reason
    explorer.compute("surface")
    other = change(model)
    train(model)
    if other is not None:
        other.load_state_dict(model.state_dict())
    before = explorer.surface
    with pytest.raises((RuntimeError, ValueError), match=r"Make a new explorer|which are one parameter"):
        explorer.update(other)
    assert explorer.surface is before
    assert explorer.compute("surface").surface.loss[2, 2] == before.loss[2, 2]


def test_solutions_in_which_tied_weights_differ_are_refused(make_explorer: Make) -> None:
    model = Gated()
    model.last.weight = model.first.weight
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state["last.weight"] += 1
    data = torch.randn(20, 3), torch.arange(20) % 3
    with pytest.raises(ValueError, match=r"first\.weight and last\.weight differ, which are one parameter"):
        make_explorer(model, data, nn.CrossEntropyLoss(), solutions={"untied": state})
    with pytest.raises(ValueError, match="which are one parameter"):
        Objective(model, data, nn.CrossEntropyLoss()).with_state(state)


def test_a_file_of_the_present_weights_asks_for_update(make_explorer: Make, tmp_path: Path) -> None:
    """As in a notebook where the weights were read after the explorer was made."""
    model, explorer = explorer_of(make_explorer)
    train(model)
    _, later = explorer_of(make_explorer)
    later._points.weights.model.load_state_dict(model.state_dict())
    later.update()
    later.compute("surface").save(tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"fingerprint of .* the model holds by now.*update\(\) first"):
        explorer.load(tmp_path / "run.npz")
    explorer.update()
    assert explorer.load(tmp_path / "run.npz").surface == later.surface
    train(model)
    explorer.update()
    train(model)
    with pytest.raises(ValueError, match="fingerprint") as told:
        explorer.load(tmp_path / "run.npz")
    assert "update()" not in str(told.value)
