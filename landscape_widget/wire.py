"""Results as the page receives them: small metadata, and arrays as binary buffers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from landscape_widget.objective import Objective
from landscape_widget.results import FloatArray
from landscape_widget.study import Controls, Findings
from landscape_widget.surface import MAX_RESOLUTION
from landscape_widget.verdict import judge

#: Eigenvectors of each end that the page offers as axes.
OFFERED_RANKS = 5

Payload = dict[str, Any]


def info(objective: Objective, theta_norm: float) -> Payload:
    """What does not change during the life of an explorer."""
    return {
        "n_parameters": objective.n_parameters,
        "n_examples": objective.n_examples,
        "theta_norm": theta_norm,
        "dtype": str(objective.dtype).removeprefix("torch."),
        "device": str(objective.device),
        "max_resolution": MAX_RESOLUTION,
        "k_max": max(1, min(OFFERED_RANKS, objective.n_parameters // 2)),
        "differentiable": True,
    }


def surface(found: Findings, controls: Controls, request: int, theta_norm: float) -> Payload:
    """The loss surface; losses as float32, coordinates as float64."""
    result, plane = found.surface, found.plane
    assert result is not None
    assert plane is not None
    lowest = result.minimum
    return {
        "request": request,
        "axes": list(plane.axes),
        "seed": controls.seed,
        "alpha": _buffer(result.alpha, np.float64),
        "beta": _buffer(result.beta, np.float64),
        "loss": _buffer(result.loss, np.float32),
        "done": _buffer(result.done, np.uint8),
        "final": result.final,
        "n_done": int(result.done.sum()),
        "n_examples": result.provenance["n_examples"],
        "norms": list(plane.norms),
        "theta_norm": theta_norm,
        "centre_loss": _finite(found.centre_loss),
        "minimum": dict(zip(("alpha", "beta", "loss"), lowest, strict=True)) if lowest else None,
        "provenance": {
            key: value for key, value in result.provenance.items() if isinstance(value, str | int | float)
        },
    }


def eigenpairs(found: Findings, request: int, theta_norm: float) -> Payload:
    """Eigenvalues with their residuals, and the verdict once they are certified."""
    pairs = found.pairs
    assert pairs is not None
    n_smallest = len(pairs.values) - pairs.n_largest
    ranks = [("max", i + 1) for i in range(pairs.n_largest)]
    ranks += [("min", n_smallest - i) for i in range(n_smallest)]
    payload: Payload = {
        "request": request,
        "axes": [f"hessian:{end}" + (f":{rank}" if rank > 1 else "") for end, rank in ranks],
        "values": pairs.values.tolist(),
        "residuals": pairs.residuals.tolist(),
        "converged": pairs.converged.tolist(),
        "n_hvp": pairs.n_hvp,
        "gradient_norm": _finite(found.gradient_norm),
        "verdict": "undecided",
        "sentence": "",
        "final": found.pairs_final,
    }
    if found.pairs_final and found.gradient_norm is not None:
        verdict = judge(pairs, found.gradient_norm, theta_norm, found.plane_curvature, found.projections)
        payload |= {"verdict": verdict.kind, "sentence": verdict.sentence}
    return payload


def projections(found: Findings, controls: Controls, request: int) -> Payload:
    """Curvatures of random projections, and those of the plane on show."""
    result, plane = found.projections, found.plane_curvature
    assert result is not None
    return {
        "request": request,
        "kappa_minus": _buffer(result.kappa_minus, np.float32),
        "kappa_plus": _buffer(result.kappa_plus, np.float32),
        "samples": result.samples,
        "total": controls.samples,
        "p_no_saddle": _finite(result.p_no_saddle),
        "plane": None if plane is None else {"kappa_minus": plane[0], "kappa_plus": plane[1]},
        "final": result.samples >= controls.samples,
    }


def _buffer(array: FloatArray | np.ndarray, dtype: type[np.generic]) -> bytes:
    return array.astype(dtype).tobytes()


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
