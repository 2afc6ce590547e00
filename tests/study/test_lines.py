"""Losses along lines from θ*: those of the solutions and directions themselves, found once and kept."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from landscape_widget import LandscapeExplorer, Objective, interpolation, load, random_plane, save
from landscape_widget.figures.between import lines_figure
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.results.lines import LineLosses
from landscape_widget.study import lines
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.lines import SEEDS
from landscape_widget.study.study import Study

from ..paths.test_trajectory_plane import State, walk
from ..support.cases import RAGGED, case
from ..support.gates import make_controls
from ..support.page import received

PROBLEM = case("convolution, batch norm")
TRAIN, TEST = PROBLEM.batches(RAGGED), PROBLEM.batches(RAGGED)[:2]
CONTROLS = make_controls(
    axes=("random", "random"), seed=3, domain=(-1, 1, -1, 1), resolution=3, examples=13, samples=2
)
TO_SOLUTIONS = replace(CONTROLS, lines="solutions")


def solutions() -> tuple[nn.Module, State, State]:
    """A model at its weights, and two other states, whose batch-norm statistics and frozen weights differ."""
    model = PROBLEM.model()
    start, other, *_, end = walk(model, 4)
    model.load_state_dict(start)
    return model, other, end


@pytest.fixture(autouse=True)
def few_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the points, of which a solution is still one."""
    monkeypatch.setattr(lines, "INTERVALS", 16)


def evaluated(state: State, batches: list[Any]) -> float:
    """The loss of a state in plain torch, on all examples at once."""
    model = PROBLEM.model()
    model.load_state_dict(state)
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    with torch.no_grad():
        return PROBLEM.loss_fn(model(x), y).item()


def study(**named: State) -> Study:
    model, *_ = solutions()
    objective = Objective(model, TRAIN, PROBLEM.loss_fn)
    test = Objective(model, TEST, PROBLEM.loss_fn)
    return Study(objective, test, landmarks=Landmarks.of(objective, solutions=named))


def last(study: Study, controls: Controls) -> LineLosses:
    found: Findings = deque(study.steps(controls, "lines"), maxlen=1).pop()
    assert found.line_losses is not None
    return found.line_losses


@pytest.mark.oracle
@pytest.mark.parametrize("batch_norm", ["frozen", "recomputed"])
def test_lines_to_solutions_have_the_losses_of_both_ends_and_of_all_between(batch_norm: str) -> None:
    model, one, two = solutions()
    own = study(one=one, two=two)
    found = last(own, replace(TO_SOLUTIONS, batch_norm=batch_norm))
    assert list(found.lines) == ["one", "two"]
    assert found.final
    own_state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, state in {"one": one, "two": two}.items():
        line = found.lines[name]
        assert line.test is not None
        np.testing.assert_array_equal(line.t, -0.5 + np.arange(17) / 8)
        if batch_norm == "frozen":  # by plain torch: each end has its own statistics
            ends = [evaluated(s, TRAIN) for s in (own_state, state)]
            np.testing.assert_allclose(line.loss[[4, 12]], ends, rtol=1e-12)
            ends = [evaluated(s, TEST) for s in (own_state, state)]
            np.testing.assert_allclose(line.test.loss[[4, 12]], ends, rtol=1e-12)
        kind = "interpolated" if batch_norm == "frozen" else batch_norm
        way = interpolation(own.objective, own_state, state, 9, test=own.test, batch_norm=kind)
        np.testing.assert_allclose(line.loss, way.loss, rtol=1e-12)
        assert way.test is not None
        np.testing.assert_allclose(line.test.loss, way.test.loss, rtol=1e-12)
        assert line.barrier == pytest.approx(way.barrier)
        assert line.test.barrier == pytest.approx(way.test.barrier)
        assert line.provenance["batch_norm"] == kind
    assert found.provenance["batch_norm"] == kind


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["random", "random:filter"])
def test_lines_of_seeds_are_the_alpha_axes_of_their_planes(kind: str) -> None:
    own = study()
    found = last(own, replace(CONTROLS, lines=kind))
    assert list(found.lines) == [f"seed {3 + i}" for i in range(SEEDS)]
    for seed in (3, 7):
        line = found.lines[f"seed {seed}"]
        eta = torch.from_numpy(random_plane(own.objective, seed, "filter" if ":" in kind else None).eta)
        assert line.t[0] == -line.t[-1]
        direct = [own.objective.loss(own.objective.theta + t * eta).item() for t in line.t[::4]]
        np.testing.assert_allclose(line.loss[::4], direct, rtol=1e-12)
        assert np.isnan(line.barrier)  # there is nothing at its end to have one before
    assert found.barriers == {}


def test_what_is_known_is_not_evaluated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left half way it goes on where it was; asked for again, it takes nothing."""
    _, one, two = solutions()
    own, losses = study(one=one, two=two), []
    evaluate = Objective.loss

    def counted(self: Objective, *arguments: Any) -> torch.Tensor:
        losses.append(self)
        return evaluate(self, *arguments)

    steps = own.steps(TO_SOLUTIONS, "lines")
    for found in steps:
        if found.line_losses is not None and found.line_losses.lines:
            line = found.line_losses.lines["one"]
            assert not found.line_losses.final
            assert np.isnan(line.barrier)
            if np.isfinite(line.loss).sum() == 6:
                break
    steps.close()
    coarse = np.flatnonzero(np.isfinite(line.loss))
    assert {0, 16, 8, 4, 12} <= {*coarse.tolist()}
    monkeypatch.setattr(Objective, "loss", counted)
    whole = last(own, TO_SOLUTIONS)
    left = 2 * 2 * 17 - 6 - np.isfinite(line.test.loss).sum()  # type: ignore[union-attr]
    assert 0 <= len(losses) - left <= 3  # the loss is held against what it was, besides
    losses.clear()
    assert last(own, TO_SOLUTIONS) == whole
    assert losses == []
    np.testing.assert_array_equal(whole.lines["one"].loss[coarse], line.loss[coarse])


def test_a_solution_that_is_theta_itself_has_no_line() -> None:
    model, one, _ = solutions()
    found = last(study(same=dict(model.state_dict()), one=one), TO_SOLUTIONS)
    assert list(found.lines) == ["one"]
    none = last(study(same=dict(model.state_dict())), TO_SOLUTIONS)
    assert none.final
    assert none.lines == {}


def test_a_solution_that_differs_in_its_statistics_alone_has_a_line() -> None:
    """As one whose batch-norm statistics were estimated anew on other data."""
    model, *_ = solutions()
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    anew = {name: tensor + 0.5 * name.endswith("running_mean") for name, tensor in own.items()}
    line = last(study(anew=anew), TO_SOLUTIONS).lines["anew"]
    assert line.loss[[4, 12]].tolist() == pytest.approx([evaluated(own, TRAIN), evaluated(anew, TRAIN)])
    assert line.loss[4] != pytest.approx(line.loss[12])


def test_a_loss_that_fails_along_a_line_is_a_hole() -> None:
    def loss(theta: torch.Tensor) -> torch.Tensor:
        if theta[0] > 1.4:
            raise ValueError("out of range")
        return (theta**2).sum() / (1.2 - theta[0]).clamp(min=0).sign()

    objective = Objective.from_function(loss, torch.zeros(2, dtype=torch.float64))
    landmarks = Landmarks.of(objective, solutions={"there": torch.tensor([1.0, 1.0], dtype=torch.float64)})
    own = Study(objective, landmarks=landmarks)
    line = last(own, replace(TO_SOLUTIONS, examples=1)).lines["there"]
    right = line.t < 1.2
    np.testing.assert_allclose(line.loss[right], 2 * line.t[right] ** 2)
    assert np.isnan(line.loss[~right]).all()


@pytest.fixture
def explorer() -> LandscapeExplorer:
    model, one, two = solutions()
    return LandscapeExplorer(
        model,
        TRAIN,
        PROBLEM.loss_fn,
        test_loader=TEST,
        solutions={"one": one, "two": two},
        axes=("random", "random"),
        resolution=3,
        samples=2,
    )


def placed(explorer: LandscapeExplorer) -> list[dict[str, Any]]:
    paths: list[dict[str, Any]] = received(explorer, "_landmarks")["planes"][0]["paths"]
    return paths


def test_an_explorer_finds_them_beside_its_picture(explorer: LandscapeExplorer, tmp_path: Path) -> None:
    explorer.compute()
    assert explorer.line_losses is None
    with pytest.raises(RuntimeError, match='lines="random:filter"'):
        explorer.figure("lines")
    surface, heard = explorer.surface, []
    explorer.observe(lambda change: heard.append(change["new"]), "line_losses")
    explorer.lines = "solutions"
    explorer.compute()
    found = explorer.line_losses
    assert found is not None
    assert found.final
    assert heard[-1] is found
    assert explorer.surface == surface  # no picture depends on them
    assert explorer.results.line_losses is found
    colours = [
        {each["name"]: each["colour"] for each in drawn}
        for drawn in (received(explorer, "_line_losses")["lines"], placed(explorer))
    ]
    assert colours[0] == colours[1]  # those of the solutions in the plane
    assert explorer.results.controls.lines == "solutions"
    explorer.results.to_csv(tmp_path / "tables")
    assert (tmp_path / "tables" / "line_losses.csv").exists()
    save(found, tmp_path / "lines.npz")
    assert load(tmp_path / "lines.npz") == found
    explorer.save(tmp_path / "run.npz")
    explorer.lines = None
    explorer.compute()
    assert explorer.line_losses is None
    assert explorer.load(tmp_path / "run.npz").line_losses == found
    explorer.compute()
    assert "lines='solutions'" in explorer._surface["python"]


def test_a_file_with_lines_to_solutions_goes_to_an_explorer_without(
    explorer: LandscapeExplorer, tmp_path: Path
) -> None:
    explorer.lines = "solutions"
    explorer.compute().save(tmp_path / "run.npz")
    model, *_ = solutions()
    other = LandscapeExplorer(model, TRAIN, PROBLEM.loss_fn, test_loader=TEST)
    other.load(tmp_path / "run.npz")
    assert other.lines is None
    assert other.compute().surface is not None


def test_what_cannot_be_had_is_refused(explorer: LandscapeExplorer) -> None:
    with pytest.raises(TraitError, match="solutions, random, random:filter"):
        explorer.lines = "random:fitler"
    model, *_ = solutions()
    with pytest.raises(TraitError, match=re.escape("LandscapeExplorer(…, solutions={…})")):
        LandscapeExplorer(model, TRAIN, PROBLEM.loss_fn, lines="solutions")
    one = Objective.from_function(lambda theta: theta.sum() ** 2, torch.ones(3))
    with pytest.raises(TraitError, match="filter"):
        LandscapeExplorer(one, lines="random:filter")


def test_a_figure_tells_barriers_and_what_is_test_data(explorer: LandscapeExplorer) -> None:
    explorer.lines = "solutions"
    found = explorer.compute().line_losses
    assert found is not None
    figure = explorer.figure("lines", log=True)
    names = [trace.name for trace in figure.data]
    for name, line in found.lines.items():
        assert line.test is not None
        assert f"{name}, training: {line.barrier_words}" in names
        assert f"{name}, test: {line.test.barrier_words}" in names
    assert figure.layout.yaxis.type == "log"
    below = " ".join(a.text for a in figure.layout.annotations if a.text).replace("<br>", " ")
    assert "batch-norm statistics interpolated" in below
    partial = replace(found, lines={"one": found.lines["one"]}, done=0)
    assert [trace.name for trace in lines_figure(partial).data] == ["one, training", "one, test"]
