"""The gallery: twelve landscapes, each a page with live controls and a picture of it."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective, TrajectoryRecorder

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
sys.path.insert(0, str(NOTEBOOKS))

from train_function_approximation import network, points  # noqa: E402

HESSIAN, RANDOM = ("hessian:max", "hessian:min"), ("random", "random")
FILTER = ("random:filter", "random:filter")

#: A name, a title, what there is to see, and the explorer.
Piece = tuple[str, str, str, Callable[[], LandscapeExplorer]]


@cache
def digits() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and test images of scikit-learn's digits, shape (n, 1, 8, 8), with their labels."""
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels)
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


def fit(model: nn.Module, epochs: int, rate: float, recorder: TrajectoryRecorder | None = None) -> nn.Module:
    """The model, trained on the digits by momentum; ``recorder`` sees it after each epoch."""
    (x, y), _ = digits()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for epoch in range(epochs):
        for batch in torch.randperm(len(x), generator=torch.Generator().manual_seed(epoch)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        if recorder is not None:
            recorder.record(epoch + 1)
    return model.eval()


@cache
def convolutional() -> nn.Module:
    """A small network for the digits, trained."""
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 8, 3, stride=2), nn.Tanh(), nn.Conv2d(8, 16, 3), nn.Tanh()
    return fit(nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 10)), 20, 0.1)


class Deep(nn.Module):
    """Narrow layers of ReLU, with shortcuts around them or without."""

    def __init__(self, shortcuts: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, 16), nn.Linear(16, 10)
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(20))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.shortcuts = shortcuts

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the ten digits, shape (n, 10)."""
        x = self.first(x.flatten(1))
        for layer in self.layers:
            update = torch.relu(layer(x))
            x = x + update / len(self.layers) ** 0.5 if self.shortcuts else update
        return self.last(x)


def of_digits(model: nn.Module, **controls: object) -> LandscapeExplorer:
    """An explorer of a network for the digits."""
    train, test = digits()
    return LandscapeExplorer(model, train, nn.CrossEntropyLoss(), test_loader=test, **controls)


def deep(shortcuts: bool) -> LandscapeExplorer:
    """A deep network for the digits, trained with or without shortcuts."""
    torch.manual_seed(1)
    model = fit(Deep(shortcuts), 20, 0.01)
    return of_digits(model, axes=FILTER, domain=(-0.25, 0.25, -0.25, 0.25), view={"scale": "log"})


def saddle(n: int, positive: int, axes: tuple[str, str]) -> LandscapeExplorer:
    """Eqs. (26) and (31) of Böttcher & Wheeler, with 2n + 1 parameters."""
    signs = torch.ones(2 * n, dtype=torch.float64)
    signs[positive:] = -1
    theta = torch.zeros(2 * n + 1, dtype=torch.float64)
    theta[-1] = 1
    loss = Objective.from_function(lambda t: 0.5 * t[-1] * (signs * t[:-1] ** 2).sum(), theta)
    return LandscapeExplorer(loss, axes=axes)


def approximation(number: int, layers: int, axes: tuple[str, str]) -> LandscapeExplorer:
    """The paper's FCNN 1 or 2, from the weights in the repository."""
    model = network(layers)
    model.load_state_dict(torch.load(NOTEBOOKS / "weights" / f"fcnn{number}.pt"))
    return LandscapeExplorer(model, points(50), nn.MSELoss(), axes=axes, dtype=torch.float64)


def run() -> LandscapeExplorer:
    """A network whose training was recorded."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.Tanh(), nn.Linear(24, 10))
    with TrajectoryRecorder(model) as recorder:
        recorder.record(0)
        fit(model, 12, 0.05, recorder)
    return of_digits(model, trajectory=recorder, axes=("trajectory:1", "trajectory:2"))


GALLERY: list[Piece] = [
    (
        "digits",
        "A network that learnt digits",
        "Certified ends of the spectrum: one curvature up, one down.",
        lambda: of_digits(convolutional()),
    ),
    (
        "digits-filter",
        "The same, filter-normalised",
        "Along random directions it looks like a minimum.",
        lambda: of_digits(convolutional(), axes=FILTER),
    ),
    (
        "digits-gap",
        "Test loss less training loss",
        "Where in the plane the network generalises worse.",
        lambda: of_digits(convolutional(), split="difference"),
    ),
    (
        "eq26",
        "Eq. (26): as many up as down",
        "A saddle that most random planes show.",
        lambda: saddle(500, 500, HESSIAN),
    ),
    (
        "eq31",
        "Eq. (31): a saddle",
        "1,001 dimensions, 200 of them downwards, seen along the right two.",
        lambda: saddle(500, 800, HESSIAN),
    ),
    (
        "eq31-random",
        "Eq. (31), as random planes show it",
        "The same point, and no trace of a saddle.",
        lambda: saddle(500, 800, RANDOM),
    ),
    (
        "fcnn1",
        "FCNN 1",
        "The paper's function approximation: the loss is lower beside where training ended.",
        lambda: approximation(1, 2, HESSIAN),
    ),
    ("fcnn2", "FCNN 2", "Twelve layers, along λmax and λmin.", lambda: approximation(2, 10, HESSIAN)),
    (
        "fcnn2-filter",
        "FCNN 2, filter-normalised",
        "The same weights along random directions.",
        lambda: approximation(2, 10, FILTER),
    ),
    ("shortcuts", "With shortcuts", "Twenty layers that x + f(x) keeps smooth.", lambda: deep(True)),
    (
        "no-shortcuts",
        "Without shortcuts",
        "The same layers without: the loss rises far more steeply.",
        lambda: deep(False),
    ),
    ("run", "A run of training", "The way that SGD took, in the plane that holds most of it.", run),
]


#: Planes that a page holds beside that on show, for those that are to be tried.
PLANES = {"digits": ["hessian", "random", "filter"], "eq31": ["hessian", "random"]}


def show(folder: Path, pieces: list[Piece] = GALLERY) -> str:
    """Writes pages and pictures to ``folder`` and returns the gallery in Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    cards = []
    for name, title, words, make in pieces:
        explorer = make()
        explorer.compute()
        explorer.to_html(folder / f"{name}.html", title, planes=PLANES.get(name))
        data = explorer._repr_mimebundle_()
        picture = (data[0] if isinstance(data, tuple) else data)["image/png"]
        (folder / f"{name}.png").write_bytes(base64.b64decode(picture))
        kind = explorer.results.verdict.kind
        explorer.close()
        cards.append(
            f'<a class="card" href="{folder.name}/{name}.html">'
            f'<img src="{folder.name}/{name}.png" alt="{title}" loading="lazy">'
            f"<strong>{title}</strong><span>{words} Verdict: {kind}.</span></a>"
        )
    return '<div class="gallery">\n' + "\n".join(cards) + "\n</div>\n"
