"""Losses, models and data that were once taken for others: each with the right value, or refused by name.

The values come from torch's own double backward on the model as it is, batch by batch, and share no code with
the package.
"""

from __future__ import annotations

import copy
import pickle
import threading
from collections import UserDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread, Timer
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_sequence
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from landscape_widget import (
    LandscapeExplorer,
    Objective,
    evaluate_plane,
    evaluate_point,
    hessian_eigenpairs,
    random_plane,
)
from landscape_widget.admission.slope_check import CutOffError
from landscape_widget.curvature.operators import OPERATORS, curvature
from landscape_widget.engine.derivatives import evaluated
from landscape_widget.engine.recorder import recorded

from ..support.cases import Counting

pytestmark = pytest.mark.oracle

#: Sums in another order.
CLOSE = {"rtol": 1e-9, "atol": 1e-11}

Loss = Callable[[nn.Module, Any], Tensor]


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(n: int, classes: int = 3, seed: int = 1) -> Tensor:
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def dense(
    model: nn.Module, batches: Sequence[Any], counts: Sequence[int], loss: Loss
) -> tuple[float, Tensor, Tensor]:
    """L, ∇L and H of the mean over batches, weighed by their examples, by double backward on a deep copy."""
    model = copy.deepcopy(model).double().eval()
    parameters = [p for p in model.parameters() if p.requires_grad]
    with sdpa_kernel(SDPBackend.MATH):
        total = sum(n / sum(counts) * loss(model, batch) for n, batch in zip(counts, batches, strict=True))
    gradient = torch.cat(
        [
            g.reshape(-1)
            for g in torch.autograd.grad(total, parameters, create_graph=True, materialize_grads=True)
        ]
    )
    rows = [
        torch.cat(
            [
                r.reshape(-1)
                for r in torch.autograd.grad(g, parameters, retain_graph=True, materialize_grads=True)
            ]
        )
        for g in gradient
    ]
    return float(total.detach()), gradient.detach(), torch.stack(rows)


def assert_truth(objective: Objective, truth: tuple[float, Tensor, Tensor], **close: float) -> None:
    loss, gradient, hessian = truth
    close = close or CLOSE
    torch.testing.assert_close(objective.loss().double(), torch.tensor(loss, dtype=torch.float64), **close)
    torch.testing.assert_close(objective.gradient().double(), gradient, **close)
    z = draws(len(gradient), 5, seed=9)
    torch.testing.assert_close(objective.precise().hvp(z).double(), hessian @ z, **close)
    pairs = hessian_eigenpairs(objective)
    exact = torch.linalg.eigvalsh(hessian)
    for value, residual, true in zip(pairs.values, pairs.residuals, (exact[-1], exact[0]), strict=True):
        assert abs(value - float(true)) <= residual + 1e-9 * abs(float(true)) + close["rtol"] * float(
            exact.abs().max()
        )
    off = hessian.numpy() @ pairs.vectors - pairs.vectors * pairs.values
    np.testing.assert_allclose(
        np.linalg.norm(off, axis=0), pairs.residuals, atol=1e-3 * float(exact.abs().max())
    )


# 1: what the first batch says of all


def of_pairs(criterion: Callable[..., Tensor]) -> Loss:
    return lambda model, batch: criterion(model(batch[0]), batch[1])


def ignored_later() -> tuple[list[Any], Callable[..., Tensor]]:
    y = labels(96)
    y[32:][torch.rand(64, generator=torch.Generator().manual_seed(2)) < 0.8] = -100
    y[40], y[70] = 1, 2
    return list(zip(draws(96, 4).split(32), y.split(32), strict=True)), nn.CrossEntropyLoss()


def sorted_classes() -> tuple[list[Any], Callable[..., Tensor]]:
    y = labels(90).sort().values
    weight = torch.tensor([1.0, 5.0, 0.2], dtype=torch.float64)
    return list(zip(draws(90, 4).split(30), y.split(30), strict=True)), nn.CrossEntropyLoss(weight=weight)


def ignored_in_equal_shares() -> tuple[list[Any], Callable[..., Tensor]]:
    """Halves of every batch agree with it; other groups do not."""
    y = labels(64)
    y[16:32:2] = -100
    y[48:64] = torch.where(torch.arange(16) % 4 == 0, y[48:64], torch.tensor(-100))
    return list(zip(draws(64, 4).split(16), y.split(16), strict=True)), nn.CrossEntropyLoss()


@pytest.mark.filterwarnings("ignore:The loss of the first batch")
@pytest.mark.parametrize(
    ("make", "head"),
    [
        (ignored_later, "zero"),
        (sorted_classes, "zero"),
        (ignored_in_equal_shares, "zero"),
        (ignored_in_equal_shares, "random"),
    ],
)
def test_batches_that_are_no_means_over_examples(make: Callable[[], Any], head: str) -> None:
    batches, criterion = make()
    model = mlp()
    if head == "zero":
        nn.init.zeros_(model[2].weight)
        nn.init.zeros_(model[2].bias)
    truth = dense(model, batches, [len(y) for _, y in batches], of_pairs(criterion))
    objective = Objective(model, batches, criterion)
    assert objective.regrouped(48) is objective.terms
    assert_truth(objective, truth)


def test_batches_that_are_means_are_regrouped() -> None:
    objective = Objective(
        mlp(), list(zip(draws(60, 4).split(20), labels(60).split(20), strict=True)), nn.CrossEntropyLoss()
    )
    assert len(objective.regrouped(7).weights) == 9


# 2: a loss that reaches the user's own model


def test_a_loss_that_reaches_the_user_s_model_is_refused() -> None:
    model, data = mlp(), (draws(20, 4), labels(20))

    def decayed(output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output, target) + 0.1 * sum(p.square().sum() for p in model.parameters())

    def called(output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(model(data[0][: len(target)]), target)

    for loss_fn in (decayed, called):
        with pytest.raises(ValueError, match=r"loss_fn\(model, batch\)"):
            Objective(model, data, loss_fn)


def test_a_training_step_in_the_loss_is_refused_and_undone() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = copy.deepcopy(model.state_dict())

    def step(output: Tensor, target: Tensor) -> Tensor:
        optimizer.zero_grad()
        F.cross_entropy(model(draws(len(target), 4)), target).backward()
        optimizer.step()
        return F.cross_entropy(output, target)

    with pytest.raises(ValueError, match="leaves your model alone"):
        Objective(model, (draws(20, 4), labels(20)), step)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_steps_of_training_in_another_thread_are_kept() -> None:
    model, data, stop = mlp(), (draws(20, 4), labels(20)), Event()
    count = model[0].bias
    count.data.zero_()

    def train() -> None:
        while not stop.wait(0.001):
            for p in model.parameters():
                p.grad = torch.zeros_like(p)
            with torch.no_grad():
                count.add_(1)
            taken.append(1)

    taken: list[int] = []
    thread = Thread(target=train)
    thread.start()
    try:
        for _ in range(5):
            Objective(model, data, nn.CrossEntropyLoss())
    finally:
        stop.set()
        thread.join()
    assert taken
    assert (count == len(taken)).all()
    assert all(p.grad is not None for p in model.parameters())


def test_weight_decay_of_the_model_that_is_given() -> None:
    batches = list(zip(draws(20, 4).split(8), labels(20).split(8), strict=True))

    def decayed(model: nn.Module, batch: Any) -> Tensor:
        trained = [p for p in model.parameters() if p.requires_grad]
        return F.cross_entropy(model(batch[0]), batch[1]) + 0.1 * sum(p.square().sum() for p in trained)

    assert_truth(Objective(mlp(), batches, decayed), dense(mlp(), batches, [8, 8, 4], decayed))


def marked_decay(model: nn.Module, batch: Any) -> Tensor:
    kept = (p for p in model.parameters() if not getattr(p, "_no_weight_decay", False))
    return F.cross_entropy(model(batch[0]), batch[1]) + 0.1 * sum(p.square().sum() for p in kept)


def test_weight_decay_that_asks_for_attributes_of_parameters() -> None:
    """As of layers that mark what an optimiser is to leave alone."""
    model, data = mlp(), (draws(20, 4), labels(20))
    model[0].bias._no_weight_decay = True

    plain, objective = (Objective(model, data, loss) for loss in (nn.CrossEntropyLoss(), marked_decay))
    difference, bias = objective.gradient() - plain.gradient(), objective.spans["0.bias"]
    expected = 0.2 * objective.theta
    expected[bias] = 0
    torch.testing.assert_close(difference, expected)
    for other in objective.to(torch.float32), pickle.loads(pickle.dumps(objective)):
        torch.testing.assert_close(other.gradient()[bias], plain.gradient()[bias].to(other.dtype))


def test_a_teacher_is_a_constant() -> None:
    teacher = nn.Linear(4, 3).double()
    batches = [(draws(12, 4), labels(12))]

    def distilled(model: nn.Module, batch: Any) -> Tensor:
        return F.mse_loss(model(batch[0]), teacher(batch[0]))

    assert_truth(Objective(mlp(), batches, distilled), dense(mlp(), batches, [12], distilled))


# 3: a loss cut off from θ


class Cut(nn.Module):
    """An MLP of which a part is hidden from differentiation."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.net, self.how = mlp(), how

    def forward(self, x: Tensor) -> Tensor:
        first, rest = self.net[0], self.net[1:]
        match self.how:
            case "no_grad":
                with torch.no_grad():
                    hidden = first(x)
            case "detach":
                hidden = first(x).detach()
            case "data":
                hidden = F.linear(x, first.weight.data, first.bias)
            case "item":
                hidden = first(x) * first.weight.sum().item()
            case "numpy":
                hidden = torch.from_numpy(np.tanh(first(x).detach().numpy()))
            case "reentrant checkpoint":
                hidden = checkpoint(first, x, use_reentrant=True)
        return rest(hidden)


@pytest.mark.filterwarnings("ignore:None of the inputs")
@pytest.mark.parametrize("how", ["no_grad", "detach", "data", "item", "numpy", "reentrant checkpoint"])
def test_what_is_cut_off_is_refused(how: str) -> None:
    with pytest.raises(ValueError, match="cut off"):
        Objective(Cut(how), (draws(20, 4), labels(20)), nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    "loss_fn",
    [
        lambda o, t: torch.tensor(F.cross_entropy(o, t).item(), requires_grad=True),
        lambda o, t: F.cross_entropy(o.detach(), t),
        lambda o, t: F.cross_entropy(o, t) + o.detach().square().mean(),
        torch.no_grad()(F.cross_entropy),
    ],
    ids=["item", "detach", "a part", "no_grad"],
)
def test_losses_that_are_cut_off_are_refused(loss_fn: Any) -> None:
    with pytest.raises(ValueError, match="cut off"):
        Objective(mlp(), (draws(20, 4), labels(20)), loss_fn)


def test_a_function_by_numpy_has_losses_and_no_derivatives() -> None:
    f = Objective.from_function(
        lambda t: torch.tensor(float((t.detach().numpy() ** 2).sum())), torch.zeros(3, dtype=torch.float64)
    )
    assert f.loss(torch.ones(3)).item() == 3
    with pytest.raises(CutOffError):
        hessian_eigenpairs(f)


def test_inference_mode_around_the_call_is_left() -> None:
    model, x, y = mlp(), draws(20, 4), labels(20)
    truth = dense(model, [(x, y)], [20], of_pairs(F.cross_entropy))
    with torch.inference_mode():
        objective = Objective(model, (x.clone(), y.clone()), nn.CrossEntropyLoss())
        assert_close = objective.hvp(torch.ones(objective.n_parameters, dtype=torch.float64))
        pairs = hessian_eigenpairs(objective)
    torch.testing.assert_close(assert_close.clone(), truth[2].sum(dim=1), **CLOSE)
    assert pairs.values[0] == pytest.approx(float(torch.linalg.eigvalsh(truth[2])[-1]), rel=1e-5)


def test_inference_mode_is_left_in_single_precision_too() -> None:
    model, x, y = mlp().float(), draws(20, 4).float(), labels(20)
    usual = Objective(model, (x, y), nn.CrossEntropyLoss())
    with torch.inference_mode():
        objective = Objective(model, (x, y), nn.CrossEntropyLoss())
        for operator in OPERATORS:
            expected, found = (hessian_eigenpairs(o, operator=operator).values for o in (usual, objective))
            np.testing.assert_array_equal(found, expected)
        plane = random_plane(objective)
        point = evaluate_point(objective, plane, 0.1, 0.1)
    assert point == evaluate_point(usual, plane, 0.1, 0.1)


def test_a_cut_in_a_later_batch_is_found_before_curvature_is_certified() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        found = F.cross_entropy(model(batch[0]), batch[1])
        return found + (model(batch[0]).detach().square().mean() if batch[0][0, 0] > 10 else 0.0)

    later = draws(20, 4)
    later[0, 0] = 11.0
    objective = Objective(mlp(), [(draws(20, 4, seed=5), labels(20)), (later, labels(20))], loss)
    with pytest.raises(CutOffError, match="all of the data"):
        hessian_eigenpairs(objective)


# 4: loss and derivative of one function


class Padded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        return self.encoder(x, src_key_padding_mask=padding)


def test_padded_positions_count_alike_in_losses_and_gradients() -> None:
    torch.manual_seed(0)
    model = Padded().double().eval()
    x, padding = draws(6, 5, 4), torch.arange(5)[None] >= torch.tensor([5, 3, 2, 5, 4, 1])[:, None]
    batch = ((x, padding), draws(6, 5, 4, seed=3))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return F.mse_loss(model(*batch[0]), batch[1])

    assert_truth(Objective(model, [batch], nn.MSELoss()), dense(model, [batch], [6], loss))


@pytest.mark.parametrize("form", ["plain", "causal", "boolean mask", "additive mask", "grouped"])
def test_attention_is_torch_s_own(form: str) -> None:
    q, k, v = (draws(2, 4, 5, 3, seed=i).requires_grad_() for i in range(3))
    options: dict[str, Any] = {
        "plain": {},
        "causal": {"is_causal": True, "scale": 0.3},
        "boolean mask": {"attn_mask": torch.eye(5, dtype=torch.bool) | (draws(5, 5) > 0)},
        "additive mask": {"attn_mask": draws(5, 5)},
        "grouped": {"enable_gqa": True},
    }[form]
    if form == "grouped":
        k, v = k[:, :2], v[:, :2]
    expected = F.scaled_dot_product_attention(q, k, v, **options)
    with evaluated():
        found = F.scaled_dot_product_attention(q, k, v, **options)
    torch.testing.assert_close(found, expected)


def apart(x: Tensor, y: Tensor) -> Tensor:
    """Distances of rows, of which none is zero but that of a row to itself."""
    squares = (x[:, None] - y[None]).square().sum(-1)
    return squares.where(squares > 0, 1).sqrt().where(squares > 0, 0)


class Prototypes(nn.Module):
    """Classes by distances to rows of its own, and of hidden rows to one another."""

    def __init__(
        self, distances: Callable[[Tensor, Tensor], Tensor], squash: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net, self.rows = nn.Linear(4, 3), nn.Parameter(torch.randn(3, 3))
        self.distances, self.squash = distances, squash
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.squash(self.net(x))
        return -self.distances(hidden, self.rows) + self.distances(hidden[:4], hidden[:4]).mean()


@pytest.mark.parametrize("n", [20, 40], ids=["by its own kernel", "by a product of matrices"])
def test_what_lacks_a_second_derivative_in_torch_is_taken_in_its_elementary_form(n: int) -> None:
    model, by_hand = Prototypes(torch.cdist, F.hardsigmoid), Prototypes(apart, lambda x: F.relu6(x + 3) / 6)
    batch = draws(n, 4), labels(n)
    truth = dense(by_hand, [batch], [n], of_pairs(F.cross_entropy))
    assert_truth(Objective(model, [batch], nn.CrossEntropyLoss()), truth)


def test_distances_of_many_rows_have_a_second_derivative_in_any_norm() -> None:
    x, y = draws(30, 2), draws(1, 2).requires_grad_()
    with evaluated():
        for p, mode in [(3.0, "use_mm_for_euclid_dist_if_necessary"), (2.0, "donot_use_mm_for_euclid_dist")]:
            assert torch.autograd.gradgradcheck(partial(torch.cdist, x, p=p, compute_mode=mode), (y,))


def test_distances_are_in_float32_where_autocast_has_torch_s_own_so() -> None:
    x = draws(4, 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        own = torch.cdist(x, x + 0.1)
        with evaluated():
            torch.testing.assert_close(torch.cdist(x, x + 0.1), own)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("shape", [(5, 4), (2, 1, 5, 4), (0, 4), (5, 0), (30, 4)], ids=str)
def test_distances_are_torch_s_own(p: float, shape: tuple[int, ...]) -> None:
    x, y = draws(*shape), draws(3, 3, shape[-1])
    y[0, :1] = x.reshape(-1, shape[-1])[:1] if x.numel() else 0
    if not shape[-1] and np.isinf(p):
        return  # torch's crashes on none
    with evaluated():
        found = torch.cdist(x, y, p)
    torch.testing.assert_close(found, torch.cdist(x, y, p))


# 5: how many examples a batch holds


def image(size: int, seed: int) -> Tensor:
    return draws(3, size, size, seed=seed)


class Pooled(nn.Module):
    """Takes a list of images of any size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3, 3).double()

    def forward(self, images: Sequence[Tensor]) -> Tensor:
        return self.head(torch.stack([image.mean(dim=(1, 2)) for image in images]))


@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_of_images_are_counted_by_their_length(kind: type) -> None:
    batches = [(kind(image(4 + i, i) for i in range(n)), labels(n)) for n in (5, 5, 2)]
    truth = dense(Pooled(), batches, [5, 5, 2], of_pairs(F.cross_entropy))
    objective = Objective(Pooled(), batches, nn.CrossEntropyLoss())
    assert objective.n_examples == 12
    assert_truth(objective, truth)
    with pytest.raises(ValueError, match="cannot be cut"):
        objective.subset(3)


class Last(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head = nn.GRU(2, 3).double(), nn.Linear(3, 3).double()

    def forward(self, sequences: Any) -> Tensor:
        return self.head(self.rnn(sequences)[1][0])


def test_packed_sequences_are_counted_by_sequences() -> None:
    batches = [
        (pack_sequence([draws(k, 2, seed=k) for k in lengths], enforce_sorted=False), labels(len(lengths)))
        for lengths in ((2, 3, 1), (3, 1))
    ]
    truth = dense(Last(), batches, [3, 2], of_pairs(F.cross_entropy))
    objective = Objective(Last(), batches, nn.CrossEntropyLoss())
    assert objective.n_examples == 5
    assert_truth(objective, truth)


def test_time_as_the_first_dimension_takes_a_batch_size() -> None:
    batches = [(draws(3, n, 2, seed=n), labels(n)) for n in (4, 4, 2)]
    with pytest.raises(ValueError, match="batch_size_fn"):
        Objective(Last(), batches, nn.CrossEntropyLoss())
    objective = Objective(Last(), batches, nn.CrossEntropyLoss(), batch_size_fn=lambda batch: len(batch[1]))
    assert objective.n_examples == 10
    assert_truth(objective, dense(Last(), batches, [4, 4, 2], of_pairs(F.cross_entropy)))


def test_time_first_in_all_tensors_is_noticed_by_the_layers() -> None:
    class Tagger(Last):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0]).movedim(-1, 1)

    batches = [(draws(7, n, 2, seed=n), labels(7 * n).view(7, n)) for n in (4, 2)]
    with pytest.raises(ValueError, match="batch_size_fn"):
        Objective(Tagger(), batches, nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    "batch",
    [
        (draws(9, 2), torch.zeros(2, 30, dtype=torch.long), labels(3)),
        [image(4, i) for i in range(4)],
        [image(4 + i, i) for i in range(4)],
        (draws(4), torch.tensor(1)),
        (draws(4), 1),
        {"x": draws(4), "y": 1},
    ],
    ids=["graph", "images", "images of many sizes", "example", "example, number", "example, mapping"],
)
def test_batches_that_do_not_tell_are_refused(batch: Any) -> None:
    with pytest.raises(ValueError, match="batch_size_fn"):
        Objective(mlp(), [batch], lambda model, _: model(draws(2, 4)).mean())


def test_a_stream_of_single_examples_is_put_into_batches() -> None:
    x, y = draws(50, 4), labels(50)

    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
            return zip(x, y, strict=True)

    objective = Objective(mlp(), Stream(), nn.CrossEntropyLoss())
    assert objective.n_examples == 50
    assert_truth(objective, dense(mlp(), [(x, y)], [50], of_pairs(F.cross_entropy)))


# 6, 7: types of numbers


def test_sums_over_many_batches_of_low_precision() -> None:
    model = nn.Linear(1, 1, bias=False).bfloat16()
    nn.init.ones_(model.weight)
    y = 1.0 + draws(400, 1).abs() * 0.1
    batches = [(torch.zeros(1, 1).bfloat16(), y[i : i + 1].bfloat16()) for i in range(400)]
    exact = float(torch.cat([b for _, b in batches]).double().square().mean())
    objective = Objective(model, batches, lambda o, t: (o - t).square().mean())
    # each term has the eight bits of bfloat16, and their errors are independent
    assert objective.loss().item() == pytest.approx(exact, rel=4e-3 / 400**0.5 * 4)


def test_complex_parameters_are_refused_by_name() -> None:
    class Spectral(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filter = nn.Parameter(torch.randn(4, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Tensor:
            return (x * self.filter).abs()

    with pytest.raises(ValueError, match=r"filter.*complex64"):
        Objective(Spectral(), (draws(5, 4).float(), draws(5, 4).float()), nn.MSELoss())


class Rotary(nn.Module):
    """Complex numbers that are no parameters, as in rotary embeddings."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = mlp()
        self.register_buffer("turn", torch.polar(torch.ones(2, dtype=torch.float64), draws(2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(torch.view_as_real(torch.view_as_complex(x.reshape(-1, 2, 2)) * self.turn).flatten(1))


def test_complex_buffers_and_data_stay_complex() -> None:
    x, y = draws(20, 4), labels(20)
    objective = Objective(Rotary(), (x, y), nn.CrossEntropyLoss(), dtype=torch.float32)
    assert_truth(
        objective.precise(),
        dense(Rotary(), [(x.float().double(), y)], [20], of_pairs(F.cross_entropy)),
        rtol=1e-5,
        atol=1e-6,
    )

    def of_complex(model: nn.Module, batch: Any) -> Tensor:
        return F.cross_entropy(model(torch.view_as_real(batch["z"]).flatten(1)), batch["y"])

    batch = {"z": torch.view_as_complex(x.view(20, 2, 2)), "y": y}
    assert_truth(Objective(mlp(), [batch], of_complex), dense(mlp(), [batch], [20], of_complex))


class Filters(nn.Module):
    """Complex weights, held as pairs of real numbers behind parameters of any length."""

    def __init__(self, complex_of: Callable[[Tensor], Tensor], ahead: int) -> None:
        super().__init__()
        self.complex_of = complex_of
        self.shift, self.pairs = nn.Parameter(draws(ahead)), nn.Parameter(draws(4, 4, 2, seed=1) / 4)
        self.row = nn.Parameter(draws(8, seed=2))

    def forward(self, x: Tensor) -> Tensor:
        pairs, row = self.complex_of(self.pairs), self.complex_of(self.row.view(4, 2))
        return torch.fft.ifft(torch.fft.fft(x) @ pairs * row).real[:, :3].tanh() + self.shift.sum()


@pytest.mark.parametrize("ahead", [1, 2])
def test_complex_weights_may_begin_anywhere_in_the_vector_of_parameters(ahead: int) -> None:
    """Torch takes pairs of real numbers for complex ones only where they begin at even places."""
    batch = draws(20, 4), draws(20, 3, seed=3)
    by_hand = Filters(lambda pairs: torch.complex(pairs[..., 0], pairs[..., 1]), ahead)
    truth = dense(by_hand, [batch], [20], of_pairs(F.mse_loss))
    objective = Objective(Filters(torch.view_as_complex, ahead), [batch], nn.MSELoss())
    assert_truth(objective, truth)
    v = draws(objective.n_parameters, 3)
    torch.testing.assert_close(objective.hvp(v), torch.stack([objective.hvp(w) for w in v.T], 1), **CLOSE)


# 8: programs


def peeking(way: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    return lambda x: x * 2 if way(x.detach().sum()) else x * 3


@pytest.mark.parametrize(
    "way",
    [
        lambda t: t.numpy() > 0,
        lambda t: np.asarray(t) > 0,
        lambda t: t.item() > 0,
        lambda t: bool(t > 0),
        lambda t: float(t) > 0,
        lambda t: t.tolist() > 0,
        lambda t: np.from_dlpack(t) > 0,
        lambda t: t.data_ptr() > 0,
        lambda t: t.untyped_storage()[0] > 0,
        lambda t: torch.equal(t, t),
        lambda t: "1" in str(t),
        lambda t: copy.deepcopy(t) is None,
    ],
    ids=[
        "numpy",
        "asarray",
        "item",
        "bool",
        "float",
        "tolist",
        "dlpack",
        "pointer",
        "storage",
        "equal",
        "str",
        "copy",
    ],
)
def test_no_value_gets_out_of_a_recording(way: Callable[[Tensor], Any]) -> None:
    with pytest.raises(ValueError, match="looks at the values"):
        recorded(peeking(way), draws(3))


def test_a_branch_by_numpy_is_taken_at_every_point() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def forward(self, x: Tensor) -> Tensor:
            out = self.net(x)
            return out * 2 if out.detach().numpy().mean() > 0 else out

    objective = Objective(Branching(), (draws(200, 4), labels(200)), nn.CrossEntropyLoss())
    plane = random_plane(objective, seed=1)
    for surface in evaluate_plane(objective, plane, (-1, 1, -1, 1), 21):  # noqa: B007 - the last one
        pass
    for i, j in ((0, 0), (3, 17), (10, 4), (20, 20)):
        theta = torch.from_numpy(plane.point(surface.alpha[j], surface.beta[i]))
        assert surface.loss[i, j] == pytest.approx(objective.loss(theta).item(), rel=1e-9)


# 9, 10: parameters written in forward, sums by partial functions


class Writing(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4, max_norm=0.5 if how == "max_norm" else None).double()
        self.net, self.how = mlp(), how

    def forward(self, tokens: Tensor) -> Tensor:
        with torch.no_grad():
            if self.how == "clamp_":
                self.net[0].weight.clamp_(-0.1, 0.1)
            if self.how == "data":
                self.net[0].weight.data.mul_(0.9)
        return self.net(self.embedding(tokens))


@pytest.mark.parametrize(
    ("how", "name"), [("max_norm", "embedding.weight"), ("clamp_", "net.0.weight"), ("data", "net.0.weight")]
)
def test_parameters_written_in_forward(how: str, name: str) -> None:
    model = Writing(how)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=rf"writes into .*{name}"):
        Objective(model, (torch.arange(20) % 5, labels(20)), nn.CrossEntropyLoss())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_buffer_written_in_forward_changes_nothing() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()
            self.register_buffer("scale", torch.ones((), dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            out = self.net(x) * self.scale.clone()
            self.scale.mul_(1.5)
            return out

    objective = Objective(Counting(), (draws(20, 4), labels(20)), nn.CrossEntropyLoss())
    assert objective.loss() == objective.loss()
    torch.testing.assert_close(
        objective.gradient(),
        dense(mlp(), [(draws(20, 4), labels(20))], [20], of_pairs(F.cross_entropy))[1],
        **CLOSE,
    )


@pytest.mark.parametrize("operator", ["hessian", "ggn", "fisher", "empirical-fisher"])
def test_a_sum_by_a_partial_function_is_that_of_the_module(operator: str) -> None:
    data = (draws(20, 4), draws(20, 3, seed=1))
    z = draws(51, 3, seed=2)
    values = [
        curvature(Objective(mlp(), data, loss_fn), operator).product(z)
        for loss_fn in (
            nn.MSELoss(reduction="sum"),
            partial(F.mse_loss, reduction="sum"),
            partial(partial(F.mse_loss), reduction="sum"),
            partial(nn.MSELoss(reduction="sum")),
        )
    ]
    for found in values[1:]:
        torch.testing.assert_close(found, values[0], **CLOSE)


# 13: what is not about derivatives does not say so


@pytest.mark.parametrize(
    "error",
    [MemoryError("no room"), RuntimeError("CUDA out of memory"), RuntimeError("can't start new thread")],
)
def test_errors_of_the_moment_are_their_own(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = Objective(mlp(), (draws(20, 4), labels(20)), nn.CrossEntropyLoss())

    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Objective, "hvp", fail)
    with pytest.raises(type(error), match=str(error)):
        hessian_eigenpairs(objective)


# 15 to 19: what should work


class Recurrent(nn.Module):
    """Makes its first state in float32, whatever it is given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x, torch.zeros(1, len(x), 3))[0][:, -1])


class Rounding(nn.Module):
    """Goes through float32 on its way, as root-mean-square norms of language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp().float()

    def forward(self, x: Tensor) -> Tensor:
        return self.net[1:](self.net[0](x).float().to(x.dtype))


@pytest.mark.parametrize(
    ("model", "x", "loss_fn"),
    [
        (Recurrent(), draws(20, 5, 2).float(), nn.CrossEntropyLoss()),
        (Rounding(), draws(20, 4).float(), nn.CrossEntropyLoss()),
        (mlp().float(), draws(20, 4).float(), lambda o, t: F.cross_entropy(o, t, weight=torch.ones(3))),
        (mlp().float(), draws(20, 4).float(), lambda o, t: F.cross_entropy(o.float(), t)),
    ],
    ids=["hidden state", "on the way", "class weight", "result"],
)
def test_models_in_float32_throughout_say_so(model: nn.Module, x: Tensor, loss_fn: Any) -> None:
    objective = Objective(model, (x, labels(20)), loss_fn)
    pairs = hessian_eigenpairs(objective)
    assert pairs.provenance["dtype"] == "float32"
    assert "smallest eigenvalues" in pairs.provenance["precision"]
    truth = dense(mlp(), [(x.double(), labels(20))], [20], of_pairs(F.cross_entropy)) if x.ndim == 2 else None
    if truth is not None:
        exact = torch.linalg.eigvalsh(truth[2])
        assert pairs.values[0] == pytest.approx(float(exact[-1]), rel=1e-3)


def test_a_loss_with_derivatives_of_its_inputs() -> None:
    """u'' = −u, as a physics-informed network learns it."""

    def residual(model: nn.Module, batch: Any) -> Tensor:
        x = batch["x"].clone().requires_grad_()
        u = model(x)
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), x, create_graph=True)
        return (bend + u).square().mean()

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    batches = [{"x": draws(12, 1)}, {"x": draws(5, 1, seed=2)}]
    objective = Objective(model, batches, residual, metrics={"residual": residual})
    assert_truth(objective, dense(model, batches, [12, 5], residual))
    assert objective.metrics()["residual"] == pytest.approx(objective.loss().item())


class Encoding(UserDict):
    """A mapping with attributes, as tokenisers return it."""

    def __getattr__(self, name: str) -> Any:
        if name == "data":
            raise AttributeError(name)
        return self.data[name]


@dataclass(frozen=True)
class Sample:
    x: Tensor
    y: Tensor


class Named(NamedTuple):
    x: Tensor
    y: Tensor


class Graph:
    """A batch with attributes that can be sent to a device."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def to(self, device: Any) -> Graph:
        return Graph(self.x.to(device), self.y.to(device))


@pytest.mark.parametrize("kind", [lambda x, y: Encoding({"x": x, "y": y}), Sample, Named, Graph])
def test_batches_keep_their_type(kind: Callable[[Tensor, Tensor], Any]) -> None:
    seen: set[type] = set()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        seen.add(type(batch))
        return F.cross_entropy(model(batch.x), batch.y)

    batches = [kind(x, y) for x, y in zip(draws(20, 4).split(8), labels(20).split(8), strict=True)]
    objective = Objective(mlp(), batches, loss)
    assert_truth(objective, dense(mlp(), batches, [8, 8, 4], loss))
    objective.subset(7).loss()
    assert seen == {type(batches[0])}


class OnGraph(nn.Module):
    """Two layers of a network on a graph, whose adjacency is a buffer."""

    def __init__(self, adjacency: Tensor) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        self.register_buffer("adjacency", adjacency)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.adjacency @ self.last(torch.tanh(self.adjacency @ self.first(x)))


@pytest.mark.filterwarnings("ignore:Sparse CS:UserWarning")
@pytest.mark.parametrize("sparse", [Tensor.to_sparse, Tensor.to_sparse_csr, Tensor.to_sparse_csc])
def test_sparse_buffers(sparse: Callable[[Tensor], Tensor]) -> None:
    """``copy.deepcopy`` cannot copy all of them."""
    adjacency = (draws(6, 6) > 0).double()
    batch = [(draws(6, 3), draws(6, 2, seed=1))]
    model, dense = OnGraph(sparse(adjacency)), OnGraph(adjacency)
    objective, exact = (Objective(each, batch, nn.MSELoss()) for each in (model, dense))
    v = draws(objective.n_parameters, seed=2)
    torch.testing.assert_close(objective.hvp(v, objective.theta + 0.1), exact.hvp(v, exact.theta + 0.1))
    torch.testing.assert_close(pickle.loads(pickle.dumps(objective)).loss(), exact.loss())
    with pytest.raises(ValueError, match=r"got adjacency of torch\.sparse_.*persistent=False"):
        LandscapeExplorer(model, batch, nn.MSELoss())
    with pytest.raises(ValueError, match=r"got adjacency of torch\.sparse_.*persistent=False"):
        objective.with_state(model.state_dict())


@pytest.mark.parametrize("trainable", [True, False])
def test_sparse_parameters_are_refused_by_name(trainable: bool) -> None:
    model = mlp()
    model.mixing = nn.Parameter(torch.eye(4).to_sparse(), requires_grad=trainable)
    with pytest.raises(ValueError, match="Expected dense parameters, got sparse ones: mixing"):
        Objective(model, (draws(8, 4), labels(8)), nn.CrossEntropyLoss())


def test_sparse_inputs() -> None:
    x = draws(20, 4) * (draws(20, 4, seed=7) > 0)
    batches = [(x[:12].to_sparse(), labels(12)), (x[12:].to_sparse(), labels(8))]

    class Sparse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def forward(self, x: Tensor) -> Tensor:
            return self.net[1:](torch.sparse.mm(x, self.net[0].weight.T) + self.net[0].bias)

    plain = [(a.to_dense(), b) for a, b in batches]
    assert_truth(
        Objective(Sparse(), batches, nn.CrossEntropyLoss()),
        dense(mlp(), plain, [12, 8], of_pairs(F.cross_entropy)),
    )


class WritingNet(nn.Module):
    """Writes into its input, or computes the same on a copy of that."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.net, self.in_place = mlp(), in_place

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.in_place else x.clone()
        return self.net(x.div_(3).relu_())


def popping(model: nn.Module, batch: Any) -> Tensor:
    target = batch.pop("y")
    target[target == 2] = -100
    return F.cross_entropy(model(**batch), target)


def reading(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"].masked_fill(batch["y"] == 2, -100))


@pytest.mark.parametrize("kind", ["pair", "loader", "mapping"])
def test_batches_that_model_or_loss_write_into_are_as_a_loader_makes_them(kind: str) -> None:
    x, y, found = draws(24, 4), labels(24), []
    for in_place in (True, False):
        data: Any = {
            "pair": (x, y),
            "loader": DataLoader(TensorDataset(x, y), 7),
            "mapping": {"x": x, "y": y},
        }
        loss_fn = nn.CrossEntropyLoss() if kind != "mapping" else popping if in_place else reading
        objective = Objective(WritingNet(in_place), data[kind], loss_fn, metrics={"loss": loss_fn})
        pairs = hessian_eigenpairs(objective, k=1, which="both")
        found.append((objective.gradient(), torch.from_numpy(pairs.values), objective.metrics()["loss"]))
    for written, kept in zip(*found, strict=True):
        torch.testing.assert_close(written, kept)
    assert torch.equal(x, draws(24, 4))
    assert torch.equal(y, labels(24))


def weighing(model: nn.Module, batch: Any) -> Tensor:
    """Takes weights out of those batches that have some."""
    weights = batch.pop("weights", None)
    losses = F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")
    return losses.mean() if weights is None else (weights * losses).mean()


class Doubling(nn.Module):
    """Writes into its input where there are few rows, or where ``scale`` is beyond 2."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.net, self.in_place = mlp(), in_place
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.in_place else x.clone()
        return self.scale * self.net(x.mul_(2) if len(x) < 7 or self.scale > 2 else x)


def test_some_batches_alone_are_written_into() -> None:
    x, y = draws(24, 4), labels(24)
    rows = [slice(i, i + 7) for i in range(0, 24, 7)]
    batches = [{"x": x[r], "y": y[r]} for r in rows]
    for batch in batches[2:]:
        batch["weights"] = 1 + batch["x"][:, 0].abs()
    model = mlp()
    objective = Objective(model, batches, weighing)
    expected = sum(len(batch["y"]) / 24 * weighing(model, dict(batch)) for batch in batches)
    for _ in range(2):
        torch.testing.assert_close(objective.loss(), expected.detach())

    found = [
        Objective(Doubling(in_place), DataLoader(TensorDataset(x, y), 7), nn.CrossEntropyLoss())
        for in_place in (True, False)
    ]
    torch.testing.assert_close(found[0].gradient(), found[1].gradient())
    torch.testing.assert_close(found[0].loss(), found[1].loss())
    others = [objective.with_data(DataLoader(TensorDataset(x + 1, y), 5)) for objective in found]
    torch.testing.assert_close(others[0].loss(), others[1].loss())


def test_batches_that_are_written_into_far_from_where_they_were_looked_at_are_refused() -> None:
    data = draws(21, 4), labels(21)
    objective = Objective(Doubling(True), data, nn.CrossEntropyLoss())
    objective.loss()
    for theta in (objective.theta * 3, objective.theta):  # what it has written stays
        with pytest.raises(ValueError, match=r"write into batches at θ\* or nowhere.*\.clone\(\)"):
            objective.loss(theta)


def test_tensors_of_a_batch_that_share_memory_are_not_written_into() -> None:
    x = draws(12, 4)
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4).double())
    with pytest.raises(ValueError, match=r"share memory.*\.clone\(\)"):
        Objective(model, [(x, x)], nn.MSELoss())
    rows = draws(13, 4).numpy()  # each part of which has a storage of its own
    with pytest.raises(ValueError, match=r"share memory.*\.clone\(\)"):
        Objective(model, [(torch.from_numpy(rows[:-1]), torch.from_numpy(rows[1:]))], nn.MSELoss())
    Objective(model, [(x, x.clone())], nn.MSELoss())
    Objective(model[1], [(x, x)], nn.MSELoss())


def test_a_list_of_two_tensors_is_a_pair() -> None:
    x, y = draws(20, 4), labels(20)
    assert_truth(
        Objective(mlp(), [x, y], nn.CrossEntropyLoss()),
        dense(mlp(), [(x, y)], [20], of_pairs(F.cross_entropy)),
    )


def test_pruned_models_and_locks_are_copied() -> None:
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    model(draws(2, 4))  # leaves a weight that was computed
    model.lock, model.more = threading.Lock(), {"lock": [threading.RLock()]}
    objective = Objective(model, (draws(20, 4), labels(20)), nn.CrossEntropyLoss())
    unpruned = mlp()
    with torch.no_grad():
        unpruned[0].weight.mul_(model[0].weight_mask)
    assert objective.loss().item() == pytest.approx(
        F.cross_entropy(unpruned(draws(20, 4)), labels(20)).item(), rel=1e-12
    )
    assert hessian_eigenpairs(objective).converged.all()


def test_an_objective_goes_to_other_processes() -> None:
    objective = Objective(mlp(), (draws(20, 4), labels(20)), nn.CrossEntropyLoss())
    hessian_eigenpairs(objective)
    twin = pickle.loads(pickle.dumps(objective))
    assert twin != objective
    assert twin.loss() == objective.loss()
    v = torch.ones(objective.n_parameters, dtype=torch.float64)
    torch.testing.assert_close(twin.hvp(v), objective.hvp(v), **CLOSE)


def test_a_point_where_the_model_raises_is_a_hole() -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def forward(self, x: Tensor) -> Tensor:
            if self.net[0].weight.abs().max() > 1.5:
                raise ArithmeticError("too large")
            return self.net(x)

    objective = Objective(Fragile(), (draws(20, 4), labels(20)), nn.CrossEntropyLoss())
    for surface in evaluate_plane(objective, random_plane(objective), (-1, 1, -1, 1), 9):  # noqa: B007 - the last
        pass
    holes = np.isnan(surface.loss)
    assert holes.any()
    assert not holes[4, 4]
    assert surface.done.all()
    assert surface.provenance["failures"]["points"] == holes.sum()
    assert "ArithmeticError: too large" in surface.provenance["failures"]["first"]


# 20: what the loader or the model cannot be


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (nn.Sequential(nn.LazyLinear(3)), "lazy"),
        (nn.Linear(4, 3, device="meta"), "meta"),
        (
            nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, affine=False, device="meta")),
            r"meta.*running_mean",
        ),
        (nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3, device="meta").requires_grad_(False)), r"meta.*1\.w"),
    ],
    ids=["lazy", "meta", "meta buffer", "meta frozen"],
)
def test_models_without_weights_are_refused(model: nn.Module, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Objective(model, (draws(20, 4).float(), labels(20)), nn.CrossEntropyLoss())


def test_a_model_made_in_inference_mode_is_refused_and_its_copy_serves() -> None:
    data = draws(20, 4).float(), labels(20)
    with torch.inference_mode():
        models = nn.Linear(4, 3), nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)).eval()
    for model in models:
        with pytest.raises(ValueError, match=r"torch\.inference_mode\(\): .*weight, .*copy\.deepcopy"):
            Objective(model, data, nn.CrossEntropyLoss())
        Objective(copy.deepcopy(model), data, nn.CrossEntropyLoss())


def test_a_batch_of_another_shape_is_named() -> None:
    batches = [(draws(5, 4), labels(5)), (draws(5, 4), labels(5)), (draws(5, 3), labels(5))]
    with pytest.raises(ValueError, match=r"batch 2 of 0 to 2, \(\(5, 3\) float64, .*first one is \(\(5, 4\)"):
        Objective(mlp(), batches, nn.CrossEntropyLoss())


def test_endless_loaders_are_refused() -> None:
    def endless() -> Iterator[Any]:
        while True:
            yield draws(5000, 4), labels(5000)

    with pytest.raises(ValueError, match="max_examples"):
        Objective(mlp(), endless(), nn.CrossEntropyLoss())
    assert Objective(mlp(), endless(), nn.CrossEntropyLoss(), max_examples=100).n_examples == 100


# parameters with bounds, and models that are no Python


def test_parameters_near_the_edge_of_where_the_loss_is_defined() -> None:
    class Normal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mean = nn.Parameter(torch.zeros(3, dtype=torch.float64))
            self.scale = nn.Parameter(torch.full((3,), 0.003, dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            return torch.distributions.Normal(self.mean, self.scale).log_prob(x)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return -model(batch["x"]).mean()

    batches = [{"x": 0.003 * draws(20, 3)}, {"x": 0.003 * draws(9, 3, seed=1)}]
    assert_truth(Objective(Normal(), batches, loss), dense(Normal(), batches, [20, 9], loss))


def test_script_modules_are_refused_by_name() -> None:
    part = nn.Sequential(nn.Linear(4, 3), torch.jit.script(nn.Linear(3, 3)))
    with pytest.raises(TypeError, match=r"TorchScript module in its parts 1, .*Pass the module that it was"):
        Objective(part, (torch.zeros(4, 4), torch.zeros(4).long()), nn.CrossEntropyLoss())
    with pytest.raises(TypeError, match="TorchScript"):
        Objective(torch.jit.trace(mlp(), draws(2, 4)), (draws(20, 4), labels(20)), nn.CrossEntropyLoss())


class Waiting(Counting):
    """Waits in the midst of a call where it is told to."""

    inside, go_on, waits = Event(), Event(), False

    def forward(self, x: Tensor) -> Tensor:
        found = super().forward(x)
        if Waiting.waits:
            Waiting.inside.set()
            assert Waiting.go_on.wait(20)
        return found


def test_an_objective_is_pickled_between_two_evaluations() -> None:
    """During one of another thread, the model holds another θ and a buffer that was written into."""
    x = torch.ones(3, 2, dtype=torch.float64)
    objective = Objective(Waiting(), (x, x[:, :1]), nn.MSELoss())
    expected = objective.loss()
    Waiting.waits = True
    evaluating = Thread(target=objective.loss, args=(objective.theta + 7,))
    evaluating.start()
    assert Waiting.inside.wait(20)
    Timer(0.2, Waiting.go_on.set).start()
    twin = pickle.loads(pickle.dumps(objective))
    evaluating.join()
    Waiting.waits = False
    assert torch.equal(twin.loss(), expected)


@pytest.mark.parametrize(
    "twin", [lambda o: pickle.loads(pickle.dumps(o)), copy.deepcopy], ids=["sent", "copied"]
)
def test_a_copy_of_an_objective_takes_other_data_and_states(twin: Callable[[Objective], Objective]) -> None:
    """Tensors of a model are counted anew in a copy: were they not, they would seem written into."""
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).requires_grad_(False), nn.Tanh(), nn.Linear(2, 1))
    batch = draws(8, 3).float(), draws(8, 1, seed=1).float()
    state = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    objective = Objective(model, batch, nn.MSELoss()).to(torch.float64).with_state(state)
    found = twin(objective).with_data(batch).with_state(state)
    assert torch.equal(found.loss(), objective.loss())
