"""Figures of the loss on a plane, fit for a paper: plotly figures with units, marks and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.captions import title_of
from landscape_widget.figures.labels import (
    Minimum,
    axis_labels,
    axis_names,
    interpolated,
    marks_of,
    quantity,
    stretched,
    stretched_labels,
    unit_words,
    what_is_missing,
)
from landscape_widget.figures.paths import Paths, add_to_heatmap
from landscape_widget.figures.raised_paths import add_to_surface
from landscape_widget.figures.shade import Shade, logarithm, marked_losses, shade_of
from landscape_widget.figures.style import CAMERA, DEPTH, LIFT, MINUS, ORIGIN, SIGNS, finished, number
from landscape_widget.numerics.checks import check_flag
from landscape_widget.numerics.level import level_segments
from landscape_widget.results import words
from landscape_widget.results.given import check_given
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel

#: The line of L(θ*).
_LEVEL, _LEVEL_NAME = "#1a1a1a", words.LEVEL

#: Least distance of ticks along the loss axis, by its length.
_BETWEEN = 0.12

_HOVER = "α %{x:.4g}<br>β %{y:.4g}<br>%{customdata:.6g}<extra></extra>"


def surface_figure(
    surface: Surface,
    plane: Plane | None = None,
    *,
    scale: str = "auto",
    log: bool = False,
    minima: Mapping[str, Minimum] | None = None,
    quadratic: QuadraticModel | None = None,
    path: Paths | None = None,
) -> go.Figure:
    """The loss above a plane, in three dimensions.

    Args:
        surface: What to draw. A hole stays a hole; nodes not evaluated yet are interpolated, and the title
            says so.
        plane: The plane that it lies on, for labels that say how long a unit of each axis is.
        scale: What height and colour stand for. "auto": the loss on a scale with L(θ*) in its middle, linear
            near it and a logarithm beyond, in blue where it is below and in red where it is above; "linear":
            the loss; "log": its logarithm.
        log: Short for ``scale="log"``.
        minima: Lowest points to mark, "train" and "test"; default the surface's own.
        quadratic: The training loss to second order, whose curvatures tell how far "auto" is linear.
        path: What ``plane_path`` made of a trajectory on this plane, or several by name. It is drawn at its
            true loss, with a line from each checkpoint to the surface; marks are the larger the farther off
            the plane a checkpoint is.

    Raises:
        ValueError: For a logarithm where a loss is not positive, another ``scale``, or a path on another
            plane.
    """
    check_given(Plane | None, plane=plane)
    shade = shade_of(surface, scale, log, quadratic)
    names, units = axis_names(surface, plane), unit_words(plane)
    grid = {"x": surface.alpha, "y": surface.beta, "z": shade.z}
    drawn = go.Surface(
        **grid, colorscale=shade.colours, colorbar=shade.bar, customdata=surface.loss, hovertemplate=_HOVER
    )
    figure = go.Figure(drawn.update(contours_z={"show": True, "color": "#b4c4c6", "width": 1}))
    span = shade.ends[1] - shade.ends[0]
    if shade.level is not None:
        x, y = level_segments(surface.alpha, surface.beta, shade.z, shade.level)
        raised = shade.level + LIFT * span
        line = {"color": shade.ink(shade.level), "width": 6}
        figure.add_scatter3d(
            x=x,
            y=y,
            z=np.full(len(x), raised),
            mode="lines",
            line=line,
            name=_LEVEL_NAME,
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_scatter3d(x=[None], y=[None], z=[None], **_level_key(shade))
    paths = add_to_surface(figure, surface, shade, path) if path is not None else ""
    marks = marks_of(surface, shade.z, minima)
    for label, alpha, beta, height, marker in marks:
        # text, since fonts lack what plotly takes for its own cross
        figure.add_scatter3d(
            x=[alpha],
            y=[beta],
            z=[height + 0.04 * span],  # raised a little, else the slope in front hides their lower half
            name=label,
            mode="text",
            text=SIGNS[marker["symbol"]],
            textposition="middle center",
            textfont={"size": 24, "color": shade.ink(height)},
            showlegend=False,
        )
    figure.update_layout(
        scene={
            # along a tilted axis there is no room for more than its letter
            "xaxis_title": "α",
            "yaxis_title": "β",
            "zaxis": {"title": shade.name} | _apart(shade.ticks, figure),
            "camera": CAMERA,
            "aspectmode": "manual",
            "aspectratio": {"x": 1, "y": 1, "z": DEPTH},
        }
    )
    for label, *_, marker in marks:  # what has no place is drawn in the legend alone
        key = marker | {"size": 8, "line": {"color": "#000000", "width": 1}}
        figure.add_scatter3d(x=[None], y=[None], z=[None], mode="markers", marker=key, name=label)
    parts = zip(names, units, stretched(surface, plane), strict=True)
    told = [": ".join(filter(None, [name, "; ".join(filter(None, rest))])) for name, *rest in parts]
    notes = [note for note in told if len(note) > 1]
    missing = what_is_missing(surface, marks)
    below = " · ".join(filter(None, [*notes, paths]))
    return finished(figure, title_of(surface), surface.provenance, missing, below)


def _apart(ticks: dict[str, Any], figure: go.Figure) -> dict[str, Any]:
    """Returns those ticks of the loss axis that do not touch, where a path stands far above the surface."""
    if not ticks:
        return ticks
    heights = [np.asarray(trace.z, float).ravel() for trace in figure.data if trace.z is not None]
    finite = np.concatenate([z[np.isfinite(z)] for z in heights])
    kept: dict[float, str] = {}
    # that of L(θ*) before all others
    for value, text in sorted(
        zip(ticks["tickvals"], ticks["ticktext"], strict=True), key=lambda t: abs(t[0])
    ):
        if all(abs(value - other) >= _BETWEEN * np.ptp(finite) for other in kept):
            kept[value] = text
    values = sorted(kept)
    return {"tickvals": values, "ticktext": [kept[value] for value in values]}


def _level_key(shade: Shade) -> dict[str, Any]:
    """What the legend says of the line of L(θ*): a line without a place, for pages to draw in their ink."""
    name = f"{_LEVEL_NAME} = {number(shade.centre)}" if shade.centre is not None else _LEVEL_NAME
    return {"mode": "lines", "line": {"color": _LEVEL, "width": 3}, "name": name}


def heatmap_figure(
    surface: Surface,
    plane: Plane | None = None,
    *,
    scale: str = "auto",
    log: bool = False,
    minima: Mapping[str, Minimum] | None = None,
    quadratic: QuadraticModel | None = None,
    path: Paths | None = None,
) -> go.Figure:
    """The loss on a plane from above: colours, contour lines, that of L(θ*) bold, θ* and the lowest point.

    Args and errors: as for ``surface_figure``.
    """
    check_given(Plane | None, plane=plane)
    shade = shade_of(surface, scale, log, quadratic)
    labels = stretched_labels(surface, plane)
    grid = {"x": surface.alpha, "y": surface.beta, "z": shade.z}
    figure = go.Figure(
        go.Heatmap(
            **grid,
            colorscale=shade.colours,
            colorbar=shade.bar,
            customdata=surface.loss,
            hovertemplate=_HOVER,
        )
    )
    ink = "white" if isinstance(shade.colours, str) else "#555555"
    unnamed = {"showscale": False, "showlegend": False, "hoverinfo": "skip"}
    lines = {"coloring": "none"}  # without labels, which no one colour makes legible on all of a map
    figure.add_contour(**grid, **unnamed, contours=lines, ncontours=14, line={"color": ink, "width": 0.8})
    if shade.level is not None:
        level = {"coloring": "none", "start": shade.level, "end": shade.level, "size": 1}
        # a wide light line under a dark one is seen on every colour
        for color, width in (("rgba(255, 255, 255, 0.8)", 5), (_LEVEL, 2.5)):
            figure.add_contour(
                **grid,
                **unnamed,
                autocontour=False,
                contours=level,
                line={"color": color, "width": width},
                name=_LEVEL_NAME,
            )
        figure.add_scatter(x=[None], y=[None], **_level_key(shade))
    paths = add_to_heatmap(figure, surface, path) if path is not None else ""
    marks = marks_of(surface, shade.z, minima)
    for label, alpha, beta, _, marker in marks:
        figure.add_scatter(
            x=[alpha], y=[beta], name=label, mode="markers", marker=marker | {"size": 10}, cliponaxis=False
        )
    figure.update_xaxes(title=labels[0], range=surface.alpha[[0, -1]].tolist())
    figure.update_yaxes(title=labels[1], range=surface.beta[[0, -1]].tolist())
    return finished(figure, title_of(surface), surface.provenance, what_is_missing(surface, marks), paths)


def slices_figure(surface: Surface, plane: Plane | None = None, *, log: bool = False) -> go.Figure:
    """The loss along α at β = 0 and along β at α = 0, both through θ*; dots where it was evaluated.

    Where the domain does not contain θ*, the slices are those closest to it, and the titles say so.

    Args:
        surface: See ``surface_figure``.
        plane: See ``surface_figure``.
        log: Whether to draw the loss on a logarithmic axis.

    Raises:
        ValueError: For ``log`` where a loss is not positive.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415 - slow to import

    check_given(Surface, surface=surface)
    check_given(Plane | None, plane=plane)
    z, name = logarithm(surface) if check_flag(log, "log") else (surface.loss, quantity(surface))
    labels = axis_labels(surface, plane)
    i, j = (int(np.argmin(np.abs(axis))) for axis in (surface.beta, surface.alpha))
    slices = (
        (surface.alpha, z[i], surface.done[i], f"β = {number(surface.beta[i])}"),
        (surface.beta, z[:, j], surface.done[:, j], f"α = {number(surface.alpha[j])}"),
    )
    figure = make_subplots(1, 2, subplot_titles=[title for *_, title in slices])
    for column, ((x, y, done, _), label) in enumerate(zip(slices, labels, strict=True), start=1):
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": MINUS, "width": 2}, showlegend=False, row=1, col=column
        )
        dots = {"color": MINUS, "size": 4}
        figure.add_scatter(
            x=x[done], y=y[done], mode="markers", marker=dots, showlegend=False, row=1, col=column
        )
        if 0 in x:
            figure.add_vline(0, line={"color": ORIGIN, "width": 1, "dash": "dot"}, row=1, col=column)
        figure.update_xaxes(title=label, row=1, col=column)
        figure.update_yaxes(**(marked_losses(y, 5) if log else {}), row=1, col=column)
    figure.update_yaxes(title=name, row=1, col=1)
    through = surface.beta[i] == surface.alpha[j] == 0
    where = "slices through θ*" if through else "slices as close to θ* as the domain goes"
    return finished(figure, f"{title_of(surface)}, {where}", surface.provenance, interpolated(surface))
