"""The curvature at θ*, step by step: eigenpairs, random projections, the spectral density and traces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import chain
from time import monotonic

from landscape_widget.curvature.blindness import saddle_blindness
from landscape_widget.curvature.density import density_steps, trace_of
from landscape_widget.curvature.eigenpairs import eigenpair_steps
from landscape_widget.curvature.matching import matched
from landscape_widget.curvature.product_check import refusal
from landscape_widget.curvature.trace import default_method, trace_steps
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.projections import projection_steps
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.planes import Plane
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate
from landscape_widget.study import budget
from landscape_widget.study.budget import DENSITY_PROBES, TRACE_METHODS, USUAL_PRODUCTS
from landscape_widget.study.centre import Centre
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings
from landscape_widget.study.progress import Runs, fairly


class CurvatureSteps:
    """Computes the curvature at a centre; whatever is left half way goes on with the next request."""

    def __init__(self, centre: Centre) -> None:
        self._centre, self._known = centre, centre.known
        self._pairs = Runs(self._known.pairs)
        self._preconditioned = Runs(self._known.preconditioned)
        self._densities = Runs(self._known.densities)
        self._histories = dict(self._known.traces)
        """Running estimates of tr(H), of runs that have not ended, too."""
        self._traces = Runs({key: history[-1] for key, history in self._histories.items()})

    def has_pairs(self, n_examples: int) -> bool:
        """Whether some eigenpairs of the loss on so many examples are known, if only estimates."""
        return any(n == n_examples for n, _ in self._pairs.begun())

    def eigenpairs(self, objective: Objective, controls: Controls, found: Findings) -> Iterator[Findings]:
        """Computes as many eigenpairs at each end as the axes of both pictures need, and slopes along them.

        Each number of pairs has a run of its own: vectors of two runs agree within their tolerance only, and
        a picture must follow from its controls alone, not from those before.
        """
        key = _, k = objective.n_examples, max(1, controls.rank)
        latest = self._pairs.latest(key)
        found.meter.expect("product", USUAL_PRODUCTS * k, latest.n_hvp if latest else 0)
        found.stage = "directions of extreme curvature"
        try:
            for pairs, seconds in self._pairs.resume(key, lambda: self._search(objective, k)):
                found.pairs = pairs
                certified = found.pairs_final
                if certified:
                    found.slopes = self._centre.slopes(objective, pairs)
                usual = pairs.n_hvp if certified else max(USUAL_PRODUCTS * k, pairs.n_hvp + 1)
                found.meter.expect("product", usual, found.meter.reused("product"))
                found.meter.record("product", pairs.n_hvp, seconds)
                yield found
        except Exception:
            found.meter.finish("product")
            raise

    def _search(self, objective: Objective, k: int) -> Iterator[EigenPairs]:
        """Begins at eigenvectors near by, if there are any, and gives what it finds the signs of these."""
        near = self._centre.run.pairs(objective.n_examples, k)
        for pairs in eigenpair_steps(objective, k, start=None if near is None else near.vectors):
            yield pairs if near is None or not pairs.vectors.shape[1] else matched(pairs, near)[0]

    def recall(self, objective: Objective, controls: Controls, found: Findings) -> None:
        """Takes over what is known of random planes, which does not depend on the plane on show."""
        n = objective.n_examples
        found.trace = self._best_trace(objective)
        found.projections = self._known.projections.get((n, controls.samples))
        pairs = self._pairs.latest((n, max(1, controls.rank)))
        density = None if pairs is None else self._densities.latest((n, pairs.n_largest))
        if density is not None:
            trace = found.trace or trace_of(density)
            found.blindness = self._known.blindness.get(_blindness_key(objective, controls, trace, density))

    def shown(
        self, objective: Objective, controls: Controls, plane: Plane, found: Findings
    ) -> Iterator[Findings]:
        """Computes what the face of the curvature panel that is on show rests on."""
        found.quadratic = self._centre.quadratic(objective, plane, found.pairs)
        known = self._known_traces(objective)
        if any(known.get(method) for method in TRACE_METHODS):  # of that face, whichever is on show now
            found.traces = known
        match controls.face:
            case "trace":
                yield from self._compare_traces(objective, found)
            case "spectrum":
                yield from self._density(objective, found)
            case _:
                yield from self._projections(objective, controls, found)

    def rest(
        self, objective: Objective, controls: Controls, _plane: Plane, found: Findings
    ) -> Iterator[Findings]:
        """Computes what all other faces rest on, and what rests on all of them."""
        yield from self._projections(objective, controls, found)
        yield from self._density(objective, found)
        if found.density is None:
            found.blindness = saddle_blindness(found.projections)
            yield found
            return
        trace = found.trace or trace_of(found.density)
        rests_on = _blindness_key(objective, controls, trace, found.density)
        known = self._known.blindness
        if rests_on not in known:
            known[rests_on] = saddle_blindness(found.projections, trace, found.density)
        found.blindness = known[rests_on]
        yield found

    def _projections(self, objective: Objective, controls: Controls, found: Findings) -> Iterator[Findings]:
        """Draws random projections, from the first one that is not known."""
        key, known = (objective.n_examples, controls.samples), self._known.projections
        before = found.projections = known.get(key)
        done = before.samples if before else 0
        found.meter.expect("projection", controls.samples, done)
        if before is not None:
            yield found
        if done == controls.samples:
            return
        started = monotonic()
        method = _derivatives(objective)
        for projections in projection_steps(objective, controls.samples, method=method, known=before):
            found.projections = known[key] = projections
            found.meter.record("projection", projections.samples, monotonic() - started)
            yield found
            started = monotonic()

    def _density(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """Builds the spectral density on the certified pairs; it waits for them, and needs them."""
        while not found.pairs_final:
            if found.fault is not None:
                found.meter.finish("density")
                return
            yield found
        pairs = found.pairs
        assert pairs is not None
        key = objective.n_examples, pairs.n_largest
        latest = self._densities.latest(key)
        total = (DENSITY_PROBES - 1) * min(budget.DENSITY_STEPS, objective.n_parameters)
        found.meter.expect("density", total, latest.n_hvp if latest else 0)
        for density, seconds in self._densities.resume(
            key, lambda: density_steps(objective, DENSITY_PROBES, budget.DENSITY_STEPS, pairs=pairs)
        ):
            found.density = density
            found.meter.expect("density", max(total, density.n_hvp), found.meter.reused("density"))
            found.meter.record("density", density.n_hvp, seconds)
            yield found
        found.meter.finish("density")

    def _compare_traces(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """Computes the exact or deflated trace; then Fig. 3, both methods on the same normal vectors."""
        best = default_method(objective, budget.TRACE_SAMPLES)
        methods = (best, *TRACE_METHODS) if _derivatives(objective) == "hvp" else ("curvature-fit",)
        for method in {best, *TRACE_METHODS}.difference(methods):
            found.meter.finish(method)
        histories = {
            method: self._histories.setdefault((objective.n_examples, method), []) for method in methods
        }
        runs = {method: self._trace(objective, method, found) for method in methods}
        for _ in chain(runs.pop(best, ()), fairly(*runs.values())):
            found.traces, found.trace = histories, self._best_trace(objective)
            yield found
        found.traces, found.trace = histories, self._best_trace(objective)

    def preconditioned(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """Computes λmax of P^(−½) H P^(−½), where the optimiser's P was kept."""
        diagonal = self._centre.run.diagonal()
        if diagonal is not None:
            search = partial(eigenpair_steps, objective, 1, "largest", preconditioner=diagonal)
            for _ in self._preconditioned.resume(objective.n_examples, search):
                yield found

    def best_trace(self, objective: Objective, found: Findings) -> Iterator[Findings]:
        """Computes tr(H) by the best method alone."""
        method = default_method(objective, budget.TRACE_SAMPLES)
        self._histories.setdefault((objective.n_examples, method), [])
        yield from self._trace(objective, method, found)

    def _best_trace(self, objective: Objective) -> TraceEstimate | None:
        """Returns the exact or deflated trace, if it was computed to the end."""
        return budget.best_trace(self._known_traces(objective))

    def _known_traces(self, objective: Objective) -> dict[str, list[TraceEstimate]]:
        """Returns the running estimates of tr(H) that there are, by their methods."""
        n = objective.n_examples
        return {method: history for (m, method), history in self._histories.items() if m == n}

    def _trace(self, objective: Objective, method: str, found: Findings) -> Iterator[Findings]:
        """Estimates tr(H) by one method."""
        key = objective.n_examples, method
        history, latest = self._histories[key], self._traces.latest(key)
        total = objective.n_parameters if method == "exact" else budget.TRACE_SAMPLES
        found.meter.expect(method, total, _vectors(latest) if latest else 0)
        distribution = "normal" if method in TRACE_METHODS else None
        for estimate, seconds in self._traces.resume(
            key, lambda: trace_steps(objective, method, budget.TRACE_SAMPLES, distribution=distribution)
        ):
            new = not history or _vectors(estimate) > _vectors(history[-1])
            if new and not (method == "exact" and math.isnan(estimate.value)):
                history.append(estimate)
            found.meter.record(method, _vectors(estimate), seconds)
            yield found
        self._known.traces[key] = history


def _blindness_key(
    objective: Objective, controls: Controls, trace: TraceEstimate, density: SpectralDensity
) -> tuple[int, ...]:
    """Returns what tells apart how often random planes hide a saddle: the sizes of what this rests on."""
    return objective.n_examples, controls.samples, trace.samples, len(density.certified)


def _derivatives(objective: Objective) -> str:
    """Returns how projected curvatures are computed: by products, or by differences if those are refused."""
    return "hvp" if refusal(objective.precise()) is None else "gradients"


def _vectors(estimate: TraceEstimate) -> int:
    """Returns how many vectors an estimate took, be it for products or for lines."""
    return estimate.n_hvp or estimate.samples
