"""Loss and curvature along a training run, checkpoint by checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import BoolArray, Provenance, Table
from landscape_widget.results.checkpoints import Steps, called
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.tables import brief

IntArray = npt.NDArray[np.int_]


@equal_by_content
@dataclass(frozen=True, repr=False)
class Evolution(Table):
    """Loss, gradient and both ends of the Hessian's spectrum at n checkpoints; NaN where not done yet."""

    checkpoint: IntArray
    """Which checkpoints of the trajectory these are, ascending, shape (n,)."""
    step: Steps
    """The steps of training, or what counts checkpoints of which nobody told them, shape (n,); NaN for
    weights that an explorer took from its model."""
    done: BoolArray
    """Which of them are finished, shape (n,)."""
    loss: FloatArray
    """The loss at each, shape (n,); NaN where it is not finite, too. An explorer's may be there before."""
    gradient_norm: FloatArray
    """‖∇L‖, shape (n,)."""
    values: FloatArray
    """The m eigenvalues at both ends, descending, shape (n, m)."""
    residuals: FloatArray
    """‖Hv − λv‖ of each, shape (n, m)."""
    converged: BoolArray
    """Which are certified: their residual is within the tolerance, and the rest of the space was searched for
    further ones; shape (n, m)."""
    n_largest: int
    """How many of the leading eigenvalues belong to the large end."""
    overlaps: FloatArray
    """|v·w| of each eigenvector v with the one w of the checkpoint before that it goes on from, shape
    (n, m). 1 where it has not turned; NaN at the first one, and where the one before was not at hand."""
    follows: IntArray
    """Which of the m eigenvectors of the checkpoint before that is, shape (n, m): where eigenvalues cross,
    not the one in its place; −1 where ``overlaps`` is NaN."""
    n_hvp: IntArray
    """Hessian-vector products spent on the eigenvalues, those of the preconditioned ones included, shape
    (n,)."""
    verdict: tuple[str, ...]
    """"minimum", "saddle", "maximum", "slope" or "undecided" at each checkpoint, on its automatic domain;
    empty where not done."""
    learning_rate: FloatArray
    """η at each checkpoint, shape (n,); NaN where it is not known."""
    momentum: FloatArray | float = 0.0
    """β of the optimiser at each checkpoint, shape (n,), or one for all; NaN where it is not known."""
    trace: FloatArray | None = None
    """tr(H), shape (n,); None where it was not asked for."""
    trace_stderr: FloatArray | None = None
    """The standard error of tr(H), 0 for an exact trace, shape (n,)."""
    preconditioned: FloatArray | None = None
    """λmax of P^(−½) H P^(−½), which is that of P⁻¹H, shape (n,); None without a preconditioner P, NaN where
    it is not known."""
    preconditioned_residual: FloatArray | None = None
    """The residual of each of these, shape (n,)."""
    preconditioned_converged: BoolArray | None = None
    """Which of these are certified, shape (n,)."""
    pairs: EigenPairs | None = None
    """The eigenpairs of the latest checkpoint that was finished, each eigenvector with the sign that makes
    v·w positive. The next checkpoint starts from them."""
    latest: int | None = None
    """The row of ``pairs``; None without any."""
    names: tuple[str, ...] = ()
    """What each checkpoint is called, "step 30" or "as given"; empty in files of versions that told none."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """How many checkpoints are finished, and the last of their numbers."""
        told = f"{int(self.done.sum())} of {len(self.done)} checkpoints"
        if not self.done.any():
            return told
        last = int(np.flatnonzero(self.done)[-1])
        numbers = f"loss {brief(self.loss[last])}, λmax {brief(self.largest[last])}"
        numbers += f", λmin {brief(self.smallest[last])}"
        return f"{told}, {self.called(last)}: {numbers}, {self.verdict[last]}"

    def called(self, row: int) -> str:
        """What a checkpoint is called: "step 30", or "as given" where nobody told its step."""
        return self.names[row] if self.names else called(float(self.step[row]))

    @property
    def largest(self) -> FloatArray:
        """λmax, shape (n,)."""
        column: FloatArray = self.values[:, 0]
        return column

    @property
    def smallest(self) -> FloatArray:
        """λmin, shape (n,)."""
        column: FloatArray = self.values[:, -1]
        return column

    @property
    def threshold(self) -> FloatArray:
        """The largest curvature that the optimiser's steps do not grow along, shape (n,).

        Of gradient descent it is 2/η, with momentum β (2 + 2β)/η (Cohen et al. 2021), to be held against
        ``largest``. With a preconditioner it is that of Adam, whose momentum is a mean of gradients,
        (2 + 2β)/((1 − β)η) (Cohen et al. 2022), to be held against ``preconditioned``. It is NaN where η or β
        is not known.
        """
        beta = np.asarray(self.momentum)
        mean = 1 - beta if self.preconditioned is not None else 1.0
        with np.errstate(divide="ignore"):
            found: FloatArray = (2 + 2 * beta) / (mean * self.learning_rate)
        return np.where(np.isfinite(found), found, math.nan)

    @property
    def threshold_words(self) -> str:
        """What ``threshold`` is: "2/η"."""
        if not np.nan_to_num(self.momentum).any():
            return "2/η"
        return "(2 + 2β)/η" if self.preconditioned is None else "(2 + 2β)/((1 − β)η)"

    @property
    def columns(self) -> Columns:
        """A row for each checkpoint; eigenvalues are lambda_max_1, lambda_max_2 … lambda_min_1."""
        m = self.values.shape[1]
        ends = [f"max_{i + 1}" for i in range(self.n_largest)]
        ends += [f"min_{m - i}" for i in range(self.n_largest, m)]
        columns: dict[str, npt.ArrayLike] = {
            name: getattr(self, name) for name in ("checkpoint", "step", "done", "loss", "gradient_norm")
        }
        for i, end in enumerate(ends):
            columns[f"lambda_{end}"] = self.values[:, i]
            columns[f"residual_{end}"] = self.residuals[:, i]
            columns[f"converged_{end}"] = self.converged[:, i]
            columns[f"overlap_{end}"] = self.overlaps[:, i]
        columns |= {"verdict": np.array(self.verdict), "n_hvp": self.n_hvp}
        momentum = np.broadcast_to(self.momentum, self.done.shape)
        columns |= {"learning_rate": self.learning_rate, "momentum": momentum, "threshold": self.threshold}
        names = (
            "trace",
            "trace_stderr",
            "preconditioned",
            "preconditioned_residual",
            "preconditioned_converged",
        )
        further = {name: getattr(self, name) for name in names}
        return columns | {name: values for name, values in further.items() if values is not None}
