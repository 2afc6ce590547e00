"""How pages show losses at first: options that change no result, and that each page may change for itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from landscape_widget.numerics.checks import near, told

#: The values of each option, its default first; a camera is a mapping of plotly's.
CHOICES: dict[str, tuple[Any, ...]] = {
    "scale": ("auto", "linear", "log"),
    "map": ("Viridis", "Cividis"),
    "colour": ("loss", "error"),
    "contours": (True, False),
    "quadratic": (False, True),
    "titled": (True, False),
}

#: What ``view["controls"]`` may name: traits, and options of view.
CONTROLS = (
    "axes",
    "domain",
    "resolution",
    "compared_axes",
    "checkpoint",
    "face",
    "lines",
    "seed",
    "examples",
    "split",
    "batch_norm",
    *CHOICES,
)

#: What plotly's camera is made of: three points, and how they are projected.
_CAMERA = ("eye", "center", "up")
_PROJECTION = "projection"
_PROJECTIONS = ("perspective", "orthographic")


def check_view(view: Any) -> dict[str, Any]:
    """``view`` itself, if it is made of options that there are.

    Raises:
        ValueError: If not.
    """
    if not isinstance(view, Mapping):
        raise ValueError(f"Expected view as a mapping such as {{'scale': 'log'}}, got {told(view)}.")
    for name, value in view.items():
        if name == "camera":
            _check_camera(value)
        elif name == "controls":
            _check_controls(value)
        elif name not in CHOICES:
            known = ", ".join([*CHOICES, "camera", "controls"])
            raise ValueError(f"Expected options of view among {known}, got {told(name)}.")
        elif not any(
            value is choice or (value == choice and isinstance(value, str)) for choice in CHOICES[name]
        ):
            choices = ", ".join(map(repr, CHOICES[name]))
            raise ValueError(f"Expected view[{name!r}] as one of {choices}, got {told(value)}.")
    return dict(view)


def _check_controls(wanted: Any) -> None:
    """Raise where the controls that a page is to have are not names of some, or None for all."""
    if wanted is None:
        return
    if not isinstance(wanted, list | tuple):
        raise ValueError(f"Expected view['controls'] as a list such as ['axes', 'seed'], got {told(wanted)}.")
    for name in wanted:
        if name not in CONTROLS:
            hint = near(name, CONTROLS) if isinstance(name, str) else ""
            raise ValueError(
                f"Expected names in view['controls'] among {', '.join(CONTROLS)}; got {told(name)}.{hint}"
            )


def _check_camera(camera: Any) -> None:
    """Raise where a camera is not one that plotly takes: points of finite coordinates by their names."""
    if camera is None:
        return
    if not (
        isinstance(camera, Mapping)
        and set(camera) <= {*_CAMERA, _PROJECTION}
        and all(_is_point(camera.get(name, {})) for name in _CAMERA)
        and _is_projection(camera.get(_PROJECTION, {}))
    ):
        raise ValueError(
            "Expected view['camera'] as plotly's, such as {'eye': {'x': 1.2, 'y': -1.3, 'z': 1}}, "
            f"got {told(camera)}."
        )


def _is_projection(projection: Any) -> bool:
    if not isinstance(projection, Mapping) or not set(projection) <= {"type"}:
        return False
    kind = projection.get("type", _PROJECTIONS[0])
    return isinstance(kind, str) and kind in _PROJECTIONS


def _is_point(point: Any) -> bool:
    """Whether all coordinates are numbers; an integer may be too large for one."""
    return (
        isinstance(point, Mapping)
        and set(point) <= set("xyz")
        and all(isinstance(x, int | float) and abs(x) <= sys.float_info.max for x in point.values())
    )
