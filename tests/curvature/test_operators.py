"""Gauss-Newton and Fisher matrices against dense Jacobians and curvlinops."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest
import torch
from curvlinops import EFLinearOperator, GGNLinearOperator
from torch import Tensor, nn
from torch.func import functional_call, jacrev
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from landscape_widget import Objective, hessian_eigenpairs, hessian_trace, spectral_density
from landscape_widget.curvature.operators import OPERATORS, curvature

from ..support.cases import ONE_BATCH, RAGGED, Case, case
from ..support.oracle import dense, trainable

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")]

NETWORKS = [
    case("dense tanh", "mse"),
    case("dense tanh"),
    case("dense ReLU", "mse"),
    case("convolution, batch norm"),
    case("attention", "mse"),
    case("embedding, layer norm"),
]


def probes(size: int) -> Tensor:
    """Matrices that give the same for these are the same, as these have nothing to do with either."""
    return torch.randn(size, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def products(objective: Objective, operator: str) -> np.ndarray:
    found = curvature(objective, operator)
    return found.product(probes(found.size)).numpy()


@cache
def jacobian(network: Case) -> tuple[Tensor, Tensor]:
    """∂f/∂θ, shape (n, outputs, N), and f, by ``torch.func``."""
    model, (x, _) = network.model(), network.examples()
    parameters = trainable(model)

    def outputs(values: dict[str, Tensor]) -> Tensor:
        return functional_call(model, values, (x,))

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        blocks = jacrev(outputs)(parameters)
        f = outputs(parameters).detach()
    return torch.cat([block.reshape(*f.shape, -1) for block in blocks.values()], dim=-1), f


def expected(network: Case, operator: str) -> np.ndarray:
    """From Eqs. (7)-(11), example by example."""
    jacobians, f = jacobian(network)
    _, y = network.examples()
    total = torch.zeros(jacobians.shape[-1], jacobians.shape[-1], dtype=torch.float64)
    for j, output, target in zip(jacobians, f, y, strict=True):
        if network.loss == "mse":
            inner, slope = (
                2 / len(output) * torch.eye(len(output)).double(),
                2 / len(output) * (output - target),
            )
        else:
            p = torch.softmax(output, 0)
            inner = torch.diag(p) - torch.outer(p, p)
            slope = p - functional.one_hot(target, len(p))
        inner = torch.outer(slope, slope) if operator == "empirical-fisher" else inner
        total += j.T @ inner @ j / len(f)
    return total.numpy()


@pytest.mark.parametrize(
    ("network", "operator", "sizes"),
    [
        *((n, operator, RAGGED) for n in NETWORKS for operator in ("ggn", "empirical-fisher")),
        *((n, "fisher", RAGGED) for n in NETWORKS[:2]),  # for these losses it is the first one
        *((n, operator, ONE_BATCH) for n in NETWORKS[:2] for operator in ("ggn", "empirical-fisher")),
    ],
    ids=str,
)
def test_against_dense_jacobians(network: Case, operator: str, sizes: tuple[int, ...]) -> None:
    found, exact = products(network.objective(sizes), operator), expected(network, operator)
    z = probes(len(exact)).numpy()
    np.testing.assert_allclose(found, exact @ z, rtol=1e-10, atol=1e-13)
    assert np.linalg.eigvalsh(z.T @ found).min() > -1e-12


@pytest.mark.parametrize("loss", ["mse", "cross entropy"])
def test_against_curvlinops(loss: str) -> None:
    network = case("dense tanh", loss)
    model, data = network.model(), network.batches((13,))
    parameters = list(model.parameters())
    z = probes(sum(p.numel() for p in parameters))
    ggn = GGNLinearOperator(model, network.loss_fn, parameters, data) @ z
    np.testing.assert_allclose(products(network.objective(), "ggn"), ggn, rtol=1e-10, atol=1e-13)
    empirical = EFLinearOperator(model, network.loss_fn, parameters, data) @ z
    ours = products(network.objective(), "empirical-fisher")
    # curvlinops takes −log p of a normal density with variance 1/2 and adds the outputs' losses up
    factor = 1 if loss == "cross entropy" else np.linalg.norm(ours) / np.linalg.norm(empirical)
    np.testing.assert_allclose(ours, factor * empirical, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["dense tanh", "convolution, batch norm"])
def test_all_but_the_empirical_one_agree_at_an_interpolating_minimum(name: str) -> None:
    """Targets that are the outputs: every ∂ℓ/∂f vanishes, and with it what H has besides G."""
    network = case(name, "mse")
    model, (x, _) = network.model(), network.examples()
    with torch.no_grad():
        y = model(x)
    objective = Objective(model, [(x[:5], y[:5]), (x[5:], y[5:])], nn.MSELoss())
    hessian = products(objective, "hessian")
    assert np.abs(hessian).max() > 1e-2
    for operator in ("ggn", "fisher"):
        np.testing.assert_allclose(products(objective, operator), hessian, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(products(objective, "empirical-fisher"), 0, atol=1e-12)
    values = [hessian_eigenpairs(objective, which="largest", operator=o).values for o in OPERATORS[:3]]
    np.testing.assert_allclose(np.ravel(values), values[0][0], rtol=1e-6)


def test_they_agree_for_targets_that_are_the_outputs_of_cross_entropy() -> None:
    network = case("dense tanh")
    model, (x, _) = network.model(), network.examples()
    with torch.no_grad():
        y = torch.softmax(model(x), dim=1)
    objective = Objective(model, (x, y), nn.CrossEntropyLoss())
    for operator in ("ggn", "fisher"):
        np.testing.assert_allclose(
            products(objective, operator), products(objective, "hessian"), rtol=1e-9, atol=1e-12
        )


def test_away_from_a_minimum_they_differ() -> None:
    assert not np.allclose(dense(case("dense tanh")).hessian, expected(case("dense tanh"), "ggn"), atol=1e-3)


@pytest.mark.parametrize("operator", ["ggn", "fisher", "empirical-fisher"])
def test_eigenpairs_trace_and_density(operator: str) -> None:
    network = case("dense tanh")
    exact = expected(network, operator)
    objective = network.objective()
    pairs = hessian_eigenpairs(objective, k=2, which="largest", tol=1e-6, operator=operator)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(exact)[:-3:-1], rtol=1e-6)
    trace = hessian_trace(objective, "deflated", samples=10, operator=operator, pairs=pairs)
    assert abs(trace.value - np.trace(exact)) <= 5 * trace.stderr
    density = spectral_density(objective, operator=operator, pairs=pairs, probes=2, steps=10)
    assert density.nodes.min() > -1e-9
    assert {r.provenance["operator"] for r in (pairs, trace, density)} == {operator}


@pytest.mark.parametrize(
    "loss_fn",
    [
        nn.MSELoss(reduction="sum"),
        functional.mse_loss,
        partial(functional.mse_loss, reduction="mean"),
    ],
    ids=["sum", "function", "partial"],
)
def test_spellings_of_mean_squared_error(loss_fn: object) -> None:
    network = case("dense ReLU", "mse")
    objective = Objective(network.model(), network.batches(), loss_fn)
    factor = 3 if isinstance(loss_fn, nn.MSELoss) else 1  # a sum over three outputs instead of a mean
    for operator in ("ggn", "fisher"):
        exact = expected(network, operator)
        z = probes(len(exact)).numpy()
        np.testing.assert_allclose(products(objective, operator), factor * exact @ z, rtol=1e-10, atol=1e-13)


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.filterwarnings("ignore:size_average and reduce:UserWarning")
@pytest.mark.filterwarnings("ignore:The loss of the first batch:UserWarning")
@pytest.mark.parametrize(
    "loss_fn",
    [nn.MSELoss(), nn.MSELoss(reduction="sum"), partial(functional.mse_loss, size_average=False)],
    ids=["mean", "sum", "sum as it was told once"],
)
def test_a_squared_error_s_fisher_matrix_is_its_own_whatever_the_targets_shape(loss_fn: object) -> None:
    """Outputs that are held against several targets each have as many terms; H = G = F of a linear model."""
    torch.manual_seed(0)
    x, y = torch.randn(12, 5).double(), torch.randn(12, 4).double()
    objective = Objective(nn.Linear(5, 1).double(), (x, y), loss_fn)
    for operator in ("ggn", "fisher"):
        np.testing.assert_allclose(products(objective, operator), products(objective, "hessian"), rtol=1e-9)


@pytest.mark.filterwarnings("ignore:The loss of the first batch:UserWarning")
def test_ignored_targets_and_weights() -> None:
    network = case("dense tanh")
    x, y = network.examples()
    y[3:5] = 1
    ignoring = Objective(network.model(), (x, y), nn.CrossEntropyLoss(ignore_index=1))
    np.testing.assert_allclose(
        products(ignoring, "fisher"), products(ignoring, "ggn"), rtol=1e-10, atol=1e-14
    )
    weighing = Objective(network.model(), (x, y), nn.CrossEntropyLoss(weight=torch.ones(3)))
    assert products(weighing, "ggn").shape == (83, 5)
    with pytest.raises(ValueError, match="CrossEntropyLoss with weight"):
        curvature(weighing, "fisher")


@pytest.mark.filterwarnings("ignore:The loss of the first batch:UserWarning")
def test_ignored_examples_change_no_matrix() -> None:
    """They change neither L nor its Hessian, and so none of the others, whole sequences of tokens as well."""
    torch.manual_seed(0)
    x, y = torch.randn(12, 5, dtype=torch.float64), torch.randint(3, (12,))
    tokens, classes = torch.randn(12, 4, 5, dtype=torch.float64), torch.randint(3, (12, 4))
    for model, inputs, targets in ((nn.Linear(5, 3), x, y), (_Tokens(flat=False), tokens, classes)):
        kept = Objective(model.double(), (inputs[::2], targets[::2]), nn.CrossEntropyLoss())
        ignored = targets.clone()
        ignored[1::2] = -100
        ignoring = Objective(model.double(), (inputs, ignored), nn.CrossEntropyLoss())
        for operator in OPERATORS:
            np.testing.assert_allclose(
                products(ignoring, operator), products(kept, operator), rtol=1e-9, atol=1e-14
            )


class _Tokens(nn.Module):
    """Classes for each of some tokens: those of all examples as rows, or in the last dimension."""

    def __init__(self, flat: bool) -> None:
        super().__init__()
        self.layer, self.flat = nn.Linear(5, 3), flat

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y.flatten(0, 1) if self.flat else y.transpose(1, 2)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("rows", ["tokens", "time first"])
def test_rows_of_outputs_need_not_be_examples(rows: str, reduction: str) -> None:
    """The outputs are linear in θ, so that H = G = F up to rounding."""
    torch.manual_seed(0)
    x = torch.randn(12, 4, 5, dtype=torch.float64)
    y, axis = (torch.randint(3, (12, 4)), 0) if rows == "tokens" else (torch.randn(12, 4, 3).double(), 1)

    def collate(examples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        inputs, targets = (torch.stack(part, axis) for part in zip(*examples, strict=True))
        return inputs, targets.flatten() if rows == "tokens" else targets

    loader = DataLoader(TensorDataset(x, y), batch_size=5, collate_fn=collate)
    model = _Tokens(flat=True) if rows == "tokens" else nn.Linear(5, 3)
    loss_fn = (nn.CrossEntropyLoss if rows == "tokens" else nn.MSELoss)(reduction=reduction)
    objective = Objective(model.double(), loader, loss_fn)
    assert objective.n_examples == 12
    for operator in ("ggn", "fisher"):
        np.testing.assert_allclose(
            products(objective, operator), products(objective, "hessian"), rtol=1e-9, atol=1e-13
        )
    with pytest.raises(ValueError, match="a row for each of 5 examples"):
        products(objective, "empirical-fisher")


@pytest.mark.parametrize("operator", ["ggn", "fisher", "empirical-fisher"])
def test_other_losses_are_refused(operator: str) -> None:
    network = case("dense tanh", "mse")
    for loss_fn in (nn.HuberLoss(), lambda a, b: ((a - b) ** 2).mean()):
        objective = Objective(network.model(), network.batches(), loss_fn)
        with pytest.raises(ValueError, match="mean squared error or cross entropy"):
            hessian_trace(objective, operator=operator)
    with pytest.raises(ValueError, match="mean squared error or cross entropy"):
        curvature(case("dense tanh, dict").objective(), operator)
    with pytest.raises(ValueError, match="got a function of θ"):
        curvature(Objective.from_function(lambda t: (t**2).sum(), torch.ones(3)), operator)
    with pytest.raises(ValueError, match="Expected operator as one of hessian, ggn"):
        curvature(network.objective(), "kfac")
