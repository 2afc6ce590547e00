"""Figures of the loss on a plane, fit for a paper: plotly figures with units, marks and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.style import COLOURS, LOWEST, MINUS, ORIGIN, colour_bar, finished, number
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.planes.axes import words_of
from landscape_widget.results.planes import Plane, Surface

#: The lowest point of a surface: α, β and the loss there.
Minimum = tuple[float, float, float]


def surface_figure(
    surface: Surface,
    plane: Plane | None = None,
    *,
    log: bool = False,
    minima: Mapping[str, Minimum] | None = None,
) -> go.Figure:
    """The loss above a plane, in three dimensions.

    Args:
        surface: What to draw. A hole stays a hole; nodes not evaluated yet are interpolated, and the title
            says so.
        plane: The plane that it lies on, for labels that say how long a unit of each axis is.
        log: Whether height and colour stand for log₁₀ of the loss.
        minima: Lowest points to mark, "train" and "test"; default the surface's own.

    Raises:
        ValueError: For ``log`` where a loss is not positive.
    """
    z, name = _scaled(surface, log)
    names, units = _axis_names(surface, plane), _units(plane)
    drawn = go.Surface(x=surface.alpha, y=surface.beta, z=z, colorscale=COLOURS, colorbar=colour_bar(name))
    figure = go.Figure(drawn.update(contours_z={"show": True, "usecolormap": True, "width": 1}))
    for label, alpha, beta, height, marker in _marks(surface, z, minima):
        figure.add_scatter3d(
            x=[alpha], y=[beta], z=[height], name=label, mode="markers", marker=marker | {"size": 5}
        )
    figure.update_layout(
        scene={
            "xaxis_title": names[0],
            "yaxis_title": names[1],
            "zaxis_title": name,
            "camera": {"eye": {"x": 1.05, "y": -1.25, "z": 0.85}, "center": {"x": 0, "y": 0, "z": -0.18}},
            "aspectmode": "manual",
            "aspectratio": {"x": 1, "y": 1, "z": 0.72},
        }
    )
    # along a tilted axis there is no room for more than its name
    note = " · ".join(f"{letter}: {unit}" for letter, unit in zip("αβ", units, strict=True) if unit)
    title = f"{_quantity(surface).capitalize()} surface"
    return finished(figure, title, surface.provenance, _interpolated(surface), note)


def heatmap_figure(
    surface: Surface,
    plane: Plane | None = None,
    *,
    log: bool = False,
    minima: Mapping[str, Minimum] | None = None,
) -> go.Figure:
    """The loss on a plane from above: colours, contour lines, θ* and the lowest point.

    Args and errors: as for ``surface_figure``.
    """
    z, name = _scaled(surface, log)
    labels = _axis_labels(surface, plane)
    grid = {"x": surface.alpha, "y": surface.beta, "z": z}
    figure = go.Figure(go.Heatmap(**grid, colorscale=COLOURS, colorbar=colour_bar(name)))
    lines = {"coloring": "none", "showlabels": True, "labelfont": {"size": 9, "color": "white"}}
    figure.add_contour(
        **grid,
        contours=lines,
        ncontours=14,
        line={"color": "white", "width": 0.8},
        showscale=False,
        showlegend=False,
    )
    for label, alpha, beta, _, marker in _marks(surface, z, minima):
        figure.add_scatter(x=[alpha], y=[beta], name=label, mode="markers", marker=marker | {"size": 10})
    figure.update_xaxes(title=labels[0], range=surface.alpha[[0, -1]].tolist())
    figure.update_yaxes(title=labels[1], range=surface.beta[[0, -1]].tolist())
    return finished(figure, _quantity(surface).capitalize(), surface.provenance, _interpolated(surface))


def slices_figure(surface: Surface, plane: Plane | None = None, *, log: bool = False) -> go.Figure:
    """The loss along α at β = 0 and along β at α = 0, both through θ*; dots where it was evaluated.

    Where the domain does not contain θ*, the slices are those closest to it, and the titles say so.
    Args and errors: as for ``surface_figure``.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415 - slow to import

    z, name = _scaled(surface, log)
    labels = _axis_labels(surface, plane)
    i, j = (int(np.argmin(np.abs(axis))) for axis in (surface.beta, surface.alpha))
    slices = (
        (surface.alpha, z[i], surface.done[i], f"β = {number(surface.beta[i])}"),
        (surface.beta, z[:, j], surface.done[:, j], f"α = {number(surface.alpha[j])}"),
    )
    figure = make_subplots(1, 2, shared_yaxes=True, subplot_titles=[title for *_, title in slices])
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
    figure.update_yaxes(title=name, row=1, col=1)
    through = surface.beta[i] == surface.alpha[j] == 0
    title = "Slices through θ*" if through else "Slices as close to θ* as the domain goes"
    return finished(figure, title, surface.provenance, _interpolated(surface))


def _quantity(surface: Surface) -> str:
    """What the values of a surface are."""
    what = {"test": "test loss", "difference": "test − training loss"}
    loss = what.get(surface.provenance.get("split", "train"), "loss")
    added = surface.provenance.get("batch_norm") == "difference"
    return f"{loss}, recomputed − frozen batch norm" if added else loss


def _scaled(surface: Surface, log: bool) -> tuple[FloatArray, str]:
    """What height and colour stand for, shape (nβ, nα), and its name."""
    quantity = _quantity(surface)
    if not log:
        return surface.loss, quantity
    finite = surface.loss[np.isfinite(surface.loss)]
    if (finite <= 0).any():
        raise ValueError(f"Expected positive losses for log=True, got {finite.min():.4g}. Use log=False.")
    return np.log10(surface.loss), f"log₁₀ {quantity}"


def _marks(
    surface: Surface, z: FloatArray, minima: Mapping[str, Minimum] | None
) -> list[tuple[str, float, float, float, dict[str, Any]]]:
    """Name, α, β, height and style of θ* and of the lowest evaluated nodes, where they are on the grid."""
    rim = {"color": "black", "width": 1}
    places: list[tuple[str, float, float, dict[str, Any]]]
    places = [("θ*", 0.0, 0.0, {"symbol": "diamond", "color": ORIGIN, "line": rim})]
    if minima is None:
        own = surface.provenance.get("split", "train")
        minima = {own: surface.minimum} if surface.minimum and own != "difference" else {}
    for split, (alpha, beta, loss) in minima.items():
        which, symbol = ("lowest test loss", "square") if split == "test" else ("lowest evaluated", "circle")
        name = f"{which}: {number(loss)}"
        places.append((name, alpha, beta, {"symbol": symbol, "color": LOWEST, "line": rim}))
    found = []
    for name, alpha, beta, marker in places:
        i, j = np.flatnonzero(surface.beta == beta), np.flatnonzero(surface.alpha == alpha)
        if len(i) and len(j):
            found.append((name, alpha, beta, float(z[i[0], j[0]]), marker))
    return found


def _axis_labels(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are, and how far one unit of each goes in parameter space."""
    parts = zip(_axis_names(surface, plane), _units(plane), strict=True)
    return ["; ".join(filter(None, part)) for part in parts]


def _axis_names(surface: Surface, plane: Plane | None) -> list[str]:
    axes = plane.axes if plane else surface.provenance.get("axes", ("", ""))
    return [f"{a} ({words_of(axis)})" if axis else a for a, axis in zip("αβ", axes, strict=True)]


def _units(plane: Plane | None) -> list[str]:
    """The length of η and δ, and its share of ‖θ*‖; nothing where the plane is not known.

    The second axis of a single parameter has none.
    """
    if plane is None:
        return ["", ""]
    size = norm(plane.origin)
    shares = [f" = {number(length / size, 3)} ‖θ*‖" if size else "" for length in plane.norms]
    return [
        f"1 is ‖Δθ‖ = {number(length, 3)}{share}" if length else "no direction of its own"
        for length, share in zip(plane.norms, shares, strict=True)
    ]


def _interpolated(surface: Surface) -> str:
    """How much of it is interpolated, and how right that is; empty where every node was evaluated."""
    return "" if surface.done.all() else surface.coverage
