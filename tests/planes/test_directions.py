"""Directions: filter normalisation, random draws, Hessian axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_widget import Objective, hessian_eigenpairs, hessian_plane, random_plane
from landscape_widget.planes.directions import make_plane
from landscape_widget.planes.filters import filter_normalise

from ..support.cases import case, quadratic

RANDOM = ("random", "random")


class Averaged(nn.Module):
    """Any module with one number for each example, so that it can be given to an objective."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x).flatten(1).mean(dim=1)


def objective_of(module: nn.Module, x: Tensor) -> Objective:
    torch.manual_seed(0)
    x = x.double() if x.is_floating_point() else x
    return Objective(
        Averaged(module).double().eval(), (x, torch.zeros(len(x))), lambda out, y: (out - y).mean()
    )


def rows(weight: Tensor) -> list[Tensor]:
    """Dense layers, convolutions, embeddings: one filter for each leading index."""
    return [weight[unit] for unit in range(len(weight))]


def output_channels(groups: int) -> Callable[[Tensor], list[Tensor]]:
    """Transposed convolutions: what feeds one output channel, found by the definition of groups."""

    def filters(weight: Tensor) -> list[Tensor]:
        inputs = len(weight) // groups
        return [
            weight[group * inputs : (group + 1) * inputs, channel]
            for group in range(groups)
            for channel in range(weight.shape[1])
        ]

    return filters


LAYERS = [
    pytest.param(lambda: nn.Linear(4, 3), torch.zeros(2, 4), rows, 3, id="Linear"),
    pytest.param(lambda: nn.Conv1d(4, 6, 3, groups=2), torch.zeros(2, 4, 5), rows, 6, id="Conv1d, groups"),
    pytest.param(lambda: nn.Conv2d(2, 3, 3), torch.zeros(2, 2, 4, 4), rows, 3, id="Conv2d"),
    pytest.param(lambda: nn.Embedding(5, 4), torch.zeros(2, 3, dtype=torch.long), rows, 5, id="Embedding"),
    pytest.param(
        lambda: nn.ConvTranspose2d(4, 3, 2),
        torch.zeros(2, 4, 3, 3),
        output_channels(1),
        3,
        id="ConvTranspose2d",
    ),
    pytest.param(
        lambda: nn.ConvTranspose2d(4, 6, 2, groups=2),
        torch.zeros(2, 4, 3, 3),
        output_channels(2),
        6,
        id="ConvTranspose2d, groups",
    ),
]


@pytest.mark.parametrize(("layer", "x", "filters_of", "n_filters"), LAYERS)
def test_each_filter_has_the_norm_of_the_weights_filter(
    layer: Callable[[], nn.Module], x: Tensor, filters_of: Callable[[Tensor], list[Tensor]], n_filters: int
) -> None:
    """d_ij ← d_ij/‖d_ij‖ · ‖θ_ij‖ by a plain loop; biases get zero."""
    objective = objective_of(layer(), x)
    draw = make_plane(objective, RANDOM, seed=3).eta
    normalised = filter_normalise(objective, draw)

    assert objective.layout is not None
    found, drawn, weights = (
        objective.layout.unflatten(torch.as_tensor(v)) for v in (normalised, draw, objective.theta)
    )
    filters = list(zip(*(filters_of(t["module.weight"]) for t in (found, drawn, weights)), strict=True))
    assert len(filters) == n_filters
    for got, direction, weight in filters:
        torch.testing.assert_close(got, direction / direction.norm() * weight.norm())
    for name, values in found.items():
        assert name == "module.weight" or not values.any()


def test_normalisation_layers_and_biases_stay_put() -> None:
    """A direction that moves the scales of a normalisation would show the scales, not the filters."""
    for name in ("convolution, batch norm", "embedding, layer norm"):
        objective = case(name).objective()
        plane = random_plane(objective, seed=0, normalize="filter")
        assert objective.layout is not None
        moved = {
            key: bool(values.any())
            for key, values in objective.layout.unflatten(torch.from_numpy(plane.eta)).items()
        }
        weights = {"0.weight", "5.weight", "embedding.weight", "head.weight"}
        assert {key for key, moves in moved.items() if moves} == weights & set(moved)


def test_filters_of_one_tensor_are_scaled_apart() -> None:
    """A norm per tensor, the usual mistake, would keep the ratio of two rows of the draw."""
    layer = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        layer.weight[0] *= 100
    objective = objective_of(layer, torch.zeros(2, 4))
    plane = random_plane(objective, normalize="filter")
    of_plane = np.linalg.norm(plane.eta.reshape(2, 4), axis=1)
    np.testing.assert_allclose(of_plane, objective.theta.reshape(2, 4).norm(dim=1).numpy())


def test_a_filter_of_zeros_is_not_moved() -> None:
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight[0] = 0
    eta = random_plane(objective_of(layer, torch.zeros(2, 4)), normalize="filter").eta
    assert np.isfinite(eta).all()
    assert not eta[:4].any()
    assert eta[4:8].all()


def wide(n: int, dtype: torch.dtype = torch.float64) -> Objective:
    return Objective.from_function(lambda t: (t**2).sum(), torch.zeros(n, dtype=dtype))


def test_random_directions_are_standard_normal_and_not_orthogonalised() -> None:
    n = 20_000
    plane = random_plane(wide(n), seed=1)
    error = 1 / np.sqrt(n)  # standard error of a mean; five of them
    for direction in (plane.eta, plane.delta):
        assert direction.mean() == pytest.approx(0, abs=5 * error)
        assert direction.var() == pytest.approx(1, abs=5 * np.sqrt(2) * error)
    cosine = np.mean(plane.eta * plane.delta)
    assert 1e-12 < abs(cosine) < 5 * error


def test_a_seed_gives_the_same_plane_and_another_seed_another_one() -> None:
    objective = case("dense tanh").objective()
    one, again, other = (random_plane(objective, seed) for seed in (5, 5, 6))
    assert np.array_equal(one.eta, again.eta)
    assert np.array_equal(one.delta, again.delta)
    assert not np.isclose(one.eta, other.eta).any()
    assert not np.isclose(one.eta, one.delta).any()


def test_draws_do_not_depend_on_dtype_nor_on_the_global_generator() -> None:
    torch.manual_seed(1)
    double = random_plane(wide(50))
    torch.manual_seed(2)
    single = random_plane(wide(50, torch.float32))
    assert single.eta.dtype == np.float64
    assert np.array_equal(single.eta, double.eta)
    assert np.array_equal(single.delta, double.delta)


def test_a_random_axis_is_the_same_beside_any_other_axis() -> None:
    """Switching α leaves β where it is."""
    objective = case("dense tanh").objective()
    pairs = hessian_eigenpairs(objective)
    beside = [
        make_plane(objective, (axis, "random"), seed=2, pairs=pairs).delta
        for axis in ("random", "random:filter", "hessian:max")
    ]
    assert np.array_equal(beside[0], beside[1])
    assert np.array_equal(beside[0], beside[2])


def test_hessian_axes_are_unit_eigenvectors_as_they_come() -> None:
    objective = case("dense tanh").objective()
    pairs = hessian_eigenpairs(objective, k=3)
    plane = hessian_plane(objective, ("hessian:max:2", "hessian:min:3"), pairs)
    assert np.array_equal(plane.eta, pairs.vectors[:, 1])
    assert np.array_equal(plane.delta, pairs.vectors[:, 3])
    np.testing.assert_allclose(plane.norms, 1, rtol=1e-12)
    assert np.array_equal(plane.origin, objective.theta.numpy())


def test_a_hessian_plane_finds_the_pairs_it_needs() -> None:
    hessian = torch.diag(torch.tensor([3.0, -2.0, 1.0, -0.5], dtype=torch.float64))
    plane = hessian_plane(quadratic(hessian), ("hessian:max:2", "hessian:min:2"))
    np.testing.assert_allclose(plane.eta, [0, 0, 1, 0], atol=1e-3)  # the default tolerance
    np.testing.assert_allclose(plane.delta, [0, 0, 0, 1], atol=1e-3)


@pytest.mark.parametrize("axes", [("hessian:max", "hessian:min"), ("random", "hessian:max")])
@pytest.mark.parametrize("kind", ["ggn", "preconditioned"])
def test_eigenvectors_of_another_matrix_are_no_hessian_axes(axes: tuple[str, str], kind: str) -> None:
    objective = case("dense tanh").objective()
    scale = np.linspace(1, 9, objective.n_parameters) if kind == "preconditioned" else None
    operator = "ggn" if kind == "ggn" else "hessian"
    pairs = hessian_eigenpairs(objective, operator=operator, preconditioner=scale, max_hvp=20)
    with pytest.raises(
        ValueError, match=f"Expected pairs of the Hessian for the axis 'hessian:max', .*{kind}"
    ):
        make_plane(objective, axes, pairs=pairs)


def test_a_plane_tells_how_it_was_made() -> None:
    plane = random_plane(case("dense tanh").objective(), seed=9, normalize="filter")
    assert plane.axes == ("random:filter", "random:filter")
    assert plane.provenance["seed"] == 9
    assert plane.provenance["versions"]["torch"] == torch.__version__
