"""Functions of one variable, and functions that are flat to second order: a sensible picture of each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from landscape_widget import (
    EigenPairs,
    LandscapeExplorer,
    Objective,
    heatmap_figure,
    hessian_eigenpairs,
    hessian_plane,
)
from landscape_widget.numerics.interpolation import monotone_cubic
from landscape_widget.numerics.saddle_integral import exact_blindness
from landscape_widget.planes.quadratic import quadratic_model

Make = Callable[..., LandscapeExplorer]
HESSIAN, RANDOM, MIXED = ("hessian:max", "hessian:min"), ("random", "random"), ("random", "hessian:min")


def at(*theta: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(theta, dtype=dtype)


#: f, θ*, and the kind of point that θ* is where second order tells.
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], Tensor, str]] = {
    "parabola, N = 1": (lambda t: (t**2).sum(), at(0.0), "minimum"),
    "parabola beside its minimum, N = 1": (lambda t: (t**2).sum(), at(0.5), ""),
    "cap, N = 1": (lambda t: -(t**2).sum(), at(0.0), "maximum"),
    "line, N = 1": (lambda t: (3 * t).sum(), at(1.0), ""),
    "line at zero, N = 1": (lambda t: t.sum(), at(0.0), ""),
    "quartic, N = 1": (lambda t: (t**4).sum(), at(0.0), ""),
    "constant, N = 1": (lambda t: (0 * t).sum() + 1, at(0.0), ""),
    "saddle, N = 2": (lambda t: t[0] ** 2 - t[1] ** 2, at(0.0, 0.0), "saddle"),
    "valley, N = 2": (lambda t: t[0] ** 2, at(0.0, 0.0), ""),
    "linear": (lambda t: t.sum(), at(1.0, 2.0, 3.0), ""),
    "linear at zero": (lambda t: t.sum(), at(0.0, 0.0, 0.0), ""),
    "constant": (lambda t: (0 * t).sum() + 1, at(1.0, 2.0, 3.0), ""),
    "constant zero at zero": (lambda t: (0 * t).sum(), at(0.0, 0.0, 0.0), ""),
    "quartic": (lambda t: (t**4).sum(), at(0.0, 0.0, 0.0), ""),
    "quartic in single precision": (lambda t: (t**4).sum(), at(0.0, 0.0, 0.0, dtype=torch.float32), ""),
    "quartic saddle": (lambda t: t[0] ** 4 - t[1] ** 4 + t[2] ** 6, at(0.0, 0.0, 0.0), ""),
    "nearly flat at zero": (lambda t: 1e-12 * (t[0] ** 2 - t[1] ** 2), at(0.0, 0.0), "saddle"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_picture(make_explorer: Make, name: str, tmp_path: Path) -> None:
    """What a file and a page hold beside the picture does not depend on its axes.

    The page has every kind of figure, and is of random axes or one of each; one figure is drawn of the plane
    of eigenvectors, over the functions all of them.
    """
    f, theta, kind = FUNCTIONS[name]
    explorer = make_explorer(Objective.from_function(f, theta), resolution=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        turn = list(FUNCTIONS).index(name)
        for axes in (HESSIAN, (RANDOM, MIXED)[turn % 2]):
            explorer.axes = axes
            explorer.compute()
            assert explorer.status == "done"
            surface, plane = explorer.surface, explorer.plane
            for width, axis, length in zip(axes, (surface.alpha, surface.beta), plane.norms, strict=True):
                assert 0.01 <= axis[-1] * (length or 1.0) <= 20, width
            points = [[plane.point(a, b) for a in surface.alpha] for b in surface.beta]
            expected = [[f(torch.from_numpy(p)).item() for p in row] for row in points]
            np.testing.assert_allclose(surface.loss, expected, rtol=1e-5, atol=1e-9)
            assert explorer.results.verdict is not None
            if kind:
                assert explorer.results.verdict.kind == kind
            if axes == HESSIAN:
                explorer.figure(("surface", "heatmap", "slices")[turn % 3])
        explorer.to_html(tmp_path / "page.html")
        explorer.save(tmp_path / "run.npz")
        loaded = make_explorer(Objective.from_function(f, theta)).load(tmp_path / "run.npz")
        assert loaded.surface == explorer.surface
        explorer.table()
        explorer.recentre(0.0, 0.0)


def test_the_second_axis_of_one_parameter_goes_nowhere(make_explorer: Make) -> None:
    objective = Objective.from_function(lambda t: (3 * t**2).sum(), at(0.5))
    for axes in (HESSIAN, HESSIAN[::-1]):
        plane = hessian_plane(objective, axes)
        assert (plane.eta.tolist(), plane.delta.tolist()) == ([1.0], [0.0])
        assert "one direction" in plane.provenance["delta"]
    explorer = make_explorer(objective, axes=HESSIAN).compute()
    assert (explorer.surface.loss == explorer.surface.loss[0]).all()
    assert explorer.quadratic.hessian == pytest.approx((6.0, 0.0, 0.0))
    assert explorer.quadratic.gradient == pytest.approx((3.0, 0.0))
    labels = explorer.figure("heatmap").layout
    assert "no direction of its own" in labels.yaxis.title.text
    assert "no direction of its own" not in labels.xaxis.title.text


def test_planes_of_two_directions_say_nothing_of_the_kind() -> None:
    plane = hessian_plane(Objective.from_function(lambda t: t[0] ** 2 - t[1] ** 2, at(0.0, 0.0)))
    assert "delta" not in plane.provenance
    model = quadratic_model(
        Objective.from_function(lambda t: t[0] ** 2 - t[1] ** 2, at(0.0, 0.0)), plane, 0.0, np.zeros(2)
    )
    assert model.hessian == pytest.approx((2.0, 0.0, -2.0))


def test_the_one_eigenvalue_of_one_parameter_is_at_both_ends() -> None:
    pairs = hessian_eigenpairs(Objective.from_function(lambda t: (t**2).sum(), at(0.5)))
    assert pairs.at("max") == pairs.at("min") == 0
    with pytest.raises(IndexError, match="rank between 1 and 1 at the min end, got 2"):
        pairs.at("min", 2)
    one_of_two = EigenPairs(np.ones(1), np.eye(2)[:, :1], np.zeros(1), np.ones(1, bool), 0, 1)
    with pytest.raises(IndexError, match="rank between 1 and 0 at the min end"):
        one_of_two.at("min")


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160])
def test_what_a_random_plane_hides_has_no_scale(scale: float) -> None:
    """P does not change when all eigenvalues are multiplied."""
    values = np.array([2.0, 1.0, -1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert exact_blindness(scale * values) == pytest.approx(exact_blindness(values), rel=1e-9)


def test_curves_through_values_at_the_edge_of_floats() -> None:
    values = np.array([0.0, 5e-324, 1e-300, 1e-290, 1e-280])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = monotone_cubic(np.arange(0.0, 4.1, 0.5), np.arange(5), values)
    assert np.isfinite(curve).all()
    assert (np.diff(curve) >= 0).all()


def test_a_label_of_an_axis_without_length() -> None:
    objective = Objective.from_function(lambda t: (t**2).sum(), at(0.5))
    plane = hessian_plane(objective)
    explorer = LandscapeExplorer(objective, resolution=5, samples=4).compute()
    figure = heatmap_figure(explorer.surface, plane)
    explorer.close()
    assert "‖Δθ‖ = 1 = 2 ‖θ*‖" in figure.layout.xaxis.title.text
