"""Whether a worker computes the loss that tasks are about: what is imported there may be another function."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape_widget.admission.nearby import Probe
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.engine.threads import one_thread
from landscape_widget.loss.evaluation import Spans
from landscape_widget.loss.terms import Terms

log = logging.getLogger(__name__)

#: Examples that are looked at, where those have a loss of their own.
_FEW = 8

#: A copy in float64 of more parameters is not worth its memory in each worker.
_MANY = 10_000_000

#: Of the difference that is let pass: what a loss may differ by from itself, so that it stays far below.
_STILL = 1e-3


@dataclass
class Sample:
    """The loss of a few examples at a point near θ, as it is where tasks come from."""

    loss: float
    rounding: float
    """Relative difference that devices may make, the root of that between two numbers."""
    default_dtype: torch.dtype
    """In which models make tensors of their own, if they do not say."""
    agrees: bool
    """Whether nothing is left to be seen."""

    @classmethod
    def of(cls, terms: Terms, theta: Tensor, spans: Spans) -> Sample:
        """The sample of a loss; one that all agree with where a few examples have no loss, or several."""
        loss, rounding = math.nan, 0.0
        try:
            with one_thread():  # as in a worker: losses that are ill-conditioned depend on it
                probe = _few(terms, theta, spans)
                point, loss = probe.point
                again = probe.value(point)
            rounding = float(torch.finfo(probe.theta.dtype).eps ** 0.5)
            if not _alike(again, loss, _STILL * rounding):  # nobody has asked that of a function
                loss = math.nan
        except Exception as error:
            log.info("Workers are not held against a sample: %s: %s", type(error).__name__, error)
        return cls(loss, rounding, torch.get_default_dtype(), not math.isfinite(loss))

    def check(self, terms: Terms, theta: Tensor, spans: Spans) -> None:
        """Holds the same loss against it, once, in each worker.

        Raises:
            RuntimeError: If it is another one there.
        """
        if self.agrees:
            return
        cause: Exception | None = None
        try:
            _, loss = _few(terms, theta, spans).point
            self.agrees = _alike(loss, self.loss, self.rounding)
            if self.agrees:
                return
            found = f"{loss:.10g}"
        except Exception as error:
            if out_of_memory(error):
                raise
            cause, found = error, f"{type(error).__name__}: {error}"
        there = torch.get_default_dtype()
        way_out = (
            "It may have loaded a module before you changed it, or lack a setting that you made here. Start "
            "workers anew."
            if there is self.default_dtype
            else f"Torch's default type is {there} there and {self.default_dtype} here: set it in each "
            "worker, as by the executor's `initializer`."
        )
        raise RuntimeError(
            f"Expected workers that compute the same loss as the process here, {self.loss:.10g} for a few "
            f"examples near θ*, got {found} from one. {way_out}"
        ) from cause


def _few(terms: Terms, theta: Tensor, spans: Spans) -> Probe:
    """The loss of a few examples near θ, in the widest type that it has where that is small."""
    few = Probe.of(terms.first(), theta, spans).few(_FEW)
    return few if len(theta) > _MANY else few.widened()


def _alike(loss: float, other: float, rounding: float) -> bool:
    return math.isclose(loss, other, rel_tol=rounding, abs_tol=10 * rounding**2)
