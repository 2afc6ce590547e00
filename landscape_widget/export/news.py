"""All that is told of a computation, and the payload of each result by the trait that the page has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from landscape_widget.export import curvature_payloads as curvature
from landscape_widget.export import payloads as wire
from landscape_widget.export.landmark_payloads import landmarks
from landscape_widget.export.line_payload import lines
from landscape_widget.export.payloads import Payload
from landscape_widget.export.python_call import recipe
from landscape_widget.results.planes import Plane
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings


@dataclass(frozen=True)
class News:
    """What a computation has found so far, with all else that payloads tell of it."""

    found: Findings
    controls: Controls
    request: int
    """Number of the computation's request."""
    elapsed: float
    """Seconds since it began."""
    theta_norm: float
    """‖θ*‖ of the present centre."""
    moved: float = 0.0
    """‖Δθ‖ from the model's weights to the present centre."""
    given: Sequence[str] = ()
    """The arguments that the explorer was made with, as they are written; nothing where they are unknown."""

    elsewhere: Controls | None = None
    """The controls as another explorer takes them, where it cannot take all of these."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """What checkpoints are called that only this explorer has, by the controls that asked for them."""
    whole: int = 0
    """How many examples an explorer begins with; 0 where that is not known."""

    @property
    def python(self) -> str:
        """The call that makes the first picture again."""
        controls = self.elsewhere or self.controls
        more = self.given, self.moved, self.lost, self.whole
        return recipe(self.found, controls, *more) if self.given else ""

    @property
    def planes(self) -> dict[str, Plane | None]:
        """The planes of the pictures, by the traits that the pictures are sent in."""
        second = self.found.compared
        return {"_surface": self.found.plane, "_compared": second.plane if second else None}


#: What makes each trait's payload.
PAYLOADS: dict[str, Callable[[News], Payload]] = {
    "_surface": lambda n: wire.surface(n.found, n.controls, n.request, n.theta_norm, n.python),
    "_compared": lambda n: wire.compared(n.found, n.controls, n.request, n.theta_norm),
    "_landmarks": lambda n: landmarks(n.found, n.controls, n.request),
    "_line_losses": lambda n: lines(n.found, n.controls, n.request),
    "_eigenpairs": lambda n: curvature.eigenpairs(n.found, n.controls, n.request, n.theta_norm),
    "_projections": lambda n: curvature.projections(n.found, n.controls, n.request),
    "_spectrum": lambda n: curvature.spectrum(n.found, n.request),
    "_trace": lambda n: curvature.trace(n.found, n.request),
    "progress": lambda n: wire.progress(n.found, n.request, n.elapsed),
}


#: What a page without a kernel holds of each picture, by trait, where it was found.
OF_A_PICTURE: dict[str, Callable[[Findings], Any]] = {
    "_surface": lambda found: found.surface,
    "_landmarks": lambda found: found.landmarks,
    "_line_losses": lambda found: found.line_losses,
    "_eigenpairs": lambda found: found.pairs,
    "_projections": lambda found: found.projections,
    "_spectrum": lambda found: found.density,
    "_trace": lambda found: found.traces,
}


def pictures(news: News) -> list[Payload]:
    """Each picture on its own, with what was found for it: what a page without a kernel switches between."""
    return [_picture(one) for one in _apart(news)]


def _picture(news: News) -> Payload:
    found = news.found
    made: Payload = {t: PAYLOADS[t](news) for t, of in OF_A_PICTURE.items() if of(found) is not None}
    first, *_ = wire.sights(found, news.controls, news.theta_norm)
    return made | {"automatic": news.controls.domain is None, "sights": first}


def _apart(news: News) -> list[News]:
    """The first picture as if it were the only one, and so the second."""
    found, controls = copy(news.found), news.controls
    second, second_controls, compared = found.compared, controls.compared(), found.compared_landmarks
    found.compared = found.compared_landmarks = None
    alone = [replace(news, found=found, controls=alone_of(controls))]
    # of another checkpoint nothing else is known here
    if second is not None and second_controls is not None and controls.compared_checkpoint is None:
        found = copy(found)
        found.plane, found.surface, found.surfaces = second.plane, second.surface, second.surfaces
        found.quadratic, found.landmarks = second.quadratic, compared
        alone.append(replace(news, found=found, controls=alone_of(second_controls)))
    return alone


def alone_of(controls: Controls) -> Controls:
    """The same without a second picture."""
    return replace(
        controls, compared_axes=None, compared_domain=None, compared_split=None, compared_checkpoint=None
    )
