"""Products by the workers of executors: the same bits whoever takes them, and curvature by them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distributed import Client
from torch import Tensor, nn

from landscape_widget import (
    Objective,
    hessian_eigenpairs,
    hessian_trace,
    projected_curvatures,
    spectral_density,
)

from ..support.cases import case
from ..support.executors import InPlace
from ..support.oracle import dense
from .conftest import loky_workers


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["dense tanh", "convolution, batch norm"])
def test_against_the_dense_hessian(name: str) -> None:
    objective = case(name).objective().precise().by_workers(ThreadPoolExecutor(3))
    hessian = dense(case(name)).hessian
    v = torch.randn(len(hessian), 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    np.testing.assert_allclose(objective.hvp(v), hessian @ v, atol=1e-10 * float(hessian.norm()))
    assert torch.equal(objective.hvp(v[:, 1]), objective.hvp(v)[:, 1])


def test_the_same_bits_whoever_takes_them(client: Client) -> None:
    objective = case("convolution, batch norm").objective()
    v = torch.randn(objective.n_parameters, 2, generator=torch.Generator().manual_seed(0))
    alone = objective.by_workers(InPlace()).hvp(v)
    torch.testing.assert_close(alone, objective.hvp(v), rtol=1e-4, atol=1e-6 * float(alone.norm()))
    theta = objective.theta * 1.01
    elsewhere = objective.by_workers(InPlace()).hvp(v, theta)
    torch.testing.assert_close(elsewhere, objective.hvp(v, theta), rtol=1e-4, atol=1e-6 * float(alone.norm()))
    for executor in (ThreadPoolExecutor(3), loky_workers(), client):
        assert torch.equal(objective.by_workers(executor).hvp(v), alone)
        assert torch.equal(objective.by_workers(executor).hvp(v, theta), elsewhere)


def test_curvature_by_workers_is_that_of_this_thread() -> None:
    objective, workers = case("dense tanh").objective(), loky_workers()
    here, there = (hessian_eigenpairs(objective, 2, tol=1e-6, executor=e) for e in (None, workers))
    np.testing.assert_allclose(there.values, here.values, rtol=1e-6)
    assert there.converged.all()
    for f, read in (
        (lambda **k: hessian_trace(objective, "hutchinson", 12, **k), lambda found: found.value),
        (lambda **k: spectral_density(objective, 2, 8, **k), lambda found: found.nodes),
        (lambda **k: projected_curvatures(objective, 5, **k), lambda found: found.A),
    ):
        np.testing.assert_allclose(read(f(executor=workers)), read(f()), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_worker_that_is_killed(backend: str, tmp_path: Path, client: Client) -> None:
    switch, here = tmp_path / "switch", os.getpid()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        if os.getpid() != here and switch.exists():
            switch.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.functional.mse_loss(output, target)

    torch.manual_seed(0)
    data = [(torch.randn(10, 3), torch.randn(10, 1)) for _ in range(6)]
    objective = Objective(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), data, loss)
    v = torch.randn(objective.n_parameters)
    expected = objective.by_workers(InPlace()).hvp(v)
    shared = objective.by_workers(client if backend == "dask" else loky_workers)
    assert torch.equal(shared.hvp(v), expected)
    switch.touch()
    assert torch.equal(shared.hvp(v), expected)
    assert not switch.exists()


def test_the_content_is_sent_once_for_each_precision() -> None:
    digests, sizes = set(), []

    class Counting(InPlace):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            digests.add(args[0].digest)
            sizes.append(len(args[0].source))
            return super().submit(fn, *args, **kwargs)

    objective, executor = case("dense tanh").objective().to(torch.float32), Counting()
    hessian_eigenpairs(objective, executor=executor)
    hessian_trace(objective, "hutchinson", 4, executor=executor)
    assert len(digests) == 2
    assert max(sizes) < 200, "a path, no content"


def test_what_workers_do_not_take() -> None:
    objective = case("dense tanh").objective()
    with pytest.raises(ValueError, match="Expected operator 'hessian' with an executor"):
        hessian_eigenpairs(objective, operator="ggn", executor=ThreadPoolExecutor(1))
    with pytest.raises(TypeError, match="Expected executor as a concurrent"):
        hessian_eigenpairs(objective, executor=2)


def test_an_error_in_a_worker_is_the_one_of_this_thread() -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        if target[0] == 3:
            raise ArithmeticError("batch 3")
        return ((output - target) ** 2).mean()

    torch.manual_seed(0)
    data = [(torch.randn(4, 2), torch.full((4, 1), float(i))) for i in range(3)]
    objective = Objective(nn.Linear(2, 1), data, loss).by_workers(ThreadPoolExecutor(2))
    objective.terms.batches[1].content[1][:] = 3
    with pytest.raises(ArithmeticError, match="batch 3"):
        objective.hvp(torch.ones(3))
