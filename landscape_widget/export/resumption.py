"""Whether what a file holds of a run is what the same objective could have written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np

from landscape_widget.curvature.certificate import wanted_ends
from landscape_widget.export.explorer_results import Results
from landscape_widget.export.identity import IDENTITY, OPTIONAL_IDENTITY
from landscape_widget.numerics.checks import told
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.points import Pin, check_coordinates
from landscape_widget.results.curvature import EigenPairs, ProjectedCurvatures
from landscape_widget.results.schema import check
from landscape_widget.study.budget import TRACE_METHODS
from landscape_widget.study.controls import Controls
from landscape_widget.study.known import OPTIONAL, SAVED, is_of_test_data

#: What a file holds of a pin.
_PIN = {f.name: get_type_hints(Pin)[f.name] for f in fields(Pin)}

#: What a file holds of the way to its centre.
_WAY: dict[str, Any] = {
    "from": list[str],
    "known": dict[str, Any],
    "theta": FloatArray,
    "state": dict[str, np.ndarray],
}


def check_identity(identity: Any) -> None:
    """Sees that a description of an objective is one.

    Raises:
        ValueError: If it is not.
    """
    optional = frozenset(OPTIONAL_IDENTITY)
    _check_entries(identity, IDENTITY | OPTIONAL_IDENTITY, "the objective", optional=optional)


def check_run(content: Mapping[str, Any], n_parameters: int, n_examples: int) -> None:
    """Sees that results, what a study knows, and pins are those of an objective of this size.

    Raises:
        ValueError: If they are not, and where.
    """
    check(content["result"], Results, "the result", n_parameters)
    if "controls" in content:  # which files of version 0.1 lack
        check(content["controls"], Controls, "the controls")
    way = content.get("way", {})
    for held, place in (content["study"], "the study"), (way.get("known"), "the way"):
        if held is not None or place == "the study":
            _check_known(held, place, n_parameters, n_examples)
    pins = content.get("pins", ())
    for pin in pins:
        _check_entries(pin, _PIN, "a pin", n_parameters)
        check_coordinates(pin["alpha"], pin["beta"])
    numbers = [pin["number"] for pin in pins]
    if len({0, *numbers}) <= len(numbers):
        raise ValueError(f"expected pins with numbers of their own, got {told(numbers)}")


def check_way(way: Any) -> dict[str, Any]:
    """The way to a centre, if it is one: none, or with or without the weights of that centre.

    Raises:
        ValueError: If it is not.
    """
    if way != {}:
        _check_entries(way, _WAY, "the way", optional=frozenset(("theta", "state")))
    checked: dict[str, Any] = way
    return checked


def _check_known(held: Any, place: str, n_parameters: int, n_examples: int) -> None:
    _check_entries(held, SAVED, place, n_parameters, OPTIONAL)
    for kind, known in held.items():
        for key, value in known.items():
            where = f"{place}[{kind!r}][{key!r}]"
            examples = key[0] if isinstance(key, tuple) else key
            if not 1 <= examples <= (examples if is_of_test_data(kind, key) else n_examples):
                raise ValueError(f"expected {where} of up to {n_examples} examples")
            if kind in _FITS and not _FITS[kind](key, value, n_parameters):
                raise ValueError(f"expected {where} to be what such a run ends with")


def _check_entries(
    value: Any,
    hints: Mapping[str, Any],
    place: str,
    n: int | None = None,
    optional: frozenset[str] = frozenset(),
) -> None:
    """Sees that a mapping has exactly these names, but for optional ones, and values of these types."""
    if not isinstance(value, dict) or value.keys() | optional != hints.keys() | optional:
        got = list(value) if isinstance(value, dict) else value
        raise ValueError(f"expected {place} with {', '.join(hints)}, got {told(got)}")
    for name, hint in hints.items():
        if name in value:
            check(value[name], hint, f"{place}[{name!r}]", n)


def _pairs_fit(key: tuple[int, int], pairs: EigenPairs, n: int) -> bool:
    ends = wanted_ends(n, key[1], "both", 0.5)
    shape = (n, ends.total)
    return (pairs.vectors.shape, pairs.n_largest) == (shape, ends.largest) and _rests_on(pairs, key[0])


def _rests_on(result: EigenPairs | ProjectedCurvatures, n_examples: int) -> bool:
    return bool(result.provenance.get("n_examples") == n_examples)


#: Whether a key and its value belong together, for N parameters.
_FITS: dict[str, Callable[[Any, Any, int], bool]] = {
    "gradients": lambda _, gradient, n: gradient.shape == (n,),
    "losses": lambda _, table, __: table.ndim == 2 and table.shape[1] == 3,
    "pairs": _pairs_fit,
    "projections": lambda key, known, _: (
        known.samples <= key[1] and known.provenance.get("seed") == 0 and _rests_on(known, key[0])
    ),
    "densities": lambda key, density, n: 0 < key[1] <= n and "method" in density.provenance,
    "traces": lambda key, history, _: key[1] in ("exact", "deflated", *TRACE_METHODS) and len(history) > 0,
    "directions": lambda _, direction, n: direction.shape == (n,) and np.isfinite(direction).all(),
    "blindness": lambda key, _, __: len(key) > 1,
}
