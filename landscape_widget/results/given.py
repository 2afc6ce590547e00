"""What a function is given of this package's own kinds: another kind is refused where it enters."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, get_args

#: How one comes by each kind.
_MADE_BY = {
    "Objective": "Objective(model, data, loss_fn)",
    "Plane": "random_plane(objective) or hessian_plane(objective)",
    "Surface": "*_, surface = evaluate_plane(objective, plane)",
    "EigenPairs": "hessian_eigenpairs(objective)",
    "ProjectedCurvatures": "projected_curvatures(objective, samples)",
    "SpectralDensity": "spectral_density(objective)",
    "TraceEstimate": "hessian_trace(objective)",
    "QuadraticModel": "explorer.quadratic",
    "PathComponents": "path_components(objective, trajectory)",
    "Path": "plane_path(plane, objective, trajectory)",
    "Interpolation": "interpolation(objective, a, b)",
    "Evolution": "*_, found = evolution(objective, trajectory)",
}


def check_given(kind: type | UnionType, **values: Any) -> None:
    """Sees that arguments are of a kind, or of one of several.

    Args:
        kind: Such as ``Surface``, or ``Plane | None``.
        **values: The arguments by their names.

    Raises:
        TypeError: For one that is not.
    """
    for name, value in values.items():
        if not isinstance(value, kind):
            kinds = [k for k in get_args(kind) or (kind,) if k is not NoneType]
            first = kinds[0].__name__
            words = " or ".join(k.__name__ for k in kinds)
            article = "an" if first[0] in "AEIO" else "a"
            made = f" It is made by `{_MADE_BY[first]}`." if first in _MADE_BY else ""
            if first == "Surface" and isinstance(value, Iterator):
                made = f" Take the last of what it yields: `{_MADE_BY[first]}`."
            raise TypeError(f"Expected {name} as {article} {words}, got {type(value).__name__}.{made}")
