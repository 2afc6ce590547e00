"""Every way to evaluate a plane gives the losses of the plain loop."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import ref

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective, evaluate_plane, random_plane
from landscape_widget.data.batches import Batch
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.planes import evaluator as evaluation
from landscape_widget.planes import strategies
from landscape_widget.planes.evaluator import Evaluator
from landscape_widget.planes.programs import Program
from landscape_widget.planes.strategies import LOOP, Strategy
from landscape_widget.results.planes import Plane

from ..support.cases import EACH, FEW, RAGGED, Case, case
from ..support.logs import Log

#: A chunk that the points do not fill, batches as they come, joined and split, one thread and several.
WAYS = [
    Strategy(1, max(RAGGED), 1),
    Strategy(4, max(RAGGED), 1),
    Strategy(4, 13, 1),
    Strategy(3, 2, 2),
]
POINTS = [(a / 4, b / 3) for a in range(-2, 3) for b in range(-1, 2)]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are worth their set-up however little work there is."""
    monkeypatch.setattr(evaluation, "_PATIENCE", 0.0)
    monkeypatch.setattr(evaluation, "_TRIALS", 0.0)


def plain(objective: Objective, plane: Plane, points: list[tuple[float, float]]) -> np.ndarray:
    origin, eta, delta = (torch.tensor(v) for v in (plane.origin, plane.eta, plane.delta))
    return np.array([objective.loss(origin + a * eta + b * delta).item() for a, b in points])


@pytest.mark.parametrize(
    ("example", "way"),
    [*((each, WAYS[-1]) for each in EACH), *zip(FEW, WAYS[:-1], strict=True)],
    ids=str,
)
def test_losses_of_the_plain_loop(example: Case, way: Strategy) -> None:
    objective = example.objective()
    plane = random_plane(objective, seed=1)
    evaluator = Evaluator(objective, plane)
    losses = evaluator._run(way, POINTS)
    np.testing.assert_allclose(losses, plain(objective, plane, POINTS), rtol=1e-12)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_float32_differs_by_rounding(way: Strategy) -> None:
    """θ is put together in float32: 2⁻²⁴ of it, times slopes of order 10, against losses of order 1."""
    objective = case("convolution, batch norm").objective(dtype=torch.float32)
    plane = random_plane(objective, seed=1)
    evaluator = Evaluator(objective, plane)
    losses = evaluator._run(way, POINTS)
    np.testing.assert_allclose(losses, plain(objective, plane, POINTS), rtol=1e-5)


def last(objective: Objective, plane: Plane) -> tuple[np.ndarray, str]:
    (*_, surface) = evaluate_plane(objective, plane, (-1, 1, -1, 1), 13)
    return surface.loss, surface.provenance["strategy"]


def grid(objective: Objective, plane: Plane) -> np.ndarray:
    axis = np.arange(-6, 7) / 6
    return plain(objective, plane, [(a, b) for b in axis for a in axis]).reshape(13, 13)


@pytest.mark.parametrize("name", ["dense tanh", "convolution, batch norm", "attention"])
def test_the_fastest_is_chosen_reported_and_right(name: str) -> None:
    objective = case(name).objective()
    plane = random_plane(objective)
    loss, strategy = last(objective, plane)
    assert strategy.startswith("traced")  # of such small networks most of the loop's time is overhead
    np.testing.assert_allclose(loss, grid(objective, plane), rtol=1e-12)


class Costs:
    """A clock that stands but for what the plain loop and runs of programs are said to take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, loop: float, run: Callable[[int], float]) -> None:
        """Seconds of one point in the loop, and of a run of a program at so many points."""
        self.now, self.runs = 0.0, 0
        loss, terms_loss, mean_losses = Evaluator.loss, ModelTerms.loss_on, evaluation.mean_losses

        def looped(*arguments: Any) -> float:
            self.now += loop
            return loss(*arguments)

        def looped_batch(terms: ModelTerms, theta: Tensor, batch: Batch) -> Tensor:
            self.now += loop * batch.n / terms.n_examples
            return terms_loss(terms, theta, batch)

        def ran(runs: Any, coefficients: Tensor, *rest: Any) -> Tensor:
            self.runs += 1
            share = sum(batch.n for _, batch in runs) / 13
            self.now += run(len(coefficients)) * share
            return mean_losses(runs, coefficients, *rest)

        monkeypatch.setattr(Evaluator, "loss", looped)
        monkeypatch.setattr(ModelTerms, "loss_on", looped_batch)
        monkeypatch.setattr(evaluation, "mean_losses", ran)
        monkeypatch.setattr(evaluation, "clock_of", lambda _: lambda: self.now)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)

    def chosen(self) -> str:
        objective = case("dense tanh").objective()
        return last(objective, random_plane(objective))[1]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda points: 2e-4 * points, "traced, 32 × "),  # five times as fast
        (lambda points: 9e-4 * points, "traced, 32 × "),
        (lambda points: 2e-3 * points, "plain loop"),
        (lambda points: 5e-4 if points == 1 else 2e-3 * points, "traced, 1 × "),
    ],
)
def test_the_choice_is_by_a_clock_of_what_is_computed(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[int], float], expected: str
) -> None:
    """What other programs take of the processor is not on it."""
    assert Costs(monkeypatch, 1e-3, run).chosen().startswith(expected)


def test_one_long_run_does_not_refuse_what_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first runs take ten times as long, as where memory is not at hand yet."""
    costs: Costs
    costs = Costs(monkeypatch, 1e-3, lambda points: (5e-3 if costs.runs < 4 else 5e-4) * points)
    assert costs.chosen().startswith("traced, 32 × ")


@pytest.mark.parametrize(("left", "pays"), [(150, False), (10_000, True)])
def test_other_batches_are_shown_to_be_right_where_that_pays(
    monkeypatch: pytest.MonkeyPatch, left: int, pays: bool
) -> None:
    """A point takes 0.9 of the loop's time: on 150 points that saves fifteen evaluations of the loss."""
    Costs(monkeypatch, 1e-3, lambda points: 9e-4 * points)
    objective, shown = case("dense tanh").objective(), []
    regrouped = Objective.regrouped
    monkeypatch.setattr(Objective, "regrouped", lambda o, size: (shown.append(size), regrouped(o, size))[1])
    evaluator = Evaluator(objective, random_plane(objective))
    list(evaluator.losses(POINTS[:3], 3))
    if pays:
        assert evaluator._time(Strategy(4, 2, 1), left) == pytest.approx(9e-4)
    else:
        with pytest.raises(ValueError, match="saves too little"):
            evaluator._time(Strategy(4, 2, 1), left)
    assert shown == [2] * pays


def test_no_trial_keeps_the_first_picture_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[int] = []
    record = strategies.record
    monkeypatch.setattr(strategies, "record", lambda *given: (traced.append(given[2]), record(*given))[1])
    objective = case("dense tanh").objective()
    surfaces = evaluate_plane(objective, random_plane(objective), resolution=17)
    while next(surfaces).done.sum() < 9:
        assert not traced
    assert not traced
    *_, whole = surfaces
    assert traced
    assert whole.final


class Posing(nn.Module):
    """Behaves otherwise where it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight * (2.0 if _tracing() else 1.0)


def _tracing() -> bool:
    return torch.utils._python_dispatch._get_current_dispatch_mode() is not None


class Deciding(nn.Module):
    """Looks at a value in order to decide what to do."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight if self.weight.sum() > 2.5 else x + self.weight


@pytest.mark.parametrize(("model", "why"), [(Posing(), "its losses are"), (Deciding(), "")])
def test_a_model_that_cannot_be_traced_falls_back(model: nn.Module, why: str, caplog: Log) -> None:
    x = torch.randn(13, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    objective = Objective(model, [(x, 2 * x)], nn.MSELoss())
    plane = random_plane(objective)
    with caplog.at_level(logging.INFO, "landscape_widget.planes.evaluator"):
        loss, strategy = last(objective, plane)
    assert strategy == "plain loop"
    assert caplog.records
    assert all(record.message.startswith("Not evaluated as traced") for record in caplog.records)
    assert why in caplog.text
    np.testing.assert_allclose(loss, grid(objective, plane), rtol=1e-12)


def test_batches_that_hold_more_than_tensors_go_through_the_plain_loop(
    caplog: Log,
) -> None:
    """A trace would give every batch the factor of the first one."""

    def loss_fn(model: nn.Module, batch: dict[str, object]) -> Tensor:
        return batch["factor"] * nn.functional.mse_loss(model(batch["x"]), batch["y"])

    x, y = case("dense tanh", "mse").examples()
    batches = [{"x": x[i : i + 4], "y": y[i : i + 4], "factor": i + 1.0} for i in (0, 4, 8)]
    objective = Objective(case("dense tanh", "mse").model(), batches, loss_fn)
    plane = random_plane(objective)
    with caplog.at_level(logging.INFO, "landscape_widget.planes.evaluator"):
        loss, strategy = last(objective, plane)
    assert strategy == str(LOOP)
    assert "more than tensors" in caplog.text
    np.testing.assert_allclose(loss, grid(objective, plane), rtol=1e-12)


def test_a_strategy_beyond_the_memory_budget_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    monkeypatch.setattr(strategies, "MEMORY_BUDGET", 5e3)
    objective = case("dense tanh").objective()
    plane = random_plane(objective)
    with caplog.at_level(logging.INFO, "landscape_widget.planes.evaluator"):
        loss, strategy = last(objective, plane)
    assert "more than" in caplog.text
    assert not strategy.startswith(("traced, 16", "traced, 32"))
    np.testing.assert_allclose(loss, grid(objective, plane), rtol=1e-12)


def test_out_of_memory_halves_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = case("dense tanh").objective()
    plane = random_plane(objective)
    evaluator = Evaluator(objective, plane)
    evaluator._choice.candidates = iter(())
    evaluator._choice.learn(Strategy(16, 5, 1), 1e-9)
    traced = Evaluator._traced
    tried = []

    def short_of_memory(self: Evaluator, strategy: Strategy, *rest: object) -> Tensor:
        tried.append(strategy.points)
        if strategy.points > 4:
            raise torch.OutOfMemoryError("of 80 GiB, 1 MiB is free")
        return traced(self, strategy, *rest)

    monkeypatch.setattr(Evaluator, "_traced", short_of_memory)
    losses = np.concatenate([values for _, values in evaluator.losses(POINTS * 4, len(POINTS) * 4)])
    assert tried[:3] == [16, 8, 4]
    assert set(tried[2:]) == {4}
    np.testing.assert_allclose(losses, np.tile(plain(objective, plane, POINTS), 4), rtol=1e-12)


def test_an_error_of_another_kind_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = case("dense tanh").objective()
    evaluator = Evaluator(objective, random_plane(objective))
    evaluator._choice.candidates = iter(())
    evaluator._choice.learn(Strategy(16, 5, 1), 1e-9)

    def fails(*_: object) -> Tensor:
        raise RuntimeError("of its own")

    monkeypatch.setattr(Evaluator, "_traced", fails)
    with pytest.raises(RuntimeError, match="of its own"):
        list(evaluator.losses(POINTS, len(POINTS)))


@pytest.mark.parametrize("way", WAYS[1::2], ids=str)
def test_a_run_that_is_cancelled_and_goes_on_gives_the_same_losses(way: Strategy) -> None:
    objective = case("convolution, batch norm").objective()
    plane, cache = random_plane(objective, seed=1), {}
    choice = Evaluator(objective, plane)._choice
    choice.best, choice.seconds[way], choice.candidates = way, 1.0, iter(())
    steps = evaluate_plane(objective, plane, (-1, 1, -1, 1), 13, cache=cache, interval=0.0)
    for _ in range(3):
        next(steps)
    steps.close()
    assert 9 < len(cache) < 169
    *_, surface = evaluate_plane(objective, plane, (-1, 1, -1, 1), 13, cache=cache)
    assert surface.provenance["strategy"] == str(way)
    np.testing.assert_allclose(surface.loss, grid(objective, plane), rtol=1e-12)


def test_two_planes_of_one_objective_at_once() -> None:
    objective = case("convolution, batch norm").objective()
    planes = [random_plane(objective, seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda plane: last(objective, plane)[0], planes))
    for loss, plane in zip(found, planes, strict=True):
        np.testing.assert_allclose(loss, grid(objective, plane), rtol=1e-12)


def test_what_is_known_of_strategies_goes_with_the_objective() -> None:
    objective = case("dense tanh").objective()
    last(objective, random_plane(objective))
    terms = ref(objective.terms)
    known = len(evaluation._choices)
    del objective
    gc.collect()
    assert terms() is None
    assert len(evaluation._choices) < known


def test_a_function_of_theta_is_evaluated_by_the_plain_loop() -> None:
    objective = Objective.from_function(lambda t: (t**2).sum(), torch.ones(4, dtype=torch.float64))
    loss, strategy = last(objective, random_plane(objective))
    assert strategy == str(LOOP)
    np.testing.assert_allclose(loss, grid(objective, random_plane(objective)), rtol=1e-12)


def test_a_program_known_to_be_too_large_is_not_even_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """To trace it would be to run it, with all the memory that it needs."""
    traced: list[int] = []
    record = strategies.record

    def noted(terms: ModelTerms, basis: Tensor, points: int, batch: Batch) -> Program:
        traced.append(points)
        return record(terms, basis, points, batch)

    monkeypatch.setattr(strategies, "record", noted)
    objective = case("dense tanh").objective()
    plane = random_plane(objective)
    *_, whole = evaluate_plane(objective, plane, resolution=17)
    assert max(traced) > 8
    single = evaluation._choices[objective.terms].bytes
    assert single > 0

    traced.clear()
    monkeypatch.setattr(strategies, "MEMORY_BUDGET", 8 * single * objective.n_examples)
    again = case("dense tanh").objective()
    *_, surface = evaluate_plane(again, plane, resolution=17)
    assert set(traced) == {1}
    np.testing.assert_allclose(surface.loss, whole.loss, rtol=1e-12)
