"""What a computation is going to do, in units of each kind that it counts."""

from __future__ import annotations

from landscape_widget.curvature.trace import default_method
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.certified import USUAL_NODES
from landscape_widget.planes.directions import hessian_rank
from landscape_widget.study import budget
from landscape_widget.study.centre import Centre
from landscape_widget.study.controls import Controls
from landscape_widget.study.lines import lines_ahead
from landscape_widget.study.progress import Work

#: Losses along a line of the curvature fit: four, at the first interval or the second.
_OF_A_LINE = 8


def foreseen(centre: Centre, controls: Controls, what: str = "all") -> dict[str, Work]:
    """The work of one of ``PARTS``, as far as it is done around this θ*; what is known already is left out.

    Args:
        centre: θ* and what is known around it.
        controls: What is asked for.
        what: The part.
    """
    works: dict[str, Work] = lines_ahead(centre, controls) if what in ("lines", "all") else {}
    if what == "lines":
        return works
    ranks = hessian_rank(controls.axes)
    if what in ("surface", "all"):
        pictures = {"": controls}
        if (second := controls.compared()) is not None:
            ranks += hessian_rank(second.axes) or second.compared_checkpoint is not None
            if second.compared_checkpoint is None:
                pictures["compared "] = second
        placed = centre.around.landmarks.n_placed
        for name, picture in pictures.items():
            works[f"{name}node"] = Work(nodes(picture), "loss")
            if placed:
                works[f"{name}checkpoint"] = Work(placed, "loss")
    curvature = curvature_works(centre, centre.on(controls.examples), controls)
    if what != "surface" or ranks:
        works["product"] = curvature["product"]
    return works | (curvature if what in ("curvature", "all") else {})


def nodes(picture: Controls) -> int:
    """Nodes of a picture that need an evaluation, about, as if none of them were known."""
    every, splits = picture.resolution**2, 2 if picture.split == "difference" else 1
    return splits * (min(every, USUAL_NODES) if picture.accuracy else every)


def curvature_works(centre: Centre, objective: Objective, controls: Controls) -> dict[str, Work]:
    """Eigenpairs and all that the faces of the curvature panel need, but for what is known."""
    known, n, k = centre.known, objective.n_examples, max(1, controls.rank)
    drawn = known.projections.get((n, controls.samples))
    steps = min(budget.DENSITY_STEPS, objective.n_parameters)
    density = 0 if any(m == n for m, _ in known.densities) else (budget.DENSITY_PROBES - 1) * steps
    works = {
        "product": Work(0 if (n, k) in known.pairs else k * budget.USUAL_PRODUCTS, "product"),
        "projection": Work(controls.samples - (drawn.samples if drawn else 0), "product", 2),
        "density": Work(density, "product"),
    }
    return works | (_traces(centre, objective) if controls.face == "trace" else {})


def best_trace(centre: Centre, controls: Controls) -> dict[str, Work]:
    """The work of tr(H) by the best method alone."""
    objective = centre.on(controls.examples)
    method = default_method(objective, budget.TRACE_SAMPLES)
    return {kind: work for kind, work in _traces(centre, objective).items() if kind == method}


def _traces(centre: Centre, objective: Objective) -> dict[str, Work]:
    """The best method, and those beside it."""
    best = default_method(objective, budget.TRACE_SAMPLES)
    wanted = {method: Work(budget.TRACE_SAMPLES, "product") for method in (best, *budget.TRACE_METHODS)}
    wanted["curvature-fit"] = Work(budget.TRACE_SAMPLES, "loss", _OF_A_LINE)
    if best == "exact":
        wanted[best] = Work(objective.n_parameters, "product")
    known = {method: centre.known.traces.get((objective.n_examples, method), ()) for method in wanted}
    return {m: work for m, work in wanted.items() if not budget.trace_is_final(m, known[m])}
