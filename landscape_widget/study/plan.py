"""What a computation will take: memory, losses, products and time, from a loss and two products."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch

from landscape_widget.admission.slope_check import CutOffError
from landscape_widget.curvature import basis
from landscape_widget.curvature.product_check import refusal
from landscape_widget.objective.objective import Objective
from landscape_widget.study import budget
from landscape_widget.study.centre import Centre, Costs
from landscape_widget.study.controls import Controls
from landscape_widget.study.foreseen import curvature_works, nodes
from landscape_widget.study.lines import lines_ahead

#: Vectors of length N that a product and the step of a search hold at once.
_WORKING = 6

#: Losses along both axes by which an automatic domain is found, at most.
_DOMAIN = 19

#: Seconds of losses and products from which on these are most of what a computation takes.
_TOLD = 10.0

#: Seconds below which a call is timed more than once, and how often.
_SHORT, _REPEATS = 0.05, 3


@dataclass(frozen=True)
class Plan:
    """What ``compute()`` will take from here.

    Measured are a loss and two products, the first of which builds what the second uses, and short ones
    several times. Counts are those that networks usually need, and right within a factor of about two: a
    spectrum with eigenvalues close together takes more products, a smooth plane fewer nodes. So is the time
    from ten seconds on; what is shorter takes a few seconds, of which losses and products are the smaller
    part. With workers the time is that of all the work done by one after another where they are as many as
    this process has threads.
    """

    n_parameters: int
    """N."""
    n_examples: int
    """Examples that every loss and product is taken over."""
    losses: int
    """Evaluations of the loss: nodes of the planes on show, and points of lines, as if none were known."""
    loss_seconds: float
    """Measured seconds of one."""
    products: int
    """Hessian-vector products: eigenpairs, projections, density and trace, but for those that are known."""
    product_seconds: float
    """Measured seconds of one; NaN where the loss has none."""
    memory: int
    """Bytes beside model and data: the search's basis (of millions of parameters it is in a file), graphs of
    gradients, and vectors at work."""

    @property
    def seconds(self) -> float:
        """Seconds of all losses and products."""
        products = self.products * self.product_seconds if self.products else 0.0
        return self.losses * self.loss_seconds + products

    @property
    def is_long(self) -> bool:
        """Whether it is worth a word before it begins."""
        return self.seconds >= _TOLD

    @property
    def line(self) -> str:
        """All of it in a few words: "about 12 min: 190 Hessian-vector products, 1.1 GB"."""
        what = f"{self.products:,} Hessian-vector products" if self.products else f"{self.losses:,} losses"
        return f"{self._duration}: {what}, {_size(self.memory)}"

    @property
    def _duration(self) -> str:
        return f"about {_words(self.seconds)}" if self.is_long else "a few seconds"

    def __repr__(self) -> str:
        parts = [f"{self.losses:,} losses of {_words(self.loss_seconds)}"]
        if self.products:
            parts.append(f"{self.products:,} products of {_words(self.product_seconds)}")
        return f"Plan({self._duration}: {', '.join(parts)}; {self.memory / 1e6:,.0f} MB)"


def plan_of(centre: Centre, controls: Controls) -> Plan:
    """Measures a loss and two products on all examples that the controls ask for, and counts what they need.

    They are measured once around each θ*: beside a computation they would hold it up.
    """
    objective = centre.on(controls.examples)
    costs = centre.costs.get(objective.n_examples)
    if costs is None:
        costs = centre.costs[objective.n_examples] = _costs(objective)
    precise = objective.precise()
    n, k = objective.n_parameters, max(1, controls.rank)
    each = precise.theta.element_size()
    held = min(basis.most_vectors(n, k, each), k * budget.USUAL_PRODUCTS)
    if precise.device.type == "cpu" and basis.in_file(n):
        held = 0
    vectors = (held + _WORKING) * n * each
    return Plan(
        n_parameters=n,
        n_examples=objective.n_examples,
        losses=_losses(centre, controls),
        loss_seconds=costs.loss,
        products=0 if math.isnan(costs.product) else _products(centre, objective, controls),
        product_seconds=costs.product,
        memory=int(vectors + costs.graphs),
    )


def _costs(objective: Objective) -> Costs:
    """Measures them; the products are those of all later ones, for which what the first has built is kept."""
    loss, precise = _least(objective.loss), objective.precise()
    return Costs(loss, *(_measured(precise) if _has_products(precise) else (math.nan, 0.0)))


def _has_products(objective: Objective) -> bool:
    try:
        return refusal(objective) is None
    except CutOffError:
        return False


def _measured(objective: Objective) -> tuple[float, float]:
    """Seconds of a product when graphs are there, which workers do not keep, and bytes of those."""
    v = torch.randn(objective.n_parameters, generator=torch.Generator().manual_seed(0))
    if not objective.has_workers:
        objective.hvp(v.to(objective.theta)).cpu()
    return _least(lambda: objective.hvp(v.to(objective.theta)).cpu()), objective.product_bytes


def _least(call: Callable[[], object]) -> float:
    """Seconds of the fastest of some calls: whatever else a machine does lengthens short ones."""
    least, repeats = math.inf, 0
    while repeats == 0 or (repeats < _REPEATS and least < _SHORT):
        began = perf_counter()
        call()
        least, repeats = min(least, perf_counter() - began), repeats + 1
    return least


def _losses(centre: Centre, controls: Controls) -> int:
    lines = sum(work.units for work in lines_ahead(centre, controls).values())
    pictures = [controls, *([second] if (second := controls.compared()) else [])]
    return lines + sum(nodes(picture) + (0 if picture.domain else _DOMAIN) for picture in pictures)


def _products(centre: Centre, objective: Objective, controls: Controls) -> int:
    works = curvature_works(centre, objective, controls).values()
    return int(sum(work.units * work.each for work in works if work.of == "product"))


def _size(size: int) -> str:
    """Bytes in the unit that fits them: "12 MB", "0.9 GB", "120 GB"."""
    if size < 1e8:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 1e10 else f"{size / 1e9:,.0f} GB"


def _words(seconds: float) -> str:
    """A time in the unit that fits it: "12 ms", "3.1 s", "4 min", "2.5 h"."""
    for unit, name, most in ((1e-3, "ms", 1.0), (1.0, "s", 120.0), (60.0, "min", 5940.0)):
        if seconds < most:
            value = seconds / unit
            return f"{value:.2g} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{seconds / 3600:,.1f} h"
