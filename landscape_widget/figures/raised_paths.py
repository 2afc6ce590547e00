"""Paths of training and other solutions over a surface, at the loss that they really have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.free_places import BESIDE, free_places, hidden, seen
from landscape_widget.figures.paths import HOVER, Drawn, Paths, in_sight, on_white, share_of
from landscape_widget.figures.shade import Shade
from landscape_widget.figures.style import CAMERA, DEPTH, LIFT, SOLUTION
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.planes import Surface

#: Parts of a line between two checkpoints that follow the surface.
_STEPS = 12

#: Diameter of a solution's mark.
_SIZE = 8.0

#: What is around lines and marks, light in dark, to be seen on every colour: by how much wider.
_RIMS = (("#000000", 5.0), ("#ffffff", 2.5))

#: Of the width of the scene: by how much a rim stands behind what lies within it, as one looks at first.
#: Twice that is less than lines on the surface are raised.
_HAIR = 0.0015


def add_to_surface(figure: go.Figure, surface: Surface, shade: Shade, paths: Paths) -> str:
    """Draws paths at their true loss, each checkpoint with a line to the surface above or below.

    Where the surface is as high as a path or higher, it hides it: a dashed line on the surface shows where
    the path runs over the plane, as one looks down on it.

    Args:
        figure: The surface, to be drawn on.
        surface: What it is of.
        shade: What its heights and colours stand for.
        paths: What is drawn.

    Returns:
        What is said of those that are not in sight, and of the dashed lines.
    """
    from scipy.interpolate import RegularGridInterpolator  # noqa: PLC0415 - slow to import

    ground = RegularGridInterpolator((surface.beta, surface.alpha), shade.z, bounds_error=False)
    low, high = shade.ends
    raised = LIFT * (high - low)
    shown, unseen = in_sight(surface, paths)
    add = _Adding(figure, _hair(surface, _heights(shade, shown)))
    for each in shown:
        path, out = each.path, ~each.inside
        alpha, beta, above = (
            np.where(out, np.nan, v) for v in (path.alpha, path.beta, shade.height(path.loss))
        )
        below = ground(np.column_stack([path.beta, path.alpha]))
        look = {"symbol": SOLUTION, "size": _SIZE} if each.solution else {"size": each.sizes * 0.6}
        add(
            x=alpha,
            y=beta,
            z=above,
            mode="markers" if each.solution else "lines+markers",
            line={"color": each.colour, "width": 7},
            marker={"color": each.colour} | look,
            customdata=each.custom,
            hovertext=each.called,
            hovertemplate=HOVER,
            name=each.caption,
            legendgroup=each.name,
        )
        if not each.solution:
            x, y = _between(alpha), _between(beta)
            add(
                x=x,
                y=y,
                z=ground(np.column_stack([y, x])) + raised,
                mode="lines",
                line={"color": each.colour, "width": 4, "dash": "dash"},
                name=f"seen from above: {each.name}",
                legendgroup=each.name,
                showlegend=False,
                hoverinfo="skip",
            )
        gap = np.full(len(alpha), np.nan)
        add(
            x=np.column_stack([alpha, alpha, gap]).ravel(),
            y=np.column_stack([beta, beta, gap]).ravel(),
            z=np.column_stack([above, below, gap]).ravel(),
            mode="lines",
            line={"color": each.colour, "width": 2},
            legendgroup=each.name,
            showlegend=False,
            hoverinfo="skip",
        )
    _add_words(figure, surface, shade, shown, ground)
    dashed = "dashed: where a path runs, seen from above" if any(not each.solution for each in shown) else ""
    return " · ".join(filter(None, [dashed, unseen]))


class _Adding:
    """Adds lines and marks to a scene, each within a rim."""

    def __init__(self, figure: go.Figure, hair: FloatArray) -> None:
        self._figure, self._hair = figure, hair

    def __call__(self, x: FloatArray, y: FloatArray, z: FloatArray, **trace: Any) -> None:
        for k, (colour, wider) in enumerate(_RIMS):
            back = (len(_RIMS) - k) * self._hair
            at = {name: v - by for name, v, by in zip("xyz", (x, y, z), back, strict=True)}
            rim = {name: trace[name] for name in ("mode", "legendgroup")}
            rim |= {"showlegend": False, "hoverinfo": "skip"}
            rim["line"] = trace["line"] | {"color": colour, "width": trace["line"]["width"] + wider}
            if "marker" in trace:
                size = trace["marker"]["size"] + wider / 2
                rim["marker"] = trace["marker"] | {"color": colour, "size": size}
            self._figure.add_scatter3d(**at, **rim)
        self._figure.add_scatter3d(x=x, y=y, z=z, **trace)


def _heights(shade: Shade, shown: list[Drawn]) -> FloatArray:
    """Heights that the scene reaches from and to, of the surface and of paths."""
    tops = [shade.height(each.path.loss[each.inside]) for each in shown]
    return np.concatenate([np.array(shade.ends), *(top[np.isfinite(top)] for top in tops)])


def _hair(surface: Surface, heights: FloatArray) -> FloatArray:
    """How far a hair nearer to the eye is along each axis, shape (3,)."""
    eye, centre = (np.array([CAMERA[part][axis] for axis in "xyz"]) for part in ("eye", "center"))
    spans = np.array([np.ptp(surface.alpha), np.ptp(surface.beta), np.ptp(heights) / DEPTH])
    found: FloatArray = _HAIR * spans * (eye - centre) / np.linalg.norm(eye - centre)
    return found


def _add_words(
    figure: go.Figure,
    surface: Surface,
    shade: Shade,
    shown: list[Drawn],
    ground: Callable[[FloatArray], FloatArray],
) -> None:
    """What is said beside points that are not hidden, where there is room for it."""
    marked = [(each, i, words) for each in shown for i, words in each.words if each.inside[i]]
    if not marked:
        return
    x, y, losses = np.array(
        [[each.path.alpha[i], each.path.beta[i], each.path.loss[i]] for each, i, _ in marked]
    ).T
    z = shade.height(losses)
    ends = _heights(shade, shown)

    def upright(heights: FloatArray) -> FloatArray:
        scaled: FloatArray = DEPTH * (share_of(heights, ends) - 0.5)
        return scaled

    scene = np.column_stack([share_of(x, surface.alpha) - 0.5, share_of(y, surface.beta) - 0.5, upright(z)])
    starts, spans = np.array([[axis[0], axis[-1] - axis[0]] for axis in (surface.beta, surface.alpha)]).T
    eye, centre = (np.array([CAMERA[part][axis] for axis in "xyz"]) for part in ("eye", "center"))
    sight = [
        k
        for k, point in enumerate(scene)
        if not hidden(point, eye, lambda places: upright(ground((places + 0.5) * spans + starts)))
    ]
    free = free_places(seen(scene[sight], eye, centre), [marked[k][2] for k in sight])
    figure.layout.scene.annotations = [
        {
            "x": x[sight[k]],
            "y": y[sight[k]],
            "z": z[sight[k]],
            "showarrow": False,
            "xanchor": "left" if right > 0 else "right",
            "yanchor": "top" if down > 0 else "bottom",
            "xshift": BESIDE * right,
            "yshift": -BESIDE * down,
        }
        | on_white(marked[sight[k]][2])
        for k, (right, down) in free.items()
    ]


def _between(places: FloatArray) -> FloatArray:
    """Coordinates of checkpoints with more of them in between, for a line that follows the surface."""
    at = np.arange(len(places))
    return np.interp(np.linspace(0, len(at) - 1, _STEPS * (len(at) - 1) + 1), at, places)
