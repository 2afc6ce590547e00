"""Everything that an explorer has found, in one object that needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from landscape_widget.curvature_figures import curvature_figure, spectrum_figure, trace_figure
from landscape_widget.figures import heatmap_figure, slices_figure, surface_figure
from landscape_widget.results import (
    EigenPairs,
    Plane,
    ProjectedCurvatures,
    SaddleBlindness,
    SpectralDensity,
    Surface,
    TraceEstimate,
)
from landscape_widget.study import Controls, Findings

#: Kinds of figures.
KINDS = ("surface", "heatmap", "slices", "curvature", "spectrum", "trace")

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
    plane_curvature: tuple[float, float] | None = None
    """(κ₋, κ₊) of that plane at θ*."""
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

    @classmethod
    def of(cls, found: Findings, controls: Controls) -> Results:
        """What was found for ``controls``."""
        return cls(
            controls,
            found.centre_loss,
            found.gradient_norm,
            found.surface,
            found.plane,
            found.plane_curvature,
            found.pairs if found.pairs_final else None,
            found.projections,
            found.density,
            found.traces,
            found.blindness,
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
