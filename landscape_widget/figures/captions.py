"""Titles of pictures of planes, and what they rest on, line by line: for figures and for files."""

from __future__ import annotations

import math

from landscape_widget.figures.labels import quantity
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.planes.axes import depends_on_seed, words_of
from landscape_widget.planes.presets import plane_words
from landscape_widget.results.base import Provenance
from landscape_widget.results.planes import Plane, Surface
from landscape_widget.results.tables import brief


def subject_of(provenance: Provenance) -> str:
    """The model that a result is of, or the function; empty where neither has a name."""
    return str(provenance.get("model") or provenance.get("loss_fn") or "")


def title_of(surface: Surface) -> str:
    """The quantity, the model and the plane, as far as they are known."""
    provenance = surface.provenance
    subject = subject_of(provenance)
    added = " batch norm" if provenance.get("batch_norm") == "difference" else ""
    title = quantity(surface).capitalize() + added + (f" of {subject}" if subject else "")
    axes = tuple(provenance.get("axes", ()))
    if len(axes) != 2 or not all(axes):
        return title
    seed = provenance.get("plane", {}).get("seed")
    return f"{title}: {plane_words(axes, seed, words_of)}"


def details_of(surface: Surface, plane: Plane | None = None) -> dict[str, str]:
    """What a reader needs to repeat a picture, as far as it is known, by names in plain words.

    Args:
        surface: The picture.
        plane: The plane that it lies on, for the lengths of its axes.
    """
    told = surface.provenance
    axes = tuple(told.get("axes", ()))
    seed = told.get("plane", {}).get("seed") if depends_on_seed(axes) else None
    known = {
        "Model": _counted(str(told.get("model", "")), told.get("n_parameters"), "parameter"),
        "Loss": str(told.get("loss_fn", "")),
        "Examples": _examples(told),
        "Axes": " × ".join(axes),
        "Seed": "" if seed is None else str(seed),
        "Half-widths": f"α {_reach(surface.alpha)}, β {_reach(surface.beta)}",
        "Unit lengths": "" if plane is None else "‖η‖ = {:.4g}, ‖δ‖ = {:.4g}".format(*plane.norms),
        "Resolution": f"{len(surface.alpha)} × {len(surface.beta)}",
        "Nodes": surface.coverage,
        "Accuracy": f"{told['accuracy']:g} of the range" if told.get("accuracy") else "",
        "Batch norm": {"frozen": ""}.get(told.get("batch_norm", "frozen"), str(told.get("batch_norm"))),
        "Mode": str(told.get("mode", "")),
        "Precision": str(told.get("dtype", "")),
        "Software": _software(told),
    }
    return {name: words for name, words in known.items() if words}


def _software(provenance: Provenance) -> str:
    versions = provenance.get("versions", {})
    return ", ".join(f"{name} {versions[name]}" for name in ("landscape-widget", "torch") if name in versions)


def _examples(provenance: Provenance) -> str:
    """How many examples of which data."""
    split = provenance.get("split", "train")
    training = _counted("", provenance.get("n_examples"), "training example")
    if split == "train":
        return training
    if split == "test":
        return _counted("", provenance.get("n_examples"), "test example")
    return ", ".join(
        filter(None, [_counted("", provenance.get("n_test_examples"), "test example"), training])
    )


def _counted(name: str, count: int | None, what: str) -> str:
    words = "" if count is None else f"{count:,} {what}{'s' * (count != 1)}"
    return ", ".join(filter(None, [name, words]))


def _reach(axis: FloatArray) -> str:
    """How far an axis goes: ±0.4 around θ*, else from one end to the other."""
    low, high = float(axis[0]), float(axis[-1])
    if math.isclose(-low, high, rel_tol=1e-9):
        return f"±{high:.4g}"
    return f"{brief(low)} to {brief(high)}"
