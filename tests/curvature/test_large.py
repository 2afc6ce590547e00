"""Large networks are those that others use, by their numbers of parameters, and searches hold few vectors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.curvature import basis, certificate
from landscape_widget.numerics import storage
from notebooks.papers.others import NETWORKS

from ..objective.test_bytes import Storages

#: What a search may take beside products, in units of the parameters' bytes: three vectors in float64.
MOST = 6

COUNTS = {"DenseNet-121": 6_956_298, "MobileNetV2": 2_236_682, "GoogLeNet": 5_490_986}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_outputs(name: str) -> None:
    """On the device without memory, where nothing is computed."""
    with torch.device("meta"):
        model = NETWORKS[name]()
    assert sum(parameter.numel() for parameter in model.parameters()) == COUNTS[name]
    assert model(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)


class Most(Storages):
    """Knows the most bytes of tensors made in it that were held at one time, but for what is in a file."""

    def __init__(self, in_file: int) -> None:
        super().__init__()
        self.bytes, self._in_file = 0, in_file

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        there = self._seen.items()
        self._seen = {key: seen for key, seen in there if seen[1] < self._in_file and not seen[0].expired()}
        self.bytes = max(self.bytes, self.held())
        return result


@pytest.mark.parametrize("layer", [nn.Tanh, nn.ReLU])
def test_a_search_holds_few_vectors_beside_products(
    layer: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of millions of parameters: the basis is in a file, and what is worked on at once is small."""
    monkeypatch.setattr(basis, "MEMORY_BYTES", 0)
    monkeypatch.setattr(storage, "COLUMNS", 512)
    monkeypatch.setattr(certificate, "_AT_ONCE", 1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, 80), layer(), nn.Linear(80, 60), layer(), nn.Linear(60, 3))
    objective = Objective(model, (torch.randn(4, 100), torch.arange(4) % 3), nn.CrossEntropyLoss())
    precise, v = objective.precise(), torch.randn(objective.n_parameters)
    with Most(20 * v.nbytes) as most:
        for one in (objective, precise):
            for _ in range(2):
                one.hvp(v.to(one.theta))
        products, most.bytes = most.bytes, 0
        pairs = hessian_eigenpairs(objective, max_hvp=10)
    assert pairs.provenance["products"] == "float32, certified in float64"
    assert pairs.n_hvp == 12, "certified once"
    assert most.bytes - products <= MOST * v.nbytes
