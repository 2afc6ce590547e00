"""Inner products of vectors as long as θ.

numpy leaves them to its BLAS, whose threads stay busy for a tenth of a second after each call, waiting for
the next one. On few cores that halves the speed of what torch does meanwhile, so they are not asked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

#: A real array of any shape.
FloatArray = npt.NDArray[np.floating[Any]]


def inner(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> Any:
    """aᵀb of vectors of shape (N,), or of the rows of arrays (…, N)."""
    return np.einsum("...n,...n", a, b)


def norm(a: npt.NDArray[Any]) -> float:
    """‖a‖ for a of shape (N,)."""
    return math.sqrt(inner(a, a))
