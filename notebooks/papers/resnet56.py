"""Both papers' ResNet-56 with the weights that Li et al. published: Böttcher & Wheeler, Table II, Figs. 5, 8.

Curvature is that of the mean loss over the first images. What the paper's own figures are is looked into by
referee.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import RESULTS
from networks import NETWORKS, Published, outputs
from torch import Tensor, nn
from torch.func import functional_call, jvp

from landscape_widget import EigenPairs, Objective, Surface, evaluate_plane, hessian_plane, random_plane, save

#: An own double backward in float64 takes no more images, and other ones are as many.
OWN, OTHERS = 100, 400

#: Nodes along each axis of a plane, and images that the losses of a random one are of at the most.
NODES, PLANE_IMAGES = 9, 100


def own_products(network: Published, vectors: np.ndarray, count: int) -> np.ndarray:
    """HV in float64 by plain double backward of torch, none of this package's code, of (N, k)."""
    model = network.model.double()
    parameters = list(model.parameters())
    total = np.zeros_like(vectors, dtype=float)
    for start in range(0, count, 25):
        part = slice(start, min(start + 25, count))
        loss = nn.functional.cross_entropy(
            model(network.images[part].double()), network.labels[part], reduction="sum"
        )
        slopes = torch.autograd.grad(loss / count, parameters, create_graph=True)
        slope = torch.cat([each.reshape(-1) for each in slopes])
        for i, v in enumerate(vectors.T):
            rows = torch.autograd.grad(slope, parameters, torch.from_numpy(v.copy()), retain_graph=True)
            total[:, i] += torch.cat([row.reshape(-1) for row in rows]).numpy()
    model.float()
    return total


def checked(network: Published, pairs: EigenPairs, count: int) -> dict[str, Any]:
    """The pairs, or this package's products, held against own ones on up to ``OWN`` images."""
    most = min(count, OWN)
    own = own_products(network, pairs.vectors, most)
    if most == count:
        values = (pairs.vectors * own).sum(0)
        gaps = np.linalg.norm(own - values * pairs.vectors, axis=0) / abs(values)
        return {"images": most, "vᵀHv": values.tolist(), "‖Hv − λv‖ of |λ|": gaps.tolist()}
    here = network.objective(most).precise().hvp(torch.from_numpy(pairs.vectors)).numpy()
    gaps = np.linalg.norm(here - own, axis=0) / np.linalg.norm(own, axis=0)
    return {"images": most, "vᵀHv": (pairs.vectors * own).sum(0).tolist(), "differs by": gaps.tolist()}


def by_example(network: Published, v: Tensor, part: slice) -> np.ndarray:
    """Each example's own vᵀHv, by forward mode twice in float32, (n,)."""
    at = {name: p.detach() for name, p in network.model.named_parameters()}
    parts = torch.split(v.float(), [p.numel() for p in at.values()])
    along = {name: d.view_as(p) for (name, p), d in zip(at.items(), parts, strict=True)}
    found = []
    for x, y in zip(network.images[part].split(25), network.labels[part].split(25), strict=True):

        def losses(theta: dict[str, Tensor], x: Tensor = x, y: Tensor = y) -> Tensor:
            z = functional_call(network.model, theta, (x,))
            return nn.functional.cross_entropy(z, y, reduction="none")

        def slope(theta: dict[str, Tensor], f: Any = losses) -> Tensor:
            return jvp(f, (theta,), (along,))[1]

        found.append(jvp(slope, (at,), (along,))[1].detach())
    return torch.cat(found).double().numpy()


def heaviest(objective: Objective, v: np.ndarray, most: int = 3) -> dict[str, float]:
    """The shares of ‖v‖² of those parameters that have most of it."""
    shares = {name: float((v[span] ** 2).sum()) for name, span in objective.spans.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1])[:most])


def planes(network: Published, pairs: EigenPairs, count: int) -> dict[str, Any]:
    """The paper's planes on images that curvature is of and on as many others; surfaces are kept."""
    few = min(count, PLANE_IMAGES)
    file, width = NETWORKS[network.name]
    objective = network.objective(few)
    hessian = hessian_plane(network.objective(count), pairs=pairs)
    random = random_plane(objective, seed=0, normalize="filter")
    found: dict[str, Any] = {}
    kept: dict[str, Surface] = {}
    for name, plane, w, most in (
        ("Hessian", hessian, width, count),
        ("random, filter-normalised", random, 1.0, few),
        ("random, filter-normalised, inset", random, width, few),
    ):
        for which, first in (("training images", 0), ("other images", count)):
            if "inset" in name and first:
                continue
            part = slice(first, first + most)
            losses = objective.with_data((network.images[part], network.labels[part]))
            *_, surface = evaluate_plane(losses, plane, (-w, w, -w, w), resolution=NODES)
            kept[f"{name}; {which}"] = surface
            found[f"{name}; {which}"] = {
                "images": most,
                "half-width": w,
                "lowest": list(surface.minimum),
                "at θ*": surface.loss[NODES // 2, NODES // 2],
                "loss along α": surface.loss[NODES // 2].tolist(),
                "loss along β": surface.loss[:, NODES // 2].tolist(),
            }
    save(kept, RESULTS / f"{file}-planes.npz")
    return found


def losses(folder: Path, count: int) -> dict[str, Any]:  # noqa: ARG001 - of all images, whatever is asked for
    """Sizes, losses and accuracies of both networks on all images of the folder."""
    found = {}
    for name in NETWORKS:
        network = Published.read(folder, name)
        z = outputs(network.model, network.images)
        found[name] = {
            "images": len(network.images),
            "parameters": sum(p.numel() for p in network.model.parameters()),
            "accuracy": (z.argmax(1) == network.labels).float().mean().item(),
            "loss": nn.functional.cross_entropy(z, network.labels).item(),
        }
    return found


def with_shortcuts(folder: Path, count: int) -> dict[str, Any]:
    """The first network of Table II."""
    return measure(folder, count, "with shortcuts")


def without_shortcuts(folder: Path, count: int) -> dict[str, Any]:
    """The second."""
    return measure(folder, count, "without shortcuts")


def measure(folder: Path, count: int, name: str) -> dict[str, Any]:
    """One network: losses on all images of the folder, curvature on the first ``count``."""
    network = Published.read(folder, name)
    objective = network.objective(count)
    pairs = network.pairs(count)
    v = torch.from_numpy(pairs.vectors[:, 0])
    known = by_example(network, v, slice(0, count))
    others = by_example(network, v, slice(count, count + OTHERS))
    return {
        "images of curvature": count,
        "λmax": pairs.values[0],
        "λmin": pairs.values[-1],
        "residuals": pairs.residuals.tolist(),
        "converged": bool(pairs.converged.all()),
        "products": pairs.n_hvp,
        "own double backward": checked(network, pairs, count),
        "vᵀHv of λmax on these images": known.mean(),
        "vᵀHv of λmax on others": [others.mean(), others.std(ddof=1) / len(others) ** 0.5],
        "share of the example that carries most of λmax": known.max() / known.sum(),
        "share of the tenth of the examples that carry most of λmax": (
            np.sort(known)[-count // 10 :].sum() / known.sum()
        ),
        "parameters that carry most of λmax": heaviest(objective, pairs.vectors[:, 0]),
        "planes": planes(network, pairs, count),
    }
