"""Hessian-vector products against an independent library, curvlinops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from curvlinops import HessianLinearOperator
from torch import nn

from ..support.cases import case

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")]


@pytest.mark.parametrize("loss", ["mse", "cross entropy"])
def test_the_whole_hessian(loss: str) -> None:
    """Full batches only: curvlinops weighs batches alike under reduction="mean"."""
    convolution = case("convolution, batch norm", loss)
    model, data = convolution.model(), convolution.batches((13,))
    parameters = [p for p in model.parameters() if p.requires_grad]
    criterion = nn.MSELoss() if loss == "mse" else nn.CrossEntropyLoss()
    operator = HessianLinearOperator(model, criterion, parameters, data)
    identity = torch.eye(sum(p.numel() for p in parameters), dtype=torch.float64)
    ours = convolution.objective().hvp(identity)
    np.testing.assert_allclose(ours, operator @ identity, rtol=1e-12, atol=1e-14)
