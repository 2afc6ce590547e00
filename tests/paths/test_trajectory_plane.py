"""Components of a trajectory against a dense SVD, planes along them, and paths projected to any plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from landscape_widget import (
    Objective,
    Plane,
    Trajectory,
    TrajectoryRecorder,
    evaluate_plane,
    heatmap_figure,
    load,
    path_components,
    plane_path,
    random_plane,
    save,
    surface_figure,
    trajectory_plane,
)
from landscape_widget.paths import streaming
from landscape_widget.paths.stored import Piece, SafetensorsFile

from ..support.cases import ONE_BATCH, Case, case, paper_function

State = dict[str, Tensor]

CASES = [case(name) for name in ("dense tanh", "convolution, batch norm", "tied", "frozen")]


def walk(model: nn.Module, steps: int = 8) -> list[State]:
    """States on a random walk of every tensor, statistics and frozen ones too, that ends at the model."""
    generator = torch.Generator().manual_seed(5)
    states = [{name: tensor.clone() for name, tensor in model.state_dict().items()}]
    for _ in range(steps - 1):
        moved: State = {}
        kept: dict[int, Tensor] = {}
        for (name, tensor), own in zip(
            states[0].items(), model.state_dict(keep_vars=True).values(), strict=True
        ):
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).abs()
            step = tensor + 0.1 * noise if tensor.is_floating_point() else tensor + 1
            moved[name] = kept.setdefault(id(own), step)
        states.insert(0, moved)
    return states


def thetas(objective: Objective, states: list[State]) -> np.ndarray:
    """θ of each state, shape (n, N), by the names of the objective's spans."""
    return np.array(
        [torch.cat([state[name].flatten() for name in objective.spans]).numpy() for state in states]
    )


def evaluated(model: nn.Module, state: State, problem: Case) -> float:
    """The loss of a state by hand: loaded into the model, on all examples at once."""
    model.load_state_dict(state)
    x, y = problem.examples()
    with torch.no_grad():
        return problem.loss_fn(model(x), y).item()


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("problem", "block_bytes"),
    [(CASES[0], 60_000_000), *((each, 8 * 8 * 7) for each in CASES)],
    ids=str,
)
def test_components_are_those_of_a_dense_svd(
    problem: Case, block_bytes: int, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From files and from memory, in one block and in blocks of seven parameters across tensors.

    Of a file no more is read at once than its part of a block.
    """
    monkeypatch.setattr(streaming, "_BLOCK_BYTES", block_bytes)
    at_once: list[int] = []
    read = SafetensorsFile.read

    def watched(file: SafetensorsFile, wanted: Sequence[Piece], row: Tensor) -> None:
        at_once.append(row.nbytes)
        read(file, wanted, row)

    monkeypatch.setattr(SafetensorsFile, "read", watched)
    model, objective = problem.model(), problem.objective(ONE_BATCH)
    states = walk(model)
    recorder = TrajectoryRecorder(model, tmp_path)
    for state in states:
        model.load_state_dict(state)
        recorder.record()
    rows = thetas(objective, states)
    _, s, vt = np.linalg.svd(rows - rows[-1], full_matrices=False)
    files = sorted(tmp_path.glob("*.safetensors"))
    mixed = [*files[:2], *(torch.tensor(row) for row in rows[2:-1]), states[-1]]
    for trajectory in (states, tmp_path, mixed):
        found = path_components(objective, trajectory, k=3)
        # the Gram matrix holds squares: 1e-16 of the largest
        assert found.shares == pytest.approx(s**2 / (s**2).sum(), abs=1e-14)
        assert found.shares.sum() == pytest.approx(1, abs=1e-14)
        assert found.directions.T @ found.directions == pytest.approx(np.eye(3), abs=1e-13)
        overlap = np.abs((found.directions * vt[:3].T).sum(axis=0))
        assert overlap == pytest.approx(np.ones(3), abs=1e-12)
        largest = np.abs(found.directions).argmax(axis=0)
        assert (found.directions[largest, range(3)] > 0).all()
    assert 0 < len(states) * max(at_once) <= block_bytes


def test_a_plane_tells_its_shares_and_the_rest(tmp_path: FilePath) -> None:
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model())
    plane = trajectory_plane(objective, states)
    components = path_components(objective, states)
    assert plane.axes == ("trajectory:1", "trajectory:2")
    assert plane.variance == tuple(components.shares[:2])
    path = plane_path(plane, objective, states)
    assert path.share + components.shares[2:].sum() == pytest.approx(1, abs=1e-12)
    assert path.share == pytest.approx(sum(plane.variance), abs=1e-12)
    assert (path.alpha[-1], path.beta[-1], path.off_plane[-1]) == (0, 0, 0)
    for result in (plane, components, path):
        save(result, tmp_path / "result.npz")
        assert load(tmp_path / "result.npz") == result
        result.to_csv(tmp_path / "result.csv")
        assert len(result.to_dataframe()) == len(next(iter(result.columns.values())))


@pytest.mark.parametrize(
    "axes",
    [
        ("trajectory:1", "hessian:max"),
        ("hessian:min", "trajectory:3"),
        ("trajectory:2", "random"),
        ("random:filter", "trajectory:1"),
    ],
)
def test_components_mix_with_any_other_axis(axes: tuple[str, str]) -> None:
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model())
    plane = trajectory_plane(objective, states, axes, seed=2)
    assert plane.axes == axes
    along = [name.startswith("trajectory") for name in axes]
    assert plane.variance is not None
    assert [not math.isnan(share) for share in plane.variance] == along
    *_, surface = evaluate_plane(objective, plane, plane_path(plane, objective, states).domain, 3)
    symbol = f"PC{'₀₁₂₃'[int(axes[along.index(True)][-1])]}"
    assert f"trajectory {symbol}" in str(heatmap_figure(surface, plane).to_dict())


def slanted(objective: Objective) -> Plane:
    """Two directions at an angle of about 30 degrees, and an origin that is not θ*."""
    first, second = random_plane(objective, seed=1).eta, random_plane(objective, seed=1).delta
    return Plane(objective.theta.numpy() + 0.1 * second, first, 2 * first + second, ("mine", "yours"))


@pytest.mark.oracle
@pytest.mark.parametrize("problem", CASES, ids=str)
@pytest.mark.parametrize("make", [slanted, random_plane])
def test_a_path_is_projected_to_the_nearest_point_and_has_its_own_loss(
    problem: Case, make: Callable[[Objective], Plane]
) -> None:
    """With frozen layers and batch-norm statistics of each checkpoint, which are not those of θ*."""
    model, objective = problem.model(), problem.objective()
    states = walk(model)
    plane = make(objective)
    path = plane_path(plane, objective, states)
    away = thetas(objective, states) - plane.origin
    basis = np.stack([plane.eta, plane.delta], axis=1)
    solved, *_ = np.linalg.lstsq(basis, away.T, rcond=None)
    assert np.stack([path.alpha, path.beta]) == pytest.approx(solved, rel=1e-10, abs=1e-12)
    assert path.distance == pytest.approx(np.linalg.norm(away, axis=1), rel=1e-12)
    assert path.off_plane == pytest.approx(np.linalg.norm(away - solved.T @ basis.T, axis=1), rel=1e-10)
    assert path.loss == pytest.approx([evaluated(model, state, problem) for state in states], rel=1e-12)
    again = plane_path(random_plane(objective, seed=3), objective, states, loss=path.loss)
    assert np.array_equal(again.loss, path.loss)


def test_a_plane_of_one_direction_only() -> None:
    objective = case("dense tanh").objective(ONE_BATCH)
    theta = objective.theta.numpy()
    plane = Plane(theta, np.eye(len(theta))[0], np.zeros(len(theta)))
    path = plane_path(plane, objective, [theta + 3 * np.eye(len(theta))[0] + np.eye(len(theta))[1]])
    assert (path.alpha[0], path.beta[0], path.off_plane[0]) == (pytest.approx(3), 0, pytest.approx(1))


@pytest.mark.parametrize("lengths", [(1e-9, 1.0), (1.0, 1e-12), (1e-9, 1e9), (1e-150, 1e150)])
def test_a_path_is_where_it_is_whatever_the_units_of_the_axes(lengths: tuple[float, float]) -> None:
    """A gradient close to a minimum is as good an axis as a unit vector."""
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model())
    plane = slanted(objective)
    path = plane_path(plane, objective, states)
    eta, delta = plane.eta * lengths[0], plane.delta * lengths[1]
    scaled = plane_path(Plane(plane.origin, eta, delta), objective, states, loss=path.loss)
    # 30 degrees between the axes cost two of float64's 16 digits
    assert scaled.off_plane == pytest.approx(path.off_plane, rel=1e-12)
    assert scaled.alpha * lengths[0] == pytest.approx(path.alpha, rel=1e-12)
    assert scaled.beta * lengths[1] == pytest.approx(path.beta, rel=1e-12)


@pytest.mark.parametrize("axes", [("trajectory:1", "random"), ("hessian:max", "trajectory:1")])
def test_a_straight_path_has_a_domain_of_two_dimensions(axes: tuple[str, str]) -> None:
    """Two checkpoints leave nothing but rounding along the other axis."""
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model(), 2)
    low, high, bottom, top = plane_path(trajectory_plane(objective, states, axes), objective, states).domain
    assert 0.1 < (top - bottom) / (high - low) < 10


def test_a_selection_and_recomputed_statistics() -> None:
    """θ of one layer moves along the plane, the rest of a checkpoint counts for its loss."""
    problem = case("convolution, batch norm")
    model = problem.model()
    states = walk(model)
    part = problem.objective(parameters="5.*")
    path = plane_path(trajectory_plane(part, states), part, states)
    assert path.loss == pytest.approx([evaluated(model, state, problem) for state in states], rel=1e-12)
    recomputed = problem.objective().with_batch_norm("recomputed")
    losses = plane_path(random_plane(recomputed), recomputed, states).loss
    for state, loss in zip(states, losses, strict=True):
        model.load_state_dict(state)
        own = Objective(model, problem.batches(), problem.loss_fn).with_batch_norm("recomputed")
        assert loss == pytest.approx(own.loss().item(), rel=1e-12)


def test_a_function_has_paths_of_vectors() -> None:
    objective = paper_function(3, 3)
    steps = [objective.theta + t * torch.arange(7.0, dtype=torch.float64) for t in (0.3, 0.1, 0.0)]
    components = path_components(objective, steps)
    assert components.directions.shape == (7, 1)
    assert components.shares == pytest.approx([1, 0, 0], abs=1e-15)
    path = plane_path(random_plane(objective), objective, steps)
    assert path.loss == pytest.approx([objective.loss(theta).item() for theta in steps])
    with pytest.raises(IndexError, match="lies in 1 dimensions"):
        trajectory_plane(objective, steps)


def test_what_is_no_trajectory_of_this_model_is_refused_by_name(tmp_path: FilePath) -> None:
    problem = case("convolution, batch norm")
    model, objective = problem.model(), problem.objective(ONE_BATCH)
    good = model.state_dict()

    def refused(state: State, words: str) -> None:
        for call in (path_components, lambda o, t: plane_path(random_plane(o), o, t)):
            with pytest.raises(ValueError, match=rf"checkpoint 1 of 2 \(as given 1\) .*{words}"):
                call(objective, [good, state])

    refused({name: t for name, t in good.items() if name != "1.running_var"}, r"it lacks 1\.running_var")
    refused(good | {"6.weight": torch.ones(2)}, r"it has besides 6\.weight")
    refused(good | {"0.bias": torch.ones(4)}, r"of another shape 0\.bias \(4,\) for \(3,\)")
    refused({"θ": torch.ones(3)}, "of another shape θ")
    with pytest.raises(ValueError, match="all equal to θ"):
        path_components(objective, [good, model])
    with pytest.raises(ValueError, match="such as 'trajectory:1'"):
        trajectory_plane(objective, [good, good], ("random", "random"))
    with pytest.raises(ValueError, match="two different components of the path"):
        trajectory_plane(objective, [good, good], ("trajectory:1", "trajectory:1"))
    with pytest.raises(ValueError, match="one for each checkpoint"):
        plane_path(random_plane(objective), objective, [good], loss=[1, 2])


def test_a_compiled_model_and_one_that_is_not_have_one_trajectory() -> None:
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model())
    compiled = [{f"_orig_mod.{name}": tensor for name, tensor in state.items()} for state in states]
    assert trajectory_plane(objective, compiled) == trajectory_plane(objective, states)


def test_a_loss_that_is_not_finite_is_a_gap() -> None:
    problem = case("dense tanh", "mse")
    objective = problem.objective(ONE_BATCH)
    far = {name: 1e200 * tensor.abs() for name, tensor in problem.model().state_dict().items()}
    path = plane_path(random_plane(objective), objective, Trajectory([far, problem.model()]))
    assert np.isnan(path.loss).tolist() == [True, False]


@pytest.mark.parametrize(
    ("bad", "lost"), [(math.nan, [1]), (math.inf, [4]), (-math.inf, [0, 2]), (math.nan, [3, 4])]
)
def test_a_checkpoint_that_is_not_finite_is_a_gap(tmp_path: FilePath, bad: float, lost: list[int]) -> None:
    """As a run that diverges leaves it: all else is that of the run without it."""
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model())[:5]
    given = [
        {**state, "0.bias": torch.full_like(state["0.bias"], bad)} if i in lost else state
        for i, state in enumerate(states)
    ]
    good = [i for i in range(5) if i not in lost]
    kept = [states[i] for i in good]
    found, wanted = path_components(objective, given), path_components(objective, kept)
    np.testing.assert_allclose(found.directions, wanted.directions, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.shares, wanted.shares, rtol=1e-9, atol=1e-14)
    plane = trajectory_plane(objective, given)
    path, whole = plane_path(plane, objective, given), plane_path(plane, objective, kept)
    for name in ("alpha", "beta", "off_plane", "distance", "loss"):
        np.testing.assert_array_equal(getattr(path, name)[good], getattr(whole, name))
        assert np.isnan(getattr(path, name)[lost]).all()
    assert path.share == whole.share
    assert path.domain == whole.domain
    assert f"5 checkpoints ({len(lost)} not finite)" in path.summary
    save(path, tmp_path / "path.npz")
    assert load(tmp_path / "path.npz") == path
    *_, surface = evaluate_plane(objective, plane, path.domain, 3)
    for figure in (heatmap_figure, surface_figure):
        names = [trace.name for trace in figure(surface, plane, path=path).data]
        assert any(name and name.endswith(f"{len(lost)} of 5 checkpoints not finite") for name in names)


def test_tied_parameters_that_are_not_finite_are_one_all_the_same() -> None:
    problem = case("tied")
    states = walk(problem.model())[:3]
    states[1] = {name: torch.full_like(tensor, math.nan) for name, tensor in states[1].items()}
    objective = problem.objective(ONE_BATCH)
    path = plane_path(random_plane(objective), objective, states)
    assert path.finite.tolist() == [True, False, True]


def test_a_run_without_a_finite_checkpoint_has_no_components() -> None:
    problem = case("dense tanh")
    objective = problem.objective(ONE_BATCH)
    bad = {name: torch.full_like(t, math.nan) for name, t in problem.model().state_dict().items()}
    with pytest.raises(ValueError, match="got one whose checkpoints all have none"):
        path_components(objective, [bad, bad])
    path = plane_path(random_plane(objective), objective, [bad, bad])
    assert np.isnan(path.loss).all()
    assert np.isfinite(path.domain).all()


def test_the_explorers_axes_need_a_trajectory() -> None:
    from landscape_widget.planes.directions import check_axes

    with pytest.raises(ValueError, match="Use trajectory_plane"):
        check_axes(("trajectory:1", "random"), case("dense tanh").objective(ONE_BATCH))


@pytest.mark.parametrize("wrapped", ["checkpoints", "objective", "both"])
@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, lambda m: torch.compile(nn.DataParallel(m), backend="eager")]
)
def test_a_wrapped_model_and_the_one_within_have_one_trajectory(
    wrapped: str, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    problem = case("convolution, batch norm")
    model, states = problem.model(), walk(problem.model())
    whole = wrap(model)
    given = [
        dict(zip(whole.state_dict(), state.values(), strict=True)) if wrapped != "objective" else state
        for state in states
    ]
    of = Objective(
        nn.DataParallel(model) if wrapped != "checkpoints" else model, problem.batches(), problem.loss_fn
    )
    plane, plain = trajectory_plane(of, given), trajectory_plane(problem.objective(), states)
    np.testing.assert_array_equal(plane.eta, plain.eta)
    assert plane_path(plane, of, given, loss=np.ones(8)).share == pytest.approx(sum(plane.variance or ()))


def test_checkpoints_of_several_number_types_keep_their_digits(tmp_path: FilePath) -> None:
    """What is read is worked on in float64, whatever another checkpoint has."""
    problem = case("dense tanh")
    objective, states = problem.objective(ONE_BATCH), walk(problem.model(), 5)
    kinds = [torch.float16, torch.float64, torch.bfloat16, torch.float32, torch.float64]
    given = [{n: t.to(kind) for n, t in s.items()} for s, kind in zip(states, kinds, strict=True)]
    for i, state in enumerate(given):
        save_file(state, tmp_path / f"{i}.safetensors")
    rows = thetas(objective, [{n: t.double() for n, t in state.items()} for state in given])
    s = np.linalg.svd(rows - rows[-1], compute_uv=False)
    for checkpoints in (given, sorted(tmp_path.iterdir())):
        with torch.device("meta"):  # where a person has tensors made elsewhere
            shares = path_components(objective, checkpoints).shares
        assert shares == pytest.approx(s**2 / (s**2).sum(), abs=1e-14)
