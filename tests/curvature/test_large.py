"""Large networks are those that others use, by their numbers of parameters."""

from __future__ import annotations

import pytest
import torch

from ..support.large import COUNTS, MODELS


@pytest.mark.parametrize("name", MODELS)
def test_counts_and_outputs(name: str) -> None:
    """On the device without memory, where nothing is computed."""
    with torch.device("meta"):
        model = MODELS[name]()
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[name]
    assert model(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)
