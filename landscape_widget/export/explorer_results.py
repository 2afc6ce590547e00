"""Everything that an explorer has found, in one object that needs no model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from landscape_widget.export.html_page import write_page
from landscape_widget.export.news import News
from landscape_widget.figures.between import lines_figure
from landscape_widget.figures.curvature import curvature_figure, spectrum_figure, trace_figure
from landscape_widget.figures.planes import heatmap_figure, slices_figure, surface_figure
from landscape_widget.figures.shade import SCALES
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import norm
from landscape_widget.results.base import Provenance, Table
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures, Slopes
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.files import Columns, check_replaceable, given_path, write_csv
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.lines import LineLosses
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate
from landscape_widget.study.budget import best_trace
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings, Picture
from landscape_widget.study.verdict import Verdict, verdict_of

#: Kinds of figures.
KINDS = ("surface", "heatmap", "slices", "curvature", "spectrum", "trace", "lines")

_TRACE_COLUMNS = ("samples", "value", "stderr", "square", "square_stderr", "n_hvp", "n_loss", "bias")


@equal_by_content
@dataclass(frozen=True)
class Results:
    """What an explorer has found so far; a field is None where there is nothing yet."""

    controls: Controls
    """What was asked for."""
    centre_loss: float | None = None
    """L(θ*)."""
    gradient_norm: float | None = None
    """‖∇L(θ*)‖."""
    surface: Surface | None = None
    """The loss on ``plane``."""
    plane: Plane | None = None
    """The plane that ``surface`` lies on."""
    quadratic: QuadraticModel | None = None
    """The loss to second order in that plane."""
    eigenpairs: EigenPairs | None = None
    """Certified eigenpairs of the Hessian."""
    projections: ProjectedCurvatures | None = None
    """Curvatures of random projections."""
    density: SpectralDensity | None = None
    """Spectral density of the Hessian."""
    traces: Mapping[str, Sequence[TraceEstimate]] | None = None
    """Running estimates of tr(H) by method."""
    blindness: SaddleBlindness | None = None
    """How often a random plane hides the saddle."""
    compared: Picture | None = None
    """The second picture."""
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    """What ``surface`` is made of, by its split: "train", "test" or both."""
    slopes: Slopes | None = None
    """The gradient as the certified eigenvectors see it."""
    landmarks: LandmarksOnPlane | None = None
    """The path of training and other solutions on the plane."""
    compared_landmarks: LandmarksOnPlane | None = None
    """The same on the plane of the second picture."""
    line_losses: LineLosses | None = None
    """Losses along several lines from θ*."""

    def __repr__(self) -> str:
        """What it is of and holds, in a line: the fields have lines of their own."""
        controls, verdict = self.controls, self.verdict
        there = [f.name for f in fields(self) if f.name != "controls" and getattr(self, f.name)]
        told = [
            verdict.sentence.partition(". ")[0] if verdict else "no verdict yet",
            f"{' × '.join(controls.axes)}, {controls.resolution}×{controls.resolution} nodes",
            f"with {', '.join(there)}" if there else "nothing computed yet",
        ]
        return f"Results({'; '.join(told)})"

    @property
    def plane_curvature(self) -> tuple[float, float] | None:
        """(κ₋, κ₊) of the plane at θ*."""
        return self.quadratic.curvatures if self.quadratic else None

    @classmethod
    def of(cls, found: Findings, controls: Controls) -> Results:
        """What was found for ``controls``; eigenpairs count once they are certified."""
        known: dict[str, Any] = {name: getattr(found, name) for name in _SHARED}
        if not found.pairs_final:
            return cls(controls, **known | {"slopes": None})
        return cls(controls, eigenpairs=found.pairs, **known)

    def findings(self) -> Findings:
        """The same as a study's findings."""
        known: dict[str, Any] = {name: getattr(self, name) for name in _SHARED}
        return Findings(pairs=self.eigenpairs, trace=best_trace(self.traces or {}), **known)

    def figure(self, kind: str = "surface", *, scale: str = "auto", log: bool = False) -> go.Figure:
        """A figure fit for a paper.

        Args:
            kind: "surface", "heatmap", "slices", "curvature", "spectrum", "trace" or "lines".
            scale: What height and colour of the first two stand for: "auto", "linear" or "log", as for
                ``surface_figure``; of "slices" and "lines" for a logarithm.
            log: Short for ``scale="log"``.

        Raises:
            ValueError: For another ``kind`` or ``scale``, or a logarithm where a loss is not positive.
            RuntimeError: If there is nothing to draw yet.
        """
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(f"Expected kind as one of {', '.join(KINDS)}, got {told(kind)}.")
        if scale not in SCALES:
            raise ValueError(f"Expected scale as one of {', '.join(SCALES)}, got {told(scale)}.")
        drawers = self._drawers("log" if log else scale)
        if kind in drawers:
            return drawers[kind]()
        asked = {"trace": ' with face="trace"', "lines": ' with lines="random:filter", or another kind'}
        raise RuntimeError(
            f"Expected a result to draw as {kind!r}, there is none yet. "
            f"Compute it first{asked.get(kind, '')}."
        )

    def _drawers(self, scale: str = "auto") -> dict[str, Callable[[], go.Figure]]:
        """What draws each kind of figure that there is something for."""
        drawers: dict[str, Callable[[], go.Figure]] = {}
        if self.surface is not None:
            minima = {split: s.minimum for split, s in self.surfaces.items() if s.minimum}
            how: dict[str, Any] = {"scale": scale, "minima": minima, "quadratic": self.quadratic}
            if self.landmarks is not None and self.landmarks.belongs_to(self.plane, self.surface):
                how["path"] = self.landmarks.paths
            drawers |= {
                "surface": partial(surface_figure, self.surface, self.plane, **how),
                "heatmap": partial(heatmap_figure, self.surface, self.plane, **how),
                "slices": partial(slices_figure, self.surface, self.plane, log=scale == "log"),
            }
        if self.projections is not None:
            drawers["curvature"] = partial(curvature_figure, self.projections, self.plane_curvature)
        if self.density is not None:
            drawers["spectrum"] = partial(spectrum_figure, self.density, self.eigenpairs)
        if self.line_losses is not None and self.line_losses.lines:
            drawers["lines"] = partial(lines_figure, self.line_losses, log=scale == "log")
        traces = self.traces or {}
        if any(math.isfinite(e.stderr) for history in traces.values() for e in history):
            drawers["trace"] = partial(trace_figure, traces)
        return drawers

    @property
    def verdict(self) -> Verdict | None:
        """The kind of point that θ* is, None without certified eigenpairs."""
        if self.plane is None:
            return None
        return verdict_of(self.findings(), self.controls, norm(self.plane.origin))

    def to_html(self, path: str | os.PathLike[str], title: str = "Loss landscape") -> None:
        """Writes the explorer with this picture as a page without a kernel or a network (about 1 MB).

        Views, crosshair, scale, zoom and faces of the curvature panel are those of the explorer; what only a
        kernel can answer is grey. Losses are rounded to 16 bits.

        Args:
            path: Replaced where it exists, once the new file is complete.
            title: Title of the page.

        Raises:
            TypeError: If ``title`` is no text, or ``path`` no path.
            RuntimeError: If there is nothing to draw yet.
            OSError: If the file cannot be written.
        """
        write_page(path, title, news_of(self))

    def to_csv(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes every result as a table of its own: surface.csv, eigenpairs.csv and so on.

        Args:
            folder: Made where it is missing; files of these names are replaced.

        Returns:
            The files written.

        Raises:
            TypeError: If ``folder`` is no path.
            OSError: If a file cannot be written, or one of these names is no regular file.
        """
        target = given_path(folder)
        target.mkdir(parents=True, exist_ok=True)
        tables = {target / f"{name}.csv": table for name, table in self._tables().items()}
        for path in tables:
            check_replaceable(path)
        for path, (columns, provenance) in tables.items():
            write_csv(path, columns, provenance)
        return list(tables)

    def _tables(self) -> dict[str, tuple[Columns, Provenance]]:
        results = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.compared is not None:
            results |= {"compared_surface": self.compared.surface, "compared_plane": self.compared.plane}
        if len(self.surfaces) > 1:
            results |= {f"surface_{split}": surface for split, surface in self.surfaces.items()}
        tables = {name: (r.columns, r.provenance) for name, r in results.items() if isinstance(r, Table)}
        estimates = [(method, e) for method, history in (self.traces or {}).items() for e in history]
        if estimates:
            methods: Columns = {"method": [method for method, _ in estimates]}
            numbers = {name: [getattr(e, name) for _, e in estimates] for name in _TRACE_COLUMNS}
            tables["traces"] = {**methods, **numbers}, estimates[0][1].provenance
        return tables


def news_of(results: Results) -> News:
    """The same as a computation tells it."""
    theta_norm = 0.0 if results.plane is None else norm(results.plane.origin)
    return News(results.findings(), results.controls, 1, 0.0, theta_norm)


#: Results that a study's findings hold under the same name: all but the eigenpairs.
_SHARED = tuple(f.name for f in fields(Results) if f.name in {found.name for found in fields(Findings)})
