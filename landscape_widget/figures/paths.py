"""Paths of training and other solutions: what is told of them, and how they look from above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import cycle
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from landscape_widget.figures.free_places import AWAY, ROOM, free_places
from landscape_widget.figures.style import SOLUTION, number
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import Path
from landscape_widget.results.planes import Surface

#: One path, or several by name.
Paths = Path | Mapping[str, Path]

#: Of paths, one after the other: told apart by colour-blind readers, and from both halves of the colour map.
COLOURS = ("#009e73", "#e69f00", "#8c4fb5", "#56b4e9", "#f0e442")

#: Width of their lines, and what is around lines and marks, light in dark, to be seen on every colour.
_WIDTH, _RIMS = 2.5, (("#000000", 3.5), ("#ffffff", 2.0))

#: Diameters of the marks of checkpoints in the plane, and of those that are farthest off it.
_SMALLEST, _LARGEST = 4.0, 14.0

#: Most epochs, and most changes of the learning rate, that are marked on a path.
_MOST_MARKS = 8

#: A solution's mark in the plane is at least so large.
_LEAST = 13.0

#: What parameters in single precision may be off a plane by rounding, as a share of their own distance.
_ROUNDING = 1e-6


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
    def solution(self) -> bool:
        """Whether it is a single point."""
        return len(self.path.alpha) == 1

    @property
    def words(self) -> list[tuple[int, str]]:
        """What stands beside its points: the name of a solution, and where something changed along a path."""
        return [(0, self.name)] * bool(self.inside[0]) if self.solution else self.marks

    @property
    def called(self) -> list[str]:
        """What each of its points is called."""
        return [self.name] if self.solution else list(self.path.names)

    @property
    def custom(self) -> npt.NDArray[Any]:
        """Loss and distance off the plane, which are told where the pointer is."""
        path = self.path
        rounding = path.off_plane <= _ROUNDING * np.max(path.distance, where=path.finite, initial=0.0)
        return np.column_stack([path.loss, np.where(rounding, 0.0, path.off_plane)])


#: What is told of a point where the pointer is.
HOVER = (
    "%{hovertext}<br>true loss %{customdata[0]:.6g}<br>off the plane ‖Δθ‖ = %{customdata[1]:.4g}"
    "<extra></extra>"
)


def add_to_heatmap(figure: go.Figure, surface: Surface, paths: Paths) -> str:
    """Draws paths on the plane: lines, and marks that are the larger the farther off it a checkpoint is.

    Returns:
        What is said of those that are not in sight.

    Raises:
        ValueError: If a path is that of another plane than the surface.
    """
    shown, unseen = in_sight(surface, paths)
    for each in shown:
        place = {"x": each.path.alpha, "y": each.path.beta}
        symbol, size = (SOLUTION, np.array([_LEAST])) if each.solution else ("circle", each.sizes)
        mode = "markers" if each.solution else "lines+markers"
        for colour, width in _RIMS:
            figure.add_scatter(
                **place,
                mode=mode,
                line={"color": colour, "width": _WIDTH + width},
                marker={"color": colour, "symbol": symbol, "size": size + width},
                showlegend=False,
                hoverinfo="skip",
            )
        figure.add_scatter(
            **place,
            mode=mode,
            line={"color": each.colour, "width": _WIDTH},
            marker={"color": each.colour, "symbol": symbol, "size": size},
            customdata=each.custom,
            hovertext=each.called,
            hovertemplate=HOVER,
            name=each.caption,
        )
    marked = [(each, i, words) for each in shown for i, words in each.words]
    places = [
        (share_of(each.path.alpha[i], surface.alpha), 1 - share_of(each.path.beta[i], surface.beta))
        for each, i, _ in marked
    ]
    room = np.reshape(places, (-1, 2)) * ROOM
    for k, (right, down) in free_places(room, [words for *_, words in marked], centred=True).items():
        each, i, words = marked[k]
        figure.add_annotation(
            x=each.path.alpha[i],
            y=each.path.beta[i],
            arrowcolor=each.colour,
            arrowsize=0.8,
            ax=AWAY * right,
            ay=AWAY * down,
            **on_white(words),
        )
    return unseen


def on_white(words: str) -> dict[str, Any]:
    """Words on ground of their own, so that they are read wherever they lie."""
    return {
        "text": escape(words),
        "font": {"size": 10, "color": "#1a1a1a"},
        "bgcolor": "rgba(255, 255, 255, 0.8)",
        "borderpad": 1,
    }


def share_of(value: Any, nodes: FloatArray) -> Any:
    """How far between the lowest and the highest of some numbers another one lies, 0 to 1."""
    low, high = float(np.min(nodes)), float(np.max(nodes))
    return (value - low) / ((high - low) or 1)


def in_sight(surface: Surface, paths: Paths) -> tuple[list[Drawn], str]:
    """Paths with a checkpoint over the surface, solutions first, and what is said of the others."""
    every = list(drawn(surface, paths))
    shown = sorted((each for each in every if each.inside.any()), key=lambda each: not each.solution)
    return shown, " · ".join(each.caption for each in every if not each.inside.any())


def drawn(surface: Surface, paths: Paths) -> Iterator[Drawn]:
    """Paths with their captions, colours and marks."""
    named = dict(paths) if isinstance(paths, Mapping) else {"path": paths}
    check_given(Path, **{"path" if path is paths else f"path[{n!r}]": path for n, path in named.items()})
    wanted = surface.provenance.get("axes")
    farthest = max(
        (float(off) for path in named.values() for off in path.off_plane[path.finite]), default=0.0
    )
    for (name, path), colour in zip(named.items(), cycle(COLOURS), strict=False):
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
    """Where the learning rate changes, unless it does all the time, where epochs begin, and untold steps."""
    rates, epochs = (_changes(path, name, inside) for name in ("lr", "epoch"))
    marks = [(i, f"lr {number(path.scalars['lr'][i], 3)}") for i in rates if len(rates) <= _MOST_MARKS]
    taken = {i for i, _ in marks}
    every = -(-len(epochs) // _MOST_MARKS) if epochs else 1
    marks += [(i, f"epoch {number(path.scalars['epoch'][i])}") for i in epochs[::every] if i not in taken]
    untold = inside & np.isnan(path.step) & (len(inside) > 1)  # a solution has a name of its own
    return marks + [(int(i), path.names[i]) for i in np.flatnonzero(untold)]


def _changes(path: Path, name: str, inside: npt.NDArray[np.bool_]) -> list[int]:
    """Checkpoints over the surface at which a number is another one than before."""
    values = path.scalars.get(name)
    if values is None:
        return []
    changed = (values[1:] != values[:-1]) & np.isfinite(values[1:]) & np.isfinite(values[:-1])
    return [int(i) for i in np.flatnonzero(changed) + 1 if inside[i]]
