"""Both papers' ResNet-56 with the weights that Li et al. published: Böttcher & Wheeler, Table II, Figs. 5, 8.

Curvature is that of the mean loss over the first images. The paper's own figures are those of a sum over
minibatches of 128, as many as 50,000 images give: ``MINIBATCHES`` tells how many times larger that is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_widget import Objective, evaluate_plane, hessian_eigenpairs, hessian_plane, random_plane

sys.path.insert(0, str(Path(__file__).parents[1]))

from resnet import cifar10, published

MINIBATCHES = -(-50_000 // 128)

#: File, and the half-widths of the paper's Hessian plane.
NETWORKS = {"with shortcuts": ("resnet56.pt", 0.05), "without shortcuts": ("resnet56-no-shortcuts.pt", 1e-3)}


def outputs(model: nn.Module, images: Tensor) -> Tensor:
    """(n, 10) of all images, by parts that fit a cache."""
    with torch.no_grad():
        return torch.cat([model(part) for part in images.split(100)])


def by_example(
    objective: Objective, model: nn.Module, v: Tensor, images: Tensor, labels: Tensor
) -> np.ndarray:
    """Each example's own vᵀHv, by central differences of its loss in float64, (n,)."""
    model = model.double()
    parameters = list(model.parameters())
    start = nn.utils.parameters_to_vector(parameters).detach()
    step, losses = 1e-4 / objective.theta.norm().item(), []
    for shift in (-step, 0.0, step):
        nn.utils.vector_to_parameters(start + shift * v, parameters)
        z = outputs(model, images.double())
        losses.append(nn.functional.cross_entropy(z, labels, reduction="none"))
    nn.utils.vector_to_parameters(start, parameters)
    model.float()
    return ((losses[0] - 2 * losses[1] + losses[2]) / step**2).numpy()


def heaviest(model: nn.Module, v: Tensor, most: int = 3) -> dict[str, float]:
    """The shares of ‖v‖² of those parameters that have most of it."""
    shares, first = {}, 0
    for name, p in model.named_parameters():
        shares[name] = (v[first : first + p.numel()] ** 2).sum().item()
        first += p.numel()
    return dict(sorted(shares.items(), key=lambda item: -item[1])[:most])


def planes(objective: Objective, pairs: Any, width: float) -> dict[str, Any]:
    """Lowest points and losses at the ends of both axes, in the paper's two planes."""
    found = {}
    for name, plane, w in (
        ("Hessian", hessian_plane(objective, pairs=pairs), width),
        ("random, filter-normalised", random_plane(objective, seed=0, normalize="filter"), 1.0),
    ):
        *_, surface = evaluate_plane(objective, plane, (-w, w, -w, w), resolution=9, accuracy=0)
        middle = len(surface.alpha) // 2
        found[name] = {
            "half-width": w,
            "lowest": list(surface.minimum),
            "loss along α": surface.loss[middle].tolist(),
            "loss along β": surface.loss[:, middle].tolist(),
        }
    return found


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Both networks: losses on all images of the folder, curvature on the first ``count``."""
    images, labels = cifar10(folder)
    found: dict[str, Any] = {"minibatches": MINIBATCHES, "images": len(images), "images of curvature": count}
    for name, (file, width) in NETWORKS.items():
        model = published(folder / file, shortcuts=name == "with shortcuts")
        z = outputs(model, images)
        objective = Objective(model, (images[:count], labels[:count]), nn.CrossEntropyLoss())
        pairs = hessian_eigenpairs(objective)
        v = torch.from_numpy(pairs.vectors[:, 0])
        own = by_example(objective, model, v, images, labels)
        known, others = own[:count], own[count:]
        found[name] = {
            "parameters": objective.n_parameters,
            "accuracy": (z.argmax(1) == labels).float().mean().item(),
            "loss": nn.functional.cross_entropy(z, labels).item(),
            "λmax": pairs.values[0],
            "λmin": pairs.values[-1],
            "residuals": pairs.residuals.tolist(),
            "converged": bool(pairs.converged.all()),
            "products": pairs.n_hvp,
            "vᵀHv of λmax on these images": known.mean(),
            "vᵀHv of λmax on the others": [others.mean(), others.std(ddof=1) / len(others) ** 0.5],
            "share of the tenth of the examples that carry most of λmax": (
                np.sort(known)[-count // 10 :].sum() / known.sum()
            ),
            "parameters that carry most of λmax": heaviest(model, v),
            "planes": planes(objective, pairs, width),
        }
    return found
