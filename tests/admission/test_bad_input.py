"""Bad input: each fault is met where it enters, with a message that names it and a remedy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import traitlets
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    evaluate_plane,
    hessian_eigenpairs,
    hessian_plane,
    projected_curvatures,
    random_plane,
)

from ..support.cases import case, quadratic

X, Y = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
CRITERION = nn.CrossEntropyLoss()


def linear() -> nn.Module:
    return nn.Linear(4, 3)


def frozen() -> nn.Module:
    return linear().requires_grad_(False)


def with_weight(value: float) -> nn.Module:
    model = linear()
    with torch.no_grad():
        model.weight[0, 0] = value
    return model


class Noisy(nn.Module):
    """Draws random numbers in every mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x + torch.randn_like(x))


class SlightlyNoisy(nn.Module):
    """Draws numbers, from a generator that torch does not know, which hardly move the loss."""

    def __init__(self, size: float) -> None:
        super().__init__()
        self.linear, self.size, self.generator = linear().double(), size, np.random.default_rng(0)

    def __deepcopy__(self, memo: dict[int, Any]) -> SlightlyNoisy:
        made = SlightlyNoisy(self.size)
        made.load_state_dict(self.state_dict())
        made.generator = self.generator
        return made

    def forward(self, x: Tensor) -> Tensor:
        noise = self.generator.standard_normal((len(x), 3))
        return self.linear(x) + self.size * torch.from_numpy(noise).to(x.dtype)


class Generating(nn.Linear):
    """Cannot be copied."""

    def __init__(self) -> None:
        super().__init__(4, 3)
        self.numbers = iter(i for i in range(3))


def unreduced(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, target, reduction="none")


def dropout() -> nn.Module:
    return nn.Sequential(nn.Dropout(0.5), linear())


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "empty list": (lambda: Objective(linear(), [], CRITERION), ValueError, "empty loader"),
    "empty loader": (
        lambda: Objective(linear(), DataLoader(TensorDataset(X[:0], Y[:0]), batch_size=2), CRITERION),
        ValueError,
        "empty loader",
    ),
    "empty tensors": (lambda: Objective(linear(), (X[:0], Y[:0]), CRITERION), ValueError, "empty loader"),
    "empty batches": (lambda: Objective(linear(), [(X[:0], Y[:0])], CRITERION), ValueError, "empty loader"),
    "loss of each example": (
        lambda: Objective(linear(), (X, Y), unreduced),
        ValueError,
        r"return a scalar.*shape \(6,\).*mean",
    ),
    "loss of each example, module": (
        lambda: Objective(linear(), (X, Y), nn.CrossEntropyLoss(reduction="none")),
        ValueError,
        r"return a scalar.*shape \(6,\).*mean",
    ),
    "loss is a number": (
        lambda: Objective(linear(), (X, Y), lambda *_: 1.0),
        ValueError,
        "torch tensor.*got float",
    ),
    "loss is an integer": (
        lambda: Objective(linear(), (X, Y), lambda _, target: target.sum()),
        ValueError,
        "real floating-point.*int64",
    ),
    "loss is NaN": (
        lambda: Objective(linear(), (X, Y), lambda output, _: output.sum() * float("nan")),
        ValueError,
        "finite loss.*got nan",
    ),
    "a weight is infinite, and so is the loss": (
        lambda: Objective(with_weight(float("inf")), (-X.abs(), Y), CRITERION),
        ValueError,
        "finite loss.*got inf.*weights",
    ),
    "a weight is infinite, and the loss is no number": (
        lambda: Objective(with_weight(float("inf")), (X.abs(), Y), CRITERION),
        ValueError,
        "finite loss.*got nan.*weights",
    ),
    "data hold NaN": (
        lambda: Objective(linear(), [(X, Y), (X * float("nan"), Y)], CRITERION),
        ValueError,
        "finite loss.*data",
    ),
    "nothing to train": (
        lambda: Objective(frozen(), (X, Y), CRITERION),
        ValueError,
        r"trainable parameters.*2 parameters.*requires_grad",
    ),
    "no parameters": (
        lambda: Objective(nn.ReLU(), (X, Y), CRITERION),
        ValueError,
        "trainable parameters.*0 parameters",
    ),
    "parameters without elements": (
        lambda: Objective(nn.Linear(4, 0, bias=False), (X, Y), CRITERION),
        ValueError,
        "trainable parameters.*1 parameters.*without elements",
    ),
    "a function of nothing": (
        lambda: Objective.from_function(lambda t: t.sum(), torch.empty(0)),
        ValueError,
        r"shape \(N,\), N ≥ 1, got \(0,\)",
    ),
    "wrong shape": (
        lambda: Objective(linear(), (torch.randn(6, 5), Y), CRITERION),
        ValueError,
        r"take the batches.*\(6, 5\) float32.*cannot be multiplied",
    ),
    "batches of one tensor": (
        lambda: Objective(linear(), [X], CRITERION),
        ValueError,
        r"take the batches.*\(6, 4\) float32",
    ),
    "target out of range": (
        lambda: Objective(linear(), (X, Y + 7), CRITERION),
        ValueError,
        "take the batches.*out of bounds",
    ),
    "dropout in train mode": (
        lambda: Objective(dropout(), (X, Y), CRITERION, mode="train"),
        ValueError,
        "same loss at the same parameters.*drop at random: 0.*mode='eval'",
    ),
    "noise": (
        lambda: Objective(Noisy(), (X, Y), CRITERION),
        ValueError,
        "same loss at the same parameters.*draws random numbers",
    ),
    "pair of other lengths": (
        lambda: Objective(linear(), (X, Y[:4]), CRITERION),
        ValueError,
        "pair of tensors.*6 and 4 rows",
    ),
    "data is one tensor": (lambda: Objective(linear(), X, CRITERION), TypeError, "Expected data as a loader"),
    "data is a number": (lambda: Objective(linear(), 3, CRITERION), TypeError, "Expected data as a loader"),
    "batches of text": (
        lambda: Objective(linear(), [("a", "b")], CRITERION),
        ValueError,
        "batches that hold tensors.*collate_fn",
    ),
    "model is a function": (
        lambda: Objective(torch.tanh, (X, Y), CRITERION),
        TypeError,
        "torch.nn.Module.*from_function",
    ),
    "model cannot be copied": (
        lambda: Objective(Generating(), (X, Y), CRITERION),
        TypeError,
        "deepcopy.*generator",
    ),
    "loss is no function": (
        lambda: Objective(linear(), (X, Y), "cross_entropy"),
        TypeError,
        "loss_fn as a callable, got str",
    ),
    "mode": (
        lambda: Objective(linear(), (X, Y), CRITERION, mode="test"),
        ValueError,
        "mode 'eval' or 'train'",
    ),
    "dtype": (
        lambda: Objective(linear(), (X, Y), CRITERION, dtype=torch.int64),
        TypeError,
        "floating-point torch.dtype",
    ),
    "max_examples": (
        lambda: Objective(linear(), (X, Y), CRITERION, max_examples=0),
        ValueError,
        "max_examples to be at least 1",
    ),
    "no parameter chosen": (
        lambda: Objective(linear(), (X, Y), CRITERION, parameters="layer4.*"),
        ValueError,
        "admit at least one.*layer4.*named: weight, bias",
    ),
    "subset too large": (
        lambda: Objective(linear(), (X, Y), CRITERION).subset(7),
        ValueError,
        "between 1 and 6 examples, got 7",
    ),
    "theta is a matrix": (
        lambda: Objective.from_function(torch.sum, torch.zeros(2, 2)),
        ValueError,
        r"float vector of shape \(N,\)",
    ),
    "theta of integers": (
        lambda: Objective.from_function(torch.sum, torch.zeros(2, dtype=torch.long)),
        ValueError,
        "float vector.*int64",
    ),
    "function returns a vector": (
        lambda: Objective.from_function(torch.exp, torch.zeros(2)),
        ValueError,
        "f to return a scalar",
    ),
    "point of another length": (
        lambda: case("dense tanh").objective().loss(torch.zeros(3)),
        ValueError,
        r"theta of shape \(83,\), got \(3,\)",
    ),
    "vector of another length": (
        lambda: case("dense tanh").objective().hvp(torch.zeros(3, 83)),
        ValueError,
        r"v of shape \(83,\) or \(83, k\), got \(3, 83\)",
    ),
}


@pytest.mark.parametrize(("attempt", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_objective(attempt: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"(?s){message}"):
        attempt()


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.CrossEntropyLoss(ignore_index=0),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 25.0])),
        lambda output, target: nn.functional.cross_entropy(output, target, reduction="sum"),
    ],
    ids=["ignored targets", "class weights", "a sum in a function"],
)
def test_a_loss_that_is_no_mean_over_examples_is_reported(loss_fn: Callable[..., Tensor]) -> None:
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match="not a mean over examples"):
        Objective(linear().double(), (X.double(), torch.tensor([0, 0, 1, 2, 2, 0])), loss_fn)


@pytest.mark.parametrize(
    ("first", "second"),
    [([1, 2, 1, 2], [2, 0]), ([0, 1, 2, 0], [2, 1])],
    ids=["none", "as many in both halves"],
)
@pytest.mark.parametrize(
    "loss_fn", [nn.CrossEntropyLoss(ignore_index=0), partial(nn.functional.cross_entropy, ignore_index=0)]
)
def test_targets_ignored_in_batches_unlike_the_first_are_reported(
    loss_fn: Callable[..., Tensor], first: list[int], second: list[int]
) -> None:
    data = [(X[:4].double(), torch.tensor(first)), (X[4:6].double(), torch.tensor(second))]
    with pytest.warns(UserWarning, match="not a mean over examples"):
        Objective(linear().double(), data, loss_fn)


WEIGHTS = torch.tensor([1.0, 5.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("first", "second"), [([0, 1, 0, 1], [2, 0]), ([1, 1, 1, 1], [0, 0])], ids=["as many", "sorted"]
)
def test_class_weights_that_differ_between_batches_only_are_reported(
    first: list[int], second: list[int]
) -> None:
    data = [(X[:4].double(), torch.tensor(first)), (X[4:6].double(), torch.tensor(second))]
    with pytest.warns(UserWarning, match="not a mean over examples"):
        Objective(linear().double(), data, nn.CrossEntropyLoss(weight=WEIGHTS))
    scores = nn.Sequential(linear().double(), nn.LogSoftmax(dim=1))
    with pytest.warns(UserWarning, match="not a mean over examples"):
        Objective(scores, data, nn.NLLLoss(weight=WEIGHTS))


def test_classes_as_often_in_each_batch_are_taken_with_weights_without_a_warning() -> None:
    data = [(X[:4].double(), torch.tensor([0, 1, 0, 1])), (X[4:6].double(), torch.tensor([1, 0]))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective(linear().double(), data, nn.CrossEntropyLoss(weight=WEIGHTS))


def test_as_many_ignored_targets_in_each_batch_are_taken_without_a_warning() -> None:
    data = [(X[:4].double(), torch.tensor([0, 1, 2, 0])), (X[4:6].double(), torch.tensor([2, 0]))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective(linear().double(), data, nn.CrossEntropyLoss(ignore_index=0))


def test_a_usual_loss_is_taken_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Objective(linear(), [(X, Y), (X[:1], Y[:1])], CRITERION)


SMALL = quadratic(torch.diag(torch.tensor([3.0, 1.0, -1.0, -2.0], dtype=torch.float64)))
PLANE = random_plane(SMALL)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: evaluate_plane(SMALL, PLANE, resolution=50), "odd resolution.*got 50.*Use 51"),
        (lambda: evaluate_plane(SMALL, PLANE, resolution=1), "between 3 and 501"),
        (lambda: evaluate_plane(SMALL, PLANE, resolution=100_001), "between 3 and 501.*100001"),
        (lambda: evaluate_plane(SMALL, PLANE, resolution=5.0), "odd integer, got 5.0"),
        (lambda: evaluate_plane(SMALL, PLANE, resolution=True), "odd integer, got True"),
        (lambda: evaluate_plane(SMALL, PLANE, (1, -1, -1, 1)), "α min < α max"),
        (lambda: evaluate_plane(SMALL, PLANE, (-1, 1, 1, 1)), "β min < β max"),
        (lambda: evaluate_plane(SMALL, PLANE, (-1, 1)), "four finite numbers"),
        (lambda: evaluate_plane(SMALL, PLANE, (-1, 1, -1, float("nan"))), "four finite numbers"),
        (lambda: evaluate_plane(SMALL, PLANE, 0.4), "four finite numbers.*got 0.4"),
        (lambda: hessian_eigenpairs(SMALL, which="middle"), "which as one of largest, smallest, both"),
        (lambda: hessian_eigenpairs(SMALL, k=0), "k between 1 and 2.*got 0"),
        (lambda: hessian_eigenpairs(SMALL, k=3), "k between 1 and 2 for 4 parameters, got 3"),
        (lambda: hessian_eigenpairs(SMALL, tol=0), "0 < tol < 1"),
        (lambda: projected_curvatures(SMALL, samples=0), "samples to be at least 1"),
        (lambda: random_plane(SMALL, normalize="layer"), "normalize as None or 'filter', got 'layer'"),
        (lambda: random_plane(SMALL, normalize="filter"), "form filters.*without filter normalisation"),
        (lambda: hessian_plane(SMALL, ("hessian:max", "random")), "two Hessian axes"),
        (lambda: hessian_plane(SMALL, ("hessian:max", "hessian:max")), "two different Hessian axes"),
        (lambda: hessian_plane(SMALL, ("hessian:top", "hessian:min")), "axis named.*got 'hessian:top'"),
    ],
)
def test_computations(attempt: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attempt()


AXES = [
    (("hessian:max", "hessian:middle"), "axis named.*'hessian:middle'"),
    (("hessian:max:0", "random"), "axis named.*'hessian:max:0'"),
    (("hessian:max:3", "random"), "rank up to 2 for 4 parameters, got 'hessian:max:3'"),
    (("hessian:max", "hessian:max:1"), "two different Hessian axes"),
    (("random:filter", "random"), "form filters"),
    (("random",), "axes as two names"),
    ("random", r"axes as two names, .* such as \(\"hessian:max\", \"random\"\), got 'random'"),
    (("random", 3), "axis named.*got 3"),
]

TRAITS = [
    *(("axes", value, message) for value, message in AXES),
    ("axes", None, "None"),
    ("accuracy", None, "None"),
    ("accuracy", 1.5, "share of the range"),
    ("resolution", 50, "odd resolution.*Use 51"),
    ("resolution", 100_001, "between 3 and 501"),
    ("domain", (0.4, -0.4, -1, 1), "α min < α max"),
    ("domain", (-1, 1), "four finite numbers"),
    ("domain", "wide", "four finite numbers.*'wide'"),
    ("examples", 0, "between 1 and 1 examples"),
    ("examples", 2, "between 1 and 1 examples"),
    ("seed", -1, "seed as an integer from 0 to"),
    ("samples", 0, "samples between 1 and 1000000"),
    ("accuracy", 1.0, "accuracy as a share of the range.*got 1.0"),
    ("accuracy", -0.5, "accuracy as a share of the range.*got -0.5"),
]


@pytest.mark.parametrize(("name", "value", "message"), TRAITS)
def test_a_trait_refuses_and_keeps_its_value(
    make_explorer: Callable[..., LandscapeExplorer], name: str, value: Any, message: str
) -> None:
    explorer = make_explorer(SMALL)
    before = getattr(explorer, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
    assert explorer.status == "idle"


@pytest.mark.parametrize(("name", "value", "message"), TRAITS)
def test_a_control_is_refused_by_the_constructor_too(name: str, value: Any, message: str) -> None:
    with pytest.raises(traitlets.TraitError, match=message):
        LandscapeExplorer(SMALL, **{name: value})


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((linear(), (X, Y), CRITERION), {"resolutoin": 5}, "unexpected keyword 'resolutoin'.*'resolution'"),
        ((linear(), (X, Y), CRITERION), {"max_exmples": 5}, "'max_exmples'.*mean 'max_examples'"),
        ((SMALL,), {"colour": "red"}, "unexpected keyword 'colour'"),
        ((SMALL,), {"status": "done"}, "unexpected keyword 'status'"),
        ((linear(),), {}, "got no data"),
        ((linear(), (X, Y)), {}, "got no loss_fn"),
        ((SMALL, (X, Y), CRITERION), {}, "Objective and controls only"),
        ((SMALL,), {"max_examples": 5}, "Objective and controls only"),
        ((torch.tanh, (X, Y), CRITERION), {}, "torch.nn.Module"),
    ],
)
def test_arguments_of_the_explorer(arguments: Any, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        LandscapeExplorer(*arguments, **keywords)


def test_what_the_objective_refuses_the_explorer_refuses() -> None:
    with pytest.raises(ValueError, match="empty loader"):
        LandscapeExplorer(linear(), [], CRITERION)


@pytest.mark.parametrize("size", [1e-5, 1e-6, 1e-8])
@pytest.mark.parametrize("single", [False, True])
def test_slight_noise_is_named_and_no_gradient_blamed(size: float, single: bool) -> None:
    model = SlightlyNoisy(size)
    if single:
        model.float()
    with pytest.raises(ValueError, match=r"same loss at the same parameters.*draws random numbers"):
        hessian_eigenpairs(Objective(model, (X.to(model.linear.weight), Y), CRITERION))
