"""What certified eigenvalues and the gradient say of θ*, in one word and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from landscape_widget.results import EigenPairs, ProjectedCurvatures

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
        return Verdict("saddle", f"Saddle: {numbers}.{_blindness(plane_curvature, projections)}")
    # a minimum needs the far end to be the true end, a saddle needs only one value of each sign
    if certified and signs == (1, 1):
        return Verdict("minimum", f"Minimum: {numbers}.")
    if certified and signs == (-1, -1):
        return Verdict("maximum", f"Maximum: {numbers}.")
    return Verdict("undecided", f"Undecided: {numbers}. The sign of one end is not certain.")


def _sign(value: float, residual: float) -> int:
    return 0 if abs(value) <= residual else (1 if value > 0 else -1)


def _blindness(plane_curvature: tuple[float, float] | None, projections: ProjectedCurvatures | None) -> str:
    parts = []
    if projections is not None:
        parts.append(
            f"a random plane hides it in {100 * projections.p_no_saddle:.3g} % of {projections.samples} cases"
        )
    if plane_curvature is not None:
        shows = plane_curvature[0] < 0 < plane_curvature[1]
        parts.append(f"this plane {'shows' if shows else 'hides'} it")
    sentence = "; ".join(parts)
    return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
