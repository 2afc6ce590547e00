"""Seeds, counts, domains, points and planes: one message each, where they enter a computation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import traitlets

from landscape_widget import (
    EigenPairs,
    LandscapeExplorer,
    Plane,
    convexity_map,
    evaluate_plane,
    evaluate_point,
    hessian_eigenpairs,
    hessian_plane,
    hessian_trace,
    projected_curvatures,
    random_plane,
    score_table,
    spectral_density,
)
from landscape_widget.curvature.eigenpairs import eigenpair_steps
from landscape_widget.planes.grid import check_domain, grid_axis
from landscape_widget.planes.projections import plane_hessian
from landscape_widget.planes.quadratic import quadratic_model

from ..support.cases import case, quadratic

SMALL = quadratic(torch.diag(torch.tensor([3.0, 1.0, -1.0, -2.0], dtype=torch.float64)))
PLANE = random_plane(SMALL)
DOMAIN = (-1.0, 1.0, -1.0, 1.0)

SEEDED: dict[str, Callable[[Any], Any]] = {
    "eigenpairs": lambda seed: hessian_eigenpairs(SMALL, seed=seed),
    "eigenpairs by steps": lambda seed: eigenpair_steps(SMALL, seed=seed),
    "annihilation": lambda seed: hessian_eigenpairs(SMALL, method="annihilation", seed=seed),
    "random plane": lambda seed: random_plane(SMALL, seed),
    "Hessian plane": lambda seed: hessian_plane(SMALL, seed=seed),
    "trace": lambda seed: hessian_trace(SMALL, samples=4, seed=seed),
    "curvature fit": lambda seed: hessian_trace(SMALL, "curvature-fit", samples=4, seed=seed),
    "density": lambda seed: spectral_density(SMALL, 1, 2, seed=seed),
    "projections": lambda seed: projected_curvatures(SMALL, 2, seed=seed),
    "convexity map": lambda seed: convexity_map(SMALL, PLANE, DOMAIN, 3, seed=seed),
}
NO_SEED: list[Any] = [2**64, 2**70, -1, -(2**63), 0.0, 1.5, True, np.True_, "7", None, [1]]


@pytest.mark.parametrize("compute", SEEDED.values(), ids=SEEDED.keys())
@pytest.mark.parametrize("seed", NO_SEED, ids=repr)
def test_what_is_no_seed(compute: Callable[[Any], Any], seed: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected seed as an integer from 0 to 2\^64 − 1, got "):
        compute(seed)


@pytest.mark.parametrize("compute", SEEDED.values(), ids=SEEDED.keys())
def test_seeds_of_64_bits_serve(compute: Callable[[Any], Any]) -> None:
    compute(2**64 - 2)
    compute(np.uint64(2**63))


def test_the_last_seed_has_projections() -> None:
    found = projected_curvatures(SMALL, 3, seed=2**64 - 1)
    assert [found.seed_of(i) - found.seed_of(0) for i in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("i", [3, -1, 1.5, True, None, "0"], ids=repr)
def test_there_are_seeds_of_projections_alone(i: Any) -> None:
    with pytest.raises(ValueError, match="Expected i "):
        projected_curvatures(SMALL, 3).seed_of(i)


@pytest.mark.parametrize("other", [2**32, 2**63, 2**64 - 1])
def test_seeds_that_differ_in_their_upper_bits_have_other_planes(other: int) -> None:
    """An engine's seed has 32 bits, a seed here 64."""
    first, second = (projected_curvatures(SMALL, 3, seed=seed) for seed in (0, other))
    assert not set(first.A) & set(second.A)


def counts(value: Any) -> dict[str, Callable[[], Any]]:
    return {
        "k": lambda: hessian_eigenpairs(SMALL, k=value),
        "max_hvp": lambda: hessian_eigenpairs(SMALL, max_hvp=value),
        "max_hvp of a map": lambda: convexity_map(SMALL, PLANE, DOMAIN, 3, max_hvp=value),
        "samples": lambda: hessian_trace(SMALL, samples=value),
        "samples of projections": lambda: projected_curvatures(SMALL, value),
        "probes": lambda: spectral_density(SMALL, value),
        "steps": lambda: spectral_density(SMALL, 1, value),
        "resolution": lambda: evaluate_plane(SMALL, PLANE, DOMAIN, value),
        "enough": lambda: evaluate_plane(SMALL, PLANE, DOMAIN, 5, enough=value),
    }


@pytest.mark.parametrize("what", list(counts(0)))
@pytest.mark.parametrize("value", [True, np.True_, 4.0, "4", [4], float("nan")], ids=repr)
def test_what_is_no_count(what: str, value: Any) -> None:
    name = what.split(maxsplit=1)[0]
    with pytest.raises(ValueError, match=rf"Expected {name} as an (odd )?integer, got "):
        counts(value)[what]()


@pytest.mark.parametrize("what", [name for name in counts(0) if name != "resolution"])
@pytest.mark.parametrize("value", [0, -3])
def test_a_count_of_nothing(what: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"Expected .*(at least|between) [12]\b.*{value}"):
        counts(value)[what]()


@pytest.mark.parametrize("tol", [True, False, "0.1", None, float("nan"), float("inf"), 1j, [0.1]], ids=repr)
def test_a_tolerance_that_is_no_number(tol: Any) -> None:
    for compute in (hessian_eigenpairs, lambda o, tol: convexity_map(o, PLANE, DOMAIN, 3, tol=tol)):
        with pytest.raises(ValueError, match="Expected tol as a finite number, got "):
            compute(SMALL, tol=tol)


@pytest.mark.parametrize(
    "domain",
    [
        *("1234", b"1234", ["-1", "1", "-1", "1"], (False, True, -1, 1), (-1, 1, False, True)),
        *({-2, -1, 0, 1}, {-1: 0, 1: 0, -2: 0, 2: 0}, [[-1], [1], [-1], [1]], (-1, 1, -1j, 1)),
        *((-1, 1, None, 1), (10**310, 10**311, -1, 1), np.zeros((4, 1)), torch.zeros(4, dtype=torch.bool)),
        *(None, 3, (np.False_, np.True_, 0, 1)),
    ],
    ids=repr,
)
def test_what_is_no_domain(make_explorer: Callable[..., LandscapeExplorer], domain: Any) -> None:
    with pytest.raises(ValueError, match="Expected domain as four finite numbers"):
        evaluate_plane(SMALL, PLANE, domain, 5)
    if domain is not None:
        with pytest.raises(traitlets.TraitError, match="Expected domain as four finite numbers"):
            make_explorer(SMALL).domain = domain


@pytest.mark.parametrize(
    "domain",
    [
        *((-1e308, 1e308, -1, 1), (-1, 1, 1e307, 1e308), (-1, 1, -1e155, 1e155), (-1e-320, 1e-320, -1, 1)),
        *((-1, 1, -1e-310, 1e-310), (0, 5e-324, -1, 1), (1, 1 + 1e-15, -1, 1), (-1, 1, 1e20, 1e20 + 1e5)),
    ],
)
def test_a_domain_whose_nodes_floats_cannot_tell_apart(
    make_explorer: Callable[..., LandscapeExplorer], domain: Any
) -> None:
    message = "Expected a domain with coordinates of at most 1e\\+100 and widths of at least 1e-100"
    with pytest.raises(ValueError, match=message):
        convexity_map(SMALL, PLANE, domain, 3)
    with pytest.raises(traitlets.TraitError, match=message):
        make_explorer(SMALL).compared_domain = domain


@pytest.mark.parametrize(
    "domain",
    [
        *((-1e99, 1e99, -1e-99, 1e-99), (1e6, 1e6 + 1, -1, 1), (0, 1, -3, -2)),
        *(np.array(DOMAIN, np.float32), torch.tensor(DOMAIN), list(DOMAIN), map(float, DOMAIN), range(4)),
    ],
    ids=repr,
)
def test_nodes_of_any_other_domain_are_apart(domain: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a0, a1, b0, b1 = check_domain(domain)
        for low, high in ((a0, a1), (b0, b1)):
            axis = grid_axis(low, high, 501)
            assert np.isfinite(axis**2).all()
            assert len({f"{x:.12g}" for x in axis}) == 501


@pytest.mark.parametrize(
    "bad", [True, np.False_, "0.5", b"1", None, float("nan"), 10**310, 1j, [0.5]], ids=str
)
def test_what_is_no_coordinate(make_explorer: Callable[..., LandscapeExplorer], bad: Any) -> None:
    message = r"Expected coordinates \(α, β\) as two finite numbers, got "
    explorer = make_explorer(SMALL, axes=("random", "random"), resolution=3).compute()
    for attempt in (
        lambda: evaluate_point(SMALL, PLANE, bad, 0.0),
        lambda: evaluate_point(SMALL, PLANE, 0.0, bad),
        lambda: explorer.pin(bad, 0.0),
        lambda: explorer.recentre(0.0, bad),
        lambda: score_table(SMALL, [(PLANE, bad, 0.0)]),
        lambda: score_table(SMALL, [], SMALL, [(PLANE, 0.0, bad)]),
    ):
        with pytest.raises(ValueError, match=message):
            attempt()
    for act in (explorer.recentre, explorer.apply, explorer.parameters_at):
        with pytest.raises(ValueError, match=r"got one, 1\. A pin is given as one of explorer\.pins\.$"):
            act(1)


OTHER = case("dense tanh").objective()
PAIRS = EigenPairs(np.ones(1), np.ones((4, 1)) / 2, np.zeros(1), np.ones(1, bool), 0, 1)
ON_A_PLANE: dict[str, Callable[[Any], Any]] = {
    "evaluate_plane": lambda plane: evaluate_plane(OTHER, plane, DOMAIN, 5),
    "evaluate_point": lambda plane: evaluate_point(OTHER, plane, 0.0, 0.0),
    "convexity_map": lambda plane: convexity_map(OTHER, plane, DOMAIN, 3),
    "score_table": lambda plane: score_table(OTHER, [(plane, 0.0, 0.0)]),
    "score_table on test data": lambda plane: score_table(OTHER, [], OTHER, [(plane, 0.0, 0.0)]),
    "plane_hessian": lambda plane: plane_hessian(OTHER, plane),
    "quadratic_model": lambda plane: quadratic_model(OTHER, plane, 0.0, np.zeros(83)),
}


@pytest.mark.parametrize("compute", ON_A_PLANE.values(), ids=ON_A_PLANE.keys())
def test_a_plane_of_another_model(compute: Callable[[Any], Any]) -> None:
    flat = np.zeros((83, 1))
    for plane in (PLANE, Plane(flat, flat, flat)):
        with pytest.raises(
            ValueError, match=r"Expected a plane of 83 parameters, .* got one of shape \((4,|83, 1)\)"
        ):
            compute(plane)
    with pytest.raises(TypeError, match=r"Expected plane as a Plane, .*got tuple"):
        compute((0, 1))


def test_eigenpairs_of_another_model() -> None:
    with pytest.raises(ValueError, match="Expected pairs of 83 parameters, got 4"):
        hessian_plane(OTHER, ("hessian:max", "hessian:max:2"), PAIRS)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", True, "Expected seed as an integer from 0 to 2\\^53 − 1, got True"),
        ("seed", 2**53, "Expected seed as an integer from 0 to 2\\^53 − 1"),
        ("seed", 2**70, "Expected seed as an integer from 0 to 2\\^53 − 1"),
        ("samples", True, "Expected samples as an integer, got True"),
        ("samples", 10**12, "Expected samples between 1 and 1000000, got 1000000000000"),
        ("examples", True, "Expected examples as an integer, got True"),
        ("resolution", True, "odd integer, got True"),
        ("resolution", 10**30, "between 3 and 501"),
    ],
)
def test_a_control_that_is_no_number(
    make_explorer: Callable[..., LandscapeExplorer], name: str, value: Any, message: str
) -> None:
    explorer = make_explorer(SMALL)
    before = getattr(explorer, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
    with pytest.raises(traitlets.TraitError, match=message):
        make_explorer(SMALL, **{name: value})
