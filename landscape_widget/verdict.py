"""What certified eigenvalues and the gradient say of θ*, in one word and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from landscape_widget.results import EigenPairs, ProjectedCurvatures, SaddleBlindness

#: θ* counts as critical where ‖∇L‖ / max|λ|, the step to the bottom of the steepest valley, is at most
#: this share of ‖θ*‖: the step is then smaller than a pixel of any picture on the scale of θ*.
CRITICAL_STEP = 1e-2


@dataclass(frozen=True)
class Verdict:
    """The kind of point that θ* is."""

    kind: str
    """"minimum", "saddle", "maximum", "undecided" or "not a critical point"."""
    sentence: str
    """The same in words, with the numbers it rests on."""


def judge(
    pairs: EigenPairs,
    gradient_norm: float,
    theta_norm: float,
    plane_curvature: tuple[float, float] | None = None,
    projections: ProjectedCurvatures | None = None,
    blindness: SaddleBlindness | None = None,
) -> Verdict:
    """Decides from the outermost eigenvalues, each trusted only as far as its residual allows.

    An eigenvalue's sign is certain where |λ| exceeds its residual, because an eigenvalue of H lies
    within ‖Hv − λv‖ of λ.

    Args:
        pairs: Certified pairs at both ends.
        gradient_norm: ‖∇L(θ*)‖.
        theta_norm: ‖θ*‖.
        plane_curvature: (κ₋, κ₊) of the plane on show.
        projections: Random projections, for how often they hide a saddle.
        blindness: The same probability as the spectrum predicts it.
    """
    top, bottom = float(pairs.values[0]), float(pairs.values[-1])
    signs = _sign(top, float(pairs.residuals[0])), _sign(bottom, float(pairs.residuals[-1]))
    certified = bool(pairs.converged[0] and pairs.converged[-1])
    scale = max(abs(top), abs(bottom)) * (theta_norm or 1.0)
    numbers = (
        f"λmax {_number(top)}, λmin {_number(bottom)}{'' if certified else ' (not converged)'}, "
        f"‖∇L‖ {_number(gradient_norm)}"
    )
    if gradient_norm > CRITICAL_STEP * scale:
        return Verdict(
            "not a critical point", f"Not a critical point: {numbers}. The slope outweighs the curvature."
        )
    if signs == (1, -1):
        return Verdict("saddle", f"Saddle: {numbers}.{_sight(plane_curvature, projections, blindness)}")
    # a minimum needs the far end to be the true end, a saddle needs only one value of each sign
    if certified and signs == (1, 1):
        return Verdict("minimum", f"Minimum: {numbers}.")
    if certified and signs == (-1, -1):
        return Verdict("maximum", f"Maximum: {numbers}.")
    return Verdict("undecided", f"Undecided: {numbers}. {_doubt(pairs, signs)}")


def _doubt(pairs: EigenPairs, signs: tuple[int, int]) -> str:
    """Why the signs at the ends decide nothing."""
    open_ends = [
        f"{name} ({_number(float(pairs.residuals[i]))} from being exact)"
        for name, i, sign in zip(("λmax", "λmin"), (0, -1), signs, strict=True)
        if sign == 0
    ]
    if open_ends:
        return f"The sign of one end is not certain: {' and '.join(open_ends)}."
    return "The sign of one end is not certain: further out there may be others of the opposite sign."


def _sign(value: float, residual: float) -> int:
    return 0 if abs(value) <= residual else (1 if value > 0 else -1)


def sight(kind: str, plane_curvature: tuple[float, float]) -> str:
    """What a plane shows of θ*, in words.

    Args:
        kind: Of θ*, as in ``Verdict.kind``.
        plane_curvature: (κ₋, κ₊) of the plane at θ*.
    """
    looks = _looks(plane_curvature)
    numbers = f"κ₋ {_number(plane_curvature[0])}, κ₊ {_number(plane_curvature[1])}"
    if kind not in ("saddle", "minimum", "maximum"):
        return f"Curves like a {looks}: {numbers}."
    if looks == kind:
        return f"Shows the {kind}: {numbers}."
    return f"Hides the {kind}, looks like a {looks}: {numbers}."


def _looks(plane_curvature: tuple[float, float]) -> str:
    """What θ* looks like to whoever sees this plane only."""
    minus, plus = plane_curvature
    if minus < 0 < plus:
        return "saddle"
    return "minimum" if minus > 0 else "maximum" if plus < 0 else "flat valley"


def _sight(
    plane_curvature: tuple[float, float] | None,
    projections: ProjectedCurvatures | None,
    blindness: SaddleBlindness | None,
) -> str:
    """Who sees the saddle: random planes, and the one on show."""
    parts = []
    if projections is not None:
        share = (
            f"a random plane hides it in {100 * projections.p_no_saddle:.3g} % of {projections.samples} cases"
        )
        predicted = blindness.spectral if blindness else None
        if predicted is not None:
            share += f" ({100 * predicted.probability:.3g} % by the spectrum)"
        parts.append(share)
    if plane_curvature is not None:
        looks = _looks(plane_curvature)
        if looks == "saddle":
            parts.append("this plane shows it")
        else:
            parts.append(f"it looks like a {looks} here: this plane hides it")
    sentence = "; ".join(parts)
    return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
