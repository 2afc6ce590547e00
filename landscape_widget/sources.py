"""What the source of the data says of its batches: whether it stacks examples, and how many."""

from __future__ import annotations

from typing import Any

from torch.utils.data import BatchSampler, DataLoader, default_collate


def stacks_examples(data: Any) -> bool:
    """Whether a loader makes batches by stacking the tensors of single examples: rows are examples."""
    return _is_plain(data) and data.batch_sampler is not None and data.collate_fn is default_collate


def told_size(data: Any, b: int) -> int | None:
    """How many examples a loader hands to its collate_fn for batch ``b``; None where it does not tell."""
    if not _is_plain(data) or type(data.batch_sampler) is not BatchSampler or data.batch_size is None:
        return None
    try:
        left = len(data.sampler) - b * data.batch_size
    except TypeError:  # a stream
        return None
    return min(data.batch_size, left) if left > 0 else None


def _is_plain(data: Any) -> bool:
    """Whether batches are yielded as the loader's settings say."""
    return isinstance(data, DataLoader) and type(data).__iter__ is DataLoader.__iter__
