"""What certified eigenvalues and the gradient say of θ*, in one word and in a sentence.

The verdict rests on the quadratic model L(θ*) + g·x + ½ xᵀHx, x = Δθ, in the span of the certified
eigenvectors v₁ … v_m and of the unit vector u along what they leave of the gradient,

    g = Σᵢ (g·vᵢ) vᵢ + r u.

The whole gradient lies in that span, and H is diagonal in it, with λ₁ … λ_m and q = uᵀHu. So the model's
critical point there is known without solving for anything. From θ* it lies

    |g·vᵢ| / |λᵢ| away along vᵢ, and r / |q| along u.                                                   (i)

θ* is a **saddle, minimum or maximum**, by the signs of λmax and λmin, where each offset in (i) is at most
the half-width w of the domain along that direction: the slice through θ* then turns within the domain. It is
**on a slope** where one of them is more: along that direction the loss rises or falls from one end of the
domain to the other, whatever the curvature. It is **undecided** where the sign of an end is not certain. The
kind stays the same when L is multiplied by a number, and when θ is together with the domain.

- The half-width along an eigenvector on show is half of its side of the domain, in ‖Δθ‖ since eigenvectors
  have unit length. All other directions get the larger one of those. Where no eigenvector is on show, each
  has the half-width that an automatic domain would have along it (``domain.eigenvector_half_widths``), and
  the rest the largest of them. Who looks at a smaller neighbourhood asks for one that is flatter.
- An eigenvalue's sign is certain where |λ| exceeds its residual, because an eigenvalue of H lies within
  ‖Hv − λv‖ of λ. Where it is not, the residual takes the place of |λ| in (i): the offset is at least that.
- Approximate eigenvectors leave up to |g·vᵢ| ‖Hvᵢ − λᵢvᵢ‖ / |λᵢ| of their part of the gradient to the rest;
  r counts beyond that.
- A slope that is ``NEGLIGIBLE`` beside the largest curvature is rounding, and has no offset.

A rest that is made of a steep and a flat part has a curvature q between theirs; that the model is a slope
along the flat part alone then stays unseen. More certified pairs leave less to the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.planes.axes import eigen_axis, parse_axis
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures, Slopes
from landscape_widget.results.tables import brief
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import eigenvector_half_widths
from landscape_widget.study.findings import Findings
from landscape_widget.study.sights import blindness_words, is_seen

#: Slopes up to this share of max|λ| w are zero but for rounding: over the domain they change the loss by a
#: billionth of what the largest curvature does.
NEGLIGIBLE = 1e-9

#: A curvature up to this share of the largest is rounding.
_ROUNDING = 1e-12

#: Offsets up to this share of the half-width are too small to be seen.
_AT_THETA = 1e-3


@dataclass(frozen=True)
class Verdict:
    """The kind of point that θ* is."""

    kind: str
    """"minimum", "saddle", "maximum", "slope" or "undecided"."""
    sentence: str
    """The same in words, with the numbers it rests on."""
    sights: tuple[str, str] | None = None
    """The sentence for a picture in which a saddle that lies in its plane is seen, and for one in which it is
    not; None where there is no such saddle."""


def verdict_of(found: Findings, controls: Controls, theta_norm: float) -> Verdict | None:
    """The verdict on what was found, against the domain on show; None before there are certified pairs.

    Args:
        found: What was found for ``controls``.
        controls: The controls, whose axes and domain of the first picture count.
        theta_norm: ‖θ*‖.
    """
    pairs, slopes = found.pairs, found.slopes
    if pairs is None or not found.pairs_final or slopes is None:
        return None
    automatic = eigenvector_half_widths(
        controls.axes, pairs, found.centre_loss, theta_norm, controls.equal_axes, slopes.along
    )
    widths = half_widths(pairs, controls.axes, controls.domain or _domain_on_show(found), automatic)
    cause = pairs.provenance.get("precision")
    note = f" Computed in {pairs.provenance['dtype']} only: {cause}." if cause else ""
    known = found.plane_curvature, found.projections, found.blindness
    judged = [judge(pairs, slopes, widths, *known, seen=one) for one in (True, False)]
    seen, unseen = (verdict.sentence + note for verdict in judged)
    sights = (seen, unseen) if seen != unseen else None
    picture = None if found.preview else found.surface
    return Verdict(judged[0].kind, seen if is_seen(picture, found.quadratic) else unseen, sights)


def _domain_on_show(found: Findings) -> tuple[float, ...] | None:
    """The domain of the picture, None where there is none yet on all of the examples."""
    if found.surface is None or found.preview:
        return None
    return tuple(float(x) for axis in (found.surface.alpha, found.surface.beta) for x in (axis[0], axis[-1]))


def half_widths(
    pairs: EigenPairs, axes: tuple[str, str], domain: Sequence[float] | None, automatic: FloatArray
) -> FloatArray:
    """How far the domain on show reaches along each eigenvector, and along the rest, shape (m + 1,), in ‖Δθ‖.

    Args:
        pairs: The m certified pairs.
        axes: The axes of the plane on show.
        domain: The domain (α min, α max, β min, β max); None for the automatic one.
        automatic: The half-widths of the automatic domain along the eigenvectors, shape (m,).
    """
    parsed = [parse_axis(axis) for axis in axes]
    if domain is None or not any(axis.kind.end for axis in parsed):
        return np.append(automatic, automatic.max())
    sides = [(domain[i + 1] - domain[i]) / 2 for i in (0, 2)]
    along = zip(parsed, sides, strict=True)
    shown = {axis.end: side for axis, side in along if axis.kind.end}
    others = max(shown.values())
    return np.array([*(shown.get(end, others) for end in pairs.ends), others])


def offsets(pairs: EigenPairs, slopes: Slopes, widths: FloatArray) -> FloatArray:
    """How far from θ* the quadratic model has its critical point, by (i), shape (m + 1,).

    Args:
        pairs: The m certified pairs.
        slopes: The gradient by their eigenvectors.
        widths: The half-widths of the domain, shape (m + 1,).
    """
    curvature = np.maximum(np.abs(pairs.values), pairs.residuals)
    left_behind = norm(slopes.along * _quotient(pairs.residuals, curvature, nothing=0.0))
    slope = np.append(np.abs(slopes.along), max(0.0, slopes.rest - left_behind))
    slope[slope <= NEGLIGIBLE * curvature.max() * widths] = 0
    rest = abs(slopes.rest_curvature)
    rest = rest if rest > _ROUNDING * curvature.max() else 0.0
    away = _quotient(slope, np.append(curvature, rest), nothing=np.inf)
    return np.where(slope > 0, away, 0.0)


def judge(
    pairs: EigenPairs,
    slopes: Slopes,
    widths: FloatArray,
    plane_curvature: tuple[float, float] | None = None,
    projections: ProjectedCurvatures | None = None,
    blindness: SaddleBlindness | None = None,
    seen: bool = True,
) -> Verdict:
    """Decides by the rule above.

    Args:
        pairs: Certified pairs at both ends.
        slopes: The gradient by their eigenvectors.
        widths: Half-widths of the domain along each of them and the rest, shape (m + 1,), in ‖Δθ‖.
        plane_curvature: (κ₋, κ₊) of the plane on show.
        projections: Random projections, for how often they hide a saddle.
        blindness: The same probability as the spectrum predicts it.
        seen: Whether the picture shows to the eye what lies in its plane.
    """
    top, bottom = float(pairs.values[0]), float(pairs.values[-1])
    signs = _sign(top, float(pairs.residuals[0])), _sign(bottom, float(pairs.residuals[-1]))
    certified = bool(pairs.converged[0] and pairs.converged[-1])
    numbers = (
        f"λmax {brief(top)}, λmin {brief(bottom)}{'' if certified else ' (not converged)'}, "
        f"‖∇L‖ {brief(slopes.norm)}"
    )
    away = offsets(pairs, slopes, widths)
    place, inside = _place(pairs, away, widths)
    # a definite curvature needs the far end to be the true end, an indefinite one only a value of each sign
    kind = "saddle" if signs == (1, -1) else "undecided"
    if certified:
        kind = {(1, 1): "minimum", (-1, -1): "maximum"}.get(signs, kind)
    if not inside:
        return Verdict("slope", f"On a slope; {_CURVATURE[kind]}: {numbers}. {place}")
    if kind == "undecided":
        return Verdict(kind, f"Undecided: {numbers}. {_doubt(pairs, signs)} {place}")
    sees = blindness_words(plane_curvature, projections, blindness, seen) if kind == "saddle" else ""
    return Verdict(kind, f"{kind.capitalize()}: {numbers}. {place}{sees}")


#: The curvature on a slope, by what θ* would be without one.
_CURVATURE = {
    "saddle": "the curvature is indefinite",
    "minimum": "the curvature is positive",
    "maximum": "the curvature is negative",
    "undecided": "the sign of the curvature is not certain",
}


def _place(pairs: EigenPairs, away: FloatArray, widths: FloatArray) -> tuple[str, bool]:
    """Where the critical point lies against the domain in words, and whether it is inside."""
    share = away / widths
    i = int(np.argmax(share))
    inside = bool(share[i] <= 1)
    if inside and share[i] <= _AT_THETA:
        return "The critical point of the quadratic model is θ*.", True
    m = len(pairs.values)
    names = [eigen_axis(*end).eigenvalue for end in pairs.ends]
    along = (
        f"the eigenvector of {names[i]}" if i < m else "the part of the gradient outside of the eigenvectors"
    )
    if np.isinf(away[i]):
        return f"The quadratic model has no critical point along {along}.", False
    least = "at least " if i < m and _sign(pairs.values[i], pairs.residuals[i]) == 0 else ""
    where = "within" if inside else "beyond"
    # the picture's two axes may reach differently far, and neither lies along the rest of the gradient
    reach = (
        f"half-width of {brief(widths[i], 3)} that way"
        if i < m
        else f"largest half-width, {brief(widths[i], 3)}"
    )
    return (
        f"The critical point of the quadratic model is {least}‖Δθ‖ = {brief(away[i], 3)} away "
        f"along {along}, {where} the domain's {reach}."
    ), inside


def _doubt(pairs: EigenPairs, signs: tuple[int, int]) -> str:
    """Why the signs at the ends decide nothing."""
    open_ends = [
        f"{name} ({brief(float(pairs.residuals[i]))} from being exact)"
        for name, i, sign in zip(("λmax", "λmin"), (0, -1), signs, strict=True)
        if sign == 0
    ]
    if open_ends:
        return f"The sign of one end is not certain: {' and '.join(open_ends)}."
    return "The sign of one end is not certain: further out there may be others of the opposite sign."


def _sign(value: float, residual: float) -> int:
    return 0 if abs(value) <= residual else (1 if value > 0 else -1)


def _quotient(numerator: FloatArray, denominator: FloatArray, nothing: float) -> FloatArray:
    """Element by element, ``nothing`` where the denominator is 0."""
    found = np.full(len(numerator), nothing)
    np.divide(numerator, denominator, out=found, where=denominator > 0)
    return found
