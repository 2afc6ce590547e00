"""Whether the loss is the same function when examples are put into other batches."""

from __future__ import annotations

import logging

from torch import Tensor

from landscape_widget.admission.nearby import displaced
from landscape_widget.loss.evaluation import Spans, gradient_of
from landscape_widget.loss.terms import Terms

log = logging.getLogger(__name__)

#: Relative difference of two gradients in float64 up to which they are the same sum in another order.
_SAME = 1e-9


class OwnSlope:
    """The gradient over all data in the batches of the loader, which those in others are held against.

    Class weights, ignored targets and batch statistics make the loss of a batch another than the mean over
    its examples, and no batch tells that of all. So the gradient over all of the data is computed in both
    groupings, in float64 at a displaced θ; where they differ, or cannot be computed, L is another function.
    """

    def __init__(self, terms: Terms, theta: Tensor, spans: Spans) -> None:
        """Computes nothing yet.

        Args:
            terms: L in float64.
            theta: θ*, shape (N,).
            spans: Where each parameter tensor lies in θ.
        """
        self._terms, self._theta, self._spans = terms, displaced(theta, spans), spans
        self._slope: Tensor | None = None

    def is_that_in(self, size: int) -> bool:
        """Whether it is the gradient in batches of about ``size`` examples as well."""
        try:
            if self._slope is None:
                self._slope = gradient_of(self._terms, self._theta, self._spans)
            found = gradient_of(self._terms.regroup(size), self._theta, self._spans)
        except Exception as error:  # a model may insist on its batches, or have no loss there
            log.info("Batches stay as the loader gave them: %s: %s", type(error).__name__, error)
            return False
        same = bool((found - self._slope).norm() <= _SAME * self._slope.norm()) and bool(self._slope.any())
        if not same:
            log.info("Batches stay as the loader gave them: in others the loss is another function.")
        return same
