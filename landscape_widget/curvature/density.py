"""The spectral density of the Hessian by stochastic Lanczos quadrature."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from landscape_widget.curvature.deflation import Deflation, check_pairs
from landscape_widget.curvature.operators import Curvature, curvature
from landscape_widget.numerics.checks import check_integer, check_seed
from landscape_widget.numerics.lanczos import Lanczos
from landscape_widget.numerics.probes import Probes
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.given import check_given
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate

#: Relative difference up to which a Ritz value is that of a certified pair, which a run for eigenpairs may
#: have made better since, after products in float32.
_OWN = 1e-3


def spectral_density(
    objective: Objective,
    probes: int = 4,
    steps: int = 40,
    seed: int = 0,
    *,
    operator: str = "hessian",
    pairs: EigenPairs | None = None,
    executor: Any = None,
) -> SpectralDensity:
    """The distribution of the Hessian's eigenvalues at θ*, with certified ends where pairs are given.

    The Lanczos matrix of a random unit vector u, with eigenvalues θ_j and eigenvectors s_j, gives the
    Gauss quadrature Σ_j s_j1² f(θ_j) of uᵀf(H)u, whose mean is tr f(H)/N (Ubaru, Chen & Saad 2017). It is
    exact for polynomials up to degree 2·steps − 1: the density's mean and second moment are those that
    Hutchinson's method gives on the same probes.

    With ``pairs``, those eigenvalues that converged enter exactly, each with weight 1/N, and the probes see
    the rest of the space only. Pairs from ``hessian_eigenpairs`` carry the quadrature of their own run,
    which counts as the first probe and costs one product, which sees that they are of this matrix: so one
    Krylov run feeds eigenpairs, density and, by ``trace_of``, the trace.

    Args:
        objective: L, computed in float64 where the device allows.
        probes: Number of probe vectors, one that ``pairs`` carries included.
        steps: Products for each probe; fewer where the Krylov space is exhausted before.
        seed: Seed of the probes.
        operator: "hessian", "ggn", "fisher" or "empirical-fisher".
        pairs: Certified eigenpairs of the same objective and operator.
        executor: An executor whose workers take the products, if not this thread; see ``evaluate_plane``.
            They have the same bits for any number of workers.

    Returns:
        Nodes and weights; ``evaluate`` broadens them for a plot.

    Raises:
        ValueError: If ``probes`` or ``steps`` is not positive, or ``pairs`` are of another matrix.
    """
    check_given(Objective, objective=objective)
    objective = objective.by_workers(executor)
    return deque(
        density_steps(objective, probes, steps, seed, operator=operator, pairs=pairs), maxlen=1
    ).pop()


def density_steps(
    objective: Objective,
    probes: int = 4,
    steps: int = 40,
    seed: int = 0,
    *,
    operator: str = "hessian",
    pairs: EigenPairs | None = None,
) -> Iterator[SpectralDensity]:
    """Yields the density of ``spectral_density`` after every product."""
    check_given(Objective, objective=objective)
    check_given(EigenPairs | None, pairs=pairs)
    probes, steps, seed = check_integer(probes, "probes"), check_integer(steps, "steps"), check_seed(seed)
    if probes < 1 or steps < 1:
        raise ValueError(f"Expected probes and steps to be at least 1, got {probes} and {steps}.")
    if pairs is not None and len(pairs.vectors) != objective.n_parameters:
        raise ValueError(f"Expected pairs of {objective.n_parameters} parameters, got {len(pairs.vectors)}.")
    matrix = curvature(objective, operator)
    check_pairs(matrix, pairs)
    return _steps(matrix, probes, steps, seed, pairs)


def trace_of(density: SpectralDensity) -> TraceEstimate:
    """tr(H) and tr(H²) from the moments of a density, without further products.

    Certified eigenvalues are exact. Of what is left, B of order n with eigenvalues μ_i, each probe u,
    uniform on the unit sphere, gives unbiased n uᵀBu and n uᵀB²u, with

        Cov(n uᵀBᵖu, n uᵀB^q u) = 2n/(n + 2) · (tr B^{p+q} − tr Bᵖ tr B^q / n).

    The standard errors come from this formula with the density's own moments, because the differences
    between a handful of probes would tell them badly. A quadrature of a single node has no second moment: it
    does not count beside others, and of such ones alone tr(H²) and all errors are NaN. One of two nodes has
    no fourth moment, which the error of tr(H²) takes; that is NaN of such ones alone.
    """
    check_given(SpectralDensity, density=density)
    single = _of_fewer(density, 2)
    if 0 < len(single) < density.n_probes:
        density, single = density.without(single), []
    certified = density.certified
    n = density.n_parameters - len(certified)
    power = _powers(density)
    if single:
        power[2:] = [math.nan] * 3
    fourth, few = power, _of_fewer(density, 3)
    if few:
        fourth = _powers(density.without(few)) if len(few) < density.n_probes else [math.nan] * 5
    covariance = np.zeros((2, 2))
    for p, q in ((1, 1), (1, 2), (2, 2)):
        if n and density.n_probes:
            of = fourth if p + q == 4 else power
            spread = 2 * n / (n + 2) * (of[p + q] - of[p] * of[q] / n) / density.n_probes
            covariance[p - 1, q - 1] = covariance[q - 1, p - 1] = spread
    return TraceEstimate(
        value=float(certified.sum()) + power[1],
        stderr=math.sqrt(np.maximum(0.0, covariance[0, 0])),
        samples=density.n_probes,
        n_hvp=density.n_hvp,
        square=float((certified**2).sum()) + power[2],
        square_stderr=math.sqrt(np.maximum(0.0, covariance[1, 1])),
        covariance=float(covariance[0, 1]),
        provenance={**density.provenance, "quantity": "trace", "method": "spectral density"},
    )


def _of_fewer(density: SpectralDensity, nodes: int) -> list[int]:
    """The probes of fewer nodes, where these are no eigenvalues and not as few are left to them."""
    least = min(nodes, density.n_parameters - len(density.certified))
    counts = [int((density.probe == probe).sum()) for probe in range(density.n_probes)]
    return [i for i, count in enumerate(counts) if count < least and i not in density.exhausted]


def _powers(density: SpectralDensity) -> list[float]:
    """tr(Bᵖ) of what is not certified, for p from 0 to 4."""
    own = density.probe >= 0
    return [float(density.counts[own] @ density.nodes[own] ** p) for p in range(5)]


def _steps(
    matrix: Curvature, n_probes: int, steps: int, seed: int, pairs: EigenPairs | None
) -> Iterator[SpectralDensity]:
    pairs = None if pairs is None else _converged(pairs)
    known = Deflation.none(matrix.like) if pairs is None else Deflation.of_pairs(matrix, pairs)
    atoms = np.empty(0) if pairs is None else np.asarray(pairs.values, float)
    provenance = matrix.provenance("spectral density", method="stochastic Lanczos quadrature", seed=seed)
    rules: list[tuple[FloatArray, FloatArray]] = []
    exhausted: list[int] = []
    spent = known.n_hvp

    def collected() -> SpectralDensity:
        return _collect(atoms, rules, exhausted, matrix.size, spent, provenance)

    if len(atoms) == matrix.size:
        yield collected()
        return
    shared = _rule_of_run(pairs)
    if shared is not None:
        rules.append(shared)
        yield collected()
    draws = Probes(matrix.size, "normal", seed, "density", matrix.like)

    def complement(v: Tensor) -> Tensor:
        # what a pair lacks to be exact would bring its eigenvalue back in; projected on both sides, since
        # a basis vector that is all that was left of a product has rounding along the pairs
        inside = known.project(v[:, None])
        product = matrix.product(inside)
        known.check(inside, product)
        return known.project(product)[:, 0]

    while len(rules) < n_probes:
        start = known.project(draws.draw(1))[:, 0]
        process = Lanczos(complement, start, max_basis=steps, keep=0, seed=seed)
        rules.append((np.empty(0), np.empty(0)))
        for _ in range(min(steps, matrix.size - len(atoms))):
            krylov = process.step()
            spent += 1
            values, coordinates, _ = krylov.ritz()
            rules[-1] = values, coordinates[0] ** 2
            if krylov.beta == 0:
                exhausted.append(len(rules) - 1)
            yield collected()
            if krylov.beta == 0:
                break


def _converged(pairs: EigenPairs) -> EigenPairs:
    """Those that are eigenvalues: another one is a mean of several, and coupled to the rest of the space."""
    kept = pairs.converged
    return replace(
        pairs,
        values=pairs.values[kept],
        vectors=pairs.vectors[:, kept],
        residuals=pairs.residuals[kept],
        converged=pairs.converged[kept],
        n_largest=int(kept[: pairs.n_largest].sum()),
    )


def _rule_of_run(pairs: EigenPairs | None) -> tuple[FloatArray, FloatArray] | None:
    """The quadrature that an eigenpair run carries, less what belongs to the certified pairs."""
    if pairs is None or pairs.ritz_values is None or pairs.ritz_weights is None:
        return None
    rest = np.ones(len(pairs.ritz_values), dtype=bool)
    for value, residual in zip(pairs.values, pairs.residuals, strict=True):
        distance = np.abs(pairs.ritz_values - value)
        nearest = int(np.argmin(distance))
        if distance[nearest] <= residual + _OWN * abs(value):
            rest[nearest] = False
    weights = pairs.ritz_weights[rest]
    if not weights.sum() > 0:
        return None
    return pairs.ritz_values[rest], weights / weights.sum()


def _collect(
    atoms: FloatArray,
    rules: list[tuple[FloatArray, FloatArray]],
    exhausted: list[int],
    size: int,
    spent: int,
    provenance: dict[str, object],
) -> SpectralDensity:
    """Atoms with weight 1/N each, and the mean of the probes' rules with what is left."""
    share = (size - len(atoms)) / size / max(len(rules), 1)
    parts = [np.full(len(atoms), 1 / size), *(share * weights for _, weights in rules)]
    owners = [np.full(len(part), i - 1) for i, part in enumerate(parts)]
    return SpectralDensity(
        nodes=np.concatenate([atoms, *(nodes for nodes, _ in rules)]),
        weights=np.concatenate(parts),
        probe=np.concatenate(owners),
        n_parameters=size,
        n_hvp=spent,
        provenance=provenance,
        exhausted=tuple(exhausted),
    )
