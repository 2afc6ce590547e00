"""Loss and curvature of several models or checkpoints, a row for each."""

from __future__ import annotations

from dataclasses import dataclass, field

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.tables import brief


@equal_by_content
@dataclass(frozen=True, repr=False)
class Comparison(Table):
    """Loss, gradient and curvature at n points; NaN for what is not known."""

    name: tuple[str, ...]
    """What they are called."""
    loss: FloatArray
    """The loss at each, shape (n,)."""
    gradient_norm: FloatArray
    """‖∇L‖, shape (n,)."""
    largest: FloatArray
    """λmax, shape (n,)."""
    smallest: FloatArray
    """λmin, shape (n,)."""
    trace: FloatArray
    """tr(H), shape (n,)."""
    verdict: tuple[str, ...]
    """"minimum", "saddle", "maximum", "slope" or "undecided"."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Name, verdict and λmax of each."""
        rows = zip(self.name, self.verdict, self.largest, strict=True)
        return "; ".join(f"{name}: {verdict}, λmax {brief(value)}" for name, verdict, value in rows)

    @property
    def columns(self) -> Columns:
        """A row for each of them."""
        return {
            "name": list(self.name),
            "loss": self.loss,
            "gradient_norm": self.gradient_norm,
            "lambda_max": self.largest,
            "lambda_min": self.smallest,
            "trace": self.trace,
            "verdict": list(self.verdict),
        }
