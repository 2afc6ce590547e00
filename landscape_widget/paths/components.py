"""Principal components of a trajectory, by its Gram matrix, streamed from wherever the checkpoints are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from landscape_widget.numerics.checks import check_integer
from landscape_widget.objective.objective import Objective
from landscape_widget.objective.states import THETA, keys_of
from landscape_widget.paths.stored import Piece, Weights
from landscape_widget.paths.trajectory import Recording, Solution, Trajectory
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import PathComponents

#: Bytes of differences that are held at once.
_BLOCK_BYTES = 60_000_000

#: Rows of the Gram matrix that are computed at once; what lies above its diagonal is not.
_STRIP = 100

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
    trajectory, k = Trajectory.of(trajectory), check_integer(k, "k", 1)
    rows = _Differences(objective, trajectory)
    finite, values, vectors = _decomposed(rows)
    if not finite.any():
        raise ValueError(
            "Expected a trajectory with finite weights, got one whose checkpoints all have none."
        )
    total = float(values.sum())
    if not total:
        raise ValueError("Expected a trajectory that moves, got one whose checkpoints are all equal to θ*.")
    k = min(k, _rank(values))
    mixing = vectors[:, :k] / values[:k].sqrt()
    directions = torch.empty(objective.n_parameters, k, dtype=torch.float64)
    for span, block in rows.blocks():
        directions[span] = block[finite].T @ mixing
    return PathComponents(
        _signed(torch.linalg.qr(directions).Q).numpy(),
        (values / total).numpy(),
        objective.provenance(
            "path components", checkpoints=len(trajectory), steps=[int(s) for s in trajectory.steps[[0, -1]]]
        ),
    )


def path_rank(objective: Objective, trajectory: Trajectory) -> int:
    """How many components ``path_components`` finds; 0 where that raises since there are none."""
    _, values, _ = _decomposed(_Differences(objective, trajectory))
    return _rank(values)


def _decomposed(rows: _Differences) -> tuple[Tensor, Tensor, Tensor]:
    """Which checkpoints are finite; of those the Gram matrix's eigenvalues, descending, and eigenvectors."""
    n = rows.n
    gram = torch.zeros(n, n, dtype=torch.float64)
    for _, block in rows.blocks():
        for i in range(0, len(block), _STRIP):
            strip = slice(i, i + _STRIP)
            gram[strip, : i + _STRIP].addmm_(block[strip], block[: i + _STRIP].T)
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


class _Differences:
    """θᵢ − θ* of all checkpoints, in blocks of parameters."""

    def __init__(self, objective: Objective, trajectory: Trajectory) -> None:
        """Opens each checkpoint and holds it against the objective's model."""
        self._trajectory = trajectory
        self._theta = objective.theta.detach().cpu().double()
        self._weights: list[tuple[Weights, dict[str, str]]] = []
        for i in range(len(trajectory)):
            weights = trajectory.weights(i)
            with trajectory.named(i):
                self._weights.append((weights, keys_of(objective, weights.shapes)))
        self.n = len(trajectory)
        entries = [] if objective.layout is None else objective.layout.entries
        self._spans = [(entry.name, entry.start, entry.stop) for entry in entries]

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Ever so many of the parameters, and the differences in them, shape (n, width)."""
        n, size = len(self._weights), len(self._theta)
        width = max(1, _BLOCK_BYTES // (8 * n))
        block = torch.empty(n, min(width, size), dtype=torch.float64)
        for first in range(0, size, width):
            span = slice(first, min(first + width, size))
            rows = block[:, : span.stop - first]
            pieces, theta = self._pieces(span), self._theta[span]
            for i, (weights, keys) in enumerate(self._weights):
                whole = THETA in keys
                wanted = [(THETA, span.start, span.stop)] if whole else pieces
                with self._trajectory.named(i):
                    parts = weights.pieces([(keys[name], start, stop) for name, start, stop in wanted])
                row, at = rows[i], 0
                for (_, start, stop), part in zip(wanted, parts, strict=True):
                    here = slice(at, at := at + stop - start)
                    torch.sub(part.cpu(), theta[here], out=row[here])
            yield span, rows

    def _pieces(self, span: slice) -> Sequence[Piece]:
        """The parts of tensors that make up a part of θ."""
        return [
            (name, max(span.start, start) - start, min(span.stop, stop) - start)
            for name, start, stop in self._spans
            if start < span.stop and stop > span.start
        ]
