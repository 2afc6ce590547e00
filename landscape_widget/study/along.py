"""What was found at the checkpoints of a training run, each around itself, as one evolution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.index import Recorded
from landscape_widget.paths.preconditioners import why_not
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.results.comparison import Comparison
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.evolution import Evolution
from landscape_widget.study.at_checkpoint import AtCheckpoint
from landscape_widget.study.budget import best_trace
from landscape_widget.study.centre import Centre
from landscape_widget.study.domain import eigenvector_half_widths
from landscape_widget.study.evolution import momenta_of, rates_of
from landscape_widget.study.verdict import judge

#: Columns of an ``Evolution`` for the two ends of the spectrum.
_ENDS = 2


def found_at(centre: Centre, n_examples: int) -> AtCheckpoint | None:
    """What is known at a checkpoint on so many examples; None as long as that is no eigenvalue.

    The verdict is that of ``evolution``: on the automatic domain along the eigenvectors of both ends.
    """
    known = centre.known
    ranks = sorted(k for n, k in known.pairs.copy() if n == n_examples)
    loss, gradient = known.losses_at_theta.get(n_examples), known.gradients.get(n_examples)
    if not ranks or loss is None or gradient is None:
        return None
    pairs = known.pairs[n_examples, ranks[0]]
    slopes = known.slopes.get((n_examples, len(pairs.values)))
    if slopes is None or not pairs.vectors.shape[1]:
        return None
    axes = "hessian:max", "hessian:min"
    widths = eigenvector_half_widths(axes, pairs, loss, centre.theta_norm, slopes=slopes.along)
    verdict = judge(pairs, slopes, np.append(widths, widths.max())).kind
    trace = best_trace({method: h for (n, method), h in known.traces.copy().items() if n == n_examples})
    scaled = known.preconditioned.get(n_examples)
    return AtCheckpoint(
        loss, norm(gradient), _alone(pairs), verdict, trace, None if scaled is None else _alone(scaled)
    )


def _alone(pairs: EigenPairs) -> EigenPairs:
    """The same without eigenvectors: it is kept of every checkpoint of a run."""
    return replace(pairs, vectors=pairs.vectors[:, :0].copy())


def evolution_of(
    checkpoints: Sequence[Recorded],
    found: Mapping[int, AtCheckpoint],
    provenance: Mapping[str, Any],
    losses: Mapping[str, float] = MappingProxyType({}),
) -> Evolution:
    """What was found at checkpoints, by their numbers, as the ``Evolution`` of both ends of the spectrum.

    ``losses`` are those that are known elsewhere, by the names of checkpoints.
    """
    n, run = len(checkpoints), Trajectory.of_recorded(checkpoints)
    column: dict[str, FloatArray] = {
        name: np.full(n, math.nan) for name in ("loss", "slope", "trace", "stderr", "scaled", "residual")
    }
    values, residuals = np.full((n, _ENDS), math.nan), np.full((n, _ENDS), math.nan)
    converged, done, products = np.zeros((n, _ENDS), bool), np.zeros(n, bool), np.zeros(n, int)
    extra, certified = run.has_preconditioners, np.zeros(n, bool)
    column["loss"][:] = [losses.get(name, math.nan) for name in run.names]
    verdict = [""] * n
    for i, at in found.items():
        done[i], verdict[i] = True, at.verdict
        column["loss"][i] = at.loss if math.isfinite(at.loss) else math.nan
        column["slope"][i] = at.gradient_norm
        if at.trace is not None:
            column["trace"][i], column["stderr"][i] = at.trace.value, at.trace.stderr
        if at.pairs is not None:
            ends = [0, -1]
            values[i], residuals[i] = at.pairs.values[ends], at.pairs.residuals[ends]
            converged[i] = at.pairs.converged[ends] & at.pairs.complete
            products[i] = at.pairs.n_hvp
        if at.preconditioned is not None:
            scaled = at.preconditioned
            column["scaled"][i], column["residual"][i] = scaled.values[0], scaled.residuals[0]
            certified[i] = bool(scaled.converged[0]) and scaled.complete
            products[i] += scaled.n_hvp
    return Evolution(
        checkpoint=np.arange(n),
        step=run.steps,
        done=done,
        loss=column["loss"],
        gradient_norm=column["slope"],
        values=values,
        residuals=residuals,
        converged=converged,
        n_largest=1,
        overlaps=np.full((n, _ENDS), math.nan),
        follows=np.full((n, _ENDS), -1),
        n_hvp=products,
        verdict=tuple(verdict),
        learning_rate=rates_of(run, None, extra),
        momentum=momenta_of(run, None, extra),
        trace=column["trace"],
        trace_stderr=column["stderr"],
        preconditioned=column["scaled"] if extra else None,
        preconditioned_residual=column["residual"] if extra else None,
        preconditioned_converged=certified if extra else None,
        names=run.names,
        provenance={**provenance},
    )


def unfit(objective: Objective, checkpoints: Sequence[Recorded], found: Evolution) -> list[str]:
    """Why there is no preconditioned curvature where P is that of other parameters; once for each choice."""
    run, words = Trajectory.of_recorded(checkpoints), dict[frozenset[str], str]()
    if found.preconditioned is None:
        return []
    for i in map(int, np.flatnonzero(found.done & np.isnan(found.preconditioned))):
        key = frozenset(run.recorded[i].trained)
        with suppress(OSError, ValueError):  # its file may be damaged, or gone
            if key not in words and (why := why_not(objective, run, i)):
                words[key] = why
    return [*words.values()]


def comparison_of(
    names: Sequence[str], found: Sequence[AtCheckpoint | None], provenance: Mapping[str, Any]
) -> Comparison:
    """What was found at several points, in a table."""
    there = [at or AtCheckpoint() for at in found]
    ends = [(math.nan, math.nan) if at.pairs is None else at.pairs.values[[0, -1]] for at in there]
    return Comparison(
        name=tuple(names),
        loss=np.array([at.loss for at in there]),
        gradient_norm=np.array([at.gradient_norm for at in there]),
        largest=np.array([top for top, _ in ends]),
        smallest=np.array([bottom for _, bottom in ends]),
        trace=np.array([math.nan if at.trace is None else at.trace.value for at in there]),
        verdict=tuple(at.verdict for at in there),
        provenance={**provenance},
    )
