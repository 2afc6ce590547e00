"""Hessian-vector products recorded once for each shape of a batch, and what is kept of them at one θ."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

import torch
from torch import Tensor

from landscape_widget.data.batches import check_only_tensors, tensors_in, with_tensors
from landscape_widget.data.tree import describe
from landscape_widget.engine.product_program import ProductProgram, kept_bytes, record
from landscape_widget.loss.terms import ModelTerms


class Programs:
    """The recorded products of all batches, and what is kept of them."""

    def __init__(
        self,
        terms: ModelTerms,
        theta: Tensor,
        keep: float = 0.0,
        known: Mapping[str, ProductProgram] | None = None,
    ) -> None:
        self._terms = terms
        self._theta = theta
        self.left = keep
        self.known = dict(known or {})
        """Programs by the shapes of a batch."""
        self.kept: dict[int, tuple[Tensor, ...]] = {}
        self._no_room: set[int] = set()
        self._lock = Lock()

    @torch.no_grad()
    def add(self, b: int, columns: Tensor, total: Tensor) -> Tensor:
        """Adds the share of one batch of the products with ``columns``, shape (N, k)."""
        data, weight = tensors_in(self._terms.batches[b]), self._terms.weights[b]
        program = self.program(b)
        kept = self.kept.get(b)
        if kept is None and (columns.shape[1] > 1 or b not in self._no_room):
            kept = program.at(self._theta, *data)
            self._keep(b, kept, kept_bytes(kept, [self._theta, *data]))
        for column, into in zip(columns.T, total.T, strict=True):
            v = column.contiguous()
            product = program.whole(self._theta, v, *data) if kept is None else program.along(v, *kept)
            into.add_(product, alpha=weight)
        return total

    def _keep(self, b: int, kept: tuple[Tensor, ...], need: float) -> None:
        with self._lock:
            if need <= self.left:
                self.left -= need
                self.kept[b] = kept
            else:
                self._no_room.add(b)

    def program(self, b: int) -> ProductProgram:
        """The one for batches of the shape of this one, recorded when first needed."""
        batch = self._terms.batches[b]
        key = describe(batch.content)
        with self._lock:
            if key not in self.known:
                check_only_tensors(batch)

                def loss(theta: Tensor, *tensors: Tensor) -> Tensor:
                    return self._terms.loss_on(theta, with_tensors(batch, tensors))

                self.known[key] = record(loss, self._theta, torch.ones_like(self._theta), *tensors_in(batch))
            return self.known[key]


def even_size(n: int, most: int) -> int:
    """Examples in a batch so that all batches are equal, if that takes few more than of at most ``most``.

    A program is recorded for each size.
    """
    least = -(-n // most)
    numbers = range(least, least + least // 3 + 1)
    return -(-n // next((number for number in numbers if n % number == 0), least))
