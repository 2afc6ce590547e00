"""The trace of the Hessian, and of its square: exact, by random probes, or from losses."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any

from landscape_widget.curvature.curvature_fit import fit_steps
from landscape_widget.curvature.deflation import Deflation, check_pairs
from landscape_widget.curvature.operators import curvature
from landscape_widget.curvature.trace_products import ProbeRun, exact_steps
from landscape_widget.numerics.checks import check_choice, check_integer, check_seed
from landscape_widget.numerics.probes import Probes
from landscape_widget.objective.objective import Objective
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.given import check_given
from landscape_widget.results.spectrum import TraceEstimate

METHODS = ("hutchinson", "hutch++", "deflated", "curvature-fit", "exact")

#: The default is the exact trace where that takes at most so many times the products asked for, and all
#: products together at most about so many operations (a product takes some N · n_examples), which is a few
#: seconds. Counted and not timed, so that the same call gives the same result on any machine.
EXACT_FACTOR, EXACT_WORK = 20, 1e9


def hessian_trace(
    objective: Objective,
    method: str | None = None,
    samples: int = 100,
    seed: int = 0,
    *,
    distribution: str | None = None,
    operator: str = "hessian",
    pairs: EigenPairs | None = None,
    half_width: float | None = None,
    executor: Any = None,
) -> TraceEstimate:
    """tr(H) at θ*, exact or with an error, and tr(H²) from the same samples.

    For an orthonormal Q, shape (N, m), and P = 1 − QQᵀ, exactly

        tr(H) = tr(QᵀHQ) + tr(PHP),    tr(H²) = ‖HQ‖² + ‖HP‖²,

    and the second terms are the means of zᵀPHPz and ‖HPz‖² over probes z with E[zzᵀ] = 1. The methods
    differ in Q:

    - "exact": all of the space; N products with the unit vectors, and no error.
    - "hutchinson": none. The variance of a sample is 2 tr(H²) for normal probes (Eq. 25) and
      2 Σ_{i≠j} H_ij² for Rademacher probes. Large where a few eigenvalues are.
    - "hutch++": the range of H on a third of the products (Meyer et al. 2021).
    - "deflated": the vectors of ``pairs``, for one product, or else a Krylov basis for half of the products:
      QᵀHQ is then the Lanczos matrix T, and ‖HQ‖² = ‖T‖² + β². Best for a few large eigenvalues.
    - "curvature-fit": no products. Parabolas are fitted to L(θ* + αη) along normal η; the mean of their
      second derivatives estimates tr(H) (Section III B), and half of their variance over the directions
      tr(H²), since Var(ηᵀHη) = 2 tr(H²). The interval of α shrinks from [−0.05, 0.05] until terms of fourth
      order are small; what they add is the result's ``bias``.

    By default the trace is exact where that is cheap, else deflated. Cheap is N ≤ ``EXACT_FACTOR`` · samples
    with N² · n_examples ≤ ``EXACT_WORK``, or N ≤ samples.

    Args:
        objective: L; H is its Hessian at θ*. Computed in float64 where the device allows.
        method: One of the five; None or "auto" for the default.
        samples: Products in all; directions for "curvature-fit"; of no effect on "exact". The samples of a
            seed are nested.
        seed: Seed of the probes. "curvature-fit" and "hutchinson" with normal probes use the same vectors.
        distribution: "rademacher" (default, smaller variance) or "normal"; "curvature-fit" needs normal.
        operator: "hessian", "ggn", "fisher" or "empirical-fisher".
        pairs: Eigenpairs of the same objective and operator, for "deflated".
        half_width: Half the width of the interval of α for "curvature-fit", at 50 equidistant points: 0.05 in
            the paper, which is right for its functions, and far too wide for most networks. Default: as said
            above.
        executor: An executor whose workers take the products, if not this thread; see ``evaluate_plane``.
            They have the same bits for any number of workers.

    Returns:
        The estimate. For normal probes its standard error comes from their variance 2 ‖PHP‖², for Rademacher
        ones from that of each entry of z ∘ PHPz: zᵀHz is a sum of few χ² where few eigenvalues are large,
        and a sample of those that comes out low has a low variance, too. ``interval`` then holds for 95 % of
        seeds, but for a standard deviation of some 0.5 %, from 3 probes on; Rademacher ones take more where
        hardly any entries lie off the diagonal, which few probes may not see. "curvature-fit" has no products
        to tell by: for a single large eigenvalue its interval, longer for that, holds for 91 % of seeds of 2
        or 3 directions, 93 % of 5 or 10, and 95 % of 20 or more.

    Raises:
        ValueError: For an unknown name, too few samples, pairs of another matrix, or a half-width that does
            not fit.
    """
    check_given(Objective, objective=objective)
    objective = objective.by_workers(executor)
    steps = trace_steps(
        objective,
        method,
        samples,
        seed,
        distribution=distribution,
        operator=operator,
        pairs=pairs,
        half_width=half_width,
    )
    return deque(steps, maxlen=1).pop()


def default_method(objective: Objective, samples: int) -> str:
    """Which one ``hessian_trace`` takes: "exact" where that is cheap, else "deflated"."""
    n = objective.n_parameters
    cheap = n <= EXACT_FACTOR * samples and n**2 * objective.n_examples <= EXACT_WORK
    return "exact" if cheap or n <= samples else "deflated"


def trace_steps(
    objective: Objective,
    method: str | None = None,
    samples: int = 100,
    seed: int = 0,
    *,
    distribution: str | None = None,
    operator: str = "hessian",
    pairs: EigenPairs | None = None,
    half_width: float | None = None,
    interval: float = 0.1,
) -> Iterator[TraceEstimate]:
    """Yields what ``hessian_trace`` knows after about every ``interval`` seconds.

    While a deflating method still collects its Q, it yields plain Hutchinson estimates; of an exact trace
    nothing is known (NaN) before the end.
    """
    check_given(Objective, objective=objective)
    check_given(EigenPairs | None, pairs=pairs)
    samples, seed = check_integer(samples, "samples", 1), check_seed(seed)
    method = "auto" if method is None else check_choice(method, (*METHODS, "auto"), "method")
    if method == "auto":
        method = default_method(objective, samples)
    least = {"hutch++": 6, "deflated": 4, "exact": 1}.get(method, 2)
    if samples < least:
        raise ValueError(
            f"Expected samples to be at least {least} for method={method!r}, because a standard error takes "
            f"two probes, got {samples}."
        )
    fit = method == "curvature-fit"
    if distribution is None:
        distribution = "normal" if fit else "rademacher"
    probes = Probes(objective.n_parameters, distribution, seed, "trace", objective.precise().theta)
    if half_width is not None and not (fit and half_width > 0 and math.isfinite(half_width)):
        raise ValueError(
            f"Expected half_width as a positive number with method='curvature-fit', got {half_width!r} with "
            f"method={method!r}."
        )
    if fit:
        if distribution != "normal" or operator != "hessian":
            raise ValueError("Expected normal probes and operator='hessian' for method='curvature-fit'.")
        return fit_steps(objective.precise(), probes, samples, seed, interval, half_width)
    if pairs is not None and (
        method not in ("deflated", "exact") or len(pairs.vectors) != objective.n_parameters
    ):
        raise ValueError(
            f"Expected pairs of {objective.n_parameters} parameters with method='deflated', got "
            f"{len(pairs.vectors)} parameters with method={method!r}."
        )
    matrix = curvature(objective, operator)
    check_pairs(matrix, pairs)
    if method == "exact":
        return exact_steps(matrix, probes.largest_block, interval)
    provenance = matrix.provenance("trace", method=method, distribution=distribution, seed=seed)
    run = ProbeRun(matrix, probes, provenance, interval)
    if method == "hutchinson":
        return run.sample(Deflation.none(matrix.like), samples)
    if method == "hutch++":
        return run.hutch_plus_plus(samples)
    if pairs is not None:
        return run.sample(Deflation.of_pairs(matrix, pairs), samples)
    return run.krylov_deflated(samples)
