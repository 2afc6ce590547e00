"""How often random planes hide a saddle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landscape_widget.results.curvature import ProjectedCurvatures
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.shares import interval_words


@equal_by_content
@dataclass(frozen=True)
class BlindnessEstimate:
    """The probability that a random plane does not show a saddle, with its uncertainty."""

    probability: float
    """P(κ₋κ₊ ≥ 0)."""
    stderr: float
    """Standard error; NaN where it cannot be told."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""

    @property
    def words(self) -> str:
        """The interval in per cent, as verdicts tell it: "96.3–100 %"."""
        return interval_words(self.low, self.high)


def measured_blindness(projections: ProjectedCurvatures) -> BlindnessEstimate:
    """The share of S random projections without a saddle, with Clopper and Pearson's exact interval.

    It holds the true probability in 95 % of cases at least, whatever that is. The standard error is that of
    (k + 2)/(S + 4) (Agresti & Coull), which stays positive for shares of 0 and 1.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - scipy is slow to import, scipy.stats even more

    share, count = projections.p_no_saddle, projections.samples
    hidden = round(share * count)
    smoothed = (hidden + 2) / (count + 4)
    return BlindnessEstimate(
        probability=share,
        stderr=math.sqrt(smoothed * (1 - smoothed) / (count + 4)),
        low=float(betaincinv(hidden, count - hidden + 1, 0.025)) if hidden > 0 else 0.0,
        high=float(betaincinv(hidden + 1, count - hidden, 0.975)) if hidden < count else 1.0,
    )


@equal_by_content
@dataclass(frozen=True)
class SaddleBlindness:
    """How often random planes hide the saddle, known in up to three ways."""

    measured: BlindnessEstimate | None
    """Share of random projections that show none."""
    closed_form: BlindnessEstimate | None
    """The closed form from tr(H) and tr(H²), for many eigenvalues of similar size: if none stood out."""
    spectral: BlindnessEstimate | None
    """The integral over the spectral density, for any spectrum."""
