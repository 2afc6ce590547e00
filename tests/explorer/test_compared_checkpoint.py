"""Two checkpoints, or two models of one kind, beside one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets

from landscape_widget import LandscapeExplorer, Objective, TrajectoryRecorder
from landscape_widget.results.comparison import Comparison

from ..support.cases import ONE_BATCH, case
from ..support.page import received, send
from .test_checkpoints import dense_hessian
from .test_landmarks import NETWORK, SOLUTIONS, explorer_of, loss_of, trained

Make = Callable[..., LandscapeExplorer]

HESSIAN = ("hessian:max", "hessian:min")
RANDOM = ("random", "random")


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("beside", "state", "axes"), [(2, trained()[2], HESSIAN), ("far", SOLUTIONS["far"], RANDOM)]
)
def test_the_second_picture_is_around_it_and_curvatures_are_those_of_the_dense_hessian(
    make_explorer: Make, beside: Any, state: dict[str, torch.Tensor], axes: tuple[str, str]
) -> None:
    explorer = explorer_of(make_explorer, axes=axes, compared_checkpoint=beside).compute()
    second = explorer.compared
    assert second is not None
    theta = torch.cat([t.reshape(-1) for t in state.values()]).numpy()
    np.testing.assert_allclose(second.plane.origin, theta)
    np.testing.assert_array_equal(second.surface.alpha, explorer.surface.alpha)  # which reaches equally far
    assert second.surface.loss[2, 2] == pytest.approx(loss_of(state), rel=1e-10)
    if axes == RANDOM:  # drawn once for both
        np.testing.assert_array_equal(second.plane.eta, explorer.plane.eta)
    found = explorer.comparison
    assert isinstance(found, Comparison)
    for i, each in enumerate((trained()[5], state)):
        dense = np.linalg.eigvalsh(dense_hessian(each))
        # certified to a relative 1e-3 of each, and of the largest for what is near zero
        assert found.largest[i] == pytest.approx(dense[-1], rel=2e-3)
        assert found.smallest[i] == pytest.approx(dense[0], rel=2e-3, abs=2e-3 * dense[-1])
        assert found.trace[i] == pytest.approx(dense.sum(), rel=1e-6)
        assert found.loss[i] == pytest.approx(loss_of(each), rel=1e-10)
    payload = received(explorer, "_compared")
    assert payload["checkpoint"] == beside
    assert payload["centre_loss"] == pytest.approx(loss_of(state), rel=1e-10)
    assert "λmax" in payload["sights"][1][0]
    assert explorer.checkpoint is None
    assert found.name[1] == (beside if isinstance(beside, str) else f"as given {beside}")
    assert len(found.to_dataframe()) == 2


def test_each_has_its_own_batch_norm_statistics(make_explorer: Make) -> None:
    name = "convolution, batch norm"
    model, other = case(name).model().eval(), case(name).model()
    other.train()
    other(case(name).examples()[0])
    explorer = make_explorer(
        model,
        case(name).batches(ONE_BATCH),
        case(name).loss_fn,
        solutions={"trained on": other},
        axes=RANDOM,
        resolution=3,
        compared_checkpoint="trained on",
    ).compute()
    expected = Objective(other.eval(), case(name).batches(ONE_BATCH), case(name).loss_fn).loss().item()
    assert explorer.comparison.loss[1] == pytest.approx(expected, rel=1e-10)
    assert explorer.comparison.loss[1] != pytest.approx(explorer.comparison.loss[0], rel=1e-6)


@pytest.mark.parametrize("run", [trained(), None], ids=["with a run", "without"])
def test_around_the_solution_itself_the_axis_toward_it_goes_on(make_explorer: Make, run: Any) -> None:
    axes = ("toward:far", "random")
    explorer = explorer_of(make_explorer, axes=axes, trajectory=run, compared_checkpoint="far").compute()
    first, second = explorer.plane, explorer.compared.plane
    np.testing.assert_array_equal(second.eta, first.eta)
    np.testing.assert_allclose(second.origin, first.point(1.0, 0.0), rtol=1e-12)
    assert explorer.compared.surface.final


@pytest.mark.parametrize("wrong", [6, -1, "nowhere", 1.5])
def test_what_there_is_not_is_refused(make_explorer: Make, wrong: Any) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM)
    with pytest.raises(traitlets.TraitError, match=r"checkpoint"):
        explorer.compared_checkpoint = wrong


def test_it_goes_and_leaves_no_table(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, compared_checkpoint=1).compute()
    assert explorer.comparison is not None
    explorer.compared_checkpoint = None
    explorer.compute()
    assert explorer.compared is None
    assert explorer.comparison is None


def test_scores_pins_files_and_pages_are_of_the_first_one(make_explorer: Make, tmp_path: Path) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, compared_checkpoint="near").compute()
    assert explorer.table().rows[0].place == "centre"
    assert len(explorer.table().rows) == 2  # the other one is that of the first picture
    pin = explorer.pin(0.1, 0.1)
    explorer.wait()
    assert pin.plane is explorer.plane
    assert received(explorer, "_pins")["pins"][0]["places"][1] is None
    explorer.to_html(tmp_path / "page.html")
    explorer.save(tmp_path / "run.npz")
    other = explorer_of(make_explorer, axes=RANDOM).load(tmp_path / "run.npz")
    np.testing.assert_array_equal(other.compared.surface.loss, explorer.compared.surface.loss)
    other.compute()
    assert other.comparison.loss[1] == pytest.approx(loss_of(SOLUTIONS["near"]), rel=1e-10)


def test_play_keeps_what_is_beside(make_explorer: Make) -> None:
    domain = (-0.5, 0.5, -0.5, 0.5)  # by itself it is that of the first picture
    explorer = explorer_of(
        make_explorer, axes=HESSIAN, domain=domain, compared_checkpoint="near", checkpoint=0
    ).compute()
    beside = explorer.compared.surface.loss
    explorer.checkpoint = 1
    explorer.compute()
    np.testing.assert_allclose(explorer.compared.surface.loss, beside)
    assert explorer.comparison.loss[0] == pytest.approx(loss_of(trained()[1]), rel=1e-10)


def thinning(
    make: Make, folder: Path | None, **controls: Any
) -> tuple[TrajectoryRecorder, LandscapeExplorer, list[Any]]:
    """A recorder that has kept 4 of 4 checkpoints, an explorer of its model, and states of 12 steps."""
    model, states = NETWORK.model(), trained(steps=12)
    recorder = TrajectoryRecorder(model, folder, most=4)
    record(recorder, states, range(4))
    explorer = make(
        model,
        NETWORK.batches(ONE_BATCH),
        NETWORK.loss_fn,
        trajectory=recorder if folder is None else folder,
        **{"axes": RANDOM, "resolution": 5, **controls},
    )
    return recorder, explorer, states


def record(recorder: TrajectoryRecorder, states: list[Any], steps: Iterable[int]) -> None:
    for step in steps:
        recorder._model.load_state_dict(states[step])
        recorder.record(step)


@pytest.mark.parametrize(("in_memory", "from_page"), [(True, True), (False, False)])
def test_where_a_recorder_thins_it_stays_the_checkpoint_of_its_step(
    make_explorer: Make, tmp_path: Path, in_memory: bool, from_page: bool
) -> None:
    recorder, explorer, states = thinning(
        make_explorer, None if in_memory else tmp_path / "run", compared_checkpoint=2
    )
    explorer.compute()
    record(recorder, states, [4])
    assert recorder.trajectory.steps.tolist() == [0, 2, 4]
    if from_page:
        send(explorer, type="update")
    else:
        explorer.update()
    assert explorer.compared_checkpoint == 1  # which is step 2, as before
    explorer.compute()
    assert explorer.comparison.name[1] == "step 2"
    assert explorer.comparison.loss[1] == pytest.approx(loss_of(states[2]), rel=1e-10)


@pytest.mark.parametrize("in_memory", [True, False])
def test_one_that_was_thinned_out_is_beside_no_more_and_that_is_said(
    make_explorer: Make, tmp_path: Path, in_memory: bool
) -> None:
    recorder, explorer, states = thinning(
        make_explorer, None if in_memory else tmp_path / "run", compared_checkpoint=1
    )
    explorer.compute()
    record(recorder, states, [4])
    with pytest.warns(UserWarning, match="checkpoint of step 1 is there no more"):
        explorer.update()
    assert explorer.compared_checkpoint is None
    assert "step 1 is there no more" in received(explorer, "_pins")["note"]
    assert explorer.compute().compared is None


def test_one_that_is_dropped_before_it_is_computed_is_beside_no_more(
    make_explorer: Make, tmp_path: Path
) -> None:
    recorder, explorer, states = thinning(make_explorer, tmp_path / "run", compared_checkpoint=1)
    record(recorder, states, [4])
    explorer.compute()
    assert explorer.compared is explorer.compared_checkpoint is None
    assert "step 1 is there no more" in received(explorer, "_pins")["note"]


def test_a_file_names_checkpoints_by_their_steps(make_explorer: Make, tmp_path: Path) -> None:
    """Its numbers are those of the run as it was; it is loaded after the recorder has thinned it."""
    recorder, explorer, states = thinning(
        make_explorer, tmp_path / "run", checkpoint=2, compared_checkpoint=0, axes=HESSIAN
    )
    explorer.compute().save(tmp_path / "two.npz")
    explorer.compared_checkpoint = 1
    explorer.compute().save(tmp_path / "one.npz")
    record(recorder, states, [4])
    again = make_explorer(
        recorder._model,
        NETWORK.batches(ONE_BATCH),
        NETWORK.loss_fn,
        trajectory=tmp_path / "run",
        axes=RANDOM,
        resolution=5,
    )
    again.load(tmp_path / "two.npz")
    assert (again.checkpoint, again.compared_checkpoint) == (1, 0)
    assert again.results.controls == again._chosen()
    np.testing.assert_array_equal(again.surface.loss, explorer.surface.loss)
    again.compute()
    assert again.comparison.loss == pytest.approx([loss_of(states[2]), loss_of(states[0])], rel=1e-10)
    before = again._chosen()
    with pytest.raises(ValueError, match=r"checkpoint 1 \(step, or number, 1\) is beside"):
        again.load(tmp_path / "one.npz")
    assert again._chosen() == before


@pytest.mark.parametrize(
    ("saved", "given", "words"),
    [
        ({"checkpoint": 2}, {"trajectory": None}, r"saved at checkpoint 2 of a run.*trajectory=…"),
        ({"compared_checkpoint": 2}, {"trajectory": None}, r"checkpoint 2 \(step.*is beside.*trajectory=…"),
        ({"compared_checkpoint": 0}, {"trajectory": None}, r"checkpoint 0 is the one.*trajectory=…"),
        ({"compared_checkpoint": "far"}, {"solutions": None}, r"solution 'far'.*solutions=\{'far': …\}"),
        (
            {"compared_checkpoint": "far"},
            {"solutions": {"far": SOLUTIONS["near"]}},
            r"solution 'far' is the one.*another one",
        ),
    ],
)
def test_a_file_of_what_is_not_here_says_what_to_give(
    make_explorer: Make, tmp_path: Path, saved: Any, given: Any, words: str
) -> None:
    explorer_of(make_explorer, axes=RANDOM, **saved).compute("surface").save(tmp_path / "run.npz")
    other = explorer_of(make_explorer, axes=RANDOM, **given)
    with pytest.raises(ValueError, match=words):
        other.load(tmp_path / "run.npz")
    assert other.compute("surface").surface.final


def test_the_table_is_never_that_of_another_checkpoint(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, compared_checkpoint=1).compute()
    assert explorer.comparison is not None
    assert explorer.comparison.name[1] == "as given 1"
    n = explorer.examples
    assert explorer.comparison.provenance["n_examples"] == n
    explorer.compared_checkpoint = 3
    assert explorer.comparison is None
    explorer.compute()
    assert explorer.comparison.name[1] == "as given 3"
    explorer.close()
    with pytest.raises(RuntimeError, match="open explorer"):
        _ = explorer.comparison


def test_the_time_left_counts_the_picture_beside(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, compared_checkpoint=1)
    seen: list[set[str]] = []
    progress = type(explorer._study).steps

    def watched(study: Any, controls: Any, what: str = "all") -> Any:
        for found in progress(study, controls, what):
            if study is explorer._study and found.gradient_norm is not None:
                seen.append(set(found.meter.ahead()))
            yield found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(explorer._study), "steps", watched)
        explorer.compute()
    assert {"node", "product", "exact"} <= seen[0]
    assert {"beside node", "beside product", "beside exact"} <= seen[0]
    assert all(kinds == seen[0] for kinds in seen)
    assert (explorer.progress["fraction"], explorer.progress["eta"]) == (1.0, 0.0)
