"""One model under study: which step comes next, so that nothing is computed twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import norm
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.planes.directions import by_eigenvectors, hessian_rank
from landscape_widget.study.along import found_at
from landscape_widget.study.centre import Centre, Run
from landscape_widget.study.controls import Controls
from landscape_widget.study.curvature_steps import CurvatureSteps
from landscape_widget.study.findings import Findings, Picture
from landscape_widget.study.foreseen import best_trace, foreseen
from landscape_widget.study.known import Known
from landscape_widget.study.lines import along_lines
from landscape_widget.study.picture_steps import (
    compared_steps,
    is_begun,
    landmark_steps,
    redrawn_steps,
    surface_steps,
)
from landscape_widget.study.plan import plan_of
from landscape_widget.study.preview import expected_seconds, preview_steps, takes_long
from landscape_widget.study.progress import fairly

log = logging.getLogger(__name__)

#: What the work of a picture around another θ* has before its kind.
_BESIDE = "beside"

#: Seconds of a picture from which on it is measured what all takes, where no first picture can be drawn.
_LONG = 30.0

#: Parts that can be computed alone, each with what it rests on; and all of them.
PARTS = ("surface", "eigenpairs", "curvature", "lines", "all")


def check_part(what: object, *more: str) -> str:
    """Returns the name of a part, or one of ``more``.

    Raises:
        ValueError: For anything else.
    """
    names = (*PARTS, *more)
    if not isinstance(what, str) or what not in names:
        raise ValueError(f"Expected one of {', '.join(map(repr, names))}, got {told(what)}.")
    return what


class Study:
    """Computes what an explorer shows around one θ*; results are kept, so that controls can be dragged."""

    def __init__(
        self,
        objective: Objective,
        test: Objective | None = None,
        known: Known | None = None,
        landmarks: Landmarks | None = None,
        run: Run | None = None,
    ) -> None:
        """Computes nothing yet.

        Args:
            objective: The loss on all examples.
            test: The same loss on test data.
            known: What a former study knew of an equal objective.
            landmarks: A trajectory and solutions of the same model.
            run: Other centres along it.
        """
        self.centre = Centre(objective, test, known, landmarks, run)
        self.objective, self.test, self.known = objective, test, self.centre.known
        self.theta_norm = self.centre.theta_norm
        self._curvature = CurvatureSteps(self.centre)
        self.beside: Study | None = None
        """The study of the second picture, where that is around another θ*; who asks for one provides it."""

    def steps(self, controls: Controls, what: str = "all") -> Iterator[Findings]:
        """Computes one of ``PARTS`` for ``controls``; yields the findings whenever they got better.

        The picture comes first, then picture and curvature on show share the time evenly; the faces of the
        curvature panel that are not on show come last. Where the curvature
        fails and the axes need no eigenvectors, everything else is computed before the error is raised:
        what needs no second derivative can be had of losses that have none.

        Raises:
            LossChangedError: If the loss has changed since the first of what is known was found, or does
                meanwhile; then nothing is added.
        """
        steps = self._lines(controls) if what == "lines" else self._steps(controls, what)
        return self._watched(steps, controls)

    def _watched(self, steps: Iterator[Findings], controls: Controls) -> Iterator[Findings]:
        """Sees that the loss is what it was once there is anything new, and again at the end.

        A computation that finds all in what is known evaluates nothing.
        """
        witness, known = self.centre.witness, [self.known, *([self.beside.known] if self.beside else [])]
        with witness.adding(*known):
            seen, first = False, not witness.taken
            for found in steps:
                witness.refuse()  # an errand may have found out meanwhile
                seen = seen or (first and witness.taken)
                ready = witness.taken or found.gradient_norm is not None  # a first picture waits for nothing
                if not seen and ready and (witness.unsure or found.meter.has_work("checkpoint")):
                    witness.check(controls.examples)
                    seen = True
                yield found
            witness.confirm(controls.examples)

    def _steps(self, controls: Controls, what: str) -> Iterator[Findings]:
        centre, found = self.centre, Findings()
        objective = centre.on(controls.examples)
        found.stage = "loss at the present weights"
        yield found
        found.centre_loss = centre.loss(objective)
        self._foresee(controls, what, found)
        drawn = what in ("surface", "all")
        long = takes_long(centre, objective, controls)
        if drawn and long and not self._has_begun(objective, controls):
            yield from _if_it_can_be(preview_steps(centre, controls, found))
        centre.witness.begin(controls.examples)
        found.stage = "gradient at the present weights"
        yield found
        found.gradient_norm = norm(centre.gradient(objective))
        self._curvature.recall(objective, controls, found)
        if what == "all" and (long or expected_seconds(centre, objective, controls) > _LONG):
            yield from self._tell_ahead(controls, found)
        pairs = self._curvature.eigenpairs(objective, controls, found)
        if what == "eigenpairs" or hessian_rank(controls.axes):
            yield from pairs
            pairs = iter(())
        if what == "eigenpairs":
            return
        plane = centre.around.plane(objective, controls.axes, controls.seed, found.pairs)
        landmarks = _to_the_end(landmark_steps(centre, objective, controls, plane, found), found)
        surface = chain(surface_steps(centre, objective, controls, plane, found), landmarks)
        if by_eigenvectors(controls.axes):  # for nothing; else it waits for the picture
            found.quadratic = centre.quadratic(objective, plane, found.pairs)
        if drawn:
            found.stage = "loss surface"
            yield next(surface)
        second = controls.compared() if drawn else None
        elsewhere = second is not None and second.compared_checkpoint is not None
        pairs_needed = second is not None and (elsewhere or hessian_rank(second.axes) > 0)
        pairs = _to_the_end(pairs, found) if what != "surface" or pairs_needed else iter(())
        if second is not None and elsewhere:
            surface = chain(surface, pairs, self._beside(objective.n_examples, second, found))
        elif second is not None:
            first = [surface, pairs] if pairs_needed else [surface]
            surface = chain(*first, compared_steps(centre, objective, second, found))
        shown, rest = (
            _to_the_end(steps(objective, controls, plane, found), found)
            for steps in (self._curvature.shown, self._curvature.rest)
        )
        match what:
            case "surface":
                yield from fairly(surface, pairs)
            case "curvature":
                found.stage = "curvature"
                yield from chain(fairly(pairs, shown), rest)
            case _:
                yield from chain(
                    fairly(surface, pairs, shown),
                    _to_the_end(along_lines(centre, objective, controls, found), found),
                    rest,
                    _to_the_end(self._traces_of_both(objective, found), found),
                )
        if found.fault is not None:
            raise found.fault

    def _lines(self, controls: Controls) -> Iterator[Findings]:
        found, objective = Findings(), self.centre.on(controls.examples)
        found.centre_loss = self.centre.loss(objective)
        self._foresee(controls, "lines", found)
        self.centre.witness.begin(controls.examples)
        yield from along_lines(self.centre, objective, controls, found)

    def _foresee(self, controls: Controls, what: str, found: Findings) -> None:
        """Takes note of all that is to come, for the time left."""
        works = foreseen(self.centre, controls, what)
        second = controls.compared() if what in ("surface", "all") else None
        if second is not None and second.compared_checkpoint is not None and self.beside is not None:
            there = foreseen(self.beside.centre, _alone(second), "surface")
            there |= foreseen(self.beside.centre, _alone(second), "eigenpairs")
            if what == "all":
                works |= best_trace(self.centre, controls)
                there |= best_trace(self.beside.centre, controls)
            works |= {f"{_BESIDE} {kind}": work for kind, work in there.items()}
        found.meter.foresee(works)

    def _tell_ahead(self, controls: Controls, found: Findings) -> Iterator[Findings]:
        """Measures what a long computation takes, to be told beside the time left."""
        found.stage = "measuring how long it will take"
        yield found
        plan = plan_of(self.centre, controls)
        if plan.is_long:
            found.plan = plan.line
        log.info("%r", plan)

    def ahead(self, controls: Controls) -> Iterator[Findings]:
        """Computes what is shown of a checkpoint over time: picture, both ends of the spectrum, and tr(H).

        With them comes the preconditioned curvature, where an optimiser's P was kept.

        Where the curvature fails, that is raised once the picture is there.
        """
        return self._watched(self._ahead(controls), controls)

    def _ahead(self, controls: Controls) -> Iterator[Findings]:
        found = Findings()
        for found in self._steps(controls, "surface"):
            yield found
        for found in self._steps(controls, "eigenpairs"):
            yield found
        objective = self.centre.on(controls.examples)
        yield from self._curvature.best_trace(objective, found)
        yield from self._curvature.preconditioned(objective, found)

    def _beside(self, n_examples: int, controls: Controls, found: Findings) -> Iterator[Findings]:
        """Draws the second picture around another θ*, and finds the curvature there."""
        other = self.beside
        assert other is not None
        alone = _alone(controls)
        if controls.compared_axes is None and alone.domain is None and found.surface is not None:
            a, b = found.surface.alpha, found.surface.beta  # planes of one kind reach equally far
            ends = float(a[0]), float(a[-1]), float(b[0]), float(b[-1])
            alone = replace(alone, domain=ends)
        for what in ("surface", "eigenpairs"):
            for there in other._steps(alone, what):
                found.stage = there.stage
                found.meter.include(_BESIDE, there.meter)
                if there.plane is not None and there.surface is not None and not there.preview:
                    found.compared = Picture(there.plane, there.surface, there.quadratic, there.surfaces)
                    found.compared_landmarks = there.landmarks
                yield found
        found.around = found_at(self.centre, n_examples), found_at(other.centre, n_examples)
        yield found

    def _traces_of_both(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """Computes tr(H) around both θ*, which their table asks for."""
        other, n = self.beside, objective.n_examples
        if other is None or found.around is None or None in found.around:  # most often nothing is beside
            return
        found.stage = "trace around both"
        yield from self._curvature.best_trace(objective, found)
        there = Findings()
        for _ in other._curvature.best_trace(other.centre.on(n), there):
            found.meter.include(_BESIDE, there.meter)
            yield found
        found.around = found_at(self.centre, n), found_at(other.centre, n)
        yield found

    def redrawn(self, controls: Controls, found: Findings) -> Iterator[Findings]:
        """Draws what was found for ``controls`` again where it interpolates points that were marked."""
        steps = redrawn_steps(self.centre, self.centre.on(controls.examples), controls, found)
        return self._watched(steps, controls)

    def _has_begun(self, objective: Objective, controls: Controls) -> bool:
        """Whether something is known of the picture on all of the examples."""
        if hessian_rank(controls.axes):
            return self._curvature.has_pairs(objective.n_examples)
        return is_begun(self.centre, objective, controls)


def _alone(controls: Controls) -> Controls:
    """The controls of a picture that has no other one beside it."""
    return replace(controls, compared_axes=None, compared_split=None, compared_checkpoint=None)


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
        found.meter.forget()
