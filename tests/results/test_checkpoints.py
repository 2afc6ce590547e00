"""Checkpoints in words and on an axis: no number of a step is shown that nobody told."""

import numpy as np
import pytest

from landscape_widget.results.checkpoints import called, places

NONE = np.nan


@pytest.mark.parametrize(
    ("step", "scalars", "expected"),
    [
        (30, {}, "step 30"),
        (30, {"epoch": 2.0}, "step 30, epoch 2"),
        (3, {"epoch": 3.0}, "epoch 3"),
        (30, {"update": 1.0}, "step 30"),
        (NONE, {}, "as given"),
        (NONE, {"update": 2.0}, "update 2"),
        (NONE, {"update": NONE}, "as given"),
        (4, {"record": 4.0}, "record 4"),
        (4, {"as given": 4.0}, "as given 4"),
        (4, {"as given": 4.0, "epoch": 2.0}, "as given 4, epoch 2"),
        (4, {"as given": NONE}, "step 4"),
    ],
)
def test_names(step: float, scalars: dict[str, float], expected: str) -> None:
    assert called(step, scalars) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([0, 10, 20, NONE], [0, 10, 20, 30]),
        ([0, 10, 20, NONE, NONE], [0, 10, 20, 30, 40]),
        ([0, 10, NONE, 20], [0, 10, 15, 20]),
        ([NONE, 10, 20], [0, 10, 20]),
        ([NONE, NONE], [0, 1]),
        ([7, NONE], [7, 8]),
        ([*range(101), NONE], [*range(101), 108]),
    ],
)
def test_places(steps: list[float], expected: list[float]) -> None:
    """Beyond the last one by the mean spacing, or 8 % of the run; between others halfway."""
    np.testing.assert_allclose(places(np.array(steps)), expected)
