"""An objective holds its data once, in the type of the model: all else is as small as it is short-lived."""

from __future__ import annotations

import gc
import pickle
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import Objective, evaluate_plane, hessian_eigenpairs, random_plane

#: Bytes that are held beside the data, as a multiple of these: θ, blocks, the copy of the model, labels.
ROOM = 1.3

#: Bytes of graphs that products may keep here.
KEPT = 100_000

#: Seconds after which what is still held is taken for kept.
PATIENCE = 5

N, SIDE = 501, 16


class Storages(TorchDispatchMode):
    """Notices every storage that torch makes in this thread, also those that only a graph holds."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor) and tensor.layout is torch.strided:
                storage = tensor.untyped_storage()
                reference = StorageWeakRef(storage)
                self._seen[reference.cdata] = reference, storage.nbytes()
        return result

    def held(self) -> int:
        """Bytes of those that are still there."""
        return sum(nbytes for reference, nbytes in self._seen.values() if not reference.expired())

    def come_down_to(self, most: float) -> bool:
        """Whether no more are held, as soon as threads have let go of their last batch."""
        end = time.monotonic() + PATIENCE
        while self.held() > most and time.monotonic() < end:
            gc.collect()
        return self.held() <= most


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 3, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(147, 3))


def own_loss(model: nn.Module, batch: Any) -> Tensor:
    x, y = batch.values() if isinstance(batch, dict) else batch
    return functional.cross_entropy(model(x), y)


def images() -> tuple[Tensor, Tensor]:
    return torch.randn(N, 1, SIDE, SIDE), torch.arange(N) % 3


def loader(size: int) -> Callable[[Tensor, Tensor], DataLoader[Any]]:
    return lambda x, y: DataLoader(TensorDataset(x, y), batch_size=size)


DATA: dict[str, tuple[Callable[[Tensor, Tensor], Any], Any]] = {
    "whole": (lambda x, y: (x, y), nn.CrossEntropyLoss()),
    "whole, own loss": (lambda x, y: {"x": x, "y": y}, own_loss),
    "a Dataset": (TensorDataset, nn.CrossEntropyLoss()),
    "small batches": (loader(21), nn.CrossEntropyLoss()),
    "large batches": (loader(250), own_loss),
}


@pytest.mark.parametrize(
    ("kind", "dtype"), [*((kind, torch.float32) for kind in DATA), ("whole", torch.float64)]
)
def test_the_data_are_held_once(kind: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landscape_widget.objective.pure_function.KEPT_BYTES", KEPT)
    x, y = images()
    arrange, loss_fn = DATA[kind]
    data, model = arrange(x, y), network().to(dtype)
    once = x.numel() * dtype.itemsize + y.nbytes
    with Storages() as storages:
        storages.held()
        users = x.nbytes + y.nbytes  # seen by views of it
        objective = Objective(model, data, loss_fn)
        most = users + ROOM * once
        assert storages.come_down_to(most), "after construction"
        precise = objective.precise()
        for of in (objective, precise):
            of.loss()
            of.gradient()
        assert storages.come_down_to(most), "after losses and gradients"
        v = torch.ones(objective.n_parameters, dtype=torch.float64)
        for _ in range(2):
            precise.hvp(v)
        assert storages.come_down_to(most + KEPT), "after products"
        if kind in ("whole", "small batches"):  # what is held is noticed at a price
            assert hessian_eigenpairs(objective, k=1, tol=0.1).converged.all()
            assert storages.come_down_to(most + KEPT), "after eigenpairs"
        if kind != "small batches":  # programs of many points at once take more than these data
            (*_, surface) = evaluate_plane(objective, random_plane(objective), (-1, 1, -1, 1), 3)
            assert surface.done.all()
            assert storages.come_down_to(most + KEPT), "after a plane"
    assert len(pickle.dumps(objective)) <= ROOM * once, "nor is it sent more often"


@pytest.mark.parametrize("most", [1, 50])
def test_of_whole_data_no_more_is_held_than_is_wanted(most: int) -> None:
    x, y = images()
    with Storages() as storages:
        held = storages.held()
        objective = Objective(network(), (x, y), nn.CrossEntropyLoss(), max_examples=most)
        users = x.nbytes + y.nbytes  # seen by views of it
        assert storages.come_down_to(held + users + (x.nbytes + y.nbytes) // 5)
    assert objective.n_examples == most


@pytest.mark.parametrize("kind", ["small batches", "whole"])
def test_what_is_widened_batch_by_batch_is_as_exact(kind: str) -> None:
    x, y = images()
    arrange, loss_fn = DATA[kind]
    model = network()
    narrow = Objective(model, arrange(x, y), loss_fn).precise()
    wide = Objective(model.double(), arrange(x.double(), y), loss_fn)
    v = torch.ones(wide.n_parameters, dtype=torch.float64)
    assert torch.equal(narrow.loss(), wide.loss())
    assert torch.equal(narrow.gradient(), wide.gradient())
    torch.testing.assert_close(narrow.hvp(v), wide.hvp(v), rtol=1e-12, atol=1e-14)  # grouped by time taken


def test_gradients_count_among_what_products_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each graph that is kept keeps ∇L of its batch, which of many parameters takes more than all else."""
    kept = 10_000_000
    monkeypatch.setattr("landscape_widget.objective.pure_function.KEPT_BYTES", kept)
    model = nn.Linear(300, 300, bias=False).double()
    x, y = torch.randn(2, 60, 300, dtype=torch.float64)

    def loss(output: Tensor, target: Tensor) -> Tensor:  # of a batch, which is not to be joined to others
        return functional.mse_loss(output, target) + output.var(dim=0).mean()

    objective = Objective(model, DataLoader(TensorDataset(x, y), batch_size=2), loss)
    v = torch.ones(objective.n_parameters, dtype=torch.float64)
    with Storages() as storages:
        for _ in range(2):
            objective.hvp(v)
        assert objective._products is not None
        assert objective._products.kept > 5, "or this tests nothing"
        # beside copies of θ, and the slopes by which other batches are known to be the same
        assert storages.come_down_to(kept + 5 * v.nbytes)
