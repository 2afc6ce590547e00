"""Eigenpairs of the Hessian of an objective, each certified by its true residual."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature import basis
from landscape_widget.curvature.certificate import Ends, certify, wanted_ends
from landscape_widget.curvature.operators import Curvature, curvature, preconditioned
from landscape_widget.curvature.search import Search
from landscape_widget.numerics.checks import check_choice, check_integer, check_seed, told
from landscape_widget.numerics.lanczos import Lanczos
from landscape_widget.numerics.probes import generator
from landscape_widget.numerics.storage import combined
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.results.base import Provenance
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.given import check_given

log = logging.getLogger(__name__)

#: A run by products in float32 aims at this share of the tolerance, and ends after (1 + k) times so many of
#: them: what is very small beside the largest eigenvalue may drown in their rounding. So does a tolerance
#: below the last of these.
_MARGIN, _MOST_IN_SINGLE, _LEAST_IN_SINGLE = 0.8, 100, 1e-6

#: Columns of a whole matrix that are computed together.
_AT_ONCE = 64

#: Share of a warm start that is random: enough to reach what the vectors given do not contain.
_FRESH_SHARE = 0.3


#: Makes the first vector of a run, shape (N,), in float64.
_First = Callable[[], Tensor]


class _Ritz(NamedTuple):
    """What a run ends with."""

    vectors: Tensor
    """Ritz vectors that are wanted, shape (N, m)."""
    largest: float
    """The largest |Ritz value|."""


def hessian_eigenpairs(
    objective: Objective,
    k: int = 1,
    which: str = "both",
    tol: float = 1e-3,
    method: str = "lanczos",
    seed: int = 0,
    *,
    max_hvp: int = 1000,
    operator: str = "hessian",
    start: FloatArray | None = None,
    executor: Any = None,
    preconditioner: FloatArray | None = None,
) -> EigenPairs:
    """Eigenpairs at the ends of the Hessian's spectrum at θ*, certified by their residuals.

    One Lanczos run with full reorthogonalisation serves both ends. A single start vector reaches one
    eigenvector of each repeated eigenvalue, and may miss one that it hardly contains, so the run goes on in
    the complement of what converged, from a random vector, until the bound of Kuczyński & Woźniakowski
    (1992) excludes a further eigenvalue at the ends with probability 0.999; what it finds
    instead joins the pairs, and the search begins again. That costs 8 to 15 products for each round where
    the pairs stand out of the spectrum, as many as came before where they do not, and one round more for
    each missing copy. Where that does not settle, and the products left are as many as the columns of H,
    they make it up, and the pairs are those of the whole matrix.

    Values and residuals are computed in float64 where the device allows, whatever the dtype of
    ``objective``. The products that lead there are taken in float32, if that is its dtype, and once more in
    float64 where the pairs they give do not pass.

    Args:
        objective: L; its Hessian H at θ* has shape (N, N).
        k: Number of pairs at each end that is asked for, at most N (N // 2 for both ends).
        which: "largest", "smallest" (algebraically), or "both".
        tol: Relative accuracy; a pair converges when ‖Hv − λv‖ ≤ tol · |λ|, each end by its own λ.
            Where λ is zero to rounding, the bound is rounding: 2e-14 of the largest |λ|, or 1e-12 where
            that takes more than twice the products.
        method: "lanczos", or "annihilation": Algorithm 1 of Böttcher & Wheeler on scipy's ``eigsh``, for
            comparison (k = 1 only).
        seed: Seed of the start vector.
        max_hvp: Products after which the run ends, converged or not; ``converged`` tells, and what did
            converge is there.
        operator: "hessian", "ggn", "fisher" or "empirical-fisher" (see
            ``landscape_widget.curvature.operators``).
        start: Vectors near the wanted ones, shape (N, j), for instance those of a point nearby.
        executor: An executor whose workers take the products, if not this thread; see ``evaluate_plane``.
            They have the same bits for any number of workers.
        preconditioner: The diagonal of P, shape (N,): the pairs are those of P^(−½) H P^(−½) then, whose
            eigenvalues are those of P⁻¹H.

    Returns:
        Values in descending order, with vectors (N, m), residuals and flags.

    Raises:
        ValueError: For an impossible ``k``, ``which``, ``tol``, ``method``, ``operator``,
            ``start`` or ``preconditioner``.
        ArithmeticError: If a product is not finite.
        SecondDerivativeError: If torch cannot differentiate the loss twice, or does it wrongly.
    """
    check_given(Objective, objective=objective)
    objective = objective.by_workers(executor)
    steps = eigenpair_steps(
        objective,
        k,
        which,
        tol,
        seed,
        max_hvp,
        method=method,
        operator=operator,
        start=start,
        preconditioner=preconditioner,
    )
    return deque(steps, maxlen=1).pop()


def eigenpair_steps(
    objective: Objective,
    k: int = 1,
    which: str = "both",
    tol: float = 1e-3,
    seed: int = 0,
    max_hvp: int = 1000,
    *,
    method: str = "lanczos",
    operator: str = "hessian",
    start: FloatArray | None = None,
    precise: bool = True,
    preconditioner: FloatArray | None = None,
) -> Iterator[EigenPairs]:
    """Yields estimates after every product of ``hessian_eigenpairs``, and the certified pairs last.

    Estimates carry Ritz values with the residuals that the Lanczos relation gives, and no vectors
    (shape (N, 0)); only the last result is certified. ``method="annihilation"`` yields that one alone.
    Without ``precise`` it is a first look: products are taken in the objective's own dtype and were checked
    on a few examples only, nobody looks for further pairs once residuals are within the tolerance, and the
    last result has Ritz vectors, none of which counts as converged.
    """
    check_given(Objective, objective=objective)
    check_choice(method, ("lanczos", "annihilation"), "method")
    ends = wanted_ends(objective.n_parameters, k, which, tol)
    seed, max_hvp = check_seed(seed), check_integer(max_hvp, "max_hvp", 1)
    if method == "annihilation" and k > 1:
        raise ValueError(f"Expected k = 1 for method='annihilation', which finds one pair, got {k}.")
    first = partial(_start_vector, objective.n_parameters, start, seed)  # drawn when a run begins
    if start is not None:
        first()  # which refuses what is no start before derivatives are checked
    matrix = curvature(objective, operator, precise=precise)
    if preconditioner is not None:
        matrix = preconditioned(matrix, preconditioner)
    if not precise:
        return map(_uncertified, _run(matrix, ends, first, seed, max_hvp, start is None, explores=False))
    return _steps(matrix, ends, method, first, seed, max_hvp, start is None)


def _steps(
    matrix: Curvature, ends: Ends, method: str, first: _First, seed: int, max_hvp: int, random: bool
) -> Iterator[EigenPairs]:
    if method == "annihilation":
        from landscape_widget.curvature.annihilation import annihilate  # noqa: PLC0415 - scipy is slow to import

        yield annihilate(matrix, ends, first().to(matrix.like), seed, max_hvp)
        return
    spent = 0
    if matrix.single is not None and ends.tol >= _LEAST_IN_SINGLE:
        most = min(max_hvp, _MOST_IN_SINGLE * (1 + ends.k))
        run = _run(matrix, ends, first, seed, most, random, in_single=True)
        matrix = replace(matrix, single=None)  # it goes with the run, before certifying takes memory
        try:
            for found, ritz in run:
                spent = found.n_hvp
                if ritz is None:
                    yield found
            found = _certified(matrix, found, ritz, ends)
            spent = found.n_hvp
            if (found.complete and found.converged.all()) or spent >= max_hvp:
                yield found
                return
            log.info("Not settled by %d products in float32, residuals %s.", spent, found.residuals)
        except ArithmeticError as error:
            log.info("Not settled by products in float32: %s", error)
    for estimate, ritz in _run(matrix, ends, first, seed, max(1, max_hvp - spent), random):
        found = replace(estimate, n_hvp=spent + estimate.n_hvp)
        if ritz is None:
            yield found
            if max_hvp - found.n_hvp == matrix.size <= 2 * found.n_hvp:
                yield _all_of_them(matrix, ends, found.n_hvp, found.provenance)
                return
    yield _certified(matrix, found, ritz, ends)


def _run(
    matrix: Curvature,
    ends: Ends,
    first: _First,
    seed: int,
    max_hvp: int,
    random: bool,
    *,
    in_single: bool = False,
    explores: bool = True,
) -> Iterator[tuple[EigenPairs, _Ritz | None]]:
    """Lanczos from one start vector, perhaps by products in float32; with the Ritz vectors at its end.

    Rounding them changes the matrix by some 1e-7 to 1e-5 of its norm, and nothing of the process, whose
    vectors stay orthogonal, in float64 unless they are very long. What it finds is certified in float64,
    and mostly good enough.
    Unless it ``explores``, the run ends with the first Ritz vectors that are within the tolerance.
    """
    provenance = matrix.provenance(
        "Hessian eigenpairs", method="Lanczos, full reorthogonalisation", tol=ends.tol, seed=seed
    )
    own = provenance["dtype"]
    provenance["products"] = f"float32, certified in {own}" if in_single else own
    n = matrix.size
    # vectors so long are rounded by another part in 1e7 of the matrix, of which they average most away
    dtype = torch.float32 if in_single and basis.in_file(n) else matrix.like.dtype
    process = Lanczos(
        matrix.product_in_single if in_single else matrix.product,
        first().to(matrix.like.device, dtype),
        max_basis=basis.most_vectors(n, ends.k, dtype.itemsize),
        keep=ends.k + basis.KEPT,
        seed=seed,
        rows=partial(basis.rows, ends.k),
    )
    # what rounding adds to a residual comes on top of what the process knows of it
    search = Search(
        process,
        replace(ends, tol=_MARGIN * ends.tol) if in_single else ends,
        0.0 if matrix.definite else -np.inf,
        explores=explores,
    )
    probe: tuple[FloatArray, FloatArray] | None = None
    while True:
        krylov = process.step()
        now = search.look(krylov)
        if random and krylov.is_plain:
            probe = now.values, now.coordinates[0] ** 2
        found = EigenPairs(
            values=now.values[now.chosen],
            vectors=np.empty((n, 0)),
            residuals=now.residuals[now.chosen],
            converged=now.residuals[now.chosen] <= now.bound,
            n_hvp=krylov.n_products,
            n_largest=min(ends.largest, len(now.chosen)),
            provenance=provenance,
            complete=False,
            ritz_values=probe and probe[0],
            ritz_weights=probe and probe[1],
        )
        if now.complete or krylov.n_products >= max_hvp:
            coordinates = torch.from_numpy(now.coordinates[:, now.chosen]).to(matrix.like)
            if explores:
                found = replace(found, complete=now.complete)
                if not now.complete or now.has_copies:
                    found = replace(found, ritz_values=None, ritz_weights=None)
            yield found, _Ritz(combined(krylov.basis.T, coordinates), float(np.abs(now.values).max()))
            return
        yield found, None


def _certified(matrix: Curvature, found: EigenPairs, ritz: _Ritz | None, ends: Ends) -> EigenPairs:
    assert ritz is not None, "every run ends with its vectors"
    return certify(matrix, found, ritz.vectors, ends, ritz.largest)


def _uncertified(step: tuple[EigenPairs, _Ritz | None]) -> EigenPairs:
    found, ritz = step
    vectors = found.vectors if ritz is None else ritz.vectors.cpu().numpy()
    return replace(found, vectors=vectors, converged=np.zeros_like(found.converged))


def _all_of_them(matrix: Curvature, ends: Ends, spent: int, provenance: Provenance) -> EigenPairs:
    """The wanted pairs of the whole matrix, by one product for each of its columns.

    For a small matrix this takes what products are left where a Krylov space has not settled: at an end
    of zeros, as of a matrix of low rank, it hardly ever does.
    """
    n = matrix.size
    columns = torch.split(torch.eye(n).to(matrix.like), _AT_ONCE, dim=1)
    whole = torch.cat([matrix.product(part) for part in columns], dim=1)
    values, vectors = torch.linalg.eigh((whole + whole.T) / 2)
    chosen = [*range(n - 1, n - 1 - ends.largest, -1), *range(ends.smallest - 1, -1, -1)]
    found = EigenPairs(
        values=values[chosen].cpu().numpy(),
        vectors=np.empty((n, 0)),
        residuals=np.zeros(len(chosen)),
        converged=np.ones(len(chosen), dtype=bool),
        n_hvp=spent + n,
        n_largest=ends.largest,
        provenance={**provenance, "method": "dense"},
        complete=True,
    )
    return certify(matrix, found, vectors[:, chosen], ends, float(values.abs().max()))


def _start_vector(n: int, start: FloatArray | None, seed: int) -> Tensor:
    """A random vector, or the sum of those given with a random share, shape (N,)."""
    fresh = torch.randn(n, generator=generator(seed, "start"), dtype=torch.float64)
    if start is None:
        return fresh
    try:
        given = torch.as_tensor(np.asarray(start, dtype=float).reshape(np.shape(start)[0], -1))
    except (TypeError, ValueError, IndexError):
        raise ValueError(f"Expected start as finite vectors of shape ({n}, j), got {told(start)}.") from None
    if len(given) != n or not given.shape[1] or not torch.isfinite(given).all():
        raise ValueError(f"Expected start as finite vectors of shape ({n}, j), got {tuple(np.shape(start))}.")
    total = given.sum(dim=1)
    norm = float(total.norm())
    return total / norm + _FRESH_SHARE * fresh / fresh.norm() if norm > 0 else fresh
