"""The table of all kinds of results, in which readers of files look up names."""

from __future__ import annotations

from dataclasses import is_dataclass

from landscape_widget.results import (
    base,
    blindness,
    comparison,
    curvature,
    evolution,
    landmarks,
    lines,
    paths,
    planes,
    points,
    quadratic,
    spectrum,
)

#: Every module of this folder that defines results.
_MODULES = (
    base,
    blindness,
    comparison,
    curvature,
    evolution,
    landmarks,
    lines,
    paths,
    planes,
    points,
    quadratic,
    spectrum,
)

#: Classes of results by their names, which files hold and which therefore stay.
RESULTS: dict[str, type] = {
    name: cls
    for module in _MODULES
    for name, cls in vars(module).items()
    if isinstance(cls, type) and is_dataclass(cls)
}
