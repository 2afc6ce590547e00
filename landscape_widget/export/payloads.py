"""Results as the page receives them: small metadata, and arrays as binary buffers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from landscape_widget.figures.captions import details_of, subject_of, title_of
from landscape_widget.numerics.vectors import FloatArray, inner, norm
from landscape_widget.objective.objective import Objective
from landscape_widget.paths.index import Recorded
from landscape_widget.planes.axes import KINDS, Axis, depends_on_seed
from landscape_widget.planes.grid import MAX_RESOLUTION
from landscape_widget.planes.presets import PRESETS, plane_words
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings, Picture
from landscape_widget.study.sights import domain_of, sight, tells
from landscape_widget.study.verdict import domain_on_show, verdict_of

#: Eigenvectors of each end that the page offers as axes.
OFFERED_RANKS = 5

#: Parts that are told apart in the time left, by kinds of work; all others are the curvature panel's.
_PART_OF = {
    **dict.fromkeys(("node", "compared node", "checkpoint", "compared checkpoint"), "surface"),
    "product": "eigenpairs",
    "line point": "lines",
}

#: What is said while such a part is computed.
_STAGE_OF = {
    "surface": "loss surface",
    "eigenpairs": "directions of extreme curvature",
    "lines": "losses along lines",
    "curvature": "curvature",
}

Payload = dict[str, Any]


def info(
    objective: Objective,
    theta_norm: float,
    test: Objective | None = None,
    offered: Sequence[Axis] = (),
    checkpoints: Sequence[Recorded] = (),
    solutions: int = 0,
) -> Payload:
    """What does not change during the life of an explorer, but for what is ``refused``.

    That torch can differentiate the loss twice, and so that there are Hessian axes, is taken for granted
    until a computation ends otherwise. ``offered``: the axes of a trajectory and of solutions;
    ``checkpoints``: all that can be gone to; ``solutions``: how many others there are.
    """
    return {
        "subject": subject_of(objective.provenance("loss")),
        "n_parameters": objective.n_parameters,
        "n_examples": objective.n_examples,
        "n_test_examples": test.n_examples if test else 0,
        "theta_norm": theta_norm,
        "dtype": str(objective.dtype).removeprefix("torch."),
        "device": str(objective.device),
        "max_resolution": MAX_RESOLUTION,
        "axes": _axes(max(1, min(OFFERED_RANKS, objective.n_parameters // 2)), offered),
        "batch_norm": objective.has_batch_norm,
        "divisible": objective.divisible,
        "refused": _refused(objective),
        "checkpoints": [{"label": one.name} for one in checkpoints],
        "solutions": solutions,
    }


def info_of(found: Findings, controls: Controls, theta_norm: float) -> Payload:
    """The same as far as results tell it, for a page without the objective."""
    assert found.surface is not None
    second = found.compared
    told = [found.surface.provenance, *([second.surface.provenance] if second else [])]
    tested = [p["n_examples"] if p.get("split") == "test" else p.get("n_test_examples", 0) for p in told]
    n = told[0].get("n_parameters", 0)
    return {
        "subject": subject_of(told[0]),
        "n_parameters": n,
        "n_examples": controls.examples,
        "n_test_examples": max(tested),
        "theta_norm": theta_norm,
        "max_resolution": MAX_RESOLUTION,
        "axes": _axes(max(1, min(OFFERED_RANKS, n // 2))),
        "batch_norm": controls.batch_norm != "frozen",
        "divisible": False,
        "refused": {},
        "checkpoints": [],
        "solutions": 0,
    }


def _refused(objective: Objective) -> dict[str, str]:
    """Why there are no axes of a kind, by the names of kinds."""
    refused = {}
    for kind in KINDS.values():
        try:
            kind.check(objective)
        except ValueError as error:
            refused[kind.name] = str(error)
    return refused


def without_hessian(told: Payload, reason: str) -> Payload:
    """``info`` where there are no Hessian axes for a reason; where that is "" there are."""
    eigen = told["axes"]["eigen"]
    refused = {name: words for name, words in told["refused"].items() if name not in eigen}
    return told | {"refused": refused | (dict.fromkeys(eigen, reason) if reason else {})}


def _axes(most: int, offered: Sequence[Axis] = ()) -> Payload:
    """Axes and planes that the page offers, and which kinds are eigenvectors, offered up to a rank."""
    groups: dict[str, list[Payload]] = {}
    kinds = [kind for kind in KINDS.values() if not (kind.of_path or kind.named)]
    always = [Axis(kind, rank) for kind in kinds for rank in (range(1, most + 1) if kind.end else [0])]
    for axis in [*always, *offered]:
        label = (axis.kind.choice if axis.rank <= 1 else "") or axis.symbol
        groups.setdefault(axis.kind.group, []).append({"value": axis.name, "label": label})
    names = [axis.name for axis in [*always, *offered]]
    presets = [preset for preset in PRESETS if set(preset.axes) <= {*names, *KINDS}]
    return {
        "groups": [{"label": label, "options": options} for label, options in groups.items()],
        "presets": [asdict(preset) | {"axes": list(preset.axes)} for preset in presets],
        "eigen": [kind.name for kind in KINDS.values() if kind.end],
    }


def surface(
    found: Findings, controls: Controls, request: int, theta_norm: float, python: str = ""
) -> Payload:
    """The loss surface, losses as float32, coordinates as float64; and the call that makes it again."""
    assert found.surface is not None
    assert found.plane is not None
    picture = Picture(found.plane, found.surface, found.surface_model, found.surfaces)
    payload = _picture(picture, found, controls, request, theta_norm)
    return payload | {"n_examples": found.preview or controls.examples, "python": python}


def compared(found: Findings, controls: Controls, request: int, theta_norm: float) -> Payload:
    """The surface of the second plane, and what either plane shows of θ*.

    Of each: where its picture has the colours for what lies in it, and where it has not.
    """
    picture = found.compared
    assert picture is not None
    if controls.compared_checkpoint is None:
        told = sights(found, controls, theta_norm)
        return _picture(picture, found, controls, request, theta_norm) | {"sights": told}
    around = found.around or (None, None)
    made = _picture(picture, found, controls, request, norm(picture.plane.origin))
    return made | {
        "checkpoint": controls.compared_checkpoint,
        "centre_loss": finite(around[1].loss if around[1] else None),
        "sights": [[at.words if at else ""] * 2 for at in around],
    }


def sights(found: Findings, controls: Controls, theta_norm: float) -> list[list[str]]:
    """What each picture shows of θ*: where it has the colours for what lies in its plane, and where not."""
    verdict, second = verdict_of(found, controls, theta_norm), found.compared
    shown = [(found.quadratic, domain_on_show(found, controls), tells(found.surface))]
    if second is not None:
        shown.append((second.quadratic, domain_of(second.surface), tells(second.surface)))
    return [
        [
            sight(verdict.kind, model, domain, seen, told) if verdict and model and domain else ""
            for seen in (True, False)
        ]
        for model, domain, told in shown
    ]


def _picture(
    picture: Picture, found: Findings, controls: Controls, request: int, theta_norm: float
) -> Payload:
    result, plane = picture.surface, picture.plane
    split = result.provenance["split"]
    lowest = result.minimum if split != "difference" else None
    modelled = split == "train" and controls.batch_norm == "frozen"
    eta, delta = plane.norms
    return {
        "request": request,
        "axes": list(plane.axes),
        "python": "",
        "plane": plane.fingerprint,
        "name": plane_words(plane.axes, controls.seed),
        "seed": controls.seed,
        "seeded": depends_on_seed(plane.axes),
        "equal_axes": controls.equal_axes,
        "checkpoint": controls.checkpoint,
        "alpha": buffer(result.alpha, np.float64),
        "beta": buffer(result.beta, np.float64),
        "loss": buffer(result.loss, np.float32),
        "done": buffer(result.done, np.uint8),
        "final": result.final,
        "n_done": result.n_evaluated,
        "coverage": result.coverage if result.final else "",
        "n_examples": controls.examples,
        "split": split,
        "batch_norm": result.provenance["batch_norm"],
        "norms": [eta, delta],
        "cosine": float(inner(plane.eta, plane.delta)) / (eta * delta) if eta and delta else 0.0,
        "theta_norm": theta_norm,
        "centre_loss": finite(found.centre_loss),
        "quadratic": _quadratic(picture.quadratic if modelled else None),
        "minimum": _minimum(lowest),
        "note": _failures(result),
        "minima": {split: _minimum(part.minimum) for split, part in picture.surfaces.items()},
        "title": title_of(result),
        "details": details_of(result, plane),
    }


def _failures(result: Surface) -> str:
    """What is told of points where the model or the loss raised."""
    failures = result.provenance.get("failures")
    if not isinstance(failures, Mapping):
        return ""
    return f"no loss at {failures['points']} points, where the model or loss_fn fails ({failures['first']})"


def _minimum(lowest: tuple[float, float, float] | None) -> Payload | None:
    return dict(zip(("alpha", "beta", "loss"), lowest, strict=True)) if lowest else None


def progress(found: Findings, request: int, elapsed: float) -> Payload:
    """Where the computation is, the seconds behind and before it, and what a long one takes in all."""
    fraction, eta = found.meter.left()
    parts = _parts(found.meter.ahead())
    return {
        "request": request,
        "stage": _running(found.stage, parts),
        "fraction": fraction,
        "eta": eta,
        "elapsed": elapsed,
        "parts": parts,
        "plan": found.plan,
    }


def _running(stage: str, parts: Mapping[str, float | None]) -> str:
    """The stage that was begun last, or where that is finished and others go on beside it, one of these."""
    own = next((part for part, words in _STAGE_OF.items() if words == stage), None)
    left = [part for part, seconds in parts.items() if seconds != 0]
    return stage if own in left or own not in parts or not left else _STAGE_OF[left[0]]


def _parts(ahead: Mapping[str, float | None]) -> dict[str, float | None]:
    """The seconds before each part of a computation, None while one of its kinds of work is unknown."""
    parts: dict[str, list[float | None]] = {}
    for kind, seconds in ahead.items():
        parts.setdefault(_PART_OF.get(kind.removeprefix("beside "), "curvature"), []).append(seconds)
    return {
        part: None if None in kinds else sum(seconds for seconds in kinds if seconds is not None)
        for part, kinds in parts.items()
    }


def _quadratic(model: QuadraticModel | None) -> Payload | None:
    """Loss, gradient and (A, B, C); None where a number is missing or not finite."""
    if model is None or not np.isfinite([model.loss, *model.gradient, *model.hessian]).all():
        return None
    return {"loss": model.loss, "gradient": list(model.gradient), "hessian": list(model.hessian)}


def buffer(array: FloatArray | np.ndarray, dtype: type[np.generic]) -> bytes:
    """An array as the page reads it: its numbers in this type, one after the other."""
    return array.astype(dtype).tobytes()


def finite(value: float | None) -> float | None:
    """A number that JSON can hold; None for what is missing or not finite."""
    return value if value is not None and math.isfinite(value) else None
