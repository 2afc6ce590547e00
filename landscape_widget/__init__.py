"""Loss landscapes of PyTorch models: curvature, planes, and a Jupyter widget to explore them."""

from importlib.metadata import version

from landscape_widget.curvature.blindness import saddle_blindness
from landscape_widget.curvature.density import spectral_density, trace_of
from landscape_widget.curvature.eigenpairs import hessian_eigenpairs
from landscape_widget.curvature.product_check import SecondDerivativeError
from landscape_widget.curvature.trace import hessian_trace
from landscape_widget.explorer.explorer import LandscapeExplorer
from landscape_widget.explorer.side_by_side import SideBySide
from landscape_widget.export.explorer_results import Results
from landscape_widget.export.runs import load, save
from landscape_widget.figures.animation import evolution_animation
from landscape_widget.figures.between import interpolation_figure
from landscape_widget.figures.curvature import curvature_figure, spectrum_figure, trace_figure
from landscape_widget.figures.evolution import evolution_figure
from landscape_widget.figures.planes import heatmap_figure, slices_figure, surface_figure
from landscape_widget.figures.scree import scree_figure
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.bezier import bezier_curve
from landscape_widget.paths.components import path_components
from landscape_widget.paths.interpolation import interpolation
from landscape_widget.paths.planes import interpolation_plane, trajectory_plane
from landscape_widget.paths.preconditioners import adam_preconditioner
from landscape_widget.paths.projection import plane_path
from landscape_widget.paths.recorder import TrajectoryRecorder
from landscape_widget.paths.trajectory import Trajectory
from landscape_widget.planes.convexity import convexity_map
from landscape_widget.planes.directions import hessian_plane, random_plane
from landscape_widget.planes.points import Pin, evaluate_point, score_table
from landscape_widget.planes.projections import projected_curvatures
from landscape_widget.planes.surface import evaluate_plane
from landscape_widget.results.blindness import SaddleBlindness
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.paths import Interpolation, Path, PathComponents
from landscape_widget.results.planes import ConvexityMap, Plane, Surface
from landscape_widget.results.points import PlanePoint, ScoreRow, Scores, ScoreTable
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.spectrum import SpectralDensity, TraceEstimate
from landscape_widget.study.evolution import evolution

__version__ = version("landscape-widget")

__all__ = [
    "ConvexityMap",
    "EigenPairs",
    "Evolution",
    "Interpolation",
    "LandscapeExplorer",
    "Objective",
    "Path",
    "PathComponents",
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
    "SideBySide",
    "SpectralDensity",
    "Surface",
    "TraceEstimate",
    "Trajectory",
    "TrajectoryRecorder",
    "adam_preconditioner",
    "bezier_curve",
    "convexity_map",
    "curvature_figure",
    "evaluate_plane",
    "evaluate_point",
    "evolution",
    "evolution_animation",
    "evolution_figure",
    "heatmap_figure",
    "hessian_eigenpairs",
    "hessian_plane",
    "hessian_trace",
    "interpolation",
    "interpolation_figure",
    "interpolation_plane",
    "load",
    "path_components",
    "plane_path",
    "projected_curvatures",
    "random_plane",
    "saddle_blindness",
    "save",
    "score_table",
    "scree_figure",
    "slices_figure",
    "spectral_density",
    "spectrum_figure",
    "surface_figure",
    "trace_figure",
    "trace_of",
    "trajectory_plane",
]
