"""A first picture on part of the examples, where all of them would let one wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from landscape_widget.curvature.eigenpairs import eigenpair_steps
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.directions import hessian_rank
from landscape_widget.planes.grid import Domain
from landscape_widget.planes.splits import alongside, shown
from landscape_widget.planes.surface import evaluate_plane
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.study.budget import PRODUCT_COST, USUAL_PRODUCTS
from landscape_widget.study.centre import Centre
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import automatic_domain
from landscape_widget.study.findings import Findings

#: Seconds that a first picture aims at, half of them for eigenvectors.
PREVIEW_SECONDS = 0.6

#: Nodes of a first picture.
PREVIEW_NODES = 81

#: Products after which eigenvectors are good enough to begin with, for each pair of a side.
_PREVIEW_PRODUCTS = 12

#: Fewer examples than these have a landscape of their own, not that of the data set.
_LEAST_PREVIEW = 64

#: Fewer examples than these have eigenvectors of their own.
_LEAST_VECTORS = 24

#: The next picture in a Hessian plane rests on up to so many times the examples.
_MORE = 4

#: Two pictures are alike where they differ by less than this share of the range (root mean square): with
#: ``_MORE`` times the examples, the sampling error of the second is then about half as much.
_ALIKE = 0.02


def takes_long(centre: Centre, objective: Objective, controls: Controls) -> bool:
    """Whether the picture on all of the examples takes so long that a first one on a part is worth while."""
    long = expected_seconds(centre, objective, controls) > 2 * PREVIEW_SECONDS
    return long and objective.n_examples >= 2 * _LEAST_PREVIEW and objective.divisible


def expected_seconds(centre: Centre, objective: Objective, controls: Controls) -> float:
    """About how long the picture on all of the examples takes, by the time of one loss."""
    evaluations = USUAL_PRODUCTS * PRODUCT_COST if hessian_rank(controls.axes) else PREVIEW_NODES
    return centre.seconds(objective) * evaluations


def preview_steps(centre: Centre, controls: Controls, found: Findings) -> Iterator[Findings]:
    """Draws a picture that ``takes_long`` on part of the examples first.

    It goes by ``found.surface`` alone, coarse and so never final, and says in its provenance how many
    examples it rests on; no eigenvalue of the part is ever shown. In a Hessian plane it rests on more
    examples than its eigenvectors, whose products take longer, and for which they are a sample of their
    own; the training loss is drawn again on more of them while that changes it.
    """
    n, rank = controls.examples, hessian_rank(controls.axes)
    objective = centre.on(n)
    room = PREVIEW_SECONDS / (2 if rank else 1) / (centre.seconds(objective) / n)
    part = min(max(_LEAST_PREVIEW, int(room / PREVIEW_NODES)), n // 2)
    found.stage = f"a first picture on {part:,} of {n:,} examples"
    yield found
    pairs: EigenPairs | None = None
    if rank:
        products = _PREVIEW_PRODUCTS * rank
        few = min(max(_LEAST_VECTORS, int(room / (products * PRODUCT_COST))), part)
        sample = centre.objective.subset(few)
        for estimate in eigenpair_steps(sample, rank, tol=1e-2, max_hvp=products, precise=False):
            pairs = estimate
            yield found
    plane = centre.around.plane(objective, controls.axes, controls.seed, pairs)
    if pairs is not None:
        rests_on = {"eigenvectors": "not certified", "n_examples": pairs.provenance["n_examples"]}
        plane = replace(plane, provenance={**plane.provenance, **rests_on})
    domain = controls.domain or automatic_domain(
        plane,
        pairs,
        found.centre_loss,
        centre.theta_norm,
        controls.equal_axes,
        reach=centre.around.reach(plane),
    )
    yield from _sketch(centre, controls, plane, domain, part, found)
    # test data are not divided: their loss would be the same again
    while rank and controls.split == "train" and 2 * part <= n // 2:
        part, before = min(part * _MORE, n // 2), found.surface
        found.stage = f"a better picture on {part:,} of {n:,} examples"
        yield found
        yield from _sketch(centre, controls, plane, domain, part, found)
        if before is None or found.surface is None or alike(before, found.surface):
            return


def _sketch(
    centre: Centre, controls: Controls, plane: Plane, domain: Domain, part: int, found: Findings
) -> Iterator[Findings]:
    """Draws a coarse picture on part of the examples, from when it is as fine as the one before."""
    enough = min(PREVIEW_NODES, (controls.resolution // 2 + 1) ** 2)  # every other node, and so never final
    runs = {
        split: evaluate_plane(measured, plane, domain, controls.resolution, enough=enough, accuracy=0.0)
        for split, measured in centre.measured(centre.objective.subset(part), controls).items()
    }
    for surfaces in alongside(runs):
        if shown(surfaces).final:  # only a picture on all of the examples may say so
            return
        found.draw(plane, surfaces, part)
        yield found


def alike(one: Surface, other: Surface) -> bool:
    """Whether two pictures on one grid differ by little, where both have a loss."""
    off = other.loss - one.loss
    both = np.isfinite(off)
    return not both.any() or bool(
        np.sqrt(np.mean(off[both] ** 2)) <= _ALIKE * (other.loss[both].max() - other.loss[both].min())
    )
