"""Loss landscapes of PyTorch models: curvature, planes, and a Jupyter widget to explore them."""

from landscape_widget.directions import hessian_plane, random_plane
from landscape_widget.explorer import LandscapeExplorer
from landscape_widget.hessian import hessian_eigenpairs
from landscape_widget.objective import Objective
from landscape_widget.projections import projected_curvatures
from landscape_widget.results import EigenPairs, Plane, ProjectedCurvatures, Surface
from landscape_widget.surface import evaluate_plane

__all__ = [
    "EigenPairs",
    "LandscapeExplorer",
    "Objective",
    "Plane",
    "ProjectedCurvatures",
    "Surface",
    "evaluate_plane",
    "hessian_eigenpairs",
    "hessian_plane",
    "projected_curvatures",
    "random_plane",
]
