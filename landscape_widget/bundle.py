"""Everything that an explorer has found, in one object that needs no model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import plotly.graph_objects as go

from landscape_widget.curvature_figures import curvature_figure, spectrum_figure, trace_figure
from landscape_widget.figures import heatmap_figure, slices_figure, surface_figure
from landscape_widget.files import Columns, write_csv
from landscape_widget.quadratic import QuadraticModel
from landscape_widget.results import (
    EigenPairs,
    Plane,
    ProjectedCurvatures,
    Provenance,
    SaddleBlindness,
    SpectralDensity,
    Surface,
    Table,
    TraceEstimate,
)
from landscape_widget.study import Controls, Findings, Picture

#: Kinds of figures.
KINDS = ("surface", "heatmap", "slices", "curvature", "spectrum", "trace")

_TRACE_COLUMNS = ("samples", "value", "stderr", "square", "square_stderr", "n_hvp", "n_loss")

_ON_PLANE = {"surface": surface_figure, "heatmap": heatmap_figure, "slices": slices_figure}


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
    """The second plane."""

    @property
    def plane_curvature(self) -> tuple[float, float] | None:
        """(κ₋, κ₊) of the plane at θ*."""
        return self.quadratic.curvatures if self.quadratic else None

    @classmethod
    def of(cls, found: Findings, controls: Controls) -> Results:
        """What was found for ``controls``."""
        return cls(
            controls,
            found.centre_loss,
            found.gradient_norm,
            found.surface,
            found.plane,
            found.quadratic,
            found.pairs if found.pairs_final else None,
            found.projections,
            found.density,
            found.traces,
            found.blindness,
            found.compared,
        )

    def findings(self) -> Findings:
        """The same as a study's findings."""
        return Findings(
            centre_loss=self.centre_loss,
            gradient_norm=self.gradient_norm,
            pairs=self.eigenpairs,
            plane=self.plane,
            surface=self.surface,
            projections=self.projections,
            quadratic=self.quadratic,
            compared=self.compared,
            density=self.density,
            traces=self.traces,
            blindness=self.blindness,
        )

    def figure(self, kind: str = "surface", *, log: bool = False) -> go.Figure:
        """A figure fit for a paper.

        Args:
            kind: "surface", "heatmap", "slices", "curvature", "spectrum" or "trace".
            log: Whether height and colour of the first three stand for log₁₀ of the loss.

        Raises:
            ValueError: For another ``kind``, or ``log`` where a loss is not positive.
            RuntimeError: If there is nothing to draw yet.
        """
        match kind:
            case "surface" | "heatmap" | "slices" if self.surface is not None:
                return _ON_PLANE[kind](self.surface, self.plane, log=log)
            case "curvature" if self.projections is not None:
                return curvature_figure(self.projections, self.plane_curvature)
            case "spectrum" if self.density is not None:
                return spectrum_figure(self.density, self.eigenpairs)
            case "trace" if self.traces is not None:
                return trace_figure(self.traces)
        if kind not in KINDS:
            raise ValueError(f"Expected kind as one of {', '.join(KINDS)}, got {kind!r}.")
        face = ' with face="trace"' if kind == "trace" else ""
        raise RuntimeError(
            f"Expected a result to draw as {kind!r}, there is none yet. Compute it first{face}."
        )

    def to_csv(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes every result as a table of its own: surface.csv, eigenpairs.csv and so on.

        Args:
            folder: Made where it is missing; files of these names are replaced.

        Returns:
            The files written.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        tables = self._tables()
        for name, (columns, provenance) in tables.items():
            write_csv(target / f"{name}.csv", columns, provenance)
        return [target / f"{name}.csv" for name in tables]

    def _tables(self) -> dict[str, tuple[Columns, Provenance]]:
        results = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.compared is not None:
            results |= {"compared_surface": self.compared.surface, "compared_plane": self.compared.plane}
        tables = {name: (r.columns, r.provenance) for name, r in results.items() if isinstance(r, Table)}
        estimates = [(method, e) for method, history in (self.traces or {}).items() for e in history]
        if estimates:
            methods: Columns = {"method": [method for method, _ in estimates]}
            numbers = {name: [getattr(e, name) for _, e in estimates] for name in _TRACE_COLUMNS}
            tables["traces"] = {**methods, **numbers}, estimates[0][1].provenance
        return tables
