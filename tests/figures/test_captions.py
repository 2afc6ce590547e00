"""Titles and details of pictures: what a reader needs, and nothing that is not known."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landscape_widget import Objective, Plane, Surface, evaluate_plane, random_plane
from landscape_widget.figures.captions import details_of, title_of
from landscape_widget.figures.planes import heatmap_figure
from landscape_widget.objective.names import names_of

TOLD = {
    "model": "Net",
    "loss_fn": "cross_entropy",
    "axes": ("hessian:max", "hessian:min"),
    "plane": {"seed": 3},
    "n_examples": 1797,
    "n_parameters": 1,
    "accuracy": 0.002,
    "dtype": "float32",
    "versions": {"landscape-widget": "1.2.3", "torch": "2.0"},
}


def surface(**told: Any) -> Surface:
    """Nine losses on ±0.5 × (−1 to 3), all evaluated."""
    return Surface(
        np.array([-0.5, 0, 0.5]), np.array([-1.0, 0, 3]), np.ones((3, 3)), np.ones((3, 3), bool), TOLD | told
    )


@pytest.mark.parametrize(
    ("told", "title"),
    [
        ({}, "Loss of Net: Hessian λmax × λmin"),
        ({"axes": ("random", "random")}, "Loss of Net: Random (seed 3)"),
        (
            {"axes": ("hessian:max:2", "random"), "split": "test"},
            "Test loss of Net: λmax, rank 2 × random (seed 3)",
        ),
        ({"axes": ("trajectory:1", "hessian:max")}, "Loss of Net: trajectory PC₁ × λmax"),
        ({"split": "difference"}, "Test − training loss of Net: Hessian λmax × λmin"),
        ({"model": ""}, "Loss of cross_entropy: Hessian λmax × λmin"),
        ({"model": "", "loss_fn": "", "axes": ("", "")}, "Loss"),
        ({"batch_norm": "difference"}, "Loss, recomputed − frozen batch norm of Net: Hessian λmax × λmin"),
    ],
)
def test_a_title_tells_quantity_model_and_plane(told: dict[str, Any], title: str) -> None:
    assert title_of(surface(**told)) == title
    assert heatmap_figure(surface(**told)).layout.title.text == title


def test_details_tell_what_a_picture_rests_on() -> None:
    assert details_of(surface(), Plane(np.ones(1), np.array([2.0]), np.array([0.5]), ("", ""))) == {
        "Model": "Net, 1 parameter",
        "Loss": "cross_entropy",
        "Examples": "1,797 training examples",
        "Axes": "hessian:max × hessian:min",
        "Half-widths": "α ±0.5, β −1 to 3",
        "Unit lengths": "‖η‖ = 2, ‖δ‖ = 0.5",
        "Resolution": "3 × 3",
        "Nodes": "9 points",
        "Accuracy": "0.002 of the range",
        "Precision": "float32",
        "Software": "landscape-widget 1.2.3, torch 2.0",
    }


def test_details_of_other_data_and_of_random_axes() -> None:
    details = details_of(surface(axes=("random", "hessian:max"), split="test", batch_norm="recomputed"))
    assert details["Seed"] == "3"
    assert details["Examples"] == "1,797 test examples"
    assert details["Batch norm"] == "recomputed"
    gap = details_of(surface(split="difference", n_test_examples=1))
    assert gap["Examples"] == "1 test example, 1,797 training examples"


def test_what_is_not_known_is_not_told() -> None:
    bare = Surface(np.array([1.0, 2]), np.array([1.0, 2]), np.ones((2, 2)), np.ones((2, 2), bool))
    assert title_of(bare) == "Loss"
    assert details_of(bare) == {
        "Half-widths": "α 1 to 2, β 1 to 2",
        "Resolution": "2 × 2",
        "Nodes": "4 points",
    }


class Net(nn.Linear):
    """A model with a name of its own."""


def bowl(theta: torch.Tensor) -> torch.Tensor:
    return (theta**2).sum()


def test_names_of_models_and_losses() -> None:
    loss = nn.functional.cross_entropy
    assert names_of(loss, Net(2, 2)) == {"model": "Net", "loss_fn": "cross_entropy"}
    assert names_of(partial(loss, label_smoothing=0.1), Net(2, 2))["loss_fn"] == "cross_entropy"
    compiled = nn.Module()
    compiled._orig_mod = Net(2, 2)  # what torch.compile returns
    assert names_of(nn.CrossEntropyLoss(), compiled) == {"model": "Net", "loss_fn": "CrossEntropyLoss"}
    assert names_of(lambda theta: theta.sum()) == {}
    assert names_of(bowl) == {"loss_fn": "bowl"}


class Wrapping(nn.Module):
    """A loss that calls a function that it holds under the name by which a partial holds its own."""

    def __init__(self) -> None:
        super().__init__()
        self.func = nn.functional.cross_entropy

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.func(output, target)


def test_a_loss_is_called_by_its_own_name_whatever_it_wraps() -> None:
    assert names_of(Wrapping()) == {"loss_fn": "Wrapping"}
    assert names_of(partial(Wrapping())) == {"loss_fn": "Wrapping"}
    assert names_of(partial(lambda theta: theta)) == {}
    compiled = nn.Module()
    compiled._orig_mod = Wrapping()  # what torch.compile returns
    assert names_of(compiled) == {"loss_fn": "Wrapping"}
    assert names_of(partial(compiled)) == {"loss_fn": "Wrapping"}


def test_results_carry_the_names_wherever_their_objective_goes() -> None:
    network = Objective(
        Net(3, 2), (torch.ones(4, 3), torch.zeros(4, dtype=torch.long)), nn.CrossEntropyLoss()
    )
    for objective in (network, network.precise(), network.subset(2), network.at(network.theta + 1)):
        *_, last = evaluate_plane(objective, random_plane(objective), resolution=3)
        assert title_of(last) == "Loss of Net: Random (seed 0)"
        assert details_of(last)["Loss"] == "CrossEntropyLoss"
    function = Objective.from_function(bowl, torch.ones(3, dtype=torch.float64))
    *_, last = evaluate_plane(function, random_plane(function), resolution=3)
    assert title_of(last) == "Loss of bowl: Random (seed 0)"
