"""How many interpolated nodes must be drawn at random, so that they vouch for those that stay interpolated.

Some of a population of P nodes, to none of which anything was fitted, are drawn, all with equal chances, and
looked at. Let E be the largest error among them, and R nodes be those that then are still interpolated: not
drawn, and not known from elsewhere either. If more than a tenth of these R were off by more than E, at least
m = ⌊R/10⌋ + 1 of the population were, and the m that are off most had all been missed by the draws. That
happens with a probability of C(P − m, n) / C(P, n) for n draws, which is held below a given risk.

This is so whatever is known from elsewhere and whatever decided what that is, since the m nodes are those of
the whole population. But the number of draws must not go by what is known, or runs that are left and resumed
would end elsewhere. So there are several looks, each at more draws than the one before, at numbers that
depend on P alone, until R is large enough for the draws; their risks add up.
"""

from __future__ import annotations

import math

#: Share of the interpolated nodes that may be off by more than the bound.
BEYOND = 0.1

#: Probability that there are more of them, all looks together.
RISK = 0.01

#: A look draws for so large a share of those not drawn: a few of them may be known.
_SHARE = 0.95

#: Each look has at least so many times the draws of the one before.
_MORE = 1.5


def odds_of(look: int) -> int:
    """Returns 1/p, where p is a look's share of the risk, the first look being 1; all add up to ``RISK``."""
    return look * (look + 1) * round(1 / RISK)


def vouches(population: int, drawn: int, others: int, odds: int) -> bool:
    """Says whether draws tell that at most a tenth of the others are off by more than all those drawn.

    Args:
        population: Nodes that were drawn from.
        drawn: How many of them were.
        others: How many of those not drawn are interpolated.
        odds: 1/p for a probability p, at most, of saying so where it is not true.
    """
    if not others:
        return True
    too_many = math.floor(BEYOND * others) + 1
    return odds * math.comb(population - too_many, drawn) <= math.comb(population, drawn)


def next_draws(population: int, drawn: int, odds: int) -> int:
    """Returns how many draws the next look takes in all, after one that had ``drawn``.

    They are enough where up to a twentieth of those not drawn are known; the whole population if it is small.
    """
    for n in range(max(drawn + 1, math.ceil(_MORE * drawn)), population):
        if vouches(population, n, math.ceil(_SHARE * (population - n)), odds):
            return n
    return population
