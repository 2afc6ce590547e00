"""Paths of training over the loss on a plane, and the share of a path that each of its components holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from landscape_widget.figures.free_places import AWAY, ROOM, free_places, seen
from landscape_widget.figures.style import CAMERA, DEPTH, LIFT, MINUS, PLUS, finished, number
from landscape_widget.numerics.checks import check_integer
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import Path, PathComponents
from landscape_widget.results.planes import Surface

#: One path, or several by name.
Paths = Path | Mapping[str, Path]

#: Of paths, one after the other: told apart by colour-blind readers, and from both halves of the colour map.
_COLOURS = ("#009e73", "#e69f00", "#8c4fb5", "#56b4e9", "#f0e442")

#: Diameters of the marks of checkpoints in the plane, and of those that are farthest off it.
_SMALLEST, _LARGEST = 4.0, 14.0

#: Most epochs, and most changes of the learning rate, that are marked on a path.
_MOST_MARKS = 8

#: Sides of a point, by plotly's names.
_VERTICAL, _HORIZONTAL = {-1: "top", 1: "bottom"}, {-1: "left", 1: "right"}

#: Parts of a line between two checkpoints that follow the surface.
_STEPS = 12

#: Components that hold so much together leave nothing to be seen for the others.
_ALL = 0.999


@dataclass(frozen=True)
class Drawn:
    """A path as it is each."""

    path: Path
    name: str
    caption: str
    remark: str
    """What the caption says beside how much of it lies in the plane; often nothing."""
    colour: str
    inside: npt.NDArray[np.bool_]
    """Which checkpoints lie over the surface, shape (n,)."""
    sizes: FloatArray
    """Diameters of their marks."""
    marks: list[tuple[int, str]]
    """Checkpoints at which something changed, and what."""

    @property
    def custom(self) -> npt.NDArray[Any]:
        """Step, loss and distance off the plane, which are told where the pointer is."""
        return np.column_stack([self.path.step, self.path.loss, self.path.off_plane])


_HOVER = (
    "step %{customdata[0]:.0f}<br>true loss %{customdata[1]:.6g}<br>off the plane ‖Δθ‖ = "
    "%{customdata[2]:.4g}<extra></extra>"
)


def add_to_heatmap(figure: go.Figure, surface: Surface, paths: Paths) -> None:
    """Draws paths on the plane: lines, and marks that are the larger the farther off it a checkpoint is.

    Raises:
        ValueError: If a path is that of another plane than the surface.
    """
    shown = list(drawn(surface, paths))
    for each in shown:
        place = {"x": each.path.alpha, "y": each.path.beta}
        figure.add_scatter(
            **place,
            mode="lines",
            line={"color": "rgba(255, 255, 255, 0.85)", "width": 5},
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_scatter(
            **place,
            mode="lines+markers",
            line={"color": each.colour, "width": 2.5},
            marker={"size": each.sizes, "color": each.colour, "line": {"color": "#ffffff", "width": 1}},
            customdata=each.custom,
            hovertemplate=_HOVER,
            name=each.caption,
        )
    marked = [(each, i, words) for each in shown for i, words in each.marks]
    places = [
        (_share(each.path.alpha[i], surface.alpha), 1 - _share(each.path.beta[i], surface.beta))
        for each, i, _ in marked
    ]
    room = np.reshape(places, (-1, 2)) * ROOM
    for k, (right, down) in free_places(room, [words for *_, words in marked], centred=True).items():
        each, i, words = marked[k]
        figure.add_annotation(
            x=each.path.alpha[i],
            y=each.path.beta[i],
            text=words,
            font={"size": 10, "color": "#1a1a1a"},
            bgcolor="rgba(255, 255, 255, 0.75)",
            arrowcolor=each.colour,
            arrowsize=0.8,
            ax=AWAY * right,
            ay=AWAY * down,
        )


def add_to_surface(
    figure: go.Figure,
    surface: Surface,
    heights: FloatArray,
    paths: Paths,
    height: Callable[[FloatArray], FloatArray],
) -> None:
    """Draws paths at their true loss, each checkpoint with a line to the surface above or below.

    Where the surface is as high as a path or higher, it hides it: a dashed line on the surface shows where
    the path runs over the plane, as one looks down on it.

    Args:
        figure: The surface, to be drawn on.
        surface: What it is of.
        heights: Its heights as they are drawn, shape (nβ, nα).
        paths: Paths on its plane.
        height: Maps losses to heights.

    Raises:
        ValueError: If a path is that of another plane than the surface.
    """
    from scipy.interpolate import RegularGridInterpolator  # noqa: PLC0415 - slow to import

    ground = RegularGridInterpolator((surface.beta, surface.alpha), heights, bounds_error=False)
    raised = LIFT * float(np.ptp(heights[np.isfinite(heights)])) if np.isfinite(heights).any() else 0.0
    shown = list(drawn(surface, paths))
    for each in shown:
        path, out = each.path, ~each.inside
        alpha, beta, above = (np.where(out, np.nan, v) for v in (path.alpha, path.beta, height(path.loss)))
        below = ground(np.column_stack([path.beta, path.alpha]))
        figure.add_scatter3d(
            x=alpha,
            y=beta,
            z=above,
            mode="lines+markers",
            line={"color": each.colour, "width": 7},
            marker={"size": each.sizes * 0.6, "color": each.colour},
            customdata=each.custom,
            hovertemplate=_HOVER,
            name=each.caption,
        )
        x, y = _between(alpha), _between(beta)
        figure.add_scatter3d(
            x=x,
            y=y,
            z=ground(np.column_stack([y, x])) + raised,
            mode="lines",
            line={"color": each.colour, "width": 4, "dash": "dash"},
            name=f"seen from above: {each.name}",
            hoverinfo="skip",
        )
        gap = np.full(len(alpha), np.nan)
        figure.add_scatter3d(
            x=np.column_stack([alpha, alpha, gap]).ravel(),
            y=np.column_stack([beta, beta, gap]).ravel(),
            z=np.column_stack([above, below, gap]).ravel(),
            mode="lines",
            line={"color": each.colour, "width": 2},
            showlegend=False,
            hoverinfo="skip",
        )
    marked = [(each, i, words) for each in shown for i, words in each.marks if each.inside[i]]
    if not marked:
        return
    x, y, losses = np.array(
        [[each.path.alpha[i], each.path.beta[i], each.path.loss[i]] for each, i, _ in marked]
    ).T
    z = height(losses)
    ends = np.append(heights[np.isfinite(heights)], z[np.isfinite(z)])
    scene = [_share(x, surface.alpha) - 0.5, _share(y, surface.beta) - 0.5, DEPTH * (_share(z, ends) - 0.5)]
    eye, centre = (np.array([CAMERA[part][axis] for axis in "xyz"]) for part in ("eye", "center"))
    free = free_places(seen(np.column_stack(scene), eye, centre), [words for *_, words in marked])
    if free:
        at = list(free)
        figure.add_scatter3d(
            x=x[at],
            y=y[at],
            z=z[at],
            mode="text",
            text=[marked[k][2] for k in at],
            textposition=[f"{_VERTICAL[down]} {_HORIZONTAL[right]}" for right, down in free.values()],
            textfont={"size": 11},
            showlegend=False,
            hoverinfo="skip",
        )


def _share(value: Any, nodes: FloatArray) -> Any:
    """How far between the lowest and the highest of some numbers another one lies, 0 to 1."""
    low, high = float(np.min(nodes)), float(np.max(nodes))
    return (value - low) / ((high - low) or 1)


def _between(places: FloatArray) -> FloatArray:
    """Coordinates of checkpoints with more of them in between, for a line that follows the surface."""
    at = np.arange(len(places))
    return np.interp(np.linspace(0, len(at) - 1, _STEPS * (len(at) - 1) + 1), at, places)


def scree_figure(components: PathComponents, most: int = 20) -> go.Figure:
    """The share of a path's variation along each of its components, and what they hold together.

    Args:
        components: Of the path.
        most: Components to draw, the first ones; fewer where those hold 99.9 % together, but all that there
            are directions of.
    """
    check_given(PathComponents, components=components)
    most = check_integer(most, "most", 1)
    # what they hold together hardly grows any more, and no direction of them is at hand
    enough = int(np.searchsorted(np.cumsum(components.shares), _ALL)) + 1
    shares = 100 * components.shares[: min(most, max(enough, components.directions.shape[1]))]
    ranks = np.arange(1, len(shares) + 1)
    figure = go.Figure(go.Bar(x=ranks, y=shares, name="each", marker_color=MINUS))
    figure.add_scatter(
        x=ranks, y=np.cumsum(shares), mode="lines+markers", name="together", line={"color": PLUS, "width": 2}
    )
    dtick = max(1, len(shares) // 10)
    figure.update_xaxes(title="component", tick0=1, dtick=dtick, range=[0.4, len(shares) + 0.6])
    figure.update_yaxes(title="share of Σ‖θᵢ − θ*‖² in %", range=[0, 105])
    two = number(float(shares[:2].sum()), 4)
    title = f"Components of {len(components.shares)} checkpoints: the first two hold {two} %"
    return finished(figure, title, components.provenance)


def drawn(surface: Surface, paths: Paths) -> Iterator[Drawn]:
    """Paths with their captions, colours and marks."""
    named = dict(paths) if isinstance(paths, Mapping) else {"path": paths}
    check_given(Path, **{"path" if path is paths else f"path[{n!r}]": path for n, path in named.items()})
    wanted = surface.provenance.get("axes")
    farthest = max(
        (float(off) for path in named.values() for off in path.off_plane[path.finite]), default=0.0
    )
    for (name, path), colour in zip(named.items(), cycle(_COLOURS), strict=False):
        own = path.provenance.get("axes")
        if wanted and own and tuple(wanted) != tuple(own):
            raise ValueError(
                f"Expected a path on the plane {' × '.join(wanted)} of the surface, got one on "
                f"{' × '.join(own)}. Project it with plane_path."
            )
        inside = (
            (path.alpha >= surface.alpha[0])
            & (path.alpha <= surface.alpha[-1])
            & (path.beta >= surface.beta[0])
            & (path.beta <= surface.beta[-1])
        )
        caption = f"{name}, {number(100 * path.share, 3)} % of ‖Δθ‖² in the plane"
        remarks = []
        for what, which in (("outside", path.finite & ~inside), ("not finite", ~path.finite)):
            if len(which) == 1 and which.any():
                remarks.append("outside the domain" if what == "outside" else what)
            elif which.any():
                remarks.append(f"{int(which.sum())} of {len(which)} checkpoints {what}")
        if differ := path.provenance.get("differ"):
            remarks.append(f"{' and '.join(differ)} differ from those of θ*")
        caption = ", ".join([caption, *remarks])
        off = np.where(path.finite, path.off_plane, 0.0) / (farthest or 1.0)
        sizes = _SMALLEST + (_LARGEST - _SMALLEST) * off
        yield Drawn(path, name, caption, ", ".join(remarks), colour, inside, sizes, _marks(path, inside))


def _marks(path: Path, inside: npt.NDArray[np.bool_]) -> list[tuple[int, str]]:
    """Where the learning rate changes, unless it does all the time, where epochs begin, and updates."""
    rates, epochs = (_changes(path, name, inside) for name in ("lr", "epoch"))
    marks = [(i, f"lr {number(path.scalars['lr'][i], 3)}") for i in rates if len(rates) <= _MOST_MARKS]
    taken = {i for i, _ in marks}
    every = -(-len(epochs) // _MOST_MARKS) if epochs else 1
    marks += [(i, f"epoch {number(path.scalars['epoch'][i])}") for i in epochs[::every] if i not in taken]
    updates = path.scalars.get("update", np.full(len(inside), np.nan))
    return marks + [(int(i), f"update {number(updates[i])}") for i in np.flatnonzero(inside & (updates > 0))]


def _changes(path: Path, name: str, inside: npt.NDArray[np.bool_]) -> list[int]:
    """Checkpoints over the surface at which a number is another one than before."""
    values = path.scalars.get(name)
    if values is None:
        return []
    changed = (values[1:] != values[:-1]) & np.isfinite(values[1:]) & np.isfinite(values[:-1])
    return [int(i) for i in np.flatnonzero(changed) + 1 if inside[i]]
