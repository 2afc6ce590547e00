"""How much the curvature panel asks for, and whether it has that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from landscape_widget.results.spectrum import TraceEstimate

#: Evaluations of the loss that a Hessian-vector product in float64 costs.
PRODUCT_COST = 15.0

#: Products that a Lanczos run is taken to need, for the time left; networks need 24 to 56.
USUAL_PRODUCTS = 40

#: Probes of the spectral density; the first one is the eigenpairs' own run.
DENSITY_PROBES = 4

#: Products for each probe of the spectral density.
DENSITY_STEPS = 30

#: Estimators of the trace that the panel compares with the exact or deflated one (Fig. 3).
TRACE_METHODS = ("hutchinson", "curvature-fit")

#: Random vectors for each of these estimators; a deflated trace takes as many products.
TRACE_SAMPLES = 100


def best_trace(traces: Mapping[str, Sequence[TraceEstimate]]) -> TraceEstimate | None:
    """Returns the exact or deflated trace among running estimates, None where it is not complete."""
    for method in ("exact", "deflated"):
        if trace_is_final(method, traces.get(method, ())):
            return traces[method][-1]
    return None


def trace_is_final(method: str, history: Sequence[TraceEstimate]) -> bool:
    """Whether a method has spent all vectors that the panel gives it."""
    return bool(history) and (
        method == "exact" or max(history[-1].samples, history[-1].n_hvp) >= TRACE_SAMPLES
    )
