"""Between two solutions: losses by hand, the barrier and its error, and a curve on which there is none."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import (
    Interpolation,
    Objective,
    bezier_curve,
    evaluate_plane,
    interpolation,
    interpolation_figure,
    interpolation_plane,
    load,
    plane_path,
    save,
    trajectory_plane,
)
from landscape_widget.figures.style import BELOW

from ..support.cases import Case, Counting, case, quadratic
from .test_trajectory_plane import CASES, State, evaluated, walk


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(1) == target).double().mean()


def mixed(a: State, b: State, t: float, moving: set[str]) -> State:
    """(1 − t)·a + t·b, but what does not move stays within the two."""
    inner = min(max(t, 0.0), 1.0)
    return {
        name: a[name].lerp(b[name], t if name in moving else inner)
        if a[name].is_floating_point()
        else a[name]
        for name in a
    }


def moving_in(model: nn.Module) -> set[str]:
    state = model.state_dict(keep_vars=True)
    return {name for name, t in state.items() if isinstance(t, nn.Parameter) and t.requires_grad}


class Physical(nn.Module):
    """Calls a parameter of its own θ, beside a buffer or not."""

    def __init__(self, shape: tuple[int, ...], seed: int, *, scaled: bool) -> None:
        super().__init__()
        draws = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.θ = nn.Parameter(draws)
        if scaled:
            self.register_buffer("scale", torch.tensor(1.0 + seed, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.θ + torch.zeros(2, 2, dtype=x.dtype)) * getattr(self, "scale", 1)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("shape", [(), (2,), (2, 2)], ids=str)
def test_a_parameter_may_be_called_as_all_of_them_are(shape: tuple[int, ...], scaled: bool) -> None:
    x = torch.eye(2, dtype=torch.float64)
    start, end = (Physical(shape, seed, scaled=scaled) for seed in (0, 1))
    objective = Objective(start, (x, x), nn.MSELoss())
    losses = [nn.functional.mse_loss(model(x), x).item() for model in (start, end)]
    to_state = interpolation(objective, start, end, 3, beyond=0)
    np.testing.assert_allclose(to_state.loss[[0, -1]], losses)
    theta = end.θ.detach().reshape(-1)
    to_theta = interpolation(objective, objective.theta, theta, 3, beyond=0)
    np.testing.assert_allclose(to_theta.loss[-1], objective.loss(theta).item())
    if len(theta) > 1:
        path = plane_path(trajectory_plane(objective, [end, -theta]), objective, [end, theta])
        np.testing.assert_allclose(path.loss, [losses[1], objective.loss(theta).item()])


class Scaled(nn.Module):
    """Its output depends on an integer and a truth value that its state holds."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2).double()
        self.register_buffer("times", torch.tensor(times))
        self.register_buffer("negative", torch.tensor(times > 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * self.times * (-1 if self.negative else 1)


def test_each_end_has_its_own_integers() -> None:
    """And the way back is the way there."""
    x, (start, end) = torch.eye(2, dtype=torch.float64), (Scaled(2), Scaled(3))
    objective = Objective(start, (x, x), nn.MSELoss())
    there, back = (interpolation(objective, *ends, 4) for ends in ((start, end), (end, start)))
    ends = [nn.functional.mse_loss(model(x), x).item() for model in (start, end)]
    np.testing.assert_allclose(there.loss[(there.t == 0) | (there.t == 1)], ends)
    np.testing.assert_allclose(back.loss[::-1], there.loss)


def test_an_evaluation_in_another_thread_lends_no_end_its_tensors() -> None:
    """During one, the model holds another θ and buffers that are written into for its own."""
    inside, go_on, waits = Event(), Event(), False

    def loss_fn(output: Tensor, target: Tensor) -> Tensor:
        if waits and not inside.is_set():
            inside.set()
            assert go_on.wait(20)
        return (output - target).square().mean()

    model, x = Counting(), torch.ones(3, 2, dtype=torch.float64)
    objective = Objective(model, (x, x[:, :1]), loss_fn)
    ends = objective.theta, objective.theta + 1
    alone = interpolation(objective, *ends, 3)
    waits = True
    evaluating = Thread(target=objective.loss, args=(objective.theta + 7,))
    evaluating.start()
    assert inside.wait(20)
    Timer(0.2, go_on.set).start()
    beside = interpolation(objective, *ends, 3)
    evaluating.join()
    np.testing.assert_array_equal(beside.loss, alone.loss)


@pytest.mark.oracle
@pytest.mark.parametrize("problem", CASES, ids=str)
def test_losses_are_those_of_direct_evaluation(problem: Case, tmp_path: Path) -> None:
    """With batch-norm statistics and frozen layers between those of both ends, and θ going on beyond."""
    model = problem.model()
    a, *_, b = walk(model, 4)
    objective = problem.objective(metrics={"accuracy": accuracy})
    torch.save(a, tmp_path / "a.pt")
    found = interpolation(
        objective, tmp_path / "a.pt", b, 5, test=objective.with_data(problem.batches((7, 6)))
    )
    assert found.t.tolist() == [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]
    x, y = problem.examples()
    for t, loss, share in zip(found.t, found.loss, found.metrics["accuracy"], strict=True):
        state = mixed(a, b, t, moving_in(problem.model()))
        assert loss == pytest.approx(evaluated(model, state, problem), rel=1e-12)
        assert share == pytest.approx(accuracy(model(x), y).item())
    assert found.test is not None
    assert found.test.loss == pytest.approx(found.loss, rel=1e-12)
    save(found, tmp_path / "way.npz")
    assert load(tmp_path / "way.npz") == found
    assert {"t", "loss", "accuracy", "test_loss", "test_accuracy"} <= set(found.columns)


def below(ways: Interpolation | dict[str, Interpolation]) -> str:
    """What stands below the figure of ways."""
    (words,) = (each.text for each in interpolation_figure(ways).layout.annotations if each.name == BELOW)
    return str(words).replace("<br>", " ")


def test_frozen_statistics_are_the_objectives_and_recomputed_ones_fit_the_point() -> None:
    problem = case("convolution, batch norm")
    model = problem.model()
    a, _, b = walk(model, 3)
    objective = problem.objective()
    frozen = interpolation(objective, a, b, 3, beyond=0, batch_norm="frozen")
    own = {name: t for name, t in problem.model().state_dict().items() if "running" in name}
    assert frozen.loss[0] == pytest.approx(evaluated(model, a | own, problem), rel=1e-12)
    recomputed = interpolation(objective, a, b, 3, beyond=0, batch_norm="recomputed")
    model.load_state_dict(a)
    fresh = Objective(model, problem.batches(), problem.loss_fn).with_batch_norm("recomputed")
    assert recomputed.loss[0] == pytest.approx(fresh.loss().item(), rel=1e-12)
    told = [way.provenance["batch_norm"] for way in (frozen, recomputed, interpolation(objective, a, b, 3))]
    assert told == ["frozen", "recomputed", "interpolated"]
    curve = bezier_curve(objective, a, b, 3, steps=1)
    assert "batch-norm statistics frozen ·" in below(frozen)
    both = below({"line": frozen, "curve": curve})
    assert "batch-norm statistics frozen (line), recomputed (curve) ·" in both
    without = case("dense tanh")
    assert "batch-norm" not in below(interpolation(without.objective(), *walk(without.model(), 2), 3))


def test_a_selection_moves_beyond_the_ends_and_the_rest_stays_between() -> None:
    problem = case("dense tanh")
    model = problem.model()
    a, _, b = walk(model, 3)
    found = interpolation(problem.objective(parameters="0.*"), a, b, 3)
    last = mixed(a, b, 1.5, {"0.weight", "0.bias"})
    assert found.loss[-1] == pytest.approx(evaluated(model, last, problem), rel=1e-12)


@pytest.mark.oracle
def test_the_error_of_a_barrier_is_that_of_a_mean_over_examples(
    two: tuple[Objective, nn.Module, nn.Module],
) -> None:
    """Sixty examples, each a group of its own: s/√n of ℓᵢ(t) − (1 − t)·ℓᵢ(0) − t·ℓᵢ(1)."""
    objective, *models = two
    model, (x, y) = trained(0)
    x, y = x[:60], y[:60]
    a, b = (m.state_dict() for m in models)
    found = interpolation(objective.with_data([(x[:45], y[:45]), (x[45:], y[45:])]), a, b, 11)

    def losses(t: float) -> Tensor:
        model.load_state_dict(mixed(a, b, t, set(a)))
        with torch.no_grad():
            return nn.functional.cross_entropy(model(x), y, reduction="none")

    t = found.barrier_at
    excess = losses(t) - (1 - t) * losses(0) - t * losses(1)
    assert found.barrier == pytest.approx(excess.mean().item(), rel=1e-10)
    assert found.barrier > 0
    assert found.barrier_stderr == pytest.approx((excess.std() / math.sqrt(len(x))).item(), rel=1e-8)


@pytest.mark.oracle
@pytest.mark.parametrize("size", [28, 500])
def test_the_error_of_a_barrier_does_not_know_the_order_of_the_data(
    two: tuple[Objective, nn.Module, nn.Module], size: int
) -> None:
    """In 64 groups of the digits sorted by class, also where the loader's batches are just as large.

    The spread of 64 groups is known to 9 %; of neighbours, of one class each, it is several times as large.
    """
    objective, a, b = two
    digits = load_digits()
    order = digits.target.argsort(kind="stable")
    x, y = torch.tensor(digits.data[order]) / 16, torch.tensor(digits.target[order])
    found = interpolation(objective.with_data(DataLoader(TensorDataset(x, y), size)), a, b, 5)

    def losses(t: float) -> Tensor:
        state = mixed(a.state_dict(), b.state_dict(), t, set(a.state_dict()))
        with torch.no_grad():
            output = torch.func.functional_call(a, state, (x,))
        return nn.functional.cross_entropy(output, y, reduction="none")

    t = found.barrier_at
    excess = losses(t) - (1 - t) * losses(0) - t * losses(1)
    assert found.barrier_stderr == pytest.approx((excess.std() / math.sqrt(len(x))).item(), rel=0.25)


def test_a_convex_loss_has_no_barrier_and_a_concave_one_has() -> None:
    ends = torch.tensor([1.0, 0.0]).double(), torch.tensor([-1.0, 0.0]).double()
    valley = interpolation(quadratic(torch.eye(2, dtype=torch.float64)), *ends, 5)
    assert (valley.barrier, valley.barrier_stderr) == (0, 0)
    assert "no barrier" in valley.summary
    ridge = interpolation(quadratic(-torch.eye(2, dtype=torch.float64)), *ends, 5)
    assert (ridge.barrier, ridge.barrier_at) == (pytest.approx(0.5), 0.5)
    assert math.isnan(ridge.barrier_stderr)  # a function has no examples
    nowhere = Objective.from_function(lambda t: torch.log(t[0].abs()) + t[1], ends[0])
    assert math.isnan(interpolation(nowhere, *ends, 5).barrier)


def trained(seed: int, hidden: int = 16) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """A network that fits 250 digits, and these."""
    digits = load_digits()
    x, y = torch.tensor(digits.data[:250]) / 16, torch.tensor(digits.target[:250])
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, hidden), nn.Tanh(), nn.Linear(hidden, 10)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.5)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, (x, y)


def permuted(model: nn.Module) -> nn.Module:
    """The same function, its hidden units in the reverse order."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].weight.copy_(model[0].weight.flip(0))
        other[0].bias.copy_(model[0].bias.flip(0))
        other[2].weight.copy_(model[2].weight.flip(1))
    return other


@pytest.fixture(scope="module")
def two() -> tuple[Objective, nn.Module, nn.Module]:
    model, data = trained(0)
    objective = Objective(model, data, nn.CrossEntropyLoss(), metrics={"accuracy": accuracy})
    return objective, model, permuted(model)


@pytest.mark.oracle
def test_a_barrier_between_permuted_copies_vanishes_on_the_curve(
    two: tuple[Objective, nn.Module, nn.Module],
) -> None:
    objective, a, b = two
    line = interpolation(objective, a, b, 21)
    assert line.loss[line.t == 0] == pytest.approx(line.loss[line.t == 1], rel=1e-9)
    assert line.barrier > 10 * line.barrier_stderr > 0
    curve = bezier_curve(objective, a, b, 41)
    assert curve.loss[[0, -1]] == pytest.approx(line.loss[np.isin(line.t, (0, 1))], rel=1e-9)
    assert curve.loss.max() <= 1.1 * curve.loss[0]
    assert curve.barrier <= 0.1 * curve.loss[0]
    assert curve.bend is not None
    start, end = (torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (a, b))
    for t, loss in zip(curve.t[::10], curve.loss[::10], strict=True):
        theta = (1 - t) ** 2 * start + 2 * t * (1 - t) * torch.from_numpy(curve.bend) + t**2 * end
        assert loss == pytest.approx(objective.loss(theta).item(), rel=1e-12)


def test_a_curve_is_the_same_again_and_draws_no_random_number(
    two: tuple[Objective, nn.Module, nn.Module],
) -> None:
    state = torch.get_rng_state()
    curves = [bezier_curve(*two, 3, steps=5) for _ in range(2)]
    assert curves[0] == curves[1]
    assert torch.equal(state, torch.get_rng_state())


def test_a_curve_of_a_model_with_batch_norm_recomputes_its_statistics() -> None:
    problem = case("convolution, batch norm")
    a, _, b = walk(problem.model(), 3)
    objective = problem.objective(metrics={"accuracy": accuracy})
    curve = bezier_curve(objective, a, b, 3, steps=3, test=objective.with_data(problem.batches((13,))))
    line = interpolation(objective, a, b, 3, beyond=0, batch_norm="recomputed")
    assert curve.provenance["batch_norm"] == "recomputed"
    assert curve.loss[[0, -1]] == pytest.approx(line.loss[[0, -1]], rel=1e-12)
    assert curve.test is not None


@pytest.mark.oracle
def test_a_plane_through_three_solutions_holds_them_at_right_angles() -> None:
    problem = case("convolution, batch norm")
    a, b, c = walk(problem.model(), 3)
    objective = problem.objective()
    for third in (c, None):  # the last one is θ*
        plane = interpolation_plane(objective, a, b, third)
        assert plane.norms[0] == pytest.approx(plane.norms[1], rel=1e-12)
        assert plane.eta @ plane.delta == pytest.approx(0, abs=1e-12 * plane.norms[0] ** 2)
        path = plane_path(plane, objective, [a, b, c])
        assert path.alpha[:2] == pytest.approx([0, 1], abs=1e-12)
        assert path.beta[:2] == pytest.approx([0, 0], abs=1e-12)
        assert path.beta[2] > 0
        assert path.off_plane == pytest.approx(np.zeros(3), abs=1e-12 * plane.norms[0])
    *_, surface = evaluate_plane(objective, plane, path.domain, 3)
    assert np.isfinite(surface.loss).all()
    with pytest.raises(ValueError, match="not on one line"):
        interpolation_plane(objective, a, b, a)
    with pytest.raises(ValueError, match="not on one line"):
        interpolation_plane(objective, a, a, b)


def test_what_does_not_belong_together_is_refused_by_name(tmp_path: Path) -> None:
    problem = case("dense tanh")
    objective, good = problem.objective(), problem.model().state_dict()
    other = {**good, "7.weight": torch.ones(2)}
    del other["0.bias"]
    words = r"Expected b as weights of the objective's model.*it lacks 0\.bias; it has besides 7\.weight"
    for call in (interpolation, bezier_curve, interpolation_plane):
        with pytest.raises(ValueError, match=words):
            call(objective, good, other)
        with pytest.raises(FileNotFoundError, match="Expected b as a file"):
            call(objective, good, tmp_path / "none.pt")
        with pytest.raises(ValueError, match="b with finite weights"):
            call(objective, good, {**good, "0.bias": good["0.bias"] / 0})
        with pytest.raises(TypeError, match=r"^Expected b as a state dict, .* vector θ, got 3\.$"):
            call(objective, good, 3)
    (tmp_path / "noise.pt").write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"Expected a as the weights of a model, but torch cannot read it"):
        interpolation(objective, tmp_path / "noise.pt", good)
    with pytest.raises(ValueError, match="batch_norm as one of"):
        interpolation(objective, good, good, batch_norm="train")
    with pytest.raises(ValueError, match="beyond"):
        interpolation(objective, good, good, beyond=-1)
    with pytest.raises(ValueError, match="same θ twice"):
        bezier_curve(objective, good, good)


def way(**changes: Any) -> Interpolation:
    t = np.linspace(-0.5, 1.5, 5)
    values = {"t": t, "loss": t**2 + 1, "barrier": 0.5, "barrier_stderr": 0.01, "barrier_at": 0.5}
    return Interpolation(**values | {"metrics": {"accuracy": 1 - t**2 / 4}} | changes)


def test_a_figure_holds_loss_and_metric_of_both_data() -> None:
    figure = interpolation_figure({"line": way(test=way()), "curve": way(bend=np.zeros(3))})
    names = [trace.name for trace in figure.data]
    assert names[0] == "line, training: barrier 0.5 ± 0.01 at t = 0.5"
    assert len(names) == 6
    keys = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert keys[1::2] == ["training: accuracy", "test: accuracy"]  # once, however many ways
    assert len(keys) == 5
    assert [trace.yaxis for trace in figure.data] == [None, "y2"] * 3
    assert figure.data[0].y.tolist() == way().loss.tolist()
    assert len(interpolation_figure(way(metrics={}), log=True).data) == 1
    with pytest.raises(ValueError, match="metric as one of accuracy"):
        interpolation_figure(way(), metric="recall")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_is_no_barrier(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).to(dtype)
    objective = Objective(
        model, (torch.randn(50, 3, dtype=dtype), torch.randn(50, 1, dtype=dtype)), nn.MSELoss()
    )
    line = interpolation(objective, model, copy.deepcopy(model), n=41)
    assert line.barrier == 0
    assert "no barrier" in repr(line)
    figure = interpolation_figure(line)
    assert figure.layout.showlegend
    assert "no barrier" in figure.data[0].name
