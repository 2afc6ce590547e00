"""Loss landscapes of PyTorch models: curvature, planes, and a Jupyter widget to explore them."""

from landscape_widget.blindness import saddle_blindness
from landscape_widget.bundle import Results
from landscape_widget.convexity import convexity_map
from landscape_widget.curvature_figures import curvature_figure, spectrum_figure, trace_figure
from landscape_widget.density import spectral_density, trace_of
from landscape_widget.directions import hessian_plane, random_plane
from landscape_widget.explorer import LandscapeExplorer
from landscape_widget.figures import heatmap_figure, slices_figure, surface_figure
from landscape_widget.hessian import hessian_eigenpairs
from landscape_widget.objective import Objective
from landscape_widget.points import Pin, evaluate_point, score_table
from landscape_widget.projections import projected_curvatures
from landscape_widget.quadratic import QuadraticModel
from landscape_widget.results import (
    ConvexityMap,
    EigenPairs,
    Plane,
    PlanePoint,
    ProjectedCurvatures,
    SaddleBlindness,
    ScoreRow,
    Scores,
    ScoreTable,
    SpectralDensity,
    Surface,
    TraceEstimate,
)
from landscape_widget.saving import load, save
from landscape_widget.selfcheck import SecondDerivativeError
from landscape_widget.surface import evaluate_plane
from landscape_widget.trace import hessian_trace

__all__ = [
    "ConvexityMap",
    "EigenPairs",
    "LandscapeExplorer",
    "Objective",
    "Pin",
    "Plane",
    "PlanePoint",
    "ProjectedCurvatures",
    "QuadraticModel",
    "Results",
    "SaddleBlindness",
    "ScoreRow",
    "ScoreTable",
    "Scores",
    "SecondDerivativeError",
    "SpectralDensity",
    "Surface",
    "TraceEstimate",
    "convexity_map",
    "curvature_figure",
    "evaluate_plane",
    "evaluate_point",
    "heatmap_figure",
    "hessian_eigenpairs",
    "hessian_plane",
    "hessian_trace",
    "load",
    "projected_curvatures",
    "random_plane",
    "saddle_blindness",
    "save",
    "score_table",
    "slices_figure",
    "spectral_density",
    "spectrum_figure",
    "surface_figure",
    "trace_figure",
    "trace_of",
]
