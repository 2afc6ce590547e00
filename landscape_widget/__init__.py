"""Loss landscapes of PyTorch models: curvature, planes, and a Jupyter widget to explore them."""

from landscape_widget.blindness import saddle_blindness
from landscape_widget.convexity import convexity_map
from landscape_widget.density import spectral_density, trace_of
from landscape_widget.directions import hessian_plane, random_plane
from landscape_widget.explorer import LandscapeExplorer
from landscape_widget.hessian import hessian_eigenpairs
from landscape_widget.objective import Objective
from landscape_widget.projections import projected_curvatures
from landscape_widget.results import (
    ConvexityMap,
    EigenPairs,
    Plane,
    ProjectedCurvatures,
    SaddleBlindness,
    SpectralDensity,
    Surface,
    TraceEstimate,
)
from landscape_widget.selfcheck import SecondDerivativeError
from landscape_widget.surface import evaluate_plane
from landscape_widget.trace import hessian_trace

__all__ = [
    "ConvexityMap",
    "EigenPairs",
    "LandscapeExplorer",
    "Objective",
    "Plane",
    "ProjectedCurvatures",
    "SaddleBlindness",
    "SecondDerivativeError",
    "SpectralDensity",
    "Surface",
    "TraceEstimate",
    "convexity_map",
    "evaluate_plane",
    "hessian_eigenpairs",
    "hessian_plane",
    "hessian_trace",
    "projected_curvatures",
    "random_plane",
    "saddle_blindness",
    "spectral_density",
    "trace_of",
]
