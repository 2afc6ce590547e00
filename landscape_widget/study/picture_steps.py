"""Pictures on all of the examples, step by step: the first plane, and a second one beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import monotonic

from landscape_widget.objective.objective import Objective
from landscape_widget.planes.certified import USUAL_NODES
from landscape_widget.planes.differences import evaluate_difference
from landscape_widget.planes.directions import hessian_rank
from landscape_widget.planes.grid import grid_axis, n_known, nearest
from landscape_widget.planes.splits import alongside, parts, shown
from landscape_widget.planes.surface import evaluate_plane
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.study.centre import Centre, plane_key
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import automatic_domain
from landscape_widget.study.findings import Findings, Picture


def surface_steps(
    centre: Centre, objective: Objective, controls: Controls, plane: Plane, found: Findings
) -> Iterator[Findings]:
    """Draws the first picture."""
    for surfaces in _nodes("node", centre, objective, controls, plane, found):
        found.draw(plane, surfaces)
        yield found


def compared_steps(
    centre: Centre, objective: Objective, controls: Controls, found: Findings
) -> Iterator[Findings]:
    """Draws the second picture; its Hessian axes rest on certified pairs, without which there is none."""
    if hessian_rank(controls.axes) and not found.pairs_final:
        found.meter.forget()
        return
    plane = centre.around.plane(objective, controls.axes, controls.seed, found.pairs)
    for surfaces in _nodes("compared node", centre, objective, controls, plane, found):
        found.compared = Picture(plane, shown(surfaces), surfaces=parts(surfaces))
        yield found
    assert found.compared is not None
    model = centre.quadratic(objective, plane, found.pairs)
    found.compared = replace(found.compared, quadratic=model)
    yield found
    for placed in _landmarks("compared checkpoint", centre, objective, controls, plane, found):
        found.compared_landmarks = placed
        yield found


def landmark_steps(
    centre: Centre, objective: Objective, controls: Controls, plane: Plane, found: Findings
) -> Iterator[Findings]:
    """Finds where the path of training and other solutions lie on the first plane, and their true losses."""
    for placed in _landmarks("checkpoint", centre, objective, controls, plane, found):
        found.landmarks = placed
        yield found


def _landmarks(
    kind: str, centre: Centre, objective: Objective, controls: Controls, plane: Plane, found: Findings
) -> Iterator[LandmarksOnPlane]:
    started = monotonic()
    steps = centre.around.steps(centre.measured(objective, controls), controls.batch_norm, plane)
    for placed in steps:
        done = sum(len(path.loss) for path in placed.paths.values())
        found.meter.expect(kind, placed.total)
        found.meter.record(kind, done, monotonic() - started)
        yield placed
        started = monotonic()


def redrawn_steps(
    centre: Centre, objective: Objective, controls: Controls, found: Findings
) -> Iterator[Findings]:
    """Draws finished pictures again in which marked points are interpolated, with these evaluated."""
    second = controls.compared()
    if found.plane and found.surface and not found.preview and _lacks(centre, found.plane, found.surface):
        yield from surface_steps(centre, objective, controls, found.plane, found)
    here = second is not None and second.compared_checkpoint is None
    if second and here and found.compared and _lacks(centre, found.compared.plane, found.compared.surface):
        yield from compared_steps(centre, objective, second, found)


def _lacks(centre: Centre, plane: Plane, surface: Surface) -> bool:
    """Whether a finished picture interpolates a marked point."""
    places = centre.marked_on(plane, surface.alpha, surface.beta)
    nodes = [(nearest(surface.beta, b), nearest(surface.alpha, a)) for a, b in places]
    return surface.final and not all(surface.done[node] for node in nodes)


def is_begun(centre: Centre, objective: Objective, controls: Controls) -> bool:
    """Whether losses on the plane that the controls ask for are known; it has no Hessian axes."""
    plane = centre.around.plane(objective, controls.axes, controls.seed, None)
    keys = (plane_key(objective, plane, controls.batch_norm, split) for split in ("train", "test"))
    return any(centre.known.losses.get(key) for key in keys)


def _nodes(
    kind: str, centre: Centre, objective: Objective, controls: Controls, plane: Plane, found: Findings
) -> Iterator[dict[str, Surface]]:
    """Yields surfaces of a plane by their splits, on what is known of it; meters them as work of a kind."""
    domain = controls.domain or automatic_domain(
        plane,
        found.pairs,
        found.centre_loss,
        centre.theta_norm,
        controls.equal_axes,
        found.slopes.along if found.slopes else None,
        lambda alpha, beta: centre.loss_at(objective, plane, alpha, beta),
        centre.around.reach(plane),
    )
    alpha = grid_axis(domain[0], domain[1], controls.resolution)
    beta = grid_axis(domain[2], domain[3], controls.resolution)
    accuracy = controls.accuracy
    measured = centre.measured(objective, controls)
    caches = {
        split: centre.known.losses_on(plane_key(objective, plane, controls.batch_norm, split))
        for split in measured
    }
    known = sum(n_known(cache, alpha, beta) for cache in caches.values())
    every = len(measured) * controls.resolution**2
    usual = len(measured) * USUAL_NODES if accuracy else every

    def expected(done: int) -> int:
        return min(every, max(usual, done * 5 // 4))

    started, marked = monotonic(), centre.marked_on(plane, alpha, beta)
    found.meter.expect(kind, expected(known), known)
    while True:
        if controls.split == "difference" and accuracy:  # of two that are right, the difference need not be
            steps = evaluate_difference(
                measured, plane, domain, controls.resolution, caches, accuracy, marked
            )
        else:
            steps = alongside(
                {
                    split: evaluate_plane(
                        one,
                        plane,
                        domain,
                        controls.resolution,
                        cache=caches[split],
                        accuracy=accuracy,
                        always=marked,
                    )
                    for split, one in measured.items()
                }
            )
        for surfaces in steps:
            done = sum(surface.n_evaluated for surface in parts(surfaces).values())
            if "difference" in surfaces:
                done = max(done, 2 * surfaces["difference"].n_evaluated)
            found.meter.expect(kind, expected(done), known)
            found.meter.record(kind, done, monotonic() - started)
            yield surfaces
            started = monotonic()
        before, marked = marked, centre.marked_on(plane, alpha, beta)
        if marked == before:  # else points were marked meanwhile
            break
    found.meter.finish(kind)
