"""A saddle is seen: around θ* the colours of the figure change from one hue to the other and back, twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from landscape_widget import LandscapeExplorer, Objective
from landscape_widget.numerics.vectors import FloatArray

from ..support.cases import paper_function

Make = Callable[..., LandscapeExplorer]

#: Red less blue, of 255, from which on a colour has a hue.
HUE = 8


def digits() -> Objective:
    """A small network, trained until the loss in its Hessian plane is a saddle's."""
    x, y = load_digits(return_X_y=True)
    inputs, targets = torch.tensor(x[:300] / 16, dtype=torch.float64), torch.tensor(y[:300])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10)).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    return Objective(model, (inputs, targets), nn.functional.cross_entropy)


def of_function(f: Callable[[Tensor], Tensor]) -> Callable[[], Objective]:
    return lambda: Objective.from_function(f, torch.zeros(4, dtype=torch.float64))


CURVATURES = torch.tensor([4.0, 2.0, 1.0, 0.02], dtype=torch.float64)


def colours(drawn: Any, values: FloatArray) -> FloatArray:
    """Red, green and blue that plotly gives to values of a heatmap or surface, shape (…, 3)."""
    at, names = zip(*drawn.colorscale, strict=True)
    rgb = np.array([[int(name[k : k + 2], 16) for k in (1, 3, 5)] for name in names])
    low, high = np.nanmin(drawn.z), np.nanmax(drawn.z)
    share = (values - low) / (high - low)
    return np.stack([np.interp(share, at, channel) for channel in rgb.T], axis=-1)


def sectors(figure: go.Figure) -> int:
    """Sectors of alternating hue on circles around θ* in the square picture, the most of all circles."""
    drawn = figure.data[0]
    n = len(drawn.x)
    middle = n // 2
    assert (drawn.x[middle], drawn.y[middle]) == (0, 0)
    most = 0
    for radius in (0.4, 0.55, 0.7, 0.85, 1.0):
        angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
        i, j = (
            np.rint(middle + radius * middle * part).astype(int) for part in (np.sin(angles), np.cos(angles))
        )
        rgb = colours(drawn, drawn.z[i, j])
        difference = rgb[:, 0] - rgb[:, 2]
        hues = np.sign(difference[np.abs(difference) >= HUE])
        most = max(most, int((hues != np.roll(hues, 1)).sum()))
    return most


@pytest.mark.parametrize(
    ("objective", "count", "told"),
    [
        pytest.param(lambda: paper_function(50, 40), 4, "this plane shows it.", id="Eq. (31)"),
        pytest.param(digits, 4, "the curvature is indefinite", id="digits"),
        pytest.param(of_function(lambda t: 1 + (CURVATURES * t**2).sum() / 2), 0, "Minimum", id="minimum"),
        pytest.param(
            of_function(lambda t: 1 + t.sum() + (CURVATURES * t**2).sum() / 200), 2, "On a slope", id="slope"
        ),
    ],
)
def test_sectors_of_alternating_hue(
    make_explorer: Make, objective: Callable[[], Objective], count: int, told: str
) -> None:
    explorer = make_explorer(objective(), resolution=31).compute()
    for kind in ("heatmap", "surface"):
        found = sectors(explorer.figure(kind))
        assert found >= 4 if count == 4 else found == count, kind
    assert explorer.results.verdict is not None
    assert told in explorer.results.verdict.sentence


def test_a_network_at_a_saddle_has_eigenvectors_of_very_different_curvature(make_explorer: Make) -> None:
    """So that the picture above is one that a linear scale on a square would hide."""
    explorer = make_explorer(digits(), resolution=31).compute()
    assert explorer.eigenpairs is not None
    assert abs(explorer.eigenpairs.values[0] / explorer.eigenpairs.values[-1]) > 30
    (a0, a1), (b0, b1) = explorer.surface.alpha[[0, -1]], explorer.surface.beta[[0, -1]]
    assert (a0, b0) == (-a1, -b1)
    assert b1 > 4 * a1
