"""Which eigenvector goes on from which, between two points of a path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.curvature import EigenPairs


def matched(pairs: EigenPairs, before: EigenPairs) -> tuple[EigenPairs, npt.NDArray[np.int_], FloatArray]:
    """Finds for each eigenvector the one that it goes on from, and gives it the sign of that.

    At each end vectors are assigned one to one so that the sum of their overlaps is largest. Eigenvalues stay
    in descending order.

    Args:
        pairs: The m pairs at one point.
        before: The pairs at the point before, as many at each end.

    Returns:
        The pairs with their signs, the index of the one before for each, and the overlap |v·w| with that, of
        shape (m,) both.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import

    m, cut = len(pairs.values), pairs.n_largest
    products: npt.NDArray[Any] = np.einsum("na,nb->ab", pairs.vectors, before.vectors)
    follows = np.empty(m, int)
    for end in (slice(0, cut), slice(cut, m)):
        own, others = linear_sum_assignment(-np.abs(products[end, end]))
        follows[own + end.start] = others + end.start
    along = products[range(m), follows]
    signed = replace(pairs, vectors=pairs.vectors * np.where(along < 0, -1.0, 1.0))
    return signed, follows, np.minimum(np.abs(along), 1.0)
