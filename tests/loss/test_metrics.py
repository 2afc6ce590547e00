"""Metrics beside the loss, and other data under the same model: plain torch is the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective

from ..support.cases import RAGGED, case

NETWORK = case("dense tanh")
X, Y = NETWORK.examples()
HELD_OUT = torch.randn(7, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2, 2, 1, 0, 0])


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(1) == target).double().mean()


def objective(**metrics: Any) -> Objective:
    return NETWORK.objective(RAGGED, metrics=metrics)


def test_a_metric_is_the_mean_over_examples_not_over_batches() -> None:
    """The batches hold 5, 5 and 3 examples; the mean of their means is another number."""
    model = NETWORK.model()
    means = [accuracy(model(x), y).item() for x, y in NETWORK.batches(RAGGED)]
    expected = accuracy(model(X), Y).item()
    assert np.mean(means) != pytest.approx(expected)
    assert objective(accuracy=accuracy).metrics() == {"accuracy": pytest.approx(expected, rel=1e-12)}


def test_metrics_follow_theta_and_the_model_stays() -> None:
    found = objective(accuracy=accuracy)
    model = NETWORK.model()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(-1.5)
    there = found.metrics(-1.5 * found.theta)["accuracy"]
    assert there == pytest.approx(accuracy(model(X), Y).item())
    assert there != found.metrics()["accuracy"]


RETURNS = {
    "tensor": lambda value: value,
    "tensor of one element": lambda value: value.reshape(1, 1),
    "float": lambda value: value.item(),
    "numpy": lambda value: np.float32(value.item()),
    "single precision": lambda value: value.float(),
}


@pytest.mark.parametrize("kind", RETURNS)
def test_a_metric_may_return_any_kind_of_number(kind: str) -> None:
    found = objective(m=lambda output, target: RETURNS[kind](accuracy(output, target))).metrics()["m"]
    assert isinstance(found, float)
    assert found == pytest.approx(accuracy(NETWORK.model()(X), Y).item(), rel=1e-6)


def test_a_metric_may_be_a_count_or_a_module_that_sums() -> None:
    model = NETWORK.model()
    summed = nn.CrossEntropyLoss(reduction="sum")
    metrics = objective(count=lambda _output, target: int((target == 1).all()), ce=summed)
    expected = nn.functional.cross_entropy(model(X), Y).item()
    assert metrics.metrics() == {"count": 0.0, "ce": pytest.approx(expected, rel=1e-12)}


def test_a_metric_module_goes_along_to_another_dtype() -> None:
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), reduction="mean")
    found = objective(weighted=weighted).metrics()["weighted"]
    assert np.isfinite(found)
    assert weighted.weight.dtype == torch.float32


def test_a_metric_that_names_the_model_gets_model_and_batch() -> None:
    def worst(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    found = objective(worst=worst)
    assert found.metrics()["worst"] == pytest.approx(found.loss().item(), rel=1e-12)


def test_a_loss_module_whose_forward_names_the_model_gets_model_and_batch() -> None:
    class Decayed(nn.Module):
        def forward(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            squares = sum(p.square().sum() for p in model.parameters())
            return nn.functional.cross_entropy(model(batch[0]), batch[1]) + squares

    found, plain = Objective(NETWORK.model(), (X, Y), Decayed()), objective()
    expected = plain.loss() + plain.theta.square().sum()
    torch.testing.assert_close(found.loss(), expected)


def test_batches_that_are_no_pairs_give_model_and_batch() -> None:
    network = case("dense tanh, dict")

    def measure(m: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return accuracy(m(batch["x"]), batch["y"])

    found = network.objective(RAGGED, metrics={"accuracy": measure}).metrics()
    assert found == {"accuracy": pytest.approx(accuracy(NETWORK.model()(X), Y).item())}


def test_all_metrics_share_one_pass_and_none_costs_none() -> None:
    model = NETWORK.model()
    passes = []
    model.register_forward_hook(lambda *_: passes.append(1))
    data = NETWORK.batches(RAGGED)
    two = Objective(model, data, NETWORK.loss_fn, metrics={"a": accuracy, "b": accuracy})
    passes.clear()
    assert two.metrics()["a"] == two.metrics()["b"]
    assert len(passes) == 2 * len(RAGGED)
    passes.clear()
    assert Objective(NETWORK.model(), data, NETWORK.loss_fn).metrics() == {}
    assert not passes


def test_metrics_stay_with_every_kind_of_copy() -> None:
    found = objective(accuracy=accuracy)
    exact = found.metrics()
    for copied in (found.to(torch.float32), found.precise(), found.at(found.theta), found.subset(13)):
        assert copied.metrics() == exact
    assert found.subset(4).metrics()["accuracy"] in (0, 0.25, 0.5, 0.75, 1)


def test_a_function_has_no_metrics() -> None:
    assert Objective.from_function(lambda t: (t**2).sum(), torch.ones(2)).metrics() == {}


NO_NUMBERS = {
    "one for each example": (lambda o, t: (o.argmax(1) == t).double(), r"got \(5,\) float64"),
    "none": (lambda _o, _t: None, "got NoneType"),
    "complex": (lambda _o, _t: 1j, "got complex"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_a_metric_that_returns_no_number_is_told_at_once(kind: str) -> None:
    metric, got = NO_NUMBERS[kind]
    with pytest.raises(ValueError, match=f"metric 'm' to return one real number, .*{got}"):
        objective(m=metric)


def test_a_metric_that_fails_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"Expected a model and metrics that take the batches.*TypeError"):
        objective(m=lambda output: output.mean())


class Mean:
    """The mean over all batches that it was ever called on."""

    hits = seen = 0.0

    def __call__(self, output: Tensor, target: Tensor) -> float:
        self.hits += float(accuracy(output, target)) * len(target)
        self.seen += len(target)
        return self.hits / self.seen


def test_a_metric_that_keeps_what_it_has_seen_or_draws_is_refused() -> None:
    draws = np.random.default_rng(0)
    for metric in (Mean(), lambda output, target: float(accuracy(output, target)) * draws.random()):
        with pytest.raises(ValueError, match=r"'mean' of .* in a later call on the same batch"):
            objective(mean=metric)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([accuracy], "mapping of names to functions.*got list"),
        ({"m": 3}, "metric 'm' as a callable, got int"),
    ],
)
def test_metrics_of_the_wrong_kind(metrics: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        NETWORK.objective(RAGGED, metrics=metrics)


def test_other_data_under_the_same_model() -> None:
    found = objective(accuracy=accuracy)
    test = found.with_data([(HELD_OUT[:4], LABELS[:4]), (HELD_OUT[4:], LABELS[4:])])
    output = NETWORK.model()(HELD_OUT)
    assert test.loss().item() == pytest.approx(nn.functional.cross_entropy(output, LABELS).item(), rel=1e-12)
    assert test.metrics() == {"accuracy": pytest.approx(accuracy(output, LABELS).item())}
    assert (test.n_examples, test.n_parameters) == (7, found.n_parameters)
    assert found.n_examples == 13
    assert found.with_data((HELD_OUT, LABELS), max_examples=5).n_examples == 5


def test_other_data_that_the_model_cannot_take() -> None:
    with pytest.raises(ValueError, match=r"loss_fn that take the batches.*\(7, 2\) float64"):
        objective().with_data((HELD_OUT[:, :2], LABELS))
    with pytest.raises(ValueError, match="empty loader"):
        objective().with_data([])
    with pytest.raises(TypeError, match="one of a function"):
        Objective.from_function(lambda t: (t**2).sum(), torch.ones(2)).with_data((HELD_OUT, LABELS))


def test_the_explorer_takes_metrics() -> None:
    explorer = LandscapeExplorer(
        NETWORK.model(), NETWORK.batches(), NETWORK.loss_fn, metrics={"accuracy": accuracy}
    )
    assert explorer.objective.metrics() == objective(accuracy=accuracy).metrics()
    explorer.close()
