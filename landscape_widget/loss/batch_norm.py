"""Batch-norm statistics that follow θ instead of staying as training left them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape_widget.loss.terms import ModelTerms, Terms

#: What the loss away from θ* is evaluated with; "difference" is recomputed − frozen.
MODES = ("frozen", "recomputed", "difference")

#: The buffers of a layer that are its statistics, and that which counts the times that it found some.
STATISTICS, _COUNT = ("running_mean", "running_var"), "num_batches_tracked"


def frozen_layers(terms: Terms) -> list[str]:
    """Names of the layers that normalise with running statistics."""
    if not isinstance(terms, ModelTerms):
        return []
    return [
        name
        for name, module in terms.named_modules().items()
        if isinstance(module, _BatchNorm) and module.running_mean is not None and not module.training
    ]


def with_statistics(terms: ModelTerms, found: Mapping[str, Tensor]) -> ModelTerms:
    """The same terms with these statistics, by the names of their buffers, in place of the model's own."""

    def change(modules: dict[str, nn.Module]) -> None:
        for name, value in found.items():
            layer, _, key = name.removeprefix("model.").rpartition(".")
            getattr(modules[layer], key).copy_(value)

    held = terms.with_model(change)
    held.batch_norm = "recomputed"
    return held


class RecomputedTerms:
    """The terms of a loss whose batch-norm statistics are estimated anew at every θ.

    The definition is that of ``torch.optim.swa_utils.update_bn``, but for the weights: one sweep over the
    data in which these layers normalise by each batch's own statistics; their running mean and variance
    are then the means, weighted by examples, of the batches' means and unbiased variances. They do not
    depend on the order of the batches, but on which examples share one, as in training. A layer that some
    batches do not meet has those of the others, and its own where none does. Everything else, dropout
    included, stays as it is. Derivatives hold the statistics fixed.

    A loss on test data takes them from the training data, its ``source``, as a trained network does.
    """

    batch_norm = "recomputed"

    def __init__(self, terms: ModelTerms, source: ModelTerms | None = None) -> None:
        self._terms = terms
        self._source = source or terms
        self._layers = frozen_layers(terms)
        self._collecting = self._source.with_model(self._collect)
        self._known: tuple[Tensor, int, dict[str, Tensor]] | None = None

    def _collect(self, modules: dict[str, nn.Module]) -> None:
        for name in self._layers:
            modules[name].train()
            modules[name].momentum = None  # type: ignore[assignment]  # where it runs twice, both count
            modules[name].num_batches_tracked = torch.tensor(0)

    @property
    def weights(self) -> Sequence[float]:
        """Share of the examples in each batch."""
        return self._terms.weights

    @property
    def n_examples(self) -> int:
        """Examples in all batches."""
        return self._terms.n_examples

    @property
    def frozen(self) -> ModelTerms:
        """The same terms with the model's own statistics."""
        return self._terms

    def term(self, theta: Tensor, b: int) -> Tensor:
        """Mean loss of batch ``b`` at θ with the statistics of the whole data at θ."""
        return self._terms.loss_on(theta, self._terms.batches[b], self.statistics(theta))

    def metrics(self, theta: Tensor, b: int) -> dict[str, float]:
        """Mean of each metric over batch ``b``, likewise."""
        return self._terms.metrics_on(theta, self._terms.batches[b], self.statistics(theta))

    def statistics(self, theta: Tensor) -> dict[str, Tensor]:
        """Running means and variances at θ by the names of their buffers.

        Raises:
            ValueError: If a batch has a single value for a channel, which has no variance.
        """
        known = self._known
        if known is not None and known[0] is theta and known[1] == theta._version:
            return known[2]
        kept = self._collecting.buffers(self._layers)
        own = {name: b for name, b in kept.items() if name.rpartition(".")[2] in STATISTICS}
        counts = {name: f"{name.rpartition('.')[0]}.{_COUNT}" for name in own}
        total = {name: torch.zeros_like(b, dtype=torch.float64) for name, b in own.items()}
        share = dict.fromkeys(own, 0.0)
        with torch.enable_grad():  # a loss may need derivatives of its own
            for batch, weight in zip(self._source.batches, self._source.weights, strict=True):
                # a layer that stays in eval mode normalises by its own
                mine = {name: kept[name].nan_to_num() for name in (*own, *counts.values())}
                try:
                    self._collecting.loss_on(theta.detach(), batch, mine)
                except ValueError as error:
                    raise ValueError(
                        "Expected batches of at least two examples, since batch-norm statistics are "
                        f"recomputed from them, got one of {batch.n}: {error} Use other batches "
                        "(drop_last=True), or batch_norm='frozen'."
                    ) from error
                for name, count in counts.items():
                    if mine[count]:
                        total[name] += weight * mine[name]
                        share[name] += weight
        found = {
            name: (total[name] / share[name]).to(b.dtype) if share[name] else b for name, b in own.items()
        }
        self._known = theta, theta._version, found
        return found

    def convert(self, device: torch.device, dtype: torch.dtype) -> RecomputedTerms:
        """The same on another device or in another dtype."""
        return self._from(self._terms.convert(device, dtype), self._source.convert(device, dtype))

    def subset(self, n: int) -> RecomputedTerms:
        """The same over ``n`` of the examples, whose statistics are meant then unless they have a source."""
        return self._from(self._terms.subset(n), self._source)

    def first(self) -> RecomputedTerms:
        """The same over the first batch."""
        return self._from(self._terms.first(), self._source)

    def _from(self, terms: ModelTerms, source: ModelTerms) -> RecomputedTerms:
        return RecomputedTerms(terms, None if self._source is self._terms else source)

    def at_rest(self) -> AbstractContextManager[nn.Module]:
        """The model between two evaluations."""
        return self._terms.at_rest()

    def with_model(self, change: Callable[[dict[str, nn.Module]], None]) -> RecomputedTerms:
        """The same with a copy of the model of which ``change`` gets the modules by name."""
        return self._from(self._terms.with_model(change), self._source.with_model(change))

    def regroup(self, size: int) -> RecomputedTerms:  # noqa: ARG002 - as Terms has it
        """Itself: the statistics depend on which examples share a batch."""
        return self


class DifferenceTerms:
    """What recomputed statistics add to each term of the loss."""

    batch_norm = "difference"

    def __init__(self, recomputed: RecomputedTerms, frozen: ModelTerms) -> None:
        self._recomputed, self._frozen = recomputed, frozen

    @property
    def weights(self) -> Sequence[float]:
        """Share of the examples in each batch."""
        return self._frozen.weights

    @property
    def n_examples(self) -> int:
        """Examples in all batches."""
        return self._frozen.n_examples

    def term(self, theta: Tensor, b: int) -> Tensor:
        """Recomputed − frozen on batch ``b`` at θ."""
        return self._recomputed.term(theta, b) - self._frozen.term(theta, b)

    def metrics(self, theta: Tensor, b: int) -> dict[str, float]:
        """Recomputed − frozen of each metric."""
        recomputed, frozen = self._recomputed.metrics(theta, b), self._frozen.metrics(theta, b)
        return {name: recomputed[name] - frozen[name] for name in recomputed}

    def convert(self, device: torch.device, dtype: torch.dtype) -> DifferenceTerms:
        """The same on another device or in another dtype."""
        return DifferenceTerms(self._recomputed.convert(device, dtype), self._frozen.convert(device, dtype))

    def subset(self, n: int) -> DifferenceTerms:
        """The same over ``n`` of the examples."""
        return DifferenceTerms(self._recomputed.subset(n), self._frozen.subset(n))

    def first(self) -> DifferenceTerms:
        """The same over the first batch."""
        return DifferenceTerms(self._recomputed.first(), self._frozen.first())

    def at_rest(self) -> AbstractContextManager[nn.Module]:
        """The model between two evaluations."""
        return self._frozen.at_rest()

    def with_model(self, change: Callable[[dict[str, nn.Module]], None]) -> DifferenceTerms:
        """The same with a copy of the model of which ``change`` gets the modules by name."""
        return DifferenceTerms(self._recomputed.with_model(change), self._frozen.with_model(change))

    def regroup(self, size: int) -> DifferenceTerms:  # noqa: ARG002 - as Terms has it
        """Itself: the statistics depend on which examples share a batch."""
        return self
