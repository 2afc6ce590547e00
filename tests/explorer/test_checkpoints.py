"""The checkpoints of a run in an explorer: gone to, kept within bounds, reached by the path."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

from landscape_widget import LandscapeExplorer, Objective, TrajectoryRecorder
from landscape_widget.explorer import spots

from ..support.cases import ONE_BATCH, case
from ..support.gates import settle
from ..support.page import received, send
from .test_landmarks import NETWORK, explorer_of, loss_of, shifted, trained
from .test_training_on import ask, drift, train

Make = Callable[..., LandscapeExplorer]

RANDOM = ("random", "random")


def dense_hessian(state: dict[str, torch.Tensor]) -> np.ndarray:
    """By torch.func, of the mean cross entropy."""
    model = NETWORK.model()
    x, y = NETWORK.examples()
    sizes = {name: t.shape for name, t in state.items()}

    def loss(theta: torch.Tensor) -> torch.Tensor:
        parts = dict(zip(sizes, theta.split([s.numel() for s in sizes.values()]), strict=True))
        parts = {name: part.view(sizes[name]) for name, part in parts.items()}
        return nn.functional.cross_entropy(torch.func.functional_call(model, parts, (x,)), y)

    theta = torch.cat([t.reshape(-1) for t in state.values()])
    return np.asarray(torch.func.hessian(loss)(theta))


@pytest.mark.parametrize("given", ["states", "folder"])
def test_each_checkpoint_is_shown_with_its_own_loss_and_back(
    make_explorer: Make, tmp_path: Path, given: str
) -> None:
    run: Any = trained()
    if given == "folder":
        recorder = TrajectoryRecorder(NETWORK.model(), tmp_path / "run")
        for step, state in enumerate(run):
            recorder._model.load_state_dict(state)
            recorder.record(step)
        run = tmp_path / "run"
    explorer = explorer_of(make_explorer, trajectory=run, axes=RANDOM).compute("surface")
    last, eta = explorer.surface, explorer.plane.eta
    for i in (2, 0, 5):
        explorer.checkpoint = i
        explorer.compute("surface")
        assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[i]), rel=1e-10)
        np.testing.assert_array_equal(explorer.plane.eta, eta)  # directions that are drawn stay
        assert received(explorer, "_surface")["checkpoint"] == i
        assert f"checkpoint={i}" in received(explorer, "_surface")["python"]
        assert explorer.landmarks.path.distance[i] == pytest.approx(0, abs=1e-12)
        assert all(
            torch.equal(value, trained()[i][name]) for name, value in explorer.parameters_at(0, 0).items()
        )
    explorer.checkpoint = None
    explorer.compute("surface")
    np.testing.assert_array_equal(explorer.surface.loss, last.loss)
    assert received(explorer, "_pins")["centre"]["depth"] == 0
    assert drift(explorer) == ""


def test_a_recent_one_is_not_computed_again(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=("hessian:max", "hessian:min")).compute()
    for i in (4, 3, None):
        explorer.checkpoint = i
        explorer.compute()
    known = {}
    for i in (4, 3, None):
        explorer.checkpoint = i
        known[i] = explorer._study.known
        before = {name: dict(getattr(known[i], name)) for name in ("pairs", "projections", "densities")}
        nodes = sum(map(len, known[i].losses.values()))
        explorer.compute()
        assert {name: dict(getattr(known[i], name)) for name in before} == before
        assert sum(map(len, known[i].losses.values())) == nodes
    assert len({id(each) for each in known.values()}) == 3


def test_eigenvectors_go_on_from_one_to_the_next(make_explorer: Make) -> None:
    """Their values are those of the dense Hessian, their signs those of the neighbour."""
    states = [NETWORK.model().state_dict()]
    for seed in range(4):
        step = {
            name: 0.02 * (value - NETWORK.model().state_dict()[name])
            for name, value in shifted(1.0, seed).items()
        }
        states.append({name: value + step[name] for name, value in states[-1].items()})
    explorer = explorer_of(make_explorer, trajectory=states[::-1], resolution=3).compute("eigenpairs")
    before = explorer.eigenpairs.vectors
    for i in (3, 2, 1, 0):
        explorer.checkpoint = i
        explorer.compute("eigenpairs")
        pairs = explorer.eigenpairs
        dense = np.linalg.eigvalsh(dense_hessian(states[::-1][i]))
        np.testing.assert_allclose(pairs.values, dense[[-1, 0]], rtol=2e-3, atol=2e-3 * dense[-1])
        assert (np.sum(pairs.vectors * before, axis=0) > 0.5).all()
        before = pairs.vectors


def test_components_of_the_path_stay_those_of_the_model(make_explorer: Make) -> None:
    """A plane that is fixed: the same directions at each checkpoint."""
    explorer = explorer_of(make_explorer, axes=("trajectory:1", "trajectory:2")).compute("surface")
    eta, delta = explorer.plane.eta, explorer.plane.delta
    explorer.checkpoint = 1
    explorer.compute("surface")
    np.testing.assert_array_equal(explorer.plane.eta, eta)
    np.testing.assert_array_equal(explorer.plane.delta, delta)
    np.testing.assert_allclose(explorer.plane.origin, explorer.objective.theta.numpy())


@pytest.mark.parametrize("number", [6, -1, 1.5, "last", True])
def test_a_checkpoint_that_there_is_not_is_refused(make_explorer: Make, number: Any) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM)
    with pytest.raises(traitlets.TraitError, match="checkpoint"):
        explorer.checkpoint = number
    assert explorer.checkpoint is None


@pytest.mark.parametrize("fault", ["missing", "damaged", "not finite"])
def test_one_that_cannot_be_had_is_named_and_all_stays(
    make_explorer: Make, tmp_path: Path, fault: str
) -> None:
    files = []
    for i, state in enumerate(trained()):
        files.append(tmp_path / f"{i}.pt")
        lost = i == 2 and fault == "not finite"
        torch.save({name: value * (torch.nan if lost else 1) for name, value in state.items()}, files[-1])
    explorer = explorer_of(make_explorer, trajectory=files, axes=RANDOM).compute("surface")
    if fault == "missing":
        files[2].unlink()
    elif fault == "damaged":
        files[2].write_bytes(b"nothing")
    theta = explorer.objective.theta
    with pytest.raises((OSError, ValueError), match="2 of 6"):
        explorer.checkpoint = 2
    assert explorer.checkpoint is None
    assert received(explorer, "_pins")["note"]
    assert explorer.objective.theta is theta
    explorer.checkpoint = 1
    assert received(explorer, "_pins")["note"] == ""


def test_it_is_given_to_the_constructor_and_set_from_the_page(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, checkpoint=1).compute("surface")
    assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[1]), rel=1e-10)
    explorer.set_state({"checkpoint": 4})
    settle(explorer)
    assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[4]), rel=1e-10)
    assert received(explorer, "_pins")["centre"]["request"] == explorer._number - 1


def test_scrubbing_while_it_computes_ends_at_the_last_one(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, resolution=51, accuracy=0.0)
    send(explorer, type="shown")
    for i in (0, 1, 2, 3, 4):
        explorer.set_state({"checkpoint": i})
    settle(explorer)
    assert explorer.status == "done"
    assert explorer.surface.loss[25, 25] == pytest.approx(loss_of(trained()[4]), rel=1e-10)


def test_a_point_beside_a_checkpoint_and_the_way_back(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM).compute("surface")
    explorer.checkpoint = 3
    explorer.compute("surface")
    explorer.recentre(0.3, -0.1)
    explorer.compute("surface")
    assert explorer.checkpoint == 3
    assert received(explorer, "_pins")["centre"]["moved"] > 0
    explorer.go_back()
    assert received(explorer, "_pins")["centre"]["depth"] == 0
    explorer.compute("surface")
    assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[3]), rel=1e-10)


def test_the_weights_that_update_takes_are_the_last_checkpoint_and_the_path_reaches_them(
    make_explorer: Make,
) -> None:
    model = NETWORK.model()
    run = trained()
    explorer = make_explorer(
        model, NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, trajectory=run, axes=RANDOM, resolution=5
    ).compute("surface")
    assert [one["label"] for one in received(explorer, "_info")["checkpoints"]] == [
        f"as given {i}" for i in range(6)
    ]
    first = loss_of(run[-1])
    explorer.checkpoint = 2
    train(model)
    ask(explorer)
    assert "moved" in drift(explorer)
    explorer.update()
    assert explorer.checkpoint is None
    explorer.compute("surface")
    path = explorer.landmarks.path
    assert (path.distance[-1], len(path.loss)) == (0, 7)
    assert (
        path.loss[-1] == explorer.surface.loss[2, 2] == pytest.approx(loss_of(model.state_dict()), rel=1e-10)
    )
    assert received(explorer, "_info")["checkpoints"][-1] == {"label": "update 1"}
    assert [6, "update 1"] in received(explorer, "_landmarks")["planes"][0]["paths"][0]["marks"]
    explorer.checkpoint = 5
    explorer.compute("surface")
    assert explorer.surface.loss[2, 2] == pytest.approx(first, rel=1e-10)
    explorer.go_back()
    assert explorer.checkpoint == 2  # where update() was called
    assert len(received(explorer, "_info")["checkpoints"]) == 7


def test_a_folder_is_found_whatever_becomes_the_current_one(
    make_explorer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = NETWORK.model()
    recorder = TrajectoryRecorder(model, "run")
    recorder.record()
    train(model)
    recorder.record()
    explorer = make_explorer(
        model, NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, trajectory="run", axes=RANDOM, resolution=5
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    train(model)
    recorder.record()
    explorer.update()
    assert explorer.checkpoint is None
    assert len(explorer.compute("surface").landmarks.path.loss) == 3


def test_without_a_trajectory_there_are_those_that_were_taken(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, trajectory=None, solutions=None, axes=RANDOM)
    model = explorer._points.weights.model
    losses = [loss_of(model.state_dict())]
    for _ in range(2):
        train(model)
        losses.append(loss_of(model.state_dict()))
        explorer.update()
    assert [one["label"] for one in received(explorer, "_info")["checkpoints"]] == [
        "as given",
        "update 1",
        "update 2",
    ]
    assert explorer._along["places"] == ["as given", "update 1", "update 2"]
    for i in (1, 0, 2):
        explorer.checkpoint = i
        explorer.compute("surface")
        assert explorer.surface.loss[2, 2] == pytest.approx(losses[i], rel=1e-10)
        assert explorer.landmarks is None


def test_a_model_that_is_ahead_of_its_run_is_a_checkpoint_of_its_own(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, trajectory=trained()[:4], axes=RANDOM).compute("surface")
    names = [*(f"as given {i}" for i in range(4)), "as given"]
    assert [each["label"] for each in received(explorer, "_info")["checkpoints"]] == names
    path = explorer.landmarks.path
    assert path.names == tuple(names)
    assert np.isnan(path.columns["step"][-1])
    assert path.distance[-1] == 0  # it reaches θ*
    (sent, *_) = received(explorer, "_landmarks")["planes"][0]["paths"]
    assert sent["steps"] == names  # what is told of each, with its loss and its distance off the plane
    assert sent["marks"] == [[4, "as given"]]
    assert explorer._along["axis"] == "checkpoint"
    assert "as given" in explorer._along["pictures"][0]["lines"][0]["trace"]["text"][-1]
    assert [*map(float, explorer._along["places"])] == [0, 1, 2, 3, 4]
    assert explorer._along["pictures"][0]["x"]["ticktext"][-1] == "as given"
    explorer.checkpoint = 3
    explorer.compute("surface")
    assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[3]), rel=1e-10)
    explorer.checkpoint = None
    explorer.compute("surface")
    assert explorer.surface.loss[2, 2] == pytest.approx(loss_of(trained()[5]), rel=1e-10)


def test_update_where_nothing_moved_makes_no_centre(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM).compute("surface")
    study, before = explorer._study, explorer.surface
    for _ in range(3):
        explorer.update()
    assert explorer._study is study
    assert explorer.surface is before
    assert received(explorer, "_pins")["centre"]["depth"] == 0
    assert len(received(explorer, "_info")["checkpoints"]) == 6


def tensors_held(explorer: LandscapeExplorer, n: int) -> int:
    """Bytes of what is as large as θ and reached from an explorer's centres."""
    stack = explorer._points.centres.stack
    states = {t.data_ptr(): t.nbytes for centre in stack for t in (centre.state or {}).values()}
    vectors = [centre.spot.theta for centre in stack if centre.spot.theta is not None]
    studies = [spot for spot in explorer._points.centres.spots._visited if spot.study is not None]
    return sum(states.values()) + sum(v.nbytes for v in vectors) + 100 * n * max(0, len(studies) - 2)


def test_former_centres_hold_one_copy_of_the_parameters(make_explorer: Make) -> None:
    explorer = explorer_of(make_explorer, trajectory=None, solutions=None, axes=RANDOM)
    model = explorer._points.weights.model
    own = sum(t.nbytes for t in model.state_dict().values())
    for _ in range(5):
        train(model)
        explorer.update()
    assert tensors_held(explorer, explorer.objective.n_parameters) == 6 * own


def test_what_is_known_is_kept_within_bounds(make_explorer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spots, "_MOST_BYTES", 1)
    explorer = explorer_of(make_explorer, axes=("hessian:max", "hessian:min")).compute()
    for i in (0, 1, None):
        explorer.checkpoint = i
        explorer.compute()
    kept = [spot for spot in explorer._points.centres.spots._visited if spot.known.pairs]
    assert len(kept) == 1
    assert explorer.compute().surface.final


def test_a_pin_around_a_centre_that_is_not_known_is_an_error(make_explorer: Make) -> None:
    name = "convolution, batch norm"
    model = case(name).model().eval()
    more = {"axes": RANDOM, "resolution": 5, "domain": (-1, 1, -1, 1)}
    explorer = make_explorer(model, case(name).batches(ONE_BATCH), case(name).loss_fn, **more).compute(
        "surface"
    )
    explorer.recentre(0.3, -0.2)
    explorer.compute("surface")
    pin = explorer.pin(0.1, 0.1)
    state = explorer.parameters_at(pin)
    explorer.go_back()
    model.train()
    model(case(name).examples()[0])
    model.eval()
    explorer.update()
    after = explorer.parameters_at(pin)  # of the former buffers, though its centre is left for good
    assert all(torch.equal(after[key], value) for key, value in state.items())
    other = make_explorer(model, case(name).batches(ONE_BATCH), case(name).loss_fn, **more).compute("surface")
    foreign = other.recentre(0.2, 0.2) or other.compute("surface").pin(0.1, 0.1)
    train(model)
    explorer.update()
    with pytest.raises(RuntimeError, match="pin it again"):
        explorer.parameters_at(foreign)


def test_a_saved_run_is_of_its_checkpoint(make_explorer: Make, tmp_path: Path) -> None:
    explorer = explorer_of(make_explorer, axes=RANDOM, checkpoint=2).compute("surface")
    explorer.save(tmp_path / "run.npz")
    other = explorer_of(make_explorer, axes=RANDOM).load(tmp_path / "run.npz")
    assert other.checkpoint == 2
    np.testing.assert_array_equal(other.surface.loss, explorer.surface.loss)
    assert other.compute("surface").surface.loss[2, 2] == pytest.approx(loss_of(trained()[2]), rel=1e-10)
    other.checkpoint = None
    assert other.compute("surface").surface.loss[2, 2] == pytest.approx(loss_of(trained()[5]), rel=1e-10)
    with pytest.raises(ValueError, match="same model"):
        explorer_of(make_explorer, trajectory=None, axes=RANDOM).load(tmp_path / "run.npz")
    model = NETWORK.model()
    model.load_state_dict(trained()[2])
    bare = make_explorer(model, NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, axes=RANDOM)
    assert bare.load(tmp_path / "run.npz").checkpoint is None  # which is the same θ*
    np.testing.assert_array_equal(bare.surface.loss, explorer.surface.loss)


def test_frozen_weights_that_are_tied_and_differ_are_refused() -> None:
    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 3)
            self.last.weight = self.first.weight
            self.first.weight.requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(torch.tanh(self.first(x)))

    model = Frozen()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    objective = Objective(model, (torch.randn(8, 3), torch.arange(8) % 3), nn.CrossEntropyLoss())
    objective.with_state(state)
    state["last.weight"] += 1
    with pytest.raises(ValueError, match=r"first\.weight and last\.weight differ, which are one parameter"):
        objective.with_state(state)


def test_a_compiled_model_and_the_one_it_was_made_of_take_each_others_place(make_explorer: Make) -> None:
    model = NETWORK.model()
    whole = torch.compile(model, backend="eager")
    explorer = make_explorer(whole, NETWORK.batches(ONE_BATCH), NETWORK.loss_fn, axes=RANDOM, resolution=3)
    explorer.compute("surface")
    parts = nn.Sequential(*[torch.compile(part, backend="eager") for part in model])
    for each in (model, whole, NETWORK.model(), parts):
        train(each)
        explorer.update(each)
        explorer.compute("surface")
        plain = {name.replace("_orig_mod.", ""): value for name, value in each.state_dict().items()}
        assert explorer.results.centre_loss == pytest.approx(loss_of(plain), rel=1e-10)
        each.load_state_dict(explorer.parameters_at(0.1, 0.1))
        explorer.apply(0.0, 0.0)
        assert all(
            torch.equal(value, plain[name.replace("_orig_mod.", "")])
            for name, value in each.state_dict().items()
        )


def test_a_checkpoint_is_gone_to_while_another_thread_evaluates() -> None:
    """A copy of a model that is made during an evaluation would have that one's tensors, or fail."""
    inside, go = Event(), Event()

    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            inside.set()
            assert go.wait(30)
            return self.norm(self.layer(x))

    go.set()
    x, y = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    objective = Objective(Slow().eval(), (x, y), nn.CrossEntropyLoss())
    other = {name: value + 1 for name, value in Slow().state_dict().items()}
    go.clear()
    inside.clear()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(objective.gradient)
        assert inside.wait(30)
        gone = threads.submit(objective.with_state, other)
        assert not wait([gone], timeout=0.5).done  # it waits for the end of the evaluation
        go.set()
        assert slow.result(30).isfinite().all()
        np.testing.assert_allclose(
            gone.result(30).loss(),
            Objective(model_of(Slow, other), (x, y), nn.CrossEntropyLoss()).loss(),
            rtol=1e-6,
        )


def model_of(kind: type[nn.Module], state: dict[str, torch.Tensor]) -> nn.Module:
    model = kind()
    model.load_state_dict(state)
    return model.eval()


def test_copy_as_python_says_so_where_the_weights_are_in_no_run_and_no_model_any_more(
    make_explorer: Make,
) -> None:
    explorer = explorer_of(make_explorer, trajectory=trained(), axes=RANDOM)
    model = explorer._points.weights.model
    for _ in range(2):
        train(model)
        explorer.update()
    expected = {None: "", 3: "", 6: "update 1"}
    for number, name in expected.items():
        explorer.checkpoint = number
        explorer.compute("surface")
        python = received(explorer, "_surface")["python"]
        assert (f"θ* was {name}, weights that no run" in python) is bool(name)
        assert ("checkpoint=" in python) is (number == 3)
        compile(python, "cell", "exec")


def test_without_a_run_it_is_said_how_to_give_one(make_explorer: Make) -> None:
    with pytest.raises((ValueError, traitlets.TraitError), match=r"one alone.*trajectory=…"):
        explorer_of(make_explorer, trajectory=None, solutions=None, axes=RANDOM, checkpoint=3)


def test_what_is_known_of_a_checkpoint_that_is_left_is_kept(make_explorer: Make) -> None:
    """As Play leaves one, whose picture is there and whose panel of curvature is still computed."""
    explorer = explorer_of(make_explorer, axes=("hessian:max", "hessian:min"), checkpoint=0)

    def on(change: Any) -> None:
        if change.new and change.new["final"] and explorer.checkpoint == 0:
            explorer.checkpoint = 1

    explorer.observe(on, "_surface")
    explorer.compute()
    assert explorer.checkpoint == 1
    assert explorer.evolution.done[:2].all()


@pytest.mark.parametrize("with_run", [False, True])
def test_the_copied_call_leaves_out_checkpoints_that_only_this_explorer_has(
    make_explorer: Make, with_run: bool
) -> None:
    """After each update there is one more, which an explorer that is made anew does not know."""
    model = NETWORK.model()
    given = {"trajectory": trained()[:2]} if with_run else {}
    names = {"model": model, "data": NETWORK.batches(ONE_BATCH), "loss_fn": NETWORK.loss_fn}
    explorer = make_explorer(*names.values(), **given, axes=RANDOM, resolution=5).compute("surface")
    for _ in range(2):
        train(model)
        explorer.update()
    last = len(explorer._points.centres.steps) - 1

    def again(**controls: int | None) -> tuple[str, LandscapeExplorer]:
        for control, value in controls.items():
            setattr(explorer, control, value)
        explorer.compute("surface")
        source = received(explorer, "_surface")["python"]
        made: dict[str, Any] = {**names, **given}
        exec(source, made)  # a cell
        other: LandscapeExplorer = made["explorer"]
        return source, other.compute("surface")

    for beside in (last - 2, last - 1):
        source, other = again(compared_checkpoint=beside)
        name = explorer._checkpoints[beside].name
        assert f"# compared_checkpoint is left out: it was {name}, which no other" in source
        np.testing.assert_allclose(other.surface.loss, explorer.surface.loss, rtol=1e-5)
        other.close()
    source, other = again(compared_checkpoint=None, checkpoint=last)
    assert "left out" not in source
    np.testing.assert_allclose(other.surface.loss, explorer.surface.loss, rtol=1e-5)
    other.close()
    if with_run:
        source, other = again(compared_checkpoint=1, checkpoint=0)
        assert "    checkpoint=0,\n" in source
        assert "    compared_checkpoint=1,\n" in source
        np.testing.assert_allclose(other.surface.loss, explorer.surface.loss, rtol=1e-5)
        other.close()
