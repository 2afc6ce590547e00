"""Quantiles of distributions that intervals rest on."""

import math

#: No Σ λ_i z_i² of normal z_i has a larger skewness: that of a single λ.
_MOST_SKEW = math.sqrt(8)


def student95(freedom: int) -> float:
    """Standard errors in half of a 95 % interval, by Student's t of so many degrees of freedom."""
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy is slow to import

    return float(stdtrit(freedom, 0.975))


def skewed95(samples: int, skew: float) -> float:
    """Standard errors in half of a 95 % interval of the mean of so many skewed Σ λ_i z_i².

    A sample with a low mean has a low variance, too. Johnson's (1978) modified t moves the interval by
    γ (1 + 2t²)/6√n; here it gets so much longer at both ends, at most twice as long, with γ two standard
    errors above the sample's skewness.

    Args:
        samples: The number n, 2 or more.
        skew: The sample's skewness.
    """
    quantile = student95(samples - 1)
    largest = min(_MOST_SKEW, abs(skew) + 2 * math.sqrt(6 / samples))
    return quantile + min(quantile, largest * (1 + 2 * quantile**2) / (6 * math.sqrt(samples)))


def share95(share: float, directions: float) -> float:
    """The largest p that goes with a share of a random vector's square, or one below it, at 97.5 %.

    What a uniformly random unit vector of R^n has in a subspace of dimension p n is Beta distributed with
    pn/2 and (1 − p)n/2; the mean over vectors is nearly so with the sum of their n.

    Args:
        share: The share, between 0 and 1; p is 0 where it is 0, and 1 where it is 1.
        directions: n, times the number of vectors.
    """
    from scipy.special import betainc  # noqa: PLC0415 - scipy is slow to import

    if not 0 < share < 1:
        return min(max(share, 0.0), 1.0)
    low, high = share, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        told = betainc(directions * middle / 2, directions * (1 - middle) / 2, share) >= 0.025
        low, high = (middle, high) if told else (low, middle)
    return high
