"""Figures of curvature: random projections, spectral density, trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.captions import subject_of
from landscape_widget.figures.style import MINUS, PLUS, finished, number
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results import words
from landscape_widget.results.base import Provenance
from landscape_widget.results.blindness import measured_blindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures
from landscape_widget.results.given import check_given
from landscape_widget.results.shares import interval_words
from landscape_widget.results.spectrum import TRACE_LABELS, SpectralDensity, TraceEstimate

#: Most bins of a histogram; a few extreme values would ask for thousands.
MOST_BINS = 80


def curvature_figure(
    projections: ProjectedCurvatures, plane_curvature: tuple[float, float] | None = None
) -> go.Figure:
    """Histograms of κ₋ and κ₊ of random planes (Böttcher & Wheeler 2023, Fig. 2).

    Args:
        projections: The random planes.
        plane_curvature: (κ₋, κ₊) of a plane to mark among them.
    """
    check_given(ProjectedCurvatures, projections=projections)
    samples = {"κ₋": projections.kappa_minus, "κ₊": projections.kappa_plus}
    edges = _bin_edges(np.concatenate(list(samples.values())))
    if plane_curvature is not None and not (
        isinstance(plane_curvature, tuple | list) and len(plane_curvature) == 2
    ):
        raise TypeError(
            f"Expected plane_curvature as two numbers, (κ₋, κ₊), or None, got {told(plane_curvature)}."
        )
    marked = plane_curvature or ()
    figure = go.Figure()
    highest = 1
    for row, ((name, kappa), colour) in enumerate(zip(samples.items(), (MINUS, PLUS), strict=True)):
        counts, _ = np.histogram(kappa, edges)
        highest = max(highest, int(counts.max()))
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=np.diff(edges),
            name=f"{name}, mean {number(kappa.mean())}",
            marker={"color": colour, "opacity": 0.55, "line_width": 0},
        )
        for value in marked[row : row + 1]:
            figure.add_vline(
                value,
                line={"color": colour, "width": 2, "dash": "dash"},
                annotation={"text": f"{name} = {number(value)}", "yshift": -14 * row, "font_color": colour},
            )
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title=words.PROJECTED + _lengths(projections.provenance))
    # the names of marked lines stand above the bars
    figure.update_yaxes(title=words.PLANES, range=[0, highest * (1.2 if marked else 1.05)])
    measured = measured_blindness(projections)
    hidden = f"{round(projections.p_no_saddle * projections.samples):,} of them show no saddle"
    share = interval_words(measured.low, measured.high)
    planes = f"{projections.samples:,} random planes{_of(projections.provenance)}"
    title = f"Curvature of {planes}: {hidden} ({share} of all)"
    return finished(figure, title, projections.provenance)


def spectrum_figure(density: SpectralDensity, pairs: EigenPairs | None = None) -> go.Figure:
    """The spectral density of the Hessian on a logarithmic scale.

    Args:
        density: What to draw, as its ``curve``.
        pairs: Certified eigenvalues to mark.
    """
    check_given(SpectralDensity, density=density)
    check_given(EigenPairs | None, pairs=pairs)
    x, y = density.curve()
    floor = float(y.max()) * min(1e-3, 0.1 / density.n_parameters)
    figure = go.Figure(go.Scatter(x=x, y=y, mode="lines", name="density", line_color=MINUS))
    if pairs is not None:
        marker = {"symbol": "triangle-up", "size": 10, "color": PLUS}
        figure.add_scatter(
            x=pairs.values,
            y=np.full(len(pairs.values), floor),
            mode="markers",
            name="certified eigenvalues",
            marker=marker,
            cliponaxis=False,
        )
    figure.update_xaxes(title=words.EIGENVALUE)
    figure.update_yaxes(
        title=words.DENSITY,
        type="log",
        exponentformat="power",
        range=[np.log10(floor), np.log10(2 * y.max())],
    )
    title = f"Spectrum of the Hessian{_of(density.provenance)}: mean eigenvalue {number(density.mean)}"
    return finished(figure, title, density.provenance)


def trace_figure(traces: Mapping[str, Sequence[TraceEstimate]]) -> go.Figure:
    """Running estimates of tr(H) by each method, with 95 % intervals (Fig. 3).

    An exact or deflated trace is a line across, which the others should come to; what a curvature fit is
    off by stands beside it.

    Args:
        traces: The estimates of each method, from few samples to many.

    Raises:
        ValueError: If there is no estimate with a standard error.
    """
    if not isinstance(traces, Mapping) or not all(isinstance(h, Sequence) for h in traces.values()):
        raise TypeError(
            "Expected traces as a mapping of methods to estimates, such as explorer.traces or "
            f'{{"deflated": [hessian_trace(objective)]}}, got {type(traces).__name__}.'
        )
    check_given(TraceEstimate, **{f"traces[{m!r}]": e for m, history in traces.items() for e in history})
    known = {method: [e for e in history if np.isfinite(e.stderr)] for method, history in traces.items()}
    known = {method: history for method, history in known.items() if history}
    if not known:
        raise ValueError("Expected estimates with a standard error, of two samples or more, got none.")
    figure = go.Figure()
    last = next(reversed(known.values()))[-1]
    running = {method: history for method, history in known.items() if method not in ("exact", "deflated")}
    for (method, history), colour in zip(running.items(), cycle((MINUS, PLUS)), strict=False):
        figure.add_scatter(
            x=[estimate.samples for estimate in history],
            y=[estimate.value for estimate in history],
            error_y={"array": [e.error for e in history], "thickness": 0.8, "width": 0},
            mode="lines",
            name=_caption(method, history[-1]),
            line_color=colour,
        )
    end = max((history[-1].samples for history in running.values()), default=1)
    for method in known.keys() - running.keys():
        best = known[method][-1]
        figure.add_scatter(
            x=[0, end],
            y=[best.value, best.value],
            error_y={"array": [best.error] * 2, "thickness": 0.8, "width": 4} if best.error else None,
            mode="lines",
            name=_caption(method, best),
            line={"color": "#777777", "dash": "dot"},
        )
    figure.update_xaxes(title=words.VECTORS)
    figure.update_yaxes(title=words.TRACE)
    title = f"Trace of the Hessian{_of(last.provenance)}, with 95 % intervals"
    return finished(figure, title, last.provenance)


def _of(provenance: Provenance) -> str:
    """The end of a phrase that says whose Hessian it is."""
    subject = subject_of(provenance)
    return f" of {subject}" if subject else ""


def _lengths(provenance: Provenance) -> str:
    """How long directions from N(0, 1) are: their curvatures are not those along eigenvectors."""
    n = provenance.get("n_parameters")
    if n is None or provenance.get("normalize") is not None:
        return ""
    return f", directions about √N = {number(float(n) ** 0.5, 3)} long"


def _caption(method: str, estimate: TraceEstimate) -> str:
    """Method and value in words."""
    label, value = TRACE_LABELS.get(method, method), number(estimate.value)
    caption = f"{label}: {value} ± {number(estimate.error, 2)}" if estimate.error else f"{label}: {value}"
    if estimate.biased:
        side = "too high" if estimate.bias > 0 else "too low"
        caption += f", about {number(abs(estimate.bias), 2)} {side}: outside of the parabola"
    return caption


def _bin_edges(values: FloatArray) -> FloatArray:
    finite = values[np.isfinite(values)]
    spread = np.quantile(finite, 0.75) - np.quantile(finite, 0.25)
    width = 2 * spread / np.cbrt(len(finite))  # Freedman & Diaconis
    bins = np.ceil(np.ptp(finite) / width) if width else 1
    return np.histogram_bin_edges(finite, int(np.clip(bins, 1, MOST_BINS)))
