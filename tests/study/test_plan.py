"""What a computation will take, against what it took."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.study.controls import Controls
from landscape_widget.study.plan import Plan, _least, plan_of
from landscape_widget.study.study import Study

from ..support.cases import ONE_BATCH, case
from ..support.gates import make_controls

Make = Callable[..., LandscapeExplorer]

#: Counts are right within this factor, as the docs say.
FACTOR = 2.0


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Vectors of each product that is taken."""
    taken: list[int] = []
    take = Objective._products_with

    def counted(self: Objective, v: Tensor, theta: Tensor) -> Tensor:
        taken.append(v.reshape(len(v), -1).shape[1])
        return take(self, v, theta)

    monkeypatch.setattr(Objective, "_products_with", counted)
    return taken


@pytest.mark.parametrize("chosen", [{}, {"face": "trace"}, {"samples": 60}, {"accuracy": 0.0}])
def test_counts_are_those_of_the_run(
    make_explorer: Make, products: list[int], chosen: dict[str, object]
) -> None:
    network = case("dense tanh")
    explorer = make_explorer(
        network.model(),
        network.batches(ONE_BATCH),
        network.loss_fn,
        **{"samples": 20, "resolution": 9, **chosen},
    )
    plan = explorer.plan()
    products.clear()
    explorer.compute()
    assert plan.products / FACTOR <= sum(products) <= plan.products * FACTOR
    nodes = explorer.surface.n_evaluated
    assert plan.losses / FACTOR <= nodes <= plan.losses * FACTOR
    assert (plan.n_parameters, plan.n_examples) == (explorer.objective.n_parameters, explorer.examples)
    assert explorer.plan().products <= 0.2 * plan.products, "what is known is not taken again"


def plan(study: Study, controls: Controls) -> Plan:
    return plan_of(study.centre, replace(controls, examples=study.objective.n_examples))


def test_two_pictures_and_both_losses() -> None:
    network = case("dense tanh")
    objective = network.objective()
    study = Study(objective, objective.with_data(network.batches()))
    one = plan(study, make_controls(resolution=9, accuracy=0, domain=(-1, 1, -1, 1)))
    two = plan(
        study,
        make_controls(
            resolution=9,
            accuracy=0,
            domain=(-1, 1, -1, 1),
            compared_axes=("random", "random"),
            compared_domain=(-1, 1, -1, 1),
            compared_split="difference",
        ),
    )
    assert (one.losses, two.losses) == (81, 3 * 81)


def test_memory_is_that_of_basis_and_graphs() -> None:
    """40 vectors of a search and a few at work, in float64, and graphs that cannot be smaller than θ."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, 300), nn.Tanh(), nn.Linear(300, 1))
    objective = Objective(model, (torch.randn(20, 100), torch.randn(20, 1)), nn.MSELoss())
    n = objective.n_parameters
    found = plan(Study(objective), make_controls())
    assert 40 * 8 * n < found.memory < 80 * 8 * n
    assert found.product_seconds > 0
    assert found.loss_seconds > 0


def test_of_a_loss_without_second_derivatives() -> None:
    def f(theta: Tensor) -> Tensor:
        return torch.from_numpy(np.square(theta.detach().numpy())).sum()

    found = plan(Study(Objective.from_function(f, torch.ones(3, dtype=torch.float64))), make_controls())
    assert found.products == 0
    assert math.isnan(found.product_seconds)
    assert math.isfinite(found.seconds)


def test_it_is_told_in_words() -> None:
    found = Plan(7_000_000, 50_000, 419, 1.8, 190, 31.0, 3_400_000_000)
    assert repr(found) == ("Plan(about 1.8 h: 419 losses of 1.8 s, 190 products of 31 s; 3,400 MB)")
    assert found.line == "about 1.8 h: 190 Hessian-vector products, 3.4 GB"
    assert replace(found, products=0, loss_seconds=9.0).line == "about 63 min: 419 losses, 3.4 GB"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.17, "170 ms"),
        (100.0, "100 s"),
        (0.9999, "1000 ms"),
        (0.0012, "1.2 ms"),
        (3.14, "3.1 s"),
        (6e3, "1.7 h"),
    ],
)
def test_times_are_told_without_exponents(seconds: float, words: str) -> None:
    assert f"1 losses of {words};" in repr(Plan(1, 1, 1, seconds, 0, math.nan, 0))


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 MB"),
        (12_345_678, "12 MB"),
        (99_000_000, "99 MB"),
        (123_000_000, "0.1 GB"),
        (940_000_000, "0.9 GB"),
        (9_940_000_000, "9.9 GB"),
        (1_234_000_000_000, "1,234 GB"),
    ],
)
def test_memory_is_told_in_the_unit_that_fits_it(size: int, words: str) -> None:
    assert Plan(1, 1, 1, 1.0, 0, math.nan, size).line.endswith(f" {words}")


@pytest.mark.parametrize(("n", "words"), [(1, "a few seconds"), (99, "a few seconds"), (100, "about 10 s")])
def test_a_short_time_is_told_as_a_few_seconds(n: int, words: str) -> None:
    """What takes no losses and no products is the larger part of it."""
    found = Plan(7, 50, n, 0.1, 0, math.nan, 0)
    assert found.line.startswith(f"{words}: {n} losses, ")
    assert found.is_long == (n >= 100)
    assert repr(found).startswith(f"Plan({words}: {n} losses")


def test_a_short_loss_that_something_delays_once_is_timed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that jumps by 17 ms during the first of three calls and by 1 ms during the others."""
    readings = iter([0.0, 0.017, 1.0, 1.001, 2.0, 2.001])
    monkeypatch.setattr("landscape_widget.study.plan.perf_counter", lambda: next(readings))
    assert _least(lambda: None) == pytest.approx(0.001)


def test_it_measures_once_around_each_point(make_explorer: Make, products: list[int]) -> None:
    """So that it holds up no computation that runs."""
    network = case("dense tanh")
    explorer = make_explorer(network.model(), network.batches(), network.loss_fn)
    first = explorer.plan()
    products.clear()
    assert explorer.plan() == first
    assert not products
    explorer.compute("surface").recentre(0.1, 0.1)
    products.clear()
    assert explorer.plan().product_seconds > 0
    assert products


def test_with_the_workers_of_an_executor(
    make_explorer: Make, products: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product of theirs may take twenty seconds, as with jobs of submitit: one is timed, and once."""
    monkeypatch.setattr("landscape_widget.study.plan._SHORT", 0.0)
    network = case("dense tanh")
    with ThreadPoolExecutor(1) as executor:
        explorer = make_explorer(network.model(), network.batches(), network.loss_fn, executor=executor)
        explorer.compute("eigenpairs")
        products.clear()
        assert explorer.plan().product_seconds > 0
        assert len(products) == 1
