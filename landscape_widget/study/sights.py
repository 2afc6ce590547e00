"""What a picture and random planes show of θ*, in words."""

from __future__ import annotations

from landscape_widget.planes.scale import is_training_loss, sees_saddle
from landscape_widget.results.blindness import SaddleBlindness, measured_blindness
from landscape_widget.results.curvature import ProjectedCurvatures
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.shares import interval_words
from landscape_widget.results.tables import brief


def is_seen(surface: Surface | None, quadratic: QuadraticModel | None) -> bool:
    """Whether a picture has the colours for a saddle that lies in its plane, or does not tell.

    Only training losses do, whose curvature is known; none that is not there yet does.
    """
    if surface is None or not is_training_loss(surface):
        return True
    return sees_saddle(surface, quadratic)


def sight(kind: str, plane_curvature: tuple[float, float], seen: bool = True) -> str:
    """What a plane shows of θ*, in words.

    Args:
        kind: The kind of point that θ* is, as in ``Verdict.kind``.
        plane_curvature: (κ₋, κ₊) of the plane at θ*.
        seen: Whether the picture shows to the eye a saddle that lies in the plane.
    """
    looks = _looks(plane_curvature)
    numbers = f"κ₋ {brief(plane_curvature[0])}, κ₊ {brief(plane_curvature[1])}"
    if kind not in ("saddle", "minimum", "maximum"):
        return f"Curves like a {looks}: {numbers}."
    if looks == kind == "saddle" and not seen:
        return f"The saddle lies in this plane but cannot be seen at this domain: {numbers}."
    if looks == kind:
        return f"Shows the {kind}: {numbers}."
    return f"Hides the {kind}, looks like a {looks}: {numbers}."


def _looks(plane_curvature: tuple[float, float]) -> str:
    """What θ* looks like to whoever sees this plane only."""
    minus, plus = plane_curvature
    if minus < 0 < plus:
        return "saddle"
    return "minimum" if minus > 0 else "maximum" if plus < 0 else "flat valley"


def blindness_words(
    plane_curvature: tuple[float, float] | None,
    projections: ProjectedCurvatures | None,
    blindness: SaddleBlindness | None,
    seen: bool,
) -> str:
    """Who sees the saddle: random planes, and the one on show."""
    parts = []
    if projections is not None:
        measured = measured_blindness(projections)
        hidden = round(projections.p_no_saddle * projections.samples)
        count = f"95 % interval of {hidden} in {projections.samples} drawn"
        predicted = blindness.spectral if blindness else None
        if predicted is not None:
            count += f"; {interval_words(predicted.low, predicted.high)} as the spectrum predicts"
        words = interval_words(measured.low, measured.high)
        parts.append(f"a random plane hides it in {words} of cases ({count})")
    if plane_curvature is not None:
        looks = _looks(plane_curvature)
        if looks == "saddle":
            unseen = "it lies in this plane but cannot be seen at this domain"
            parts.append("this plane shows it" if seen else unseen)
        else:
            parts.append(f"it looks like a {looks} here: this plane hides it")
    sentence = "; ".join(parts)
    return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""
