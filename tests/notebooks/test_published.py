"""The networks that Li et al. published are those of Böttcher & Wheeler's Table II.

They and CIFAR-10 are no part of this repository, and half a minute is long: left out unless PAPERS_DATA names
their folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from .test_notebooks import NOTEBOOKS

DATA = Path(os.environ.get("PAPERS_DATA", "nowhere"))


@pytest.mark.oracle
@pytest.mark.skipif(not DATA.exists(), reason="needs the published weights and CIFAR-10: PAPERS_DATA=folder")
@pytest.mark.parametrize(
    ("file", "parameters", "accuracy", "loss", "stated"),
    [("resnet56", 855_770, 1.0, 7.7e-4, 9.2e-4), ("resnet56-no-shortcuts", 853_018, 0.9567, 0.1335, 0.137)],
)
def test_sizes_accuracies_and_losses(
    file: str, parameters: int, accuracy: float, loss: float, stated: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    from resnet import cifar10, published

    model = published(DATA / f"{file}.pt", shortcuts=file == "resnet56")
    assert sum(p.numel() for p in model.parameters()) == parameters
    images, labels = cifar10(DATA, most=4000)
    with torch.no_grad():
        z = torch.cat([model(part) for part in images.split(100)])
    assert (z.argmax(1) == labels).double().mean().item() == pytest.approx(accuracy, abs=5e-5)
    found = nn.functional.cross_entropy(z, labels).item()
    assert found == pytest.approx(loss, rel=0.005)  # as many digits as are stated
    assert found == pytest.approx(stated, rel=0.2)  # the paper's, of 50,000 images
