"""Random small models, losses and layouts of data: everything agrees with double backward, or is refused.

The reference takes the user's model as it is, batch by batch, and shares no code with the package. Run more
cases with ``CASES=5000 pytest tests/objective/test_differential.py``.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from landscape_widget import (
    Objective,
    SecondDerivativeError,
    evaluate_plane,
    hessian_eigenpairs,
    random_plane,
)

pytestmark = pytest.mark.oracle

N_CASES = int(os.environ.get("CASES", "24"))
CLASSES, TOKENS = 3, 4

Criterion = Callable[[Tensor, Tensor], Tensor]


class Tokens(nn.Module):
    """Reads tokens, says something of each of them: outputs of shape (n, classes, length)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(5, 3), nn.Linear(3, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        mixed = self.embedding(tokens) + self.embedding(tokens).mean(dim=1, keepdim=True)
        return self.head(torch.tanh(mixed)).movedim(-1, 1)


def mlp(activation: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), activation(), nn.Linear(4, CLASSES))


def normalised() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, CLASSES))
    model(torch.randn(20, 2))
    return model


def frozen() -> nn.Module:
    model = mlp(nn.Tanh)
    model[0].requires_grad_(False)
    return model


MODELS: dict[str, Callable[[], nn.Module]] = {
    "tanh": lambda: mlp(nn.Tanh),
    "ReLU": lambda: mlp(nn.ReLU),
    "SiLU": lambda: mlp(nn.SiLU),
    "batch norm": normalised,
    "frozen": frozen,
    "tokens": Tokens,
}

WEIGHT = torch.tensor([0.2, 1.0, 4.0], dtype=torch.float64)

#: Loss function, whether it returns a sum, and whether it takes classes.
LOSSES: dict[str, tuple[Criterion, bool, bool]] = {
    "cross entropy": (nn.CrossEntropyLoss(), False, True),
    "class weights": (nn.CrossEntropyLoss(weight=WEIGHT), False, True),
    "class weights, function": (partial(F.cross_entropy, weight=WEIGHT), False, True),
    "label smoothing": (nn.CrossEntropyLoss(label_smoothing=0.1), False, True),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), True, True),
    "sum, function": (partial(F.cross_entropy, reduction="sum", weight=WEIGHT), True, True),
    "ignored": (nn.CrossEntropyLoss(ignore_index=0), False, True),
    "squares": (nn.MSELoss(), False, False),
    "sum of squares": (partial(F.mse_loss, reduction="sum"), True, False),
    "Huber": (nn.SmoothL1Loss(), False, False),
    "ranks": (lambda o, t: (o.sort(dim=0).values - t).square().mean(), False, False),
    "spread": (lambda o, t: (o - t).square().mean() + o.var(dim=0, correction=0).mean(), False, False),
}


class Named(NamedTuple):
    x: Tensor
    y: Tensor


LAYOUTS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "tuple": lambda x, y: (x, y),
    "list": lambda x, y: [x, y],
    "dictionary": lambda x, y: {"x": x, "y": y},
    "named": Named,
    "list of examples": lambda x, y: {"x": list(x), "y": y},
}


def problem(number: int) -> dict[str, Any]:
    """Every loss in turn, each time with another model; what else there is at random."""
    models, losses, layouts, drawn = list(MODELS), list(LOSSES), list(LAYOUTS), Random(number)
    return {
        "model": models[(number + number // len(losses)) % len(models)],
        "loss": losses[number % len(losses)],
        "layout": layouts[number % len(layouts)],
        "sizes": [drawn.randint(1, 9) for _ in range(drawn.randint(1, 4))],
        **{name: drawn.random() < 0.5 for name in ("sorted", "padded", "zero head")},
        "seed": number,
    }


def made(asked: dict[str, Any]) -> tuple[nn.Module, list[Any], list[int], Any, Callable[..., Tensor]]:
    """Model, batches, examples in each, the loss as a user writes it, and the loss of (model, batch)."""
    torch.manual_seed(asked["seed"])
    model = MODELS[asked["model"]]().double().eval()
    if asked["zero head"]:
        last = list(model.modules())[-1]
        nn.init.zeros_(last.weight)
    criterion, is_sum, takes_classes = LOSSES[asked["loss"]]
    sizes, tokens = asked["sizes"], asked["model"] == "tokens"
    n = sum(sizes)
    x = torch.randint(5, (n, TOKENS)) if tokens else torch.randn(n, 2, dtype=torch.float64)
    shape = (n, TOKENS) if tokens else (n,)
    if takes_classes:
        y = torch.randint(CLASSES, shape)
        y = y.sort(dim=0).values if asked["sorted"] else y
        if asked["padded"]:
            y[n // 3 :][torch.rand(y[n // 3 :].shape) < 0.6] = -100 if asked["loss"] != "ignored" else 0
    else:
        y = torch.randn(n, CLASSES, *shape[1:], dtype=torch.float64)
    layout = LAYOUTS[asked["layout"]]
    batches = [layout(a, b) for a, b in zip(x.split(sizes), y.split(sizes), strict=True)]
    is_pair = asked["layout"] in ("tuple", "list", "named")

    def inputs(batch: Any) -> Tensor:
        found = batch[0] if is_pair else batch["x"]
        return torch.stack(found) if isinstance(found, list) else found

    def of_batch(model: nn.Module, batch: Any) -> Tensor:
        target = batch[1] if is_pair else batch["y"]
        return criterion(model(inputs(batch)), target) / (len(target) if is_sum else 1)

    return model, batches, sizes, (criterion if is_pair else of_batch), of_batch


class Truth:
    """L, ∇L and H by double backward, the mean over batches weighed by examples."""

    def __init__(
        self, model: nn.Module, batches: list[Any], sizes: list[int], loss: Callable[..., Tensor]
    ) -> None:
        self._model, self._loss = copy.deepcopy(model), loss
        self._batches, self._sizes = batches, sizes
        self._parameters = [p for p in self._model.parameters() if p.requires_grad]

    def loss(self) -> Tensor:
        terms = [
            n * self._loss(self._model, batch) for n, batch in zip(self._sizes, self._batches, strict=True)
        ]
        return sum(terms) / sum(self._sizes)

    def loss_at(self, theta: Tensor) -> float:
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(theta, self._parameters)
            return float(self.loss())

    def derivatives(self) -> tuple[Tensor, Tensor]:
        def flat(output: Tensor) -> Tensor:
            found = torch.autograd.grad(
                output, self._parameters, create_graph=True, retain_graph=True, materialize_grads=True
            )
            return torch.cat([g.reshape(-1) for g in found])

        gradient = flat(self.loss())
        zeros = torch.zeros_like(gradient)
        rows = [flat(g) if g.requires_grad else zeros for g in gradient]
        return gradient.detach(), torch.stack(rows).detach()


@pytest.mark.filterwarnings("ignore:The loss of the first batch", "ignore:Expected Hessian-vector products")
@pytest.mark.parametrize("number", range(N_CASES))
def test_everything_agrees_or_is_refused(number: int) -> None:
    model, batches, sizes, loss_fn, of_batch = made(problem(number))
    truth = Truth(model, batches, sizes, of_batch)
    try:
        objective = Objective(model, batches, loss_fn)
        pairs = hessian_eigenpairs(objective, tol=1e-6)
    except (ValueError, SecondDerivativeError) as refusal:
        assert "Expected" in str(refusal)  # noqa: PT017 - most cases raise nothing
        return
    close = {"rtol": 1e-9, "atol": 1e-11}
    assert objective.n_examples == sum(sizes)
    assert objective.loss().item() == pytest.approx(float(truth.loss().detach()), rel=1e-9, abs=1e-11)
    gradient, hessian = truth.derivatives()
    torch.testing.assert_close(objective.gradient(), gradient, **close)
    v = torch.randn(len(gradient), 9, dtype=torch.float64)
    torch.testing.assert_close(objective.hvp(v), hessian @ v, **close)
    exact = torch.linalg.eigvalsh(hessian)
    scale = 1e-8 * float(exact.abs().max()) + 1e-12
    for value, residual, true in zip(pairs.values, pairs.residuals, (exact[-1], exact[0]), strict=True):
        assert abs(value - float(true)) <= residual + scale
    off = hessian.numpy() @ pairs.vectors - pairs.vectors * pairs.values
    np.testing.assert_allclose(np.linalg.norm(off, axis=0), pairs.residuals, atol=scale)
    plane = random_plane(objective, seed=number)
    *_, surface = evaluate_plane(objective, plane, (-0.5, 0.5, -0.5, 0.5), 3)
    assert surface.done.all()
    for i in range(3):
        for j in range(3):
            theta = torch.from_numpy(plane.point(surface.alpha[j], surface.beta[i]))
            assert surface.loss[i, j] == pytest.approx(truth.loss_at(theta), rel=1e-9, nan_ok=True)
