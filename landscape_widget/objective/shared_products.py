"""Hessian-vector products by the workers of an executor, each of them for a share of the batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor

from landscape_widget.engine.wanted import check_batch_wanted
from landscape_widget.loss.evaluation import Spans, wide_zeros
from landscape_widget.loss.terms import Terms
from landscape_widget.objective.products import Products
from landscape_widget.objective.sample import Sample
from landscape_widget.objective.workers import Workers, refuse_ended

#: Shares that the batches are cut into, whatever the number of workers, so that sums do not depend on it:
#: few enough for vectors of millions of entries to be sent with each, enough for sixteen workers.
SHARES = 16


class SharedProducts:
    """Hv: every product is cut into the same shares, which are added up in the same order.

    So it has the same bits for any number of workers. Graphs are built anew for each product.
    """

    def __init__(self, terms: Terms, theta: Tensor, spans: Spans, executor: Any) -> None:
        """Sends terms and θ*; errors as of ``Workers``.

        Args:
            terms: L, in the batches that workers shall take at once.
            theta: θ*, shape (N,).
            spans: Where each parameter tensor lies in θ.
            executor: See ``evaluate_plane``.
        """
        self._workers = Workers(executor, Here, terms, theta, spans, Sample.of(terms, theta, spans))
        n, shares = len(terms.weights), min(SHARES, len(terms.weights))
        self._shares = [range(n * i // shares, n * (i + 1) // shares) for i in range(shares)]

    def of(self, columns: Tensor, theta: Tensor | None) -> Tensor:
        """HV for V of shape (N, k), at θ of shape (N,) or at θ*."""
        found = dict(self._workers.run(share_of, self._shares, (columns.clone(), theta), self._ended))
        total = wide_zeros(columns)
        for i in range(len(self._shares)):
            total += found[i]
        return total.to(columns.dtype)

    def _ended(self, k: int) -> NoReturn:
        share = self._shares[k]
        refuse_ended(
            f"the part of a Hessian-vector product of batches {share.start + 1} to {share.stop}, of "
            f"{self._shares[-1].stop},"
        )


@dataclass(frozen=True)
class Here:
    """What a worker reads once."""

    terms: Terms
    theta: Tensor
    spans: Spans
    sample: Sample


def share_of(here: Here, batches: range, given: tuple[Tensor, Tensor | None]) -> Tensor:
    """The part of HV that some of the batches make up, in a worker."""
    here.sample.check(here.terms, here.theta, here.spans)
    columns, theta = given
    products = Products(here.terms, here.theta if theta is None else theta)
    total = wide_zeros(columns)
    with torch.inference_mode(False):
        for b in batches:
            check_batch_wanted()
            products.add(b, columns, total)
    return total
