"""Figures of the loss on a plane, fit for a paper: plotly figures with units, marks and provenance."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.paths import Paths, add_to_heatmap, add_to_surface
from landscape_widget.figures.style import (
    COLOURS,
    LOWEST,
    LOWEST_TEST,
    MINUS,
    ORIGIN,
    SIGNS,
    THETA,
    colour_bar,
    diverging,
    finished,
    number,
)
from landscape_widget.numerics.level import level_segments
from landscape_widget.numerics.vectors import FloatArray, norm
from landscape_widget.planes.axes import words_of
from landscape_widget.planes.scale import LossScale, automatic_scale
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel

#: The lowest point of a surface: α, β and the loss there.
Minimum = tuple[float, float, float]

#: The line of L(θ*).
_LEVEL, _LEVEL_NAME = "#1a1a1a", "L(θ*)"

_HOVER = "α %{x:.4g}<br>β %{y:.4g}<br>%{customdata:.6g}<extra></extra>"

#: What height and colour can stand for.
SCALES = ("auto", "linear", "log")


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
    shade = _shade(surface, scale, log, quadratic)
    names, units = _axis_names(surface, plane), _units(plane)
    grid = {"x": surface.alpha, "y": surface.beta, "z": shade.z}
    drawn = go.Surface(
        **grid, colorscale=shade.colours, colorbar=shade.bar, customdata=surface.loss, hovertemplate=_HOVER
    )
    figure = go.Figure(drawn.update(contours_z={"show": True, "color": "#b4c4c6", "width": 1}))
    span = shade.ends[1] - shade.ends[0]
    if shade.level is not None:
        x, y = level_segments(surface.alpha, surface.beta, shade.z, shade.level)
        raised = shade.level + 0.004 * span  # else the surface hides half of it
        line = {"color": _LEVEL, "width": 6}
        figure.add_scatter3d(
            x=x, y=y, z=np.full(len(x), raised), mode="lines", line=line, name=_LEVEL_NAME, hoverinfo="skip"
        )
    if path is not None:
        add_to_surface(figure, surface, shade.z, path, shade.height)
    for label, alpha, beta, height, marker in _marks(surface, shade.z, minima):
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
            "xaxis_title": names[0],
            "yaxis_title": names[1],
            "zaxis": {"title": shade.name} | shade.ticks,
            "camera": {"eye": {"x": 1.05, "y": -1.25, "z": 0.85}, "center": {"x": 0, "y": 0, "z": -0.18}},
            "aspectmode": "manual",
            "aspectratio": {"x": 1, "y": 1, "z": 0.72},
        }
    )
    # along a tilted axis there is no room for more than its name
    parts = zip("αβ", units, _stretched(surface, plane), strict=True)
    notes = [f"{letter}: {'; '.join(filter(None, rest))}" for letter, *rest in parts if any(rest)]
    signs = [f"{SIGNS[mark['symbol']]} {name}" for name, *_, mark in _marks(surface, shade.z, minima)]
    note = " · ".join([*signs, *notes])
    title = f"{_quantity(surface).capitalize()} surface"
    return finished(figure, title, surface.provenance, _interpolated(surface), note)


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
    shade = _shade(surface, scale, log, quadratic)
    labels = _stretched_labels(surface, plane)
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
    # labels tell z, which is no loss on the automatic scale
    lines = {"coloring": "none", "showlabels": not shade.ticks, "labelfont": {"size": 9, "color": ink}}
    figure.add_contour(**grid, **unnamed, contours=lines, ncontours=14, line={"color": ink, "width": 0.8})
    if shade.level is not None:
        level = {"coloring": "none", "start": shade.level, "end": shade.level, "size": 1}
        # a wide light line under a dark one is seen on every colour
        for color, width in (("rgba(255, 255, 255, 0.8)", 5), (_LEVEL, 2.5)):
            figure.add_contour(
                **grid,
                **unnamed | {"showlegend": color == _LEVEL},
                autocontour=False,
                contours=level,
                line={"color": color, "width": width},
                name=_LEVEL_NAME,
            )
    if path is not None:
        add_to_heatmap(figure, surface, path)
    for label, alpha, beta, _, marker in _marks(surface, shade.z, minima):
        figure.add_scatter(x=[alpha], y=[beta], name=label, mode="markers", marker=marker | {"size": 10})
    figure.update_xaxes(title=labels[0], range=surface.alpha[[0, -1]].tolist())
    figure.update_yaxes(title=labels[1], range=surface.beta[[0, -1]].tolist())
    finished(figure, _quantity(surface).capitalize(), surface.provenance, _interpolated(surface))
    if path is not None:  # a legend of two lines needs more room
        figure.update_layout(margin_t=120, title={"y": 0.97, "yanchor": "top"})
    return figure


def slices_figure(surface: Surface, plane: Plane | None = None, *, log: bool = False) -> go.Figure:
    """The loss along α at β = 0 and along β at α = 0, both through θ*; dots where it was evaluated.

    Where the domain does not contain θ*, the slices are those closest to it, and the titles say so.

    Args:
        surface: As for ``surface_figure``.
        plane: As for ``surface_figure``.
        log: Whether to draw log₁₀ of the loss.

    Raises:
        ValueError: For ``log`` where a loss is not positive.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415 - slow to import

    z, name = _logarithm(surface) if log else (surface.loss, _quantity(surface))
    labels = _axis_labels(surface, plane)
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


@dataclass(frozen=True)
class _Shade:
    """What height and colour stand for."""

    z: FloatArray
    """Heights, shape (nβ, nα)."""
    name: str
    colours: str | list[tuple[float, str]]
    level: float | None
    """The height of L(θ*), where that is known."""
    ticks: dict[str, Any]
    """Of an axis that shows losses where ``z`` is something else."""
    height: Callable[[FloatArray], FloatArray] = lambda loss: loss
    """The height of a loss, NaN where it has none."""

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest of ``z``."""
        finite = self.z[np.isfinite(self.z)]
        return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)

    def ink(self, height: float) -> str:
        """Black or white, whichever is seen on the colour of a height."""
        low, high = self.ends
        dark = (
            height < (low + high) / 2
            if isinstance(self.colours, str)
            else abs(height) > 0.4 * max(-low, high)
        )
        return "white" if dark else "black"

    @property
    def bar(self) -> dict[str, Any]:
        """The colour bar."""
        return colour_bar(self.name) | self.ticks


def _shade(surface: Surface, scale: str, log: bool, quadratic: QuadraticModel | None) -> _Shade:
    """The chosen scale; a linear one in place of an automatic one without L(θ*)."""
    scale = "log" if log else scale
    if scale not in SCALES:
        raise ValueError(f"Expected scale as one of {', '.join(SCALES)}, got {scale!r}.")
    around = automatic_scale(surface, quadratic)
    if scale == "auto" and around:
        ticks = {"tickvals": [float(around(loss)) for loss, _ in around.ticks()], "ticktext": _words(around)}
        return _Shade(around(surface.loss), _quantity(surface), diverging(around), 0.0, ticks, around)
    level = around.centre if around else None
    if scale == "log":
        height = None if level is None else float(np.log10(level))
        return _Shade(*_logarithm(surface), COLOURS, height, {}, _log)
    return _Shade(surface.loss, _quantity(surface), COLOURS, level, {})


def _log(loss: FloatArray) -> FloatArray:
    """log₁₀ of losses, NaN where they are not positive."""
    return np.log10(np.where(loss > 0, loss, np.nan))


def _words(scale: LossScale) -> list[str]:
    """The losses along a colour bar."""
    return [number(loss, digits) for loss, digits in scale.ticks()]


def _logarithm(surface: Surface) -> tuple[FloatArray, str]:
    """log₁₀ of the loss, shape (nβ, nα), and its name."""
    finite = surface.loss[np.isfinite(surface.loss)]
    if (finite <= 0).any():
        raise ValueError(
            f"Expected positive losses for a logarithm, got {finite.min():.4g}. Use a linear scale."
        )
    return np.log10(surface.loss), f"log₁₀ {_quantity(surface)}"


def _stretched(surface: Surface, plane: Plane | None) -> tuple[str, str]:
    """What is said of an axis on which a distance in parameter space is drawn larger than on the other."""
    if plane is None:
        return "", ""
    axes = zip((surface.alpha, surface.beta), plane.norms, strict=True)
    alpha, beta = (float(axis[-1] - axis[0]) * length for axis, length in axes)
    if not alpha or not beta or math.isclose(alpha, beta, rel_tol=0.01):
        return "", ""
    ratio = number(max(alpha, beta) / min(alpha, beta), 3)
    return (f"drawn {ratio} × larger than β", "") if alpha < beta else ("", f"drawn {ratio} × larger than α")


def _stretched_labels(surface: Surface, plane: Plane | None) -> list[str]:
    """What α and β are, with how much larger one is drawn than the other."""
    parts = zip(_axis_labels(surface, plane), _stretched(surface, plane), strict=True)
    return ["; ".join(filter(None, part)) for part in parts]


def _marks(
    surface: Surface, z: FloatArray, minima: Mapping[str, Minimum] | None
) -> list[tuple[str, float, float, float, dict[str, Any]]]:
    """Name, α, β, height and style of θ* and of the lowest evaluated nodes, where they are on the grid."""
    places: list[tuple[str, float, float, dict[str, Any]]]
    places = [("θ*", 0.0, 0.0, THETA)]
    if minima is None:
        own = surface.provenance.get("split", "train")
        minima = {own: surface.minimum} if surface.minimum and own != "difference" else {}
    for split, (alpha, beta, loss) in minima.items():
        which, mark = ("lowest test loss", LOWEST_TEST) if split == "test" else ("lowest evaluated", LOWEST)
        places.append((f"{which}: {number(loss)}", alpha, beta, mark))
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
