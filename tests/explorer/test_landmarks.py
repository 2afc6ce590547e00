"""The path of training and other solutions in an explorer; numpy in float64 is the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective, TrajectoryRecorder, load
from landscape_widget.results.paths import Path as TrainingPath

from ..support.cases import NARROW, ONE_BATCH, case
from ..support.page import received

Make = Callable[..., LandscapeExplorer]

NETWORK = NARROW
X, Y = NETWORK.examples()
TEST = (
    torch.randn(9, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64),
    torch.arange(9) % 3,
)
PLANES = [
    ("random", "random:filter"),
    ("hessian:max", "hessian:min"),
    ("trajectory:1", "trajectory:2"),
    ("toward:far", "trajectory:2"),
    ("toward:near", "hessian:max"),
]

State = dict[str, Tensor]


def trained(seed: int = 0, steps: int = 6) -> list[State]:
    """States of a run, the last one that of the model below."""
    model = NETWORK.model()
    generator = torch.Generator().manual_seed(seed)
    states = []
    for _ in range(steps):
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return states[::-1]


def shifted(by: float, seed: int) -> State:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: tensor + by * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
        for name, tensor in NETWORK.model().state_dict().items()
    }


SOLUTIONS = {"near": shifted(0.1, 1), "far": shifted(1.0, 2)}


def explorer_of(make: Make, **keywords: Any) -> LandscapeExplorer:
    given = {
        "trajectory": trained(),
        "solutions": SOLUTIONS,
        "test_loader": TEST,
        "resolution": 5,
        "samples": 7,
    }
    return make(NETWORK.model(), NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, **{**given, **keywords})


def vector(state: State) -> np.ndarray:
    return torch.cat([tensor.double().reshape(-1) for tensor in state.values()]).numpy()


def loss_of(state: State, data: tuple[Tensor, Tensor] = (X, Y)) -> float:
    model = NETWORK.model()
    model.load_state_dict(state)
    with torch.no_grad():
        return float(nn.functional.cross_entropy(model(data[0]), data[1]))


def check(path: TrainingPath, states: list[State], explorer: LandscapeExplorer, losses: list[float]) -> None:
    """Least squares by numpy's own solver, and losses of plain torch."""
    plane = explorer.plane
    assert plane is not None
    axes = np.stack([plane.eta, plane.delta], axis=1)
    away = np.stack([vector(state) for state in states], axis=1) - plane.origin[:, None]
    coordinates, *_ = np.linalg.lstsq(axes, away, rcond=None)
    np.testing.assert_allclose(path.alpha, coordinates[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(path.beta, coordinates[1], rtol=1e-8, atol=1e-10)
    off = np.linalg.norm(away - axes @ coordinates, axis=0)
    np.testing.assert_allclose(
        path.off_plane, off, rtol=1e-8, atol=1e-7
    )  # a root of rounding where it is zero
    np.testing.assert_allclose(path.loss, losses, rtol=1e-10)


def test_a_model_in_the_list_that_is_trained_on_stays_what_it_was(make_explorer: Make) -> None:
    model = NETWORK.model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    explorer = explorer_of(make_explorer, trajectory=[shifted(0.1, 3), model.state_dict(), model])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    path = explorer.compute().landmarks.path
    wanted = NETWORK.model()
    wanted.load_state_dict(before)
    loss = Objective(wanted, NETWORK.batches(ONE_BATCH), NETWORK.loss_fn).loss().item()
    np.testing.assert_allclose(path.loss[1:], loss, rtol=1e-12)
    np.testing.assert_allclose(path.alpha[1:], 0, atol=1e-12)


@pytest.mark.parametrize("axes", PLANES)
def test_every_plane_shows_the_path_and_the_solutions(make_explorer: Make, axes: tuple[str, str]) -> None:
    explorer = explorer_of(make_explorer, axes=axes).compute("surface")
    found = explorer.landmarks
    assert found is not None
    assert found.final
    check(found.path, trained(), explorer, [loss_of(state) for state in trained()])
    assert list(found.solutions) == ["near", "far"]
    for name, path in found.solutions.items():
        check(path, [SOLUTIONS[name]], explorer, [loss_of(SOLUTIONS[name])])
    assert explorer.surface.final
    if all(axis.startswith("trajectory") for axis in axes):
        a0, a1, b0, b1 = explorer.surface.provenance["domain"]
        assert ((found.path.alpha > a0) & (found.path.alpha < a1)).all()
        assert ((found.path.beta > b0) & (found.path.beta < b1)).all()


def test_components_are_those_of_a_dense_decomposition(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=("trajectory:1", "trajectory:2")).compute("surface")
    theta = vector(NETWORK.model().state_dict())
    _, values, rows = np.linalg.svd(np.stack([vector(state) - theta for state in trained()]))
    for direction, row in zip((explorer.plane.eta, explorer.plane.delta), rows, strict=False):
        assert abs(direction @ row) == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(explorer.plane.variance, values[:2] ** 2 / (values**2).sum(), rtol=1e-10)


def test_an_axis_toward_a_solution_leads_there(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=("toward:far", "random")).compute("surface")
    theta = vector(NETWORK.model().state_dict())
    np.testing.assert_allclose(explorer.plane.eta, vector(SOLUTIONS["far"]) - theta, rtol=1e-12)
    assert explorer.surface.provenance["domain"][:2] == (-0.5, 1.5)
    assert explorer.landmarks.solutions["far"].alpha == pytest.approx(1, abs=1e-10)
    assert explorer.landmarks.solutions["far"].off_plane == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("split", ["test", "difference"])
def test_losses_are_those_of_the_split_on_show(make_explorer: Make, split: str) -> None:
    explorer = explorer_of(make_explorer, axes=("random", "random"), split=split).compute("surface")
    on_test = np.array([loss_of(state, TEST) for state in trained()])
    on_train = np.array([loss_of(state) for state in trained()])
    wanted = on_test if split == "test" else on_test - on_train
    np.testing.assert_allclose(explorer.landmarks.path.loss, wanted, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("mode", ["frozen", "recomputed", "difference"])
def test_batch_norm_statistics_are_the_checkpoints_own(make_explorer: Make, mode: str) -> None:
    network = case("convolution, batch norm")
    model, states = network.model(), []
    for _ in range(3):
        model.train()
        model(network.examples()[0])
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
    model.eval()
    explorer = make_explorer(
        model,
        network.batches(ONE_BATCH),
        network.loss_fn,
        trajectory=states,
        axes=("random", "random"),
        resolution=3,
        batch_norm=mode,
    )
    explorer.compute("surface")
    wanted = []
    for state in states:
        other = network.model().eval()
        other.load_state_dict(state)
        wanted.append(
            Objective(other, network.batches(ONE_BATCH), network.loss_fn).with_batch_norm(mode).loss().item()
        )
    np.testing.assert_allclose(explorer.landmarks.path.loss, wanted, rtol=1e-10, atol=1e-14)
    assert explorer.landmarks.path.provenance["batch_norm"] == mode


def test_losses_are_computed_once_whatever_the_plane(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=("random", "random")).compute("surface")
    known = dict(explorer._study.known.landmark_losses)
    assert len(known) == len(trained()) + len(SOLUTIONS)
    explorer.axes = ("hessian:max", "hessian:min")
    explorer.compute("surface")
    assert explorer._study.known.landmark_losses == known


def test_the_second_picture_has_them_too(make_explorer: Make) -> None:
    explorer = explorer_of(
        make_explorer, axes=("random", "random"), compared_axes=("trajectory:1", "trajectory:2")
    )
    explorer.compute("surface")
    sent = received(explorer, "_landmarks")
    assert [on["plane"] for on in sent["planes"]] == [
        explorer.plane.fingerprint,
        explorer.compared.plane.fingerprint,
    ]
    assert explorer.compared_landmarks.path.share > explorer.landmarks.path.share


def test_a_damaged_checkpoint_is_named_and_all_else_is_there(make_explorer: Make, tmp_path: Path) -> None:
    with TrajectoryRecorder(NETWORK.model(), tmp_path / "run") as recorder:
        for step in range(3):
            recorder.record(step)
    explorer = explorer_of(make_explorer, trajectory=tmp_path / "run", axes=("random", "random"))
    middle = sorted((tmp_path / "run").glob("*.safetensors"))[1]
    middle.write_bytes(middle.read_bytes()[:-8])
    with pytest.raises(RuntimeError, match="checkpoint 1 of 3"):
        explorer.compute("surface")
    assert explorer.surface.final
    assert len(explorer.landmarks.path.loss) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trajectory": [{"0.weight": torch.zeros(2, 2)}]}, "lacks 0.bias"),
        ({"trajectory": []}, "at least one checkpoint"),
        ({"solutions": {"other": nn.Linear(2, 2).state_dict()}}, r"solutions\['other'\].*lacks 0.weight"),
        ({"solutions": {"": SOLUTIONS["near"]}}, "names of solutions"),
        ({"solutions": {" near": SOLUTIONS["near"]}}, "names of solutions"),
        ({"solutions": {"a\nb": SOLUTIONS["near"]}}, "names of solutions"),
        ({"solutions": {3: SOLUTIONS["near"]}}, "names of solutions"),
        ({"solutions": {"x" * 41: SOLUTIONS["near"]}}, "up to 40 letters"),
    ],
)
def test_what_is_of_another_model_or_has_no_name_is_refused_at_once(
    make_explorer: Make, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        explorer_of(make_explorer, **{"trajectory": None, "solutions": None, **given})


@pytest.mark.parametrize(
    ("axis", "told"), [("trajectory:1", "Expected a trajectory"), ("toward:near", "Expected an axis toward")]
)
def test_axes_that_nothing_was_given_for(make_explorer: Make, axis: str, told: str) -> None:
    explorer = explorer_of(make_explorer, trajectory=None, solutions=None)
    with pytest.raises(Exception, match=told):
        explorer.axes = (axis, "random")
    with pytest.raises(Exception, match="two different"):
        explorer_of(make_explorer).axes = ("toward:far", "toward:far")


@pytest.mark.parametrize("name", ["trajectory", "solutions", "test_loader", "model", "metrics"])
def test_what_is_given_only_at_first_cannot_be_set(make_explorer: Make, name: str) -> None:
    explorer = explorer_of(make_explorer)
    with pytest.raises(AttributeError, match=rf"{name}', which is given only when.*\(…, {name}=…\)"):
        setattr(explorer, name, None)


def test_the_page_is_offered_what_there_is(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer)
    groups = {group["label"]: group["options"] for group in received(explorer, "_info")["axes"]["groups"]}
    assert [option["value"] for option in groups["Components of the trajectory"]] == [
        f"trajectory:{rank}" for rank in range(1, 6)
    ]
    assert groups["Toward a solution"] == [
        {"value": "toward:near", "label": "→ near"},
        {"value": "toward:far", "label": "→ far"},
    ]
    assert "trajectory" in {preset["value"] for preset in received(explorer, "_info")["axes"]["presets"]}
    bare = explorer_of(make_explorer, trajectory=None, solutions=None)
    assert "trajectory" not in {preset["value"] for preset in received(bare, "_info")["axes"]["presets"]}
    others = {group["label"] for group in received(bare, "_info")["axes"]["groups"]}
    assert set(groups) - others == {"Components of the trajectory", "Toward a solution"}
    assert len(others) == len(groups) - 2


def offered_ranks(explorer: LandscapeExplorer) -> list[str]:
    groups = {group["label"]: group["options"] for group in received(explorer, "_info")["axes"]["groups"]}
    return [option["value"] for option in groups.get("Components of the trajectory", [])]


@pytest.mark.parametrize(
    ("places", "n"),
    [
        ([-1, 0], 1),  # it begins at θ*
        ([0, 1], 2),
        ([0, 0, -1], 1),  # one of them twice
        ([-1], 0),
        ([0, 1, 2, 3, -1], 4),
    ],
)
def test_only_components_that_a_short_path_has_are_offered(
    make_explorer: Make, places: list[int], n: int
) -> None:
    run = trained()
    explorer = explorer_of(make_explorer, trajectory=[run[i] for i in places], resolution=3)
    assert offered_ranks(explorer) == [f"trajectory:{rank}" for rank in range(1, n + 1)]
    presets = {preset["value"] for preset in received(explorer, "_info")["axes"]["presets"]}
    assert ("trajectory" in presets) == (n > 1)
    with pytest.raises(Exception, match=f"around θ\\* it lies in {n} dimension"):
        explorer.axes = (f"trajectory:{n + 1}", "random")
    if n:
        explorer.axes = (f"trajectory:{n}", "random")
        explorer.compute("surface")
        assert explorer.surface.final


def test_a_long_path_on_a_line_refuses_further_components_once_they_are_known(make_explorer: Make) -> None:
    theta, start = NETWORK.model().state_dict(), trained()[0]
    line = [{k: theta[k] + t * (start[k] - theta[k]) for k in theta} for t in np.linspace(1, 0, 9)]
    explorer = explorer_of(make_explorer, trajectory=line, axes=("trajectory:1", "random"), resolution=3)
    explorer.compute("surface")
    with pytest.raises(Exception, match="it lies in 1 dimension"):
        explorer.axes = ("trajectory:1", "trajectory:2")


@pytest.mark.parametrize("axes", [("random", "random"), ("trajectory:1", "trajectory:2")])
def test_a_run_that_diverges_is_shown_as_far_as_it_is_finite(
    make_explorer: Make, axes: tuple[str, str]
) -> None:
    run = trained()
    run[2] = {name: torch.full_like(tensor, torch.nan) for name, tensor in run[2].items()}
    explorer = explorer_of(make_explorer, trajectory=run, axes=axes, resolution=3).compute("surface")
    assert explorer.landmarks.final
    wanted = [np.nan if i == 2 else loss_of(state) for i, state in enumerate(run)]
    np.testing.assert_allclose(explorer.landmarks.path.loss, wanted, rtol=1e-10)
    assert (
        "1 of 6 checkpoints not finite"
        in received(explorer, "_landmarks")["planes"][0]["paths"][0]["caption"]
    )


@pytest.mark.parametrize("what", ["a frozen layer", "a buffer", "both", "neither", "the count of batches"])
def test_what_differs_beside_the_parameters_is_told(make_explorer: Make, what: str) -> None:
    """There the surface has another loss than the solution, however near the plane that is."""
    network = case("convolution, batch norm")
    state = {name: tensor.clone() for name, tensor in network.model().state_dict().items()}
    state["0.bias"] += 1
    if what in ("a frozen layer", "both"):
        state[[name for name, _ in network.model().named_parameters()][-1]] += 1
    if what in ("a buffer", "both"):
        state["1.running_mean"] += 1
    if what == "the count of batches":
        state["1.num_batches_tracked"] += 1
    explorer = make_explorer(
        network.model(),
        network.batches(ONE_BATCH),
        network.loss_fn,
        parameters="0.*",
        solutions={"other": state},
        axes=("toward:other", "random"),
        resolution=3,
    )
    explorer.compute("surface")
    (sent,) = received(explorer, "_landmarks")["planes"][0]["paths"]
    words = {
        "a frozen layer": ", frozen parameters differ from those of θ*",
        "a buffer": ", buffers differ from those of θ*",
        "both": ", frozen parameters and buffers differ from those of θ*",
    }
    assert sent["caption"] == "other, 100 % of ‖Δθ‖² in the plane" + words.get(what, "")


def test_a_solution_beyond_the_picture_is_told(make_explorer: Make) -> None:
    explorer = explorer_of(
        make_explorer, axes=("toward:near", "toward:far"), domain=(-0.5, 1.5, -0.5, 0.5), trajectory=None
    ).compute("surface")
    near, far = received(explorer, "_landmarks")["planes"][0]["paths"]
    assert near["caption"] == "near, 100 % of ‖Δθ‖² in the plane"
    assert far["caption"] == "far, 100 % of ‖Δθ‖² in the plane, outside the domain"
    assert (near["remark"], far["remark"]) == ("", "outside the domain")


def test_a_solution_is_what_it_was_when_it_was_given(make_explorer: Make) -> None:
    other = NETWORK.model()
    with torch.no_grad():
        other[0].bias += 1
    loss = loss_of(other.state_dict())
    explorer = explorer_of(make_explorer, solutions={"other": other}, axes=("random", "random"))
    with torch.no_grad():
        other[0].bias += 1
    explorer.compute("surface")
    assert explorer.landmarks.solutions["other"].loss == pytest.approx(loss, rel=1e-10)


def test_a_recorder_that_goes_on_is_read_again_with_the_new_weights(make_explorer: Make) -> None:
    model = NETWORK.model()
    recorder = TrajectoryRecorder(model)
    recorder.record(0)
    explorer = make_explorer(
        model,
        NETWORK.batches(ONE_BATCH),
        NETWORK.loss_fn,
        trajectory=recorder,
        axes=("random", "random"),
        resolution=3,
    )
    explorer.compute("surface")
    assert len(explorer.landmarks.path.loss) == 1
    with torch.no_grad():
        model[0].bias += 1
    recorder.record(1)
    explorer.update()
    explorer.compute("surface")
    np.testing.assert_allclose(
        explorer.landmarks.path.distance[::-1], [0, len(model[0].bias) ** 0.5], atol=1e-12
    )
    explorer.go_back()
    explorer.compute("surface")
    np.testing.assert_allclose(
        explorer.landmarks.path.distance, [0, len(model[0].bias) ** 0.5], atol=1e-12
    )  # all of the run, seen from where it was


def record(recorder: TrajectoryRecorder, states: list[State], steps: range) -> None:
    """The recorder's model goes through these steps."""
    for step in steps:
        recorder._model.load_state_dict(states[step])
        recorder.record(step)


@pytest.mark.parametrize(
    ("by_folder", "axes", "before"),
    [
        (False, ("random", "random"), False),
        (False, ("trajectory:1", "random"), True),
        (True, ("random", "random"), True),
        (True, ("trajectory:1", "random"), False),
    ],
)
def test_a_recorder_may_thin_out_what_is_shown(
    make_explorer: Make, tmp_path: Path, by_folder: bool, axes: tuple[str, str], before: bool
) -> None:
    """Checkpoints over the budget are deleted while an explorer still lists them."""
    recorder, states = TrajectoryRecorder(NETWORK.model(), tmp_path / "run", most=4), trained(steps=24)
    train = partial(record, recorder, states)
    train(range(4))
    given = tmp_path / "run" if by_folder else recorder
    explorer = explorer_of(make_explorer, trajectory=given, axes=axes, resolution=3)
    if before:
        explorer.compute("surface")
    train(range(4, 24))
    explorer.seed = 4
    explorer.compute("surface")
    kept = recorder.trajectory
    np.testing.assert_array_equal(explorer.landmarks.path.step, kept.steps)
    np.testing.assert_allclose(
        explorer.landmarks.path.loss, [loss_of(states[step]) for step in kept.steps], rtol=1e-10
    )
    assert explorer.landmarks.final


@pytest.mark.parametrize("end", ["first", "last"])
def test_a_trajectory_whose_ends_a_recorder_has_dropped_since(
    make_explorer: Make, tmp_path: Path, end: str
) -> None:
    recorder, states = TrajectoryRecorder(NETWORK.model(), tmp_path / "run", most=6), trained(steps=24)
    train = partial(record, recorder, states)
    train(range(6))
    given = recorder.trajectory if end == "last" else recorder.trajectory[1:]
    train(range(6, 9))
    left = [step for step in given.steps if step in recorder.trajectory.steps]
    assert 0 < len(left) < len(given)
    assert given.steps[-1 if end == "last" else 0] not in left
    explorer = explorer_of(make_explorer, trajectory=given, axes=("random", "random"), resolution=3)
    explorer.compute("surface")
    np.testing.assert_array_equal(explorer.landmarks.path.step[: len(left)], left)


def test_a_saved_run_holds_path_and_axes_without_what_they_were_made_of(
    make_explorer: Make, tmp_path: Path
) -> None:
    explorer = explorer_of(make_explorer, axes=("trajectory:1", "toward:far"), resolution=7).compute(
        "surface"
    )
    explorer.save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").landmarks == explorer.landmarks
    bare = explorer_of(make_explorer, trajectory=None, solutions=None).load(tmp_path / "run.npz")
    assert bare.axes == ("trajectory:1", "toward:far")
    offered = [
        option["value"] for group in received(bare, "_info")["axes"]["groups"] for option in group["options"]
    ]
    assert {"trajectory:1", "toward:far"} <= set(offered)
    bare.compute("surface")
    np.testing.assert_array_equal(bare.surface.loss, explorer.surface.loss)
    assert bare.landmarks == explorer.landmarks
    assert (
        received(bare, "_landmarks")["planes"][0]["paths"]
        == received(explorer, "_landmarks")["planes"][0]["paths"]
    )
    bare.resolution = 5
    bare.compute("surface")
    assert bare.surface.final
    assert bare.surface.provenance["domain"] == pytest.approx(explorer.surface.provenance["domain"])


def test_of_a_saved_run_nothing_is_shown_of_another_trajectory_or_other_solutions(
    make_explorer: Make, tmp_path: Path
) -> None:
    """What may be the same is found again, and what is the same for certain is there at once."""
    path, axes = tmp_path / "run.npz", ("trajectory:1", "toward:far")
    explorer_of(make_explorer, axes=("random", "random"), compared_axes=axes).compute("surface").save(path)
    same = explorer_of(make_explorer).load(path)
    assert same.surface.final
    assert same.compared.surface.final
    assert same.landmarks is None
    assert same.compute("surface").landmarks.final
    run = [{key: 2 * value for key, value in state.items()} for state in trained()]
    far = {key: -value for key, value in trained()[0].items()}
    others = {"trajectory": [*run[:-1], trained()[-1]]}, {"solutions": {"far": far}}
    for given in others:
        other = explorer_of(make_explorer, **given).load(path)
        assert other.surface.final
        assert (other.landmarks, other.compared_landmarks, other.compared) == (None, None, None)
        alone = explorer_of(make_explorer, axes=("random", "random"), compared_axes=axes, **given)
        assert other.compute("surface").landmarks == alone.compute("surface").landmarks
        np.testing.assert_array_equal(other.compared.surface.loss, alone.compared.surface.loss)
        other.compared_axes, other.axes = None, axes
        other.compute("surface").save(tmp_path / "other.npz")
        assert explorer_of(make_explorer, **given).load(tmp_path / "other.npz").surface.final
        assert explorer_of(make_explorer).load(tmp_path / "other.npz").surface is None


def test_the_call_to_copy_names_them(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=("random", "random")).compute("surface")
    assert "trajectory=trajectory" in received(explorer, "_surface")["python"]
    assert "solutions=solutions" in received(explorer, "_surface")["python"]


def test_figures_and_tables_have_them(make_explorer: Make, tmp_path: Path) -> None:
    explorer = explorer_of(make_explorer, axes=("random", "random")).compute("surface")
    names = {trace.name for trace in explorer.figure("heatmap").data}
    assert any(name and name.startswith("path, ") for name in names)
    assert any(name and name.startswith("far, ") for name in names)
    tables = explorer.results.to_csv(tmp_path)
    (table,) = [path for path in tables if path.stem == "landmarks"]
    rows = table.read_text("utf-8").splitlines()
    assert sum(row.startswith("path,") for row in rows) == len(trained())


def test_one_point_is_found_after_the_other_once_the_surface_is_there(make_explorer: Make) -> None:
    """So that a cancel is obeyed between any two."""
    explorer = explorer_of(make_explorer, axes=("random", "random"))
    counts = []
    for found in explorer._study.steps(explorer._chosen(), "surface"):
        if found.landmarks is not None:
            assert found.surface.final
            counts.append(sum(len(path.loss) for path in found.landmarks.paths.values()))
    total = len(trained()) + len(SOLUTIONS)
    assert sorted(set(counts)) == list(range(1, total + 1))


@pytest.mark.parametrize("axes", [("trajectory:1", "trajectory:2"), ("toward:far", "trajectory:1")])
def test_the_verdict_takes_no_component_for_an_eigenvector(
    make_explorer: Make, axes: tuple[str, str]
) -> None:
    """Its widths are those of a random plane, of which no axis is an eigenvector either."""
    explorer = explorer_of(make_explorer, axes=("random", "random")).compute("eigenpairs")
    explorer.compute()
    place = explorer.results.verdict.sentence.split(". ")[1]
    explorer.axes = axes
    explorer.compute()
    assert explorer.results.verdict.sentence.split(". ")[1] == place


@pytest.mark.parametrize("change", [{"seed": 5}, {"split": "test"}, {"axes": ("hessian:max", "hessian:min")}])
def test_a_figure_amid_a_computation_has_no_path_of_another_plane_or_of_other_losses(
    make_explorer: Make, change: dict[str, Any]
) -> None:
    explorer = explorer_of(make_explorer, axes=("random", "random")).compute("surface")
    former = explorer.landmarks
    for name, value in change.items():
        setattr(explorer, name, value)
    explorer.compute("surface")
    between = replace(explorer.results, landmarks=former)  # before the new ones are there
    for results, shown in ((between, False), (explorer.results, True)):
        names = [trace.name or "" for trace in results.figure("heatmap").data]
        assert any(name.startswith("path, ") for name in names) is shown


@pytest.mark.parametrize("axes", PLANES[:4])
def test_several_runs_lie_on_one_picture(make_explorer: Make, axes: tuple[str, str], tmp_path: Path) -> None:
    """Each projected and at its true losses; axes and checkpoints are those of the first."""
    runs = {"SGD": trained(), "Adam": trained(5, 4), "RMSprop": trained(6, 3)}
    explorer = explorer_of(make_explorer, trajectory=runs, axes=axes).compute()
    placed = explorer.landmarks
    assert placed is not None
    assert list(placed.paths) == ["SGD", "Adam", "RMSprop", "near", "far"]
    assert placed.final
    assert placed.total == 6 + 4 + 3 + 2
    for name, states in runs.items():
        check(placed.paths[name], states, explorer, [loss_of(state) for state in states])
    alone = explorer_of(make_explorer, trajectory=runs["SGD"], axes=axes).compute()
    assert alone.plane == explorer.plane
    assert [*alone.landmarks.paths] == ["path", "near", "far"]
    assert len(received(explorer, "_info")["checkpoints"]) == 6
    explorer.save(tmp_path / "run.npz")
    assert load(tmp_path / "run.npz").landmarks == placed
    columns = placed.columns
    assert list(dict.fromkeys(columns["name"])) == list(placed.paths)
    names = {trace.name.partition(",")[0] for trace in explorer.figure("heatmap").data if trace.name}
    within = {path["name"] for path in received(explorer, "_landmarks")["planes"][0]["paths"]}
    assert within == {*placed.paths}
    assert names & {*runs}


def test_names_of_several_runs_stand_beside_them(make_explorer: Make) -> None:
    runs = {"SGD": trained(), "Adam": trained(5, 4)}
    wide = {"axes": ("random", "random"), "domain": (-9, 9, -9, 9)}
    explorer = explorer_of(make_explorer, trajectory=runs, **wide).compute()
    sent = {path["name"]: path for path in received(explorer, "_landmarks")["planes"][0]["paths"]}
    assert [3, "SGD"] in sent["SGD"]["marks"]
    assert [3, "Adam"] in sent["Adam"]["marks"]
    assert not sent["near"]["marks"]
    alone = explorer_of(make_explorer, trajectory=runs["SGD"], **wide).compute()
    (path, *_) = received(alone, "_landmarks")["planes"][0]["paths"]
    assert path["marks"] == []


def test_a_trajectory_plane_reaches_as_far_as_every_run(make_explorer: Make) -> None:
    runs = {"SGD": trained(), "Adam": [shifted(2.0, 8), *trained(5, 3)]}
    axes = ("trajectory:1", "trajectory:2")
    explorer = explorer_of(make_explorer, trajectory=runs, axes=axes, resolution=21).compute()
    for path in explorer.landmarks.runs.values():
        for along, nodes in ((path.alpha, explorer.surface.alpha), (path.beta, explorer.surface.beta)):
            assert nodes[0] <= along.min()
            assert along.max() <= nodes[-1]


def test_further_runs_are_read_again_by_update(make_explorer: Make) -> None:
    """A recorder of another run goes on meanwhile, and thins what it has."""
    model = NETWORK.model()
    with TrajectoryRecorder(model, most=4) as other:
        other.record(0)
        explorer = explorer_of(make_explorer, trajectory={"a": trained(), "b": other}).compute()
        assert len(explorer.landmarks.others["b"].loss) == 1
        for step in range(1, 7):
            with torch.no_grad():
                next(model.parameters()).add_(0.1)
            other.record(step)
        own = NETWORK.model()
        with torch.no_grad():
            next(own.parameters()).add_(0.01)
        explorer.update(own)
        explorer.compute()
        found = explorer.landmarks.others["b"]
        assert found.step.tolist() == [recorded.step for recorded in other.trajectory.recorded]
        assert found.step[-1] == 6


@pytest.mark.parametrize("several", [False, True])
def test_a_run_whose_records_alone_are_counted_is_saved_and_loaded(
    make_explorer: Make, tmp_path: Path, several: bool
) -> None:
    """Which record a checkpoint is lies in the file beside it, as all that is noted there does."""
    model = NETWORK.model()
    with TrajectoryRecorder(model) as recorder:
        for _ in range(3):
            with torch.no_grad():
                next(model.parameters()).mul_(0.9)
            recorder.record()
    explorer = make_explorer(
        model,
        (X, Y),
        NETWORK.loss_fn,
        trajectory={"SGD": recorder, "Adam": trained()} if several else recorder,
        resolution=5,
    )
    explorer.compute().save(tmp_path / "run.npz")
    again = make_explorer(model, (X, Y), NETWORK.loss_fn).load(tmp_path / "run.npz")
    assert again.landmarks.path.scalars["record"].tolist() == [0, 1, 2]


def test_runs_that_are_none_are_refused(make_explorer: Make) -> None:
    own = trained()
    with pytest.raises(TypeError, match=r"several by name such as .* got a state dict"):
        explorer_of(make_explorer, trajectory=own[0])
    with pytest.raises(ValueError, match="names that no solution has, got 'near'"):
        explorer_of(make_explorer, trajectory={"near": own})
    with pytest.raises(ValueError, match="several by name, got an empty mapping"):
        explorer_of(make_explorer, trajectory={})
    with pytest.raises(ValueError, match=r"names of runs as words"):
        explorer_of(make_explorer, trajectory={"": own})
    with pytest.raises(ValueError, match=r"Of trajectory\['b'\]: .*not those of the objective's model"):
        explorer_of(make_explorer, trajectory={"a": own, "b": [{"weight": torch.zeros(3)}]})
    with pytest.raises(ValueError, match=r"Of trajectory\['b'\]: Expected at least one checkpoint"):
        explorer_of(make_explorer, trajectory={"a": own, "b": []})
    with pytest.raises(FileNotFoundError, match=r"Of trajectory\['b'\]: .*nowhere"):
        explorer_of(make_explorer, trajectory={"a": own, "b": "nowhere"})
    with pytest.raises(TypeError, match=r"Of trajectory\['b'\]: .*got int"):
        explorer_of(make_explorer, trajectory={"a": own, "b": 3})
