"""Probabilities in words: intervals inside 0 and 100 %, and nothing is rounded to a certainty."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from landscape_widget import ProjectedCurvatures
from landscape_widget.results import measured_blindness
from landscape_widget.shares import interval_words


def measured(hidden: int, samples: int) -> tuple[float, float]:
    """det M = C: a plane hides the saddle where that is not negative."""
    c = np.where(np.arange(samples) < hidden, 1.0, -1.0)
    found = measured_blindness(ProjectedCurvatures(np.ones(samples), np.zeros(samples), c, 0))
    assert found.probability == hidden / samples
    return found.low, found.high


@pytest.mark.parametrize(
    ("hidden", "samples", "words"),
    [
        (0, 100, "0–3.7 %"),
        (100, 100, "96.3–100 %"),
        (1, 1, "2–100 %"),
        (0, 1, "0–98 %"),
        (50, 100, "39–61 %"),
        (99, 100, "94.5–100 %"),
        (1, 10_000, "< 0.1 %"),
        (10_000, 10_000, "> 99.9 %"),
        (0, 10_000, "< 0.1 %"),
    ],
)
def test_measured_shares(hidden: int, samples: int, words: str) -> None:
    """In closed form: the ends for none of S are 0 and 1 − 0.025^(1/S)."""
    low, high = measured(hidden, samples)
    assert interval_words(low, high) == words
    if hidden == 0:
        assert (low, high) == (0, pytest.approx(1 - 0.025 ** (1 / samples), rel=1e-9))
    if hidden == samples:
        assert (low, high) == (pytest.approx(0.025 ** (1 / samples), rel=1e-9), 1)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0, "0 %"),
        (1, 1, "100 %"),
        (0, 1, "0–100 %"),
        (0.5, 0.5, "50.0 %"),
        (0.29311, 0.29313, "29.3 %"),
        (0.2934, 0.2936, "29.3–29.4 %"),
        (0.285, 0.2973, "28.5–29.8 %"),
        (0.2, 0.3, "20–30 %"),
        (0.204, 0.306, "20–31 %"),
        (1e-9, 2e-9, "< 0.1 %"),
        (0, 1e-300, "< 0.1 %"),
        (0.0002, 0.02, "0–2 %"),
        (0.0012, 0.0041, "0.1–0.5 %"),
        (0.9973, 0.9973, "99.7 %"),
        (0.9993, 0.9999, "> 99.9 %"),
        (0.998, 0.99999, "99.8–100 %"),
        (1 - 1e-15, 1, "> 99.9 %"),
        (-1e-17, 1 + 1e-15, "0–100 %"),
    ],
)
def test_intervals(low: float, high: float, words: str) -> None:
    assert interval_words(low, high) == words


def drawn() -> list[tuple[float, float]]:
    """Pairs of shares of every size, near 0 and near 1, and narrow ones."""
    generator = np.random.default_rng(0)
    size = 10 ** generator.uniform(-6, 0, 3000)
    centre = np.where(generator.random(3000) < 0.5, size, 1 - size)
    width = 10 ** generator.uniform(-6, 0, 3000)
    return list(zip(np.maximum(0, centre - width), np.minimum(1, centre + width), strict=True))


def test_the_words_hold_the_interval() -> None:
    for low, high in drawn():
        check_words(low, high)


def check_words(low: float, high: float) -> None:
    words = interval_words(low, high)
    assert "±" not in words
    numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", words)]
    assert all(0 <= n <= 100 for n in numbers)
    if words.startswith("<"):
        assert 100 * high < numbers[0]
    elif words.startswith(">"):
        assert 100 * low > numbers[0]
    elif len(numbers) == 2:
        # ends are rounded outward, by one digit of those shown at most
        digit = 1.0 if 100 * (high - low) >= 10 else 0.1
        assert numbers[0] - 1e-8 <= 100 * low <= numbers[0] + digit + 1e-8
        assert numbers[1] - digit - 1e-8 <= 100 * high <= numbers[1] + 1e-8
    else:
        assert max(abs(100 * low - numbers[0]), abs(100 * high - numbers[0])) <= 0.05 + 1e-8
        assert (words == "100 %") == (low == 1)
        assert (words == "0 %") == (high == 0)


def test_a_measured_interval_is_scipys() -> None:
    for samples in (1, 7, 100):
        for hidden in range(samples + 1):
            truth = binomtest(hidden, samples).proportion_ci(0.95, method="exact")
            assert measured(hidden, samples) == pytest.approx((truth.low, truth.high), rel=1e-12)


@pytest.mark.parametrize("samples", [1, 20, 100])
def test_a_measured_interval_holds_the_truth_in_95_per_cent_of_cases_at_least(samples: int) -> None:
    """Summed over all outcomes, not drawn; Wilson's interval falls to 84 % for rare outcomes."""
    intervals = [measured(hidden, samples) for hidden in range(samples + 1)]
    ends = {end for interval in intervals for end in interval}
    grid = [p + d for p, d in itertools.product(ends, (-1e-9, 1e-9)) if 0 < p + d < 1]
    for p in [*grid, *np.linspace(0.001, 0.999, 199)]:
        chances = binom.pmf(np.arange(samples + 1), samples, p)
        held = [low <= p <= high for low, high in intervals]
        assert chances @ held >= 0.95 - 1e-9
