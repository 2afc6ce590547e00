"""Loss, gradient and Hessian-vector products against the dense truth and closed forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import Objective

from ..support.cases import CASES, EACH, FEW, N_EXAMPLES, Case, case
from ..support.oracle import dense

pytestmark = pytest.mark.oracle

#: Sums of a hundred products of order one, added up in another order: some tens of ε = 2e-16.
CLOSE = {"rtol": 1e-12, "atol": 1e-14}

everything = pytest.mark.parametrize("case", CASES, ids=str)
each = pytest.mark.parametrize("case", EACH, ids=str)


def vectors(n: int, k: int) -> Tensor:
    return torch.randn(n, k, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@everything
def test_loss_is_the_mean_over_all_examples(case: Case) -> None:
    torch.testing.assert_close(case.objective().loss(), dense(case).loss, **CLOSE)


@everything
def test_gradient(case: Case) -> None:
    torch.testing.assert_close(case.objective().gradient(), dense(case).gradient, **CLOSE)


@each
def test_product_with_one_vector(case: Case) -> None:
    truth = dense(case)
    v = vectors(len(truth.gradient), 1)[:, 0]
    product = case.objective().hvp(v)
    assert product.shape == v.shape
    torch.testing.assert_close(product, truth.hessian @ v, **CLOSE)


@each
def test_product_with_a_block_of_vectors(case: Case) -> None:
    truth = dense(case)
    block = vectors(len(truth.gradient), 4)
    torch.testing.assert_close(case.objective().hvp(block), truth.hessian @ block, **CLOSE)


@each
def test_away_from_the_present_weights(case: Case) -> None:
    truth, objective = dense(case, step=0.1), case.objective()
    theta = objective.theta + 0.1
    v = vectors(len(theta), 1)[:, 0]
    torch.testing.assert_close(objective.loss(theta), truth.loss, **CLOSE)
    torch.testing.assert_close(objective.gradient(theta), truth.gradient, **CLOSE)
    torch.testing.assert_close(objective.hvp(v, theta), truth.hessian @ v, **CLOSE)


@pytest.mark.parametrize(
    ("case", "sizes"),
    [
        *((each, (1,) * 13) for each in EACH),
        *zip(FEW, ((13,), (12, 1), (2, 9, 2)), strict=True),
    ],
    ids=str,
)
def test_results_do_not_depend_on_the_batches(case: Case, sizes: Sequence[int]) -> None:
    # batches of numbers that differ in length may as well be single examples, unless they are said to be none
    told = {"batch_size_fn": lambda batch: len(batch[0])} if case.name == "tied" else {}
    one, other = case.objective(), case.objective(sizes, **told)
    v = vectors(one.n_parameters, 1)[:, 0]
    torch.testing.assert_close(other.loss(), one.loss(), rtol=1e-12, atol=0)
    torch.testing.assert_close(other.gradient(), one.gradient(), **CLOSE)
    torch.testing.assert_close(other.hvp(v), one.hvp(v), **CLOSE)


DENSE = case("dense tanh")


@pytest.mark.parametrize("case", [DENSE, case("dense tanh", "mse")], ids=str)
@pytest.mark.parametrize("kind", ["loader", "shuffled loader", "data set", "pair of tensors"])
def test_every_kind_of_data_gives_the_same(case: Case, kind: str) -> None:
    x, y = case.examples()
    data = {
        "loader": lambda: DataLoader(TensorDataset(x, y), batch_size=5),
        "shuffled loader": lambda: DataLoader(TensorDataset(x, y), batch_size=5, shuffle=True),
        "data set": lambda: TensorDataset(x, y),
        "pair of tensors": lambda: (x, y),
    }[kind]()
    objective = Objective(case.model(), data, case.loss_fn)
    assert objective.n_examples == N_EXAMPLES
    torch.testing.assert_close(objective.loss(), dense(case).loss, **CLOSE)
    torch.testing.assert_close(objective.gradient(), dense(case).gradient, **CLOSE)


def test_a_mapping_of_tensors_is_cut_into_batches() -> None:
    dictionary = case("dense tanh, dict")
    x, y = dictionary.examples()
    rows = torch.arange(1300) % N_EXAMPLES  # several batches, the last one ragged
    objective = Objective(dictionary.model(), {"x": x[rows], "y": y[rows]}, dictionary.loss_fn)
    assert objective.n_examples == 1300
    torch.testing.assert_close(objective.loss(), dense(dictionary).loss, **CLOSE)


def test_data_that_change_from_epoch_to_epoch_are_read_once() -> None:
    x, y = DENSE.examples()
    epochs = []

    class Augmented:
        """Adds other noise in every epoch."""

        def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
            epochs.append(x + torch.randn_like(x))
            return iter([(epochs[-1], y)])

    objective = Objective(DENSE.model(), Augmented(), DENSE.loss_fn)
    losses = {objective.loss().item() for _ in range(3)}
    assert len(losses) == len(epochs) == 1


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("0.*", ("0.weight", "0.bias")),
        ("*.bias", ("0.bias", "2.bias", "4.bias")),
        (["0.weight", "4.*"], ("0.weight", "4.weight", "4.bias")),
        (lambda name, parameter: parameter.ndim == 2 and name != "2.weight", ("0.weight", "4.weight")),
    ],
    ids=["glob", "bias glob", "several", "predicate"],
)
def test_a_selection_is_a_block_of_the_whole(
    selection: str | list[str] | Callable[[str, nn.Parameter], bool], names: tuple[str, ...]
) -> None:
    truth, objective = dense(DENSE), DENSE.objective(parameters=selection)
    chosen = truth.indices(*names)
    v = vectors(len(chosen), 2)
    torch.testing.assert_close(objective.loss(), truth.loss, **CLOSE)
    torch.testing.assert_close(objective.gradient(), truth.gradient[chosen], **CLOSE)
    torch.testing.assert_close(objective.hvp(v), truth.hessian[chosen][:, chosen] @ v, **CLOSE)


def test_frozen_parameters_stay_at_their_values() -> None:
    frozen, whole = case("frozen"), case("dense tanh")
    truth, objective = dense(whole), frozen.objective()
    chosen = truth.indices("2.weight", "4.weight", "4.bias")
    assert objective.n_parameters == len(chosen)
    torch.testing.assert_close(objective.gradient(), truth.gradient[chosen], **CLOSE)


def test_tied_parameters_are_one_block() -> None:
    """One move of θ changes both uses of a shared matrix."""
    objective = case("tied").objective()
    assert objective.n_parameters == 6 * 4 + (4 * 4 + 4) + 6
    assert objective.layout is not None
    assert objective.layout.names == ("embedding.weight", "middle.weight", "middle.bias", "head.bias")


@pytest.mark.parametrize(
    "loss_fn",
    [nn.CrossEntropyLoss(reduction="sum"), nn.NLLLoss(reduction="sum")],
    ids=["cross entropy", "negative log likelihood"],
)
def test_a_summed_loss_becomes_the_mean_over_examples(loss_fn: nn.Module) -> None:
    mean = type(loss_fn)()
    summed = Objective(DENSE.model(), DENSE.batches(), loss_fn)
    averaged = Objective(DENSE.model(), DENSE.batches(), mean)
    torch.testing.assert_close(summed.loss(), averaged.loss(), **CLOSE)
    torch.testing.assert_close(summed.gradient(), averaged.gradient(), **CLOSE)


def test_at_most_max_examples_are_taken_from_the_front() -> None:
    objective = DENSE.objective(max_examples=7)  # cuts the second batch
    assert objective.n_examples == 7
    torch.testing.assert_close(objective.loss(), dense(DENSE, 7).loss, **CLOSE)
    torch.testing.assert_close(objective.gradient(), dense(DENSE, 7).gradient, **CLOSE)


def test_subsets_are_nested_and_weigh_every_example_alike() -> None:
    """n·L over n examples is a sum of losses; each step of n must add the loss of one more example."""
    objective = DENSE.objective()
    x, y = DENSE.examples()
    with torch.no_grad():
        losses = nn.functional.cross_entropy(DENSE.model()(x), y, reduction="none")
    sums = torch.stack([n * objective.subset(n).loss() for n in range(1, N_EXAMPLES + 1)])
    added = torch.cat([sums[:1], sums.diff()])
    torch.testing.assert_close(added.sort().values, losses.sort().values, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", [(20,), (8, 8, 4)], ids=str)
def test_linear_regression(sizes: Sequence[int]) -> None:
    """L = |Xw − y|²/n, ∇L = 2Xᵀ(Xw − y)/n, H = 2XᵀX/n at any w."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    y = torch.randn(20, 1, generator=generator, dtype=torch.float64)
    model = nn.Linear(4, 1, bias=False).double()
    batches = list(zip(x.split(list(sizes)), y.split(list(sizes)), strict=True))
    objective = Objective(model, batches, nn.MSELoss())
    w = model.weight.detach().T
    torch.testing.assert_close(objective.loss(), ((x @ w - y) ** 2).mean(), **CLOSE)
    torch.testing.assert_close(objective.gradient(), (2 / 20 * x.T @ (x @ w - y))[:, 0], **CLOSE)
    torch.testing.assert_close(objective.hvp(torch.eye(4, dtype=torch.float64)), 2 / 20 * x.T @ x, **CLOSE)


def test_logistic_regression() -> None:
    """H = Xᵀ diag(p(1 − p)) X / n with p = σ(Xw)."""
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(2, (20, 1), generator=generator).double()
    model = nn.Linear(4, 1, bias=False).double()
    batches = list(zip(x.split(8), y.split(8), strict=True))
    objective = Objective(model, batches, nn.BCEWithLogitsLoss())
    p = torch.sigmoid(x @ model.weight.detach().T)
    torch.testing.assert_close(objective.gradient(), (x.T @ (p - y) / 20)[:, 0], **CLOSE)
    torch.testing.assert_close(
        objective.hvp(torch.eye(4, dtype=torch.float64)), x.T @ (p * (1 - p) * x) / 20, **CLOSE
    )


@each
def test_hessian_is_symmetric(case: Case) -> None:
    objective = case.objective()
    u, v = vectors(objective.n_parameters, 2).T
    torch.testing.assert_close(u @ objective.hvp(v), v @ objective.hvp(u), rtol=1e-10, atol=1e-13)


def test_a_function_of_theta() -> None:
    """L = Σ θ_i³ has ∇L = 3θ² and H = diag(6θ)."""
    theta = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    objective = Objective.from_function(lambda t: (t**3).sum(), theta)
    torch.testing.assert_close(objective.loss(), (theta**3).sum())
    torch.testing.assert_close(objective.gradient(), 3 * theta**2)
    torch.testing.assert_close(objective.hvp(torch.eye(3, dtype=torch.float64)), torch.diag(6 * theta))


def test_a_linear_function_has_no_curvature() -> None:
    objective = Objective.from_function(lambda t: 2 * t.sum(), torch.zeros(3, dtype=torch.float64))
    assert torch.equal(objective.hvp(torch.ones(3)), torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dtype_is_chosen_and_curvature_is_double(dtype: torch.dtype) -> None:
    objective = DENSE.objective(dtype=dtype)
    assert objective.loss().dtype == objective.gradient().dtype == dtype
    assert objective.precise().dtype == torch.float64
    # float32 keeps seven digits of weights and data
    torch.testing.assert_close(objective.loss().double(), dense(DENSE).loss, rtol=1e-5, atol=0)


def test_an_objective_says_what_it_is_of() -> None:
    objective = Objective(nn.Linear(3, 2), (torch.ones(5, 3), torch.ones(5, 2)), nn.MSELoss())
    assert repr(objective) == "Objective(Linear, MSELoss, 8 parameters, 5 examples)"
    assert repr(objective.with_data((torch.ones(4, 3), torch.ones(4, 2)))).endswith("4 examples)")
    assert repr(objective.with_data((torch.ones(1, 3), torch.ones(1, 2)))).endswith(" 1 example)")


@pytest.mark.parametrize("device", ["cuda:97", torch.device("cuda:97"), "xpu:97"])
def test_a_device_that_is_not_here_is_refused_with_the_way_out(device: str | torch.device) -> None:
    batch = torch.ones(2, 3), torch.ones(2, 1)
    with pytest.raises(RuntimeError, match=r"Expected a device .* got '\w+:97': .*pass device='cpu'"):
        Objective(nn.Linear(3, 1), batch, nn.functional.mse_loss, device=device)


@pytest.mark.parametrize(
    ("labels", "change"),
    [
        (torch.tensor([0.0, 1.0, 2.0]), "labels.long()"),
        (torch.tensor([0, 1, 2], dtype=torch.int32), "labels.long()"),
        (torch.tensor([[0], [1], [2]]), "labels.squeeze(1)"),
        (torch.tensor([[0.0], [1.0], [2.0]]), "labels.squeeze(1).long()"),
    ],
)
@pytest.mark.parametrize("loss_fn", [nn.CrossEntropyLoss(), nn.functional.cross_entropy])
def test_labels_of_another_kind_are_told_how_to_become_classes(
    labels: torch.Tensor, change: str, loss_fn: Any
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"one for each example: {change}.")):
        Objective(nn.Linear(4, 3), (torch.randn(3, 4, generator=torch.manual_seed(0)), labels), loss_fn)
    classes = eval(change, {"labels": labels})
    Objective(nn.Linear(4, 3), (torch.randn(3, 4, generator=torch.manual_seed(0)), classes), loss_fn)


@pytest.mark.parametrize("device", ["gpu", "gpu:0"])
def test_a_gpu_is_called_cuda(device: str) -> None:
    with pytest.raises(RuntimeError, match="Did you mean 'cuda'"):
        Objective(nn.Linear(3, 1), (torch.ones(2, 3), torch.ones(2, 1)), nn.MSELoss(), device=device)
