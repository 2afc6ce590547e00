"""A fixture for rooms whose tests make explorers: what all of them compute takes less time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def coarse_integrals() -> Iterator[None]:
    """The integral behind "by the spectrum" is taken on a grid of a quarter of the points.

    It took a third of the time of a small explorer. How right it is is tested where it is computed.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landscape_widget.curvature.blindness._LOG_STEP", 0.6)
        yield
