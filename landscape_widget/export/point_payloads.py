"""Pins and tables of scores as the page receives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape_widget.export.payloads import Payload, finite
from landscape_widget.planes.axes import symbol_of
from landscape_widget.planes.points import Pin, locate, plane_seed, same_plane
from landscape_widget.planes.presets import plane_words
from landscape_widget.results.planes import Plane
from landscape_widget.results.points import ScoreRow, Scores, ScoreTable


def pin(marked: Pin, shown: Sequence[Plane | None], centred: bool) -> Payload:
    """A pin, with its places on the planes on show.

    Args:
        marked: The pin.
        shown: The first plane on show and the one beside it, None where there is none.
        centred: Whether its own plane goes out from the present centre.
    """
    seed = plane_seed(marked.plane)
    values, plane, first = marked.values, marked.plane, shown[0]
    return {
        "number": marked.number,
        "alpha": marked.alpha,
        "beta": marked.beta,
        "axes": list(plane.axes),
        "plane": plane_words(plane.axes, seed),
        "fingerprint": plane.fingerprint,
        "symbols": [symbol_of(name) for name in plane.axes],
        "seed": seed,
        "n_examples": plane.provenance.get("n_examples"),
        "here": first is not None and same_plane(plane, first),
        "centred": centred,
        "places": [None if other is None else _place(marked, other) for other in shown],
        "batch_norm": values.batch_norm if values else None,
        "train": _scores(values.train) if values else None,
        "test": _scores(values.test) if values else None,
        "gradient_norm": finite(values.gradient_norm) if values else None,
        "hessian": _numbers(values.hessian) if values else None,
        "curvatures": _numbers(values.curvatures) if values else None,
        "done": marked.done,
        "error": marked.error,
    }


def _place(marked: Pin, plane: Plane) -> tuple[float, float] | None:
    """Coordinates (α, β) of a pin on a plane, None if it lies elsewhere."""
    if plane is marked.plane or plane.fingerprint == marked.plane.fingerprint:
        return marked.alpha, marked.beta
    return locate(plane, marked.theta)


def rows(table: ScoreTable, seed: int | None) -> list[Payload]:
    """The rows of a table of scores, of planes with this seed."""
    norm = {"batch_norm": table.provenance["batch_norm"]}
    return [_row(scored, seed) | norm for scored in table.rows]


def _row(scored: ScoreRow, seed: int | None) -> Payload:
    plane = plane_words(scored.axes, seed) if any(scored.axes) else ""
    place = {"place": scored.place, "plane": plane, "alpha": scored.alpha, "beta": scored.beta}
    return place | {"train": _scores(scored.train), "test": _scores(scored.test)}


def _scores(scores: Scores | None) -> Payload | None:
    if scores is None:
        return None
    metrics = {name: finite(value) for name, value in scores.metrics.items()}
    return {"loss": finite(scores.loss), "metrics": metrics, "n_examples": scores.n_examples}


def _numbers(values: Any) -> Any:
    """Arrays and tuples as lists, with None for what is not finite."""
    if values is None or isinstance(values, float):
        return finite(values)
    return [_numbers(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]
