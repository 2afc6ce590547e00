"""Curvature at θ*: certified eigenpairs, the gradient by them, and random projections."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.checks import check_integer
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.results.base import BoolArray, Estimate, Provenance, Table
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns
from landscape_widget.results.tables import brief

#: Share of its two terms up to which a determinant is zero to rounding, as all of a matrix of rank one are.
_ROUNDING = 1e-11


@equal_by_content
@dataclass(frozen=True, repr=False)
class EigenPairs(Table):
    """Eigenvalues and eigenvectors of the Hessian, each with its true residual."""

    values: FloatArray
    """Eigenvalues in descending order, shape (m,)."""
    vectors: FloatArray
    """Unit eigenvectors as columns, shape (N, m); the entry of largest magnitude is positive."""
    residuals: FloatArray
    """‖Hv − λv‖ recomputed with one more product for each pair, shape (m,)."""
    converged: BoolArray
    """Whether the residual is at most ``tol · |λ|`` (see ``hessian_eigenpairs``), shape (m,)."""
    n_hvp: int
    """Hessian-vector products spent, those for the residuals included."""
    n_largest: int
    """How many of the leading entries belong to the large end; the rest belong to the small end."""
    provenance: Provenance = field(default_factory=dict)
    complete: bool = True
    """Whether the rest of the space was searched for further eigenvalues at the ends asked for (further
    copies of repeated ones, say); False where the run ended before, and in estimates."""
    ritz_values: FloatArray | None = None
    """All Ritz values of the run's random start vector, shape (j,): one probe of the spectral density; None
    where that is none, because not all copies of an eigenvalue at the ends are among the pairs."""
    ritz_weights: FloatArray | None = None
    """Squared overlaps of the start vector with the Ritz vectors, shape (j,); they add up to 1."""

    @property
    def summary(self) -> str:
        """The outermost values, how many are certified, and what they took."""
        ends = [
            f"λ{end} {brief(self.values[self.at(end)])}"
            for end, there in (("max", self.n_largest), ("min", len(self.values) - self.n_largest))
            if there
        ]
        told = f"{int(self.converged.sum())} of {len(self.values)} converged"
        n = f"N = {len(self.vectors):,}"
        return ", ".join([*ends, told, n, f"{self.n_hvp:,} products"])

    @property
    def columns(self) -> Columns:
        """Columns value, residual, converged, a row for each pair. The vectors are in the npz file only."""
        return {"value": self.values, "residual": self.residuals, "converged": self.converged}

    @property
    def ends(self) -> list[tuple[str, int]]:
        """End and rank of each pair as ``at`` counts them: ("max", 1), ("max", 2) … ("min", 1)."""
        n_smallest = len(self.values) - self.n_largest
        largest = [("max", rank) for rank in range(1, self.n_largest + 1)]
        return largest + [("min", rank) for rank in range(n_smallest, 0, -1)]

    def at(self, end: str, rank: int = 1) -> int:
        """Index of the ``rank``-th eigenpair counted from one end.

        N = 1 has one eigenvalue, which stands at both ends.

        Args:
            end: "max" or "min".
            rank: 1 for the outermost pair of that end, 2 for the next one.

        Raises:
            IndexError: If that pair was not computed.
        """
        alone = len(self.vectors) == len(self.values) == 1
        available = 1 if alone else self.n_largest if end == "max" else len(self.values) - self.n_largest
        if not 1 <= rank <= available:
            raise IndexError(
                f"Expected rank between 1 and {available} at the {end} end, got {rank}. "
                "Ask hessian_eigenpairs for a larger k."
            )
        return rank - 1 if end == "max" else len(self.values) - rank


@equal_by_content
@dataclass(frozen=True)
class Slopes:
    """∇L(θ*) = Σ (∇L·vᵢ) vᵢ + a rest, by the eigenvectors vᵢ of certified pairs."""

    along: FloatArray
    """∇L·v for each pair, shape (m,)."""
    rest: float
    """‖rest‖, 0 where it is rounding."""
    rest_curvature: float
    """uᵀHu for the unit vector u along the rest; 0 without one."""

    @property
    def norm(self) -> float:
        """‖∇L(θ*)‖."""
        return float(np.hypot(norm(self.along), self.rest))


@equal_by_content
@dataclass(frozen=True, repr=False)
class ProjectedCurvatures(Table):
    """Curvature of S random two-dimensional projections (Böttcher & Wheeler, Eqs. 19-21)."""

    A: FloatArray
    """ηᵀHη, shape (S,)."""
    B: FloatArray
    """ηᵀHδ, shape (S,)."""
    C: FloatArray
    """δᵀHδ, shape (S,)."""
    n_hvp: int
    """Hessian-vector products spent."""
    provenance: Provenance = field(default_factory=dict)
    n_gradient: int = 0
    """Gradients spent, where products were replaced by finite differences."""
    n_loss: int = 0
    """Evaluations of the loss spent, where products were replaced by finite differences."""

    @property
    def summary(self) -> str:
        """How many, how many of them hide a saddle, and the mean curvatures."""
        minus, plus = map(brief, self.mean_kappa)
        hidden = round(self.samples * self.p_no_saddle)
        return f"{self.samples:,} projections, {hidden:,} without a saddle, ⟨κ₋⟩ {minus}, ⟨κ₊⟩ {plus}"

    @property
    def columns(self) -> Columns:
        """Columns A, B, C, kappa_minus and kappa_plus, with a row for each projection."""
        kappa = {"kappa_minus": self.kappa_minus, "kappa_plus": self.kappa_plus}
        return {"A": self.A, "B": self.B, "C": self.C, **kappa}

    @property
    def samples(self) -> int:
        """Number of projections S."""
        return len(self.A)

    def seed_of(self, i: int) -> int:
        """The seed of the random plane that projection ``i`` is of, also of results of former versions.

        Raises:
            ValueError: If there is no projection ``i``.
        """
        i = check_integer(i, "i", 0, self.samples - 1, f" for {self.samples} projections")
        first: int = self.provenance.get("first_plane", self.provenance["seed"])
        return first + i

    @property
    def kappa_plus(self) -> FloatArray:
        """Larger principal curvature κ₊ of each projection (Eq. 21), shape (S,)."""
        return principal_curvatures(self.A, self.B, self.C)[1]

    @property
    def kappa_minus(self) -> FloatArray:
        """Smaller principal curvature κ₋ of each projection (Eq. 21), shape (S,)."""
        return principal_curvatures(self.A, self.B, self.C)[0]

    @property
    def p_no_saddle(self) -> float:
        """Share of the projections that do not look like a saddle, that is κ₋κ₊ ≥ 0."""
        # κ₋κ₊ = det = AC − B²; the product of the two roots would lose its sign to cancellation
        scale = np.maximum(np.maximum(np.abs(self.A), np.abs(self.C)), np.abs(self.B))
        a, b, c = (entries / np.where(scale > 0, scale, 1.0) for entries in (self.A, self.B, self.C))
        product, square = a * c, b**2
        return float(np.mean(product - square >= -_ROUNDING * (np.abs(product) + square)))

    @property
    def mean_kappa(self) -> tuple[float, float]:
        """(⟨κ₋⟩, ⟨κ₊⟩): curvatures first, then the mean over projections (Eq. 29)."""
        return float(np.mean(self.kappa_minus)), float(np.mean(self.kappa_plus))

    @property
    def kappa_of_mean(self) -> tuple[float, float]:
        """(κ̃₋, κ̃₊): principal curvatures of ⟨A⟩, ⟨B⟩, ⟨C⟩ (Eq. 30)."""
        minus, plus = principal_curvatures(np.mean(self.A), np.mean(self.B), np.mean(self.C))
        return float(minus), float(plus)

    @property
    def trace(self) -> float:
        """Estimate of tr(H): the mean of κ̄ = (κ₋ + κ₊)/2 over projections (Eq. 23)."""
        return float(np.mean((self.A + self.C) / 2))

    @property
    def statistics(self) -> dict[str, Estimate]:
        """Means over the projections with standard errors, NaN for a single projection.

        "A", "B", "C", "kappa_minus", "kappa_plus" are ⟨·⟩ (Eq. 29), "kappa_mean" is κ̄ (Eq. 23),
        "kappa_minus_of_mean" and "kappa_plus_of_mean" are κ̃_± (Eq. 30), their errors propagated to first
        order; where ⟨A⟩ = ⟨C⟩ and ⟨B⟩ = 0 but for noise these overstate the error, because κ̃_± has a kink
        there (and a bias of the size of that error).
        """
        means = {
            "A": self.A,
            "B": self.B,
            "C": self.C,
            "kappa_minus": self.kappa_minus,
            "kappa_plus": self.kappa_plus,
            "kappa_mean": (self.A + self.C) / 2,
        }
        found = {name: Estimate.of_mean(samples) for name, samples in means.items()}
        a, b, c = (float(np.mean(x)) for x in (self.A, self.B, self.C))
        radius = float(np.hypot(b, (a - c) / 2))
        # ∂κ̃_±/∂(a, b, c); at radius 0 any unit vector in place of (d, b)/radius gives the same bound
        d, e = ((a - c) / 2 / radius, b / radius) if radius else (1.0, 0.0)
        for name, sign, value in zip(("minus", "plus"), (-1, 1), self.kappa_of_mean, strict=True):
            along = (1 + sign * d) / 2 * self.A + sign * e * self.B + (1 - sign * d) / 2 * self.C
            found[f"kappa_{name}_of_mean"] = Estimate(value, Estimate.of_mean(along).stderr)
        return found

    def first(self, samples: int) -> ProjectedCurvatures:
        """Returns the first so many of the projections, to show how the means converge (Fig. 1)."""
        return replace(self, A=self.A[:samples], B=self.B[:samples], C=self.C[:samples])


def principal_curvatures(
    a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (κ₋, κ₊) of [[A, B], [B, C]], element by element (Eq. 21)."""
    a, b, c = np.asarray(a, float), np.asarray(b, float), np.asarray(c, float)
    centre = (a + c) / 2
    radius = np.hypot(b, (a - c) / 2)
    return centre - radius, centre + radius
