"""What the computations return: frozen dataclasses of numpy arrays, each with its provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

#: Seeds, dtypes, numbers of examples, versions: whatever a reader needs to repeat a result.
Provenance = Mapping[str, Any]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a result rests on."""
    packages = ("landscape-widget", "torch", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


@dataclass(frozen=True)
class EigenPairs:
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
    """All Ritz values of the run's random start vector, shape (j,): one probe of the spectral density."""
    ritz_weights: FloatArray | None = None
    """Squared overlaps of the start vector with the Ritz vectors, shape (j,); they add up to 1."""

    def at(self, end: str, rank: int = 1) -> int:
        """Index of the ``rank``-th eigenpair counted from one end.

        Args:
            end: "max" or "min".
            rank: 1 for the outermost pair of that end, 2 for the next one.

        Raises:
            IndexError: If that pair was not computed.
        """
        available = self.n_largest if end == "max" else len(self.values) - self.n_largest
        if not 1 <= rank <= available:
            raise IndexError(
                f"Expected rank between 1 and {available} at the {end} end, got {rank}. "
                "Ask hessian_eigenpairs for a larger k."
            )
        return rank - 1 if end == "max" else len(self.values) - rank


@dataclass(frozen=True)
class Plane:
    """The plane θ* + αη + βδ in parameter space."""

    origin: FloatArray
    """θ*, shape (N,)."""
    eta: FloatArray
    """Direction of α, shape (N,)."""
    delta: FloatArray
    """Direction of β, shape (N,)."""
    axes: tuple[str, str] = ("custom", "custom")
    """How the two directions were made, for example ("hessian:max", "random:filter")."""
    provenance: Provenance = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = self.origin.shape
        if self.eta.shape != n or self.delta.shape != n:
            raise ValueError(
                f"Expected eta and delta of the shape of origin, {n}, "
                f"got {self.eta.shape} and {self.delta.shape}."
            )

    @property
    def norms(self) -> tuple[float, float]:
        """(‖η‖, ‖δ‖): the length in parameter space of one unit of α and of β."""
        return float(np.linalg.norm(self.eta)), float(np.linalg.norm(self.delta))

    def point(self, alpha: float, beta: float) -> FloatArray:
        """θ* + αη + βδ, shape (N,)."""
        point: FloatArray = self.origin + alpha * self.eta + beta * self.delta
        return point


@dataclass(frozen=True)
class Surface:
    """The loss on a grid of a plane, complete at every stage of refinement."""

    alpha: FloatArray
    """Grid coordinates along η, shape (nα,); 0 is one of them whenever the domain contains 0."""
    beta: FloatArray
    """Grid coordinates along δ, shape (nβ,)."""
    loss: FloatArray
    """``loss[i, j]`` = L(θ* + alpha[j]·η + beta[i]·δ), shape (nβ, nα); NaN where not finite."""
    done: BoolArray
    """True where the loss was evaluated, False where it is interpolated, shape (nβ, nα)."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether every node was evaluated."""
        return bool(self.done.all())

    @property
    def minimum(self) -> tuple[float, float, float] | None:
        """(α, β, loss) of the lowest evaluated node, None while there is no finite one."""
        evaluated = np.where(self.done & np.isfinite(self.loss), self.loss, np.inf)
        i, j = np.unravel_index(int(np.argmin(evaluated)), evaluated.shape)
        if not np.isfinite(evaluated[i, j]):
            return None
        return float(self.alpha[j]), float(self.beta[i]), float(self.loss[i, j])


@dataclass(frozen=True)
class ProjectedCurvatures:
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

    @property
    def samples(self) -> int:
        """Number of projections S."""
        return len(self.A)

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
        return float(np.mean(self.A * self.C - self.B**2 >= 0))

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


def principal_curvatures(
    a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (κ₋, κ₊) of [[A, B], [B, C]], element by element (Eq. 21)."""
    a, b, c = np.asarray(a, float), np.asarray(b, float), np.asarray(c, float)
    centre = (a + c) / 2
    radius = np.hypot(b, (a - c) / 2)
    return centre - radius, centre + radius
