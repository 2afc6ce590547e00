"""What the computations return: frozen dataclasses of numpy arrays, each with its provenance."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from landscape_widget.equality import equal_by_content
from landscape_widget.files import Columns, csv_text, write_csv
from landscape_widget.vectors import FloatArray, norm

BoolArray = npt.NDArray[np.bool_]

#: Seeds, dtypes, numbers of examples, versions: whatever a reader needs to repeat a result.
Provenance = Mapping[str, Any]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that a result rests on."""
    packages = ("landscape-widget", "torch", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


#: Looked up in files; every result carries it.
_version = cache(version)


class Table:
    """A result that is a table: columns by name, and a CSV file of them."""

    provenance: Provenance

    @property
    def columns(self) -> Columns:
        """Columns by name, all of one length."""
        raise NotImplementedError

    @property
    def csv(self) -> str:
        """What ``to_csv`` writes."""
        return csv_text(self.columns, self.provenance)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the columns with a line of provenance above, see ``files.write_csv``; replaces ``path``."""
        write_csv(path, self.columns, self.provenance)


@equal_by_content
@dataclass(frozen=True)
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
    """All Ritz values of the run's random start vector, shape (j,): one probe of the spectral density."""
    ritz_weights: FloatArray | None = None
    """Squared overlaps of the start vector with the Ritz vectors, shape (j,); they add up to 1."""

    @property
    def columns(self) -> Columns:
        """value, residual, converged: a row for each pair. The vectors are in the npz file only."""
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
@dataclass(frozen=True)
class Plane(Table):
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
    def columns(self) -> Columns:
        """origin, eta, delta: a row for each parameter."""
        return {"origin": self.origin, "eta": self.eta, "delta": self.delta}

    @property
    def norms(self) -> tuple[float, float]:
        """(‖η‖, ‖δ‖): the length in parameter space of one unit of α and of β."""
        return norm(self.eta), norm(self.delta)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of origin and directions: the same for planes that are equal to the last bit only."""
        digest = blake2b(digest_size=16)
        for vector in (self.origin, self.eta, self.delta):
            digest.update(np.ascontiguousarray(vector, float).tobytes())
        return digest.hexdigest()

    def point(self, alpha: float, beta: float) -> FloatArray:
        """θ* + αη + βδ, shape (N,)."""
        point: FloatArray = self.origin + alpha * self.eta + beta * self.delta
        return point


@equal_by_content
@dataclass(frozen=True)
class Surface(Table):
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
    def columns(self) -> Columns:
        """alpha, beta, loss, done: a row for each node, α running fastest."""
        return _grid_columns(self.alpha, self.beta, loss=self.loss, done=self.done)

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


@equal_by_content
@dataclass(frozen=True)
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
    """Evaluations of the loss spent, likewise."""

    @property
    def columns(self) -> Columns:
        """A, B, C, kappa_minus, kappa_plus: a row for each projection."""
        kappa = {"kappa_minus": self.kappa_minus, "kappa_plus": self.kappa_plus}
        return {"A": self.A, "B": self.B, "C": self.C, **kappa}

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
        """The first so many of the projections, for how the means converge (Fig. 1)."""
        return replace(self, A=self.A[:samples], B=self.B[:samples], C=self.C[:samples])


@equal_by_content
@dataclass(frozen=True)
class Estimate:
    """A number and its standard error."""

    value: float
    """The estimate."""
    stderr: float
    """One standard deviation of it; NaN where unknown."""

    @classmethod
    def of_mean(cls, samples: FloatArray) -> Estimate:
        """The mean of independent samples, shape (S,)."""
        spread = np.std(samples, ddof=1) if len(samples) > 1 else np.nan
        return cls(float(np.mean(samples)), float(spread / np.sqrt(len(samples))))


def principal_curvatures(
    a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (κ₋, κ₊) of [[A, B], [B, C]], element by element (Eq. 21)."""
    a, b, c = np.asarray(a, float), np.asarray(b, float), np.asarray(c, float)
    centre = (a + c) / 2
    radius = np.hypot(b, (a - c) / 2)
    return centre - radius, centre + radius


#: What a method of estimating the trace is called.
TRACE_LABELS = {
    "exact": "exact",
    "deflated": "deflated",
    "hutchinson": "Hutchinson",
    "curvature-fit": "curvature fit",
}


@equal_by_content
@dataclass(frozen=True)
class TraceEstimate:
    """tr(H) and tr(H²) from the same samples, each with its standard error."""

    value: float
    """Estimate of tr(H)."""
    stderr: float
    """Standard error of ``value``; 0 where it is exact, NaN where one sample cannot tell."""
    samples: int
    """Independent samples that the standard errors rest on; N where it is exact."""
    n_hvp: int
    """Hessian-vector products spent; 0 for the curvature fit."""
    square: float
    """Estimate of tr(H²)."""
    square_stderr: float
    """Standard error of ``square``."""
    covariance: float = 0.0
    """Covariance of the errors of ``value`` and ``square``."""
    n_loss: int = 0
    """Evaluations of the loss spent (curvature fit)."""
    provenance: Provenance = field(default_factory=dict)
    bias: float = 0.0
    """How much too large ``value`` is, beside its standard error, because the losses of a curvature fit lie
    on no parabola; 0 for the other methods."""

    @property
    def error(self) -> float:
        """Half of the 95 % interval without the bias: Student's quantile times ``stderr``."""
        if not self.stderr > 0:
            return self.stderr
        from scipy.special import stdtrit  # noqa: PLC0415 - scipy is slow to import

        return float(stdtrit(max(1, self.samples - 1), 0.975)) * self.stderr

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of tr(H), on one side as much longer as ``value`` is biased."""
        error = self.error
        return self.value - error - max(self.bias, 0.0), self.value + error - min(self.bias, 0.0)

    @property
    def biased(self) -> bool:
        """Whether the bias is more than a quarter of the standard error, and more than rounding."""
        return abs(self.bias) > max(0.25 * self.stderr, 1e-6 * abs(self.value))

    def __repr__(self) -> str:
        low, high = self.interval
        words = (
            f"{self.value:.6g}, 95 % interval {low:.6g} to {high:.6g}"
            if self.stderr
            else f"{self.value:.10g}, exact"
        )
        if self.biased:
            words += f", biased by about {self.bias:+.2g}"
        method = self.provenance.get("method", "tr(H)")
        cost = f"{self.n_loss} losses" if self.n_loss else f"{self.n_hvp} products"
        return f"TraceEstimate({words}; {method}, {self.samples} samples, {cost})"


@equal_by_content
@dataclass(frozen=True)
class SpectralDensity(Table):
    """The eigenvalue distribution (1/N) Σ_i δ(λ − λ_i) as a weighted set of nodes that integrates to 1."""

    nodes: FloatArray
    """Certified eigenvalues first, then the Ritz values of every probe, shape (K,)."""
    weights: FloatArray
    """Share of the spectrum at each node, shape (K,); they add up to 1."""
    probe: npt.NDArray[np.int_]
    """Which probe a node belongs to, −1 for certified eigenvalues, shape (K,)."""
    n_parameters: int
    """N."""
    n_hvp: int
    """Products spent, without those of the eigenpairs that it was built on."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def columns(self) -> Columns:
        """node, weight, probe: a row for each node."""
        return {"node": self.nodes, "weight": self.weights, "probe": self.probe}

    @property
    def certified(self) -> FloatArray:
        """Eigenvalues that stand in it exactly, with weight 1/N each, shape (m,)."""
        return self.nodes[self.probe < 0]

    @property
    def n_probes(self) -> int:
        """Number of probes."""
        return int(self.probe.max(initial=-1)) + 1

    @property
    def mean(self) -> float:
        """Mean eigenvalue, tr(H)/N."""
        return float(self.weights @ self.nodes)

    @property
    def counts(self) -> FloatArray:
        """How many eigenvalues each node stands for, shape (K,); they add up to N."""
        return self.n_parameters * self.weights

    @property
    def participation(self) -> float:
        """tr(H²)²/tr(H⁴): about how many eigenvalues dominate; 1 for a single one, N for equal ones."""
        second, fourth = self.counts @ self.nodes**2, self.counts @ self.nodes**4
        return float(second**2 / fourth) if fourth > 0 else float(self.n_parameters)

    def without(self, probes: Sequence[int]) -> SpectralDensity:
        """The same from all probes but some, for the jackknife."""
        kept = ~np.isin(self.probe, probes)
        others = np.setdiff1d(np.arange(self.n_probes), probes)
        certified = self.probe[kept] < 0
        return replace(
            self,
            nodes=self.nodes[kept],
            weights=self.weights[kept] * np.where(certified, 1.0, self.n_probes / len(others)),
            probe=np.where(certified, -1, np.searchsorted(others, self.probe[kept])),
        )

    def shifted(self, trace: float) -> SpectralDensity:
        """The same with all but the certified eigenvalues moved so far that tr(H) is ``trace``."""
        rest = self.n_parameters - len(self.certified)
        shift = (trace - self.n_parameters * self.mean) / rest if rest else 0.0
        return replace(self, nodes=np.where(self.probe < 0, self.nodes, self.nodes + shift))

    def evaluate(self, grid: npt.ArrayLike, sigma: float) -> FloatArray:
        """The density broadened by a normal distribution of width ``sigma``, at each point of ``grid``."""
        distance = (np.asarray(grid, float)[..., None] - self.nodes) / sigma
        kernel = np.exp(-0.5 * distance**2) / (sigma * np.sqrt(2 * np.pi))
        density: FloatArray = kernel @ self.weights
        return density

    def curve(self, points: int = 512, broadening: float = 0.005) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues and the density there, shapes (points,), for a plot.

        Args:
            points: Equidistant ones, over all nodes and a little beyond.
            broadening: Width of the normal distribution, as a share of the spectrum's width.
        """
        low, high = float(self.nodes.min()), float(self.nodes.max())
        sigma = broadening * ((high - low) or 1.0)
        x = np.linspace(low - 4 * sigma, high + 4 * sigma, points)
        return x, self.evaluate(x, sigma)


@equal_by_content
@dataclass(frozen=True)
class BlindnessEstimate:
    """The probability that a random plane does not show a saddle, with its uncertainty."""

    probability: float
    """P(κ₋κ₊ ≥ 0)."""
    stderr: float
    """Standard error; NaN where it cannot be told."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""


def measured_blindness(projections: ProjectedCurvatures) -> BlindnessEstimate:
    """The share of S random projections without a saddle, with Clopper and Pearson's exact interval.

    It holds the true probability in 95 % of cases at least, whatever that is. The standard error is that of
    (k + 2)/(S + 4) (Agresti & Coull), which stays positive for shares of 0 and 1.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - scipy is slow to import, scipy.stats even more

    share, count = projections.p_no_saddle, projections.samples
    hidden = round(share * count)
    smoothed = (hidden + 2) / (count + 4)
    return BlindnessEstimate(
        probability=share,
        stderr=math.sqrt(smoothed * (1 - smoothed) / (count + 4)),
        low=float(betaincinv(hidden, count - hidden + 1, 0.025)) if hidden > 0 else 0.0,
        high=float(betaincinv(hidden + 1, count - hidden, 0.975)) if hidden < count else 1.0,
    )


@equal_by_content
@dataclass(frozen=True)
class SaddleBlindness:
    """How often random planes hide the saddle, known in up to three ways."""

    measured: BlindnessEstimate | None
    """Share of random projections that show none."""
    closed_form: BlindnessEstimate | None
    """From tr(H) and tr(H²), for many eigenvalues of similar size."""
    spectral: BlindnessEstimate | None
    """From the spectral density, for any spectrum."""


@equal_by_content
@dataclass(frozen=True)
class ConvexityMap(Table):
    """Extreme eigenvalues of the full Hessian at the nodes of a plane (Li et al. 2018, Section 6)."""

    alpha: FloatArray
    """Grid coordinates along η, shape (nα,)."""
    beta: FloatArray
    """Grid coordinates along δ, shape (nβ,)."""
    largest: FloatArray
    """λmax at (alpha[j], beta[i]), shape (nβ, nα); NaN where not computed or not finite."""
    smallest: FloatArray
    """λmin, likewise."""
    converged: BoolArray
    """Whether both are certified to the tolerance asked for, shape (nβ, nα)."""
    done: BoolArray
    """True where computed, shape (nβ, nα)."""
    n_hvp: int
    """Hessian-vector products spent."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def columns(self) -> Columns:
        """alpha, beta, largest, smallest, converged, done: a row for each node, α running fastest."""
        return _grid_columns(
            self.alpha,
            self.beta,
            largest=self.largest,
            smallest=self.smallest,
            converged=self.converged,
            done=self.done,
        )

    @property
    def ratio(self) -> FloatArray:
        """|λmin/λmax|, shape (nβ, nα): near 0 where the loss is nearly convex; NaN where unknown."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: FloatArray = np.abs(self.smallest / self.largest)
        return ratio

    @property
    def final(self) -> bool:
        """Whether every node was computed."""
        return bool(self.done.all())


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
    """The same on test data; None without any."""
    gradient_norm: float | None = None
    """‖∇L‖ there, over all parameters; None while unknown."""
    hessian: FloatArray | None = None
    """[[A, B], [B, C]], the second derivatives of L by (α, β) there, shape (2, 2); None while unknown."""

    @property
    def curvatures(self) -> tuple[float, float] | None:
        """(κ₋, κ₊), the eigenvalues of ``hessian``."""
        if self.hessian is None:
            return None
        minus, plus = principal_curvatures(self.hessian[0, 0], self.hessian[0, 1], self.hessian[1, 1])
        return float(minus), float(plus)


def _grid_columns(alpha: FloatArray, beta: FloatArray, **values: npt.NDArray[Any]) -> Columns:
    """Coordinates and values, each of shape (nβ, nα), as columns of nβ · nα entries."""
    a, b = np.meshgrid(alpha, beta)
    return {"alpha": a.ravel(), "beta": b.ravel(), **{name: v.ravel() for name, v in values.items()}}


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
    """On the data that the objective was made of."""
    test: Scores | None
    """On test data; None without any."""


@equal_by_content
@dataclass(frozen=True)
class ScoreTable(Table):
    """Loss and metrics at θ* and at the minima of planes (Böttcher & Wheeler, Table II)."""

    rows: tuple[ScoreRow, ...]
    """The centre first, then the minimum of each plane."""
    provenance: Provenance = field(default_factory=dict)

    @property
    def columns(self) -> Columns:
        """Place, axes, coordinates and distance, then train_loss, train_accuracy …, test_loss …."""
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
