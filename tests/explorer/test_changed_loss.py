"""A loss that becomes another one under an explorer: nothing of the new one is added to what is known."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer
from landscape_widget.explorer import autosave

from ..support.cases import NARROW
from ..support.gates import HUNG
from ..support.page import received

Make = Callable[..., LandscapeExplorer]

NETWORK = NARROW
TRAITS = "_surface", "_eigenpairs", "_projections", "_spectrum", "_trace", "_landmarks", "_compared"
CHANGED = "has changed since"
RANDOM = {"axes": ("random", "random"), "domain": (-1, 1, -1, 1), "accuracy": 0.0}


def held(explorer: LandscapeExplorer) -> list[str]:
    """The results that the page has."""
    return [name for name in TRAITS if received(explorer, name) is not None]


class Decayed:
    """A loss whose weight decay stands in a variable, as one of a notebook does."""

    def __init__(self) -> None:
        self.decay = [0.1]
        self.calls = [0]
        self.change_at = [10**9]
        """After how many evaluations it changes by itself."""

    def loss(self) -> Callable[..., Tensor]:
        decay, calls, change_at = self.decay, self.calls, self.change_at

        def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
            calls[0] += 1
            if calls[0] > change_at[0]:
                decay[0] = 5.0
            squares = sum((p**2).sum() for p in model.parameters())
            return nn.functional.cross_entropy(model(batch["x"]), batch["y"]) + decay[0] * squares

        return loss


def explorer_of(make: Make, loss: Callable[..., Tensor], **controls: Any) -> LandscapeExplorer:
    x, y = NETWORK.examples()
    return make(NETWORK.model(), {"x": x, "y": y}, loss, resolution=5, **controls)


@contextmanager
def nothing_is_added(explorer: LandscapeExplorer) -> Iterator[None]:
    """What is known and shown stays what it was."""
    size, surface, pairs = explorer._study.known.size, explorer.surface, explorer.eigenpairs
    study = explorer._study
    yield
    assert study.known.size == size
    if explorer._study is study:
        assert explorer.surface is surface
        assert explorer.eigenpairs is pairs


def refused(explorer: LandscapeExplorer, what: str = "all") -> None:
    with pytest.raises(RuntimeError, match=CHANGED):
        explorer.compute(what)


def to_another_checkpoint(explorer: LandscapeExplorer) -> None:
    explorer.checkpoint = 1


def to_fewer_examples(explorer: LandscapeExplorer) -> None:
    explorer.examples = 6


def to_another_seed(explorer: LandscapeExplorer) -> None:
    explorer.seed = 7


def beside_a_checkpoint(explorer: LandscapeExplorer) -> None:
    explorer.compared_checkpoint = 0


def to_a_point(explorer: LandscapeExplorer) -> None:
    explorer.recentre(0.1, 0.1)


ROUTES = [to_another_checkpoint, to_fewer_examples, to_another_seed, beside_a_checkpoint, to_a_point]


@pytest.mark.parametrize("go", ROUTES, ids=lambda go: go.__name__)
def test_no_way_leads_around_the_check(make_explorer: Make, go: Callable[[LandscapeExplorer], None]) -> None:
    one = Decayed()
    run = [NETWORK.model().state_dict()]
    run = [{name: (1 + 0.1 * i) * tensor for name, tensor in run[0].items()} for i in range(3)]
    explorer = explorer_of(make_explorer, one.loss(), trajectory=run, **RANDOM).compute()
    one.decay[0] = 5.0
    with nothing_is_added(explorer):
        go(explorer)
        refused(explorer)
    assert explorer.status == "failed"
    one.decay[0] = 0.1
    refused(explorer)  # too late


def test_curves_along_a_run_are_of_one_loss(make_explorer: Make) -> None:
    one = Decayed()
    states = [
        {name: (1 + 0.1 * i) * tensor for name, tensor in NETWORK.model().state_dict().items()}
        for i in range(3)
    ]
    explorer = explorer_of(make_explorer, one.loss(), trajectory=states, **RANDOM).compute()
    before = explorer.evolution
    one.decay[0] = 5.0
    refused(explorer, "evolution")
    assert explorer.evolution == before


def test_weights_that_are_taken_later_are_not_looked_at_by_another_loss(make_explorer: Make) -> None:
    one = Decayed()
    x, y = NETWORK.examples()
    model = NETWORK.model()
    explorer = make_explorer(model, {"x": x, "y": y}, one.loss(), resolution=5, **RANDOM).compute()
    one.decay[0] = 5.0
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    explorer.update()
    refused(explorer)


def test_a_pin_of_another_loss_has_no_values(make_explorer: Make) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **RANDOM).compute()
    before = explorer.pin(0.1, 0.2)
    explorer.wait()
    values = before.values
    one.decay[0] = 5.0
    with nothing_is_added(explorer):
        pin = explorer.pin(0.3, 0.2)
        explorer.wait()
    assert pin.values is None
    assert CHANGED in pin.error
    assert before.values is values
    with pytest.raises(RuntimeError, match=CHANGED):
        explorer.table()


def test_a_table_of_another_loss_is_refused(make_explorer: Make) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **RANDOM).compute()
    assert explorer.table().rows
    one.decay[0] = 5.0
    with pytest.raises(RuntimeError, match=CHANGED):
        explorer.table()


@pytest.mark.parametrize("axes", [("random", "random"), ("hessian:max", "hessian:min")], ids=" × ".join)
def test_a_loss_that_changes_while_it_computes_leaves_no_picture_of_two(
    make_explorer: Make, axes: tuple[str, str]
) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **{**RANDOM, "axes": axes}).compute()
    other = explorer_of(make_explorer, one.loss(), **{**RANDOM, "axes": axes}).compute()
    with nothing_is_added(explorer):
        one.change_at[0] = one.calls[0] + 10  # of 51, or fewer where more points go into one call
        explorer.resolution = 17
        refused(explorer)
    assert CHANGED in explorer.error
    assert explorer.surface.loss.shape == (5, 5)
    shown = received(explorer, "_surface")
    assert shown["final"]
    assert shown["alpha"] == received(other, "_surface")["alpha"]
    end = monotonic() + HUNG  # while one picture is on its way, others wait
    while held(explorer) != held(other) and monotonic() < end:
        sleep(0.01)
    assert held(explorer) == held(other)


def test_a_first_computation_in_which_the_loss_changes_shows_nothing(make_explorer: Make) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **RANDOM)
    one.change_at[0] = one.calls[0] + 20
    refused(explorer)
    assert explorer.surface is None
    assert explorer.eigenpairs is None
    assert explorer._surface is None
    assert explorer._study.known.size == 0


def cancel_after_a_change(explorer: LandscapeExplorer, one: Decayed) -> None:
    """The loss changes in the midst of a computation, which is cancelled then."""
    one.change_at[0] = one.calls[0] + 60
    explorer.resolution = 33
    while one.decay[0] != 5.0:
        explorer._request.done.wait(0.01)
    explorer.cancel()
    explorer._request.done.wait()


def test_what_was_added_before_a_cancel_is_taken_back(make_explorer: Make) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **RANDOM).compute()
    with nothing_is_added(explorer):
        cancel_after_a_change(explorer, one)
        refused(explorer)


def test_a_file_that_follows_holds_no_losses_of_two(
    make_explorer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "INTERVAL", 0.0)
    monkeypatch.setattr(autosave, "_SPARING", 0.0)
    one, path = Decayed(), tmp_path / "run.npz"
    explorer = explorer_of(make_explorer, one.loss(), autosave=path, **RANDOM).compute()
    surface = explorer.surface
    one.change_at[0] = one.calls[0] + 60
    explorer.resolution = 17
    refused(explorer)
    explorer.close()
    one.change_at[0], one.decay[0] = 10**9, 0.1
    other = explorer_of(make_explorer, one.loss(), **RANDOM).load(path)
    assert np.array_equal(other.surface.loss, surface.loss)
    calls = one.calls[0]
    other.resolution = 5
    other.compute()  # for which nothing is evaluated
    assert one.calls[0] == calls
    assert np.array_equal(other.surface.loss, surface.loss)


def test_the_strength_of_a_penalty_that_is_zero_at_the_weights_counts(make_explorer: Make) -> None:
    """As of elastic weight consolidation, or of a student that is its teacher."""
    x, _ = NETWORK.examples()
    model = NETWORK.model()
    teacher, strength = copy.deepcopy(model), [1.0]

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return strength[0] * ((model(batch["x"]) - teacher(batch["x"]).detach()) ** 2).mean()

    explorer = make_explorer(model, {"x": x}, loss, resolution=5, **RANDOM).compute()
    strength[0] = 16.0
    with nothing_is_added(explorer):
        explorer.resolution = 9
        refused(explorer)


def test_a_loss_that_changes_after_a_file_was_loaded_is_noticed(make_explorer: Make, tmp_path: Path) -> None:
    one, path = Decayed(), tmp_path / "run.npz"
    explorer_of(make_explorer, one.loss(), **RANDOM).compute().save(path)
    explorer = explorer_of(make_explorer, one.loss(), **RANDOM).load(path)
    one.decay[0] = 5.0
    explorer.resolution = 9
    refused(explorer)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_loss_that_is_the_same_is_never_refused(make_explorer: Make, mode: str) -> None:
    """A loss of nearly zero, which rounding moves by percents at θ* itself, in another number of threads."""
    x = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 1))
    with torch.no_grad():
        model(x)
        y = model.eval()(x) * (1 + 1e-6 * torch.randn(64, 1))
    before = torch.get_num_threads()
    explorer = make_explorer(model, (x, y), nn.MSELoss(), resolution=5, mode=mode, **RANDOM).compute()
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        recomputed = [{"batch_norm": "recomputed"}] if mode == "eval" else []
        for change in ({"seed": 1}, *recomputed, {"examples": 20}, {"examples": 64, "seed": 2}):
            for name, value in change.items():
                setattr(explorer, name, value)
            explorer.compute("all" if change == {"seed": 1} else "surface")
        explorer.pin(0.1, 0.1)
        explorer.wait()
        assert explorer.pins[0].done
        thread = Thread(target=explorer.table)
        thread.start()
        thread.join()
        assert explorer.table().rows
    finally:
        torch.set_num_threads(before)


def test_a_check_is_one_evaluation(make_explorer: Make) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **RANDOM).compute()
    witness = explorer._study.centre.witness
    calls = one.calls[0]
    witness.check(explorer.examples)
    assert one.calls[0] == calls + 1
    witness.confirm(explorer.examples)
    explorer.compute()  # for which nothing is evaluated
    assert one.calls[0] == calls + 1


def test_a_file_written_after_a_change_is_of_the_former_loss(make_explorer: Make, tmp_path: Path) -> None:
    """Of one that is the same at θ*, where nothing but a point near it tells them apart."""
    x, _ = NETWORK.examples()
    model, strength = NETWORK.model(), [1.0]
    anchor = [p.detach().clone() for p in model.parameters()]

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        away = sum(((p - a) ** 2).sum() for p, a in zip(model.parameters(), anchor, strict=True))
        return model(batch["x"]).square().mean() + strength[0] * away

    def new() -> LandscapeExplorer:
        return make_explorer(model, {"x": x}, loss, resolution=5, **RANDOM)

    explorer = new().compute()
    strength[0] = 16.0
    path = tmp_path / "run.npz"
    explorer.save(path)
    strength[0] = 1.0
    other = new().load(path)
    assert np.array_equal(other.surface.loss, explorer.surface.loss)


def test_a_picture_is_not_drawn_again_for_a_pin_by_another_loss(make_explorer: Make) -> None:
    one = Decayed()
    explorer = explorer_of(make_explorer, one.loss(), **{**RANDOM, "accuracy": 0.002}, seed=1)
    explorer.resolution = 33
    explorer.compute()
    assert not explorer.surface.done.all()
    row, column = np.argwhere(~explorer.surface.done)[0]
    one.decay[0] = 5.0
    with nothing_is_added(explorer):
        pin = explorer.pin(explorer.surface.alpha[column], explorer.surface.beta[row])
        explorer.wait()
    assert CHANGED in pin.error


def test_a_slight_noise_is_no_change(make_explorer: Make) -> None:
    """As of sums in another order each time, which has been admitted."""
    x, y = NETWORK.examples()
    sums = torch.Generator().manual_seed(0)

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        rounding = 1 + noise[0] * torch.randn((), generator=sums, dtype=torch.float64).clamp(-1, 1)
        return nn.functional.cross_entropy(model(batch["x"]), batch["y"]) * rounding

    noise = [0.0]
    explorer = make_explorer(NETWORK.model(), {"x": x, "y": y}, loss, resolution=5, **RANDOM)
    noise[0] = 1e-11
    witness = explorer._study.centre.witness
    for _ in range(10):
        witness.check(explorer.examples)


def test_a_file_that_follows_a_cancelled_computation_holds_no_losses_of_two(
    make_explorer: Make, tmp_path: Path
) -> None:
    one, path = Decayed(), tmp_path / "run.npz"
    explorer = explorer_of(make_explorer, one.loss(), autosave=path, **RANDOM).compute()
    surface, size = explorer.surface, explorer._study.known.size
    cancel_after_a_change(explorer, one)
    explorer.close()
    one.change_at[0], one.decay[0] = 10**9, 0.1
    other = explorer_of(make_explorer, one.loss(), **RANDOM).load(path)
    assert np.array_equal(other.surface.loss, surface.loss)
    assert other._study.known.size == size
