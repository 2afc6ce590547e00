"""A file that follows a computation: what a killed kernel loses, and how the next one goes on."""

from __future__ import annotations

import copy
import logging
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import landscape_widget
from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.explorer import autosave
from landscape_widget.export.runs import _content

from ..support.gates import HUNG, Gate, finish, finish_pin, gated_saddle, saddle
from ..support.logs import Log
from ..support.page import received
from ..support.scripts import Scripts

Make = Callable[..., LandscapeExplorer]

#: Every node of a random plane, which needs no product.
CHOSEN: dict[str, Any] = {
    "axes": ("random", "random"),
    "domain": (-1.0, 1.0, -1.0, 1.0),
    "accuracy": 0,
    "resolution": 9,
    "samples": 1,
}

#: Computes as in ``CHOSEN``, writes the file after each step, and is killed at its 60th loss.
KILLED = """
import os, signal
from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.explorer import autosave

autosave.INTERVAL = autosave._SPARING = 0.0
calls = 0

def saddle(theta):
    global calls
    calls += 1
    if calls == 60:
        os.kill(os.getpid(), signal.SIGKILL)
    d = theta - 1
    h = torch.tensor([4.0, 2.0, 1.0, -1.0, -3.0], dtype=torch.float64)
    return 0.5 * (h * d**2).sum() + 0.1 * (d**3).sum() + 2

objective = Objective.from_function(saddle, torch.ones(5, dtype=torch.float64))
calls = 0
explorer = LandscapeExplorer(objective, autosave={path!r}, **{chosen!r})
explorer.compute("surface")
"""


def counted() -> tuple[Gate, Objective]:
    gate, objective = gated_saddle()
    gate.calls = 0
    return gate, objective


def test_a_killed_kernel_loses_seconds_of_work(
    tmp_path: Path, new_process: Scripts, make_explorer: Make
) -> None:
    path = tmp_path / "run.npz"
    code, out, err = new_process.run(KILLED.format(path=str(path), chosen=CHOSEN), 120)
    assert code == -signal.SIGKILL, (out, err)
    gate, objective = counted()
    explorer = make_explorer(objective, autosave=path, **CHOSEN)
    kept = sum(map(len, explorer._study.known.losses.values()))
    assert 25 <= kept < 60, "those of the coarser levels at least"
    gate.calls = 0
    explorer.compute("surface")
    assert gate.calls <= 81 - kept + 2, "the loss at θ*, and what tells the files apart"
    alone = make_explorer(gated_saddle()[1], **CHOSEN).compute("surface")
    np.testing.assert_array_equal(explorer.surface.loss, alone.surface.loss)


def test_the_copied_call_goes_on_with_no_file_which_would_bring_its_own_controls(
    tmp_path: Path, make_explorer: Make
) -> None:
    explorer = make_explorer(counted()[1], autosave=tmp_path / "run.npz", **CHOSEN).compute("surface")
    python = received(explorer, "_surface")["python"]
    assert "LandscapeExplorer(" in python
    assert "autosave" not in python


def test_a_file_of_another_loss_is_refused_and_left_alone(tmp_path: Path, make_explorer: Make) -> None:
    path = tmp_path / "run.npz"
    make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    before = path.read_bytes()
    other = Objective.from_function(lambda theta: saddle(2 * theta), torch.ones(5, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"same model, data and loss.*loss at θ\*"):
        make_explorer(other, autosave=path)
    assert path.read_bytes() == before


def test_the_end_of_a_computation_is_in_it(tmp_path: Path, make_explorer: Make) -> None:
    """However soon it comes after the last time, and what a cancelled one had found."""
    path = tmp_path / "run.npz"
    explorer = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute()
    assert landscape_widget.load(path) == explorer.results
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, autosave=tmp_path / "cancelled.npz", **CHOSEN)
    gate.hold(after=40)
    request = explorer._submit("surface")
    assert gate.reached.wait(60)
    explorer.cancel()
    gate.go.set()
    finish(request)
    again = make_explorer(gated_saddle()[1]).load(tmp_path / "cancelled.npz")
    assert sum(map(len, again._study.known.losses.values())) >= 25


def written(explorer: LandscapeExplorer, what: Callable[[], object], so: Callable[[Any], bool]) -> None:
    """Waits after ``what`` until a file is written whose content is ``so``."""
    write, done = explorer._autosave._write, Event()

    def tells(path: Path, check: Callable[[Path], None]) -> None:
        write(path, check)
        if so(_content(path)):
            done.set()

    explorer._autosave._write = tells
    what()
    assert done.wait(HUNG)
    explorer._autosave._write = write


def test_pins_and_controls_are_in_it_when_nothing_computes(
    tmp_path: Path, make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "INTERVAL", 0.01)
    monkeypatch.setattr(autosave, "_SPARING", 0.0)
    explorer = make_explorer(gated_saddle()[1], autosave=tmp_path / "run.npz", **CHOSEN).compute("surface")

    def has_values(content: Any) -> bool:
        values = [pin["values"] for pin in content["pins"]]
        return bool(values) and values[0] is not None and values[0].hessian is not None

    written(explorer, lambda: explorer.pin(0.25, 0.5), has_values)
    written(explorer, lambda: explorer.unpin(1), lambda content: not content["pins"])
    fresh = make_explorer(gated_saddle()[1], autosave=tmp_path / "fresh.npz")
    written(fresh, lambda: setattr(fresh, "seed", 8), lambda content: content["controls"].seed == 8)


def test_what_changed_within_the_interval_is_in_it_once_it_is_closed(
    tmp_path: Path, make_explorer: Make
) -> None:
    path = tmp_path / "run.npz"
    explorer = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    finish_pin(explorer, explorer.pin(0.25, 0.5))
    explorer.wait(HUNG)
    explorer.close()
    (pin,) = make_explorer(gated_saddle()[1], autosave=path).pins
    assert pin.done


def test_closing_does_not_call_a_model_that_hangs(tmp_path: Path, make_explorer: Make) -> None:
    gate, objective = gated_saddle()
    explorer = make_explorer(objective, autosave=tmp_path / "run.npz", **CHOSEN)
    gate.hold()
    request = explorer._submit("surface")
    assert gate.reached.wait(HUNG)
    before = gate.calls
    explorer.close()
    assert gate.calls == before
    gate.go.set()
    finish(request)


#: What is told by an explorer whose file another one has.
TAKEN = "another explorer has it by now.*Give every explorer a file of its own"


def assert_left_alone(path: Path, explorer: LandscapeExplorer, caplog: Log) -> None:
    """A file of another explorer outlives what this one finds, up to its end, and one warning says so."""
    before = path.read_bytes()
    explorer.seed = 7
    explorer.compute("surface").close()
    assert path.read_bytes() == before
    (words,) = warned(caplog)
    assert re.search(TAKEN, words)


def warned(caplog: Log) -> list[str]:
    return [record.getMessage() for record in caplog.records if "Not saved to" in record.getMessage()]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autosave, "INTERVAL", 0.0)
    monkeypatch.setattr(autosave, "_SPARING", 0.0)


def test_a_new_explorer_takes_the_file_over_with_all_that_the_former_found(
    tmp_path: Path, make_explorer: Make, caplog: Log
) -> None:
    """As where a cell is run again, whose explorer is closed a little later."""
    path = tmp_path / "run.npz"
    former = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    finish_pin(former, former.pin(0.25, 0.5))  # within the interval, and so not written yet
    again = make_explorer(gated_saddle()[1], autosave=path)
    (pin,) = again.pins
    assert (pin.alpha, pin.beta, pin.done) == (0.25, 0.5, True)
    again.seed = 5
    again.compute("surface")
    former.close()
    again.close()
    assert landscape_widget.load(path) == again.results
    assert not warned(caplog)


@pytest.mark.usefixtures("at_once")
def test_a_former_explorer_that_would_still_write_says_so_once(
    tmp_path: Path, make_explorer: Make, caplog: Log
) -> None:
    path = tmp_path / "run.npz"
    former = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN)
    again = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN)  # before there is a file
    former.compute("surface")
    assert not path.exists()
    again.compute("surface")
    assert_left_alone(path, former, caplog)


def test_a_former_explorer_goes_on_once_a_new_one_is_closed_that_wrote_nothing(
    tmp_path: Path, make_explorer: Make
) -> None:
    path = tmp_path / "run.npz"
    former = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    make_explorer(gated_saddle()[1], autosave=path).close()
    former.seed = 5
    former.compute("surface")
    assert landscape_widget.load(path) == former.results


@pytest.mark.usefixtures("at_once")
def test_the_file_that_another_kernel_has_written_since_is_left_alone(
    tmp_path: Path, make_explorer: Make, caplog: Log
) -> None:
    """Also where it is of the same objective; one that is only moved, copied or dated anew is not."""
    path, other = tmp_path / "run.npz", tmp_path / "other.npz"
    explorer = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    shutil.copy(path, other)
    os.utime(other, (1, 1))
    other.replace(path)
    explorer.seed = 5
    explorer.compute("surface")
    assert landscape_widget.load(path) == explorer.results
    path.unlink()
    explorer.seed = 6
    explorer.compute("surface")
    assert landscape_widget.load(path) == explorer.results
    assert not warned(caplog)
    there = make_explorer(gated_saddle()[1], autosave=other, **CHOSEN)
    there.compute()
    there.close()
    other.replace(path)
    assert_left_alone(path, explorer, caplog)


@pytest.mark.usefixtures("at_once")
def test_a_file_that_comes_while_another_is_being_written_is_left_alone(
    tmp_path: Path, make_explorer: Make, caplog: Log
) -> None:
    path, other = tmp_path / "run.npz", tmp_path / "other.npz"
    make_explorer(gated_saddle()[1], seed=8).save(other)
    explorer = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN)
    write, before = explorer._autosave._write, other.read_bytes()

    def slowly(path: Path, check: Callable[[Path], None]) -> None:
        def late(part: Path) -> None:
            shutil.copy(other, path)
            check(part)

        write(path, late)

    explorer._autosave._write = slowly
    explorer.compute("surface")
    assert path.read_bytes() == before
    assert warned(caplog)


@pytest.mark.usefixtures("at_once")
def test_what_a_person_saves_or_loads_at_that_place_is_gone_on_with(
    tmp_path: Path, make_explorer: Make
) -> None:
    path, other = tmp_path / "run.npz", tmp_path / "other.npz"
    explorer = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    make_explorer(gated_saddle()[1], **CHOSEN).compute("surface").save(other)
    for act in (lambda: explorer.save(path), lambda: (other.replace(path), explorer.load(path))):
        act()
        explorer.seed += 1
        explorer.compute("surface")
        assert landscape_widget.load(path) == explorer.results


def test_a_former_explorer_keeps_the_file_that_a_new_one_does_not_take(
    tmp_path: Path, make_explorer: Make, caplog: Log
) -> None:
    path = tmp_path / "run.npz"
    former = make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    other = Objective.from_function(lambda theta: saddle(2 * theta), torch.ones(5, dtype=torch.float64))
    with pytest.raises(ValueError, match="same model, data and loss"):
        make_explorer(other, autosave=path)
    former.seed = 5
    former.compute("surface")
    assert landscape_widget.load(path) == former.results
    assert not warned(caplog)


class Gated(nn.Module):
    """A layer whose calls are counted."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 2).double()
        self.gate = Gate(lambda layer, x: layer(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(self.layer, x)


def test_neither_closing_nor_a_new_explorer_calls_the_former_model(
    tmp_path: Path, make_explorer: Make
) -> None:
    """It may hang; a pass over them would tell which examples the results on a part of them are of."""
    path, data = tmp_path / "run.npz", (torch.randn(20, 3).double(), torch.arange(20) % 2)
    first, other = Gated(), Gated()
    former = make_explorer(first, data, nn.CrossEntropyLoss(), autosave=path, **CHOSEN).compute("surface")
    finish_pin(former, former.pin(0.25, 0.5))
    former._study.known.losses_at_theta[10] = 1.0  # as if this had just been found
    calls, before = first.gate.calls, path.read_bytes()
    assert not make_explorer(other, data, nn.CrossEntropyLoss(), autosave=path).pins
    former.close()
    assert first.gate.calls == calls
    assert path.read_bytes() == before


def test_nothing_is_written_before_the_file_was_read(
    tmp_path: Path, make_explorer: Make, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    """Or what had been found could be replaced by nothing; nor is it tried, which the log would tell."""
    path = tmp_path / "run.npz"
    make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    load, before, seen = LandscapeExplorer.load, path.read_bytes(), []

    def reads(self: LandscapeExplorer, path: Path) -> LandscapeExplorer:
        self._send_pins()
        self._autosave.look(last=True)
        seen.append(path.read_bytes())
        return load(self, path)

    monkeypatch.setattr(LandscapeExplorer, "load", reads)
    assert make_explorer(gated_saddle()[1], autosave=path).surface.final
    assert seen == [before]
    assert not caplog.records


def test_controls_that_are_given_go_before_those_of_the_file(tmp_path: Path, make_explorer: Make) -> None:
    path = tmp_path / "run.npz"
    make_explorer(gated_saddle()[1], autosave=path, **CHOSEN).compute("surface")
    explorer = LandscapeExplorer(gated_saddle()[1], autosave=path, resolution=17)
    assert (explorer.resolution, explorer.axes, explorer.status) == (17, ("random", "random"), "idle")
    explorer.close()


def test_a_control_given_at_its_default_gives_way_to_the_file(tmp_path: Path, make_explorer: Make) -> None:
    path = tmp_path / "run.npz"
    make_explorer(gated_saddle()[1], autosave=path, seed=3, **CHOSEN).compute("surface")
    explorer = LandscapeExplorer(gated_saddle()[1], autosave=path, seed=0, domain=None)
    assert (explorer.seed, explorer.domain) == (3, CHOSEN["domain"])
    explorer.close()


def test_where_the_file_cannot_be_written_it_computes_all_the_same(
    tmp_path: Path, make_explorer: Make, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    """It is told once, not at every step."""
    monkeypatch.setattr(autosave, "INTERVAL", 0.0)
    monkeypatch.setattr(autosave, "_SPARING", 0.0)
    folder = tmp_path / "gone"
    folder.mkdir()
    explorer = make_explorer(gated_saddle()[1], autosave=folder / "run.npz", **CHOSEN)
    folder.rmdir()
    with caplog.at_level(logging.WARNING):
        explorer.compute("surface")
    assert explorer.surface.final
    assert len([r for r in caplog.records if "Not saved to" in r.message]) == 1


@pytest.mark.parametrize("path", [3, object()])
def test_what_is_no_path(make_explorer: Make, path: object) -> None:
    with pytest.raises(TypeError, match="Expected autosave as a path"):
        make_explorer(gated_saddle()[1], autosave=path)


def test_a_folder_that_does_not_exist(make_explorer: Make, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Expected autosave in a folder"):
        make_explorer(gated_saddle()[1], autosave=tmp_path / "none" / "run.npz")


def test_the_file_stays_where_it_was_whatever_becomes_the_current_folder(
    make_explorer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    for name in ("run.npz", "~/home.npz"):
        explorer = make_explorer(Objective.from_function(saddle, torch.zeros(5)), autosave=name)
        monkeypatch.chdir(tmp_path / "elsewhere")
        explorer.compute("surface")
        explorer.close()
        monkeypatch.chdir(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "home.npz", "run.npz"]
    assert not [*(tmp_path / "elsewhere").iterdir()]


class Ways:
    """The ways from a model's own weights to another centre."""

    @staticmethod
    def recentred(explorer: LandscapeExplorer, _model: nn.Module) -> None:
        explorer.recentre(0.25, 0.5)

    @staticmethod
    def twice(explorer: LandscapeExplorer, _model: nn.Module) -> None:
        explorer.recentre(0.25, 0.5)
        explorer.compute("surface").recentre(0.1, 0.1)

    @staticmethod
    def updated(explorer: LandscapeExplorer, model: nn.Module) -> None:
        with torch.no_grad():
            for tensor in (*model.parameters(), model[1].running_mean):
                tensor.add_(0.1)
        explorer.update()

    @classmethod
    def both(cls, explorer: LandscapeExplorer, model: nn.Module) -> None:
        cls.updated(explorer, model)
        explorer.compute("surface").recentre(0.1, 0.1)

    @classmethod
    def visited(cls, explorer: LandscapeExplorer, model: nn.Module) -> None:
        cls.updated(explorer, model)
        explorer.checkpoint = 0
        explorer.checkpoint = None


def normed(dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)


def data_of(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(20, 3, generator=generator).double(), torch.arange(20) % 2


def of(make: Make, model: nn.Module, path: Path | None, seed: int = 0, **more: Any) -> LandscapeExplorer:
    given = {"autosave": path, **CHOSEN, **more}
    return make(model, data_of(seed), nn.CrossEntropyLoss(), **given)


@pytest.mark.parametrize("way", ["twice", "both", "visited"])
def test_the_same_line_goes_on_where_the_centre_is_another_one(
    tmp_path: Path, make_explorer: Make, way: str
) -> None:
    """And what was found at the model's own weights is there to go back to."""
    path, model = tmp_path / "run.npz", normed()
    first = of(make_explorer, model, path).compute("surface")
    began = first.surface
    getattr(Ways, way)(first, model)
    first.compute()
    first.close()
    again = of(make_explorer, normed(), path)
    assert again.surface == first.surface
    assert again.eigenpairs == first.eigenpairs
    evaluated = again._study.known.losses_at_theta.copy()
    again.resolution = 17
    alone = make_explorer(model, data_of(), nn.CrossEntropyLoss(), **CHOSEN | {"resolution": 17})
    if way == "visited":
        np.testing.assert_allclose(
            again.compute("surface").surface.loss, alone.compute("surface").surface.loss
        )
    else:
        again.compute("surface")
    assert again._study.known.losses_at_theta == evaluated
    again.close()
    third = of(make_explorer, normed(), path)
    assert third.surface == again.surface, "from file to file"
    third.go_back()
    losses = third._study.known.losses_at_theta
    assert losses, "what was known there has come along"
    third.resolution = 9
    # its strategy is not the same where a busy machine had another one tried
    np.testing.assert_array_equal(third.compute("surface").surface.loss, began.loss)
    third.close()
    assert of(make_explorer, normed(), path).surface == third.surface


def test_a_file_that_leads_elsewhere_is_of_the_same_model_data_and_loss(
    tmp_path: Path, make_explorer: Make
) -> None:
    path, model = tmp_path / "run.npz", normed()
    first = of(make_explorer, model, path).compute("surface")
    Ways.both(first, model)
    first.compute("surface").close()
    before = path.read_bytes()
    other = normed()
    with torch.no_grad():
        other[0].weight.mul_(2)
    wider = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2)).double()
    for given, seed in ((normed(), 1), (other, 0), (wider, 0)):
        with pytest.raises(ValueError, match=r"same model, data and loss.*weights with which that way began"):
            of(make_explorer, given, path, seed)
    assert path.read_bytes() == before
    assert of(make_explorer, model, path).surface == first.surface, "from the weights that were taken"


def test_weights_of_types_that_files_do_not_know_come_back(tmp_path: Path, make_explorer: Make) -> None:
    path = tmp_path / "run.npz"
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(torch.bfloat16)
    began = copy.deepcopy(model)
    more = {"dtype": torch.float32}
    first = of(make_explorer, model, path, **more).compute("surface")
    with torch.no_grad():
        model[0].weight.add_(0.5)
    first.update()
    first.compute("surface").close()
    again = of(make_explorer, began, path, **more)
    assert again.surface == first.surface
    state = again.parameters_at(0.0, 0.0)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
