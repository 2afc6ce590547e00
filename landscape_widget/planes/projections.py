"""The curvature of random two-dimensional projections (Böttcher & Wheeler 2023, Section II)."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape_widget.curvature.product_check import refusal
from landscape_widget.numerics.checks import check_choice, check_integer, check_seed
from landscape_widget.numerics.seeds import plane_seed
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.directions import check_plane, random_pair
from landscape_widget.planes.filters import filter_normalise
from landscape_widget.results.curvature import ProjectedCurvatures
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import Plane

METHODS = ("auto", "hvp", "gradients", "losses")
NORMALISATIONS = (None, "unit", "filter")

#: Memory for the random directions of one block and their products.
_BLOCK_BYTES = 1 << 28

#: Length of finite-difference steps of gradients relative to max(‖θ‖, 1): rounding over truncation is least
#: near the cube root of the rounding unit.
_GRADIENT_STEP = 6e-6

#: The same for steps of losses, whose rounding is least near the fourth root.
_LOSS_STEP = 2e-4


def projected_curvatures(
    objective: Objective,
    samples: int = 1000,
    seed: int = 0,
    *,
    method: str = "auto",
    normalize: str | None = None,
    executor: Any = None,
) -> ProjectedCurvatures:
    """A, B, C and κ_± of ``samples`` random projections, with standard errors in ``statistics``.

    Every projection has its own pair η, δ with entries from N(0, 1), not orthogonalised (Eqs. 19-21).
    Computed in float64 where the device allows.

    Args:
        objective: L; H is its Hessian at θ*.
        samples: Number of projections S; two products each.
        seed: Seed of the draws; those of other seeds are others. Projection i has the directions of
            ``random_plane(objective, found.seed_of(i))``, so that any of them can be looked at.
        method: "hvp" by Hessian-vector products; "gradients" by central differences of ∇L (4 gradients
            for each projection) and "losses" by second differences of L (6 losses), for losses that
            cannot be differentiated twice or once. Differences see the kinks of ReLU as curvature,
            products do not. "auto" takes products, or gradients with a warning where products are
            impossible.
        normalize: None as in the paper, so that E[A] = tr(H); "unit" for ‖η‖ = ‖δ‖ = 1, so that
            E[A] = tr(H)/N; "filter" as in Li et al.
        executor: An executor whose workers take the products, if not this thread; see ``evaluate_plane``.
            They have the same bits for any number of workers.

    Raises:
        ValueError: If ``samples`` is not positive, or for an unknown name.
        SecondDerivativeError: For method="hvp", if torch lacks a derivative that the product needs.
        ArithmeticError: If a curvature is not finite.
    """
    check_given(Objective, objective=objective)
    objective = objective.by_workers(executor)
    steps = projection_steps(objective, samples, seed, method=method, normalize=normalize)
    return deque(steps, maxlen=1).pop()


def projection_steps(
    objective: Objective,
    samples: int = 1000,
    seed: int = 0,
    interval: float = 0.1,
    *,
    method: str = "auto",
    normalize: str | None = None,
    known: ProjectedCurvatures | None = None,
) -> Iterator[ProjectedCurvatures]:
    """Yields what ``projected_curvatures`` knows after about every ``interval`` seconds.

    It goes on from ``known``, the first projections of an earlier run with the same arguments.
    """
    check_given(Objective, objective=objective)
    samples, seed = check_integer(samples, "samples", 1), check_seed(seed)
    if normalize is not None:
        check_choice(normalize, [name for name in NORMALISATIONS if name], "normalize")
    precise = objective.precise()
    source = _SOURCES[_usable(precise, method)](precise)
    n = precise.n_parameters
    largest_block, block = max(1, _BLOCK_BYTES // (n * 8 * 4)), 1
    provenance = precise.provenance(
        "projected curvatures",
        method=source.method,
        normalize=normalize,
        seed=seed,
        first_plane=plane_seed(seed, 0),
    )
    entries = np.empty((3, samples))
    done = 0
    if known is not None:
        done = known.samples
        entries[:, :done] = known.A, known.B, known.C
        source.n_hvp, source.n_gradient, source.n_loss = known.n_hvp, known.n_gradient, known.n_loss
    while done < samples:
        started = monotonic()
        count = min(block, samples - done)
        draws = [random_pair(n, plane_seed(seed, i)) for i in range(done, done + count)]
        pairs = torch.stack([_normalised(precise, draw, normalize) for draw in draws]).to(precise.theta)
        found = source.entries(pairs).cpu().numpy()
        if not np.isfinite(found).all():
            raise ArithmeticError(
                "Expected finite curvatures of random projections, got values that are not finite. "
                "Check that the loss is twice differentiable at the present weights."
            )
        entries[:, done : done + count] = found
        done += count
        if monotonic() - started < interval / 2:
            block = min(2 * block, largest_block)
        a, b, c = entries[:, :done].copy()
        yield ProjectedCurvatures(
            A=a,
            B=b,
            C=c,
            n_hvp=source.n_hvp,
            provenance=provenance,
            n_gradient=source.n_gradient,
            n_loss=source.n_loss,
        )


def plane_hessian(objective: Objective, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of L in the coordinates (α, β) of a plane, at its origin.

    The Hessian comes from two products, or where those are refused from differences of four gradients.

    Returns:
        (∂L/∂α, ∂L/∂β), shape (2,), and [[A, B], [B, C]], shape (2, 2) (Eq. 19).
    """
    check_plane(plane, objective)
    return precise_hessian(objective.precise(), plane)


def precise_hessian(precise: Objective, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
    """The same of an objective in the type that derivatives are computed in."""
    source = _SOURCES["hvp" if refusal(precise) is None else "gradients"]
    at_origin = precise.at(torch.from_numpy(plane.origin))
    axes = torch.from_numpy(np.stack([plane.eta, plane.delta])).to(precise.theta)
    gradient = axes @ at_origin.gradient()
    a, b, c = source(at_origin).entries(axes[None])[:, 0].tolist()
    return gradient.cpu().numpy(), np.array([[a, b], [b, c]])


def _usable(objective: Objective, method: str) -> str:
    check_choice(method, METHODS, "method")
    if method not in ("auto", "hvp"):
        return method
    error = refusal(objective)
    if error is None:
        return "hvp"
    if method == "hvp":
        raise error
    warnings.warn(f"Projected curvatures come from finite differences of gradients. {error}", stacklevel=4)
    return "gradients"


def _normalised(objective: Objective, pair: Tensor, normalize: str | None) -> Tensor:
    if normalize == "unit":
        unit: Tensor = pair / pair.norm(dim=1, keepdim=True)
        return unit
    if normalize == "filter":
        return torch.from_numpy(np.stack([filter_normalise(objective, v) for v in pair.numpy()]))
    return pair


@dataclass
class _Products:
    """A, B, C by Hessian-vector products."""

    objective: Objective
    method: str = "hvp"
    n_hvp: int = 0
    n_gradient: int = 0
    n_loss: int = 0

    def entries(self, pairs: Tensor) -> Tensor:
        """A, B and C, shape (3, count), for pairs (η, δ) of shape (count, 2, N)."""
        eta, delta = pairs.unbind(dim=1)
        h_eta, h_delta = self.products(pairs).unbind(dim=1)
        # Hη and Hδ know B twice; H is symmetric, so that either would do
        return torch.stack([(eta * h_eta).sum(1), (delta * h_eta).sum(1), (delta * h_delta).sum(1)])

    def products(self, pairs: Tensor) -> Tensor:
        """Hη and Hδ, of the shape of ``pairs``."""
        self.n_hvp += 2 * len(pairs)
        return self.objective.hvp(pairs.flatten(0, 1).T).T.reshape(pairs.shape)


@dataclass
class _Gradients(_Products):
    """A, B, C by central differences of gradients."""

    method: str = "gradients"

    def products(self, pairs: Tensor) -> Tensor:
        """(∇L(θ + hη) − ∇L(θ − hη)) / 2h, and likewise for δ."""
        theta = self.objective.theta
        found = []
        for direction in pairs.flatten(0, 1):
            h = _GRADIENT_STEP * max(float(theta.norm()), 1.0) / float(direction.norm())
            ahead, behind = (self.objective.gradient(theta + s * h * direction) for s in (1, -1))
            found.append((ahead - behind) / (2 * h))
            self.n_gradient += 2
        return torch.stack(found).reshape(pairs.shape)


@dataclass
class _Losses(_Products):
    """A, B, C by second differences of the loss."""

    method: str = "losses"
    _centre: float | None = field(default=None)

    def entries(self, pairs: Tensor) -> Tensor:
        """A and C along η and δ, B by polarisation: (η + δ)ᵀH(η + δ) = A + 2B + C."""
        if self._centre is None:
            self._centre = self.objective.loss().item()
            self.n_loss += 1
        found = []
        for eta, delta in pairs:
            a, c, both = (self._second(v) for v in (eta, delta, eta + delta))
            found.append([a, (both - a - c) / 2, c])
        return torch.tensor(found, dtype=torch.float64).T

    def _second(self, direction: Tensor) -> float:
        assert self._centre is not None
        theta = self.objective.theta
        h = _LOSS_STEP * max(float(theta.norm()), 1.0) / float(direction.norm())
        ahead, behind = (self.objective.loss(theta + s * h * direction).item() for s in (1, -1))
        self.n_loss += 2
        return (ahead - 2 * self._centre + behind) / h**2


_SOURCES: dict[str, Callable[[Objective], _Products]] = {
    "hvp": _Products,
    "gradients": _Gradients,
    "losses": _Losses,
}
