"""One θ* and the loss around it, on all examples or a part of them, with what is known of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import torch

from landscape_widget.curvature.slopes import slopes_along
from landscape_widget.engine.wanted import check_wanted
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.landmarks import Landmarks
from landscape_widget.planes.points import locate
from landscape_widget.planes.quadratic import quadratic_model
from landscape_widget.results.curvature import EigenPairs, Slopes
from landscape_widget.results.paths import PathComponents
from landscape_widget.results.planes import Plane
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.study.controls import Controls
from landscape_widget.study.known import Known, PlaneKey
from landscape_widget.study.landmarks import Surroundings
from landscape_widget.study.witness import Witness

log = logging.getLogger(__name__)

#: A point on a plane.
Marked = tuple[Plane, float, float]

#: Parts of the data that are kept beside the whole, each a copy of its examples.
MOST_PARTS = 3


@dataclass(frozen=True)
class Run:
    """What the centres along one training run have of each other."""

    pairs: Callable[[int, int], EigenPairs | None]
    """Certified eigenpairs near by, on so many examples, so many at each end; None where there are none."""
    origin: Objective | None
    """The objective around whose θ* the components of the path are, so that its axes are the same everywhere,
    and from whose θ* the line to a solution goes on around that; None for that of the centre itself."""
    components: dict[int, PathComponents]
    """The components that are known, by how many were asked for."""
    witness: Witness | None = None
    """What the loss was; None for a witness of the centre's own."""
    diagonal: Callable[[], FloatArray | None] = lambda: None
    """That of the optimiser's P at the centre, shape (N,); None where nobody kept it."""


class Costs(NamedTuple):
    """What was measured of an objective at one θ*."""

    loss: float
    """Seconds of a loss."""
    product: float
    """Seconds of a Hessian-vector product; NaN where the loss has none."""
    graphs: float
    """Bytes of the graphs that products keep and need."""


class Centre:
    """Objectives at one θ*; whatever one call computes of them is remembered in ``known``."""

    def __init__(
        self,
        objective: Objective,
        test: Objective | None = None,
        known: Known | None = None,
        landmarks: Landmarks | None = None,
        run: Run | None = None,
    ) -> None:
        """Computes nothing yet.

        Args:
            objective: The loss on all examples, whose θ* is the centre.
            test: The same loss on test data.
            known: What is known of an equal objective.
            landmarks: A trajectory and solutions of the same model.
            run: Other centres along it; None where this stands alone.
        """
        self.objective = objective
        self.test = test
        self.known = Known() if known is None else known
        self.run = run or Run(lambda *_: None, None, {})
        self.witness = self.run.witness or Witness(objective)
        self.around = Surroundings(
            objective, landmarks or Landmarks(), self.known, self.run.origin, self.run.components
        )
        self.theta_norm = float(objective.theta.norm())
        self.parts: dict[int, Objective] = {}
        """Objectives on fewer examples; the one used last comes last."""
        self.costs: dict[int, Costs] = {}
        """What was measured, by the number of examples."""
        self._seconds: dict[int, float] = {}
        self.marked: list[Marked] = []
        """Points that every picture is to be evaluated at."""

    def on(self, n_examples: int) -> Objective:
        """Returns the objective on the first so many examples."""
        if n_examples == self.objective.n_examples:
            return self.objective
        part = self.parts.pop(n_examples, None) or self.objective.subset(n_examples)
        while len(self.parts) >= MOST_PARTS:
            del self.parts[next(iter(self.parts))]
        self.parts[n_examples] = part
        return part

    def measured(self, objective: Objective, controls: Controls) -> dict[str, Objective]:
        """Returns the objectives whose losses the picture needs, by their splits."""
        mode, found = controls.batch_norm, {}
        if controls.split != "test":
            found["train"] = objective.with_batch_norm(mode)
        if controls.split != "train":
            assert self.test is not None
            found["test"] = self.test.with_batch_norm(mode, objective)
        return found

    def loss(self, objective: Objective) -> float:
        """Returns L(θ*)."""
        n, losses = objective.n_examples, self.known.losses_at_theta
        if n not in losses:
            started = monotonic()
            losses[n] = objective.loss().item()
            self._seconds[n] = monotonic() - started
        return losses[n]

    def loss_at(self, objective: Objective, plane: Plane, alpha: float, beta: float) -> float:
        """Returns the training loss at a point of a plane, NaN where the model or the loss fails there.

        It is kept apart from a picture's losses, which other programs round otherwise.
        """
        losses = self.known.losses_on(_key(objective, plane, "alone"))
        if (alpha, beta) not in losses:
            check_wanted()  # a domain takes up to 19 of them in one step
            try:
                loss = objective.loss(torch.from_numpy(plane.point(alpha, beta))).item()
            except Exception as error:
                log.info("No loss at (%g, %g): %s: %s", alpha, beta, type(error).__name__, error)
                loss = math.nan
            losses[alpha, beta] = loss
        return losses[alpha, beta]

    def mark(self, plane: Plane, alpha: float, beta: float) -> None:
        """Has a point evaluated in every picture that it lies in, from the next one on."""
        self.marked.append((plane, alpha, beta))

    def marked_on(self, plane: Plane, alpha: FloatArray, beta: FloatArray) -> list[tuple[float, float]]:
        """Returns the marked points (α, β) that lie on a grid of a plane, wherever they were set."""
        places = []
        for other, a, b in list(self.marked):
            same = other.fingerprint == plane.fingerprint
            place = (a, b) if same else locate(plane, other.point(a, b))
            if place and alpha[0] <= place[0] <= alpha[-1] and beta[0] <= place[1] <= beta[-1]:
                places.append(place)
        return places

    def seconds(self, objective: Objective) -> float:
        """Returns how long ``loss`` took; 0 where it came from a file."""
        return self._seconds.get(objective.n_examples, 0.0)

    def gradient(self, objective: Objective) -> FloatArray:
        """Returns ∇L(θ*), shape (N,)."""
        n, gradients = objective.n_examples, self.known.gradients
        if n not in gradients:
            gradients[n] = objective.precise().gradient().cpu().numpy()
        return gradients[n]

    def slopes(self, objective: Objective, pairs: EigenPairs) -> Slopes:
        """Returns ∇L(θ*) by the eigenvectors of certified pairs."""
        key, slopes = (objective.n_examples, len(pairs.values)), self.known.slopes
        if key not in slopes:
            slopes[key] = slopes_along(objective, pairs, self.gradient(objective))
        return slopes[key]

    def quadratic(self, objective: Objective, plane: Plane, pairs: EigenPairs | None) -> QuadraticModel:
        """Returns the loss to second order in a plane, whose Hessian axes are those of ``pairs``."""
        key, models = (objective.n_examples, plane.fingerprint), self.known.models
        if key not in models:
            loss, gradient = self.loss(objective), self.gradient(objective)
            models[key] = quadratic_model(objective, plane, loss, gradient, pairs)
        return models[key]


def plane_key(objective: Objective, plane: Plane, batch_norm: str, split: str) -> PlaneKey:
    """Returns the key under which losses of a plane are kept."""
    test, norm = ["test"] if split == "test" else [], [batch_norm] if batch_norm != "frozen" else []
    return _key(objective, plane, *test, *norm)


def _key(objective: Objective, plane: Plane, *apart: str) -> PlaneKey:
    """Returns a key of the plane, with words for what is kept apart from its other losses."""
    return objective.n_examples, " ".join([plane.fingerprint, *apart])
