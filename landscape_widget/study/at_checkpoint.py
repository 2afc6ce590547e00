"""What is told of one checkpoint beside others: the curves over time and comparisons rest on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.spectrum import TraceEstimate
from landscape_widget.results.tables import brief


@dataclass(frozen=True)
class AtCheckpoint:
    """Loss and curvature there; NaN and None for what could not be had."""

    loss: float = math.nan
    gradient_norm: float = math.nan
    pairs: EigenPairs | None = None
    """Eigenpairs at both ends, without their vectors."""
    verdict: str = "undecided"
    trace: TraceEstimate | None = None
    """The exact or deflated one: that of a spectral density would jump among those."""
    preconditioned: EigenPairs | None = None
    """The largest eigenvalue of P^(−½) H P^(−½); None where the optimiser's P was not kept."""

    @property
    def words(self) -> str:
        """All of it in a line."""
        told = [f"loss {brief(self.loss)}"]
        if self.pairs is not None:
            told += [f"λmax {brief(self.pairs.values[0])}", f"λmin {brief(self.pairs.values[-1])}"]
        if self.trace is not None:
            told.append(f"tr(H) {brief(self.trace.value)}")
        return f"{self.verdict.capitalize()}: {', '.join([*told, f'‖∇L‖ {brief(self.gradient_norm)}'])}."
