"""The global random state of the process, kept as it was."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def random_numbers_to_come() -> list[bytes]:
    """What the global generators of random, numpy and torch will give next, to be compared."""
    return [
        repr(random.getstate()).encode(),
        pickle.dumps(np.random.get_state(legacy=False)),
        torch.get_rng_state().numpy().tobytes(),
    ]


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Restores the global generators of random, numpy and torch (all devices) on leaving.

    For the thread that builds an objective only: another thread that draws meanwhile would see its
    numbers again.
    """
    python, numpy = random.getstate(), np.random.get_state(legacy=False)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
