"""Gradient graphs that are kept, joined, split or built anew give the same Hessian-vector products."""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Iterator
from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective
from landscape_widget.engine.product_program import record
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.objective import products, weighing

from ..support.cases import EACH, FEW, Case, case
from ..support.logs import Log
from ..support.oracle import dense

VECTORS = 3


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def vectors(n: int) -> torch.Tensor:
    return torch.randn(n, VECTORS, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def by_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is recorded, however busy the machine."""
    monkeypatch.setattr(products, "_WORTH_RECORDING", math.inf)


#: Bytes of a batch, bytes of graphs that are kept, and calls of the loss by two products.
GROUPS = {
    "joined": ((16e6, 64e6), 128e6, 1),
    "as the loader gave them": ((1.0, 1e12), 128e6, 3),
    "split into examples": ((1.0, 1.0), 128e6, 13),
    "built anew for each product": ((1.0, 1e12), 1.0, 6),
}


@pytest.mark.parametrize(
    ("example", "groups"),
    [
        *((each, "split into examples") for each in FEW),
        *zip(FEW, [name for name in GROUPS if "split" not in name], strict=True),
    ],
    ids=str,
)
def test_however_batches_are_grouped_and_graphs_kept(
    example: Case, groups: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_of_batch, kept, calls_of_two_products = GROUPS[groups]
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
    products.Products(objective.terms, objective.theta, objective.regrouped, kept).of(
        v
    )  # groups are compared once
    calls = 0
    by_graph = products.Products(objective.terms, objective.theta, objective.regrouped, kept)
    for _ in range(2):
        assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert calls == calls_of_two_products + 3  # two to weigh graphs, and one to time them


@pytest.mark.parametrize(("share", "used"), [(0.1, False), (0.5, True)])
def test_room_for_few_graphs_is_not_used(share: float, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))
    objective = case("dense tanh").objective()
    v = vectors(objective.n_parameters)
    whole = products.Products(objective.terms, objective.theta, objective.regrouped, 128e6)
    whole.of(v)
    batches = whole.kept
    assert batches == objective.n_examples
    need = sum(map(whole.need, range(batches)))
    some = products.Products(objective.terms, objective.theta, objective.regrouped, share * need)
    some.of(v)
    assert bool(some.kept) is used
    assert some.kept < batches


def test_graphs_are_weighed_without_the_data_that_they_refer_to() -> None:
    """A batch is a view of all examples, whose memory is no part of any graph."""
    example = case("dense tanh")
    x, y = example.examples()
    found = []
    for times in (1, 50):
        objective = Objective(example.model(), (x.repeat(times, 1), y.repeat(times)), example.loss_fn)
        weighed = products.Products(objective.terms, objective.theta, objective.regrouped, 128e6)
        weighed._measure()
        found.append(weighed._size)
    assert found[0] == found[1]
    assert found[0].fixed < 50 * x.nbytes


def test_graphs_that_were_weighed_are_gone() -> None:
    """A sigmoid keeps its result for its derivative; kept as it stands, it and its graph hold each other."""
    outputs: list[ref[torch.Tensor]] = []

    def loss_fn(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        outputs.append(ref(output))
        return nn.functional.mse_loss(output, target)

    model = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid())
    objective = Objective(model, (torch.randn(16, 3), torch.rand(16, 2)), loss_fn)
    outputs.clear()
    products.Products(objective.terms, objective.theta, objective.regrouped, 128e6)._measure()
    assert len(outputs) == 3
    assert not any(output() is not None for output in outputs)


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3, "threads of its own changed the number for everybody"
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_threads_that_were_slow_at_first_are_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))
    objective = case("dense tanh").objective()
    by_graph = products.Products(objective.terms, objective.theta, objective.regrouped, 128e6)
    by_graph.of(vectors(objective.n_parameters))
    found = []
    for seconds in ({}, {1: 1.0}, {1: 1.0, 3: 0.5}, {1: 1.0, 3: 2.0}, {1: 1.0, 3: 1.5}):
        by_graph.seconds = seconds
        found.append(by_graph.threads())
    assert found == [1, 3, 3, 3, 1]


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize(("example", "kept"), [*((each, 128e6) for each in FEW), (FEW[0], 1.0)], ids=str)
def test_batches_in_threads(example: Case, kept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))
    monkeypatch.setattr(products, "_WORTH_THREADS", 0.0)
    flash = torch.backends.cuda.flash_sdp_enabled()
    objective = example.objective()
    hessian, v = dense(example).hessian, vectors(objective.n_parameters)
    by_graph = products.Products(objective.terms, objective.theta, objective.regrouped, kept)
    for _ in range(3):
        assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert set(by_graph.seconds) == {1, 3}, "both ways are tried"
    by_graph.seconds = {1: 1.0, 3: 0.0}
    assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert torch.backends.cuda.flash_sdp_enabled() == flash


def recorded(example: Case, kept: float, monkeypatch: pytest.MonkeyPatch) -> products.Products:
    """Products of which all batches are recorded, however long that takes."""
    monkeypatch.setattr(products, "_WORTH_RECORDING", 0.0)
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1e12))
    monkeypatch.setattr(products.Products, "_compare", lambda *_: (0.0, 1.0))
    objective = example.objective()
    return products.Products(objective.terms, objective.theta, objective.regrouped, kept)


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize(
    ("example", "kept", "n_kept"),
    [*((each, 128e6, 3) for each in EACH), (FEW[0], 1.0, 0)],
    ids=str,
)
def test_recorded_products(example: Case, kept: float, n_kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_WORTH_THREADS", 0.0)
    by_program = recorded(example, kept, monkeypatch)
    hessian = dense(example).hessian
    v = vectors(len(hessian))
    for _ in range(3):
        assert relative(by_program.of(v), hessian @ v) < 1e-10
        assert relative(by_program.of(v[:, :1]), hessian @ v[:, :1]) < 1e-10
    assert by_program.recorded
    assert by_program.kept == n_kept
    assert set(by_program.seconds) == {1, 3}


def test_a_recording_computes_nothing_that_the_product_does_not_need() -> None:
    def loss(theta: Tensor, x: Tensor) -> Tensor:
        return (x @ theta).sin().sum()

    theta, v, *_ = vectors(6).T.clone()
    x = vectors(6).T
    program = record(loss, theta, v, x)
    targets = [str(node.target) for node in program.along.graph.nodes]
    # Hv is taken as the derivative of a number, ∇L·v, which itself nobody wants
    assert not any("dot" in target or "ones_like" in target for target in targets)
    expected = torch.func.hessian(loss)(theta, x) @ v
    torch.testing.assert_close(program.along(v, *program.at(theta, x)), expected)


@pytest.mark.parametrize(
    ("n", "most", "size"), [(2000, 128, 125), (256, 43, 32), (13, 5, 5), (7, 9, 7), (12, 4, 4), (97, 10, 10)]
)
def test_batches_are_equal_where_that_takes_few_more(n: int, most: int, size: int) -> None:
    assert products.even_size(n, most) == size


def test_what_is_kept_of_a_recording_counts_against_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    by_program = recorded(case("dense tanh"), 128e6, monkeypatch)
    v = vectors(case("dense tanh").objective().n_parameters)
    by_program.of(v)
    assert by_program.recorded
    used = 128e6 - by_program.left
    smaller = recorded(case("dense tanh"), 0.7 * used, monkeypatch)
    assert torch.equal(smaller.of(v), by_program.of(v))
    assert smaller.recorded
    assert smaller.kept == 2


def test_a_recording_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch, caplog: Log) -> None:
    monkeypatch.setattr(products, "_WORTH_RECORDING", 0.0)
    add = products.Programs.add
    monkeypatch.setattr(products.Programs, "add", lambda *args: add(*args) * (1 + 1e-8))
    example = case("dense tanh")
    objective = example.objective()
    v = vectors(objective.n_parameters)
    with caplog.at_level(logging.INFO, "landscape_widget.objective.products"):
        assert relative(objective.hvp(v), dense(example).hessian @ v) < 1e-10
    assert "differ by 1.0e-08" in caplog.text
    assert objective._products is not None
    assert not objective._products.recorded


def test_a_loss_that_cannot_be_recorded_is_differentiated(
    monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    class Curious(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = case("dense tanh").model()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            output: torch.Tensor = self.inner(x)
            return output if output.sum() < math.inf else -output

    monkeypatch.setattr(products, "_WORTH_RECORDING", 0.0)
    example = case("dense tanh")
    objective = Objective(Curious(), example.batches(), example.loss_fn)
    v = vectors(objective.n_parameters)
    with caplog.at_level(logging.INFO, "landscape_widget.objective.products"):
        assert relative(objective.hvp(v), dense(example).hessian @ v) < 1e-10
    assert "looks at the values" in caplog.text


@pytest.mark.parametrize(("example", "count"), [*((each, 11) for each in EACH), (FEW[0], 8)], ids=str)
def test_several_vectors_at_once(example: Case, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products.Products, "_compare", lambda *_: (0.0, 1.0))
    objective = example.objective()
    by_graph = products.Products(objective.terms, objective.theta, objective.regrouped, 128e6)
    hessian = dense(example).hessian
    v = torch.randn(len(hessian), count, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        assert relative(by_graph.of(v), hessian @ v) < 1e-10
    assert by_graph.at_once == products._AT_ONCE


def test_small_products_start_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(products, "pool", refuse)
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


@pytest.mark.parametrize(("limit", "recorded"), [(0.0, False), (1e12, True)])
def test_large_operations_are_not_recorded(
    limit: float, recorded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_WORTH_RECORDING", 0.0)
    monkeypatch.setattr(weighing, "DEEP", limit)
    tried: list[products.Products] = []

    def note(self: products.Products) -> None:
        tried.append(self)

    monkeypatch.setattr(products.Products, "_record", note)
    example = case("convolution, batch norm")
    objective, hessian = example.objective(), dense(example).hessian
    found = products.Products(objective.terms, objective.theta, objective.regrouped, 128e6)
    v = vectors(objective.n_parameters)
    assert relative(found.of(v), hessian @ v) < 1e-10
    assert bool(tried) is recorded


@pytest.mark.parametrize("kept", [1.0, 128e6], ids=["none kept", "kept"])
@pytest.mark.parametrize("name", ["dense tanh", "convolution, batch norm"])
def test_batches_are_larger_where_no_graph_is_kept(
    name: str, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = case(name)
    objective, hessian = example.objective(), dense(example).hessian
    v, batches = vectors(objective.n_parameters), []
    probe = products.Products(objective.terms, objective.theta, objective.regrouped, kept)
    probe._measure()
    two = probe._size.of(2)
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, two))
    for more in (1.0, 100.0):
        monkeypatch.setattr(products, "_UNKEPT", more)
        found = products.Products(objective.terms, objective.theta, objective.regrouped, kept)
        assert relative(found.of(v), hessian @ v) < 1e-10
        batches.append(len(found.terms.weights))
    assert (batches[0] > batches[1]) is (kept == 1.0)


@pytest.mark.parametrize(
    ("bytes_of_example", "examples"),
    [
        pytest.param(1e6, 24, id="shallow"),
        pytest.param(4e6, 12, id="deep"),
        pytest.param(50e6, 4, id="deep and large"),
    ],
)
def test_operations_of_deep_networks_have_some_examples_at_once(
    bytes_of_example: float, examples: int
) -> None:
    size = weighing.GraphSize(bytes_of_example, 0.0)
    assert round(size.batch(128, 12e6, 24e6)) == examples


@pytest.mark.parametrize(("keep", "as_they_are"), [(128e6, True), (1e3, False)])
def test_batches_stay_where_all_graphs_of_a_deep_network_are_kept(
    keep: float, as_they_are: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighing, "DEEP", 0.0)
    monkeypatch.setattr(weighing, "_LEAST_EXAMPLES", 1)
    monkeypatch.setattr(products, "_BATCH_BYTES", (1.0, 1.0))
    monkeypatch.setattr(products, "_FEW_BYTES", keep)
    example = case("convolution, batch norm")
    objective, hessian = example.objective(), dense(example).hessian
    found = products.Products(objective.terms, objective.theta, objective.regrouped, keep)
    v = vectors(objective.n_parameters)
    for _ in range(2):
        assert relative(found.of(v), hessian @ v) < 1e-10
    assert (found.terms is objective.terms) is as_they_are
    assert bool(found.kept) is as_they_are


def test_what_products_keep_goes_with_their_objective() -> None:
    """At once: graphs of a large network do not wait for Python to look for cycles."""
    objective = case("dense tanh").objective(dtype=torch.float32)
    objective.hvp(torch.ones(objective.n_parameters))
    assert objective._products is not None
    kept = ref(objective._products)
    gc.disable()
    try:
        del objective
        assert kept() is None
    finally:
        gc.enable()
