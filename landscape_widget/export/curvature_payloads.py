"""Curvature as the page receives it: eigenpairs and verdict, random projections, density, trace."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from landscape_widget.curvature.density import trace_of
from landscape_widget.export.payloads import Payload, buffer, finite
from landscape_widget.planes.axes import Axis, eigen_axis
from landscape_widget.results.blindness import BlindnessEstimate, measured_blindness
from landscape_widget.results.shares import interval_words
from landscape_widget.results.spectrum import TRACE_LABELS
from landscape_widget.results.tables import brief
from landscape_widget.study.budget import DENSITY_PROBES, TRACE_METHODS
from landscape_widget.study.controls import Controls
from landscape_widget.study.domain import eigenvector_half_widths
from landscape_widget.study.findings import Findings
from landscape_widget.study.sights import WIDEST
from landscape_widget.study.verdict import verdict_of


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
        "kappa_minus": buffer(result.kappa_minus, np.float32),
        "kappa_plus": buffer(result.kappa_plus, np.float32),
        "samples": result.samples,
        "total": controls.samples,
        "plane": None if plane is None else {"kappa_minus": plane[0], "kappa_plus": plane[1]},
        "seeds": result.seed_of(0),
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
        "x": buffer(x, np.float64),
        "density": buffer(density, np.float64),
        "ends": {"min": float(pairs.values[-1]), "max": float(pairs.values[0])}
        if certified and pairs
        else None,
        "words": _spectrum_words(found),
        "probes": result.n_probes,
        "total": DENSITY_PROBES,
        "n_hvp": result.n_hvp,
        "final": found.density_final,
    }


def _spectrum_words(found: Findings) -> str:
    """The mean eigenvalue and, where it is told apart, the share of negative ones, with 95 % intervals."""
    density = found.density
    assert density is not None
    total = found.trace or trace_of(density)
    mean, error = total.value / density.n_parameters, total.error / density.n_parameters
    words = f"mean λ {brief(mean, 3)}{f' ± {brief(error, 1)}' if error > 0 else ''}"
    low, high = density.below_zero
    return words if high - low > WIDEST else f"{words} · {interval_words(low, high)} below 0"


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
                **{key: buffer(np.array(column), np.float64) for key, column in columns.items()},
                "stderr": newest.stderr if newest else None,
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


def _estimate(value: float, stderr: float) -> Payload | None:
    """A value with its standard error, None where the value is not known; 0 for an unknown error."""
    return {"value": value, "stderr": finite(stderr) or 0.0} if math.isfinite(value) else None


def _blindness(estimate: BlindnessEstimate | None) -> str | None:
    """The 95 % interval in words; None where there is no number, or any is in it."""
    if estimate is None or not math.isfinite(estimate.probability) or estimate.high - estimate.low >= 1:
        return None
    return interval_words(estimate.low, estimate.high)
