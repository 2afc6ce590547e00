"""Gradient graphs that are kept, joined, split or built anew give the same Hessian-vector products."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from landscape_widget import Objective, products
from landscape_widget.losses import ModelTerms

from ..cases import CASES, Case, case
from ..oracle import dense

VECTORS = 3


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def vectors(n: int) -> torch.Tensor:
    return torch.randn(n, VECTORS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("bytes_of_batch", "kept", "calls_of_two_products"),
    [
        pytest.param((16e6, 64e6), 128e6, 1, id="joined"),
        pytest.param((1.0, 1e12), 128e6, 3, id="as the loader gave them"),
        pytest.param((1.0, 1.0), 128e6, 13, id="split into examples"),
        pytest.param((1.0, 1e12), 1.0, 6, id="built anew for each product"),
    ],
)
@pytest.mark.parametrize("example", CASES, ids=str)
def test_however_batches_are_grouped_and_graphs_kept(
    example: Case,
    bytes_of_batch: tuple[float, float],
    kept: float,
    calls_of_two_products: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "_BATCH_BYTES", bytes_of_batch)
    objective = example.objective()
    hessian, v = dense(example).hessian, vectors(objective.n_parameters)
    calls = 0
    term = ModelTerms.term

    def counted(terms: ModelTerms, theta: torch.Tensor, b: int) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return term(terms, theta, b)

    monkeypatch.setattr(ModelTerms, "term", counted)
    by_graph = products.Products(objective.terms, objective.theta, keep=kept)
    for _ in range(2):
        assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert calls == calls_of_two_products + 2  # and two to weigh graphs


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3, "threads of its own changed the number for everybody"
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("kept", [128e6, 1.0], ids=["kept", "built anew"])
@pytest.mark.parametrize("example", CASES, ids=str)
def test_batches_in_threads(example: Case, kept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))
    monkeypatch.setattr(products, "_WORTH_THREADS", 0.0)
    flash = torch.backends.cuda.flash_sdp_enabled()
    objective = example.objective()
    hessian, v = dense(example).hessian, vectors(objective.n_parameters)
    by_graph = products.Products(objective.terms, objective.theta, keep=kept)
    for _ in range(3):
        assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert set(by_graph._seconds) == {1, 3}, "both ways are tried"
    by_graph._seconds = {1: 1.0, 3: 0.0}
    assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert torch.backends.cuda.flash_sdp_enabled() == flash


def test_small_products_start_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(products, "ThreadPoolExecutor", refuse)
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))
    objective = case("dense tanh").objective()
    for _ in range(4):
        objective.hvp(vectors(objective.n_parameters))


def test_products_elsewhere_do_not_take_the_graphs_of_the_origin() -> None:
    example = case("dense tanh")
    objective = example.objective()
    v = vectors(objective.n_parameters)
    here = objective.hvp(v)
    elsewhere = objective.hvp(v, objective.theta + 0.1)
    assert relative(elsewhere, dense(example, step=0.1).hessian @ v) < 1e-10
    assert relative(elsewhere, here) > 1e-2
    assert torch.equal(objective.hvp(v), here)


def test_a_loss_that_is_no_mean_over_examples_keeps_the_batches_of_the_loader() -> None:
    x, y = case("dense tanh").examples()
    weighted = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64))
    batches = [(x[:5], y[:5]), (x[5:10], y[5:10]), (x[10:], y[10:])]
    with pytest.warns(UserWarning, match="not a mean over examples"):
        objective = Objective(case("dense tanh").model(), batches, weighted)
    v = vectors(objective.n_parameters)
    parts = [Objective(case("dense tanh").model(), [batch], weighted) for batch in batches]
    expected = sum(len(b[0]) / 13 * part.hvp(v) for b, part in zip(batches, parts, strict=True))
    assert relative(objective.hvp(v), expected) < 1e-12
