"""What results may hold: types by their annotations, shapes by name, and finite numbers where it matters.

A file may have been made by anyone. What comes out of it is taken for a result only if a computation could
have made it, so that nothing that is done with it afterwards meets a surprise.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from landscape_widget.numerics.checks import LARGEST_SEED, told
from landscape_widget.results.curvature import EigenPairs
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.paths import Interpolation, Path
from landscape_widget.results.planes import Surface
from landscape_widget.results.points import ScoreTable
from landscape_widget.results.spectrum import SpectralDensity

#: Dimensions of arrays by their fields, each 1 or more. Equal letters are equal numbers; N is the
#: objective's number of parameters.
_SHAPES = {
    "EigenPairs": {
        **dict.fromkeys(("values", "residuals", "converged"), "m"),
        **dict.fromkeys(("ritz_values", "ritz_weights"), "j"),
    },
    "Plane": dict.fromkeys(("origin", "eta", "delta"), "N"),
    "Surface": {"alpha": "a", "beta": "b", "loss": "ba", "done": "ba"},
    "ProjectedCurvatures": dict.fromkeys("ABC", "S"),
    "SpectralDensity": dict.fromkeys(("nodes", "weights", "probe"), "K"),
    "ConvexityMap": {
        "alpha": "a",
        "beta": "b",
        **dict.fromkeys(("largest", "smallest", "converged", "done"), "ba"),
    },
    "PlanePoint": {"hessian": "22"},
    "PathComponents": {"directions": "Nm", "shares": "n"},
    "Path": dict.fromkeys(("alpha", "beta", "off_plane", "distance", "loss", "step"), "n"),
    "Interpolation": {"t": "n", "loss": "n", "bend": "N"},
    "Evolution": {
        **dict.fromkeys(
            ("checkpoint", "step", "done", "loss", "gradient_norm", "learning_rate", "n_hvp"), "n"
        ),
        **dict.fromkeys(("values", "residuals", "converged", "overlaps", "follows"), "nm"),
        **dict.fromkeys(("trace", "trace_stderr"), "n"),
        **{f"preconditioned{what}": "n" for what in ("", "_residual", "_converged")},
    },
}

#: Fields whose entries are finite.
_FINITE = {
    "EigenPairs": ("values", "vectors"),
    "Plane": ("origin", "eta", "delta"),
    "Surface": ("alpha", "beta"),
    "ProjectedCurvatures": ("A", "B", "C"),
    "SpectralDensity": ("nodes", "weights"),
    "ConvexityMap": ("alpha", "beta"),
    "PathComponents": ("directions", "shares"),
    "Interpolation": ("t",),
}

#: Types of the entries of a provenance that have a meaning; the rest may be anything.
_PROVENANCE = {
    **dict.fromkeys(("seed", "first_plane", "n_examples", "n_parameters", "n_test_examples"), int),
    **dict.fromkeys(("quantity", "method", "operator", "dtype", "batch_norm", "split", "strategy"), str),
    "axes": tuple[str, str],
    "domain": tuple[float, float, float, float],
    "versions": Mapping[str, str],
}

#: Kinds of numpy dtypes that an annotation admits.
_KINDS = {np.floating: "f", np.bool_: "b", np.int_: "iu"}


def check(value: Any, hint: Any = Any, place: str = "the result", n: int | None = None) -> None:
    """Sees that a value, with all that is in it, is as its annotations say.

    Args:
        value: A result, or numbers, words, arrays and results in containers.
        hint: The type it should have; by default anything that files hold.
        place: The name it has in messages.
        n: The number of parameters, where the results are of one objective.

    Raises:
        ValueError: If it is not, and where.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        others = [part for part in parts if part is not types.NoneType]
        if value is not None or len(others) == len(parts):
            plain = [part for part in others if isinstance(part, type) and isinstance(value, part)]
            check(value, (plain or others)[0], place, n)
    elif origin is np.ndarray:
        scalar = get_args(parts[1])[0]
        scalars = get_args(scalar) if get_origin(scalar) is types.UnionType else (scalar,)
        kinds = "".join(_KINDS[get_origin(one) or one] for one in scalars)
        _expect(
            isinstance(value, np.ndarray) and value.dtype.kind in kinds,
            f"{place} as an array of {getattr(scalars[0], '__name__', 'floating')}",
            value,
        )
    elif origin is tuple:
        _expect(isinstance(value, tuple | list), f"{place} as a tuple", value)
        wanted = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
        _expect(len(value) == len(wanted), f"{place} as {len(wanted)} entries", value)
        _each(value, wanted, place, n)
    elif origin in (Mapping, dict):
        _expect(isinstance(value, dict), f"{place} as a mapping", value)
        _each(list(value), [parts[0]] * len(value), f"a key of {place}", n)
        for key, entry in value.items():
            check(entry, parts[1], f"{place}[{key!r}]", n)
    elif origin in (Sequence, list):
        _expect(isinstance(value, list | tuple), f"{place} as a list", value)
        _each(value, [parts[0]] * len(value), place, n)
    elif hint is int:
        whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SEED
        _expect(whole, f"{place} as an integer of at most 64 bits", value)
    elif hint is float:
        _expect(_is_number(value), f"{place} as a number", value)
    elif hint is not Any:
        _expect(isinstance(value, hint), f"{place} as {hint.__name__}", value)
    if is_dataclass(value) and not isinstance(value, type):
        _check_result(value, place, n)
    elif hint is Any and isinstance(value, list | tuple | dict):
        inside = value.values() if isinstance(value, dict) else value
        _each(inside, [Any] * len(value), place, n)


def _each(values: Any, hints: Sequence[Any], place: str, n: int | None) -> None:
    for i, (entry, hint) in enumerate(zip(values, hints, strict=True)):
        check(entry, hint, f"{place}[{i}]", n)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _check_result(result: Any, place: str, n: int | None) -> None:
    cls: Any = type(result)
    name, hints = cls.__name__, _hints(cls)
    for f in fields(result):
        check(getattr(result, f.name), hints[f.name], f"{place}.{f.name}", n)
    dimensions = {} if n is None else {"N": n}
    for field, letters in _SHAPES.get(name, {}).items():
        array = getattr(result, field)
        if array is not None:
            _check_shape(array.shape, letters, dimensions, f"{place}.{field}")
    for field in _FINITE.get(name, ()):
        _expect(np.isfinite(getattr(result, field)).all(), f"{place}.{field} as finite numbers")
    if name in _RULES:
        _RULES[name](result, place, n)
    if hasattr(result, "provenance"):
        _check_provenance(result.provenance, f"{place}.provenance")


def _check_shape(shape: tuple[int, ...], letters: str, dimensions: dict[str, int], place: str) -> None:
    _expect(len(shape) == len(letters) and min(shape) > 0, f"{place} with {len(letters)} dimensions", shape)
    for letter, size in zip(letters, shape, strict=True):
        wanted = int(letter) if letter.isdigit() else dimensions.setdefault(letter, size)
        _expect(size == wanted, f"{place} with {wanted} entries along {letter}", shape)


def _check_provenance(provenance: Mapping[str, Any], place: str) -> None:
    for key, value in provenance.items():
        _expect(isinstance(key, str), f"a key of {place} as a word", key)
        if key in _PROVENANCE:
            check(value, _PROVENANCE[key], f"{place}[{key!r}]")
        if key == "plane" or isinstance(value, dict):
            _expect(isinstance(value, dict), f"{place}[{key!r}] as a mapping", value)
            _check_provenance(value, f"{place}[{key!r}]")


def _check_pairs(pairs: EigenPairs, place: str, n: int | None) -> None:
    count, size = len(pairs.values), len(pairs.vectors)
    # estimates have no vectors
    _expect(
        pairs.vectors.shape in ((size, count), (size, 0)), f"{place}.vectors as columns", pairs.vectors.shape
    )
    _expect(count <= size == (n or size), f"{place} of {n or size} parameters", pairs.vectors.shape)
    _expect(pairs.n_largest <= count, f"{place}.n_largest up to {count}", pairs.n_largest)


def _check_density(density: SpectralDensity, place: str, n: int | None) -> None:
    size = density.n_parameters
    _expect(0 < size == (n or size), f"{place}.n_parameters as {n or 'N'}", size)
    _expect((density.weights >= 0).all(), f"{place}.weights that are not negative")
    _expect((density.probe >= -1).all(), f"{place}.probe from \N{MINUS SIGN}1 on")
    _expect((density.probe < len(density.probe)).all(), f"{place}.probe up to the number of nodes")


def _check_table(table: ScoreTable, place: str, _n: int | None) -> None:
    scores = [score for row in table.rows for score in (row.train, row.test) if score is not None]
    _expect(len(table.rows) > 0, f"{place} with a row")
    same = all(score.metrics.keys() == scores[0].metrics.keys() for score in scores)
    _expect(same, f"{place} with the same metrics in all rows")


def _check_surface(surface: Surface, place: str, _n: int | None) -> None:
    bound = surface.error_bound
    right = bound is None or 0 <= bound < math.inf
    _expect(right, f"{place}.error_bound as a finite number that is not negative", bound)


def _check_path(path: Path, place: str, _n: int | None) -> None:
    for name in ("alpha", "beta", "off_plane", "distance"):
        right = np.where(path.finite, np.isfinite(getattr(path, name)), np.isnan(getattr(path, name)))
        _expect(right.all(), f"{place}.{name} as finite numbers, NaN where the whole checkpoint is")
    for name, values in path.scalars.items():
        _expect(values.shape == path.step.shape, f"{place}.scalars[{name!r}] for each step", values.shape)


def _check_evolution(run: Evolution, place: str, _n: int | None) -> None:
    n, m = run.values.shape
    _expect(len(run.verdict) == n, f"{place}.verdict for each checkpoint", len(run.verdict))
    _expect(run.n_largest <= m, f"{place}.n_largest up to {m}", run.n_largest)
    _expect((np.diff(run.step[~np.isnan(run.step)]) > 0).all(), f"{place}.step ascending", run.step)
    _expect(np.shape(run.momentum) in ((), (n,)), f"{place}.momentum for each checkpoint", run.momentum)
    _expect(len(run.names) in (0, n), f"{place}.names for each checkpoint", len(run.names))
    if run.pairs is not None:
        at = run.latest
        right = len(run.pairs.values) == m and at is not None and at < n and run.done[at]
        _expect(right, f"{place}.pairs of {m} values, of a checkpoint that is done", run.latest)


def _check_interpolation(way: Interpolation, place: str, _n: int | None) -> None:
    for name, values in way.metrics.items():
        _expect(values.shape == way.t.shape, f"{place}.metrics[{name!r}] for each t", values.shape)


_RULES: dict[str, Callable[[Any, str, int | None], None]] = {
    "EigenPairs": _check_pairs,
    "SpectralDensity": _check_density,
    "ScoreTable": _check_table,
    "Surface": _check_surface,
    "Path": _check_path,
    "Interpolation": _check_interpolation,
    "Evolution": _check_evolution,
}


def _is_number(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= 2**64
    return isinstance(value, float)


def _expect(right: Any, what: str, got: Any = None) -> None:
    if not right:
        raise ValueError(f"expected {what}" + ("" if got is None else f", got {told(got)}"))
