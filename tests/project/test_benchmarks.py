"""The benchmark's pieces on a tiny workload: that they run, and that a wrong result gets no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ..benchmarks import measure, planes, products, report
from ..benchmarks.measure import Budget, Run, WrongResultError, alternate, compare
from ..benchmarks.report import Row
from ..benchmarks.workloads import WORKLOADS, Workload

N_EXAMPLES = 130  # more than one batch, the last one ragged

TINY = Workload(
    "tiny",
    "tiny, 5×5",
    lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)),
    lambda: (torch.randn(N_EXAMPLES, 2), torch.randn(N_EXAMPLES, 1)),
    nn.MSELoss(),
    5,
    {"float32": 1, "float64": 1},
)


def run_of(*values: float) -> Run:
    return Run(1.0, np.array(values))


@pytest.mark.parametrize("dtype", TINY.goals)
def test_plain_loop_and_package_agree_on_the_grid(dtype: str) -> None:
    problem = TINY.problem(dtype)
    contenders = {
        planes.PLAIN: lambda: planes.plain_loop(problem),
        planes.OURS: lambda: planes.this_package(problem, planes.objective_of(problem)),
        planes.VMAP: lambda: planes.plain_vmap(problem, 4),
    }
    rounds = alternate(contenders, contenders, 2, 1e-5 if dtype == "float32" else 1e-12)
    assert [len(seconds) for seconds in rounds.seconds.values()] == [2, 2, 2]
    assert rounds.refused == {}


def test_the_plain_loop_is_the_mean_over_examples_at_each_node() -> None:
    problem = TINY.problem("float64")
    loss = planes.plain_loop(problem).result
    origin, eta, delta = problem.vectors()
    for i, j in ((2, 2), (0, 3), (4, 1)):
        at = origin + problem.axis[j] * eta + problem.axis[i] * delta
        with torch.no_grad():
            for p, value in zip(problem.model.parameters(), problem.in_tensors(at), strict=True):
                p.copy_(value)
            expected = problem.loss_fn(problem.model(problem.x), problem.y).item()
        np.testing.assert_allclose(loss[i, j], expected, rtol=1e-12)


def test_products_are_those_of_the_dense_hessian() -> None:
    problem = TINY.problem("float64")
    parameters = dict(problem.model.named_parameters())
    sizes = [p.numel() for p in parameters.values()]

    def loss(theta: torch.Tensor) -> torch.Tensor:
        tensors = {k: v.view_as(p) for (k, p), v in zip(parameters.items(), theta.split(sizes), strict=True)}
        return problem.loss_fn(torch.func.functional_call(problem.model, tensors, problem.x), problem.y)

    theta = torch.cat([p.detach().reshape(-1) for p in parameters.values()])
    hessian = torch.autograd.functional.hessian(loss, theta)
    vector = torch.randn(4, sum(sizes), generator=torch.Generator().manual_seed(2), dtype=torch.float64)[1]
    run = products.this_package(problem, 2)
    np.testing.assert_allclose(run.result, hessian @ vector, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([0.0, 1.0, 2.0, 3.1], id="one value off"),
        pytest.param([1.0, 2.0, 3.0, 0.0], id="shifted by a node"),
        pytest.param([0.0, 1.0, 2.0, np.inf], id="infinite"),
        pytest.param([0.0, np.nan, np.nan, np.nan], id="most of them missing"),
        pytest.param([0.0, 1.0, 2.0], id="another grid"),
    ],
)
def test_a_wrong_result_is_refused(wrong: list[float]) -> None:
    with pytest.raises(WrongResultError):
        compare(np.array(wrong), np.array([0.0, 1.0, 2.0, 3.0]), 1e-2)


def test_a_peer_gets_no_time_for_a_wrong_result_nor_for_a_crash() -> None:
    def crash() -> Run:
        raise ModuleNotFoundError("no such peer")

    contenders = {
        "reference": lambda: run_of(0, 1, 2),
        "ours": lambda: run_of(0, 1, 2.0001),
        "wrong": lambda: run_of(0, 1, 3),
        "absent": crash,
    }
    rounds = alternate(None, contenders, 3, 1e-3)
    assert set(rounds.seconds) == {"reference", "ours"}
    assert set(rounds.refused) == {"wrong", "absent"}
    assert "no such peer" in rounds.refused["absent"]


def test_a_result_that_goes_wrong_later_loses_its_times() -> None:
    answers = iter([2.0, 2.0, 3.0])
    contenders = {
        "reference": lambda: run_of(0, 1, 2),
        "ours": lambda: run_of(0, 1, 2),
        "peer": lambda: run_of(0, 1, next(answers)),
    }
    assert set(alternate(None, contenders, 3, 1e-3).seconds) == {"reference", "ours"}


def test_this_package_may_not_be_wrong() -> None:
    contenders = {"reference": lambda: run_of(0, 1, 2), "ours": lambda: run_of(0, 1, 3)}
    with pytest.raises(WrongResultError, match="ours"):
        alternate(contenders, contenders, 1, 1e-3)


def test_the_rest_of_a_run_that_is_broken_off_counts_as_its_last_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 3.0, 4.0, 5.0, 6.0])
    monkeypatch.setattr(measure, "clock", lambda: next(times))
    budget = Budget(5.5)
    assert [budget.is_left(done) for done in (1, 2, 3, 4)] == [True, True, True, False]
    assert budget.seconds(10, steady=False) == 6.0 + 6 * 1.0
    assert budget.seconds(10, steady=True) == 15.0


def test_a_run_that_is_broken_off_after_its_first_part_has_that_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 2.0])
    monkeypatch.setattr(measure, "clock", lambda: next(times))
    budget = Budget(1.0)
    assert not budget.is_left(2)
    assert budget.seconds(2, steady=False) == budget.seconds(2, steady=True) == 2.0
    assert budget.seconds(6, steady=False) == budget.seconds(6, steady=True) == 6.0


def test_only_losses_that_both_have_are_compared() -> None:
    reference = np.array([0.0, 1.0, np.nan, 3.0])
    compare(np.array([0.0, np.nan, 7.0, np.nan]), reference, 1e-3, least=0.0)
    with pytest.raises(WrongResultError):
        compare(np.array([0.1, np.nan, 7.0, np.nan]), reference, 1e-3, least=0.0)


def test_speed_is_the_median_of_the_ratios_within_rounds() -> None:
    reference, ours = iter([8.0, 2.0, 9.0]), iter([2.0, 1.0, 3.0])
    contenders = {
        "reference": lambda: Run(next(reference), np.arange(2.0)),
        "ours": lambda: Run(next(ours), np.arange(2.0)),
    }
    assert alternate(None, contenders, 3, 0.0).speed("ours", "reference") == 3.0


@pytest.mark.parametrize(
    ("figure", "unit", "goal", "met"),
    [
        (3.0, "×", 2.5, True),
        (2.0, "×", 2.5, False),
        (0.5, "s", 0.6, True),
        (0.7, "s", 0.6, False),
        (None, "s", 0.6, False),
        (1.0, "s", None, None),
    ],
)
def test_a_goal_is_met_from_above_for_speeds_and_from_below_otherwise(
    figure: float | None, unit: str, goal: float | None, met: bool | None
) -> None:
    row = Row("part", "what", figure, unit, goal)
    assert row.met is met
    assert ("missed" in row.wanted) is (met is False)


def test_the_markdown_table_is_made_from_the_json(tmp_path: Path) -> None:
    about = {
        "machine": {"processor": "abacus", "cores": 2},
        "versions": {"torch": "2", "PyHessian": None},
        "threads": {"torch": 2},
        "quick": False,
        "ratios": 5,
    }
    details = {
        "others": {"a peer": 1.25},
        "refused": {"another": "wrong result, off by 1"},
        "notes": {"this package": {"strategy": "chunks"}, "a peer": {"version": "1"}, "reference": {}},
        "bound": "1 of 2 GFLOP/s",
    }
    rows = [Row("Grid", "FCNN", 12.34, "×", 12, details), Row("Page", "bytes", 61.0, "kB", 60)]
    report.write(tmp_path / "new" / "file.json", about, rows)
    table = report.markdown(*report.read(tmp_path / "new" / "file.json"))
    beside = "this package (strategy chunks); a peer 1.25× (version 1); another: wrong result, off by 1"
    assert f"| FCNN | 12.3× | ≥ 12× | {beside}; 1 of 2 GFLOP/s |" in table
    assert "| bytes | 61 kB | ≤ 60 kB, missed |" in table
    assert "abacus, 2 cores, 2 threads of torch; torch 2; medians of 5 runs each." in table


def test_the_workloads_have_the_sizes_that_the_goals_are_for() -> None:
    sizes = {
        name: sum(p.numel() for p in WORKLOADS[name].model().parameters())
        for name in ("fcnn1", "fcnn2", "convnet", "resnet20")
    }
    assert sizes == {"fcnn1": 20_501, "fcnn2": 101_301, "convnet": 61_706, "resnet20": 272_474}
