"""Curves along a run, and what is computed ahead of the checkpoint on show."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landscape_widget import (
    Evolution,
    LandscapeExplorer,
    Trajectory,
    TrajectoryRecorder,
    evolution,
    evolution_figure,
    load,
    save,
)
from landscape_widget.explorer import along as along_the_run
from landscape_widget.explorer import spots
from landscape_widget.explorer.along import AHEAD
from landscape_widget.export.along_payload import _line, _picture, along

from ..export.test_html_page import carried
from ..support.cases import ONE_BATCH, case
from ..support.gates import finish, settle
from ..support.page import send
from .test_checkpoints import dense_hessian
from .test_landmarks import NETWORK, explorer_of, loss_of, trained
from .test_training_on import train

Make = Callable[..., LandscapeExplorer]

HESSIAN = ("hessian:max", "hessian:min")
RANDOM = ("random", "random")


def gone_ahead(explorer: LandscapeExplorer) -> None:
    """Returns once nothing is asked for and all that was to be found ahead is."""
    settle(explorer)
    if explorer._pastime is not None:
        finish(explorer._pastime)


def curve(explorer: LandscapeExplorer, name: str) -> np.ndarray:
    lines = [line for picture in explorer._along["pictures"] for line in picture["lines"]]
    return np.frombuffer(next(line["values"] for line in lines if line["trace"]["name"] == name))


def names_of(explorer: LandscapeExplorer) -> set[str]:
    return {line["trace"]["name"] for picture in explorer._along["pictures"] for line in picture["lines"]}


@pytest.mark.oracle
def test_all_of_a_run_is_computed_where_it_is_asked_for_and_equals_the_dense_hessian(
    make_explorer: Make,
) -> None:
    explorer = explorer_of(make_explorer, axes=HESSIAN, resolution=3).compute("evolution")
    found, states = explorer.evolution, trained()
    assert found.done.all()
    assert found.step.tolist() == list(range(6))
    for i, state in enumerate(states):
        dense = np.linalg.eigvalsh(dense_hessian(state))
        # certified to a relative 1e-3 of each, and of the largest for what is near zero
        np.testing.assert_allclose(found.values[i], dense[[-1, 0]], rtol=2e-3, atol=2e-3 * dense[-1])
        assert found.trace[i] == pytest.approx(dense.sum(), rel=1e-6)  # so few parameters have an exact one
        assert found.loss[i] == pytest.approx(loss_of(state), rel=1e-10)
    assert set(found.verdict) <= {"minimum", "saddle", "slope", "undecided", "maximum"}
    assert explorer.checkpoint is None  # one stays where one is
    np.testing.assert_array_equal(curve(explorer, "λmax"), found.largest)
    assert not explorer._along["asked"]
    evolution_figure(found)
    found.to_dataframe()
    # what is kept of all checkpoints is of no N numbers
    assert all(at.pairs.vectors.size == 0 for at in explorer._noted._found.values())


def test_before_anybody_goes_to_a_checkpoint_nothing_is_computed_ahead(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=HESSIAN).compute()
    assert explorer._pastime is None
    assert explorer.evolution.done.tolist() == [False] * 5 + [True]
    # true losses come with the path, before there is any curvature
    wanted = [loss_of(state) for state in trained()]
    np.testing.assert_allclose(curve(explorer, "training loss"), wanted, rtol=1e-10)
    np.testing.assert_array_equal(explorer.evolution.loss, explorer.landmarks.path.loss)


@pytest.mark.parametrize("first", ["train", "difference"])
def test_known_training_losses_stay_beside_a_picture_on_test_data(make_explorer: Make, first: str) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, resolution=3, split=first).compute("surface")
    wanted = [loss_of(state) for state in trained()]
    np.testing.assert_allclose(curve(explorer, "training loss"), wanted, rtol=1e-10)
    explorer.split = "test"
    explorer.compute("surface")
    assert explorer.landmarks.losses[0] == "test"
    np.testing.assert_allclose(curve(explorer, "training loss"), wanted, rtol=1e-10)
    explorer.checkpoint = 2
    explorer.compute("surface")
    np.testing.assert_allclose(curve(explorer, "training loss"), wanted, rtol=1e-10)
    np.testing.assert_allclose(explorer.evolution.loss, wanted, rtol=1e-10)


def test_without_test_data_the_curve_is_the_loss(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, resolution=3, test_loader=None).compute("surface")
    assert "loss" in names_of(explorer)


def test_beside_recomputed_batch_norm_the_losses_say_whose_they_are(make_explorer: Make) -> None:
    network = case("convolution, batch norm")
    model, data = network.model().eval(), network.batches(ONE_BATCH)
    run = [model.state_dict(), model]
    explorer = make_explorer(model, data, network.loss_fn, trajectory=run, axes=RANDOM, resolution=3).compute(
        "surface"
    )
    before = curve(explorer, "loss")
    explorer.batch_norm = "recomputed"
    explorer.compute("surface")
    assert not np.allclose(explorer.landmarks.path.loss, before)
    np.testing.assert_array_equal(curve(explorer, "loss, frozen batch norm"), before)


def test_on_the_curves_weights_without_a_step_stand_by_their_names(make_explorer: Make) -> None:
    model = NETWORK.model()
    explorer = make_explorer(model, NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, resolution=3).compute()
    train(model)
    explorer.update()
    explorer.compute()
    sent = explorer._along
    assert (sent["axis"], sent["places"]) == ("checkpoint", ["as given", "update 1"])
    assert [each["x"]["categoryarray"] for each in sent["pictures"]] == [sent["places"]] * len(
        sent["pictures"]
    )
    *_, lowest = evolution_figure(explorer.evolution).select_xaxes()
    assert lowest.title.text == "checkpoint"


def test_an_axis_counts_steps_or_records(make_explorer: Make) -> None:
    model = NETWORK.model()
    for told, unit in ((True, "step"), (False, "record")):
        recorder = TrajectoryRecorder(model)
        for step, state in enumerate(trained()[:2]):
            model.load_state_dict(state)
            recorder.record(10 * step if told else None)
        explorer = explorer_of(make_explorer, trajectory=recorder, axes=RANDOM, resolution=3).compute(
            "surface"
        )
        assert explorer._along["axis"] == unit
        assert explorer._info["checkpoints"][0]["label"] == f"{unit} 0"
        explorer.close()


def test_what_was_computed_for_a_page_is_in_the_curves_too(make_explorer: Make, tmp_path: Path) -> None:
    explorer = explorer_of(make_explorer, axes=HESSIAN, resolution=3).compute()
    explorer.to_html(tmp_path / "page.html", checkpoints=[1, 3, None])
    assert explorer.evolution.done.tolist() == [False, True, False, True, False, True]
    assert np.isfinite(explorer.evolution.largest).tolist() == explorer.evolution.done.tolist()
    assert carried(tmp_path / "page.html")["_along"]["words"].startswith("Curvature at 3 of 6 checkpoints.")
    np.testing.assert_array_equal(curve(explorer, "λmax"), explorer.evolution.largest)


def test_the_next_pictures_are_there_before_one_goes_to_them(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=HESSIAN, checkpoint=0).compute()
    gone_ahead(explorer)
    assert explorer.evolution.done.tolist() == [i <= AHEAD for i in range(6)]
    spots = [explorer._points.centres.spots.at(i) for i in range(6)]
    assert [bool(spot.known.pairs) for spot in spots] == [i <= AHEAD for i in range(6)]
    before = [sum(map(len, spot.known.losses.values())) for spot in spots]
    for i in (1, 2, 3):
        explorer.checkpoint = i
        explorer.compute("surface")
        assert sum(map(len, spots[i].known.losses.values())) == before[i]  # no node is evaluated anew
        assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[i]), rel=1e-10)


def test_what_a_person_asks_for_goes_before_and_the_rest_goes_on(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, resolution=9, accuracy=0.0)
    send(explorer, type="shown")
    settle(explorer)
    send(explorer, type="along")
    explorer.resolution = 5
    settle(explorer)
    assert explorer.surface.loss.shape == (5, 5)
    gone_ahead(explorer)
    assert explorer.evolution.done.all()


def test_what_goes_ahead_unasked_is_offered_to_all_and_what_was_asked_for_to_be_stopped(
    make_explorer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(along_the_run, "INTERVAL", 0.0)
    explorer = explorer_of(make_explorer, axes=HESSIAN, checkpoint=0)
    told: list[tuple[str, bool]] = []
    explorer.observe(lambda change: told.append((change["new"]["offer"], change["new"]["asked"])), "_along")
    explorer.compute()
    gone_ahead(explorer)
    assert set(told) == {("Compute all", False)}
    told.clear()
    send(explorer, type="along")
    gone_ahead(explorer)
    assert {*told[:-1]} == {("Stop", True)}
    assert told[-1] == ("", False)


def test_all_is_offered_as_long_as_a_trace_is_missing(make_explorer: Make) -> None:
    """As of a checkpoint that was taken after all was computed, whose ends the picture brings."""
    model, batches = NETWORK.model(), NETWORK.batches(ONE_BATCH)
    explorer = make_explorer(model, batches, NETWORK.loss_fn, trajectory=trained()[:2], resolution=5)
    explorer.compute("evolution")
    assert explorer._along["offer"] == ""
    with torch.no_grad():
        next(model.parameters()).mul_(1.1)
    explorer.update()
    explorer.compute()
    gone_ahead(explorer)
    assert explorer.evolution.done.all()
    assert np.isnan(explorer.evolution.trace[-1])
    assert explorer._along["offer"] == "Compute all"
    send(explorer, type="along")
    gone_ahead(explorer)
    assert np.isfinite(explorer.evolution.trace).all()
    assert explorer._along["offer"] == ""


def test_all_is_offered_as_long_as_the_curvature_by_adams_measure_is_missing(make_explorer: Make) -> None:
    model, (x, y) = NETWORK.model(), NETWORK.examples()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    recorder = TrajectoryRecorder(model, every=2, preconditioner=True)
    recorder.attach(optimizer)

    def train_on(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    train_on(4)
    data = NETWORK.batches(ONE_BATCH)
    explorer = make_explorer(
        model, data, NETWORK.loss_fn, trajectory=recorder, axes=RANDOM, resolution=3, samples=7
    )
    explorer.compute("evolution")
    known = np.isfinite(explorer.evolution.preconditioned).tolist()
    assert explorer._along["offer"] == "", "also where nothing was divided by before the first step"
    train_on(2)
    explorer.update()
    explorer.compute()
    explorer.face = "trace"
    explorer.compute("curvature")
    gone_ahead(explorer)
    assert np.isfinite(explorer.evolution.trace[-1])
    assert explorer.evolution.done.all()
    assert np.isnan(explorer.evolution.preconditioned[-1])
    assert explorer._along["offer"] == "Compute all"
    explorer.compute("evolution")
    assert np.isfinite(explorer.evolution.preconditioned).tolist() == [*known, True]
    assert explorer._along["offer"] == ""


def test_cancel_ends_it_and_what_was_found_stays(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=HESSIAN, checkpoint=0).compute()
    explorer.cancel()
    gone_ahead(explorer)
    done = explorer.evolution.done.copy()
    assert done[0]
    assert not explorer._along["asked"]
    assert explorer.compute("evolution").evolution.done.all()  # which takes up what was left
    assert done.sum() < 6


def test_a_checkpoint_that_cannot_be_had_is_a_gap(make_explorer: Make, tmp_path: Path) -> None:
    files = []
    for i, state in enumerate(trained()):
        files.append(tmp_path / f"{i}.pt")
        torch.save({name: value * (torch.nan if i == 2 else 1) for name, value in state.items()}, files[-1])
    explorer = explorer_of(make_explorer, trajectory=files, axes=HESSIAN).compute("surface")
    whole = files[3].read_bytes()
    files[3].write_bytes(b"nothing")
    with pytest.warns(UserWarning, match="Nothing was found at as given") as told:
        found = explorer.compute("evolution").evolution
    assert [re.findall(r"at as given (\d): ", str(one.message))[0] for one in told] == ["2", "3"]
    assert found.done.tolist() == [i not in (2, 3) for i in range(6)]
    assert np.isnan(found.largest).tolist() == [i in (2, 3) for i in range(6)]
    files[3].write_bytes(whole)
    with pytest.warns(UserWarning, match="at as given 2: .* not finite"):
        assert explorer.compute("evolution").evolution.done.tolist() == [i != 2 for i in range(6)]


def test_curves_outlive_what_they_rest_on(make_explorer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spots, "_MOST_BYTES", 1)
    explorer = explorer_of(make_explorer, axes=HESSIAN, resolution=3).compute("evolution")
    assert np.isfinite(explorer.evolution.values).all()
    kept = [spot for spot in explorer._points.centres.spots._visited if spot.known.pairs]
    assert len(kept) <= 1


def test_a_learning_rate_that_was_recorded_gives_the_edge_of_stability(make_explorer: Make) -> None:
    run: Any = Trajectory(trained(), scalars={"lr": [0.5] * 3 + [0.1] * 3})
    explorer = explorer_of(make_explorer, trajectory=run, axes=RANDOM).compute("surface")
    np.testing.assert_allclose(curve(explorer, "2/η"), [4.0] * 3 + [20.0] * 3)


def test_curves_and_comparison_are_observed_to_the_last(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, resolution=3, compared_checkpoint=1)
    curves: list[Any] = []
    tables: list[Any] = []
    explorer.observe(lambda change: curves.append(change["new"]), "evolution")
    stop = explorer.on_result(lambda name, found: tables.append(found) if name == "comparison" else None)
    explorer.compute().compute("evolution")
    assert curves[-1] == explorer.evolution
    assert curves[-1].done.all()
    assert all(a != b for a, b in pairwise(curves))
    assert tables[-1] == explorer.comparison
    assert np.isfinite(tables[-1].trace).all()
    explorer.compared_checkpoint = None
    explorer.compute()
    assert tables[-1] is None
    stop()


def test_curves_of_an_explorer_are_no_beginning_of_a_script_and_that_is_said(
    make_explorer: Make, tmp_path: Path
) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, resolution=3).compute()
    save(explorer.evolution, tmp_path / "curves.npz")
    known = load(tmp_path / "curves.npz")
    with pytest.raises(ValueError, match="the curves of an explorer, which"):
        evolution(explorer.objective, trained(), known=known)


@pytest.mark.parametrize("decades", [0.5, 1.0, 1.6, 2.0, 3.5, 7.0, 12.0])
def test_a_logarithmic_axis_has_few_ticks(decades: float) -> None:
    """Each with its whole number: of a single digit one would have to know the decade."""
    axis = _picture("loss", _line("loss", np.logspace(0, -decades, 9), "text"), log=True)["y"]
    low, high = axis["range"]
    step = axis.get("dtick")
    marks = np.arange(-20, 20, step) if step else np.log10(axis["tickvals"])
    assert 2 <= np.count_nonzero((marks >= low) & (marks <= high)) <= 5
    if step:
        assert float(step).is_integer()
    else:
        assert [float(text) for text in axis["ticktext"]] == axis["tickvals"]


def test_without_several_checkpoints_there_are_no_curves(make_explorer: Make) -> None:
    explorer = make_explorer(
        NETWORK.model(), NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, axes=RANDOM, resolution=3
    ).compute("surface")
    assert explorer._along == {}


@pytest.mark.parametrize(
    ("momentum", "told"), [(np.nan, True), (0.0, False)], ids=["Adam", "gradient descent"]
)
def test_where_the_edge_is_another_one_than_that_of_gradient_descent_it_is_told(
    make_explorer: Make, momentum: float, told: bool
) -> None:
    run: Any = Trajectory(trained(), scalars={"lr": [0.5] * 6, "momentum": [momentum] * 6})
    explorer = explorer_of(make_explorer, trajectory=run, axes=RANDOM, resolution=3).compute("evolution")
    assert ("preconditioner=True" in explorer._along["words"]) is told
    assert not (told and "2/η" in names_of(explorer))


@pytest.mark.oracle
def test_where_a_recorder_kept_what_adam_divides_by_its_edge_is_on_the_curves(make_explorer: Make) -> None:
    model, (x, y) = NETWORK.model(), NETWORK.examples()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    with TrajectoryRecorder(model, every=4, preconditioner=True) as recorder:
        recorder.attach(optimizer)
        for _ in range(8):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    data = NETWORK.batches(ONE_BATCH)
    explorer = make_explorer(
        model, data, NETWORK.loss_fn, trajectory=recorder, axes=RANDOM, resolution=3, samples=7
    )
    assert "preconditioner=True" not in explorer.compute("surface")._along["words"]
    assert "λmax of P^(−½)HP^(−½)" not in names_of(explorer)
    found = explorer.compute("evolution").evolution
    assert found.preconditioned is not None
    assert np.isnan(found.preconditioned[0])  # before its first step Adam has none
    for i in (1, 2):
        scale = recorder.trajectory.preconditioner(i) ** -0.5  # type: ignore[operator]
        expected = np.linalg.eigvalsh(scale[:, None] * dense_hessian(recorder.trajectory[i]) * scale)
        assert found.preconditioned[i] == pytest.approx(expected[-1], rel=1e-3)
    assert found.threshold == pytest.approx(np.full(3, 38 / 0.02))
    *_, alone = evolution(explorer._study.objective, recorder)
    np.testing.assert_allclose(alone.preconditioned, found.preconditioned, rtol=2e-3)
    np.testing.assert_array_equal(curve(explorer, "λmax of P^(−½)HP^(−½)"), found.preconditioned)
    assert not {"2/η", "(2 + 2β)/η"} & names_of(explorer)


def test_adams_edge_is_drawn_with_the_curvature_that_it_is_an_edge_of() -> None:
    curved, n = np.array([[900.0, -1.0], [1100.0, -2.0]]), 2
    blank = np.full(n, np.nan)
    found = Evolution(
        checkpoint=np.arange(n),
        step=np.array([0, 10]),
        done=np.ones(n, bool),
        loss=np.array([2.0, 1.0]),
        gradient_norm=np.ones(n),
        values=curved,
        residuals=np.zeros((n, 2)),
        converged=np.ones((n, 2), bool),
        n_largest=1,
        overlaps=np.full((n, 2), np.nan),
        follows=np.full((n, 2), -1),
        n_hvp=np.full(n, 9),
        verdict=("saddle", "minimum"),
        learning_rate=np.full(n, 0.01),
        momentum=0.9,
        preconditioned=np.array([2000.0, 3700.0]),
    )
    sent = along(found, False, False, another_edge=True)
    lines = {
        line["trace"]["name"]: (picture["title"], np.frombuffer(line["values"]).tolist())
        for picture in sent["pictures"]
        for line in picture["lines"]
    }
    assert lines["λmax"] == ("eigenvalue λ", [900, 1100])
    assert lines["λmax of P^(−½)HP^(−½)"] == ("eigenvalue of P⁻¹H", [2000, 3700])
    assert lines["Adam's edge (2 + 2β)/((1 − β)η)"] == ("eigenvalue of P⁻¹H", pytest.approx([3800, 3800]))
    assert "edge" not in sent["words"]
    unknown = along(replace(found, preconditioned=blank), False, False, another_edge=True)
    assert "not the edge of this optimiser" in unknown["words"]
    plain = along(replace(found, preconditioned=None, momentum=0.0), False, False)
    assert [picture["title"] for picture in plain["pictures"]] == ["loss, ‖∇L‖", "eigenvalue λ"]
    assert "2/η" in {line["trace"]["name"] for line in plain["pictures"][1]["lines"]}


@pytest.mark.parametrize("parameters", [None, "2.*", "0.*"])
def test_what_a_recorder_kept_of_adam_is_cut_to_the_parameters_or_a_hole_that_is_told(
    make_explorer: Make, parameters: str | None
) -> None:
    """The first layer is trained from the second checkpoint on."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 4)).double()
    model[0].requires_grad_(False)
    x, y = torch.randn(2, 30, 4).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with TrajectoryRecorder(model, preconditioner=True) as recorder:
        recorder.attach(optimizer)
        for _ in range(2):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
            model.requires_grad_(True)
    given = {} if parameters is None else {"parameters": parameters}
    explorer = make_explorer(
        model, (x, y), torch.nn.functional.mse_loss, trajectory=recorder, axes=RANDOM, resolution=3, **given
    )
    words = r"at step 1 was kept without that of 0\.weight, 0\.bias; the preconditioned curvature is left out"
    unfit = parameters != "2.*"
    with pytest.warns(UserWarning, match=words) if unfit else nullcontext():
        found = explorer.compute("evolution").evolution
    with pytest.warns(UserWarning, match=words) if unfit else nullcontext():
        *_, alone = evolution(explorer.objective, recorder)
    assert np.isnan(found.preconditioned).tolist() == [True, unfit, False]
    np.testing.assert_allclose(found.preconditioned, alone.preconditioned, rtol=2e-3)
    assert ("kept without that of" in explorer._along["words"]) is unfit
