"""One model under study: what the explorer shows, computed step by step, nothing twice."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from time import monotonic
from typing import Any
from weakref import proxy

import numpy as np

from landscape_widget.blindness import saddle_blindness
from landscape_widget.density import density_steps, trace_of
from landscape_widget.directions import hessian_rank, make_plane, parse_axis
from landscape_widget.equality import equal_by_content
from landscape_widget.held_out import alongside, shown
from landscape_widget.hessian import eigenpair_steps
from landscape_widget.objective import Objective
from landscape_widget.progress import Meter, Run
from landscape_widget.projections import projection_steps
from landscape_widget.quadratic import QuadraticModel, quadratic_model
from landscape_widget.results import (
    EigenPairs,
    Plane,
    ProjectedCurvatures,
    SaddleBlindness,
    Slopes,
    SpectralDensity,
    Surface,
    TraceEstimate,
)
from landscape_widget.selfcheck import refusal
from landscape_widget.slopes import slopes_along
from landscape_widget.surface import Cache, Domain, evaluate_plane, grid_axis, n_known
from landscape_widget.trace import default_method, trace_steps
from landscape_widget.vectors import FloatArray, norm

#: Mantissas that half-widths snap to; many are doubles of one another, so that zooming reuses nodes.
MANTISSAS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)

#: Products that a Lanczos run is taken to need, for the time left; networks need 24 to 56.
_USUAL_PRODUCTS = 40

#: Evaluations of the loss that a Hessian-vector product in float64 costs.
_PRODUCT_COST = 15.0

#: A first picture on part of the examples aims at this time, half of it for eigenvectors, and is shown at
#: so many nodes.
PREVIEW_SECONDS, PREVIEW_NODES = 0.6, 81

#: Half-width along eigenvectors at most where θ* is zero, and so tells no scale: a curvature near zero would
#: ask for any.
_WIDEST_AT_ZERO = 10.0

#: A largest curvature up to this is none.
_FLAT = 1e-12

#: Half-widths stay between these, far from what a domain may be at most, whatever the scale of θ*.
_HALF_WIDTHS = 1e-50, 1e50

#: Probes and products for each of them in the spectral density; the first probe is the eigenpairs' own run.
DENSITY_PROBES, DENSITY_STEPS = 4, 30

#: Products after which the eigenvectors of such a part are good enough to begin with, for each of a side.
_PREVIEW_PRODUCTS = 16

#: Estimators of the trace that the panel compares with the exact or deflated one, and the random vectors for
#: each (Fig. 3); a deflated trace takes as many products.
TRACE_METHODS, TRACE_SAMPLES = ("hutchinson", "curvature-fit"), 100

#: Nodes whose losses are remembered, some 100 MB; planes used longest ago are forgotten first.
MOST_NODES = 500_000

#: Parts of the data that are kept beside the whole, each a copy of its examples.
MOST_SUBSETS = 3

#: Fewer examples than these have a landscape, and eigenvectors, of their own, not those of the data set.
_LEAST_PREVIEW, _LEAST_VECTORS = 64, 32

#: The next picture in a Hessian plane rests on up to so many times the examples, until it differs by less
#: than this share of the range (root mean square): the sampling error is then about half as much.
_MORE, _ALIKE = 4, 0.02


#: What losses on a plane depend on: the number of examples, and the plane's fingerprint (with "test" and
#: the batch-norm mode after it, where that is so).
PlaneKey = tuple[int, str]


@equal_by_content
@dataclass(frozen=True)
class Controls:
    """What the person chose."""

    axes: tuple[str, str]
    seed: int
    domain: Domain | None
    resolution: int
    examples: int
    samples: int
    face: str = "projections"
    """Face of the curvature panel on show: "projections", "spectrum" or "trace"."""
    batch_norm: str = "frozen"
    """Statistics of batch-norm layers in the pictures; curvature is always that of frozen ones."""
    split: str = "train"
    """What the loss in the picture is on: "train", "test", or "difference" for test − training."""
    compared_axes: tuple[str, str] | None = None
    """Axes of a second picture beside the first; None for those of the first."""
    compared_domain: Domain | None = None
    """Domain of the second picture where it has axes of its own."""
    compared_split: str | None = None
    """Data of the second picture; None for those of the first. There is none if its axes are None, too."""

    @property
    def rank(self) -> int:
        """How many eigenpairs at each end both planes need."""
        return max(hessian_rank(axes) for axes in (self.axes, self.compared_axes) if axes)

    def compared(self) -> Controls | None:
        """The controls of the second picture, None without one."""
        if self.compared_axes is None and self.compared_split is None:
            return None
        second = replace(self, split=self.compared_split or self.split)
        if self.compared_axes is None:
            return second
        return replace(second, axes=self.compared_axes, domain=self.compared_domain)


@equal_by_content
@dataclass(frozen=True)
class Picture:
    """One plane on show."""

    plane: Plane
    surface: Surface
    quadratic: QuadraticModel | None = None
    """The training loss to second order in the plane."""
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    """What ``surface`` is made of, by its split: "train", "test" or both."""

    @property
    def curvature(self) -> tuple[float, float] | None:
        """(κ₋, κ₊) of the plane at θ*."""
        return self.quadratic.curvatures if self.quadratic else None


@dataclass(eq=False)
class Findings:
    """What is known so far for one set of controls; every field only gets better."""

    centre_loss: float | None = None
    gradient_norm: float | None = None
    pairs: EigenPairs | None = None
    """Ritz estimates without vectors first, the certified pairs last."""
    plane: Plane | None = None
    """The plane that ``surface`` lies on."""
    surface: Surface | None = None
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    """What ``surface`` is made of, by its split: "train", "test" or both."""
    preview: int = 0
    """Examples that ``plane`` and ``surface`` rest on where those are not all, else 0."""
    projections: ProjectedCurvatures | None = None
    quadratic: QuadraticModel | None = None
    """The loss to second order in the plane that the controls ask for."""
    slopes: Slopes | None = None
    """The gradient as the certified eigenvectors see it."""
    compared: Picture | None = None
    """The second plane."""
    density: SpectralDensity | None = None
    traces: Mapping[str, Sequence[TraceEstimate]] | None = None
    """Running estimates of tr(H) by method: the exact or deflated trace first, then those of Fig. 3."""
    trace: TraceEstimate | None = None
    """The exact or deflated trace, once it is complete."""
    blindness: SaddleBlindness | None = None
    stage: str = "starting"
    meter: Meter = field(default_factory=Meter)
    fault: Exception | None = None
    """Why some of the curvature cannot be had."""

    def draw(self, plane: Plane, surfaces: Mapping[str, Surface], preview: int = 0) -> None:
        """Takes a picture over, as soon as it is as fine as the one that is there."""
        surface = shown(surfaces)
        if self.surface is None or surface.done.sum() >= self.surface.done.sum():
            self.plane, self.surface, self.surfaces, self.preview = plane, surface, surfaces, preview

    @property
    def pairs_final(self) -> bool:
        """Whether the eigenpairs are the certified ones."""
        return self.pairs is not None and self.pairs.vectors.shape[1] > 0

    @property
    def surface_model(self) -> QuadraticModel | None:
        """``quadratic`` where ``surface`` lies on its plane, which that of a first picture does not."""
        return None if self.preview else self.quadratic

    @property
    def plane_curvature(self) -> tuple[float, float] | None:
        """(κ₋, κ₊) of the plane at θ*."""
        return self.quadratic.curvatures if self.quadratic else None


class Study:
    """Caches of one objective: results are kept by what they depend on, so controls can be dragged."""

    def __init__(self, objective: Objective, test: Objective | None = None) -> None:
        """Of an objective, and the same on test data."""
        self.objective = objective
        self.test = test
        self.theta_norm = float(objective.theta.norm())
        self._subsets: dict[int, Objective] = {}
        self._losses: dict[int, float] = {}
        self._gradients: dict[int, FloatArray] = {}
        self._seconds: dict[int, float] = {}
        self._slopes: dict[tuple[int, int], Slopes] = {}
        self._pair_runs: dict[tuple[int, int], Run[EigenPairs]] = {}
        self._caches: dict[PlaneKey, Cache] = {}
        self._projection_runs: dict[tuple[int, int], Run[ProjectedCurvatures]] = {}
        self._models: dict[PlaneKey, QuadraticModel] = {}
        self._density_runs: dict[tuple[int, int], Run[SpectralDensity]] = {}
        self._trace_runs: dict[tuple[int, str], Run[TraceEstimate]] = {}
        self._trace_histories: dict[int, dict[str, list[TraceEstimate]]] = {}
        self._blindness: dict[tuple[int, ...], SaddleBlindness] = {}

    def steps(self, controls: Controls) -> Iterator[Findings]:
        """Computes everything for ``controls``; yields the findings whenever they got better.

        The picture comes first, then picture and curvature share the time evenly. Where the curvature
        fails and the axes need no eigenvectors, everything else is computed before the error is raised:
        what needs no second derivative can be had of losses that have none.
        """
        objective = self._subset(controls.examples)
        found = Findings()
        found.stage = "loss at the present weights"
        yield found
        found.centre_loss = self._loss(objective)
        yield from self._preview(objective, controls, found)
        found.stage = "gradient at the present weights"
        yield found
        found.gradient_norm = norm(self._gradient(objective))
        pairs = self._eigenpairs(objective, controls, found)
        if hessian_rank(controls.axes):
            yield from pairs
            pairs = iter(())
        plane = make_plane(objective, controls.axes, controls.seed, found.pairs)
        surface = self._surface(objective, controls, plane, found)
        if all(parse_axis(axis)[1] for axis in controls.axes):  # for nothing; else it waits for the picture
            found.quadratic = self._quadratic(objective, plane, found)
        found.stage = "loss surface"
        yield next(surface)
        pairs = _to_the_end(pairs, found)
        if second := controls.compared():
            first = [surface, pairs] if hessian_rank(second.axes) else [surface]
            surface = chain(*first, self._compared(objective, second, found))
        curvature = _to_the_end(self._curvature(objective, controls, plane, found), found)
        yield from _fairly(surface, pairs, curvature)
        if found.fault is not None:
            raise found.fault

    def memory(self) -> dict[str, Any]:
        """What need not be computed again, by what it depends on; may be asked for while steps run.

        Losses are tables of rows (α, β, loss), shape (K, 3). Of runs that have not ended, only projections
        are kept, which can go on after any number of them.
        """
        # dict() and list() copy at once, whatever the worker's thread adds meanwhile
        return {
            "losses_at_theta": dict(self._losses),
            "gradients": dict(self._gradients),
            "slopes": dict(self._slopes),
            "losses": {key: _table(dict(cache)) for key, cache in list(self._caches.items())},
            "models": dict(self._models),
            "pairs": {key: run.latest for key, run in list(self._pair_runs.items()) if run.ended},
            "projections": {
                key: run.latest for key, run in list(self._projection_runs.items()) if run.latest
            },
            "densities": {key: run.latest for key, run in list(self._density_runs.items()) if run.ended},
            "traces": {
                (n, method): list(self._trace_histories[n][method])
                for (n, method), run in list(self._trace_runs.items())
                if run.ended
            },
            "blindness": dict(self._blindness),
        }

    @classmethod
    def resumed(cls, objective: Objective, memory: Mapping[str, Any], test: Objective | None = None) -> Study:
        """A study of an equal objective that knows what ``memory`` of a former one holds."""
        study = cls(objective, test)
        study._losses |= memory["losses_at_theta"]
        study._gradients |= memory["gradients"]
        study._slopes |= memory.get("slopes", {})  # files of version 0.1 have none
        study._caches |= {
            key: {(a, b): loss for a, b, loss in t.tolist()} for key, t in memory["losses"].items()
        }
        study._models |= memory["models"]
        study._blindness |= memory["blindness"]
        study._pair_runs |= {key: Run.finished(pairs) for key, pairs in memory["pairs"].items()}
        study._density_runs |= {key: Run.finished(density) for key, density in memory["densities"].items()}
        for (n, samples), known in memory["projections"].items():
            run = (
                Run.finished(known) if known.samples == samples else study._projection_run(n, samples, known)
            )
            study._projection_runs[n, samples] = run
        for (n, method), history in memory["traces"].items():
            if method == "curvature-fit" and "half_width" not in history[-1].provenance:
                continue  # of the time when its interval was the paper's, whatever the network
            study._trace_histories.setdefault(n, {})[method] = history
            study._trace_runs[n, method] = Run.finished(history[-1])
        return study

    def _preview(self, objective: Objective, controls: Controls, found: Findings) -> Iterator[Findings]:
        """A first picture on part of the examples, where all of them would let one wait.

        It goes by ``found.surface`` alone, coarse and so never final, and says in its provenance how many
        examples it rests on; no eigenvalue of the part is ever shown. In a Hessian plane it rests on more
        examples than its eigenvectors, whose products take longer, and for which they are a sample of their
        own; the training loss is drawn again on more of them while that changes it.
        """
        n, rank = controls.examples, hessian_rank(controls.axes)
        second = self._seconds.get(n, 0.0) / n  # for the loss of one example; 0 if that came from a file
        whole = n * second * (_USUAL_PRODUCTS * _PRODUCT_COST if rank else PREVIEW_NODES)
        long = whole > 2 * PREVIEW_SECONDS and n >= 2 * _LEAST_PREVIEW and objective.divisible
        if not long or self._has_begun(objective, controls):
            return
        room = PREVIEW_SECONDS / (2 if rank else 1) / second
        part = min(max(_LEAST_PREVIEW, int(room / PREVIEW_NODES)), n // 2)
        early = Findings(centre_loss=found.centre_loss)
        found.stage = f"a first picture on {part:,} of {n:,} examples"
        yield found
        if rank:
            products = _PREVIEW_PRODUCTS * rank
            few = min(max(_LEAST_VECTORS, int(room / (products * _PRODUCT_COST))), part)
            for early.pairs in eigenpair_steps(
                self.objective.subset(few), rank, tol=1e-2, max_hvp=products, precise=False
            ):
                yield found
        plane = make_plane(objective, controls.axes, controls.seed, early.pairs)
        if early.pairs is not None:
            rests_on = {"eigenvectors": "not certified", "n_examples": early.pairs.provenance["n_examples"]}
            plane = replace(plane, provenance={**plane.provenance, **rests_on})
        domain = controls.domain or self.automatic_domain(plane, early)
        yield from self._sketch(controls, plane, domain, part, found)
        # test data are not divided: their loss would be the same again
        while rank and controls.split == "train" and 2 * part <= n // 2:
            part, before = min(part * _MORE, n // 2), found.surface
            found.stage = f"a better picture on {part:,} of {n:,} examples"
            yield found
            yield from self._sketch(controls, plane, domain, part, found)
            if before is None or found.surface is None or _alike(before, found.surface):
                return

    def _sketch(
        self, controls: Controls, plane: Plane, domain: Domain, part: int, found: Findings
    ) -> Iterator[Findings]:
        """A coarse picture on part of the examples, shown from when it is as fine as the one before."""
        runs = {
            split: evaluate_plane(measured, plane, domain, controls.resolution, enough=PREVIEW_NODES)
            for split, measured in self._measured(self.objective.subset(part), controls).items()
        }
        for surfaces in alongside(runs):
            if shown(surfaces).final:  # only a picture on all of the examples may say so
                return
            found.draw(plane, surfaces, part)
            yield found

    def _has_begun(self, objective: Objective, controls: Controls) -> bool:
        """Whether something is known of the picture on all of the examples."""
        if hessian_rank(controls.axes):
            n = objective.n_examples
            return any(key[0] == n and run.latest for key, run in self._pair_runs.items())
        plane = make_plane(objective, controls.axes, controls.seed, None)
        return any(
            self._caches.get(_plane_key(objective, plane, controls.batch_norm, split))
            for split in ("train", "test")
        )

    def _subset(self, n: int) -> Objective:
        if n == self.objective.n_examples:
            return self.objective
        subset = self._subsets.pop(n, None) or self.objective.subset(n)
        while len(self._subsets) >= MOST_SUBSETS:
            del self._subsets[next(iter(self._subsets))]
        self._subsets[n] = subset  # last, for the one used longest ago comes first
        return subset

    def _measured(self, objective: Objective, controls: Controls) -> dict[str, Objective]:
        """What the picture needs the losses of, by its split."""
        mode, found = controls.batch_norm, {}
        if controls.split != "test":
            found["train"] = objective.with_batch_norm(mode)
        if controls.split != "train":
            assert self.test is not None
            found["test"] = self.test.with_batch_norm(mode, objective)
        return found

    def _cache(self, key: PlaneKey) -> Cache:
        """Losses of a plane, as long as there is room for them."""
        cache = self._caches.pop(key, {})
        while self._caches and sum(map(len, self._caches.values())) > MOST_NODES:
            del self._caches[next(iter(self._caches))]
        self._caches[key] = cache
        return cache

    def _loss(self, objective: Objective) -> float:
        """L(θ*)."""
        n = objective.n_examples
        if n not in self._losses:
            started = monotonic()
            self._losses[n] = objective.loss().item()
            self._seconds[n] = monotonic() - started
        return self._losses[n]

    def _gradient(self, objective: Objective) -> FloatArray:
        """∇L(θ*), shape (N,)."""
        n = objective.n_examples
        if n not in self._gradients:
            self._gradients[n] = objective.precise().gradient().cpu().numpy()
        return self._gradients[n]

    def _eigenpairs(self, objective: Objective, controls: Controls, found: Findings) -> Iterator[Findings]:
        # A run for each number of pairs: vectors of two runs agree within their tolerance only, and a picture
        # must follow from its controls alone, not from those before.
        n, k = objective.n_examples, max(1, controls.rank)
        run = self._pair_runs.setdefault((n, k), Run(lambda: eigenpair_steps(objective, k)))
        found.meter.expect("product", _USUAL_PRODUCTS * k, run.latest.n_hvp if run.latest else 0)
        found.stage = "Hessian eigenvectors"
        try:
            for pairs, seconds in run.resume():
                found.pairs = pairs
                certified = found.pairs_final
                if certified:
                    found.slopes = self._slopes_along(objective, pairs)
                usual = pairs.n_hvp if certified else max(_USUAL_PRODUCTS * k, pairs.n_hvp + 1)
                found.meter.expect("product", usual, found.meter.reused("product"))
                found.meter.record("product", pairs.n_hvp, seconds)
                yield found
        except Exception:
            found.meter.finish("product")
            raise

    def _slopes_along(self, objective: Objective, pairs: EigenPairs) -> Slopes:
        """∇L(θ*) by these eigenvectors."""
        key = objective.n_examples, len(pairs.values)
        if key not in self._slopes:
            self._slopes[key] = slopes_along(objective, pairs, self._gradient(objective))
        return self._slopes[key]

    def _surface(
        self, objective: Objective, controls: Controls, plane: Plane, found: Findings
    ) -> Iterator[Findings]:
        for surfaces in self._nodes("node", objective, controls, plane, found):
            found.draw(plane, surfaces)
            yield found

    def _compared(self, objective: Objective, controls: Controls, found: Findings) -> Iterator[Findings]:
        """The second picture; its Hessian axes rest on certified pairs, without which there is none."""
        if hessian_rank(controls.axes) and not found.pairs_final:
            return
        plane = make_plane(objective, controls.axes, controls.seed, found.pairs)
        for surfaces in self._nodes("compared node", objective, controls, plane, found):
            found.compared = Picture(plane, shown(surfaces), surfaces=surfaces)
            yield found
        assert found.compared is not None
        found.compared = replace(found.compared, quadratic=self._quadratic(objective, plane, found))
        yield found

    def _nodes(
        self, kind: str, objective: Objective, controls: Controls, plane: Plane, found: Findings
    ) -> Iterator[dict[str, Surface]]:
        """Surfaces of a plane on what is known of it, by their splits, metered as work of its own kind."""
        domain = controls.domain or self.automatic_domain(plane, found)
        alpha = grid_axis(domain[0], domain[1], controls.resolution)
        beta = grid_axis(domain[2], domain[3], controls.resolution)
        runs, known = {}, 0
        for split, measured in self._measured(objective, controls).items():
            cache = self._cache(_plane_key(objective, plane, controls.batch_norm, split))
            known += n_known(cache, alpha, beta)
            runs[split] = evaluate_plane(measured, plane, domain, controls.resolution, cache=cache)
        found.meter.expect(kind, len(runs) * controls.resolution**2, known)
        started = monotonic()
        for surfaces in alongside(runs):
            done = sum(int(surface.done.sum()) for surface in surfaces.values())
            found.meter.record(kind, done, monotonic() - started)
            yield surfaces
            started = monotonic()

    def _curvature(
        self, objective: Objective, controls: Controls, plane: Plane, found: Findings
    ) -> Iterator[Findings]:
        """The curvature panel: the face on show first, then what the others rest on."""
        found.quadratic = self._quadratic(objective, plane, found)
        found.trace = self._known_trace(objective)
        if controls.face == "trace":
            yield from self._traces(objective, found)
        if controls.face == "spectrum":
            yield from self._density(objective, found)
        yield from self._projections(objective, controls, found)
        yield from self._density(objective, found)
        if found.density is None:
            found.blindness = saddle_blindness(found.projections)
            yield found
            return
        trace = found.trace or trace_of(found.density)
        rests_on = (objective.n_examples, controls.samples, trace.samples, len(found.density.certified))
        if rests_on not in self._blindness:
            self._blindness[rests_on] = saddle_blindness(found.projections, trace, found.density)
        found.blindness = self._blindness[rests_on]
        yield found

    def _quadratic(self, objective: Objective, plane: Plane, found: Findings) -> QuadraticModel:
        """The loss to second order in a plane; eigenpairs it rests on must be there."""
        key = objective.n_examples, plane.fingerprint
        if key not in self._models:
            loss, gradient = self._loss(objective), self._gradient(objective)
            self._models[key] = quadratic_model(objective, plane, loss, gradient, found.pairs)
        return self._models[key]

    def _projections(self, objective: Objective, controls: Controls, found: Findings) -> Iterator[Findings]:
        n, samples = objective.n_examples, controls.samples
        run = self._projection_runs.setdefault((n, samples), self._projection_run(n, samples))
        found.meter.expect("projection", samples, run.latest.samples if run.latest else 0)
        for projections, seconds in run.resume():
            found.projections = projections
            found.meter.record("projection", projections.samples, seconds)
            yield found

    def _projection_run(
        self, n: int, samples: int, known: ProjectedCurvatures | None = None
    ) -> Run[ProjectedCurvatures]:
        study = proxy(self)  # or study and run would hold each other, and the data until garbage is collected

        def steps() -> Iterator[ProjectedCurvatures]:
            objective = study._subset(n)
            return projection_steps(objective, samples, method=_derivatives(objective), known=known)

        return Run(steps, known)

    def _density(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """The spectral density on top of the certified pairs; it waits for them, and needs them."""
        while not found.pairs_final:
            if found.fault is not None:
                return
            yield found
        n, pairs = objective.n_examples, found.pairs
        assert pairs is not None
        key = (n, pairs.n_largest)
        run = self._density_runs.setdefault(
            key, Run(lambda: density_steps(objective, DENSITY_PROBES, DENSITY_STEPS, pairs=pairs))
        )
        total = (DENSITY_PROBES - 1) * min(DENSITY_STEPS, objective.n_parameters)
        found.meter.expect("density", total, run.latest.n_hvp if run.latest else 0)
        for density, seconds in run.resume():
            found.density = density
            found.meter.expect("density", max(total, density.n_hvp), found.meter.reused("density"))
            found.meter.record("density", density.n_hvp, seconds)
            yield found
        found.meter.finish("density")

    def _traces(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """The exact or deflated trace; then Fig. 3, both methods on the same normal vectors."""
        best = default_method(objective, TRACE_SAMPLES)
        methods = (best, *TRACE_METHODS) if _derivatives(objective) == "hvp" else ("curvature-fit",)
        known = self._trace_histories.setdefault(objective.n_examples, {})
        histories = {method: known.setdefault(method, []) for method in methods}
        runs = {method: self._trace_run(objective, method, histories[method], found) for method in methods}
        for _ in chain(runs.pop(best, ()), _fairly(*runs.values())):
            found.traces, found.trace = histories, self._known_trace(objective)
            yield found
        found.traces, found.trace = histories, self._known_trace(objective)

    def _known_trace(self, objective: Objective) -> TraceEstimate | None:
        """The exact or deflated trace, if it was computed to the end."""
        return best_trace(self._trace_histories.get(objective.n_examples, {}))

    def _trace_run(
        self, objective: Objective, method: str, history: list[TraceEstimate], found: Findings
    ) -> Iterator[Findings]:
        distribution = "normal" if method in TRACE_METHODS else None
        run = self._trace_runs.setdefault(
            (objective.n_examples, method),
            Run(lambda: trace_steps(objective, method, TRACE_SAMPLES, distribution=distribution)),
        )
        total = objective.n_parameters if method == "exact" else TRACE_SAMPLES
        found.meter.expect(method, total, _vectors(run.latest) if run.latest else 0)
        for estimate, seconds in run.resume():
            new = not history or _vectors(estimate) > _vectors(history[-1])
            if new and not (method == "exact" and math.isnan(estimate.value)):
                history.append(estimate)
            found.meter.record(method, _vectors(estimate), seconds)
            yield found

    def automatic_domain(self, plane: Plane, found: Findings) -> Domain:
        """A domain on which the plane has something to show.

        Along eigenvectors it is ``eigenvector_half_width``, along random directions a displacement by ‖θ*‖,
        along filter-normalised ones 1.
        """
        ranked = [parse_axis(axis) for axis in plane.axes]
        pairs, loss = found.pairs, found.centre_loss
        widths = [
            eigenvector_half_width(plane.axes, pairs, loss, self.theta_norm)
            if rank and pairs
            else snap(self._random_half_width(kind, norm))
            for (kind, rank), norm in zip(ranked, plane.norms, strict=True)
        ]
        return -widths[0], widths[0], -widths[1], widths[1]

    def _random_half_width(self, kind: str, norm: float) -> float:
        return 1.0 if kind == "filter" or not self.theta_norm or not norm else self.theta_norm / norm


def _plane_key(objective: Objective, plane: Plane, batch_norm: str, split: str) -> PlaneKey:
    """Under which losses of a plane are kept."""
    words = [plane.fingerprint, *(["test"] if split == "test" else [])]
    return objective.n_examples, " ".join([*words, *([batch_norm] if batch_norm != "frozen" else [])])


def _table(losses: Mapping[tuple[float, float], float]) -> FloatArray:
    """Rows (α, β, loss), shape (K, 3)."""
    return np.array([(a, b, loss) for (a, b), loss in losses.items()]).reshape(-1, 3)


def eigenvector_half_width(
    axes: tuple[str, str], pairs: EigenPairs, centre_loss: float | None, theta_norm: float
) -> float:
    """How far the automatic domain reaches along eigenvectors to either side, in ‖Δθ‖.

    To where the quadratic model ½|λ|w² reaches the loss at θ* (at least 1), with the geometric mean of the
    curvatures on show, and at most to ‖θ*‖/20, since far out the loss of a network grows steeply and hides
    what is near. A loss without curvature has no such width; then it is ‖θ*‖/20, or 1 where θ* is zero.

    Args:
        axes: Of the plane on show; without an eigenvector among them those of λmax and λmin count.
        pairs: Eigenpairs that the axes are taken from.
        centre_loss: L(θ*).
        theta_norm: ‖θ*‖.
    """
    ranked = [pairs.at(end, rank) for end, rank in map(parse_axis, axes) if rank]
    curvatures = np.abs(pairs.values[ranked or [0, -1]])
    steepest = float(np.abs(pairs.values).max())
    if not steepest > _FLAT:
        return snap(theta_norm / 20 or 1.0)
    mean = math.exp(np.mean(np.log(np.maximum(curvatures, 1e-3 * steepest))))
    width = math.sqrt(2 * max(1.0, abs(centre_loss or 0.0)) / mean)  # 1 for a loss that is NaN, too
    return snap(min(width, theta_norm / 20 or _WIDEST_AT_ZERO))


def snap(width: float) -> float:
    """The nearest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten, by ratio."""
    width = min(max(width, _HALF_WIDTHS[0]), _HALF_WIDTHS[1])
    exponent = math.floor(math.log10(width))
    candidates = [m * 10.0**e for e in (exponent, exponent + 1) for m in MANTISSAS]
    best = min(candidates, key=lambda c: abs(math.log(c / width)))
    return float(f"{best:.2g}")


def _alike(one: Surface, other: Surface) -> bool:
    """Whether two pictures on one grid differ by little, where both have a loss."""
    off = other.loss - one.loss
    both = np.isfinite(off)
    return not both.any() or bool(
        np.sqrt(np.mean(off[both] ** 2)) <= _ALIKE * (other.loss[both].max() - other.loss[both].min())
    )


def _derivatives(objective: Objective) -> str:
    """How projected curvatures are had: by products, or where those are refused by differences."""
    return "hvp" if refusal(objective.precise()) is None else "gradients"


def best_trace(traces: Mapping[str, Sequence[TraceEstimate]]) -> TraceEstimate | None:
    """The exact or deflated trace among running estimates, None where it is not complete."""
    for method in ("exact", "deflated"):
        if trace_is_final(method, traces.get(method, ())):
            return traces[method][-1]
    return None


def trace_is_final(method: str, history: Sequence[TraceEstimate]) -> bool:
    """Whether a method has spent all vectors that the panel gives it."""
    return bool(history) and (
        method == "exact" or max(history[-1].samples, history[-1].n_hvp) >= TRACE_SAMPLES
    )


def _vectors(estimate: TraceEstimate) -> int:
    """How many vectors an estimate took, be it for products or for lines."""
    return estimate.n_hvp or estimate.samples


def _to_the_end(job: Iterator[Findings], found: Findings) -> Iterator[Findings]:
    """A job that is to leave the others their time: it keeps the first error for later."""
    try:
        yield from job
    except Exception as error:
        found.fault = found.fault or error


def _fairly(*jobs: Iterator[Findings]) -> Iterator[Findings]:
    """Advances the one that has had the least time so far, until all have ended."""
    queue = [(0.0, order, job) for order, job in enumerate(jobs)]
    while queue:
        spent, order, job = heapq.heappop(queue)
        started = monotonic()
        try:
            found = next(job)
        except StopIteration:
            continue
        heapq.heappush(queue, (spent + monotonic() - started, order, job))
        yield found
