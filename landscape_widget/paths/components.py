"""Principal components of a trajectory, by its Gram matrix, streamed from wherever the checkpoints are."""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
from torch import Tensor

from landscape_widget.numerics.checks import check_integer
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.solutions import Solution
from landscape_widget.paths.streaming import Differences
from landscape_widget.paths.trajectory import Recording, Trajectory, of_what_is_kept
from landscape_widget.results.checkpoints import span
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import PathComponents

#: Rows of the Gram matrix that are computed at once; what lies above its diagonal is not.
_STRIP = 60

#: A component with a smaller share of the first one's is rounding.
_LEAST_SHARE = 1e-10

#: What a trajectory may be given as.
Given = Trajectory | Recording | str | os.PathLike[str] | Iterable[Solution]


def path_components(objective: Objective, trajectory: Given, k: int = 2) -> PathComponents:
    """Principal components of the differences θᵢ − θ* of a trajectory's checkpoints.

    The Gram matrix of the differences, shape (n, n), is added up over blocks of parameters, so that neither
    all checkpoints nor anything of N² numbers is ever in memory. Checkpoints that are not finite, as a run
    that diverges leaves them, are left out.

    Args:
        objective: Tells θ*, usually the last checkpoint, and which parameters make up θ.
        trajectory: The checkpoints.
        k: Components to return, as far as there are that many.

    Raises:
        FileNotFoundError: If the file of a checkpoint is missing, naming it.
        ValueError: If a checkpoint is damaged, or of another model, naming it; or if all of them are θ*, or
            none is finite.
    """
    check_given(Objective, objective=objective)
    k = check_integer(k, "k", 1)
    return of_what_is_kept(Trajectory.of(trajectory), lambda kept: _components(objective, kept, k))


def _components(objective: Objective, trajectory: Trajectory, k: int) -> PathComponents:
    rows = Differences(objective, trajectory)
    finite, values, vectors = _decomposed(rows)
    if not finite.any():
        raise ValueError(
            "Expected a trajectory with finite weights, got one whose checkpoints all have none."
        )
    total = float(values.sum())
    if not total:
        raise ValueError("Expected a trajectory that moves, got one whose checkpoints are all equal to θ*.")
    k = min(k, _rank(values))
    mixing = (vectors[:, :k] / values[:k].sqrt()).T
    with torch.inference_mode(False):
        directions = torch.empty(objective.n_parameters, k, dtype=torch.float64, device="cpu")

    def mix(_: int, span: slice, chunk: Tensor) -> None:
        directions[span] = (mixing @ (chunk if finite.all() else chunk[finite])).T

    rows.each(mix)
    return PathComponents(
        _signed(rows.as_theta(torch.linalg.qr(directions).Q)).numpy(),
        (values / total).numpy(),
        objective.provenance("path components", checkpoints=len(trajectory), path=span(trajectory.names)),
    )


def path_rank(objective: Objective, trajectory: Trajectory) -> int:
    """How many components ``path_components`` finds; 0 where that raises since there are none."""
    _, values, _ = _decomposed(Differences(objective, trajectory))
    return _rank(values)


def _decomposed(rows: Differences) -> tuple[Tensor, Tensor, Tensor]:
    """Which checkpoints are finite; of those the Gram matrix's eigenvalues, descending, and eigenvectors."""
    with torch.inference_mode(False):
        grams = torch.zeros(rows.n_threads, rows.n, rows.n, dtype=torch.float64, device="cpu")

    def add(thread: int, _: slice, chunk: Tensor) -> None:
        for i in range(0, len(chunk), _STRIP):
            strip = slice(i, i + _STRIP)
            grams[thread, strip, : i + _STRIP].addmm_(chunk[strip], chunk[: i + _STRIP].T)

    rows.each(add)
    gram = grams.sum(dim=0)
    finite = gram.diagonal().isfinite()
    values, vectors = torch.linalg.eigh(gram[finite][:, finite])  # of the lower triangle
    return finite, values.flip(0).clamp(min=0), vectors.flip(1)


def _rank(values: Tensor) -> int:
    """How many of the eigenvalues are more than rounding."""
    return int((values > _LEAST_SHARE * values[:1]).sum())


def _signed(directions: Tensor) -> Tensor:
    """The same columns, their entries of largest magnitude positive, so that reruns show the same picture."""
    largest = directions.abs().argmax(dim=0, keepdim=True)
    return directions * directions.gather(0, largest).sign()
