"""The first picture of an explorer: when a person sees the landscape, and how close that is to the whole."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from landscape_widget import LandscapeExplorer, Plane, Surface, evaluate_plane

from .workloads import Workload

#: Axes that are tried: those that need eigenvectors first, and those that do not.
AXES = {"Hessian": ("hessian:max", "hessian:min"), "filter-normalised": ("random:filter", "random:filter")}

#: Root-mean-square error, in % of the range, up to which a picture is one.
GOOD = 2.0

#: Seconds after which the goal wants it, and after which pictures are waited for no longer.
SOON, LATE = 0.6, 3.0


@dataclass(frozen=True)
class Shown:
    """A surface that the explorer sent to its page."""

    seconds: float
    surface: Surface
    plane: Plane

    def error(self, whole: np.ndarray) -> float:
        """Root-mean-square difference from the full grid of all examples, in % of its range."""
        finite = np.isfinite(whole)
        off = (self.surface.loss - whole)[finite]
        return float(100 * np.sqrt(np.mean(off**2)) / np.ptp(whole[finite]))


@dataclass(frozen=True)
class Picture:
    """One run."""

    good_after: float | None
    """Seconds until a picture within ``GOOD``; None if none came in time."""
    error_soon: float | None
    """Error of the picture on show after ``SOON``, in %; None if there was none."""
    first: tuple[float, float]
    """Seconds until the very first one, and its error in %."""


def measure(workload: Workload, dtype: str, axes: str, runs: int) -> list[Picture]:
    """Runs an explorer anew each time, as if it had just been shown."""
    return [_judge(workload, dtype, axes) for _ in range(runs)]


def _judge(workload: Workload, dtype: str, axes: str) -> Picture:
    problem = workload.problem(dtype)
    explorer = LandscapeExplorer(
        problem.model, problem.loader, problem.loss_fn, axes=AXES[axes], resolution=workload.resolution
    )
    try:
        history = _watch(explorer)
        errors = _errors(explorer, history)
    finally:
        explorer.close()
    good = [shown.seconds for shown, error in zip(history, errors, strict=True) if error <= GOOD]
    soon = [error for shown, error in zip(history, errors, strict=True) if shown.seconds <= SOON]
    return Picture(good[0] if good else None, soon[-1] if soon else None, (history[0].seconds, errors[0]))


def _watch(explorer: LandscapeExplorer) -> list[Shown]:
    """What it sends until it is late or done; then it is cancelled."""
    history: list[Shown] = []

    def sent(_change: object) -> None:
        surface, plane = explorer.surface, explorer.plane
        assert surface is not None
        assert plane is not None
        history.append(Shown(perf_counter() - started, surface, plane))
        if history[-1].seconds > LATE or surface.final:
            explorer.cancel()

    explorer.observe(sent, "_surface")
    started = perf_counter()
    try:
        explorer.compute()
    except RuntimeError:
        if explorer.status != "cancelled":
            raise
    return history


def _errors(explorer: LandscapeExplorer, history: list[Shown]) -> list[float]:
    """Each picture's error against all examples on every node of its own plane."""
    whole: dict[tuple[int, float, float], np.ndarray] = {}
    errors = []
    for shown in history:
        alpha, beta = shown.surface.alpha, shown.surface.beta
        key = (id(shown.plane), float(alpha[0]), float(beta[0]))
        if key not in whole:
            domain = (float(alpha[0]), float(alpha[-1]), float(beta[0]), float(beta[-1]))
            *_, surface = evaluate_plane(explorer.objective, shown.plane, domain, len(alpha), accuracy=0.0)
            whole[key] = surface.loss
        errors.append(shown.error(whole[key]))
    return errors
