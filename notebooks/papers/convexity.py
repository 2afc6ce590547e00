"""How far from convex the loss of both ResNet-56 is over a plane: Li et al., Fig. 7."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from networks import NETWORKS, Published

from landscape_widget import convexity_map, evaluate_plane, random_plane

#: Images of the loss at the most, nodes along each axis, and products for a node: both ends take some 60.
IMAGES, NODES, PRODUCTS = 8, 5, 150

#: Relative accuracy of both ends, and the domain of the paper's figure.
ACCURACY, DOMAIN = 0.02, (-1.0, 1.0, -1.0, 1.0)


def measure(folder: Path, count: int) -> dict[str, Any]:
    """|λmin/λmax| and the loss at each node of a filter-normalised plane, on ``IMAGES`` images at most."""
    found = {}
    for name in NETWORKS:
        objective = Published.read(folder, name).objective(min(count, IMAGES))
        plane = random_plane(objective, seed=0, normalize="filter")
        *_, surface = evaluate_plane(objective, plane, DOMAIN, resolution=NODES, accuracy=0)
        shape = convexity_map(objective, plane, DOMAIN, NODES, tol=ACCURACY, max_hvp=PRODUCTS)
        found[name] = {
            "images": objective.n_examples,
            "ratio": shape.ratio.tolist(),
            "converged": shape.converged.tolist(),
            "products": shape.n_hvp,
            "loss": surface.loss.tolist(),
        }
    return found
