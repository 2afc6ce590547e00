"""What a picture and random planes show of θ*, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape_widget.planes.scale import is_training_loss, only_slopes, sees_saddle
from landscape_widget.results.blindness import SaddleBlindness, measured_blindness
from landscape_widget.results.curvature import ProjectedCurvatures
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.shares import interval_words
from landscape_widget.results.tables import brief
from landscape_widget.results.words import HERE

#: Slopes up to this share of max|λ| w are zero but for rounding: over the domain they change the loss by a
#: billionth of what the largest curvature does.
NEGLIGIBLE = 1e-9

#: What a picture is that does not ``tell``.
OTHER_LOSS = "whose picture is of another loss"

#: Widest interval of a predicted probability that says anything.
WIDEST = 0.5

#: A curvature up to this share of the largest is rounding.
ROUNDING = 1e-12


def is_seen(surface: Surface | None, quadratic: QuadraticModel | None) -> bool:
    """Whether a picture has the colours for a saddle that lies in its plane, or does not tell.

    Only training losses do, whose curvature is known; none that is not there yet does.
    """
    return surface is None or not tells(surface) or sees_saddle(surface, quadratic)


def tells(surface: Surface | None) -> bool:
    """Whether a picture is of the loss whose curvature is told, or is not there yet."""
    return surface is None or is_training_loss(surface)


def turns(surface: Surface | None) -> bool:
    """Whether a picture's own losses may be those of a saddle, minimum or maximum, or do not tell."""
    return surface is None or not tells(surface) or not only_slopes(surface)


def domain_of(surface: Surface) -> tuple[float, ...]:
    """(α min, α max, β min, β max) of a picture."""
    return tuple(float(x) for axis in (surface.alpha, surface.beta) for x in (axis[0], axis[-1]))


def looks(model: QuadraticModel, domain: Sequence[float]) -> str:
    """What θ* looks like to whoever sees this plane only, in words.

    It is a slope where the plane's own quadratic model has no critical point within the domain, whatever its
    curvatures are.

    Args:
        model: The training loss to second order in the plane.
        domain: What is on show, (α min, α max, β min, β max).
    """
    return _curves_like(model.curvatures) if _turns_within(model, domain) else "slope"


def _turns_within(model: QuadraticModel, domain: Sequence[float]) -> bool:
    """Whether the model has a critical point in the domain: of several, the one nearest to θ* counts."""
    a, b, c = model.hessian
    kappa, principal = np.linalg.eigh(np.array([[a, b], [b, c]]))
    steepest = np.abs(kappa).max()
    low, high = np.array(domain[::2]), np.array(domain[1::2])
    slope = principal.T @ np.array(model.gradient)
    slope[np.abs(slope) <= NEGLIGIBLE * steepest * (high - low).max() / 2] = 0
    flat = np.abs(kappa) <= ROUNDING * steepest
    if slope[flat].any():
        return False
    point = -principal @ (slope / np.where(flat, 1, kappa))
    return bool(np.all((low <= point) & (point <= high)))


def sight(
    kind: str, model: QuadraticModel, domain: Sequence[float], seen: bool = True, told: bool = True
) -> str:
    """What a plane shows of θ*, in words.

    Args:
        kind: The kind of point that θ* is, as in ``Verdict.kind``.
        model: The training loss to second order in the plane.
        domain: What is on show of it, (α min, α max, β min, β max).
        seen: Whether the picture shows to the eye a saddle that lies in the plane.
        told: Whether the picture ``tells`` of that loss.
    """
    minus, plus = model.curvatures
    numbers = f"κ₋ {brief(minus)}, κ₊ {brief(plus)}"
    if kind not in ("saddle", "minimum", "maximum"):
        return f"Curves like a {_curves_like(model.curvatures)}: {numbers}."
    seen_as = looks(model, domain)
    if not told:
        return f"The training loss looks like a {seen_as} in this plane, {OTHER_LOSS}: {numbers}."
    if seen_as == kind == "saddle" and not seen:
        return f"The saddle lies in this plane but cannot be seen {HERE}: {numbers}."
    if seen_as == kind:
        return f"Shows the {kind}: {numbers}."
    return f"Hides the {kind}, looks like a {seen_as}: {numbers}."


def _curves_like(plane_curvature: tuple[float, float]) -> str:
    """What a plane of these curvatures (κ₋, κ₊) looks like where its slope is zero."""
    minus, plus = plane_curvature
    rounding = ROUNDING * max(abs(minus), abs(plus))
    if minus < -rounding and plus > rounding:
        return "saddle"
    return "minimum" if minus > rounding else "maximum" if plus < -rounding else "flat valley"


def blindness_words(
    here: str | None,
    projections: ProjectedCurvatures | None,
    blindness: SaddleBlindness | None,
    seen: bool,
    turning: bool = True,
    told: bool = True,
) -> str:
    """Words for who sees the saddle: random planes, and the one on show, which ``looks`` like ``here``.

    ``turning`` tells whether the losses of the picture turn as well as their quadratic model, and ``told``
    whether the picture ``tells`` of that loss.
    """
    parts = []
    if projections is not None:
        measured = measured_blindness(projections)
        hidden = round(projections.p_no_saddle * projections.samples)
        count = f"95 % interval of {hidden} in {projections.samples} drawn"
        predicted = blindness.spectral if blindness else None
        if predicted is not None and predicted.high - predicted.low <= WIDEST:
            count += f"; {interval_words(predicted.low, predicted.high)} as the spectrum predicts"
        words = interval_words(measured.low, measured.high)
        parts.append(f"a random plane hides it in {words} of cases ({count})")
    if here == "saddle" and not told:
        parts.append(f"it lies in this plane, {OTHER_LOSS}")
    elif here == "saddle":
        unseen = f"it lies in this plane but cannot be seen {HERE}"
        if not turning:
            unseen = f"only the quadratic model turns {HERE}, not the loss: this plane hides it"
        parts.append("this plane shows it" if seen else unseen)
    elif here is not None:
        parts.append(f"it looks like a {here} here: this plane hides it")
    sentence = "; ".join(parts)
    return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""
