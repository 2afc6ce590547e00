"""A recorder at work drops checkpoints beyond its budget while others read them: they are left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    Trajectory,
    TrajectoryRecorder,
    evolution,
    path_components,
    plane_path,
    random_plane,
)
from landscape_widget.paths.stored import SafetensorsFile

Make = Callable[..., LandscapeExplorer]

X = torch.linspace(-1, 1, 12, dtype=torch.float64)[:, None]
DATA = (X, torch.sin(3 * X))
LOSS = nn.MSELoss()


class Run:
    """A model whose weights at each step are drawn anew, and a recorder that keeps 4 of them."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)).double()
        self.recorder = TrajectoryRecorder(self.model, folder, most=4)
        self.thetas: dict[int, np.ndarray] = {}

    def go(self, *steps: int) -> None:
        """Records at these steps: of 0 to 3 all are kept, with 4 only 0, 2, 4, with 7 only 0, 4, 7."""
        for step in steps:
            self.move(step)
            self.recorder.record(step)
            self.thetas[step] = self.theta

    def move(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in self.model.parameters():
                p.add_(0.2 * torch.randn(p.shape, generator=generator, dtype=p.dtype))

    @property
    def theta(self) -> np.ndarray:
        return nn.utils.parameters_to_vector(self.model.parameters()).detach().numpy().copy()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "run")
    made.go(0, 1, 2, 3)
    return made


def explorer_of(make: Make, run: Run, **controls: Any) -> LandscapeExplorer:
    axes = {"axes": ("trajectory:1", "random"), "resolution": 3, "samples": 2}
    return make(run.model, DATA, LOSS, trajectory=run.recorder, **{**axes, **controls})


def theta_of(explorer: LandscapeExplorer) -> np.ndarray:
    return np.asarray(explorer.objective.theta)


def shown(explorer: LandscapeExplorer) -> tuple[np.ndarray, list[float]]:
    """θ* of the picture, and the steps of the path in it."""
    explorer.compute()
    return explorer.plane.origin, explorer.landmarks.path.step.tolist()


def test_the_weights_that_were_taken_stay_when_their_checkpoint_is_dropped(
    make_explorer: Make, run: Run
) -> None:
    explorer = explorer_of(make_explorer, run)
    taken = run.theta
    run.go(4, 5, 6, 7)
    origin, steps = shown(explorer)
    np.testing.assert_array_equal(origin, taken)
    assert steps[:3] == [0, 4, 7]
    parameters = explorer.parameters_at(0.0, 0.0)
    np.testing.assert_array_equal(np.concatenate([p.numpy().ravel() for p in parameters.values()]), taken)
    explorer.recentre(0.1, 0.0)
    explorer.go_back()
    np.testing.assert_array_equal(theta_of(explorer), taken)


def test_who_goes_to_a_dropped_checkpoint_comes_to_the_nearest_and_is_told(
    make_explorer: Make, run: Run
) -> None:
    explorer, taken = explorer_of(make_explorer, run), run.theta
    explorer.compute()
    run.go(4, 5, 6, 7)
    with pytest.warns(UserWarning, match=r"step 1 is there no more: .* that of step 0"):
        explorer.checkpoint = 1
    assert explorer.checkpoint == 0
    np.testing.assert_array_equal(theta_of(explorer), run.thetas[0])
    origin, steps = shown(explorer)
    np.testing.assert_array_equal(origin, run.thetas[0])
    assert steps[:3] == [0, 4, 7]
    explorer.checkpoint = None  # the model's own weights, as they were last taken
    np.testing.assert_array_equal(theta_of(explorer), taken)
    np.testing.assert_array_equal(shown(explorer)[0], taken)
    explorer.checkpoint = 2
    np.testing.assert_array_equal(theta_of(explorer), run.thetas[7])


def test_the_path_never_goes_back_to_weights_that_the_run_has_passed(
    make_explorer: Make, run: Run, tmp_path: Path
) -> None:
    """Who goes to a dropped checkpoint has present weights from amid the run, whose file is dropped, too."""
    explorer, taken = explorer_of(make_explorer, run), run.theta
    run.go(4, 5, 6, 7)
    with pytest.warns(UserWarning, match="is there no more"):
        explorer.checkpoint = 1
    assert shown(explorer)[1] == [0, 4, 7]
    explorer.checkpoint = None
    origin, steps = shown(explorer)
    assert steps == [0, 4, 7]
    np.testing.assert_array_equal(origin, taken)
    explorer.save(tmp_path / "file.npz")
    explorer.update()
    origin, steps = shown(explorer)
    assert steps == [0, 4, 7]
    np.testing.assert_array_equal(origin, run.thetas[7])
    explorer.go_back()
    np.testing.assert_array_equal(shown(explorer)[0], taken)


def test_weights_are_taken_whatever_is_dropped_and_the_way_leads_back(make_explorer: Make, run: Run) -> None:
    explorer, first = explorer_of(make_explorer, run), run.theta
    run.go(4, 5)
    explorer.update()  # they are those of step 5
    second = run.theta
    run.go(6, 7)
    run.move(8)
    explorer.update()
    third = run.theta
    np.testing.assert_array_equal(shown(explorer)[0], third)
    for theta in (second, first):
        explorer.go_back()
        np.testing.assert_array_equal(theta_of(explorer), theta)
        np.testing.assert_array_equal(shown(explorer)[0], theta)


def test_what_is_dropped_as_the_last_checkpoint_is_read_is_left_out(
    make_explorer: Make, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer, opened, to_come = explorer_of(make_explorer, run), SafetensorsFile.opened, [7, 6, 5, 4]

    def open_late(path: Path, crc32: int | None = None) -> SafetensorsFile:
        if to_come:
            run.go(to_come.pop())
        return opened(path, crc32)

    monkeypatch.setattr(SafetensorsFile, "opened", open_late)
    explorer.update()
    explorer.compute()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explorer.checkpoint = 1
    assert not to_come
    origin, steps = shown(explorer)
    np.testing.assert_array_equal(origin, run.thetas[int(explorer.landmarks.path.step[explorer.checkpoint])])
    assert {step for step in steps if not np.isnan(step)} <= {0, 4, 7}


def test_at_all_checkpoints_means_at_those_that_are_kept(make_explorer: Make, run: Run) -> None:
    explorer = explorer_of(make_explorer, run)
    explorer.compute("surface")
    run.go(4, 5, 6, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        explorer.compute("evolution")
    assert explorer.evolution.done.tolist() == [True, False, False, True]  # the last is the model's own


def test_functions_leave_out_what_is_dropped(run: Run) -> None:
    objective = Objective(run.model, DATA, LOSS)
    stale = Trajectory(run.recorder)
    run.go(4)
    kept = Trajectory([run.thetas[0], run.thetas[2]], steps=[0, 2])
    plane = random_plane(objective, seed=1)
    found, expected = plane_path(plane, objective, stale), plane_path(plane, objective, kept)
    np.testing.assert_array_equal(found.step, [0, 2])
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-12)
    known = plane_path(plane, objective, stale, loss=[1.0, 2.0, 3.0, 4.0])
    assert known.loss.tolist() == [1.0, 3.0]
    np.testing.assert_allclose(
        path_components(objective, stale).directions, path_components(objective, kept).directions, atol=1e-9
    )
    *_, curves = evolution(objective, stale, k=1)
    *_, of_kept = evolution(objective, kept, k=1)
    assert curves.done.tolist() == [True, False, True, False]
    np.testing.assert_allclose(curves.loss[curves.done], of_kept.loss, rtol=1e-12)
    *_, again = evolution(objective, stale, k=1, known=curves)
    assert again.done.tolist() == [True, False, True, False]


@pytest.mark.parametrize("missing", [0, 2])
def test_a_missing_file_that_the_index_names_is_an_error(make_explorer: Make, run: Run, missing: int) -> None:
    objective, stale = Objective(run.model, DATA, LOSS), Trajectory(run.recorder)
    explorer = explorer_of(make_explorer, run)
    run.go(4)
    (run.recorder._folder.path / f"{missing:08d}.safetensors").unlink()
    calls: Iterable[Callable[[], object]] = (
        lambda: path_components(objective, stale),
        lambda: plane_path(random_plane(objective), objective, stale),
        lambda: [*evolution(objective, stale, k=1)],
        lambda: setattr(explorer, "checkpoint", missing),
    )
    for call in calls:
        with pytest.raises(FileNotFoundError, match=f"step {missing},"):
            call()
    assert explorer.checkpoint is None
