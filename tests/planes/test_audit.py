"""Draws that vouch for what stays interpolated, against their chances counted one by one."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import ceil, comb, floor

import pytest

from landscape_widget.planes.audit import BEYOND, RISK, next_draws, odds_of, vouches


def looks(population: int) -> list[tuple[int, int]]:
    """(draws, odds) of every look up to the one that draws all."""
    found, n = [], 0
    while n < population:
        n = next_draws(population, n, odds := odds_of(len(found) + 1))
        found.append((n, odds))
    return found


def wrong(population: int, known: int, bad: int) -> Fraction:
    """The chance that some look vouches for the unknown ones though more than a tenth of these are bad.

    Of the population so many are known and so many others bad; by counting every draw, looks apart.
    """
    total = Fraction(0)
    for n, odds in looks(population):
        for drawn_known in range(max(0, n - (population - known - bad)), min(n, known) + 1):
            others = population - known - (n - drawn_known)
            if bad > BEYOND * others and vouches(population, n, others, odds):
                ways = comb(known, drawn_known) * comb(population - known - bad, n - drawn_known)
                total += Fraction(ways, comb(population, n))
    return total


@pytest.mark.parametrize("population", [1, 2, 7, 30, 61, 90])
def test_what_looks_say_is_wrong_as_rarely_as_promised(population: int) -> None:
    """For every number of nodes that are known and of bad ones among the others."""
    worst = max(
        (
            wrong(population, known, bad)
            for known in range(0, population, 1 + population // 20)
            for bad in range(1, population - known + 1, 1 + population // 40)
        ),
        default=Fraction(0),
    )
    assert worst <= Fraction(1, round(1 / RISK))


@pytest.mark.parametrize(
    ("population", "share"), [(400, 0.0), (400, 0.5), (400, 0.95), (2000, 0.0), (2000, 0.95)]
)
def test_it_is_so_of_many_nodes_and_large_caches_too(population: int, share: float) -> None:
    known = round(share * population)
    unknown = population - known
    for bad in {1, ceil(unknown / 20), ceil(unknown / 11), ceil(unknown / 7), unknown // 2, unknown}:
        assert wrong(population, known, bad) <= Fraction(1, round(1 / RISK))


@pytest.mark.parametrize("others", [1, 3, 5])
def test_a_tenth_is_counted_by_every_single_draw(others: int) -> None:
    """All draws of 4 of 9 nodes, by hand: at most a tenth of so few is none of them."""
    bad = floor(others / 10)
    missed = sum(not set(range(bad + 1)) & set(draw) for draw in combinations(range(9), 4))
    rare = Fraction(missed, comb(9, 4))
    assert vouches(9, 4, others, floor(1 / rare))
    assert not vouches(9, 4, others, floor(1 / rare) + 1)


def chance(population: int, bad: int, draws: int) -> float:
    """That none of the draws without replacement is bad, draw by draw."""
    found = 1.0
    for k in range(draws):
        found *= max(0, population - bad - k) / (population - k)
    return found


@pytest.mark.parametrize("odds", [200, 3000])
@pytest.mark.parametrize("population", [60, 120, 300, 2520, 250_000])
def test_a_look_draws_as_many_as_it_takes_and_no_more(population: int, odds: int) -> None:
    def of_others(n: int) -> int:
        return int(BEYOND * ceil(0.95 * (population - n))) + 1

    n = next_draws(population, 0, odds)
    assert n == population or chance(population, of_others(n), n) <= 1 / odds
    assert chance(population, of_others(n - 1), n - 1) > 1 / odds
    assert next_draws(population, n, odds) in {-(-3 * n // 2), population}


def test_the_risks_of_all_looks_add_up() -> None:
    total = sum(Fraction(1, odds_of(look)) for look in range(1, 1000))
    assert total < Fraction(1, round(1 / RISK))
    assert float(total) == pytest.approx(RISK, rel=2e-3)


@pytest.mark.parametrize("others", [0, 1, 5, 50, 700])
def test_fewer_others_need_the_more_draws(others: int) -> None:
    """They are a small part of what is drawn from."""
    needed = [n for n in range(0, 2600, 10) if vouches(2600, n, min(others, 2600 - n), 200)]
    assert needed == list(range(needed[0], 2600, 10))
    assert vouches(2600, 0, 0, 200)
    assert not others or not vouches(2600, 40, others, 200)
