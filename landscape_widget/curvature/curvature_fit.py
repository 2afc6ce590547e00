"""tr(H) from losses along random lines: the curvature fit of Böttcher & Wheeler (2023, Section III B).

Along a line with normal direction η, L(θ* + αη) = c₀ + c₁α + c₂α² + …, where 2c₂ = ηᵀHη has the mean tr(H). A
parabola through losses at |α| ≤ w gives 2c₂ + O(w²)·c₄ instead. A polynomial of fourth order through the same
losses is free of c₄, so that the difference of both tells whether the interval is narrow enough. Kinks (ReLU)
within the interval show in it as well, unless there are so many that the loss is smooth on that scale, where
it curves otherwise than its Hessian says. What a wide interval is off by is told by a narrow one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from landscape_widget.numerics.probes import Probes
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.results.spectrum import TraceEstimate

#: The paper's fit: equidistant α and the half-width of their interval.
FIT_POINTS, FIT_HALF_WIDTH = 50, 0.05

#: A chosen interval has few points, the centre among them: more would average nothing but rounding. It is
#: divided by the second of these until the fourth-order term is at most the third of the curvature, unless
#: rounding of the losses gets as large before; and not more often than the last, where there is no rounding.
_FEW_POINTS, _SHRINK, _SHARE, _MOST_SHRINKS = 5, 10.0, 1e-3, 7

#: Curvatures, if not zero, between which float64 holds their cubes, which skewness takes, with all digits.
_LEAST, _MOST = 1e-95, 1e100

#: Directions that may try all intervals; later ones try the one in use and the next, so that the losses are
#: bounded.
_PILOTS = 5


def fit_steps(
    objective: Objective, probes: Probes, samples: int, seed: int, interval: float, half_width: float | None
) -> Iterator[TraceEstimate]:
    """The estimate after about every ``interval`` seconds, and the last one.

    Args:
        objective: L, in the dtype that losses are to have.
        probes: Normal ones.
        samples: Directions.
        seed: Seed of the probes, for the provenance.
        interval: Seconds.
        half_width: Half the width of the interval of α, with 50 points as in the paper; None to choose it,
            with 5, which is also done beside a given one, for the bias.

    Raises:
        ArithmeticError: If the cube of a curvature overflows or loses digits.
    """
    lines = _Lines(objective)
    fits: list[_Fit] = []
    found = np.empty((2, samples))  # second derivatives, and what each is off by
    width, scale = FIT_HALF_WIDTH, 0.0
    shown = monotonic()
    for i in range(samples):
        eta = probes.draw(1)[:, 0]
        fit = lines.justified(eta, width, _MOST_SHRINKS if i < _PILOTS else 1, scale)
        if math.isfinite(fit.size) and fit.size and not _LEAST < fit.size < _MOST:
            raise ArithmeticError(
                f"Expected curvatures whose cubes float64 can hold, got {fit.size:.2g} along a line. "
                "Multiply the loss by a number."
            )
        fits.append(fit)
        width, scale = fit.width, math.sqrt(float(np.mean([f.size**2 for f in fits])))
        found[:, i] = fit.curvature, fit.fourth_order
        if half_width is not None:
            found[:, i] += lines.fit(eta, half_width, FIT_POINTS).curvature - fit.curvature
        if monotonic() - shown >= interval or i == samples - 1:
            shown = monotonic()
            provenance = objective.provenance(
                "trace",
                operator="hessian",
                method="curvature-fit",
                distribution="normal",
                seed=seed,
                half_width=half_width or width,
                points=FIT_POINTS if half_width else _FEW_POINTS,
            )
            fitted, off = found[:, : i + 1]
            yield fit_estimate(fitted, 1 + lines.n_loss, provenance, float(off.mean()))


@dataclass(frozen=True)
class _Fit:
    """What the losses along one line say."""

    width: float
    """Half of the interval of α."""
    curvature: float
    """Second derivative of the parabola."""
    fourth_order: float
    """What terms of fourth order add to it."""
    rounding: float
    """What rounding of the losses may add to it."""

    @property
    def size(self) -> float:
        """The curvature by the parabola or without the fourth-order term, whichever is larger."""
        return max(abs(self.curvature), abs(self.curvature - self.fourth_order))

    def share(self, scale: float) -> float:
        """The fourth-order term beside the curvature of this line or the usual one; ∞ if not finite."""
        size = max(self.size, scale)
        share = abs(self.fourth_order) / size if size else 0.0
        return share if math.isfinite(share) else math.inf


class _Lines:
    """Fits along lines through θ*, with the losses counted."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._centre = objective.loss().item()
        self._eps = torch.finfo(objective.dtype).eps
        self.n_loss = 0

    def fit(self, eta: Tensor, width: float, points: int) -> _Fit:
        """A parabola, and a polynomial of fourth order, by least squares through equidistant losses."""
        objective, unit = self._objective, np.linspace(-1, 1, points)
        losses = np.array(
            [objective.loss(objective.theta + width * u * eta).item() if u else self._centre for u in unit]
        )
        self.n_loss += int(np.count_nonzero(unit))
        # least squares is linear in the losses: these rows take them to second derivatives
        parabola, quartic = (2 * np.linalg.pinv(np.vander(unit, k))[k - 3] / width**2 for k in (3, 5))
        with np.errstate(invalid="ignore"):  # a loss may overflow far out
            curvature = float(parabola @ (losses - self._centre))
            without = float(quartic @ (losses - self._centre))
        rounding = self._eps * float(np.abs(losses).max() * np.linalg.norm(parabola))
        return _Fit(width, curvature, curvature - without, rounding)

    def justified(self, eta: Tensor, width: float, shrinks: int, scale: float) -> _Fit:
        """The fit on the widest interval on which the loss is a parabola, else the one nearest to that."""
        best = self.fit(eta, width, _FEW_POINTS)
        for _ in range(shrinks):
            if best.share(scale) <= _SHARE:
                break
            width /= _SHRINK
            fit = self.fit(eta, width, _FEW_POINTS)
            if fit.rounding > _SHARE * max(fit.size, scale):
                break
            if fit.share(scale) < best.share(scale):
                best = fit
        return best


def fit_estimate(
    fitted: FloatArray, n_loss: int, provenance: dict[str, object], bias: float = 0.0
) -> TraceEstimate:
    """tr(H) from the mean of the second derivatives, tr(H²) from half of their variance."""
    count, mean = len(fitted), float(fitted.mean())
    deviations = fitted - mean
    variance = float(deviations @ deviations) / (count - 1) if count > 1 else math.nan
    fourth = float((deviations**4).mean())
    # Var(s²) = (μ₄ − σ⁴ (n − 3)/(n − 1)) / n, and Cov(mean, s²) = μ₃ / n
    of_variance = (
        max(0.0, (fourth - variance**2 * (count - 3) / (count - 1)) / count) if count > 1 else math.nan
    )
    return TraceEstimate(
        value=mean,
        stderr=math.sqrt(variance / count),
        samples=count,
        n_hvp=0,
        square=variance / 2,
        square_stderr=math.sqrt(of_variance) / 2,
        covariance=float((deviations**3).mean()) / count / 2,
        n_loss=n_loss,
        provenance=provenance,
        bias=bias,
    )
