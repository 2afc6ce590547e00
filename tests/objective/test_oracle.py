"""The oracle itself, held against differences, since everything else is held against it."""

from __future__ import annotations

import pytest
import torch

from ..support.cases import CASES, Case
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

#: Central differences in float64: truncation is h² ~ 1e-10 times third derivatives (hundreds), rounding
#: ε/h ~ 1e-11.
STEP, TOLERANCE = 1e-5, 1e-6


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient_and_hessian_are_differences_of_loss_and_gradient(case: Case) -> None:
    there, back, here = dense(case, step=STEP), dense(case, step=-STEP), dense(case)
    ones = torch.ones_like(here.gradient)
    slope = (there.loss - back.loss) / (2 * STEP)
    curvature = (there.gradient - back.gradient) / (2 * STEP)
    torch.testing.assert_close(here.gradient @ ones, slope, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(here.hessian @ ones, curvature, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(here.hessian, here.hessian.T, rtol=0, atol=1e-14)
