"""Losses along several straight lines from θ*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.paths import Interpolation

#: What lines lead to, where they do not follow directions that a seed draws.
SOLUTIONS = "solutions"


@equal_by_content
@dataclass(frozen=True, repr=False)
class LineLosses(Table):
    """Losses along straight lines from θ*, to other solutions or along random directions of several seeds.

    These are the one-dimensional pictures of Li et al. 2018, Section 3.
    """

    along: str
    """What they follow: "solutions", or a kind of axis that depends on a seed, such as "random:filter"."""
    lines: Mapping[str, Interpolation]
    """Each by the name of its solution, or by its seed ("seed 0"), as far as it was evaluated: t = 0 is θ*,
    and 1 the solution, or θ* + η for a direction η. The loss is NaN where it was not yet evaluated."""
    done: int = 0
    """How many of them are complete."""
    total: int = 0
    """How many there are to be."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether all of them are complete."""
        return self.done >= self.total

    @property
    def barriers(self) -> dict[str, str]:
        """The barrier before each solution in words, of training and test data; nothing of other lines."""
        if self.along != SOLUTIONS:
            return {}
        complete = [*self.lines.items()][: self.done]
        return {
            name: line.barrier_words + (f" (test: {line.test.barrier_words})" if line.test else "")
            for name, line in complete
        }

    @property
    def summary(self) -> str:
        """What they follow, how many are complete, and the barriers."""
        told = [f"{name}: {words}" for name, words in self.barriers.items()]
        return "; ".join([f"{self.done} of {self.total} lines along {self.along}", *told])

    @property
    def columns(self) -> Columns:
        """Columns name, t, loss, and test_loss where there are test data, with a row for each point."""
        every = self.lines.values()
        none = np.empty(0)
        found: Columns = {
            "name": [name for name, line in self.lines.items() for _ in line.t],
            "t": np.concatenate([none, *(line.t for line in every)]),
            "loss": np.concatenate([none, *(line.loss for line in every)]),
        }
        tests = [line.test.loss for line in every if line.test is not None]
        return {**found, "test_loss": np.concatenate(tests)} if tests else found
