"""Large networks are those that others use, by their numbers of parameters."""

from __future__ import annotations

import pytest
import torch

from notebooks.papers.others import NETWORKS

COUNTS = {"DenseNet-121": 6_956_298, "MobileNetV2": 2_236_682, "GoogLeNet": 5_490_986}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_outputs(name: str) -> None:
    """On the device without memory, where nothing is computed."""
    with torch.device("meta"):
        model = NETWORKS[name]()
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[name]
    assert model(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)
