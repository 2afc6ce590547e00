"""Results as the page receives them: small metadata, and arrays as binary buffers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from landscape_widget.numerics.vectors import FloatArray, inner
from landscape_widget.objective.objective import Objective
from landscape_widget.planes.axes import KINDS, PRESETS, Axis, depends_on_seed, eigen_axis, plane_words
from landscape_widget.planes.grid import MAX_RESOLUTION
from landscape_widget.results.blindness import BlindnessEstimate, measured_blindness
from landscape_widget.results.planes import Surface
from landscape_widget.results.quadratic import QuadraticModel
from landscape_widget.results.shares import interval_words
from landscape_widget.results.spectrum import TRACE_LABELS
from landscape_widget.study.budget import DENSITY_PROBES, TRACE_METHODS
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import eigenvector_half_widths
from landscape_widget.study.findings import Findings, Picture
from landscape_widget.study.verdict import is_seen, sight, verdict_of

#: Eigenvectors of each end that the page offers as axes.
OFFERED_RANKS = 5

#: Parts that are told apart in the time left, by kinds of work; all others are the curvature panel's.
_PART_OF = {"node": "surface", "compared node": "surface", "product": "eigenpairs"}

Payload = dict[str, Any]


def info(objective: Objective, theta_norm: float, test: Objective | None = None) -> Payload:
    """What does not change during the life of an explorer, but for ``differentiable``.

    Whether torch can differentiate the loss twice, and so whether there are Hessian axes, is taken for
    granted until a computation ends otherwise.
    """
    return {
        "n_parameters": objective.n_parameters,
        "n_examples": objective.n_examples,
        "n_test_examples": test.n_examples if test else 0,
        "theta_norm": theta_norm,
        "dtype": str(objective.dtype).removeprefix("torch."),
        "device": str(objective.device),
        "max_resolution": MAX_RESOLUTION,
        "axes": _axes(max(1, min(OFFERED_RANKS, objective.n_parameters // 2))),
        "batch_norm": objective.has_batch_norm,
        "divisible": objective.divisible,
        "differentiable": True,
    }


def _axes(most: int) -> Payload:
    """Axes and planes that the page offers, and which kinds are eigenvectors, offered up to a rank."""
    groups: dict[str, list[Payload]] = {}
    for kind in (kind for kind in KINDS.values() if not kind.of_path):
        for axis in [Axis(kind, rank + 1) for rank in range(most)] if kind.end else [Axis(kind)]:
            label = kind.choice if axis.rank <= 1 else axis.symbol
            groups.setdefault(kind.group, []).append({"value": axis.name, "label": label})
    return {
        "groups": [{"label": label, "options": options} for label, options in groups.items()],
        "presets": [asdict(preset) | {"axes": list(preset.axes)} for preset in PRESETS],
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
    """The surface of the second plane, and what either plane shows of θ*."""
    picture = found.compared
    assert picture is not None
    verdict = verdict_of(found, controls, theta_norm)
    pictures = (found.surface, found.quadratic), (picture.surface, picture.quadratic)
    return _picture(picture, found, controls, request, theta_norm) | {
        "sights": [
            sight(verdict.kind, model.curvatures, is_seen(shown, model)) if verdict and model else ""
            for shown, model in pictures
        ]
    }


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
        "name": plane_words(plane.axes, controls.seed),
        "seed": controls.seed,
        "seeded": depends_on_seed(plane.axes),
        "equal_axes": controls.equal_axes,
        "alpha": _buffer(result.alpha, np.float64),
        "beta": _buffer(result.beta, np.float64),
        "loss": _buffer(result.loss, np.float32),
        "done": _buffer(result.done, np.uint8),
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
        "provenance": {
            key: value for key, value in result.provenance.items() if isinstance(value, str | int | float)
        },
    }


def _failures(result: Surface) -> str:
    """What is told of points where the model or the loss raised."""
    failures = result.provenance.get("failures")
    if not isinstance(failures, Mapping):
        return ""
    return f"no loss at {failures['points']} points, where the model or loss_fn fails ({failures['first']})"


def _minimum(lowest: tuple[float, float, float] | None) -> Payload | None:
    return dict(zip(("alpha", "beta", "loss"), lowest, strict=True)) if lowest else None


def eigenpairs(found: Findings, controls: Controls, request: int, theta_norm: float) -> Payload:
    """Eigenvalues with their residuals, and the verdict once they are certified."""
    pairs = found.pairs
    assert pairs is not None
    axes = [eigen_axis(*end) for end in pairs.ends]
    payload: Payload = {
        "request": request,
        "axes": [axis.name for axis in axes],
        "symbols": [axis.symbol for axis in axes],
        "words": [axis.eigenvalue for axis in axes],
        "values": pairs.values.tolist(),
        "residuals": pairs.residuals.tolist(),
        "converged": pairs.converged.tolist(),
        "slopes": None if found.slopes is None else found.slopes.along.tolist(),
        "domains": _domains(found, axes, theta_norm, controls.equal_axes),
        "centre_loss": finite(found.centre_loss),
        "n_examples": pairs.provenance["n_examples"],
        "n_hvp": pairs.n_hvp,
        "gradient_norm": finite(found.gradient_norm),
        "verdict": "undecided",
        "sentence": "",
        "sights": None,
        "final": found.pairs_final,
    }
    verdict = verdict_of(found, controls, theta_norm)
    if verdict is not None:
        payload |= {"verdict": verdict.kind, "sentence": verdict.sentence, "sights": verdict.sights}
    return payload


def _domains(
    found: Findings, axes: Sequence[Axis], theta_norm: float, equal_axes: bool
) -> list[list[list[float]]] | None:
    """The automatic domain of the plane of every two certified eigenvectors, by the indices of η and δ.

    The study cuts it further to where the quadratic model holds.
    """
    pairs, slopes = found.pairs, found.slopes
    if pairs is None or slopes is None:
        return None

    def domain(i: int, j: int) -> list[float]:
        names = axes[i].name, axes[j].name
        widths = eigenvector_half_widths(
            names, pairs, found.centre_loss, theta_norm, equal_axes, slopes.along
        )
        a, b = float(widths[i]), float(widths[j])
        return [-a, a, -b, b]

    return [[domain(i, j) for j in range(len(axes))] for i in range(len(axes))]


def projections(found: Findings, controls: Controls, request: int) -> Payload:
    """Curvatures of random projections, those of the plane on show, and how often a saddle is hidden."""
    result, plane, blindness = found.projections, found.plane_curvature, found.blindness
    assert result is not None
    means = result.statistics
    return {
        "request": request,
        "kappa_minus": _buffer(result.kappa_minus, np.float32),
        "kappa_plus": _buffer(result.kappa_plus, np.float32),
        "samples": result.samples,
        "total": controls.samples,
        "plane": None if plane is None else {"kappa_minus": plane[0], "kappa_plus": plane[1]},
        "seeds": result.provenance["seed"],
        "fits": {
            name: {"mean": float(kappa.mean()), "std": float(kappa.std())}
            for name, kappa in (("kappa_minus", result.kappa_minus), ("kappa_plus", result.kappa_plus))
        },
        "means": {
            name: _estimate(means[source].value, means[source].stderr)
            for name, source in (
                ("kappa_minus", "kappa_minus"),
                ("kappa_plus", "kappa_plus"),
                ("trace", "kappa_mean"),
            )
        },
        "blindness": {
            "measured": _blindness(measured_blindness(result)),
            "closed_form": _blindness(blindness.closed_form) if blindness else None,
            "spectral": _blindness(blindness.spectral) if blindness else None,
        },
        "final": found.projections_final(controls),
    }


def spectrum(found: Findings, request: int) -> Payload:
    """The spectral density, broadened for a plot."""
    result, pairs = found.density, found.pairs
    assert result is not None
    x, density = result.curve()
    certified = pairs is not None and pairs.vectors.shape[1] > 0
    return {
        "request": request,
        "x": _buffer(x, np.float64),
        "density": _buffer(density, np.float64),
        "ends": {"min": float(pairs.values[-1]), "max": float(pairs.values[0])}
        if certified and pairs
        else None,
        "nodes": _buffer(result.nodes, np.float64),
        "weights": _buffer(result.weights, np.float64),
        "probes": result.n_probes,
        "total": DENSITY_PROBES,
        "n_hvp": result.n_hvp,
        "trace_mean": found.trace.value / result.n_parameters if found.trace else result.mean,
        "final": found.density_final,
    }


def trace(found: Findings, request: int) -> Payload:
    """The exact or deflated trace, and running estimates of it, each with half of its 95 % interval."""
    assert found.traces is not None
    methods = []
    for name in TRACE_METHODS:
        if name not in found.traces:  # it needs products that the loss does not have
            continue
        known = [estimate for estimate in found.traces[name] if np.isfinite(estimate.stderr)]
        columns = {
            "n": [estimate.samples for estimate in known],
            "value": [estimate.value for estimate in known],
            "error": [estimate.error for estimate in known],
        }
        newest = known[-1] if known else None
        methods.append(
            {
                "name": name,
                "label": TRACE_LABELS[name],
                **{key: _buffer(np.array(column), np.float64) for key, column in columns.items()},
                "bias": newest.bias if newest and newest.biased else 0.0,
                "half_width": newest.provenance.get("half_width") if newest else None,
            }
        )
    return {
        "request": request,
        "reference": _reference(found),
        "methods": methods,
        "final": found.traces_final,
    }


def _reference(found: Findings) -> Payload | None:
    """The exact or deflated trace, as far as it is known."""
    for name in ("exact", "deflated"):
        for estimate in reversed((found.traces or {}).get(name, ())):
            if math.isfinite(estimate.error):
                known = {"value": estimate.value, "error": estimate.error, "n_hvp": estimate.n_hvp}
                return {"name": name, "label": TRACE_LABELS[name], **known}
    return None


def progress(found: Findings, request: int, elapsed: float) -> Payload:
    """Where the computation is, and the seconds behind and before it."""
    fraction, eta = found.meter.left()
    return {
        "request": request,
        "stage": found.stage,
        "fraction": fraction,
        "eta": eta,
        "elapsed": elapsed,
        "parts": _parts(found.meter.ahead()),
    }


def _parts(ahead: Mapping[str, float | None]) -> dict[str, float | None]:
    """The seconds before each part of a computation, None while one of its kinds of work is unknown."""
    parts: dict[str, list[float | None]] = {}
    for kind, seconds in ahead.items():
        parts.setdefault(_PART_OF.get(kind, "curvature"), []).append(seconds)
    return {
        part: None if None in kinds else sum(seconds for seconds in kinds if seconds is not None)
        for part, kinds in parts.items()
    }


def _quadratic(model: QuadraticModel | None) -> Payload | None:
    """Loss, gradient and (A, B, C); None where a number is missing or not finite."""
    if model is None or not np.isfinite([model.loss, *model.gradient, *model.hessian]).all():
        return None
    return {"loss": model.loss, "gradient": list(model.gradient), "hessian": list(model.hessian)}


def _estimate(value: float, stderr: float) -> Payload | None:
    """A value with its standard error, None where the value is not known; 0 for an unknown error."""
    return {"value": value, "stderr": finite(stderr) or 0.0} if math.isfinite(value) else None


def _blindness(estimate: BlindnessEstimate | None) -> str | None:
    """The 95 % interval in words; None where there is no number."""
    if estimate is None or not math.isfinite(estimate.probability):
        return None
    return interval_words(estimate.low, estimate.high)


def _buffer(array: FloatArray | np.ndarray, dtype: type[np.generic]) -> bytes:
    return array.astype(dtype).tobytes()


def finite(value: float | None) -> float | None:
    """A number that JSON can hold; None for what is missing or not finite."""
    return value if value is not None and math.isfinite(value) else None
