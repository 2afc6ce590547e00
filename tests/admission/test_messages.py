"""Refusals that name the cause: the batch that is not finite, the way a function is called, padding."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from landscape_widget import Objective

X, Y = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
CRITERION = nn.CrossEntropyLoss()


def linear() -> nn.Module:
    return nn.Linear(4, 3)


def message(attempt: Callable[[], Any], error: type[Exception] = ValueError) -> str:
    with pytest.raises(error) as caught:
        attempt()
    return str(caught.value)


# batches whose loss is not finite


def none_of(value: int) -> tuple[Tensor, Tensor]:
    return X, torch.full_like(Y, value)


def custom(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, target)


@pytest.mark.parametrize(
    ("loss_fn", "ignored"),
    [
        (CRITERION, -100),
        (nn.CrossEntropyLoss(ignore_index=2), 2),
        (nn.functional.cross_entropy, -100),
        (partial(nn.functional.cross_entropy, ignore_index=1), 1),
        (custom, -100),
        (lambda model, batch: CRITERION(model(batch[0]), batch[1]), -100),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.filterwarnings("ignore:The loss of the first batch")
def test_a_batch_whose_targets_are_all_ignored_is_named(loss_fn: Any, ignored: int, at: int) -> None:
    batches = [(X, Y)] * 3
    batches[at] = none_of(ignored)
    told = message(lambda: Objective(linear(), batches, loss_fn))
    assert f"got nan from batch {at} (of 0 to 2), ((6, 4) float32, (6,) int64)" in told
    assert f"targets are ignored (ignore_index={ignored})" in told


def test_several_batches_are_counted() -> None:
    told = message(lambda: Objective(linear(), [(X, Y), *[none_of(-100)] * 7], CRITERION))
    assert "got nan from batch 1, 2, 3, 4, 5 and 2 more (of 0 to 7)" in told


def test_ignored_targets_of_test_data_are_told_alike() -> None:
    objective = Objective(linear(), (X, Y), CRITERION)
    told = message(lambda: objective.with_data([(X, Y), none_of(-100)]))
    assert "batch 1 (of 0 to 1)" in told
    assert "targets are ignored" in told


def masked(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    losses = nn.functional.cross_entropy(model(batch["x"]), batch["y"], reduction="none")
    return losses[batch["mask"]].mean()


def test_other_causes_are_told_apart() -> None:
    empty = {"x": X, "y": Y, "mask": torch.zeros(6, dtype=torch.bool)}
    whole = empty | {"mask": torch.ones(6, dtype=torch.bool)}
    told = message(lambda: Objective(linear(), [whole, empty], masked))
    assert "batch 1 (of 0 to 1)" in told
    assert "A mask there selects nothing" in told
    told = message(lambda: Objective(linear(), [(X, Y), (X / 0, Y)], CRITERION))
    assert "batch 1 (of 0 to 1)" in told
    assert "The data there hold values that are not finite" in told
    told = message(
        lambda: Objective(linear(), [(X, Y), (X, Y)], lambda o, t: CRITERION(o, t) + (o.sum() - 99).log())
    )
    assert "from batch 0, 1 (of 0 to 1)" in told
    assert "a logarithm or root of zero" in told
    told = message(lambda: Objective(linear(), [(1e36 * X, Y)] * 2, lambda o, _: 1e10 * o.abs().sum()))
    assert re.search(r"got inf from batch 0, 1 .*a logarithm", told)
    broken = linear()
    nn.init.constant_(broken.bias, float("nan"))  # type: ignore[arg-type]
    told = message(lambda: Objective(broken, [(X, Y)] * 2, CRITERION))
    assert "The weights hold values that are not finite: bias" in told
    told = message(lambda: Objective.from_function(lambda t: (t.sum() - 9).log(), torch.ones(2)))
    assert "got nan. Check the function at θ*" in told


# how functions are called


def of_net(net: nn.Module, batch: Any) -> Tensor:
    return CRITERION(net(batch[0]), batch[1])


def of_its_parameters(network: nn.Module, batch: Any) -> Tensor:
    return torch.stack([p.square().sum() for p in network.parameters()]).sum()


def of_keys(net: nn.Module, batch: Any) -> Tensor:
    return CRITERION(net.forward(batch["x"]), batch["y"])


def of_three(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return CRITERION(net(x), y)


class Called:
    def __call__(self, net: nn.Module, batch: Any) -> Tensor:
        return of_net(net, batch)


NOT_NAMED = "was called with (output, target), because its first argument is not named 'model'. Name it so"


@pytest.mark.parametrize("loss_fn", [of_net, of_its_parameters, of_keys, of_three, Called(), partial(of_net)])
def test_the_first_argument_must_be_named_model(loss_fn: Any) -> None:
    told = message(lambda: Objective(linear(), (X, Y), loss_fn))
    assert f"loss_fn {NOT_NAMED}" in told
    told = message(lambda: Objective(linear(), (X, Y), CRITERION, metrics={"m": loss_fn}))
    assert f"The metric 'm' {NOT_NAMED}" in told


def test_the_other_way_is_told_too() -> None:
    def of_model_and_pair(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return of_three(model, x, y)

    told = message(lambda: Objective(linear(), (X, Y), of_model_and_pair))
    assert "loss_fn was called with (model, batch), because its first argument is named 'model'" in told
    told = message(lambda: Objective(linear(), [X, X, X], CRITERION))
    assert "loss_fn was called with (model, batch), because the batches are no pairs (x, y)" in told


@pytest.mark.parametrize("named", [False, True])
def test_a_function_of_other_than_two_arguments_is_told_how_to_write_it(named: bool) -> None:
    def of_model_x_y(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return of_three(model, x, y)

    def of_batch(batch: Any) -> Tensor:
        return batch[0].sum()

    def of_pair(model: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        return CRITERION(model(x), y)

    loss_fn = of_model_x_y if named else of_three
    told = message(lambda: Objective(linear(), (X, Y), loss_fn))
    assert f"It takes ({'model' if named else 'net'}, x, y), but gets two arguments either way" in told
    assert "(model, batch), and in it: x, y = batch" in told
    told = message(lambda: Objective(linear(), (X, Y), CRITERION, metrics={"m": of_batch}))
    assert "It takes (batch), but gets two arguments" in told
    assert Objective(linear(), (X, Y), of_pair).n_examples == 6  # as told
    told = message(lambda: Objective(linear(), (X, Y), of_its_parameters))
    assert "either way" not in told


class Failing(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).missing  # type: ignore[attr-defined]


def test_faults_of_the_model_are_not_put_down_to_the_call() -> None:
    told = message(lambda: Objective(Failing(4, 3), (X, Y), CRITERION))
    assert "has no attribute 'missing'" in told
    assert "was called with" not in told


def test_a_later_batch_tells_it_too() -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return output.square().mean() if len(target) == 6 else target["y"]  # type: ignore[call-overload]

    told = message(lambda: Objective(linear(), [(X, Y), (X[:3], Y[:3])], loss))
    assert "on batch 1 of 0 to 1" in told
    assert NOT_NAMED in told


# examples of unequal length


class Ragged(Dataset[Any]):
    def __init__(self, made: Callable[[int], Any]) -> None:
        self.made = made

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> Any:
        return self.made(i)


SEQUENCES = [X[: 3 + i] for i in range(3)]


@pytest.mark.parametrize(
    "data",
    [
        [(x, i) for i, x in enumerate(SEQUENCES)],
        [(x, torch.tensor(i)) for i, x in enumerate(SEQUENCES)],
        [(x, torch.tensor([i])) for i, x in enumerate(SEQUENCES)],
        [{"x": x, "y": i} for i, x in enumerate(SEQUENCES)],
        (SEQUENCES, Y[:3]),
        [SEQUENCES, list(Y[:3])],
        Ragged(lambda i: (X[: 2 + i], i)),
        Ragged(lambda i: {"x": X[: 2 + i], "y": i}),
        Ragged(lambda i: list(range(2 + i))),
    ],
    ids=["pairs", "tensors", "rows", "dicts", "lists", "list of lists", "dataset", "dict dataset", "tokens"],
)
def test_examples_of_unequal_length_are_to_be_padded(data: Any) -> None:
    told = message(lambda: Objective(linear(), data, CRITERION))
    assert "collate_fn" in told
    assert "pad_sequence" in told


def test_faults_of_a_data_set_are_its_own() -> None:
    def fail(i: int) -> Any:
        raise RuntimeError(f"no such file {i}")

    assert message(lambda: Objective(linear(), Ragged(fail), CRITERION), RuntimeError) == "no such file 0"


def test_padding_works() -> None:
    def pad(examples: Any) -> Any:
        xs, ys = zip(*examples, strict=True)
        return nn.utils.rnn.pad_sequence(list(xs), batch_first=True), torch.tensor(ys)

    loader = DataLoader(Ragged(lambda i: (X[: 2 + i], i % 3)), batch_size=2, collate_fn=pad)
    objective = Objective(linear(), loader, lambda model, batch: CRITERION(model(batch[0]).sum(1), batch[1]))
    assert objective.n_examples == 4


# what is passed in place of something else


def test_arrays_in_place_of_tensors() -> None:
    for data in ((X.numpy(), Y.numpy()), [X.numpy(), Y.numpy()]):
        told = message(lambda: Objective(linear(), data, CRITERION), TypeError)  # noqa: B023
        assert "got numpy arrays. Pass each as torch.as_tensor(array)" in told


def test_a_tensor_in_place_of_data() -> None:
    told = message(lambda: Objective(linear(), X, CRITERION), TypeError)
    assert "torch.utils.data.TensorDataset(x)" in told


def test_a_class_in_place_of_a_loss() -> None:
    told = message(lambda: Objective(linear(), (X, Y), nn.CrossEntropyLoss), TypeError)
    assert "got the class CrossEntropyLoss. Make one of it: CrossEntropyLoss()." in told


class OfAList(nn.Linear):
    def forward(self, inputs: list[Tensor]) -> Tensor:
        return super().forward(inputs[0] + inputs[1])


def test_inputs_in_a_list_are_told_to_be_unpacked() -> None:
    told = message(lambda: Objective(OfAList(4, 3), [([X, X], Y)], CRITERION))
    assert "Inputs in a list are given as model(*inputs)" in told


@pytest.mark.parametrize("where", ["buffer", "frozen"])
def test_what_the_model_holds_beside_the_weights_is_looked_at(where: str) -> None:
    model = nn.Sequential(linear(), nn.BatchNorm1d(3))
    if where == "buffer":
        model[1].running_var[0] = float("nan")
    else:
        model[0].bias.requires_grad_(False)[0] = float("inf")
    told = message(lambda: Objective(model, (X, Y), CRITERION))
    name = "1.running_var" if where == "buffer" else "0.bias"
    assert f"Buffers or frozen parameters of the model hold values that are not finite: {name}" in told


def test_a_loader_of_unequal_examples_is_told_of_padding() -> None:
    loader = DataLoader(Ragged(lambda i: (X[: 2 + i], i)), batch_size=2)
    told = message(lambda: Objective(linear(), loader, CRITERION))
    assert "pad_sequence" in told


# embeddings whose gradients are made otherwise


class Words(nn.Module):
    """Words by an embedding, and the next one by its transpose where it is ``tied``."""

    def __init__(self, tied: bool, **options: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4, **options)
        self.head = nn.Linear(4, 7, bias=False)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, words: Tensor) -> Tensor:
        output: Tensor = self.head(self.embedding(words).mean(1))
        return output


def of_words(model: nn.Module) -> Objective:
    words = torch.arange(30).reshape(6, 5) % 7
    return Objective(model, (words, Y), CRITERION)


@pytest.mark.parametrize("tied", [False, True])
def test_a_row_without_a_gradient_is_named_with_its_embedding(tied: bool) -> None:
    model = Words(tied, padding_idx=2)
    told = message(lambda: of_words(model))
    assert "padding_idx=2 of module 'embedding' (Embedding)" in told
    model.embedding.padding_idx = None
    of_words(model).gradient()


def test_a_sparse_gradient_is_named_with_its_embedding() -> None:
    model = Words(False, sparse=True)
    told = message(lambda: of_words(model))
    assert "sparse=True of module 'embedding' (Embedding)" in told
    assert "use_reentrant" not in told
    model.embedding.sparse = False
    of_words(model).gradient()
