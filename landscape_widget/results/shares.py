"""Probabilities in words: intervals within 0 and 100 %, never a value with an error to either side."""

from __future__ import annotations

import math

#: Widths, in per cent, from which whole numbers say enough.
_WIDE = 10.0


def interval_words(low: float, high: float) -> str:
    """An interval of probabilities in per cent: "96.3–100 %".

    Its ends are rounded outward, so that the words hold whatever the interval holds. One that is narrower
    than the digits shown is told as one number, and never as a certainty that it is not.

    Args:
        low: The lower end, between 0 and 1.
        high: The upper end, between 0 and 1.
    """
    low, high = 100 * max(0.0, low), 100 * min(1.0, high)
    if low == high and low in (0, 100):
        return f"{low:.0f} %"
    if high < 0.1:
        return "< 0.1 %"
    if low > 99.9:
        return "> 99.9 %"
    if f"{low:.1f}" == f"{high:.1f}" and low > 0 and high < 100:
        return f"{low:.1f} %"
    scale = 1 if high - low >= _WIDE else 10
    # rounding errors of the product with 100 are no reason to move an end by a digit
    ends = math.floor(low * scale + 1e-9) / scale, math.ceil(high * scale - 1e-9) / scale
    return "\N{EN DASH}".join(f"{end:.15g}" for end in ends) + " %"
