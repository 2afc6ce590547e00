"""Paths in figures: at their own loss, with how far they are off the plane, and only over their own plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from landscape_widget import Path, PathComponents, Surface, heatmap_figure, scree_figure, surface_figure
from landscape_widget.figures.style import BELOW

AXES = ("trajectory:1", "trajectory:2")


def bowl() -> Surface:
    """1 + α² + β² on [−2, 2]²."""
    alpha = np.arange(-2.0, 3.0)
    loss = 1 + alpha**2 + alpha[:, None] ** 2
    return Surface(alpha, alpha, loss, np.ones_like(loss, dtype=bool), {"axes": AXES})


def path() -> Path:
    """Six checkpoints, one of them outside, one without a loss; only the end lies in the plane."""
    alpha = np.array([-3.0, -2.0, -1.5, -1.0, -0.5, 0.0])
    return Path(
        alpha=alpha,
        beta=0 * alpha,
        off_plane=np.array([3.0, 2.0, 1.0, 1.0, 0.5, 0.0]),
        distance=np.hypot(alpha, [3.0, 2.0, 1.0, 1.0, 0.5, 0.0]),
        loss=np.array([20.0, 12.0, np.nan, 4.0, 1.0, 1.0]),
        step=np.arange(6) * 10,
        scalars={"lr": np.array([1, 1, 1, 0.1, 0.1, 0.1]), "epoch": np.array([0.0, 0, 1, 1, 2, np.nan])},
        provenance={"axes": list(AXES)},
    )


def named(figure: go.Figure, word: str) -> go.Scatter:
    (trace,) = [trace for trace in figure.data if (trace.name or "").startswith(word)]
    return trace


def test_a_path_is_drawn_where_it_is_nearest_and_the_larger_the_farther_off() -> None:
    figure = heatmap_figure(bowl(), path=path())
    trace = named(figure, "path")
    assert trace.x.tolist() == path().alpha.tolist()
    assert trace.name == "path, 52 % of ‖Δθ‖² in the plane, 1 of 6 checkpoints outside"
    assert (
        np.argsort(trace.marker.size, kind="stable").tolist()
        == np.argsort(path().off_plane, kind="stable").tolist()
    )
    assert (trace.hovertext[1], trace.customdata[1].tolist()) == (path().names[1], [12, 2])
    words = [(a.x, a.text) for a in figure.layout.annotations if a.x is not None and a.text and a.ax]
    assert words == [(-1.0, "lr 0.1"), (-1.5, "epoch 1"), (-0.5, "epoch 2")]


@pytest.mark.parametrize("scale", ["linear", "log", "auto"])
def test_a_path_stands_at_its_true_loss_with_lines_down_to_the_surface(scale: str) -> None:
    figure = surface_figure(bowl(), path=path(), scale=scale)
    trace, surface = named(figure, "path"), figure.data[0]
    assert np.isnan(trace.z).tolist() == [True, False, True, False, False, False]  # outside, and no loss
    if scale == "linear":
        assert trace.z[[1, 3, 4, 5]].tolist() == [12, 4, 1, 1]
    (stems,) = [t for t in figure.data if t.type == "scatter3d" and t.line.width == 2]
    tops, feet = stems.z.reshape(-1, 3)[:, 0], stems.z.reshape(-1, 3)[:, 1]
    assert np.array_equal(tops, trace.z, equal_nan=True)
    # at nodes the feet stand on them, between two nodes in their middle
    assert feet[[1, 3, 5]].tolist() == surface.z[2, [0, 1, 2]].tolist()
    assert feet[4] == pytest.approx(surface.z[2, [1, 2]].mean())
    if scale != "linear":  # the end lies in the plane, and so on the surface
        assert trace.z[5] == pytest.approx(surface.z[2, 2], abs=1e-12)


@pytest.mark.parametrize("scale", ["linear", "log", "auto"])
def test_where_a_surface_hides_a_path_a_dashed_line_on_it_shows_where_it_runs(scale: str) -> None:
    """The path itself stays at its true loss, also below the surface: only the dashed line lies on it."""
    low = replace(path(), loss=np.full(6, 0.5))
    figure = surface_figure(bowl(), path=low, scale=scale)
    surface, dashed, true = figure.data[0], named(figure, "seen from above: path"), named(figure, "path")
    if scale == "linear":
        assert true.z[1:].tolist() == [0.5] * 5
    assert dashed.line.dash == "dash"
    lift = (surface.z.max() - surface.z.min()) / 250
    inside = np.isfinite(dashed.x)
    assert dashed.x[inside].min() == -2
    heights = np.interp(dashed.x[inside], surface.x, surface.z[2]) + lift  # all of it is at β = 0
    np.testing.assert_allclose(dashed.z[inside], heights, rtol=1e-12)
    assert np.isnan(dashed.z[~inside]).all()
    # at every checkpoint over the surface, and in between
    assert set(low.alpha[1:]) <= set(dashed.x[inside])
    assert inside.sum() > 40


def test_several_runs_have_their_names_and_colours() -> None:
    for make in (heatmap_figure, surface_figure):
        figure = make(bowl(), path={"SGD": path(), "Adam": replace(path(), scalars={})})
        traces = [named(figure, name) for name in ("SGD", "Adam")]
        assert len({trace.line.color for trace in traces}) == 2


def test_a_learning_rate_that_always_changes_is_not_marked_and_epochs_are_thinned() -> None:
    n = 50
    many = Path(
        *(np.linspace(-1, 0, n), np.zeros(n), np.zeros(n), np.ones(n), np.ones(n), np.arange(n)),
        scalars={"lr": np.linspace(1, 0, n), "epoch": np.arange(n) * 1.0},
    )
    words = [a.text for a in heatmap_figure(bowl(), path=many).layout.annotations]
    assert not any(text.startswith("lr") for text in words)
    assert 4 <= sum(text.startswith("epoch") for text in words) <= 8


def crowded(turns: float) -> Path:
    """Eight epochs that end close to each other, as training does; some near the border."""
    n = 9
    shrinking = 1.99 * np.exp(-np.arange(n) / 2)
    angle = turns * np.arange(n)
    alpha, beta = shrinking * np.cos(angle), shrinking * np.sin(angle)
    zeros = np.zeros(n)
    loss = 1 + alpha**2 + beta**2
    return Path(alpha, beta, zeros, zeros, loss, np.arange(n), scalars={"epoch": np.arange(n) * 1.0})


@pytest.mark.parametrize("turns", [0.0, 0.5, 2.5])
def test_words_along_a_path_stand_clear_of_each_other_and_of_the_border(turns: float) -> None:
    figure = heatmap_figure(bowl(), path=crowded(turns))
    words = [a for a in figure.layout.annotations if (a.text or "").startswith("epoch")]
    assert 2 <= len(words) < 8
    # the picture in the narrowest figure, and letters of 10 pixels: 5 to 6 wide
    width, height = 320, 290
    at = np.array([[width * (a.x + 2) / 4 + a.ax, height * (2 - a.y) / 4 + a.ay] for a in words])
    half = np.array([[3 * len(a.text), 7] for a in words])
    assert (at - half >= 0).all()
    assert (at + half <= [width, height]).all()
    for i in range(len(words)):
        apart = np.abs(at[i] - at[i + 1 :]) >= half[i] + half[i + 1 :]
        assert apart.any(axis=1).all()


@pytest.mark.parametrize("turns", [0.0, 0.5, 2.5])
def test_words_along_a_raised_path_are_fewer_where_it_is_crowded(turns: float) -> None:
    figure = surface_figure(bowl(), path=crowded(turns))
    words = [a for a in figure.layout.scene.annotations if a.text.startswith("epoch")]
    assert 2 <= len(words) < 8
    assert all(a.bgcolor and a.font.color for a in words)


def test_a_path_and_a_solution_have_a_dark_rim_around_a_light_one() -> None:
    figure = heatmap_figure(bowl(), path={"run": path(), "other": solution(1.0)})
    for name in ("run, ", "other, "):
        at = list(figure.data).index(named(figure, name))
        dark, light, own = figure.data[at - 2 : at + 1]
        assert [dark.marker.color, light.marker.color] == ["#000000", "#ffffff"]
        assert (dark.marker.size > light.marker.size).all()
        assert (light.marker.size > own.marker.size).all()
        assert dark.line.width > light.line.width > own.line.width


def test_what_is_drawn_of_a_path_over_a_surface_has_a_dark_rim_around_a_light_one() -> None:
    figure = surface_figure(bowl(), path={"run": path(), "other": solution(1.0)})
    drawn = [trace for trace in figure.data if trace.legendgroup in ("run", "other")]
    assert len(drawn) == 3 * (3 + 2), "lines at their loss, on the surface, and down to it; a mark, and down"
    eye, centre = figure.layout.scene.camera.eye, figure.layout.scene.camera.center
    for k in range(0, len(drawn), 3):
        dark, light, own = drawn[k : k + 3]
        assert [dark.line.color, light.line.color] == ["#000000", "#ffffff"]
        assert dark.line.width > light.line.width > own.line.width
        assert dark.line.dash == light.line.dash == own.line.dash
        assert (dark.showlegend, dark.hoverinfo) == (light.showlegend, light.hoverinfo) == (False, "skip")
        if "markers" in own.mode:
            assert [dark.marker.color, light.marker.color] == ["#000000", "#ffffff"]
            assert (np.array(dark.marker.size) > light.marker.size).all()
            assert (np.array(light.marker.size) > own.marker.size).all()
        for behind, before in ((dark, light), (light, own)):
            for axis in "xyz":  # what is equally near shows through
                toward = getattr(eye, axis) - getattr(centre, axis)
                assert (np.sign(toward) * (before[axis] - behind[axis])[np.isfinite(own[axis])] > 0).all()


def test_a_path_on_another_plane_is_refused() -> None:
    other = replace(path(), provenance={"axes": ("random", "random")})
    for make in (heatmap_figure, surface_figure):
        with pytest.raises(ValueError, match="got one on random × random"):
            make(bowl(), path=other)


def test_the_scree_holds_all() -> None:
    figure = scree_figure(PathComponents(np.eye(4)[:, :2], np.array([0.75, 0.2, 0.05])))
    assert figure.data[0].y == pytest.approx([75, 20, 5])
    assert figure.data[1].y == pytest.approx([75, 95, 100])
    assert figure.layout.title.text == "Components of 3 checkpoints: the first two hold 95 %"
    assert figure.layout.xaxis.range == (0.4, 3.6)


@pytest.mark.parametrize(
    ("shares", "k", "bars"),
    [
        (np.append([0.9, 0.0995], np.full(48, 0.0005 / 48)), 5, 5),
        (np.append([0.9, 0.0995], np.full(48, 0.0005 / 48)), 1, 2),
        (np.full(50, 0.02), 5, 20),
        (np.full(3, 1 / 3), 2, 3),
        (np.zeros(4), 2, 4),
    ],
    ids=["as many as directions", "as many as count", "at most", "all", "a run that stands still"],
)
def test_the_scree_ends_where_nothing_is_left_to_see(shares: np.ndarray, k: int, bars: int) -> None:
    figure = scree_figure(PathComponents(np.eye(60)[:, :k], shares))
    assert figure.data[0].x.tolist() == list(range(1, bars + 1))
    assert figure.layout.xaxis.range == (0.4, bars + 0.6)


def solution(alpha: float) -> Path:
    """One point, off the plane by rounding alone."""
    one = np.ones(1)
    return Path(
        alpha * one, 0 * one, 1e-15 * one, abs(alpha) * one, 3 * one, 0 * one, provenance={"axes": AXES}
    )


@pytest.mark.parametrize("draw", [heatmap_figure, surface_figure])
def test_a_solution_is_a_mark_of_its_own_with_its_name(draw: Callable[..., go.Figure]) -> None:
    figure = draw(bowl(), path={"run": path(), "other <seed>": solution(1.0)})
    trace = named(figure, "other <seed>, ")
    assert trace.mode == "markers"
    assert trace.marker.symbol == "square"  # whose mark θ* has not
    assert trace.customdata[0, 1] == 0  # rounding
    assert trace.hovertext == ("other <seed>",)
    said = [a.text for a in figure.layout.annotations]
    said += [a.text for a in figure.layout.scene.annotations]
    assert any("other" in text for text in said)


@pytest.mark.parametrize("draw", [heatmap_figure, surface_figure])
@pytest.mark.parametrize(
    "out", [solution(5.0), replace(path(), alpha=path().alpha - 9)], ids=["solution", "run"]
)
def test_what_is_not_in_sight_is_told_below_and_not_in_the_legend(
    draw: Callable[..., go.Figure], out: Path
) -> None:
    figure = draw(bowl(), path={"run": path(), "far away": out})
    assert not any((t.name or "").startswith("far away") for t in figure.data)
    (below,) = [a.text for a in figure.layout.annotations if a.name == BELOW]
    assert "far away, " in below.replace("<br>", " ")
    assert "outside" in below


def test_a_run_has_one_entry_in_the_legend_of_a_surface() -> None:
    figure = surface_figure(bowl(), path={"SGD": path(), "Adam": path()})
    entries = [t.name for t in figure.data if t.name and t.showlegend is not False]
    assert [entry.split(",")[0] for entry in entries if "‖Δθ‖²" in entry] == ["SGD", "Adam"]
    assert not any(entry.startswith("seen from above") for entry in entries)


@pytest.mark.parametrize("top", [12.0, 1e3, 1e6])
def test_ticks_of_the_loss_do_not_touch_where_a_path_is_far_above(top: float) -> None:
    high = replace(path(), loss=np.array([top, top, top, 4, 1, 1]))
    axis = surface_figure(bowl(), path=high).layout.scene.zaxis
    heights = [np.ravel(t.z) for t in surface_figure(bowl(), path=high).data if t.z is not None]
    finite = np.concatenate([np.asarray(z, float) for z in heights])
    span = np.nanmax(finite) - np.nanmin(finite)
    assert 0 in axis.tickvals  # that of L(θ*) stays
    assert np.diff(axis.tickvals).min(initial=span) >= 0.1 * span
