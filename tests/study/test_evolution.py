"""Curvature along a training run against dense Hessians of every checkpoint, and the edge of stability."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian

from landscape_widget import (
    Evolution,
    Objective,
    Trajectory,
    TrajectoryRecorder,
    adam_preconditioner,
    evaluate_plane,
    evolution,
    evolution_animation,
    evolution_figure,
    hessian_eigenpairs,
    load,
    random_plane,
    save,
)
from landscape_widget.study.along import evolution_of

from ..paths.test_trajectory_plane import walk
from ..support.cases import ONE_BATCH, case, quadratic

State = dict[str, Tensor]

X = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]
DATA = X, torch.sin(6 * X)
MSE = nn.functional.mse_loss


def network(dtype: torch.dtype = torch.float64, width: int = 5) -> nn.Module:
    """Smooth, of 46 parameters, or 193 for a width of 12."""
    torch.manual_seed(0)
    layers = (nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
    return nn.Sequential(*layers).to(dtype)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    """On all data at once."""
    x, y = (part.to(next(model.parameters())) for part in DATA)
    for _ in range(steps):
        optimizer.zero_grad()
        MSE(model(x), y).backward()
        optimizer.step()


def descent(rate: float, steps: int, every: int, width: int = 5) -> tuple[nn.Module, Trajectory]:
    model = network(width=width)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with TrajectoryRecorder(model, every=every) as recorder:
        recorder.attach(optimizer)
        train(model, optimizer, steps)
    return model, recorder.trajectory


def last(*arguments: object, **more: object) -> Evolution:
    *_, found = evolution(*arguments, **more)  # type: ignore[arg-type]
    return found


def first(*arguments: object, **more: object) -> Evolution:
    """What is known after one checkpoint, the edge of stability at all of them among it."""
    return next(evolution(*arguments, **more))  # type: ignore[arg-type]


def dense(model: nn.Module, state: State) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss, gradient and Hessian at a state by ``torch.func``, in float64."""
    names = [name for name, _ in model.named_parameters()]
    shapes = [state[name].shape for name in names]
    theta = torch.cat([state[name].double().flatten() for name in names])

    def loss(vector: Tensor) -> Tensor:
        parts = torch.split(vector, [shape.numel() for shape in shapes])
        parameters = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return MSE(functional_call(model, parameters, (DATA[0],)), DATA[1])

    slope = torch.func.grad(loss)(theta)
    return loss(theta).item(), slope.numpy(), hessian(loss)(theta).numpy()


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_each_checkpoint_is_that_of_a_dense_hessian(dtype: torch.dtype) -> None:
    model = network(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with TrajectoryRecorder(model, every=100) as recorder:
        recorder.attach(optimizer)
        train(model, optimizer, 400)
    states = recorder.trajectory
    objective = Objective(model, tuple(part.to(dtype) for part in DATA), MSE)
    found = last(objective, states, 2, trace_samples=1000)
    assert found.done.all()
    assert found.converged.all()
    assert found.step.tolist() == [0, 100, 200, 300, 400]
    # the data in float32 are other data by their rounding, and the loss is rounded itself
    rounding = 1e-12 if dtype is torch.float64 else 1e-5
    vectors = []
    for i, state in enumerate(states):
        loss, gradient, matrix = dense(network(), state)
        values, v = np.linalg.eigh(matrix)
        vectors.append(v)
        assert found.loss[i] == pytest.approx(loss, rel=rounding)
        assert found.gradient_norm[i] == pytest.approx(np.linalg.norm(gradient), rel=rounding)
        assert found.trace[i] == pytest.approx(np.trace(matrix), rel=rounding)
        assert found.trace_stderr[i] == 0
        expected = values[[-1, -2, 1, 0]]
        assert (found.residuals[i] <= 1e-3 * np.abs(found.values[i])).all()
        # a symmetric matrix has an eigenvalue within the residual
        np.testing.assert_allclose(found.values[i], expected, atol=found.residuals[i].max() + rounding)
    for i in range(1, len(states)):
        truth = abs(vectors[i - 1][:, -1] @ vectors[i][:, -1])
        # vectors are right to residual/gap, which is well below a hundredth here
        assert found.overlaps[i, 0] == pytest.approx(truth, abs=0.02)
        assert found.follows[i, 0] == 0


@pytest.mark.oracle
def test_descent_on_all_data_goes_to_the_edge_of_stability_and_stays() -> None:
    """Cohen et al. 2021: λmax rises until it is about 2/η. Other networks and rates: tests/notebooks."""
    rate, steps = 0.1, 4200
    model, states = descent(rate, steps, steps // 20, width=12)
    found = last(Objective(model, DATA, MSE), states)
    assert len(found.step) == 21
    assert found.threshold == pytest.approx(np.full(21, 2 / rate))
    assert found.threshold_words == "2/η"
    for i, state in enumerate(states):
        values = np.linalg.eigvalsh(dense(model, state)[2])
        assert found.largest[i] == pytest.approx(values[-1], rel=0.01)
        assert found.smallest[i] == pytest.approx(values[0], rel=0.01)
    share = found.largest * rate / 2
    assert share[0] < 0.6
    # it oscillates about the edge
    assert share[-5:].mean() == pytest.approx(1, abs=0.03)
    assert share[-10:] == pytest.approx(np.ones(10), abs=0.15)
    assert (found.loss[-5:] < 0.1 * found.loss[0]).all()


@pytest.mark.oracle
def test_a_warm_start_finds_what_a_cold_one_does() -> None:
    model, states = descent(0.2, 300, 60)
    objective = Objective(model, DATA, MSE)
    found = last(objective, states, tol=1e-6)
    for i in range(len(states)):
        cold = hessian_eigenpairs(objective.with_state(states[i]), tol=1e-6)
        np.testing.assert_allclose(found.values[i], cold.values, atol=2e-6 * np.abs(cold.values).max())
    alone = last(objective, states, checkpoints=[i], tol=1e-6)
    assert alone.values[0] == pytest.approx(cold.values, abs=0)
    assert np.isnan(alone.overlaps).all()
    assert (alone.follows == -1).all()


def test_a_checkpoint_counts_with_its_statistics_and_frozen_parameters() -> None:
    """As if an objective were made of a model that holds it."""
    for name in ("convolution, batch norm", "frozen"):
        problem = case(name)
        model = problem.model()
        states = walk(model, 2)
        found = last(problem.objective(ONE_BATCH), states)
        for i, state in enumerate(states):
            model.load_state_dict(state)
            alone = Objective(model, problem.examples(), problem.loss_fn)
            assert found.loss[i] == pytest.approx(alone.loss().item(), rel=1e-12)
            assert found.gradient_norm[i] == pytest.approx(float(alone.gradient().norm()), rel=1e-10)
            pairs = hessian_eigenpairs(alone)
            bound = np.maximum(found.residuals[i], pairs.residuals).max()
            np.testing.assert_allclose(found.values[i], pairs.values, atol=2 * bound)


def test_eigenvectors_are_followed_where_eigenvalues_cross() -> None:
    """H = diag(0, 1 + t, 2 − t, −1, −2) along θ = (t, 0, 0, 0, 0): two cross between t = 0.2 and 0.8."""

    def f(theta: Tensor) -> Tensor:
        t = theta[0]
        curvature = torch.stack([1 + t, 2 - t, -1 + 0 * t, -2 + 0 * t])
        return (curvature * theta[1:] ** 2).sum() / 2

    thetas = [torch.tensor([t, 0, 0, 0, 0], dtype=torch.float64) for t in (0.0, 0.2, 0.8, 0.9)]
    objective = Objective.from_function(f, thetas[-1])
    signs = []
    for found in evolution(objective, thetas, 2):
        assert found.latest is not None
        assert found.pairs is not None
        signs.append(np.sign(found.pairs.vectors[np.abs(found.pairs.vectors).argmax(axis=0), range(4)]))
    assert found.values == pytest.approx(
        np.array([[2, 1, -1, -2], [1.8, 1.2, -1, -2], [1.8, 1.2, -1, -2], [1.9, 1.1, -1, -2]]), abs=1e-3
    )
    assert found.follows.tolist() == [[-1] * 4, [0, 1, 2, 3], [1, 0, 2, 3], [0, 1, 2, 3]]
    assert found.overlaps[1:] == pytest.approx(np.ones((3, 4)), abs=1e-5)
    assert (np.array(signs) == 1).all()  # they go on from those of the first, which are positive


def test_signs_go_on_where_the_largest_entry_changes() -> None:
    """The eigenvector (cos t, sin t) turns by 0.3 a step, and so does its negative."""

    def f(theta: Tensor) -> Tensor:
        t, x, y = theta
        along, across = t.cos() * x + t.sin() * y, t.cos() * y - t.sin() * x
        return along**2 - across**2

    turns = np.arange(0.0, 6.0, 0.3)
    thetas = [torch.tensor([t, 0, 0], dtype=torch.float64) for t in turns]
    last_vector = None
    for found in evolution(Objective.from_function(f, thetas[0]), thetas):
        assert found.pairs is not None
        vector = found.pairs.vectors[:, 0]
        if last_vector is not None:
            assert vector @ last_vector == pytest.approx(math.cos(0.3), abs=1e-3)
        last_vector = vector
    assert found.overlaps[1:] == pytest.approx(np.full((19, 2), math.cos(0.3)), abs=1e-3)


def test_a_run_that_was_left_goes_on_from_what_is_done(tmp_path: Path) -> None:
    model, states = descent(0.2, 100, 20)
    objective = Objective(model, DATA, MSE)
    whole = last(objective, states)
    for found in evolution(objective, states[:4]):
        if found.done.sum() == 2:
            break
    assert found.done.tolist() == [True, True, False, False]
    assert found.summary.startswith("2 of 4 checkpoints, step 20: loss ")
    save(found, tmp_path / "half.npz")
    again = load(tmp_path / "half.npz")
    assert again == found
    rest = list(evolution(objective, states, known=again))  # of a run that has gone on meanwhile
    assert len(rest) == len(states) - 2
    assert rest[-1] == whole  # eigenvectors are taken over, too
    assert list(evolution(objective, states, known=whole)) == [whole]
    assert again.done.sum() == 2  # what was handed out stays
    whole.to_csv(tmp_path / "whole.csv")
    assert len(whole.to_dataframe()) == len(states)
    other = Objective(model, (DATA[0], 2 * DATA[1]), MSE)
    with pytest.raises(ValueError, match=r"a loss of .* at step 0"):
        evolution(other, states, known=again)
    with pytest.raises(ValueError, match=r"n_examples 20 for 9; k 1 for 2\."):
        evolution(Objective(model, (DATA[0][:9], DATA[1][:9]), MSE), states, 2, known=again)


def test_checkpoints_are_chosen_and_their_errors_named(tmp_path: Path) -> None:
    model, states = descent(0.2, 20, 2)
    objective = Objective(model, DATA, MSE)
    assert last(objective, states, most=3).step.tolist() == [0, 10, 20]
    assert last(objective, states, most=1).step.tolist() == [20]
    assert last(objective, states, checkpoints=[-1, 0, 3, 3]).checkpoint.tolist() == [0, 3, 10]
    for wrong in (
        {"most": 2, "checkpoints": [0]},
        {"checkpoints": []},
        {"checkpoints": [11]},
        {"momentum": 1},
    ):
        with pytest.raises(ValueError, match="Expected"):
            evolution(objective, states, **wrong)  # type: ignore[arg-type]
    for rate in (0.0, [0.1, 0.2], float("nan")):
        with pytest.raises(ValueError, match="Expected learning_rate as"):
            evolution(objective, states, learning_rate=rate)
    with pytest.raises(ValueError, match=r"checkpoint 1 of 2 \(as given 1\).*has of another shape"):
        last(objective, [dict(states[0]), nn.Sequential(nn.Linear(2, 12))])


@pytest.mark.parametrize("bad", [math.inf, math.nan, 1e200])
def test_a_checkpoint_without_curvature_stays_a_hole(bad: float) -> None:
    model, states = descent(0.2, 40, 10)
    broken = [dict(state) for state in states]
    broken[2] = {**broken[2], "4.bias": torch.tensor([bad], dtype=torch.float64)}
    found = last(Objective(model, DATA, MSE), broken, trace_samples=10)
    assert found.done.all()
    assert np.isnan(found.loss).tolist() == [False, False, True, False, False]
    assert np.isnan(found.values).any(axis=1).tolist() == [False, False, True, False, False]
    assert found.verdict[2] == "undecided"
    assert found.converged.all(axis=1).tolist() == [True, True, False, True, True]
    # it goes on from nothing, and the next one from that again
    assert np.isnan(found.overlaps[:, 0]).tolist() == [True, False, True, True, False]
    assert "as given 2" in evolution_figure(found).to_json()


@pytest.mark.oracle
def test_the_preconditioned_curvature_is_that_of_a_dense_matrix() -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.99))
    states, diagonals = [], []
    for _ in range(4):
        before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        train(model, optimizer, 25)
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        diagonals.append(adam_preconditioner(model, optimizer))
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    train(model, optimizer, 1)
    moved = nn.utils.parameters_to_vector(model.parameters()).detach() - before
    mean = torch.cat([optimizer.state[p]["exp_avg"].flatten() for p in model.parameters()])
    mean = mean / (1 - 0.9**101)
    # its definition, to the rounding of a difference of weights
    np.testing.assert_allclose(
        moved.numpy(), -1e-2 * mean.numpy() / adam_preconditioner(model, optimizer), atol=1e-15
    )

    objective = Objective(model, DATA, MSE)
    given = {"momentum": 0.9, "learning_rate": 1e-2}
    found = last(objective, states, preconditioner=diagonals, **given)
    assert found.preconditioned is not None
    assert found.preconditioned_converged.all()
    for i, (state, diagonal) in enumerate(zip(states, diagonals, strict=True)):
        scale = diagonal**-0.5
        expected = np.linalg.eigvalsh(scale[:, None] * dense(model, state)[2] * scale)
        assert found.preconditioned[i] == pytest.approx(expected[-1], rel=1e-3)
        assert found.largest[i] == pytest.approx(np.linalg.eigvalsh(dense(model, state)[2])[-1], rel=1e-3)
    assert found.threshold == pytest.approx(np.full(4, 38 / 1e-2))  # 38/η for β₁ = 0.9 (Cohen et al. 2022)
    assert last(objective, states, preconditioner=diagonals.__getitem__, **given) == found
    names = [trace.name for trace in evolution_figure(found).data]
    assert "λmax of P^(−½) H P^(−½)" in names
    assert "(2 + 2β)/((1 − β)η), the edge of stability" in names
    for wrong in (diagonals[:2], [d[:-1] for d in diagonals], [-d for d in diagonals]):
        with pytest.raises(ValueError, match="Expected preconditioner as"):
            last(objective, states, preconditioner=wrong)
    with pytest.raises(TypeError, match=r"Expected torch\.optim\.Adam or AdamW, got SGD"):
        adam_preconditioner(model, torch.optim.SGD(model.parameters(), lr=1))
    with pytest.raises(ValueError, match=r"has taken a step with '0\.weight'"):
        adam_preconditioner(model, torch.optim.Adam(model.parameters()))


@pytest.mark.oracle
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("mean", [False, True], ids=["SGD", "Adam's mean"])
def test_steps_grow_beyond_the_threshold_and_not_before(beta: float, mean: bool) -> None:
    """On a parabola with the curvature at the threshold but for 1 %."""
    eta = 0.1
    objective = quadratic(torch.eye(2, dtype=torch.float64))
    more = {"preconditioner": [np.ones(2)]} if mean else {}
    edge = last(objective, [objective.theta], learning_rate=eta, momentum=beta, **more).threshold[0]
    for share, grows in ((0.99, False), (1.01, True)):
        theta = velocity = 1.0
        for _ in range(4000):
            velocity = beta * velocity + (1 - beta if mean else 1.0) * share * edge * theta
            theta -= eta * velocity
            if abs(theta) > 1e3:
                break
        assert bool(abs(theta) > 1) == grows


def test_the_figure_shows_all_curves_and_marks_what_is_not_certified() -> None:
    model, states = descent(0.2, 40, 10)
    found = last(Objective(model, DATA, MSE), states, trace_samples=10, max_hvp=3)
    assert not found.converged.all()
    figure = evolution_figure(found)
    traces = {trace.name: trace for trace in figure.data}
    assert {"loss", "‖∇L‖", "λmax", "λmin", "tr(H)", "2/η, the edge of stability"} <= set(traces)
    assert traces["λmax"].y.tolist() == found.largest.tolist()
    assert set(traces["λmin"].marker.symbol) == {"circle-open"}
    assert any("not certified" in note.text for note in figure.layout.annotations)
    first = next(iter(evolution(Objective(model, DATA, MSE), states, learning_rate=0.1)))
    assert len(evolution_figure(first, log_loss=False).data[0].x) == 1


def test_what_is_known_of_another_run_is_refused() -> None:
    """Two runs that end alike, and diagonals that are not those of before."""
    model, states = descent(0.2, 60, 20)
    objective = Objective(model, DATA, MSE)
    _, others = descent(0.1, 40, 20)
    mixed = Trajectory([*others, states[-1]])
    with pytest.raises(ValueError, match="Expected known as what was found of the same run"):
        evolution(objective, mixed, known=last(objective, [states[i] for i in range(len(states))]))
    diagonals = [np.full(objective.n_parameters, 2.0)] * len(states)
    known = last(objective, states, preconditioner=diagonals)
    assert list(evolution(objective, states, preconditioner=diagonals, known=known))[-1] == known
    with pytest.raises(ValueError, match="another preconditioner at step 0"):
        evolution(objective, states, preconditioner=[10 * d for d in diagonals], known=known)
    plain = last(objective, states)
    for setting in ({"seed": 1}, {"max_hvp": 999}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            evolution(objective, states, known=plain, **setting)


def test_eigenvectors_go_on_from_the_checkpoint_before_or_from_none() -> None:
    model, states = descent(0.2, 80, 20)
    objective = Objective(model, DATA, MSE)
    found = last(objective, states, known=last(objective, states, checkpoints=[0, 2, 4]))
    whole = last(objective, states)
    known = np.isfinite(found.overlaps)
    assert not known[2].any()
    assert not known[4].any()
    assert (found.follows[~known] == -1).all()
    np.testing.assert_allclose(found.overlaps[known], whole.overlaps[known], rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "edge"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9), 3.8 / 0.5),
        (lambda p: torch.optim.SGD(p, lr=0.5), 2 / 0.5),
        (lambda p: torch.optim.Adam(p, lr=1e-3), math.nan),
        (lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, nesterov=True), math.nan),
        (lambda p: torch.optim.SGD(p, lr=0.5, weight_decay=0.1), math.nan),
        (lambda p: torch.optim.SGD([{"params": p[:1]}, {"params": p[1:], "lr": 0.1}], lr=0.5), math.nan),
    ],
    ids=["momentum", "plain", "Adam", "Nesterov", "weight decay", "two rates"],
)
def test_the_edge_of_stability_is_that_of_the_optimiser(make: object, edge: float) -> None:
    model = network()
    with TrajectoryRecorder(model) as recorder:
        recorder.attach(make(list(model.parameters())))  # type: ignore[operator]
    objective = Objective(model, DATA, MSE)
    assert last(objective, recorder.trajectory).threshold == pytest.approx([edge], nan_ok=True)
    told = last(objective, recorder.trajectory, learning_rate=0.5, momentum=0.0)
    assert told.threshold == pytest.approx([4])


def test_what_is_of_another_kind_is_refused(tmp_path: Path) -> None:
    model, states = descent(0.2, 20, 10)
    objective = Objective(model, DATA, MSE)
    found = last(objective, states, most=1)
    for wrong, words in (
        ({"learning_rate": "a"}, "Expected learning_rate as a positive number"),
        ({"learning_rate": 1j}, "Expected learning_rate as a positive number"),
        ({"preconditioner": 3}, "Expected preconditioner as 3 diagonals"),
        ({"checkpoints": 3}, "Expected checkpoints as numbers"),
        ({"known": 3}, "Expected known"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            evolution(objective, states, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected objective"):
        evolution(model, states)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected evolution"):
        evolution_figure(model)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected model"):
        adam_preconditioner(None, torch.optim.Adam(model.parameters()))  # type: ignore[arg-type]
    *_, surface = evaluate_plane(objective, random_plane(objective), resolution=5)
    given = {"random": [surface]}
    for arguments, words in (
        ((found, [surface], tmp_path / "a.gif"), "Expected surfaces as lists"),
        ((found, {"random": [1]}, tmp_path / "a.gif"), r"Expected surfaces\['random'\]"),
        ((found, given, tmp_path / "a.avi"), r"Expected path as \*\.gif"),
        ((found, given, tmp_path / "a"), r"Expected path as \*\.gif"),
    ):
        with pytest.raises((TypeError, ValueError), match=words):
            evolution_animation(*arguments)  # type: ignore[arg-type]
    for seconds in (-1, 0, math.nan, "x", 1e9):
        with pytest.raises((TypeError, ValueError), match="seconds"):
            evolution_animation(found, given, tmp_path / "a.gif", seconds=seconds)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    evolution_animation(found, given, tmp_path / "a.gif")


@pytest.mark.oracle
@pytest.mark.parametrize(("kind", "on_disk"), [(torch.optim.Adam, False), (torch.optim.AdamW, True)])
def test_what_a_recorder_keeps_of_adam_is_held_against_its_edge(
    kind: type[torch.optim.Adam], on_disk: bool, tmp_path: Path
) -> None:
    model = network()
    optimizer = kind(model.parameters(), lr=1e-2, betas=(0.8, 0.99))
    diagonals = []
    with TrajectoryRecorder(model, tmp_path if on_disk else None, every=20, preconditioner=True) as recorder:
        recorder.attach(optimizer)
        for _ in range(3):
            train(model, optimizer, 20)
            diagonals.append(adam_preconditioner(model, optimizer))
    run = Trajectory(tmp_path) if on_disk else recorder.trajectory
    assert run.preconditioner(0) is None  # before its first step Adam has none
    for i, diagonal in enumerate(diagonals, 1):
        np.testing.assert_allclose(run.preconditioner(i), diagonal, rtol=1e-6)  # float32
    found = last(Objective(model, DATA, MSE), run)
    assert found.preconditioned is not None
    assert np.isnan(found.preconditioned[0])
    for i, diagonal in enumerate(diagonals, 1):
        scale = diagonal**-0.5
        expected = np.linalg.eigvalsh(scale[:, None] * dense(model, run[i])[2] * scale)
        assert found.preconditioned[i] == pytest.approx(expected[-1], rel=1e-3)
    assert found.threshold == pytest.approx(np.full(4, 3.6 / (0.2 * 1e-2)))


def two_layers(dtype: torch.dtype = torch.float64) -> nn.Module:
    """Two layers of 20 parameters each."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)).to(dtype)


SQUARES = tuple(torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).double() for _ in range(2))


def test_what_is_known_of_other_parameters_is_refused_by_their_names(tmp_path: Path) -> None:
    """Of two layers of one size, whose losses are the same, too."""
    model = two_layers()
    states = walk(model, 3)
    first, second = (Objective(model, SQUARES, MSE, parameters=f"{layer}.*") for layer in (0, 2))
    known = last(first, states)
    save(known, tmp_path / "known.npz")
    assert list(evolution(first, states, known=load(tmp_path / "known.npz"))) == [known]
    with pytest.raises(ValueError, match=r"parameters 0\.weight, 0\.bias for 2\.weight, 2\.bias"):
        evolution(second, states, known=load(tmp_path / "known.npz"))
    told = {name: value for name, value in known.provenance.items() if name != "parameters"}
    former = replace(known, provenance=told)  # as in a file of a former version
    assert len(list(evolution(first, states, known=former))) == 1
    with pytest.raises(ValueError, match="another gradient at as given"):
        evolution(second, states, known=former)


def test_what_is_known_of_a_model_goes_on_with_its_compiled_self() -> None:
    model = two_layers()
    states = walk(model, 2)
    known = last(Objective(model, SQUARES, MSE, parameters="0.*"), states)
    compiled = Objective(torch.compile(model, backend="eager"), SQUARES, MSE, parameters="*0.*")
    assert len(list(evolution(compiled, states, known=known))) == 1


def test_what_is_known_of_other_data_with_the_same_loss_is_refused() -> None:
    """Of an even loss of a product, data and their negatives."""

    def loss_fn(output: Tensor, y: Tensor) -> Tensor:
        return ((output.square() - y) ** 2).mean()

    model = nn.Linear(1, 1).double()
    with torch.no_grad():
        model.bias.zero_()
    x, y = torch.tensor([[1.0], [2.0]]).double(), torch.tensor([[3.0], [5.0]]).double()
    states = [model.state_dict()]
    known = last(Objective(model, (x, y), loss_fn), states)
    swapped = torch.stack([x[0], -x[1]])  # ∂L/∂bias is another one
    with pytest.raises(ValueError, match="another gradient at as given 0"):
        evolution(Objective(model, (swapped, y), loss_fn), states, known=known)


def test_what_is_known_without_a_preconditioner_is_refused_where_there_is_one_by_now() -> None:
    model = two_layers()
    states, objective = walk(model, 2), Objective(model, SQUARES, MSE)
    ones = np.ones(objective.n_parameters)
    known = last(objective, Trajectory(states, preconditioners=[None, ones]))
    run = Trajectory(states, preconditioners=[ones, ones])
    with pytest.raises(ValueError, match="another preconditioner at as given 0"):
        evolution(objective, run, known=known)


@pytest.mark.parametrize("of_adam", [False, True], ids=["SGD", "Adam"])
def test_the_edge_of_stability_follows_a_momentum_that_changes(of_adam: bool, tmp_path: Path) -> None:
    """As that of OneCycleLR does, by its defaults."""
    model = two_layers()
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam(model.parameters(), lr=0.01)
        if of_adam
        else torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=10)
    betas, rates = [], []
    with TrajectoryRecorder(model, every=2, preconditioner=of_adam) as recorder:
        recorder.attach(optimizer)
        for step in range(9):
            group = optimizer.param_groups[0]
            if step in (0, 1, 3, 5, 7):  # at first as attached, then as in the step that was recorded
                betas.append(group["betas"][0] if of_adam else group["momentum"])
                rates.append(group["lr"])
            optimizer.zero_grad()
            MSE(model(SQUARES[0]), SQUARES[1]).backward()
            optimizer.step()
            schedule.step()
    beta, eta = np.array(betas), np.array(rates)
    assert np.ptp(beta) > 0.05
    edge = (2 + 2 * beta) / (((1 - beta) if of_adam else 1) * eta)
    run = recorder.trajectory[:5]
    objective = Objective(model, SQUARES, MSE)
    found = first(objective, run)
    np.testing.assert_allclose(found.threshold, edge, rtol=1e-12)
    some = first(objective, run, checkpoints=[1, 3])
    np.testing.assert_allclose(some.threshold, edge[[1, 3]], rtol=1e-12)
    given = first(objective, run, learning_rate=eta, momentum=beta)
    np.testing.assert_allclose(given.threshold, edge, rtol=1e-12)
    of_explorer = evolution_of(run.recorded, {}, {})
    np.testing.assert_allclose(of_explorer.threshold, edge, rtol=1e-12)
    save(found, tmp_path / "found.npz")
    assert load(tmp_path / "found.npz") == found
    np.testing.assert_allclose(found.to_dataframe()["momentum"], beta)
    assert "(2 + 2β)" in found.threshold_words


def test_where_momentum_is_not_known_there_is_no_edge() -> None:
    model = two_layers()
    states, objective = walk(model, 3), Objective(model, SQUARES, MSE)
    run = Trajectory(states, scalars={"lr": [0.1] * 3, "momentum": [0.5, math.nan, 0.9]})
    expected = [30, math.nan, 38]
    assert first(objective, run).threshold == pytest.approx(expected, nan_ok=True)
    assert first(objective, run, learning_rate=0.1).threshold == pytest.approx(expected, nan_ok=True)
    assert evolution_of(run.recorded, {}, {}).threshold == pytest.approx(expected, nan_ok=True)
    assert first(objective, run, learning_rate=0.1, momentum=0).threshold == pytest.approx([20] * 3)
    for wrong in ([0.5, 0.5], math.nan, -0.1, "a", [0.1, 0.2, 1.0]):
        with pytest.raises(ValueError, match="Expected momentum as a number from 0 to 1"):
            evolution(objective, run, momentum=wrong)  # type: ignore[arg-type]


def test_one_momentum_for_all_is_read_as_files_of_former_versions_have_it(tmp_path: Path) -> None:
    model, states = descent(0.2, 20, 20)
    former = replace(last(Objective(model, DATA, MSE), states), momentum=0.9)
    save(former, tmp_path / "former.npz")
    again = load(tmp_path / "former.npz")
    assert again == former
    np.testing.assert_allclose(again.threshold, 3.8 / 0.2)
    with pytest.raises(ValueError, match="momentum for each checkpoint"):
        save(replace(former, momentum=np.full(9, 0.9)), tmp_path / "wrong.npz")


def by_adam(model: nn.Module, steps: int, recorder: TrajectoryRecorder) -> None:
    """Records every step of Adam's with all parameters that have a gradient by then."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    recorder.attach(optimizer)
    for step in range(steps):
        if step == steps - 1:
            model.requires_grad_(True)
        optimizer.zero_grad()
        MSE(model(SQUARES[0]), SQUARES[1]).backward()
        optimizer.step()


def dense_scaled(objective: Objective, state: State, scale: np.ndarray) -> float:
    here = objective.with_state(state)
    columns = [here.hvp(one).numpy() for one in torch.eye(here.n_parameters, dtype=torch.float64)]
    matrix = np.stack(columns, axis=1) / np.sqrt(np.outer(scale, scale))
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])


@pytest.mark.parametrize(("parameters", "on_disk"), [("2.*", True), ("*bias", False)])
def test_a_preconditioner_is_cut_to_the_parameters_of_the_objective(
    parameters: str, on_disk: bool, tmp_path: Path
) -> None:
    model = two_layers()
    with TrajectoryRecorder(model, tmp_path if on_disk else None, preconditioner=True) as recorder:
        by_adam(model, 2, recorder)
    run = Trajectory(tmp_path) if on_disk else recorder.trajectory
    objective = Objective(model, SQUARES, MSE, parameters=parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = last(objective, run, checkpoints=[0, 2])
    whole = run.preconditioner(2)
    assert whole is not None
    of = [name for name, p in model.named_parameters() for _ in range(p.numel())]
    mine = np.array([name.startswith("2.") if parameters == "2.*" else "bias" in name for name in of])
    expected = dense_scaled(objective, run[2], whole[mine])
    assert found.preconditioned == pytest.approx([math.nan, expected], rel=1e-3, nan_ok=True)
    assert found.preconditioned_converged[1]


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_preconditioner_of_other_parameters_leaves_a_hole_and_that_is_said(
    on_disk: bool, tmp_path: Path
) -> None:
    """As after gradual unfreezing, and of another layer of the same size."""
    model = two_layers()
    model[0].requires_grad_(False)
    with TrajectoryRecorder(model, tmp_path if on_disk else None, preconditioner=True) as recorder:
        by_adam(model, 3, recorder)
    run = Trajectory(tmp_path) if on_disk else recorder.trajectory
    assert [len(run.preconditioner(i)) for i in (1, 2, 3)] == [20, 20, 40]  # type: ignore[arg-type]
    whole = Objective(model, SQUARES, MSE)
    with pytest.warns(UserWarning, match=r"at step 1 was kept without that of 0\.weight, 0\.bias;") as told:
        found = last(whole, run)
    assert len(told) == 1
    expected = dense_scaled(whole, run[3], run.preconditioner(3))
    assert found.preconditioned == pytest.approx([*[math.nan] * 3, expected], rel=1e-3, nan_ok=True)
    with pytest.warns(UserWarning, match=r"at step 1 was kept without that of 0\.weight, 0\.bias;"):
        other = last(Objective(model, SQUARES, MSE, parameters="0.*"), run, checkpoints=[1])
    assert np.isnan(other.preconditioned).all()
    assert np.isfinite(other.values).all()
    second = last(Objective(model, SQUARES, MSE, parameters="2.*"), run, checkpoints=[1, 3])
    assert np.isfinite(second.preconditioned).all()


def test_a_preconditioner_of_nobody_knows_which_parameters_is_taken_by_its_size(tmp_path: Path) -> None:
    """As in folders of former versions, and where diagonals are given."""
    model = two_layers()
    with TrajectoryRecorder(model, tmp_path, preconditioner=True) as recorder:
        by_adam(model, 1, recorder)
    index = tmp_path / "trajectory.json"
    content = json.loads(index.read_text())
    assert content.pop("trained") == [{"0.weight": 16, "0.bias": 4, "2.weight": 16, "2.bias": 4}]
    for entry in content["checkpoints"]:
        entry.pop("trained", None)
    index.write_text(json.dumps(content))
    run = Trajectory(tmp_path)
    assert np.isfinite(last(Objective(model, SQUARES, MSE), run, checkpoints=[1]).preconditioned).all()
    part = Objective(model, SQUARES, MSE, parameters="2.*")
    with pytest.warns(UserWarning, match="has 40 entries, and nobody told of which parameters, for 20 of"):
        assert np.isnan(last(part, run, checkpoints=[1]).preconditioned).all()


def test_a_preconditioner_that_is_not_known_is_none_and_an_infinite_one_is_refused() -> None:
    model = two_layers()
    states, objective = walk(model, 2), Objective(model, SQUARES, MSE)
    ones = np.ones(objective.n_parameters)
    found = last(objective, states, preconditioner=[ones, None])
    assert found.preconditioned == pytest.approx([found.largest[0], math.nan], rel=1e-3, nan_ok=True)
    assert found == last(objective, states, preconditioner=lambda i: None if i else ones)
    for bad in (np.inf, np.nan, 0.0):
        with pytest.raises(ValueError, match="Expected preconditioners as diagonals of positive finite"):
            Trajectory(states, preconditioners=[ones, np.where(np.arange(40) == 3, bad, ones)])


def test_a_recorded_preconditioner_that_is_not_finite_is_a_hole_and_the_rest_goes_on() -> None:
    """A step with steep gradients leaves v̂ infinite, and the weights where they were."""
    model = two_layers()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    inputs, targets = (tensor.float() for tensor in SQUARES)
    recorder = TrajectoryRecorder(model.float(), preconditioner=True).attach(optimizer)
    for factor in (1.0, 1e25, 1.0):
        optimizer.zero_grad()
        (factor * MSE(model(inputs), targets)).backward()
        optimizer.step()
    found = last(Objective(model, (inputs, targets), MSE, dtype=torch.float64), recorder.trajectory)
    assert found.done.all()
    assert np.isfinite(found.largest).all()
    assert np.isfinite(found.preconditioned).tolist() == [False, True, False, False]
