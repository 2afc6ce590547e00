"""Batch-norm statistics of a loss: the model's own, those that follow θ, or those of one θ, held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from landscape_widget.loss.batch_norm import (
    MODES,
    DifferenceTerms,
    RecomputedTerms,
    frozen_layers,
    with_statistics,
)
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import check_choice
from landscape_widget.objective.with_workers import WithWorkers


class WithStatistics(WithWorkers):
    """L(θ), and the same loss with other batch-norm statistics."""

    _frozen: Self | None = None
    """What one whose batch-norm statistics follow θ was made of."""

    def with_batch_norm(self, mode: str, source: Self | None = None) -> Self:
        """The same objective with batch-norm statistics that follow θ.

        Frozen statistics, the default, make L one fixed function, the one whose minimum training sought
        last and whose Hessian is meant; away from θ* they no longer fit the activations. Recomputed ones
        show the loss of a model whose statistics were refreshed there. Derivatives of such a loss hold the
        statistics at what they are there, so curvature is that of frozen ones.

        Args:
            mode: "frozen" for itself; "recomputed", see ``batch_norm.RecomputedTerms``; "difference" for
                recomputed − frozen.
            source: The objective on whose data statistics are recomputed, default this one; for one on test
                data it is that on the training data.

        Raises:
            ValueError: For another mode, or where no layer normalises with running statistics.
            TypeError: If the statistics of this one, or of the source, follow θ already.
        """
        if self.layout is None:
            self.check_batch_norm(mode)
            return self
        own = self._with_frozen_statistics("with_batch_norm")
        if self.check_batch_norm(mode) == "frozen":
            return self
        statistics = own if source is None else source._with_frozen_statistics("with_batch_norm")
        recomputed = RecomputedTerms(own, statistics)
        terms = recomputed if mode == "recomputed" else DifferenceTerms(recomputed, own)
        other = self._with(terms, self.theta)._by_same(self)
        other._frozen = self
        return other

    @property
    def frozen(self) -> Self:
        """The same objective with its model's own batch-norm statistics; itself where none follow θ."""
        if self._frozen is None and isinstance(self._terms, RecomputedTerms):
            self._frozen = self.at(self.theta)
            self._frozen._terms = self._terms.frozen
        return self._frozen or self

    def statistics_at(self, theta: Tensor) -> dict[str, Tensor]:
        """Batch-norm statistics recomputed at θ, by the names of their buffers; none where they are frozen.

        Args:
            theta: θ, shape (N,).

        Raises:
            TypeError: If this is the difference of two losses, which no model has.
            ValueError: If a batch has a single value for a channel, which has no variance.
        """
        if isinstance(self._terms, DifferenceTerms):
            raise TypeError(
                "Expected the loss of a model, got the difference of two, recomputed − frozen. Take either: "
                "with_batch_norm('recomputed'), or the objective that it was made of."
            )
        if not isinstance(self._terms, RecomputedTerms):
            return {}
        with torch.inference_mode(False):
            return self._terms.statistics(self._point(theta))

    def with_statistics(self, statistics: Mapping[str, Tensor]) -> Self:
        """The loss of the model that has these batch-norm statistics for its own; itself for none.

        What was seen of the frozen loss's derivatives holds for it.

        Args:
            statistics: What ``statistics_at`` found, of this objective or of that on the training data.
        """
        if not statistics:
            return self
        frozen = self.frozen
        with torch.inference_mode(False):
            terms = with_statistics(frozen._with_frozen_statistics("with_statistics"), statistics)
        held = frozen.at(self.theta)
        held._terms = terms
        return held

    def holding_statistics(self, theta: Tensor | None = None) -> Self:
        """The same objective with its batch-norm statistics held at what they are at θ, default θ*.

        Its slope and curvature there are those of this one, whose derivatives hold them fixed; itself where
        none follow θ.

        Args:
            theta: θ, shape (N,).

        Raises:
            TypeError: If this is the difference of two losses, which no model has.
            ValueError: If a batch has a single value for a channel, which has no variance.
        """
        return self.with_statistics(self.statistics_at(self._point(theta)))

    def _with_frozen_statistics(self, call: str) -> ModelTerms:
        """The terms, where no statistics of theirs follow θ.

        Raises:
            TypeError: Where some do.
        """
        if not isinstance(self._terms, ModelTerms):
            raise TypeError(
                f"Expected {call} of and with objectives of frozen batch-norm statistics, got one whose "
                "statistics follow θ. Take the objective that it was made of; of other data: "
                "objective.with_data(test).with_batch_norm('recomputed', objective)."
            )
        return self._terms

    def check_batch_norm(self, mode: str) -> str:
        """``mode`` itself, if it is one that this objective has.

        Raises:
            ValueError: If not.
        """
        check_choice(mode, MODES, "batch_norm")
        if mode != "frozen" and not self.has_batch_norm:
            raise ValueError(
                f"Expected a model in eval mode with batch-norm layers that keep running statistics for "
                f"batch_norm={mode!r}, found none. Use 'frozen'."
            )
        return mode

    @property
    def has_batch_norm(self) -> bool:
        """Whether a layer of the model normalises with running statistics."""
        return bool(frozen_layers(self._terms))
