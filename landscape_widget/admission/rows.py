"""Whether the rows of a batch are examples: the loss over them is held against the mean over two halves.

Where the source of the data says so, a loss that is no such mean is told. Where only the shapes of the
tensors do, the rows may be the features, steps or channels of a single example, and the loss must say.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from landscape_widget.admission.nearby import Probe
from landscape_widget.admission.precision import repeatable
from landscape_widget.data.batches import Batch, halves, tensors_in
from landscape_widget.data.counting import is_flat, suggestion
from landscape_widget.data.tree import describe
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.faults import out_of_memory
from landscape_widget.loss.evaluation import loss_of
from landscape_widget.loss.options import CROSS_ENTROPIES, ignored_target, options, reduction, unwrapped
from landscape_widget.loss.terms import ModelTerms
from landscape_widget.numerics.checks import few

#: Difference of the loss of a batch from the mean over its halves from which on it is told, in units of that
#: between two evaluations.
_SEEN = 1e2

#: Relative difference of the mean weights of two batches' targets that rounding does not make.
_UNEVEN = 1e-5

#: Losses that are a mean over targets, by class weights and without those that are ignored.
_CLASSIFIERS: tuple[Any, ...] = (*CROSS_ENTROPIES, nn.NLLLoss, functional.nll_loss)


@dataclass(frozen=True)
class _Halves:
    """The loss of the first batch, or of some of it, and the mean over its halves."""

    whole: float
    mean: float
    dtype: torch.dtype
    what: str
    """Words for the data that the loss is of."""

    @property
    def differ(self) -> bool:
        return abs(self.mean - self.whole) > _SEEN * repeatable(self.dtype) * (abs(self.whole) or 1.0)


def check_rows(probe: Probe, terms: ModelTerms, *, told: bool) -> None:
    """Refuses single examples in place of batches, and time in place of examples.

    Args:
        probe: The first batch, or as many of its examples as tell, in float64 where that can be had.
        terms: L; its batches are never cut again where the model does not take part of one.
        told: Whether the user said how many examples a batch holds.

    Raises:
        ValueError: If the rows of a batch are no examples, or may be none.

    Warns:
        UserWarning: If that loss is not the mean of the losses of its examples.
    """
    found = _over_halves(probe, terms)
    if not all(batch.certain for batch in terms.batches):
        _check_single(probe, terms.batches, found)
    if found is None or not found.differ:
        if _counts_unevenly(terms):
            warnings.warn(
                "Batches differ in their share of ignored targets, or in their mean class weight: the loss "
                "is not a mean over examples, so results depend on the batches.",
                stacklevel=4,
            )
        return
    if not told:
        _check_time(terms)
    warnings.warn(
        f"The loss of {found.what} is {found.whole:.6g}, the mean over its two halves {found.mean:.6g}: "
        "it is not a mean over examples (class weights, ignored targets, batch statistics, or pairs "
        "within the batch?), so results depend on the batches.",
        stacklevel=4,
    )


def _counts_unevenly(terms: ModelTerms) -> bool:
    """Whether the targets of one batch count more to a classifier's loss than those of another.

    The first batch does not tell: it may have no ignored ones, or both halves the same classes.
    """
    inner, told = unwrapped(terms.loss_fn), options(terms.loss_fn)
    known = inner in _CLASSIFIERS or type(inner) in _CLASSIFIERS
    if not known or reduction(terms.loss_fn) != "mean":
        return False
    ignored, weight, shares = ignored_target(terms.loss_fn), told["weight"], []
    for batch in terms.batches:
        # whatever comes before them, targets are last
        targets = next(reversed(tensors_in(batch)), None)
        if targets is None or targets.is_floating_point() or targets.layout is not torch.strided:
            return False  # by no classes
        counted = targets[targets != ignored].long()
        # a target that is no class is told with its batch
        weights = None if weight is None else weight.to(counted.device)[counted.clamp(0, len(weight) - 1)]
        total = counted.numel() if weights is None else float(weights.sum())
        shares.append(total / max(targets.numel(), 1))
    return max(shares) - min(shares) > _UNEVEN * max(shares)


def _over_halves(probe: Probe, terms: ModelTerms) -> _Halves | None:
    """None where the first batch cannot be cut.

    At a displaced θ: a head of zeros gives all examples the same loss.
    """
    assert isinstance(probe.terms, ModelTerms)
    batch = probe.terms.batches[0]
    parts = halves(batch)
    if parts is None:
        return None
    point, whole = probe.point
    try:
        losses = [loss_of(probe.terms.over([part]), point, probe.spans) for part in parts]
    except Exception as error:  # a model may insist on its batch size; then none is cut
        if out_of_memory(error):
            raise
        terms.never_cut()
        return None
    mean = sum(part.n * loss for part, loss in zip(parts, losses, strict=True)) / batch.n
    what = "the first batch" if batch.n == terms.batches[0].n else f"the first {batch.n} examples"
    return _Halves(whole, mean, point.dtype, what)


def _check_single(probe: Probe, batches: list[Batch], found: _Halves | None) -> None:
    """Raises where a batch may be a single example, with its features, steps or channels as rows.

    They are rows where the loss is their mean in float64: single examples of equal lengths have the same
    mean. Otherwise batches of vectors and numbers, which look like one example, are refused, and others where
    a layer takes them for one.
    """
    if all(batch.n == 1 for batch in batches):
        return
    proved = found is not None and found.dtype is torch.float64 and not found.differ
    flat = is_flat(batches[0].content)
    sizes = [batch.n for batch in batches]
    of_a_loader = len({*sizes[:-1]}) <= 1 and sizes[-1] <= sizes[0]
    if proved and (of_a_loader or not flat):
        return
    layers = [] if flat else _layers_given_one_example(probe)
    if not flat and not layers:
        return
    got, n = describe(batches[0].content), sizes[0]
    why = "whose tensors have one dimension" if flat else f"which {few(layers)} takes for one example"
    raise ValueError(
        f"Expected batches with one row for an example, got {got}, {why}: {n} examples or a single example, "
        "and the loss does not tell which. Put single examples into batches by a DataLoader. "
        f"{suggestion(batches[0].content, [n], also=1)}"
    )


def _layers_given_one_example(probe: Probe) -> list[str]:
    """Names of layers whose input on the first batch has no dimension for examples."""
    assert isinstance(probe.terms, ModelTerms)
    seen: list[str] = []

    def watch(modules: dict[str, nn.Module]) -> None:
        for name, module in modules.items():
            if (rank := _rank_of_one(module)) is not None:

                def note(_: Any, args: Any, kwargs: Any, name: str = name, rank: int = rank) -> None:
                    inputs = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
                    if inputs and inputs[0].ndim == rank and name not in seen:
                        seen.append(name)

                module.register_forward_pre_hook(note, with_kwargs=True)

    watched = probe.terms.with_model(watch)
    with evaluated():
        watched.term(probe.theta.detach().clone(), 0)
    return seen


def _rank_of_one(module: nn.Module) -> int | None:
    """Dimensions of a single example as the layer takes it, where it takes such."""
    if isinstance(module, nn.Linear):
        return 1
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
        return 2
    return len(module.kernel_size) + 1 if isinstance(module, nn.modules.conv._ConvNd) else None


def _check_time(terms: ModelTerms) -> None:
    """Refuses batches whose first dimension may be time: it is not examples, and their number is not told."""
    layers = terms.time_may_come_first()
    shapes = [leaf.shape for leaf in tensors_in(terms.batches[0]) if leaf.ndim]
    could_be_second = shapes and all(len(shape) > 1 for shape in shapes) and len({s[1] for s in shapes}) == 1
    if layers and could_be_second:
        raise ValueError(
            "Expected batches with examples as their first dimension, got "
            f"{describe(terms.batches[0].content)} for a model with layers that take time first "
            f"({few(layers)}), whose loss is not a mean over the first dimension. Pass "
            "batch_size_fn=, which returns the number of examples in a batch."
        )
