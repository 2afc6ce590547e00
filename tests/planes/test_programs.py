"""The program of a batch: the losses of the model itself, for other weights and other data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective
from landscape_widget.planes.programs import mean_losses, record

generator = torch.Generator().manual_seed(0)


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, f: nn.Module) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        """As f."""
        return x + self.f(x)


class Changing(nn.Module):
    """A layer that writes into what ``what`` names."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6, dtype=torch.float64))
        self.table = [torch.ones(6, dtype=torch.float64)]
        self.what = what

    def forward(self, x: Tensor) -> Tensor:
        """(n, 6) → (n, 6)."""
        place = {"weights": self.weight, "data": x, "elsewhere": self.table[0], "itself": x * self.weight}
        place[self.what].add_(1.0)
        return place["itself"] + self.table[0]


#: Networks, and the shape of one example.
NETWORKS = {
    "dense": ([nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)], (6,)),
    "without a bias": ([nn.Linear(6, 5, bias=False), nn.ReLU()], (6,)),
    "in place": ([nn.Linear(6, 5), nn.ReLU(inplace=True), Residual(nn.Linear(5, 5)), nn.ReLU()], (6,)),
    "sequence": ([nn.Linear(6, 5), nn.ReLU(), nn.Softmax(-1)], (3, 6)),
    "convolution": ([nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4)], (2, 8, 8)),
    "its own results changed": ([Changing("itself")], (6,)),
}


def build(layers: list[nn.Module], shape: tuple[int, ...]) -> tuple[Objective, Tensor]:
    """An objective over three batches, the last one smaller, and a basis."""
    model = nn.Sequential(*layers).double().eval()
    x = torch.randn(11, *shape, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        y = torch.randn(model(x.clone()).shape, dtype=torch.float64, generator=generator)
    objective = Objective(model, [(x[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)], nn.MSELoss())
    steps = torch.randn(2, len(objective.theta), dtype=torch.float64, generator=generator) / 10
    return objective, torch.cat([objective.theta[None], steps])


@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_losses_are_those_of_the_model_for_every_batch_twice(name: str, points: int) -> None:
    objective, basis = build(*NETWORKS[name])
    batches, layout = objective.terms.batches, objective.terms.layout
    known = {b.n: record(objective.terms, basis, points, b) for b in (batches[0], batches[-1])}
    runs = [(known[batch.n], batch) for batch in batches]
    for _ in range(2):
        where = torch.randn(points, 2, dtype=torch.float64, generator=generator)
        coefficients = torch.cat([torch.ones(points, 1, dtype=torch.float64), where], dim=1)
        expected = torch.stack([objective.loss(theta) for theta in coefficients @ basis])
        found = mean_losses(runs, coefficients, basis, layout)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)  # sums in another order


@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("what", ["weights", "data", "elsewhere"])
def test_what_is_changed_for_good_is_refused(what: str, points: int) -> None:
    """Weights are those of all batches, and a program has no state: none may change anything of either."""
    objective, basis = build([Changing("itself")], (6,))
    objective.terms.named_modules()["0"].what = what
    with pytest.raises((ValueError, RuntimeError), match=r"in place|in-place|inplace"):
        record(objective.terms, basis, points, objective.terms.batches[0])
