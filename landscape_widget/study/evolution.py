"""Loss, gradient and curvature at one checkpoint of a training run after the other."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from landscape_widget.curvature.certificate import wanted_ends
from landscape_widget.curvature.eigenpairs import hessian_eigenpairs
from landscape_widget.curvature.matching import matched
from landscape_widget.curvature.slopes import slopes_along
from landscape_widget.curvature.trace import hessian_trace
from landscape_widget.numerics.checks import check_integer, told
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import names_in_theta
from landscape_widget.paths.components import Given
from landscape_widget.paths.preconditioners import preconditioner_of, why_not
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.given import check_given
from landscape_widget.study.checkpoints import noted, taken_over, with_row
from landscape_widget.study.domain import eigenvector_half_widths
from landscape_widget.study.verdict import judge

log = logging.getLogger(__name__)

#: The diagonals of preconditioners, each of shape (N,), one for each checkpoint of the trajectory; None for
#: one that is not known.
Preconditioners = Sequence[npt.ArrayLike | None] | Callable[[int], npt.ArrayLike | None]


def evolution(
    objective: Objective,
    trajectory: Given,
    k: int = 1,
    *,
    most: int | None = None,
    checkpoints: Iterable[int] | None = None,
    learning_rate: npt.ArrayLike | None = None,
    momentum: npt.ArrayLike | None = None,
    preconditioner: Preconditioners | None = None,
    trace_samples: int = 0,
    tol: float = 1e-3,
    max_hvp: int = 1000,
    seed: int = 0,
    known: Evolution | None = None,
) -> Iterator[Evolution]:
    """The loss and both ends of the Hessian's spectrum along a training run, each certified.

    Yields after every checkpoint, each time all that is known so far; to leave the loop cancels, and loses
    nothing that is finished. ``*_, found = evolution(…)`` takes the last one.

    Eigenvectors start from those of the checkpoint before, and are matched to them, with their signs. A
    checkpoint at which the loss or a product is not finite stays NaN.

    Args:
        objective: L; its own θ* does not count.
        trajectory: The checkpoints.
        k: Eigenpairs at each end.
        most: The most checkpoints that are taken, spread evenly, the first and the last among them.
        checkpoints: Which checkpoints instead, counted from 0, negative ones from the end.
        learning_rate: η of the optimiser, one number, or one for each checkpoint of the trajectory; default
            what was recorded as "lr", if that was, and not of an optimiser that is known to be another one
            than gradient descent with one rate. Stability then ends at λmax = 2/η: ``Evolution.threshold``.
        momentum: β of the optimiser, of Adam its first one; one number, or one for each checkpoint of the
            trajectory; default what was recorded at each as "momentum", with a preconditioner as "beta1", or
            0 where neither was told of the run.
        preconditioner: The diagonals of P, one for each checkpoint of the trajectory, or a function of its
            number, as ``adam_preconditioner`` makes them, None for one that is not known: λmax of
            P^(−½) H P^(−½) is computed, too. Default what was recorded, see ``TrajectoryRecorder``, cut to
            the parameters of the objective; NaN stands where there is none.
        trace_samples: Products for tr(H) at each checkpoint, see ``hessian_trace``; 0 for no trace.
        tol: Relative accuracy of eigenvalues, see ``hessian_eigenpairs``.
        max_hvp: Products after which the search at a checkpoint ends; ``converged`` tells.
        seed: The seed of the start vectors.
        known: What an earlier call found, of the same run or of its beginning: what is done there is taken
            over, the rest computed.

    Raises:
        FileNotFoundError: If the file of a checkpoint is missing, naming it.
        ValueError: If a checkpoint is damaged or of another model, naming it; if ``known`` is of another
            objective; or for an impossible argument.
        SecondDerivativeError: If torch cannot differentiate the loss twice, or does it wrongly.

    Warns:
        UserWarning: If a preconditioner was kept of other parameters than those of the objective.
    """
    check_given(Objective, objective=objective)
    check_given(Evolution | None, known=known)
    trajectory = Trajectory.of(trajectory)
    ends = wanted_ends(objective.n_parameters, k, "both", tol)
    if trace_samples:
        check_integer(trace_samples, "trace_samples", 4)
    chosen = _chosen(len(trajectory), most, checkpoints)
    extra = preconditioner is not None or trajectory.has_preconditioners
    rates = rates_of(trajectory, learning_rate, extra)[chosen]
    betas = momenta_of(trajectory, momentum, extra)[chosen]
    n, m = len(chosen), ends.total
    empty = Evolution(
        checkpoint=chosen,
        step=trajectory.steps[chosen],
        done=np.zeros(n, bool),
        loss=_holes(n),
        gradient_norm=_holes(n),
        values=_holes(n, m),
        residuals=_holes(n, m),
        converged=np.zeros((n, m), bool),
        n_largest=ends.largest,
        overlaps=_holes(n, m),
        follows=np.full((n, m), -1),
        n_hvp=np.zeros(n, int),
        verdict=("",) * n,
        learning_rate=rates,
        momentum=betas,
        trace=_holes(n) if trace_samples else None,
        trace_stderr=_holes(n) if trace_samples else None,
        preconditioned=_holes(n) if extra else None,
        preconditioned_residual=_holes(n) if extra else None,
        preconditioned_converged=np.zeros(n, bool) if extra else None,
        names=tuple(trajectory.names[i] for i in chosen),
        provenance=objective.provenance(
            "evolution",
            k=k,
            tol=tol,
            trace_samples=trace_samples,
            seed=seed,
            max_hvp=max_hvp,
            parameters=tuple(names_in_theta(objective).values()),
        ),
    )
    at: Callable[[int], FloatArray | None] | None = _diagonals(preconditioner, len(trajectory))
    if at is None and extra:
        at = partial(_kept, objective, trajectory, set())
    search = _Search(k, tol, max_hvp, seed, trace_samples)
    start = empty if known is None else taken_over(empty, known, objective, trajectory, at)
    return _steps(start, objective, trajectory, search, at)


@dataclass(frozen=True)
class _Search:
    """What is asked for at every checkpoint."""

    k: int
    tol: float
    max_hvp: int
    seed: int
    trace_samples: int

    def pairs(self, here: Objective, which: str, k: int, start: EigenPairs | None, **more: Any) -> EigenPairs:
        vectors = None if start is None else start.vectors
        return hessian_eigenpairs(
            here, k, which, self.tol, seed=self.seed, max_hvp=self.max_hvp, start=vectors, **more
        )

    def at(self, here: Objective, before: EigenPairs | None) -> tuple[dict[str, Any], EigenPairs | None]:
        """What is found at a checkpoint, by the fields of an ``Evolution``, and its eigenpairs."""
        loss = here.loss().item()
        found: dict[str, Any] = {"loss": loss if math.isfinite(loss) else math.nan, "verdict": "undecided"}
        try:
            gradient: FloatArray = here.precise().gradient().cpu().double().numpy()
            if not (np.isfinite(gradient).all() and math.isfinite(loss)):
                raise ArithmeticError("loss or gradient are not finite")
            pairs = self.pairs(here, "both", self.k, before)
            found["gradient_norm"] = norm(gradient)
            if before is not None:
                pairs, found["follows"], found["overlaps"] = matched(pairs, before)
            slopes = slopes_along(here, pairs, gradient)
            widths = eigenvector_half_widths(
                ("hessian:max", "hessian:min"), pairs, loss, float(here.theta.norm()), slopes=slopes.along
            )
            if self.trace_samples:
                trace = hessian_trace(here, samples=self.trace_samples, seed=self.seed, pairs=pairs)
                found |= {"trace": trace.value, "trace_stderr": trace.stderr}
        except ArithmeticError as error:
            log.info("No curvature: %s", error)
            return found, None
        return found | {
            "values": pairs.values,
            "residuals": pairs.residuals,
            "converged": pairs.converged & pairs.complete,
            "n_hvp": pairs.n_hvp,
            "verdict": judge(pairs, slopes, np.append(widths, widths.max())).kind,
        }, pairs


def _steps(
    state: Evolution,
    objective: Objective,
    trajectory: Trajectory,
    search: _Search,
    diagonal: Callable[[int], FloatArray | None] | None,
) -> Iterator[Evolution]:
    scaled: EigenPairs | None = None
    found_any = False
    for row in np.flatnonzero(~state.done):
        i = int(state.checkpoint[row])
        weights = trajectory.if_kept(i)
        if weights is None:
            continue
        with trajectory.named(i):
            here = objective.with_state(weights)
        before = state.pairs if state.latest == row - 1 else None
        found, pairs = search.at(here, before)
        scale = None if diagonal is None or pairs is None else diagonal(i)
        if scale is not None:
            scaled = search.pairs(here, "largest", 1, scaled, preconditioner=scale)
            state = noted(state, int(row), scale)
            found |= {
                "preconditioned": scaled.values[0],
                "preconditioned_residual": scaled.residuals[0],
                "preconditioned_converged": bool(scaled.converged[0]) and scaled.complete,
                "n_hvp": found["n_hvp"] + scaled.n_hvp,
            }
        state, found_any = with_row(state, int(row), found | {"done": True}, pairs), True
        yield state
    if not found_any:
        yield state


def _chosen(n: int, most: int | None, checkpoints: Iterable[int] | None) -> npt.NDArray[np.int_]:
    """The numbers of the checkpoints that are asked for, ascending."""
    if checkpoints is not None:
        if most is not None:
            raise ValueError("Expected most or checkpoints, got both.")
        if isinstance(checkpoints, str) or not isinstance(checkpoints, Iterable):
            raise TypeError(f"Expected checkpoints as numbers from {-n} to {n - 1}, got {told(checkpoints)}.")
        given = [check_integer(i, "a checkpoint", -n, n - 1) % n for i in checkpoints]
        if not given:
            raise ValueError("Expected at least one checkpoint, got none.")
        return np.unique(given)
    if most is None:
        return np.arange(n)
    most = check_integer(most, "most", 1)
    return np.unique(np.linspace(n - 1 if most == 1 else 0, n - 1, min(most, n)).round().astype(int))


def rates_of(trajectory: Trajectory, given: npt.ArrayLike | None, preconditioned: bool) -> FloatArray:
    """η at each checkpoint of a trajectory, NaN where it is not known."""
    n = len(trajectory)
    if given is None:
        recorded = trajectory.scalars.get("lr", _holes(n))
        # NaN where the optimiser has another threshold
        return recorded + 0 * _momenta(trajectory, preconditioned)
    return _one_each(given, n, lambda rates: rates > 0, "learning_rate as a positive number")


def momenta_of(trajectory: Trajectory, given: npt.ArrayLike | None, preconditioned: bool) -> FloatArray:
    """β at each checkpoint of a trajectory, NaN where it is not known."""
    if given is None:
        return _momenta(trajectory, preconditioned)
    words = "momentum as a number from 0 to 1, the β of an optimiser"
    return _one_each(given, len(trajectory), lambda betas: (betas >= 0) & (betas < 1), words)


def _momenta(trajectory: Trajectory, preconditioned: bool) -> FloatArray:
    """β as it was recorded at each checkpoint, that of Adam where its P was; 0 where neither was told."""
    scalars = trajectory.scalars
    name = "beta1" if preconditioned and "beta1" in scalars else "momentum"
    return scalars.get(name, np.zeros(len(trajectory)))


def _one_each(
    given: npt.ArrayLike, n: int, right: Callable[[FloatArray], npt.NDArray[np.bool_]], words: str
) -> FloatArray:
    """A number for each of n checkpoints, of which one or all are given."""
    try:
        found = np.asarray(given, float)
    except (TypeError, ValueError):
        found = np.full(1, math.nan)
    if found.shape not in ((), (n,)) or not right(found).all():
        raise ValueError(f"Expected {words}, or one for each of {n} checkpoints, got {told(given)}.")
    return np.broadcast_to(found, n).copy()


def _kept(objective: Objective, trajectory: Trajectory, told_of: set[object], i: int) -> FloatArray | None:
    """P that was kept at a checkpoint; where it is of other parameters, the first of them is told of."""
    key = frozenset(trajectory.recorded[i].trained)
    words = why_not(objective, trajectory, i)
    if words and key not in told_of:
        warnings.warn(words, stacklevel=3)
        told_of.add(key)
    return preconditioner_of(objective, trajectory, i)


def _diagonals(given: Preconditioners | None, n: int) -> Callable[[int], FloatArray | None] | None:
    """The diagonal of P by the number of a checkpoint."""
    if given is None:
        return None
    if not callable(given):
        if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) != n:
            raise ValueError(
                f"Expected preconditioner as {n} diagonals of shape (N,), one for each checkpoint, or a "
                f"function of a checkpoint's number, got {told(given)}."
            )
        given = given.__getitem__

    def at(i: int) -> FloatArray | None:
        diagonal = given(i)
        return None if diagonal is None else np.asarray(diagonal, float)

    return at


def _holes(*shape: int) -> FloatArray:
    return np.full(shape, math.nan)
