"""The catalogue of small problems that the tests run over: networks, losses, data, all in float64."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import cloudpickle
import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget import Objective

N_EXAMPLES = 13
RAGGED = (5, 5, 3)
"""Batch sizes whose last one is smaller: a tool that weighs batches alike is wrong on them."""
ONE_BATCH = (N_EXAMPLES,)
"""For tests that are about something else, to be quick."""


@dataclass(frozen=True)
class Case:
    """A network, its data and its loss; everything is made anew, and the same, at every call."""

    name: str
    network: Callable[[], nn.Module]
    inputs: Callable[[], Tensor]
    outputs: int
    loss: str
    """"mse" or "cross entropy"."""
    batches_are_dicts: bool = False

    def __str__(self) -> str:
        return f"{self.name}, {self.loss}"

    def model(self) -> nn.Module:
        """The network with weights of the size that training leaves, in ``eval`` mode."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(11)
            return self.network().double().eval()

    def examples(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets, one row for an example."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(12)
            x = self.inputs()
            if self.loss == "mse":
                return x, torch.randn(len(x), self.outputs, dtype=torch.float64)
            return x, torch.randint(self.outputs, (len(x),))

    def batches(self, sizes: Sequence[int] = RAGGED) -> list[Any]:
        """The examples in order, cut into batches of the given sizes."""
        x, y = self.examples()
        parts = list(zip(x.split(list(sizes)), y.split(list(sizes)), strict=True))
        return [{"x": a, "y": b} for a, b in parts] if self.batches_are_dicts else parts

    @property
    def loss_fn(self) -> Callable[..., Tensor]:
        """The mean loss of a batch."""
        criterion = nn.MSELoss() if self.loss == "mse" else nn.CrossEntropyLoss()
        if not self.batches_are_dicts:
            return criterion

        def loss_of_dict(model: Callable[..., Tensor], batch: dict[str, Tensor]) -> Tensor:
            return criterion(model(batch["x"]), batch["y"])

        return loss_of_dict

    def objective(self, sizes: Sequence[int] = RAGGED, **keywords: Any) -> Objective:
        """The case as the package sees it, new at every call."""
        if keywords.keys() <= {"dtype"}:
            found: Objective = pickle.loads(_sent(self, tuple(sizes), **keywords))
            return found
        return Objective(self.model(), self.batches(sizes), self.loss_fn, **keywords)


@cache
def _sent(case: Case, sizes: tuple[int, ...], **keywords: Any) -> bytes:
    """The objective as executors send it to workers, from which one is made in a tenth of the time."""
    made = Objective(case.model(), case.batches(sizes), case.loss_fn, **keywords)
    sent: bytes = cloudpickle.dumps(made)
    return sent


class Tokens(nn.Module):
    """Embedding, layer norm, mean over the tokens, read-out."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.tanh(self.norm(self.embedding(tokens))).mean(dim=1))


class Tied(nn.Module):
    """A read-out that shares its matrix with the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 4)
        self.middle = nn.Linear(4, 4)
        self.head = nn.Linear(4, 6)
        self.head.weight = self.embedding.weight

    def forward(self, token: Tensor) -> Tensor:
        return self.head(torch.tanh(self.middle(self.embedding(token))))


class Attention(nn.Module):
    """Self-attention through torch's fused kernel, which has no second derivative as it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.attention(x, x, x, need_weights=False)[0].mean(dim=1))


def dense(activation: Callable[[], nn.Module] = nn.Tanh) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), activation(), nn.Linear(6, 5), activation(), nn.Linear(5, 3))


def convolution() -> nn.Module:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 3)
    )
    with torch.no_grad():
        for _ in range(5):  # running statistics and an affine part that are not those of a new layer
            model(1.0 + 2.0 * torch.randn(20, 1, 6, 6))
        model[1].weight.uniform_(0.5, 1.5)
        model[1].bias.normal_()
    return model


def frozen() -> nn.Module:
    model = dense()
    for parameter in (*model[0].parameters(), model[2].bias):
        parameter.requires_grad_(False)
    return model


def transposed() -> nn.Module:
    return nn.Sequential(
        nn.ConvTranspose1d(2, 4, 3, stride=2, groups=2), nn.Softplus(), nn.Flatten(), nn.Linear(28, 3)
    )


def vectors() -> Tensor:
    return torch.randn(N_EXAMPLES, 4, dtype=torch.float64)


_NETWORKS: list[tuple[str, Callable[[], nn.Module], Callable[[], Tensor], int]] = [
    ("dense tanh", dense, vectors, 3),
    ("dense ReLU", partial(dense, nn.ReLU), vectors, 3),
    ("dense SiLU", partial(dense, nn.SiLU), vectors, 3),
    (
        "convolution, batch norm",
        convolution,
        lambda: torch.randn(N_EXAMPLES, 1, 6, 6, dtype=torch.float64),
        3,
    ),
    ("embedding, layer norm", Tokens, lambda: torch.randint(7, (N_EXAMPLES, 5)), 3),
    ("tied", Tied, lambda: torch.randint(6, (N_EXAMPLES,)), 6),
    ("frozen", frozen, vectors, 3),
    (
        "transposed convolution",
        transposed,
        lambda: torch.randn(N_EXAMPLES, 2, 3, dtype=torch.float64),
        3,
    ),
    ("attention", Attention, lambda: torch.randn(N_EXAMPLES, 4, 4, dtype=torch.float64), 3),
]

CASES = [Case(*network, loss) for network in _NETWORKS for loss in ("mse", "cross entropy")]
CASES += [
    replace(case, name=f"{case.name}, dict", batches_are_dicts=True)
    for case in CASES
    if case.name in ("dense tanh", "embedding, layer norm")
]

#: Each network once, with one loss and the other in turn: for laws that both losses obey for one reason.
EACH = [pair[i % 2] for i, pair in enumerate(zip(CASES[::2], CASES[1::2], strict=True))]

#: Networks that have little in common: for a second and third value of what no network has its own way with.
FEW = [each for each in EACH if each.name in ("dense ReLU", "convolution, batch norm", "attention")]


#: Of 25 parameters, which take a third of the products of the others: for tests of what is made of results.
NARROW = Case(
    "narrow tanh",
    lambda: nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 3)),
    vectors,
    3,
    "cross entropy",
)


class Counting(nn.Module):
    """Counts its calls in a buffer, on which its output depends."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1).double()
        self.register_buffer("calls", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.layer(x) + self.calls


def case(name: str, loss: str = "cross entropy") -> Case:
    """One case of the catalogue."""
    return next(c for c in CASES if (c.name, c.loss) == (name, loss))


def quadratic(hessian: Tensor, gradient: Tensor | None = None, constant: float = 0.0) -> Objective:
    """L(θ) = ½ θᵀHθ + gᵀθ + c at θ* = 0, whose surface is known everywhere."""
    g = torch.zeros(len(hessian), dtype=torch.float64) if gradient is None else gradient

    def f(theta: Tensor) -> Tensor:
        return 0.5 * theta @ hessian @ theta + g @ theta + constant

    return Objective.from_function(f, torch.zeros(len(hessian), dtype=torch.float64))


class _OfMatrix(Objective):
    """½ θᵀHθ, whose products are taken with H itself."""

    matrix: Tensor

    def hvp(self, v: Tensor, theta: Tensor | None = None) -> Tensor:  # noqa: ARG002 - the same at every θ
        return self.matrix @ v


def rotated(spectrum: Sequence[float] | np.ndarray, seed: int = 1) -> Objective:
    """A quadratic form with the given eigenvalues and random eigenvectors.

    Its products cost next to nothing: for tests of what is made of many of them.
    """
    n, generator = len(spectrum), torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    matrix = basis @ torch.diag(torch.tensor(spectrum, dtype=torch.float64)) @ basis.T
    found = _OfMatrix.from_function(lambda t: 0.5 * t @ matrix @ t, torch.zeros(n, dtype=torch.float64))
    found.matrix = matrix
    return found


def paper_function(n: int, n_positive: int) -> Objective:
    """Böttcher & Wheeler's Eq. (31), and their Eq. (26) for ``n_positive == n``, at θ* = (0, …, 0, 1)."""
    signs = torch.ones(2 * n, dtype=torch.float64)
    signs[n_positive:] = -1
    theta = torch.zeros(2 * n + 1, dtype=torch.float64)
    theta[-1] = 1
    return Objective.from_function(lambda t: 0.5 * t[-1] * (signs * t[:-1] ** 2).sum(), theta)
