"""The curvature of random two-dimensional projections (Böttcher & Wheeler 2023, Section II)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import monotonic

import numpy as np
import torch

from landscape_widget.objective import Objective
from landscape_widget.results import Plane, ProjectedCurvatures, library_versions

#: Memory for the random directions of one block and their products.
_BLOCK_BYTES = 1 << 28


def projected_curvatures(objective: Objective, samples: int = 1000, seed: int = 0) -> ProjectedCurvatures:
    """A, B, C and κ_± of ``samples`` random projections, by Hessian-vector products.

    Every projection has its own pair η, δ with entries from N(0, 1), not orthogonalised and not
    normalised (Eqs. 19-21). Computed in float64 where the device allows.

    Args:
        objective: L; H is its Hessian at θ*.
        samples: Number of projections S; two products each.
        seed: Of the directions. The first projections of a seed are the same for every ``samples``.

    Raises:
        ValueError: If ``samples`` is not positive.
    """
    return deque(projection_steps(objective, samples, seed), maxlen=1).pop()


def projection_steps(
    objective: Objective, samples: int = 1000, seed: int = 0, interval: float = 0.1
) -> Iterator[ProjectedCurvatures]:
    """As ``projected_curvatures``, yielding what is known after about every ``interval`` seconds."""
    if samples < 1:
        raise ValueError(f"Expected samples to be at least 1, got {samples}.")
    precise = objective.precise()
    n = precise.n_parameters
    largest_block, block = max(1, _BLOCK_BYTES // (n * 8 * 4)), 1
    provenance = {
        "quantity": "projected curvatures",
        "seed": seed,
        "dtype": str(precise.dtype).removeprefix("torch."),
        "n_examples": precise.n_examples,
        "n_parameters": n,
        "versions": library_versions(),
    }
    generator = torch.Generator().manual_seed(seed)
    a, b, c = (np.empty(samples) for _ in range(3))
    done = 0
    while done < samples:
        started = monotonic()
        count = min(block, samples - done)
        # one draw for each pair, since a larger tensor would be filled with other numbers
        draws = [torch.randn(2, n, generator=generator, dtype=torch.float64) for _ in range(count)]
        pairs = torch.stack(draws).to(precise.theta)
        eta, delta = pairs.unbind(dim=1)
        products = precise.hvp(pairs.reshape(2 * count, n).T).T.reshape(count, 2, n)
        h_eta, h_delta = products.unbind(dim=1)
        found = slice(done, done + count)
        a[found] = (eta * h_eta).sum(dim=1).cpu()
        b[found] = (delta * h_eta).sum(dim=1).cpu()
        c[found] = (delta * h_delta).sum(dim=1).cpu()
        done += count
        if monotonic() - started < interval / 2:
            block = min(2 * block, largest_block)
        yield ProjectedCurvatures(
            A=a[:done].copy(), B=b[:done].copy(), C=c[:done].copy(), n_hvp=2 * done, provenance=provenance
        )


def plane_hessian(objective: Objective, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of L in the coordinates (α, β) of a plane, at its origin.

    Returns:
        (∂L/∂α, ∂L/∂β), shape (2,), and [[A, B], [B, C]], shape (2, 2) (Eq. 19).
    """
    precise = objective.precise()
    axes = torch.from_numpy(np.stack([plane.eta, plane.delta], axis=1)).to(precise.theta)
    origin = torch.from_numpy(plane.origin).to(precise.theta)
    gradient = axes.T @ precise.gradient(origin)
    hessian = axes.T @ precise.hvp(axes, origin)
    return gradient.cpu().numpy(), ((hessian + hessian.T) / 2).cpu().numpy()
