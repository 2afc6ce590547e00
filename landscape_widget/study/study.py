"""One model under study: which step comes next, so that nothing is computed twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain

from landscape_widget.numerics.vectors import norm
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.directions import by_eigenvectors, hessian_rank, make_plane
from landscape_widget.study.centre import Centre
from landscape_widget.study.controls import Controls
from landscape_widget.study.curvature_steps import CurvatureSteps
from landscape_widget.study.findings import Findings
from landscape_widget.study.known import Known
from landscape_widget.study.picture_steps import compared_steps, is_begun, surface_steps
from landscape_widget.study.preview import preview_steps, takes_long
from landscape_widget.study.progress import fairly

log = logging.getLogger(__name__)


class Study:
    """Computes what an explorer shows around one θ*; results are kept, so that controls can be dragged."""

    def __init__(
        self, objective: Objective, test: Objective | None = None, known: Known | None = None
    ) -> None:
        """Computes nothing yet.

        Args:
            objective: The loss on all examples.
            test: The same loss on test data.
            known: What a former study knew of an equal objective.
        """
        self.centre = Centre(objective, test, known)
        self.objective, self.test, self.known = objective, test, self.centre.known
        self.theta_norm = self.centre.theta_norm
        self._curvature = CurvatureSteps(self.centre)

    def steps(self, controls: Controls) -> Iterator[Findings]:
        """Computes everything for ``controls``; yields the findings whenever they got better.

        The picture comes first, then picture and curvature share the time evenly. Where the curvature
        fails and the axes need no eigenvectors, everything else is computed before the error is raised:
        what needs no second derivative can be had of losses that have none.
        """
        centre = self.centre
        objective = centre.on(controls.examples)
        found = Findings()
        found.stage = "loss at the present weights"
        yield found
        found.centre_loss = centre.loss(objective)
        if takes_long(centre, objective, controls) and not self._has_begun(objective, controls):
            yield from _if_it_can_be(preview_steps(centre, controls, found))
        found.stage = "gradient at the present weights"
        yield found
        found.gradient_norm = norm(centre.gradient(objective))
        pairs = self._curvature.eigenpairs(objective, controls, found)
        if hessian_rank(controls.axes):
            yield from pairs
            pairs = iter(())
        plane = make_plane(objective, controls.axes, controls.seed, found.pairs)
        surface = surface_steps(centre, objective, controls, plane, found)
        if by_eigenvectors(controls.axes):  # for nothing; else it waits for the picture
            found.quadratic = centre.quadratic(objective, plane, found.pairs)
        found.stage = "loss surface"
        yield next(surface)
        pairs = _to_the_end(pairs, found)
        if second := controls.compared():
            first = [surface, pairs] if hessian_rank(second.axes) else [surface]
            surface = chain(*first, compared_steps(centre, objective, second, found))
        curvature = _to_the_end(self._curvature.panel(objective, controls, plane, found), found)
        yield from fairly(surface, pairs, curvature)
        if found.fault is not None:
            raise found.fault

    def _has_begun(self, objective: Objective, controls: Controls) -> bool:
        """Whether something is known of the picture on all of the examples."""
        if hessian_rank(controls.axes):
            return self._curvature.has_pairs(objective.n_examples)
        return is_begun(self.centre, objective, controls)


def _if_it_can_be(first_picture: Iterator[Findings]) -> Iterator[Findings]:
    """Draws a first picture, unless the loss needs more examples, as one of the hardest hundred does."""
    try:
        yield from first_picture
    except Exception as error:
        log.info("No first picture on part of the examples: %s: %s", type(error).__name__, error)


def _to_the_end(job: Iterator[Findings], found: Findings) -> Iterator[Findings]:
    """Runs a job that is to leave the others their time, and keeps the first error for later."""
    try:
        yield from job
    except Exception as error:
        found.fault = found.fault or error
