"""Models with ways of their own: seeded noise, checkpoints, transforms of torch.func, types they fix.

The values come from torch's own double backward and share no code with the package.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event, Thread
from time import sleep
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import Objective, hessian_eigenpairs
from landscape_widget.engine.random_state import random_numbers_to_come

pytestmark = pytest.mark.oracle


# noise of a fixed seed


def noise_by_generator(like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(like.shape, generator=generator, dtype=like.dtype)


def noise_in_place(like: Tensor) -> Tensor:
    return torch.empty_like(like).uniform_(generator=torch.Generator().manual_seed(3))


def noise_in_a_fork(like: Tensor) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return torch.randn_like(like)


@pytest.mark.filterwarnings("ignore:The loss of the first batch")
@pytest.mark.parametrize("noise", [noise_by_generator, noise_in_place, noise_in_a_fork])
def test_noise_of_a_fixed_seed_is_that_of_the_models_own_type(noise: Callable[[Tensor], Tensor]) -> None:
    """From one seed torch draws other numbers in float64: curvature is that of the losses on show."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)), torch.randn(20, 3)
    drawn = noise(torch.zeros(20, 4)).double()

    def loss_fn(model: nn.Module, batch: Tensor) -> Tensor:
        (given,) = batch
        h = model[1](model[0](given))
        return (model[2](h * (1 + 0.5 * noise(h))) - given).square().mean()

    def fixed(model: nn.Module) -> Tensor:
        h = model[1](model[0](x.double()))
        return (model[2](h * (1 + 0.5 * drawn)) - x.double()).square().mean()

    double = copy.deepcopy(model).double()
    weights = list(double.parameters())
    slope = torch.cat([g.reshape(-1) for g in torch.autograd.grad(fixed(double), weights, create_graph=True)])
    rows = [torch.autograd.grad(g, weights, retain_graph=True, materialize_grads=True) for g in slope]
    exact = torch.linalg.eigvalsh(torch.stack([torch.cat([r.reshape(-1) for r in row]) for row in rows]))
    objective = Objective(model, [(x,)], loss_fn, batch_size_fn=lambda batch: len(batch[0]))
    pairs = hessian_eigenpairs(objective)
    np.testing.assert_allclose(objective.loss().item(), fixed(double).item(), rtol=1e-5)
    np.testing.assert_allclose(pairs.values, exact[[-1, 0]].numpy(), rtol=1e-3)
    assert "draws random numbers, other ones in float64" in pairs.provenance["precision"]


@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_drawn_in_double_by_choice_is_part_of_the_loss() -> None:
    model, x = nn.Linear(3, 3).double(), torch.randn(20, 3).double()

    def loss_fn(model: nn.Module, batch: Any) -> Tensor:
        return (model(batch[0]) + noise_by_generator(batch[0])).square().mean()

    objective = Objective(model, [(x,)], loss_fn, batch_size_fn=lambda batch: len(batch[0]))
    assert "precision" not in hessian_eigenpairs(objective).provenance


@pytest.mark.parametrize(
    ("seed", "where"),
    [
        *((seed, "loss") for seed in (torch.manual_seed, random.seed, np.random.seed)),
        *((lambda _: torch.rand(1), where) for where in ("loss", "metric")),
        *((lambda _: random.random(), where) for where in ("loss", "metric")),
    ],
)
def test_a_loss_that_uses_the_generators_of_the_process_is_refused(
    seed: Callable[[int], Any], where: str
) -> None:
    def seeding(output: Tensor, target: Tensor) -> Tensor:
        seed(0)
        return (output - target).square().mean()

    loss_fn, metrics = (seeding, None) if where == "loss" else (nn.MSELoss(), {"m": seeding})
    model, before = nn.Linear(3, 2), torch.get_rng_state()
    with pytest.raises(ValueError, match=r"leave the random numbers of the process alone.*torch\.Generator"):
        Objective(model, (torch.ones(5, 3), torch.ones(5, 2)), loss_fn, metrics=metrics)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("often", [True, False], ids=["all the time", "once"])
def test_what_other_threads_draw_is_not_laid_to_the_loss(often: bool) -> None:
    """As a training in another thread does, or a Dask client's."""
    ended, asked = Event(), Event()

    def draws() -> None:
        while not ended.wait(1e-4):
            if often or asked.is_set():
                torch.rand(1)
                asked.clear()

    def loss_fn(output: Tensor, target: Tensor) -> Tensor:
        if not called:
            asked.set()
        called.append(1)
        sleep(0.02)
        return (output - target).square().mean()

    called: list[int] = []
    thread = Thread(target=draws)
    thread.start()
    try:
        Objective(nn.Linear(3, 2), (torch.ones(5, 3), torch.ones(5, 2)), loss_fn)
    finally:
        ended.set()
        thread.join()


def test_what_a_loss_draws_is_not_laid_to_threads_that_draw_from_other_generators() -> None:
    ended = Event()

    def draws() -> None:
        while not ended.wait(1e-4):
            torch.rand(1)

    thread = Thread(target=draws)
    thread.start()
    try:
        with pytest.raises(ValueError, match="leave the random numbers of the process alone"):
            Objective(
                nn.Linear(3, 2),
                (torch.ones(5, 3), torch.ones(5, 2)),
                lambda output, target: (output - target).square().mean() + 0 * random.random(),
            )
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("drawn", [np.random.randn, np.random.rand, random.gauss, torch.rand, torch.randn])
def test_a_single_number_that_is_drawn_is_seen(drawn: Callable[..., Any]) -> None:
    """Also one that a generator has kept from the pair before."""
    for _ in range(4):
        before = random_numbers_to_come()
        assert before == random_numbers_to_come()
        drawn(*[1] * (drawn in (torch.rand, torch.randn)))
        assert random_numbers_to_come() != before


@pytest.fixture
def another_bit_generator() -> Iterator[None]:
    former = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(1))
    yield
    np.random.set_bit_generator(former)


def test_numpy_may_have_another_bit_generator(another_bit_generator: None) -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - the global one
    Objective(nn.Linear(3, 2), (torch.ones(5, 3), torch.ones(5, 2)), nn.MSELoss())
    assert np.random.get_state(legacy=False) == before  # noqa: NPY002 - the global one


# checkpoints


class Checkpointed(nn.Module):
    """Two halves, each or both checkpointed, in one of several ways."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 6))
        self.b = nn.Sequential(nn.Tanh(), nn.Linear(6, 2))
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        again = partial(checkpoint, use_reentrant=False)
        if self.how == "none":
            return self.b(self.a(x))
        if self.how == "first":
            return self.b(again(self.a, x))
        if self.how == "last":
            return again(self.b, self.a(x))
        if self.how == "both":
            return again(self.b, again(self.a, x))
        if self.how == "nested":
            return again(lambda y: self.b(again(self.a, y)), x)
        return checkpoint_sequential(nn.Sequential(self.a, self.b), 2, x, use_reentrant=False)


@pytest.mark.parametrize(
    ("how", "mode"),
    [("first", "eval"), ("last", "train"), ("both", "train"), ("nested", "eval"), ("sequential", "train")],
)
def test_checkpoints_without_reentry_work(how: str, mode: str) -> None:
    torch.manual_seed(0)
    model, x, y = Checkpointed(how), torch.randn(30, 4), torch.randn(30, 2)
    plain = Checkpointed("none")
    plain.load_state_dict(model.state_dict())
    objectives = [
        Objective(m, [(x[:20], y[:20]), (x[20:], y[20:])], nn.MSELoss(), mode=mode) for m in (model, plain)
    ]
    v = torch.randn(objectives[0].n_parameters, 2, dtype=torch.float64)
    for one, other in zip(*((o.precise().hvp(v), o.precise().gradient()) for o in objectives), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


# transforms of torch.func in the forward pass


@pytest.mark.parametrize(
    "transform", [torch.func.grad, torch.func.jacrev, torch.func.jacfwd], ids=["grad", "jacrev", "jacfwd"]
)
def test_transforms_of_torch_func_work(transform: Callable[..., Any]) -> None:
    class Slope(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.func.vmap(transform(lambda at: self.net(at)[0]))(x)

    class ByHand(Slope):
        def forward(self, x: Tensor) -> Tensor:
            first, last = self.net[0], self.net[2]
            return (last.weight * (1 - first(x).tanh().square())) @ first.weight

    torch.manual_seed(0)
    model, by_hand = Slope(), ByHand()
    by_hand.load_state_dict(model.state_dict())
    data = torch.randn(20, 3), torch.randn(20, 3)
    pairs, expected = (hessian_eigenpairs(Objective(m, data, nn.MSELoss())) for m in (model, by_hand))
    np.testing.assert_allclose(pairs.values, expected.values, rtol=1e-6)


# types


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrences_on_inputs_made_float32(kind: type[nn.RNNBase]) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = kind(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.rnn(x.float())[0][:, -1])

    loader = DataLoader(TensorDataset(torch.randn(20, 5, 3), torch.randn(20, 2)), batch_size=10)
    pairs = hessian_eigenpairs(Objective(Recurrent(), loader, nn.MSELoss()))
    assert "single precision" in pairs.provenance["precision"]


@pytest.mark.parametrize("seed", range(3))
def test_a_double_model_that_ends_in_float32(seed: int) -> None:
    class Narrowed(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).float()

    torch.manual_seed(seed)
    model, x, y = Narrowed(4, 2).double(), torch.randn(30, 4).double(), torch.randn(30, 2)
    pairs = hessian_eigenpairs(Objective(model, (x, y), nn.MSELoss()))
    assert "float32" in pairs.provenance["precision"]
    centred = torch.cat([x, torch.ones(30, 1)], dim=1).double()
    exact = torch.linalg.eigvalsh(centred.T @ centred / 30)
    np.testing.assert_allclose(pairs.values, exact[[-1, 0]].numpy(), rtol=1e-3)


def test_a_wrong_second_derivative_certifies_nothing() -> None:
    class Detached(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.slope = x.detach().cos()
            return x.sin()

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Tensor:
            return grads[0] * ctx.slope

    class Sine(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Detached.apply(x)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), Sine(), nn.Linear(6, 2))
    with pytest.warns(UserWarning, match="No curvature counts as certified") as told:
        pairs = hessian_eigenpairs(Objective(model, (torch.randn(30, 4), torch.randn(30, 2)), nn.MSELoss()))
    assert len(told) == 1
    assert not pairs.converged.any()
    assert "custom backward" in pairs.provenance["doubt"]


def test_a_filter_of_frequencies_made_complex64() -> None:
    class Filter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 2))

        def forward(self, x: Tensor) -> Tensor:
            kept = torch.zeros(len(x), 4, dtype=torch.cfloat)
            kept[:, :3] = (torch.fft.fft(x) * torch.view_as_complex(self.weight))[:, :3]
            return torch.fft.ifft(kept).real.to(x)

    torch.manual_seed(0)
    pairs = hessian_eigenpairs(Objective(Filter(), (torch.randn(8, 4), torch.randn(8, 4)), nn.MSELoss()))
    assert "complex64" in pairs.provenance["precision"]
