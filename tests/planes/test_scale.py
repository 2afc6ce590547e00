"""The automatic scale around L(θ*), held to closed forms and, with the page's, to one table of values."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_widget import QuadraticModel, Surface, heatmap_figure
from landscape_widget.figures.style import diverging
from landscape_widget.planes.scale import automatic_scale, fall_and_rise, only_slopes, sees_saddle

#: Read by the page's tests, too.
TABLE = json.loads((Path(__file__).parents[1] / "support" / "scales.json").read_text(encoding="utf-8"))


def surface_of(model: QuadraticModel, x: float = 1.0, y: float = 1.0, n: int = 11) -> Surface:
    alpha, beta = np.linspace(-x, x, n), np.linspace(-y, y, n)
    alpha[n // 2] = beta[n // 2] = 0
    loss = model(alpha, beta[:, None])
    return Surface(
        alpha, beta, loss, np.ones_like(loss, dtype=bool), {"split": "train", "batch_norm": "frozen"}
    )


SADDLE = QuadraticModel(3.0, (0.0, 0.0), (4.0, 0.0, -0.02))


def test_it_is_linear_within_the_smaller_curvature_and_has_theta_in_the_middle() -> None:
    surface = surface_of(SADDLE)
    scale = automatic_scale(surface, SADDLE)
    assert scale is not None
    assert (scale.centre, scale.width) == (3, pytest.approx(0.01, rel=1e-12))
    assert scale(3.0) == 0
    np.testing.assert_allclose(3 + 0.01 * np.sinh(scale(surface.loss)), surface.loss, rtol=1e-12)
    # asinh(1) of asinh(200): a falling axis 400 times flatter takes a seventh of the colours of its half
    assert scale.colours(0.01) == pytest.approx(128 * math.asinh(1) / math.asinh(200), rel=1e-9)


def test_the_width_is_that_of_the_domain() -> None:
    """With ½·4·0.1² = 0.02 and ½·0.02·2² = 0.04, the steeper axis is the smaller one."""
    scale = automatic_scale(surface_of(SADDLE, 0.1, 2), SADDLE)
    assert scale is not None
    assert scale.width == pytest.approx(0.02, rel=1e-12)


def test_curvatures_are_those_of_the_plane_not_of_its_axes() -> None:
    """[[1, 3], [3, 1]] has the eigenvalues 4 and −2."""
    model = QuadraticModel(0.0, (0.0, 0.0), (1.0, 3.0, 1.0))
    scale = automatic_scale(surface_of(model), model)
    assert scale is not None
    assert scale.width == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("g", "h", "width"), [(0.0, 0.02, 0.01), (3.0, 0.0, 0.01), (0.0, 0.5, 0.48), (7.0, 0.0, 3.0)]
)
def test_on_a_slope_it_is_linear_as_far_as_the_loss_does_not_turn(g: float, h: float, width: float) -> None:
    """4x²/2 + gx turns within the domain up to |g| = 4, −0.02y²/2 + hy up to |h| = 0.02."""
    model = replace(SADDLE, gradient=(g, h))
    scale = automatic_scale(surface_of(model), model)
    assert scale is not None
    assert scale.width == pytest.approx(width, rel=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, 2.0])
def test_a_slope_is_the_same_picture_whatever_its_direction(angle: float) -> None:
    """Of curvatures of ±0.1 beside a slope of 2, one level line is a twentieth away from the next."""
    model = QuadraticModel(1.0, (2 * math.cos(angle), 2 * math.sin(angle)), (0.1, 0.0, -0.1))
    scale = automatic_scale(surface_of(model), model)
    assert scale is not None
    assert scale.width == pytest.approx(1.9, rel=1e-9)


@pytest.mark.parametrize("flat", [0.0, 1e-9, -0.02])
def test_it_changes_by_little_while_a_slope_begins_to_turn(flat: float) -> None:
    """With x²/2 + x it does so at a half-width of 1."""
    model, widths = QuadraticModel(1.0, (1.0, 0.0), (1.0, 0.0, flat)), []
    for half in np.linspace(0.95, 1.05, 101):
        scale = automatic_scale(surface_of(model, half, half), model)
        assert scale is not None
        widths.append(scale.width)
    np.testing.assert_allclose(widths[1:], widths[:-1], rtol=0.2)


@pytest.mark.parametrize("factor", [1e-280, 1e-160, 1e160, 1e280])
def test_a_multiple_of_the_loss_is_the_same_picture(factor: float) -> None:
    model = QuadraticModel(
        3.0 * factor, (0.5 * factor, 0.02 * factor), (4 * factor, 0.1 * factor, -factor / 50)
    )
    scale = automatic_scale(surface_of(model), model)
    assert scale is not None
    assert scale.width / factor == pytest.approx(0.01124, rel=1e-3)


@pytest.mark.parametrize(
    "model", [None, QuadraticModel(3, (0, 0), (4, 0, 0)), QuadraticModel(3, (0, 0), (4, 0, 1e-9))]
)
def test_without_a_second_curvature_it_is_linear_within_a_thirtieth(model: QuadraticModel | None) -> None:
    scale = automatic_scale(surface_of(model or SADDLE), model)
    assert scale is not None
    assert scale.width == pytest.approx(2 / 30, rel=0.01)


def test_a_test_loss_has_curvatures_of_its_own() -> None:
    surface = replace(surface_of(SADDLE), provenance={"split": "test"})
    assert automatic_scale(surface, SADDLE) == automatic_scale(surface, None)


def test_holes_are_no_losses() -> None:
    surface = surface_of(SADDLE)
    holed = surface.loss.copy()
    holed[0], holed[-1, -1] = np.nan, np.inf
    scale = automatic_scale(replace(surface, loss=holed), SADDLE)
    assert scale is not None
    assert scale.high == np.nanmax(holed[np.isfinite(holed)])


@pytest.mark.parametrize("change", ["difference", "constant", "nan at θ*", "elsewhere", "all holes"])
def test_without_a_loss_at_theta_there_is_none(change: str) -> None:
    surface = surface_of(SADDLE)
    loss = surface.loss.copy()
    if change == "difference":
        surface = replace(surface, provenance={"split": "difference"})
    elif change == "constant":
        loss[:] = 3.0
    elif change == "nan at θ*":
        loss[5, 5] = np.nan
    elif change == "elsewhere":
        surface = replace(surface, alpha=surface.alpha + 9)
    else:
        loss[:] = np.nan
    assert automatic_scale(replace(surface, loss=loss)) is None


def test_elsewhere_the_model_knows_the_loss_at_theta() -> None:
    scale = automatic_scale(replace(surface_of(SADDLE), alpha=np.linspace(2, 4, 11)), SADDLE)
    assert scale is not None
    assert scale.centre == 3


@pytest.mark.parametrize("x", [1.0, 0.05])
def test_a_saddle_falls_and_rises_to_both_sides(x: float) -> None:
    assert fall_and_rise(surface_of(SADDLE, x)) == (pytest.approx(0.01), pytest.approx(2.0 * x * x))
    bowl = QuadraticModel(1.0, (0.0, 0.0), (4.0, 0.0, 0.5))
    assert fall_and_rise(surface_of(bowl)) == (0, pytest.approx(2.25))


@pytest.mark.parametrize("flat", [-0.5, 0.5])
def test_a_slope_does_not_show_a_saddle(flat: float) -> None:
    """4x²/2 + 5x and ±0.5y²/2 − 2y turn 1.25 and 4 away, beyond the domain; level lines alone may be bent."""
    steep = QuadraticModel(1.0, (5.0, -2.0), (4.0, 0.0, flat))
    assert min(fall_and_rise(surface_of(steep))) == 0
    assert not sees_saddle(surface_of(steep), steep)


@pytest.mark.parametrize("wells", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_turns_far_from_theta_alone_is_no_saddle_there(wells: bool, sign: int) -> None:
    """All nodes near θ* are higher: its own dip is narrower than a cell. Bumps or wells lie farther away."""
    axis = np.linspace(-1, 1, 41)
    x, y = np.meshgrid(axis, axis)
    bumps = 3 * x**2 + 0.3 * np.sin(3 * y) ** 2
    corners = sum(np.exp(-((x - at) ** 2 + (y - at) ** 2) / 0.02) for at in (0.8, -0.8))
    loss = sign * (3 * x**2 + 0.4 * y**2 - 1.2 * corners if wells else bumps)
    surface = Surface(axis, axis, 1 + loss, np.ones_like(loss, dtype=bool))
    assert min(fall_and_rise(surface)) > 0.1 or not wells
    assert not sees_saddle(surface)


def test_a_tilted_saddle_falls_from_where_it_turns_to_its_nearer_side() -> None:
    """−y²/2 − 0.4y has its top 0.6²/2 = 0.18 above the nearer end; 4x²/2 + 2.4x its foot 4·0.4²/2 below."""
    falling, rising = (QuadraticModel(1.0, g, (4.0, 0.0, -1.0)) for g in ((0.0, -0.4), (2.4, 0.0)))
    assert fall_and_rise(surface_of(falling, x=1e-4))[0] == pytest.approx(0.18, rel=1e-6)
    assert fall_and_rise(surface_of(rising, y=1e-4))[1] == pytest.approx(0.32, rel=1e-6)


@pytest.mark.parametrize("slope", [0.3, 0.8])
def test_a_cubic_decides_whether_the_loss_turns(slope: float) -> None:
    """gy − y² + y³/2 turns where g = 2y − 1.5y²: nowhere for g > ⅔, though gy − y² alone does at g/2."""
    y = np.linspace(-1, 1, 21)
    y[10] = 0
    loss = 3 + 10 * y**2 + (slope * y - y**2 + 0.5 * y**3)[:, None]
    fall, rise = fall_and_rise(Surface(y, y, loss, np.ones_like(loss, dtype=bool)))
    assert (fall > 0.05) is (slope < 2 / 3)
    assert only_slopes(Surface(y, y, loss, np.ones_like(loss, dtype=bool))) is (slope > 2 / 3)
    assert rise == pytest.approx(10, rel=0.2)


@pytest.mark.parametrize("angle", [0.1, 0.7, 1.3])
def test_what_turns_may_lie_across_the_axes(angle: float) -> None:
    """−u²/4 + 10v² falls by L²/4, L from θ* to the border along u, as far as nodes lie on that line."""
    y = np.linspace(-1, 1, 41)
    y[20] = 0
    u, v = (np.cos(angle) * y + np.sin(angle) * y[:, None], np.cos(angle) * y[:, None] - np.sin(angle) * y)
    done = np.ones_like(u, dtype=bool)
    sloping, saddle = (Surface(y, y, g * u - u**2 / 4 + 10 * v**2, done) for g in (0.8, 0.0))
    assert fall_and_rise(sloping)[0] == 0
    assert fall_and_rise(saddle)[0] == pytest.approx(0.25 / max(np.cos(angle), np.sin(angle)) ** 2, rel=0.15)


def test_two_colours_are_not_enough() -> None:
    """Without a model it is linear within 1/30 of 2: a fall of d takes 128·asinh(15 d)/asinh(30) colours."""
    for fall, seen in ((0.0044, True), (0.0040, False)):
        surface = surface_of(QuadraticModel(3.0, (0.0, 0.0), (4.0, 0.0, -2 * fall)))
        assert sees_saddle(replace(surface, provenance={"split": "test"})) is seen


def test_ticks_are_round_inside_and_have_theta() -> None:
    for case in TABLE:
        scale = automatic_scale(*from_table(case))
        assert scale is not None
        losses = [loss for loss, _ in scale.ticks()]
        assert losses == sorted(losses)
        slack = np.finfo(np.float32).eps * max(abs(scale.low), abs(scale.high))  # losses are sent in float32
        assert scale.low - slack <= losses[0]
        assert losses[-1] <= scale.high + slack
        assert len(losses) >= 4
        assert scale.centre in losses or not scale.low <= scale.centre <= scale.high
        told = [float(f"{loss:.{digits}g}") for loss, digits in scale.ticks()]
        assert len(set(told)) == len(told)
        step = np.diff(scale.range)[0] / 6
        np.testing.assert_allclose(scale(told), scale(losses), atol=0.1 * step)


def from_table(case: dict[str, Any]) -> tuple[Surface, QuadraticModel | None]:
    alpha, beta, loss = (np.array(case[name], float) for name in ("alpha", "beta", "loss"))
    told = case["quadratic"]
    model = told and QuadraticModel(told["loss"], tuple(told["gradient"]), tuple(told["hessian"]))
    done = np.ones_like(loss, dtype=bool)
    return Surface(alpha, beta, loss, done, {"split": "train", "batch_norm": "frozen"}), model


def of_table(surface: Surface, model: QuadraticModel | None) -> dict[str, Any]:
    """What both sides make of a case."""
    scale = automatic_scale(surface, model)
    assert scale is not None
    return {
        "centre": scale.centre,
        "width": scale.width,
        "positions": scale(surface.loss).tolist(),
        "ticks": [list(tick) for tick in scale.ticks()],
        "stops": [list(stop) for stop in diverging(scale.range[0] / scale.most, scale.range[1] / scale.most)],
        "fall_and_rise": list(fall_and_rise(surface)),
        "seen": sees_saddle(surface, model),
    }


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["name"])
def test_the_table_that_the_page_is_held_to(case: dict[str, Any]) -> None:
    found = of_table(*from_table(case))
    expected = case["expected"]
    assert found["seen"] is expected["seen"]
    assert [colour for _, colour in found["stops"]] == [colour for _, colour in expected["stops"]]
    for name in ("centre", "width", "positions", "ticks", "fall_and_rise"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("units", [0, 1, 2])
def test_a_loss_that_varies_by_rounding_has_no_scale(units: int) -> None:
    """Dead units and directions that change nothing leave a loss like that; it is drawn as it is."""
    centre = 2.302585092994046
    loss = np.full((3, 3), centre)
    loss[0, 0] += units * np.spacing(centre)
    surface = Surface(np.array([-1.0, 0, 1]), np.array([-1.0, 0, 1]), loss, np.ones((3, 3), bool))
    assert automatic_scale(surface) is None
    assert np.array_equal(heatmap_figure(surface).data[0].z, loss)


@pytest.mark.parametrize("size", [1e-323, 1e-310, 1.7e308])
def test_losses_at_the_ends_of_floating_point_are_drawn(size: float) -> None:
    """Where a scale could not be told from rounding, or is beyond all numbers, they are drawn as they are."""
    axis = np.array([-1.0, 0, 1])
    loss = size * np.array([[1.0, -1, 1], [0, 0, 0], [-1, 1, -1]])
    surface = Surface(axis, axis, loss, np.ones((3, 3), bool))
    assert automatic_scale(surface) is None
    heights = heatmap_figure(surface).data[0].z
    assert np.array_equal(heights, loss)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shift", [2.0, 1.0])
def test_a_logarithm_of_what_is_not_positive_is_refused_without_a_warning(shift: float) -> None:
    axis = np.array([-1.0, 0, 1])
    loss = 1 + np.arange(-4.0, 5).reshape(3, 3) ** 2 - shift
    surface = Surface(axis, axis, loss, np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="positive losses"):
        heatmap_figure(surface, log=True)


@pytest.mark.filterwarnings("error")
def test_a_logarithm_has_no_line_where_the_model_is_not_positive_at_theta() -> None:
    """θ* lies beyond the domain, and the model's loss there is negative: the others can be drawn."""
    axis = np.array([1.0, 2, 3])
    loss = axis + axis[:, None]
    surface = Surface(axis, axis, loss, np.ones((3, 3), bool))
    model = QuadraticModel(loss=-1.0, gradient=(1.0, 1.0), hessian=(1.0, 0.0, 1.0))
    figure = heatmap_figure(surface, log=True, quadratic=model)
    assert np.array_equal(figure.data[0].z, np.log10(loss))
