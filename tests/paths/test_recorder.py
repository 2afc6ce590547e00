"""Recording: training stays as it is, nothing finished is lost, and what is read is what was written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from landscape_widget import (
    Objective,
    Trajectory,
    TrajectoryRecorder,
    adam_preconditioner,
    evaluate_plane,
    evolution,
    evolution_figure,
    heatmap_figure,
    path_components,
    plane_path,
    random_plane,
    trajectory_plane,
)
from landscape_widget.engine.random_state import random_numbers_to_come
from landscape_widget.paths import diagonals
from landscape_widget.paths import folder as folders
from landscape_widget.paths import index as indexing
from landscape_widget.paths import recorder as recording
from landscape_widget.paths.index import INDEX
from landscape_widget.results.paths import Path as TrainingPath
from landscape_widget.results.planes import Surface

from ..support.cases import Tied, convolution, frozen
from ..support.scripts import Scripts

State = dict[str, Tensor]

#: Of the files of a checkpoint.
ENDINGS = (".safetensors", diagonals.ENDING)


def copied(model: nn.Module) -> State:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def train(attach: Callable[[nn.Module, torch.optim.Optimizer], Any] | None) -> tuple[State, list[bytes]]:
    """Six steps with dropout, batch norm, momentum and a schedule: the state and the random numbers after."""
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 - the global generator is meant
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.1)
    recorder = attach(model, optimizer) if attach else None
    for _ in range(6):
        x = torch.randn(10, 4)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x[:, :2]).backward()
        optimizer.step()
        schedule.step()
    if recorder:
        recorder.close()
        assert not optimizer._optimizer_step_post_hooks
    momentum = {f"momentum {i}": s["momentum_buffer"] for i, s in enumerate(optimizer.state.values())}
    return copied(model) | momentum, random_numbers_to_come()


@pytest.mark.parametrize("in_memory", [True, False])
def test_training_is_the_same_to_the_last_bit(in_memory: bool, tmp_path: Path) -> None:
    made: list[TrajectoryRecorder] = []

    def attach(model: nn.Module, optimizer: torch.optim.Optimizer) -> TrajectoryRecorder:
        made.append(TrajectoryRecorder(model, None if in_memory else tmp_path / "run").attach(optimizer))
        return made[0]

    with_recorder, without = train(attach), train(None)
    assert same(with_recorder[0], without[0])
    assert with_recorder[1] == without[1]
    trajectory = made[0].trajectory
    assert trajectory.steps.tolist() == [*range(7)]
    assert trajectory.scalars["lr"] == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
    last = trajectory[-1]
    assert same(last, {name: with_recorder[0][name] for name in last})


MODELS: dict[str, Callable[[], nn.Module]] = {
    "batch norm": convolution,
    "tied": Tied,
    "frozen": frozen,
    "bfloat16": lambda: nn.Linear(3, 2).bfloat16(),
}


def _transposed() -> nn.Module:
    model = nn.Linear(3, 2)
    model.weight = nn.Parameter(torch.randn(3, 2).T)
    return model


MODELS["transposed in memory"] = _transposed


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_what_is_read_is_what_was_written(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    model = make()
    recorder, in_memory = TrajectoryRecorder(model, tmp_path / "run"), TrajectoryRecorder(model)
    states = []
    for step in (0, 5):
        recorder.record(step, loss=1.5)
        in_memory.record(step, loss=1.5)
        states.append(copied(model))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1)
    for trajectory in (recorder.trajectory, Trajectory(tmp_path / "run"), in_memory.trajectory):
        assert trajectory.steps.tolist() == [0, 5]
        assert trajectory.scalars["loss"].tolist() == [1.5, 1.5]
        assert all(same(trajectory[i], states[i]) for i in (0, 1))
        shapes = {name: tensor.shape for name, tensor in states[0].items()}
        assert trajectory.weights(0).shapes == shapes
        make().load_state_dict(trajectory[1])


def test_the_files_are_safetensors_that_other_tools_read(tmp_path: Path) -> None:
    model = convolution()
    TrajectoryRecorder(model, tmp_path / "run").record()
    (path,) = (tmp_path / "run").glob("*.safetensors")
    assert same(safetensors.torch.load_file(path), copied(model))


def test_lists_of_states_models_and_files_are_one_trajectory(tmp_path: Path) -> None:
    model = convolution()
    torch.save(model.state_dict(), tmp_path / "plain.pt")
    torch.save({"epoch": 3, "model": model.state_dict()}, tmp_path / "nested.pt")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "one.safetensors")
    files = [tmp_path / "plain.pt", str(tmp_path / "nested.pt"), tmp_path / "one.safetensors"]
    trajectory = Trajectory([model, model.state_dict(), *files], scalars={"lr": [1, 1, 1, 1, 0.1]})
    assert len(trajectory) == 5
    assert all(same(state, copied(model)) for state in trajectory)
    assert trajectory[3:].scalars["lr"].tolist() == [1, 0.1]
    assert trajectory.steps.tolist() == [*range(5)]


def test_a_list_holds_the_weights_as_they_were_given() -> None:
    """A model in it is trained on, and so are its live state dict and a vector that it shares."""
    model, theta, diagonal = Tied(), torch.randn(4), np.ones(4)
    before = copied(model)
    taken = Trajectory(
        (given for given in (model, model.state_dict(), model.state_dict(keep_vars=True))),
        preconditioners=[diagonal] * 3,
    )
    vectors = Trajectory([theta, theta.numpy()])
    with torch.no_grad():
        for tensor in (*model.parameters(), theta):
            tensor.zero_()
    diagonal[:] = 2
    assert all(same(state, before) for state in taken)
    assert all(bool(state["θ"].all()) for state in vectors)
    assert all(taken.preconditioner(i).tolist() == [1] * 4 for i in range(3))  # type: ignore[union-attr]
    assert len({id(tensor) for tensor in taken[0].values()}) < len(before)  # tied ones are one here, too


@pytest.mark.parametrize("recorded", [False, True])
def test_what_a_trajectory_hands_out_is_not_its_own(recorded: bool) -> None:
    """As where a model takes it over by load_state_dict(…, assign=True) and is trained on."""
    model = Tied()
    recorder = TrajectoryRecorder(model)
    recorder.record()
    trajectory = recorder.trajectory if recorded else Trajectory([model], preconditioners=[np.ones(4)])
    for tensor in trajectory[0].values():
        tensor.fill_(7)
    assert same(trajectory[0], copied(model))
    if not recorded:
        trajectory.preconditioner(0)[:] = 7  # type: ignore[index]
        assert trajectory.preconditioner(0).tolist() == [1] * 4  # type: ignore[union-attr]


@pytest.mark.parametrize("most", [2, 3, 8, None])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_a_budget_keeps_the_first_the_last_and_evenly_between(
    most: int | None, n: int, tmp_path: Path
) -> None:
    model = nn.Linear(1, 1)
    recorder = TrajectoryRecorder(model, tmp_path / "run", most=most)
    for step in range(n):
        recorder.record(step)
        kept = recorder.trajectory.steps
        assert len(kept) <= (most or n)
        assert (kept[0], kept[-1]) == (0, step)
        gaps = np.diff(kept)
        if len(gaps) > 1:
            assert len(set(gaps[:-1])) == 1  # only the newest may come early
            assert gaps[-1] <= gaps[0]
        if most and step >= most:
            assert len(kept) >= most // 2
    assert len(list((tmp_path / "run").glob("*.safetensors"))) == len(kept)
    assert Trajectory(tmp_path / "run").steps.tolist() == kept.tolist()


@pytest.mark.parametrize(("calls", "kept"), [(1, [0]), (4, [0, 3]), (6, [0, 3, 5])])
def test_every_few_calls_and_the_last_of_them(calls: int, kept: list[int]) -> None:
    with TrajectoryRecorder(nn.Linear(1, 1), every=3) as recorder:
        for _ in range(calls):
            recorder.record()
    assert recorder.trajectory.steps.tolist() == kept
    with pytest.raises(RuntimeError, match="was closed"):
        recorder.record()
    recorder.close()
    assert recorder.trajectory.steps.tolist() == kept


def test_an_error_in_training_records_nothing_and_leaves_no_hook() -> None:
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = TrajectoryRecorder(model, every=3)

    def fit() -> None:
        with recorder.attach(optimizer):
            optimizer.step()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit()
    assert not optimizer._optimizer_step_post_hooks
    assert recorder.trajectory.steps.tolist() == [0]


def test_a_folder_is_gone_on_with_only_when_asked(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    for step in (0, 10):
        with TrajectoryRecorder(model, tmp_path, resume=True) as recorder:
            recorder.record(step)
    with pytest.raises(FileExistsError, match="resume=True"):
        TrajectoryRecorder(model, tmp_path)
    with pytest.raises(ValueError, match="differs in weight"):
        TrajectoryRecorder(nn.Linear(2, 1), tmp_path, resume=True)
    recorder = TrajectoryRecorder(model, tmp_path, resume=True)
    with pytest.raises(ValueError, match="at least 11"):
        recorder.record(9)
    recorder.record()
    assert Trajectory(tmp_path).steps.tolist() == [0, 10, 11]


KILLED = """
import os, signal
from landscape_widget.paths import index as indexing
from landscape_widget.paths import recorder as recording
from landscape_widget.results.paths import Path as TrainingPath
from landscape_widget.results.planes import Surface
from landscape_widget.results import files

model = torch.nn.Linear(50, 50)
recorder = recording.TrajectoryRecorder(model, {folder!r})
for step in range(3):
    recorder.record(step)
at, place = {at}, [0]
os_fsync = os.fsync

def killed(*_):  # before one of the steps of writing
    place[0] += 1
    if place[0] > at:
        os.kill(os.getpid(), signal.SIGKILL)

files.os = type("os", (), dict(vars(os), fsync=staticmethod(lambda fd: (killed(), os_fsync(fd), killed()))))
recorder.record(3)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4])
def test_a_process_that_is_killed_as_it_writes_loses_nothing_finished(
    at: int, tmp_path: Path, new_process: Scripts
) -> None:
    """Before and after the bytes of checkpoint and index are on the disk, and after all of it."""
    code, _, err = new_process.run(KILLED.format(folder=str(tmp_path / "run"), at=at), 60)
    assert code == -signal.SIGKILL, err
    trajectory = Trajectory(tmp_path / "run")
    assert trajectory.steps.tolist() == [*range(4 if at == 4 else 3)]
    assert all(len(state) == 2 for state in trajectory)
    model = nn.Linear(50, 50)
    with TrajectoryRecorder(model, tmp_path / "run", resume=True) as recorder:
        recorder.record()
    assert same(Trajectory(tmp_path / "run")[-1], copied(model))


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interrupt_loses_nothing_finished(
    error: BaseException, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the checkpoint is written, and as the index is."""
    recorder = TrajectoryRecorder(nn.Linear(5, 5), tmp_path, most=3)
    for _ in range(3):
        recorder.record()
    files = sorted(path.name for path in tmp_path.iterdir())
    calls, replacing = [0], folders.replacing

    def full(path: Path) -> Any:
        calls[0] += 1
        if calls[0] > after:
            raise error
        return replacing(path)

    for module in (folders, indexing):
        monkeypatch.setattr(module, "replacing", full)
    with pytest.raises(type(error)):
        recorder.record()
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert Trajectory(tmp_path).steps.tolist() == [0, 1, 2]
    assert all(len(state) == 2 for state in Trajectory(tmp_path))
    recorder.record(7)
    assert Trajectory(tmp_path).steps.tolist() == [0, 2, 7]


class _InterruptedAt:
    """A Ctrl-C before one of the lines that a call runs in the modules that write a folder."""

    def __init__(self, line: int) -> None:
        self._left = line
        self._files = {module.__file__ for module in (recording, folders, indexing, diagonals)}
        self.came = False

    def __call__(self, call: Callable[[], object]) -> None:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            call()
        except KeyboardInterrupt:
            self.came = True
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, *_: object) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        return self._trace


def adam(model: nn.Module) -> torch.optim.Adam:
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    return optimizer


def test_an_interrupt_at_any_line_leaves_a_folder_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a checkpoint is written, indexed, and others are dropped for it."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power fails here
    model = nn.Linear(1, 1)
    optimizer = adam(model)

    def made(folder: Path, **resume: bool) -> TrajectoryRecorder:
        recorder = TrajectoryRecorder(model, folder, most=3, preconditioner=True, **resume)
        recorder.follow(optimizer)
        return recorder

    def read(folder: Path) -> Trajectory:
        there = Trajectory(folder)
        assert all(len(there[i]) == 2 and there.preconditioner(i) is not None for i in range(3))
        return there

    came_before = came_after = 0
    for line in range(1000):
        folder, copy = tmp_path / str(line), tmp_path / f"{line} copied"
        recorder = made(folder)
        for _ in range(3):
            recorder.record()
        interrupt = _InterruptedAt(line)
        interrupt(recorder.record)
        if not interrupt.came:
            break
        steps = read(folder).steps.tolist()
        assert steps in ([0, 1, 2], [0, 2, 3])
        came_before += steps[-1] == 2
        came_after += steps[-1] == 3
        shutil.copytree(folder, copy)
        after = [0, 2, steps[-1] + 1] if steps[-1] == 3 else [0, 2, 3]
        for gone_on in (recorder, made(copy, resume=True)):  # and in another process
            gone_on.record()
            gone_on.close()
            assert gone_on.trajectory.steps.tolist() == after
        assert read(copy).steps.tolist() == after
        named = {f"{each.source.stem}{end}" for each in read(folder).recorded for end in ENDINGS}
        assert {path.name for path in folder.iterdir()} == named | {INDEX}
    assert not interrupt.came
    assert came_before > 20
    assert came_after > 10


def test_an_interrupt_at_any_line_leaves_a_recorder_in_memory_to_go_on_with() -> None:
    for line in range(1000):
        recorder = TrajectoryRecorder(nn.Linear(1, 1))
        recorder.record()
        interrupt = _InterruptedAt(line)
        interrupt(recorder.record)
        recorder.record()
        steps = recorder.trajectory.steps.tolist()
        assert steps == [*range(len(steps))]
        if not interrupt.came:
            break
    assert line > 20


def test_a_full_disk_does_not_end_a_training_that_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    TrajectoryRecorder(model, tmp_path).attach(optimizer)

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device")

    for module in (folders, indexing):
        monkeypatch.setattr(module, "replacing", full)
    with pytest.warns(RuntimeWarning, match="No space left on device.*1 checkpoints are complete"):
        optimizer.step()
    optimizer.step()
    assert Trajectory(tmp_path).steps.tolist() == [0]


def write(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


DAMAGE: dict[str, tuple[Callable[[Path], None], type[Exception], str]] = {
    "missing": (Path.unlink, FileNotFoundError, "found none"),
    "cut short": (lambda path: write(path, lambda b: b[:-5]), ValueError, "has .* bytes where"),
    "empty": (lambda path: path.write_bytes(b""), ValueError, "no safetensors file"),  # type: ignore[dict-item]
    "another byte": (lambda path: write(path, lambda b: b[:-1] + b"\x01"), ValueError, "checksums"),
    "a header of noise": (lambda path: write(path, lambda b: b[:8] + b"~" + b[9:]), ValueError, "header"),
    "a folder": (lambda path: (path.unlink(), path.mkdir())[0], ValueError, "a folder"),
}


@pytest.mark.parametrize(("damage", "error", "words"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_checkpoint_is_named_and_the_others_are_read(
    damage: Callable[[Path], None], error: type[Exception], words: str, tmp_path: Path
) -> None:
    recorder = TrajectoryRecorder(nn.Linear(5, 5), tmp_path)
    for step in (0, 20, 40):
        recorder.record(step)
    damage(tmp_path / "00000001.safetensors")
    trajectory = Trajectory(tmp_path)
    with pytest.raises(error, match=rf"checkpoint 1 of 3 \(step 20, '.*00000001.safetensors'\).*{words}"):
        trajectory[1]
    assert len(trajectory[0]) == len(trajectory[2]) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.pop("format"),
        lambda index: index.update(version=2),
        lambda index: index["checkpoints"][0].update(file="../elsewhere.safetensors"),
        lambda index: index["checkpoints"][0].pop("scalars"),
        lambda index: index.update(checkpoints=3),
    ],
)
def test_an_index_that_none_writes_is_refused(change: Callable[[Any], Any], tmp_path: Path) -> None:
    TrajectoryRecorder(nn.Linear(1, 1), tmp_path).record()
    index = json.loads((tmp_path / "trajectory.json").read_text())
    change(index)
    (tmp_path / "trajectory.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="Expected the index of a trajectory"):
        Trajectory(tmp_path)


def test_what_every_left_out_before_a_full_disk_is_not_told_of_later_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 1 was left out, step 2 met a full disk: the weights at the end are those of neither."""
    model = nn.Linear(5, 5)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device")

    with TrajectoryRecorder(model, tmp_path, every=2).attach(optimizer):
        optimizer.step()
        monkeypatch.setattr(folders, "replacing", full)
        with pytest.warns(RuntimeWarning, match="No space left"):
            optimizer.step()
        monkeypatch.undo()
        optimizer.step()
    assert Trajectory(tmp_path).steps.tolist() == [0]


def test_a_run_that_is_resumed_may_tell_its_last_step_again(tmp_path: Path) -> None:
    """As loops and callbacks do that record before each step; weights that differ are no such case."""
    model = nn.Linear(2, 1)
    with TrajectoryRecorder(model, tmp_path) as recorder:
        recorder.record(7)
        recorder.record(8)
    with TrajectoryRecorder(model, tmp_path, resume=True) as recorder:
        recorder.record(8)
        with pytest.raises(ValueError, match="at least 9"):
            recorder.record(8)
        recorder.record(9)
    assert Trajectory(tmp_path).steps.tolist() == [7, 8, 9]
    recorder = TrajectoryRecorder(nn.Linear(2, 1), tmp_path, resume=True)
    with pytest.raises(ValueError, match="at least 10"):
        recorder.record(9)
    assert Trajectory(tmp_path).steps.tolist() == [7, 8, 9]


def test_a_run_goes_on_from_an_earlier_step_without_what_came_after_it(tmp_path: Path) -> None:
    """As after a crash, where training is taken up at a checkpoint of its own."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    model(torch.ones(1, 2)).sum().backward()
    states = []
    with TrajectoryRecorder(model, tmp_path, preconditioner=True).attach(optimizer):
        for _ in range(5):
            optimizer.step()
            states.append(copied(model))
    model.load_state_dict(states[2])  # after step 3
    with pytest.raises(ValueError, match="step 0, or later, got -1"):
        TrajectoryRecorder(model, tmp_path, resume=-1)
    assert len(Trajectory(tmp_path)) == 6
    with TrajectoryRecorder(model, tmp_path, resume=3).attach(optimizer) as recorder:
        assert recorder.trajectory.steps.tolist() == Trajectory(tmp_path).steps.tolist() == [0, 1, 2, 3]
        assert {path.stem.partition(".")[0] for path in tmp_path.glob("0*")} == {f"{i:08}" for i in range(4)}
        optimizer.step()
    found = Trajectory(tmp_path)
    assert found.steps.tolist() == [0, 1, 2, 3, 4]
    assert same(found[3], states[2])
    assert same(found[4], copied(model))


def test_a_run_that_was_not_recorded_so_far_is_resumed_at_its_step(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model, tmp_path, resume=500).attach(optimizer) as recorder:
        optimizer.step()
    assert [checkpoint.step for checkpoint in recorder.trajectory.recorded] == [500, 501]


def test_steps_go_on_from_the_one_that_is_resumed_after_though_it_was_left_out(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    for told, steps in ((None, [0, 10, 15]), (14, [0, 10, 14])):
        folder = tmp_path / str(told)
        recorder = TrajectoryRecorder(model, folder, every=10)
        for step in range(25):
            recorder.record(step)
        with torch.no_grad():
            model.weight += 1
        with TrajectoryRecorder(model, folder, every=10, resume=14) as recorder:
            recorder.record(told)
        assert Trajectory(folder).steps.tolist() == steps


def test_two_recorders_of_one_new_folder(tmp_path: Path) -> None:
    """The folder was empty when the second one was made, and is not when it records."""
    model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizer = torch.optim.SGD(other.parameters(), 0.1)
    for resume in (False, True):
        folder = tmp_path / str(resume)
        first = TrajectoryRecorder(model, folder)
        second, third = (TrajectoryRecorder(other, folder, resume=resume) for _ in range(2))
        first.record()
        with pytest.raises(FileExistsError, match="another one"):
            second.record()
        with pytest.raises(FileExistsError, match="another one"):
            third.attach(optimizer)
        first.record()
        assert Trajectory(folder).steps.tolist() == [0, 1]
        assert all(same(state, copied(model)) for state in Trajectory(folder))


def test_two_recorders_that_resume_one_folder(tmp_path: Path) -> None:
    """The first of them that records goes on; the other is refused before it writes anything."""
    model = nn.Linear(1, 1)
    with TrajectoryRecorder(model, tmp_path) as recorder:
        recorder.record()
    first, second = (TrajectoryRecorder(model, tmp_path, resume=True) for _ in range(2))
    first.record()
    files = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(FileExistsError, match="another one"):
        second.record()
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    first.record()
    assert Trajectory(tmp_path).steps.tolist() == [0, 1, 2]
    with pytest.raises(FileExistsError, match="another one"):  # nor the one that made it
        _ = recorder._keep(3, {}, 4)
    with TrajectoryRecorder(model, tmp_path, resume=True) as third:
        third.record()
    assert len(Trajectory(tmp_path)) == 4


def test_a_recorder_says_what_it_holds(tmp_path: Path) -> None:
    recorder = TrajectoryRecorder(nn.Linear(3, 2))
    assert repr(recorder) == "TrajectoryRecorder(0 checkpoints, in memory)"
    recorder.record(3)
    assert repr(recorder) == "TrajectoryRecorder(1 checkpoint, step 3 to step 3, in memory)"
    with TrajectoryRecorder(nn.Linear(3, 2), tmp_path / "run") as kept:
        kept.record()
        kept.record()
    assert (
        repr(kept) == f"TrajectoryRecorder(2 checkpoints, record 0 to record 1, in {str(tmp_path / 'run')!r})"
    )


@pytest.mark.parametrize("folder", [False, True])
def test_a_recorder_stands_for_what_it_has_recorded(tmp_path: Path, folder: bool) -> None:
    model = nn.Linear(3, 2)
    recorder = TrajectoryRecorder(model, tmp_path / "run" if folder else None)
    with pytest.raises(ValueError, match="there is none yet"):
        Trajectory(recorder)
    for _ in range(4):
        recorder.record()
        with torch.no_grad():
            model.weight += torch.randn(2, 3)
    objective = Objective(model, (torch.randn(5, 3), torch.randn(5, 2)), nn.MSELoss())
    steps = recorder.trajectory
    plane = trajectory_plane(objective, recorder)
    assert plane == trajectory_plane(objective, steps)
    assert plane_path(plane, objective, recorder) == plane_path(plane, objective, steps)
    assert path_components(objective, recorder, 3) == path_components(objective, steps, 3)
    *_, found = evolution(objective, recorder, k=1)
    *_, wanted = evolution(objective, steps, k=1)
    np.testing.assert_array_equal(found.values, wanted.values)
    assert Trajectory(recorder).steps.tolist() == [0, 1, 2, 3]
    recorder.record()
    assert len(Trajectory(recorder)) == 5
    with pytest.raises(ValueError, match="a recorder or a folder has its own"):
        Trajectory(recorder, steps=range(5))


@pytest.mark.parametrize("kind", ["model", "module in a mapping", "optimizer and object"])
def test_a_file_with_objects_of_python_says_what_to_save(tmp_path: Path, kind: str) -> None:
    model, path = nn.Linear(1, 1), tmp_path / "a.pt"
    content = {
        "model": model,
        "module in a mapping": {"model": model, "epoch": 3},
        "optimizer and object": {"state_dict": model.state_dict(), "options": Path("x")},
    }[kind]
    torch.save(content, path)
    told = r"objects of Python beside tensors \((torch|pathlib).*torch\.save\(model\.state_dict\(\), path\)"
    with pytest.raises(ValueError, match=told):
        Trajectory([path])[0]


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16, np.array, torch.tensor])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_a_training_that_diverges_is_recorded(kind: Callable[[float], Any], value: float) -> None:
    recorder = TrajectoryRecorder(nn.Linear(1, 1))
    recorder.record(loss=kind(value))
    assert recorder.trajectory.scalars["loss"] == pytest.approx([value], nan_ok=True)


def test_other_arguments_are_refused(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    with pytest.raises(FileNotFoundError, match=r"no trajectory\.json"):
        Trajectory(tmp_path)
    with pytest.raises(ValueError, match="at least one checkpoint"):
        Trajectory([])
    for single in (model, model.state_dict(), model.weight[0], nn.Sequential(model)):
        with pytest.raises(ValueError, match="Put it into a list"):
            Trajectory(single)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Expected a checkpoint as .*got 3"):
        Trajectory([model, 3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="ascending"):
        Trajectory([model, model], steps=[3, 3])
    with pytest.raises(ValueError, match="2 numbers"):
        Trajectory([model, model], scalars={"lr": [1.0]})
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        TrajectoryRecorder(model.state_dict())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="most"):
        TrajectoryRecorder(model, most=1)
    with pytest.raises(TypeError, match="Optimizer"):
        TrajectoryRecorder(model).attach(model)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Expected loss as a number"):
        TrajectoryRecorder(model).record(loss="low")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is none yet"):
        _ = TrajectoryRecorder(model).trajectory


def test_an_optimizer_of_another_model_is_refused() -> None:
    """As where a cell that makes the model was run again."""
    model, other = nn.Linear(2, 1), nn.Linear(2, 1)
    with pytest.raises(ValueError, match="none of its parameters"):
        TrajectoryRecorder(model).attach(torch.optim.SGD(other.parameters(), lr=0.1))
    both = torch.optim.SGD([*other.parameters(), *model.parameters()], lr=0.1)
    TrajectoryRecorder(model).attach(both).close()


def test_an_optimizer_is_attached_once_and_to_an_open_recorder() -> None:
    """As where a cell that attaches it is run again: no step counts twice."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = TrajectoryRecorder(model).attach(optimizer).attach(optimizer)
    for _ in range(3):
        optimizer.step()
    assert recorder.trajectory.steps.tolist() == [0, 1, 2, 3]
    recorder.close()
    with pytest.raises(RuntimeError, match="this one was closed"):
        recorder.attach(optimizer)
    optimizer.step()


def test_attaching_anew_goes_on_after_a_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    recorder = TrajectoryRecorder(model, tmp_path).attach(optimizer)

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(folders, "replacing", full)
        with pytest.warns(RuntimeWarning, match="No space left on device"):
            optimizer.step()
    optimizer.step()
    recorder.attach(optimizer)
    optimizer.step()
    assert Trajectory(tmp_path).steps.tolist() == [0, 3]


def test_an_optimizer_within_that_of_accelerate_is_the_one_that_steps() -> None:
    """Accelerate's is a torch optimiser by its class alone; another one may well step differently."""
    for module, plain in (("accelerate.optimizer", True), ("lookahead", False)):

        class Around(torch.optim.Optimizer):
            __module__ = module

            def __init__(self, optimizer: torch.optim.Optimizer) -> None:
                self.optimizer, self.param_groups = optimizer, optimizer.param_groups

        model = nn.Linear(2, 1)
        around = Around(torch.optim.SGD(model.parameters(), 0.1))
        recorder = TrajectoryRecorder(model)
        if plain:
            recorder.attach(around)
            around.optimizer.step()
            assert recorder.trajectory.steps.tolist() == [0, 1]
        assert (recorder.follow(around)["momentum"] == 0) is plain


def test_a_folder_stays_where_it_was_whatever_becomes_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = nn.Linear(2, 1)
    recorder = TrajectoryRecorder(model, "run")
    recorder.record()
    torch.save(model.state_dict(), "other.pt")
    found, listed = Trajectory("run"), Trajectory(["other.pt"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recorder.record()
    assert len(Trajectory(tmp_path / "run")) == 2
    assert same(found[0], copied(model))
    assert same(listed[0], copied(model))


def test_where_others_may_move_parameters_no_edge_of_stability_is_told() -> None:
    """Of two optimisers with a rate of their own each, none tells how far steps of both are stable."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    both = [torch.optim.SGD(part.parameters(), lr) for part, lr in zip(model, (0.3, 0.1), strict=True)]
    recorder = TrajectoryRecorder(model)
    for optimizer in both:
        recorder.attach(optimizer)
        optimizer.step()
    assert np.isnan(recorder.trajectory.scalars["momentum"]).all()
    assert "beta1" not in recorder.follow(torch.optim.Adam(model[0].parameters()))
    model[1].requires_grad_(False)
    assert recorder.follow(both[0]) == {"lr": 0.3, "momentum": 0.0}


def test_an_index_that_is_gone_is_not_written_anew_with_what_is_gone_too(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    recorder = TrajectoryRecorder(model, tmp_path)
    recorder.record()
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"trajectory\.json is gone"):
        recorder.record()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, dtype=torch.complex128),
        torch.eye(3).to_sparse(),
    ],
)
def test_a_tensor_that_no_file_can_hold_is_named(tensor: Tensor, tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    model.register_buffer("other", tensor)
    with pytest.raises(ValueError, match=r"got other of torch\.(complex128|sparse_coo)"):
        TrajectoryRecorder(model, tmp_path / "run").record()


def test_a_buffer_that_is_a_single_number_in_memory_is_a_buffer(tmp_path: Path) -> None:
    """It cannot be written to, and need not be."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model.register_buffer("expanded", torch.zeros(1).expand(5))
    x = torch.randn(8, 3)
    objective = Objective(model, (x, x[:, :1]), nn.functional.mse_loss)
    recorder = TrajectoryRecorder(model, tmp_path / "run")
    recorder.record()
    model(x)
    recorder.record()
    assert np.isfinite(plane_path(random_plane(objective), objective, recorder).loss).all()


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_file_with_numbers_as_tensors_beside_the_weights(tmp_path: Path, key: str) -> None:
    weights = nn.Linear(3, 2).state_dict()
    torch.save({"loss": torch.tensor(0.3), "epoch": 3, key: weights}, tmp_path / "run.pt")
    assert same(Trajectory([tmp_path / "run.pt"])[0], weights)
    torch.save({"step": torch.tensor(3), "model": {"state_dict": weights}}, tmp_path / "run.pt")
    assert same(Trajectory([tmp_path / "run.pt"])[0], weights)


def test_what_nobody_told_the_step_of_is_a_record(tmp_path: Path) -> None:
    """Ten steps of training between two calls: the fifth is record 4, and no step 4."""
    model = nn.Linear(2, 1)

    def names(given: object) -> tuple[str, ...]:
        return Trajectory.of(given).names

    with TrajectoryRecorder(model, tmp_path / "run") as recorder:
        for _ in range(3):
            recorder.record(lr=0.1)
    assert names(recorder) == names(tmp_path / "run") == ("record 0", "record 1", "record 2")
    with TrajectoryRecorder(model, tmp_path / "run", resume=True) as recorder:
        recorder.record()
    assert names(recorder)[-1] == "record 3"
    with TrajectoryRecorder(model) as recorder:
        for step in (10, None, 30):
            recorder.record(step)
    assert names(recorder) == ("step 10", "step 11", "step 30")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model).attach(optimizer) as recorder:
        for _ in range(2):
            model(torch.ones(1, 2)).sum().backward()
            optimizer.step()
    assert names(recorder) == ("step 0", "step 1", "step 2")


def by_adam(
    path: Path | None, steps: int = 6, **given: Any
) -> tuple[nn.Module, torch.optim.Adam, TrajectoryRecorder]:
    torch.manual_seed(3)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    recorder = TrajectoryRecorder(model, path, **given).attach(optimizer)
    for _ in range(steps):
        model(torch.ones(3)).square().sum().backward()
        optimizer.step()
    return model, optimizer, recorder


def test_what_adam_divides_by_is_kept_and_dropped_with_its_checkpoint(tmp_path: Path) -> None:
    plain = copied(by_adam(None)[0])
    model, optimizer, recorder = by_adam(tmp_path / "run", most=3, preconditioner=True)
    assert same(copied(model), plain)
    recorder.close()
    kept = sorted(each.name.partition(".")[0] for each in (tmp_path / "run").glob("*.npy"))
    found = Trajectory(tmp_path / "run")
    assert kept == [each.source.stem for each in found.recorded if each.step]
    np.testing.assert_allclose(found.preconditioner(-1), adam_preconditioner(model, optimizer), rtol=1e-6)
    assert found.scalars["beta1"].tolist() == pytest.approx([0.9] * len(found))
    (tmp_path / "run" / f"{kept[-1]}.preconditioner.npy").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"step 6.*its preconditioner is not what was written"):
        found.preconditioner(-1)


def test_a_loop_of_ones_own_has_the_preconditioner_kept() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    with TrajectoryRecorder(model, preconditioner=True, every=3) as recorder:
        for step in range(5):
            model(torch.ones(3)).sum().backward()
            optimizer.step()
            recorder.record(step, **recorder.follow(optimizer))
    assert [found is not None for found in map(recorder.trajectory.preconditioner, range(3))] == [True] * 3
    np.testing.assert_allclose(
        recorder.trajectory.preconditioner(-1), adam_preconditioner(model, optimizer), rtol=1e-6
    )
    with pytest.raises(TypeError, match=r"Expected torch\.optim\.Adam or AdamW, got SGD"):
        TrajectoryRecorder(model, preconditioner=True).attach(torch.optim.SGD(model.parameters(), lr=1))
    assert TrajectoryRecorder(model).follow(optimizer)["beta1"] == 0.9
    for other in (
        torch.optim.Adam(model.parameters(), weight_decay=0.1),
        torch.optim.AdamW(model.parameters(), maximize=True),
        torch.optim.Adam([{"params": model.weight, "lr": 1.0}, {"params": model.bias}]),
    ):
        assert "beta1" not in TrajectoryRecorder(model).follow(other)


@pytest.mark.parametrize("other_optimizer", [False, True])
def test_a_parameter_without_gradients_is_named_where_the_preconditioner_is_to_be_kept(
    other_optimizer: bool,
) -> None:
    model = nn.ModuleDict({"used": nn.Linear(3, 2), "unused": nn.Linear(3, 2)})
    optimizer = torch.optim.Adam((model["used"] if other_optimizer else model).parameters())

    def steps(recorder: TrajectoryRecorder) -> Trajectory:
        with recorder.attach(optimizer):
            for _ in range(3):
                model["used"](torch.ones(3)).sum().backward()
                optimizer.step()
        return recorder.trajectory

    with pytest.warns(RuntimeWarning, match=r"unused\.weight, unused\.bias.*requires_grad_\(False\)") as told:
        assert not steps(TrajectoryRecorder(model, preconditioner=True)).has_preconditioners
    assert len(told) == 1
    model["unused"].requires_grad_(False)
    assert steps(TrajectoryRecorder(model, preconditioner=True)).preconditioner(-1) is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # before Adam's first step nothing is amiss
        by_adam(None, preconditioner=True)


def test_a_step_that_a_scaler_of_gradients_has_skipped_is_none_of_adam() -> None:
    """A fused Adam skips it itself, with its state made and its count of steps left at 0."""
    model = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    scaler = torch.amp.GradScaler("cpu")
    recorder = TrajectoryRecorder(model, preconditioner=True).attach(optimizer)
    for factor in (float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(factor * model(torch.ones(1, 2)).sum()).backward()
        if factor == 1:
            with pytest.raises(ValueError, match="taken a step with 'weight'"):
                adam_preconditioner(model, optimizer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is none yet
            scaler.step(optimizer)
        scaler.update()
    kept = [recorder.trajectory.preconditioner(i) for i in range(3)]
    assert [one is None for one in kept] == [True, True, False]
    assert kept[-1] is not None
    assert np.isfinite(kept[-1]).all()


def test_a_preconditioner_that_is_missing_is_named(tmp_path: Path) -> None:
    by_adam(tmp_path, steps=2, preconditioner=True)
    (tmp_path / "00000001.preconditioner.npy").unlink()
    told = r"preconditioner of checkpoint 1 of 3 \(step 1, '.*00000001\.preconditioner\.npy'\), found none"
    with pytest.raises(FileNotFoundError, match=told):
        Trajectory(tmp_path).preconditioner(1)
    assert len(Trajectory(tmp_path)[1]) == 2


def test_preconditioners_stand_beside_a_list_of_checkpoints() -> None:
    model = nn.Linear(3, 2)
    found = Trajectory([model] * 2, preconditioners=[None, np.full(8, 2)])
    assert found.preconditioner(0) is None
    assert found[1:].preconditioner(0).tolist() == [2] * 8  # type: ignore[union-attr]
    assert found.has_preconditioners
    assert not found[:1].has_preconditioners
    for wrong in ([None], [None, np.full((2, 4), 2)], [None, np.zeros(8)]):
        with pytest.raises(ValueError, match="Expected preconditioners as"):
            Trajectory([model] * 2, preconditioners=wrong)
    with pytest.raises(TypeError, match="Expected preconditioners as a list of diagonals, got int"):
        Trajectory([model] * 2, preconditioners=3)  # type: ignore[arg-type]


def test_of_a_list_without_steps_nobody_is_told_one() -> None:
    model = nn.Linear(3, 2)
    states = [{name: t + i for name, t in copied(model).items()} for i in range(3)]
    found = Trajectory(states)
    names = ("as given 0", "as given 1", "as given 2")
    assert found.names == names
    assert found[1:].names == names[1:]  # type: ignore[union-attr]
    assert repr(found) == "Trajectory(3 checkpoints, as given 0 to as given 2)"
    objective = Objective(model, [(torch.ones(4, 3), torch.ones(4, 2))], nn.functional.mse_loss)
    path = plane_path(random_plane(objective), objective, states)
    assert path.names == names
    (*_, along) = evolution(objective, states)
    assert along.names == names
    assert "step" not in along.summary
    figures = [evolution_figure(along), heatmap_figure(surface_of(objective, path), path=path)]
    assert figures[0].layout.xaxis2.title.text == "checkpoint"
    shown = [text for figure in figures for trace in figure.data for text in trace.hovertext or ()]
    assert shown == [*names]
    assert "step" not in str(path_components(objective, states).provenance)
    assert Trajectory(states, [0, 10, 20]).names == ("step 0", "step 10", "step 20")
    assert Trajectory(states, scalars={"epoch": [0, 1, 5]}).names == (
        "epoch 0",
        "epoch 1",
        "as given 2, epoch 5",
    )


def surface_of(objective: Objective, path: TrainingPath) -> Surface:
    *_, surface = evaluate_plane(objective, random_plane(objective), path.domain, resolution=3)
    return surface
