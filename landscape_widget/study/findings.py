"""What is known so far for one set of controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from landscape_widget.planes.splits import parts, shown
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures, Slopes
from landscape_widget.results.equality import equal_by_content
from landscape_widget.results.landmarks import LandmarksOnPlane
from landscape_widget.results.lines import LineLosses
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate
from landscape_widget.study.at_checkpoint import AtCheckpoint
from landscape_widget.study.budget import DENSITY_PROBES, trace_is_final
from landscape_widget.study.controls import Controls
from landscape_widget.study.progress import Meter
from landscape_widget.study.sights import turns


@equal_by_content
@dataclass(frozen=True)
class Picture:
    """One plane on show."""

    plane: Plane
    """The plane that ``surface`` lies on."""
    surface: Surface
    """The loss on the plane."""
    quadratic: QuadraticModel | None = None
    """The training loss to second order in the plane."""
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    """What ``surface`` is made of, by its split: "train", "test" or both."""

    @property
    def curvature(self) -> tuple[float, float] | None:
        """(κ₋, κ₊) of the plane at θ*."""
        return self.quadratic.curvatures if self.quadratic else None


@dataclass(eq=False)
class Findings:
    """What is known so far for one set of controls; every field only gets better."""

    centre_loss: float | None = None
    """L(θ*)."""
    gradient_norm: float | None = None
    """‖∇L(θ*)‖."""
    pairs: EigenPairs | None = None
    """Eigenpairs: Ritz estimates without vectors first, the certified pairs last."""
    plane: Plane | None = None
    """The plane that ``surface`` lies on."""
    surface: Surface | None = None
    """The loss on ``plane`` so far."""
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    """What ``surface`` is made of, by its split: "train", "test" or both."""
    preview: int = 0
    """Examples that ``plane`` and ``surface`` rest on where those are not all, else 0."""
    projections: ProjectedCurvatures | None = None
    """Curvatures of the random projections drawn so far."""
    quadratic: QuadraticModel | None = None
    """The loss to second order in the plane that the controls ask for."""
    slopes: Slopes | None = None
    """The gradient as the certified eigenvectors see it."""
    compared: Picture | None = None
    """The second plane."""
    landmarks: LandmarksOnPlane | None = None
    """The path of training and other solutions on the first plane."""
    compared_landmarks: LandmarksOnPlane | None = None
    """The same on the second plane."""
    line_losses: LineLosses | None = None
    """Losses along several lines from θ*."""
    around: tuple[AtCheckpoint | None, AtCheckpoint | None] | None = None
    """What is known at θ* and at that of the second picture, where this is of another checkpoint."""
    density: SpectralDensity | None = None
    """Spectral density of the probes so far."""
    traces: Mapping[str, Sequence[TraceEstimate]] | None = None
    """Running estimates of tr(H) by method: the exact or deflated trace first, then those of Fig. 3."""
    trace: TraceEstimate | None = None
    """The exact or deflated trace, once it is complete."""
    blindness: SaddleBlindness | None = None
    """How often a random plane hides the saddle."""
    stage: str = "starting"
    """What is computed now, in words."""
    plan: str = ""
    """What all of a long computation takes, in words."""
    meter: Meter = field(default_factory=Meter)
    """Work done and left."""
    fault: Exception | None = None
    """Why some of the curvature cannot be had."""

    def draw(self, plane: Plane, surfaces: Mapping[str, Surface], preview: int = 0) -> None:
        """Takes a picture over, as soon as it is as fine as the one that is there."""
        surface = shown(surfaces)
        if self.surface is None or surface.done.sum() >= self.surface.done.sum():
            self.plane, self.surface, self.surfaces, self.preview = plane, surface, parts(surfaces), preview

    @property
    def pairs_final(self) -> bool:
        """Whether the eigenpairs are the certified ones."""
        return self.pairs is not None and self.pairs.vectors.shape[1] > 0

    @property
    def turns(self) -> bool:
        """Whether the picture's losses may be those of a saddle, so far; a first picture tells nothing."""
        return turns(None if self.preview or not self.pairs_final else self.surface)

    @property
    def density_final(self) -> bool:
        """Whether the spectral density has all of its probes, and what rests on it is known."""
        density = self.density
        return density is not None and density.n_probes >= DENSITY_PROBES and self.blindness is not None

    @property
    def traces_final(self) -> bool:
        """Whether every estimator of the trace has had all of its vectors."""
        return self.traces is not None and all(trace_is_final(*item) for item in self.traces.items())

    def projections_final(self, controls: Controls) -> bool:
        """Whether all projections that ``controls`` ask for were drawn."""
        return self.projections is not None and self.projections.samples >= controls.samples

    @property
    def surface_model(self) -> QuadraticModel | None:
        """``quadratic`` where ``surface`` lies on its plane, which that of a first picture does not."""
        return None if self.preview else self.quadratic

    @property
    def plane_curvature(self) -> tuple[float, float] | None:
        """(κ₋, κ₊) of the plane at θ*."""
        return self.quadratic.curvatures if self.quadratic else None
