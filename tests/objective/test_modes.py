"""A model in train mode is looked at in eval mode, and results say so where that makes a difference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective, evaluate_plane, random_plane
from landscape_widget.figures.captions import details_of

X, Y = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
NORM, DROP = nn.BatchNorm1d(4), nn.Dropout(0.5)


class Recurrent(nn.Module):
    """An LSTM, which drops units between its layers without a layer for that."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, num_layers=2, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.lstm(x.unsqueeze(0))[0][0]
        return output


def objective(*layers: nn.Module, training: bool = True, mode: str = "eval") -> Objective:
    last = [] if isinstance(layers[0], Recurrent) else [nn.Linear(4, 3)]
    model = nn.Sequential(*layers, *last)
    return Objective(model.train(training), (X, Y), nn.CrossEntropyLoss(), mode=mode)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((NORM,), "batch norm"),
        ((nn.Tanh(), DROP), "dropout"),
        ((DROP, NORM), "batch norm and dropout"),
        ((Recurrent(0.5),), "dropout"),
    ],
)
def test_what_behaves_otherwise_in_eval_mode_is_told(layers: tuple[nn.Module, ...], words: str) -> None:
    mode = f"{words} as in eval mode (the model is in train mode)"
    found = objective(*layers)
    assert found.provenance("loss")["mode"] == mode
    assert "mode" not in repr(found)
    plane = random_plane(found, seed=0)
    *_, surface = evaluate_plane(found.subset(8), plane, (-1, 1, -1, 1), 3)
    assert details_of(surface)["Mode"] == mode
    assert "mode" not in objective(*layers, training=False).provenance("loss")


@pytest.mark.parametrize(
    "layers",
    [(nn.Tanh(),), (nn.Dropout(0.0),), (nn.BatchNorm1d(4, track_running_stats=False),), (Recurrent(0.0),)],
)
def test_nothing_is_told_where_the_modes_are_alike(layers: tuple[nn.Module, ...]) -> None:
    assert "mode" not in objective(*layers).provenance("loss")


def test_nothing_is_told_of_a_model_that_is_looked_at_in_its_own_mode() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    assert "mode" not in Objective(model, [(X, Y)], nn.CrossEntropyLoss(), mode="train").provenance("loss")


class Dropout(nn.Module):
    """A layer of the user's, whose p is a tensor: a rate that is learned, or prototypes."""

    def __init__(self) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.linspace(0.1, 0.4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.p).tanh()


class Prototypes(Dropout):
    """The same by a name that is none of a layer which drops."""


@pytest.mark.parametrize(("layer", "told"), [(Dropout(), True), (Prototypes(), False)])
def test_a_model_may_call_its_parameters_as_it_likes(layer: nn.Module, told: bool) -> None:
    assert ("mode" in objective(layer).provenance("loss")) is told


def test_what_drops_at_random_is_named_where_the_loss_is_not_the_same_twice() -> None:
    with pytest.raises(ValueError, match=r"these layers drop at random: 0\.lstm\. Use mode='eval'"):
        objective(Recurrent(0.5), mode="train")
