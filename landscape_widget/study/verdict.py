"""What certified eigenvalues and the gradient say of θ*, in one word and in a sentence.

The verdict rests on the quadratic model L(θ*) + g·x + ½ xᵀHx, x = Δθ, along the certified eigenvectors
v₁ … v_m and along the unit vector u of what they leave of the gradient,

    g = Σᵢ (g·vᵢ) vᵢ + r u.

On the line through θ* along each of them the model is a parabola, with the curvatures λ₁ … λ_m and q = uᵀHu,
that **turns**

    |g·vᵢ| / |λᵢ| away from θ* along vᵢ, and r / |q| along u.                                           (i)

θ* is a **saddle, minimum or maximum**, by the signs of λmax and λmin, where each offset in (i) is at most
the half-width w of the domain along that direction. It is **on a slope** where one of them is more: along
that direction the loss rises or falls from one end of the domain to the other, whatever the curvature. It is
**undecided** where the sign of an end is not certain, or finite differences contradict the second derivative,
whatever its values are. The kind stays the same when L is multiplied by a
number, and when θ is together with the domain.

What this does not say: that the model has a critical point in the domain. The rest of the gradient is made
of many eigenvectors; q is the mean of their curvatures, weighted by the squares of its parts, so that along
those of small curvature the model may turn much farther away, or not at all. More certified pairs leave less
to the rest. "Near enough" needs a scale, since beside a gradient that is not zero everything is a slope for
who comes close enough; it is that of a domain, and the sentence says so.

- The half-width along an eigenvector on show is half of its side of the domain, in ‖Δθ‖ since eigenvectors
  have unit length. All other directions get the larger one of those. Where no eigenvector is on show, each
  has the half-width that an automatic domain would have along it (``domain.eigenvector_half_widths``), and
  the rest the largest of them. Who looks at a smaller neighbourhood asks for one that is flatter.
- An eigenvalue's sign is certain where |λ| exceeds its residual, because an eigenvalue of H lies within
  ‖Hv − λv‖ of λ, and what products round at least, ``FINE`` of the largest. Where it is not, the residual
  takes the place of |λ| in (i): the offset is at least that.
- Approximate eigenvectors leave up to |g·vᵢ| ‖Hvᵢ − λᵢvᵢ‖ / |λᵢ| of their part of the gradient to the rest;
  r counts beyond that.
- A slope that is ``NEGLIGIBLE`` beside the largest curvature is rounding, and has no offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landscape_widget.curvature.certificate import FINE
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.planes.axes import eigen_axis, parse_axis
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures, Slopes
from landscape_widget.results.tables import brief
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import eigenvector_half_widths
from landscape_widget.study.findings import Findings
from landscape_widget.study.sights import (
    NEGLIGIBLE,
    ROUNDING,
    blindness_words,
    domain_of,
    is_seen,
    looks,
    tells,
)


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

    def __repr__(self) -> str:
        return f"Verdict({self.sentence})"


def verdict_of(found: Findings, controls: Controls, theta_norm: float) -> Verdict | None:
    """The verdict on what was found, against the domain on show; None before there are certified pairs.

    Args:
        found: What was found for ``controls``.
        controls: The controls, whose axes and domain of the first picture count.
        theta_norm: The norm ‖θ*‖.
    """
    pairs, slopes = found.pairs, found.slopes
    if pairs is None or not found.pairs_final or slopes is None:
        return None
    automatic = eigenvector_half_widths(
        controls.axes, pairs, found.centre_loss, theta_norm, controls.equal_axes, slopes.along
    )
    domain = domain_on_show(found, controls)
    widths = half_widths(pairs, controls.axes, domain, automatic)
    on_show = any(parse_axis(axis).kind.end for axis in controls.axes)
    cause = pairs.provenance.get("precision")
    note = f" Computed in {pairs.provenance['dtype']} only: {cause}." if cause else ""
    here = looks(found.quadratic, domain) if found.quadratic and domain else None
    known = here, found.projections, found.blindness
    scale = "the domain" if on_show else "the Hessian plane's automatic domain"
    picture = None if found.preview else found.surface
    turning = here != "saddle" or found.turns
    told = tells(picture)
    judged = [judge(pairs, slopes, widths, *known, one, scale, turning, told) for one in (True, False)]
    seen, unseen = (verdict.sentence + note for verdict in judged)
    sights = (seen, unseen) if seen != unseen else None
    return Verdict(judged[0].kind, seen if is_seen(picture, found.quadratic) else unseen, sights)


def domain_on_show(found: Findings, controls: Controls) -> Sequence[float] | None:
    """The domain asked for or else that of the picture; None without one yet on all of the examples."""
    if controls.domain is not None or found.surface is None or found.preview:
        return controls.domain
    return domain_of(found.surface)


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
    """How far from θ* the quadratic model turns along each direction, by (i), shape (m + 1,).

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
    rest = rest if rest > ROUNDING * curvature.max() else 0.0
    away = _quotient(slope, np.append(curvature, rest), nothing=np.inf)
    return np.where(slope > 0, away, 0.0)


def judge(
    pairs: EigenPairs,
    slopes: Slopes,
    widths: FloatArray,
    here: str | None = None,
    projections: ProjectedCurvatures | None = None,
    blindness: SaddleBlindness | None = None,
    seen: bool = True,
    scale: str = "the domain",
    turning: bool = True,
    told: bool = True,
) -> Verdict:
    """Decides by the rule above.

    Args:
        pairs: Certified pairs at both ends.
        slopes: The gradient by their eigenvectors.
        widths: Half-widths of the domain along each of them and the rest, shape (m + 1,), in ‖Δθ‖.
        here: What θ* ``looks`` like in the plane on show.
        projections: Random projections, for how often they hide a saddle.
        blindness: The same probability as the spectrum predicts it.
        seen: Whether the picture shows to the eye what lies in its plane.
        scale: Words for what these half-widths belong to.
        turning: Whether the losses in the picture turn, too, and not only their quadratic model.
        told: Whether the picture is of the loss that is judged.
    """
    top, bottom = float(pairs.values[0]), float(pairs.values[-1])
    errors = _errors(pairs)
    signs = _sign(top, errors[0]), _sign(bottom, errors[-1])
    certified = bool(pairs.converged[0] and pairs.converged[-1])
    exact = max(_EXACT, float(pairs.provenance.get("tol", 0.0))) * np.abs(pairs.values)
    extreme = certified and bool((pairs.residuals <= exact)[[0, -1]].all())
    numbers = (
        f"λmax {brief(top)}, λmin {brief(bottom)}{'' if certified else ' (not converged)'}, "
        f"‖∇L‖ {brief(slopes.norm)}"
    )
    if pairs.provenance.get("doubt"):  # offsets and signs alike rest on what is contradicted
        return Verdict("undecided", f"Undecided: {numbers}. {_CONTRADICTED}")
    away = offsets(pairs, slopes, widths)
    inside = bool(np.all(away <= widths))
    place = _inside(pairs, slopes, away, scale) if inside else _beyond(pairs, away, widths, scale)
    # a definite curvature needs the far end to be the true end, an indefinite one only a value of each sign
    kind = "saddle" if signs == (1, -1) else "undecided"
    if extreme:
        kind = {(1, 1): "minimum", (-1, -1): "maximum"}.get(signs, kind)
    if not inside:
        near = " at this scale" if np.isfinite(away).all() else ""
        return Verdict("slope", f"On a slope{near}; {_CURVATURE[kind]}: {numbers}. {place}")
    if kind == "undecided":
        return Verdict(kind, f"Undecided: {numbers}. {_doubt(pairs, signs)} {place}")
    sees = blindness_words(here, projections, blindness, seen, turning, told) if kind == "saddle" else ""
    near = " at this scale" if away.any() else ""
    return Verdict(kind, f"{kind.capitalize()}{near}: {numbers}. {place}{sees}")


#: Share of |λ| up to which a residual tells that λ is the end: an eigenvalue of the other sign farther out
#: would have a weight of a quarter of its square at most in vᵀHv, far below what a random start gives it.
#: Pairs that are small beside the largest may count as converged before, where rounding ends the search.
_EXACT = 1e-2

#: What is said where no second derivative is to be relied on.
_CONTRADICTED = (
    "Finite differences of the gradient contradict the second derivative, so that no curvature is certified."
)

#: The curvature on a slope, by what θ* would be without one.
_CURVATURE = {
    "saddle": "the curvature is indefinite",
    "minimum": "the curvature is positive",
    "maximum": "the curvature is negative",
    "undecided": "the sign of the curvature is not certain",
}


def _inside(pairs: EigenPairs, slopes: Slopes, away: FloatArray, scale: str) -> str:
    """How near the model turns, in words, where it turns within the domain along all directions."""
    if not slopes.norm:
        return "The gradient is zero."
    if not away.any():
        return f"At the scale of {scale} the gradient is rounding."
    m = len(pairs.values)
    names = [eigen_axis(*end).eigenvalue for end in pairs.ends] if m <= 2 else [f"{m} eigenvectors"]
    rest = ["the rest of ∇L (taken as one direction)"] if away[-1] else []
    *first, last = names + rest
    along = f"{', '.join(first)} and {last}" if first else last
    return f"The quadratic model turns within ‖Δθ‖ = {brief(away.max(), 3)}, inside {scale}, along {along}."


def _beyond(pairs: EigenPairs, away: FloatArray, widths: FloatArray, scale: str) -> str:
    """Words for the direction along which the model turns farthest beyond the domain, in words."""
    i = int(np.argmax(away / widths))
    if i == len(pairs.values):
        # the picture's two axes may reach differently far, and neither lies along the rest of the gradient
        along = "the rest of ∇L (taken as one direction)"
        reach = f"the largest half-width of {scale}, {brief(widths[i], 3)}"
    else:
        along = f"the eigenvector of {eigen_axis(*pairs.ends[i]).eigenvalue}"
        reach = f"{scale}'s half-width of {brief(widths[i], 3)} that way"
    if np.isinf(away[i]):
        return f"The quadratic model turns nowhere along {along}."
    open_sign = i < len(pairs.values) and _sign(pairs.values[i], _errors(pairs)[i]) == 0
    distance = f"{'at least ' if open_sign else ''}‖Δθ‖ = {brief(away[i], 3)}"
    return f"The quadratic model turns {distance} away along {along}, beyond {reach}."


def _doubt(pairs: EigenPairs, signs: tuple[int, int]) -> str:
    """Why the signs at the ends decide nothing."""
    open_ends = [
        f"{name} ({brief(_errors(pairs)[i])} from being exact)"
        for name, i, sign in zip(("λmax", "λmin"), (0, -1), signs, strict=True)
        if sign == 0
    ]
    if open_ends:
        return f"The sign of one end is not certain: {' and '.join(open_ends)}."
    return "The sign of one end is not certain: further out there may be others of the opposite sign."


def _errors(pairs: EigenPairs) -> FloatArray:
    """How far each value may be from an eigenvalue: residuals do not see the rounding of all products."""
    errors: FloatArray = np.maximum(pairs.residuals, FINE * np.abs(pairs.values).max())
    return errors


def _sign(value: float, error: float) -> int:
    return 0 if abs(value) <= error else (1 if value > 0 else -1)


def _quotient(numerator: FloatArray, denominator: FloatArray, nothing: float) -> FloatArray:
    """Element by element, ``nothing`` where the denominator is 0."""
    found = np.full(len(numerator), nothing)
    np.divide(numerator, denominator, out=found, where=denominator > 0)
    return found
