"""What is known of single points: loss, metrics and curvature there, and tables of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.curvature import principal_curvatures
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.tables import brief


@equal_by_content
@dataclass(frozen=True)
class Scores:
    """Loss and metrics of a model on a data set."""

    loss: float
    """The mean loss over the examples."""
    metrics: Mapping[str, float]
    """The mean of each metric over the examples."""
    n_examples: int
    """Examples of the data set."""


@equal_by_content
@dataclass(frozen=True)
class PlanePoint:
    """What is known of one point of a plane."""

    alpha: float
    """Coordinate along η."""
    beta: float
    """Coordinate along δ."""
    train: Scores
    """Loss and metrics on the data that the objective was made of."""
    test: Scores | None = None
    """Loss and metrics on test data; None without any."""
    gradient_norm: float | None = None
    """‖∇L‖ there, over all parameters; None while unknown."""
    hessian: FloatArray | None = None
    """[[A, B], [B, C]], the second derivatives of L by (α, β) there, shape (2, 2); None while unknown."""
    batch_norm: str = "frozen"
    """Statistics of batch-norm layers in all of this: "frozen", or "recomputed" at this point, which slope
    and curvature hold fixed."""

    @property
    def curvatures(self) -> tuple[float, float] | None:
        """(κ₋, κ₊), the eigenvalues of ``hessian``."""
        if self.hessian is None:
            return None
        minus, plus = principal_curvatures(self.hessian[0, 0], self.hessian[0, 1], self.hessian[1, 1])
        return float(minus), float(plus)


@equal_by_content
@dataclass(frozen=True)
class ScoreRow:
    """Loss and metrics at one point, of which a table says where it is."""

    place: str
    """"centre", or for the lowest node of a plane "minimum" and "test minimum"."""
    axes: tuple[str, str]
    """Axes of that plane; two empty names for the centre."""
    alpha: float
    """Coordinate along η."""
    beta: float
    """Coordinate along δ."""
    distance: float
    """‖Δθ‖ from the centre."""
    train: Scores
    """Loss and metrics on the data that the objective was made of."""
    test: Scores | None
    """Loss and metrics on test data; None without any."""


@equal_by_content
@dataclass(frozen=True, repr=False)
class ScoreTable(Table):
    """Loss and metrics at θ* and at the minima of planes (Böttcher & Wheeler, Table II)."""

    rows: tuple[ScoreRow, ...]
    """The centre first, then the minimum of each plane."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """The places in their order, with the loss on training data."""
        return ", ".join(
            f"{' × '.join(filter(None, row.axes)) or row.place}: loss {brief(row.train.loss)}"
            for row in self.rows
        ) + ("; with recomputed batch norm" if self.provenance.get("batch_norm") == "recomputed" else "")

    @property
    def columns(self) -> Columns:
        """Columns of place, axes, coordinates, distance, then train_loss, train_accuracy …, test_loss …."""
        rows = self.rows
        columns: dict[str, npt.ArrayLike] = {
            "place": [row.place for row in rows],
            "axis_alpha": [row.axes[0] for row in rows],
            "axis_beta": [row.axes[1] for row in rows],
            **{name: [getattr(row, name) for row in rows] for name in ("alpha", "beta", "distance")},
        }
        for data in ("train", "test"):
            scores = [getattr(row, data) for row in rows]
            if None in scores:
                continue
            columns[f"{data}_loss"] = [score.loss for score in scores]
            for name in scores[0].metrics:
                columns[f"{data}_{name}"] = [score.metrics[name] for score in scores]
        return columns
