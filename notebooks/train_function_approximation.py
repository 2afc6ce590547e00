"""Trains the two networks of Böttcher & Wheeler (2023), Appendix D, and keeps weights of each.

f(x) = log(sin(10x) + 2) + sin(x) on [-1, 1), 50 equidistant training points, full-batch gradient descent with
rate 0.1 on the mean squared error. Writes two files for each network to notebooks/weights: fcnn1-early.pt has
the first weights whose training loss is below 1e-4, fcnn1.pt those of the lowest training loss of all epochs.
Takes minutes on one core.

    python notebooks/train_function_approximation.py fcnn1
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights"

#: The paper's training losses lie below this.
EARLY = 1e-4

#: Hidden 100×100 layers after the input layer, epochs, seed of the initial weights.
NETWORKS = {"fcnn1": (2, 100_000, 0), "fcnn2": (10, 50_000, 0)}


def target(x: Tensor) -> Tensor:
    """The function to be learned."""
    return torch.log(torch.sin(10 * x) + 2) + torch.sin(x)


def points(n: int) -> tuple[Tensor, Tensor]:
    """``n`` equidistant points on [-1, 1) and their targets, each of shape (n, 1)."""
    x = (torch.arange(n, dtype=torch.float64) * 2 / n - 1).float()[:, None]
    return x, target(x)


def network(hidden: int) -> nn.Sequential:
    """1 → 100 → (100 →) × hidden → 1 with ReLU."""
    layers: list[nn.Module] = [nn.Linear(1, 100), nn.ReLU()]
    for _ in range(hidden):
        layers += [nn.Linear(100, 100), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(100, 1))


def train(name: str) -> None:
    """Trains one network; writes its first weights below ``EARLY`` and those of its lowest training loss."""
    hidden, epochs, seed = NETWORKS[name]
    torch.manual_seed(seed)
    model = network(hidden)
    x, y = points(50)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best, kept = float("inf"), copy.deepcopy(model.state_dict())
    WEIGHTS.mkdir(exist_ok=True)
    for epoch in range(1, epochs + 1):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        if loss.item() < EARLY <= best:
            print(f"{name} epoch {epoch}: loss {loss.item():.3e}, the first below {EARLY}", flush=True)
            torch.save(model.state_dict(), WEIGHTS / f"{name}-early.pt")
        if loss.item() < best:
            best, kept = loss.item(), {k: v.clone() for k, v in model.state_dict().items()}
        loss.backward()
        optimizer.step()
        if epoch % 5000 == 0:
            print(f"{name} epoch {epoch}: loss {loss.item():.3e}, best {best:.3e}", flush=True)
    torch.save(kept, WEIGHTS / f"{name}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for chosen in sys.argv[1:] or NETWORKS:
        train(chosen)
