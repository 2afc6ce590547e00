"""Figures for papers: every number in them is the result's, and what is not known is not drawn as known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from scipy.stats import binomtest

from landscape_widget import (
    EigenPairs,
    LandscapeExplorer,
    Plane,
    ProjectedCurvatures,
    QuadraticModel,
    SpectralDensity,
    Surface,
    TraceEstimate,
    curvature_figure,
    heatmap_figure,
    slices_figure,
    spectrum_figure,
    surface_figure,
    trace_figure,
)
from landscape_widget.figures.style import (
    COLOURS,
    DIVERGING,
    LOWEST,
    LOWEST_TEST,
    SIGNS,
    THETA,
    describe_provenance,
    diverging,
)

from ..support.gates import gated_saddle

Make = Callable[..., LandscapeExplorer]

ON_PLANE = (surface_figure, heatmap_figure, slices_figure)
JS = Path(__file__).parents[2] / "js" / "src"

#: ‖θ*‖ = 5, ‖η‖ = 2, ‖δ‖ = 0.5.
PLANE = Plane(
    origin=np.array([3.0, 4.0]),
    eta=np.array([2.0, 0]),
    delta=np.array([0, 0.5]),
    axes=("hessian:max:2", "random"),
)
PROVENANCE = {
    "quantity": "loss",
    "axes": PLANE.axes,
    "plane": {"axes": PLANE.axes, "seed": 7},
    "dtype": "float32",
    "n_examples": 1797,
    "n_parameters": 610,
    "versions": {"landscape-widget": "0.1.0", "torch": "2.13.0", "numpy": "2"},
}


def bowl() -> Surface:
    """(α − 1)² + β² + 1 with a hole at (−2, −1); its lowest node is (1, 0)."""
    alpha, beta = np.arange(-2.0, 3.0), np.arange(-1.0, 2.0)
    loss = (alpha - 1) ** 2 + beta[:, None] ** 2 + 1
    loss[0, 0] = np.nan
    return Surface(alpha, beta, loss, np.ones_like(loss, dtype=bool), PROVENANCE)


def coarse() -> Surface:
    """The same where only the corners and the middle were evaluated."""
    done = np.zeros((3, 5), dtype=bool)
    done[::2, ::4] = done[1, 2] = True
    return replace(bowl(), done=done)


def trace(figure: go.Figure, name: str) -> Any:
    return next(t for t in figure.data if t.name and t.name.startswith(name))


def words(figure: go.Figure) -> str:
    return " ".join(a.text for a in figure.layout.annotations)


@pytest.mark.parametrize(("draw", "which"), [(surface_figure, 0), (heatmap_figure, 0), (heatmap_figure, 1)])
def test_losses_are_drawn_where_they_belong(draw: Callable[..., go.Figure], which: int) -> None:
    drawn = draw(bowl(), scale="linear").data[which]
    assert np.array_equal(drawn.x, bowl().alpha)
    assert np.array_equal(drawn.y, bowl().beta)
    np.testing.assert_array_equal(drawn.z, bowl().loss)  # the hole is one
    assert not drawn.connectgaps


def test_slices_go_through_theta() -> None:
    surface = coarse()
    along_alpha, dots_alpha, along_beta, dots_beta = slices_figure(surface).data
    assert np.array_equal(along_alpha.x, surface.alpha)
    assert np.array_equal(along_alpha.y, [10, 5, 2, 1, 2])
    assert np.array_equal(along_beta.x, surface.beta)
    assert np.array_equal(along_beta.y, [3, 2, 3])
    assert (dots_alpha.x.tolist(), dots_alpha.y.tolist()) == ([0], [2])  # what is interpolated has no dot
    assert (dots_beta.x.tolist(), dots_beta.y.tolist()) == ([0], [2])
    assert "β = 0" in words(slices_figure(surface))


def test_slices_of_a_domain_without_theta() -> None:
    surface = replace(bowl(), beta=np.array([2.0, 3, 4]))
    figure = slices_figure(surface)
    assert np.array_equal(figure.data[0].y, bowl().loss[0], equal_nan=True)
    assert "β = 2 " in words(figure) + " "
    assert "as close to θ*" in figure.layout.title.text


@pytest.mark.parametrize("draw", [surface_figure, heatmap_figure])
def test_theta_and_the_lowest_point_are_marked(draw: Callable[..., go.Figure]) -> None:
    figure = draw(bowl(), scale="linear")
    theta, lowest = trace(figure, "θ*"), trace(figure, "lowest loss: 1")
    assert (theta.x, theta.y) == ((0,), (0,))
    assert (lowest.x, lowest.y) == ((1,), (0,))
    if draw is surface_figure:
        # a twenty-fifth of all heights, 1 to 11, above the surface, to be seen
        assert (theta.z, lowest.z) == ((2.4,), (1.4,))


def test_the_lowest_point_is_one_that_was_evaluated() -> None:
    lowest = trace(heatmap_figure(coarse()), "lowest loss: 2")
    assert (lowest.x, lowest.y) == ((0,), (0,))


def test_theta_outside_the_domain_is_not_marked() -> None:
    figure = heatmap_figure(replace(bowl(), alpha=np.arange(5.0, 10)))
    assert not [t for t in figure.data if t.name == "θ*"]


FALLING = {
    "a saddle": (lambda a, b: a**2 - b**2, True),
    "a slope": (lambda a, b: a + 3 * b, True),
    "a minimum on the border": (lambda a, b: (a + 2) ** 2 + b**2, True),
    "a minimum inside": (lambda a, b: (a - 1) ** 2 + b**2, False),
    "a valley along α": (lambda a, b: 0 * a + b**2, False),
    "a plain": (lambda a, b: 0 * a * b + 1, False),
    "rounding": (lambda a, b: 1 + 1e-9 * a * b + b**2 * (b > 0), False),
}


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        *((heatmap_figure, kind) for kind in FALLING),
        *((surface_figure, kind) for kind in ("a saddle", "a minimum inside")),
    ],
)
def test_a_lowest_point_on_the_border_is_told_from_a_minimum(
    draw: Callable[..., go.Figure], kind: str
) -> None:
    alpha, beta = np.arange(-2.0, 3.0), np.arange(-1.0, 2.0)
    f, falls = FALLING[kind]
    loss = f(alpha, beta[:, None])
    figure = draw(Surface(alpha, beta, loss, np.ones_like(loss, dtype=bool), PROVENANCE))
    assert trace(figure, "lowest loss").name.endswith(", at the border") == falls
    assert ("the loss still falls at the border" in figure.layout.title.subtitle.text) == falls


def test_a_mark_on_the_border_is_whole() -> None:
    figure = heatmap_figure(replace(bowl(), loss=bowl().loss - 9 * (bowl().alpha == 2)))
    assert trace(figure, "lowest loss").x == (2,)
    assert trace(figure, "lowest loss").cliponaxis is False


@pytest.mark.parametrize("draw", [surface_figure, heatmap_figure])
def test_marks_and_the_line_of_the_loss_at_theta_are_in_the_legend(draw: Callable[..., go.Figure]) -> None:
    """With their signs, in three dimensions, too, where text stands in for the signs on the surface."""
    entries = {t.name: t for t in draw(bowl()).data if t.name and t.showlegend is not False}
    assert list(entries) == ["L(θ*) = 2", "θ*", "lowest loss: 1"]
    assert [t.marker.symbol for t in entries.values()] == [None, "diamond", "x"]


@pytest.mark.parametrize(
    ("draw", "axes", "names"),
    [
        *((draw, ("hessian:max", "random"), ("λmax", "random")) for draw in ON_PLANE),
        (heatmap_figure, ("hessian:min:3", "hessian:max:2"), ("λmin, rank 3", "λmax, rank 2")),
        (heatmap_figure, ("trajectory:1", "hessian:max"), ("trajectory PC₁", "λmax")),
        (heatmap_figure, ("mine", "random:filter"), ("mine", "random, filter-normalised")),
    ],
)
def test_an_axis_has_one_name_in_a_figure(
    draw: Callable[..., go.Figure], axes: tuple[str, str], names: tuple[str, str]
) -> None:
    figure = draw(replace(bowl(), provenance={"axes": axes}))
    assert " × ".join(names) in figure.layout.title.text
    text = figure.to_json().encode().decode("unicode_escape")
    assert all(f"{letter} ({name})" in text for letter, name in zip("αβ", names, strict=True))


@pytest.mark.parametrize("draw", ON_PLANE)
def test_labels_say_what_a_unit_is(draw: Callable[..., go.Figure]) -> None:
    figure = draw(bowl(), PLANE)
    text = figure.to_json().encode().decode("unicode_escape") + words(figure)
    assert "α (λmax, rank 2)" in text
    assert "β (random)" in text
    assert "1 is ‖Δθ‖ = 2 = 0.4 ‖θ*‖" in text
    assert "1 is ‖Δθ‖ = 0.5 = 0.1 ‖θ*‖" in text


@pytest.mark.parametrize("draw", ON_PLANE)
def test_what_is_not_evaluated_stands_in_the_title(draw: Callable[..., go.Figure]) -> None:
    assert draw(bowl()).layout.title.subtitle.text == ""
    title = draw(coarse()).layout.title.subtitle.text
    assert title == "not finished: 5 of 15 points evaluated, the rest interpolated"
    title = draw(replace(coarse(), error_bound=0.0)).layout.title.subtitle.text
    assert title == "15 nodes, 5 evaluated, 90 % of the others within 0.001 % of the range"


@pytest.mark.parametrize("draw", ON_PLANE)
def test_every_figure_tells_its_provenance(draw: Callable[..., go.Figure]) -> None:
    expected = "float32 · 1,797 examples · 610 parameters · seed 7 · landscape-widget 0.1.0 · torch 2.13.0"
    assert expected in words(draw(bowl()))


def test_a_seed_is_told_where_it_matters() -> None:
    axes = ("hessian:max", "hessian:min")
    assert "seed" not in describe_provenance({"plane": {"axes": axes, "seed": 7}})
    assert describe_provenance({"seed": 7}) == "seed 7"  # random projections
    assert describe_provenance({"n_examples": 1, "n_parameters": 1000}) == "1 example · 1,000 parameters"
    assert describe_provenance({}) == ""


def test_a_logarithm() -> None:
    drawn = heatmap_figure(bowl(), log=True).data[0]
    np.testing.assert_array_equal(drawn.z, np.log10(bowl().loss))
    assert drawn.colorbar.title.text == "loss (log)"
    losses = [float(text) for text in drawn.colorbar.ticktext]
    assert len(losses) >= 5
    np.testing.assert_allclose(drawn.colorbar.tickvals, np.log10(losses), atol=1e-12)
    assert np.nanmin(bowl().loss) <= min(losses) < max(losses) <= np.nanmax(bowl().loss)
    with pytest.raises(ValueError, match=r"positive losses for a logarithm, got -1\. Use a linear scale"):
        heatmap_figure(replace(bowl(), loss=bowl().loss - 2), log=True)


def test_slices_on_a_logarithm_have_losses_on_their_axes() -> None:
    figure = slices_figure(bowl(), log=True)
    assert figure.layout.yaxis.title.text == "loss (log)"
    for axis, line in ((figure.layout.yaxis, figure.data[0]), (figure.layout.yaxis2, figure.data[2])):
        losses = [float(text) for text in axis.ticktext]
        assert len(losses) >= 3
        np.testing.assert_allclose(axis.tickvals, np.log10(losses), atol=1e-12)
        assert np.nanmin(line.y) <= axis.tickvals[0] < axis.tickvals[-1] <= np.nanmax(line.y)
    assert slices_figure(bowl()).layout.yaxis.tickvals is None


@pytest.mark.parametrize("losses", [[1, 1 + 4e-16], [5e-300, 5e-300 * (1 + 1e-14)], [1e-300, 1.6e308]])
def test_a_logarithm_of_losses_at_the_ends_of_what_numbers_tell_apart(losses: list[float]) -> None:
    """On a plane that changes nothing, as the scale of normalised weights, losses differ by rounding."""
    drawn = heatmap_figure(replace(bowl(), loss=np.resize(losses, (3, 5))), log=True).data[0]
    assert drawn.colorbar.title.text == "loss (log)"


@pytest.mark.parametrize("sign", [1, -1])
def test_losses_on_one_side_of_that_at_theta_have_the_whole_of_a_hue(sign: int) -> None:
    """In a domain without θ*: about L(θ*) they would often be of one colour."""
    alpha, beta = np.linspace(2, 3, 5), np.linspace(-1, 1, 5)
    loss = 2 + sign * (alpha + 0.1 * beta[:, None])
    quadratic = QuadraticModel(2.0, (0.0, 0.0), (1.0, 0.0, -0.1))
    drawn = heatmap_figure(Surface(alpha, beta, loss, np.ones((5, 5), bool)), quadratic=quadratic).data[0]
    colours = [colour for _, colour in drawn.colorscale]
    assert colours == [colour for _, colour in (diverging(0, 1) if sign > 0 else diverging(-1, 0))]


def test_the_automatic_scale_shows_losses_around_theta() -> None:
    """L(θ*) = 2, the losses go from 1 to 11; without curvatures it is linear within a thirtieth of 9."""
    for draw in (surface_figure, heatmap_figure):
        drawn = draw(bowl()).data[0]
        np.testing.assert_allclose(2 + 0.3 * np.sinh(drawn.z), bowl().loss, rtol=1e-12)
        np.testing.assert_array_equal(drawn.customdata, bowl().loss)
        bar = drawn.colorbar
        assert bar.title.text == "loss"
        told = [float(text.replace("−", "-")) for text in bar.ticktext]
        np.testing.assert_allclose(2 + 0.3 * np.sinh(bar.tickvals), told, rtol=0.05)
        assert "2" in bar.ticktext
    with pytest.raises(ValueError, match=r"Expected scale as one of auto, linear, log, got 'cubic'"):
        heatmap_figure(bowl(), scale="cubic")


@pytest.mark.parametrize("scale", ["auto", "linear", "log"])
def test_the_line_of_the_loss_at_theta_is_bold(scale: str) -> None:
    level = {"auto": 0, "linear": 2, "log": np.log10(2)}[scale]
    under, over = (t for t in heatmap_figure(bowl(), scale=scale).data if t.name == "L(θ*)")
    for line in (under, over):
        assert (line.contours.start, line.contours.end) == (level, level)
    assert under.line.width > over.line.width > 2 * heatmap_figure(bowl(), scale=scale).data[1].line.width
    solid = trace(surface_figure(bowl(), scale=scale), "L(θ*)")
    assert len(solid.x) > 9
    assert solid.line.width > 3


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2, of a colour as #rrggbb or of black or white by name."""
    named = {"black": "#000000", "white": "#ffffff"}.get(colour, colour)
    parts = np.array([int(named[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scale", ["auto", "linear", "log"])
@pytest.mark.parametrize("centre", [-2.0, 0.0, 2.0])
def test_lines_and_signs_on_a_surface_are_seen_on_its_colours(scale: str, centre: float) -> None:
    """At least 3 : 1, wherever L(θ*) lies among the losses: at the lowest, between, and near the highest."""
    beta = np.arange(-2.0, 3.0)
    loss = (bowl().alpha - centre) ** 2 + (beta[:, None] - centre) ** 2 + 1
    figure = surface_figure(
        Surface(beta, beta, loss, np.ones_like(loss, dtype=bool), PROVENANCE), scale=scale
    )
    drawn = figure.data[0]
    stops = [(at, colour) for at, colour in drawn.colorscale]
    at, colours = zip(*stops, strict=True)
    rgb = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in colours])
    low, high = np.nanmin(drawn.z), np.nanmax(drawn.z)
    i = int(np.flatnonzero(beta == 0)[0])
    under = [np.interp((drawn.z[i, i] - low) / (high - low), at, channel) for channel in rgb.T]
    below = luminance("#" + "".join(f"{round(part):02x}" for part in under))
    inks = [trace(figure, "L(θ*)").line.color, trace(figure, "θ*").textfont.color]
    for ink in inks:
        dark, light = sorted((luminance(ink), below))
        assert (light + 0.05) / (dark + 0.05) >= 3, (ink, below)


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(-2.0, 1.0, (-1, 0.5)), (-1.0, 3.0, (-1 / 3, 1)), (0.5, 2.0, (0, 1)), (-2.0, -0.5, (-1, 0))],
)
def test_a_difference_of_losses_has_one_hue_below_zero_and_one_above(
    low: float, high: float, ends: tuple[float, float]
) -> None:
    loss = np.linspace(low, high, bowl().loss.size).reshape(bowl().loss.shape)
    for gap in ({"split": "difference"}, {"batch_norm": "difference"}):
        found = replace(bowl(), loss=loss, provenance=PROVENANCE | gap)
        for figure in (heatmap_figure(found), surface_figure(found)):
            drawn = [[at, colour] for at, colour in figure.data[0].colorscale]
            assert drawn == [[at, colour] for at, colour in diverging(*ends)]


def test_a_difference_of_losses_has_no_loss_at_theta() -> None:
    gap = replace(bowl(), provenance=PROVENANCE | {"split": "difference"})
    assert heatmap_figure(gap).data[0].colorscale == heatmap_figure(gap, scale="linear").data[0].colorscale
    np.testing.assert_array_equal(heatmap_figure(gap).data[0].z, gap.loss)


def test_labels_say_how_much_larger_an_axis_is_drawn() -> None:
    """α goes 4 · 2 far, β 2 · 0.5."""
    assert "drawn 8 × larger than α" in heatmap_figure(bowl(), PLANE).layout.yaxis.title.text
    assert "drawn" not in heatmap_figure(bowl(), PLANE).layout.xaxis.title.text
    assert "drawn 8 × larger than α" in words(surface_figure(bowl(), PLANE))
    for nearly in (4.0, 4.1, 3.9):
        square = replace(PLANE, delta=np.array([0, nearly]))
        assert "drawn" not in str(heatmap_figure(bowl(), square).layout.xaxis.title.text)
        assert "drawn" not in heatmap_figure(bowl(), square).layout.yaxis.title.text


def test_colours_and_marks_are_those_of_the_page() -> None:
    found = re.search(r'USUAL = \{.* map: "(\w+)"', (JS / "ui" / "link.js").read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == COLOURS
    page = (JS / "model" / "colours.js").read_text(encoding="utf-8")
    stops = re.findall(r'\[(-?[\d.]+), "(#\w{6})"\]', page)
    assert {float(at): colour for at, colour in stops} == DIVERGING
    page = (JS / "views" / "pin-marks.js").read_text(encoding="utf-8")
    found = re.search(r'SYMBOLS = \{ theta: "(\w+)", train: "(\w+)", test: "(\w+)" \}', page)
    assert found is not None
    assert found.groups() == tuple(mark["symbol"] for mark in (THETA, LOWEST, LOWEST_TEST))
    page = (JS / "kernel" / "splits.js").read_text(encoding="utf-8")
    found = re.search(r'SIGNS = \{ train: "(.)", test: "(.)", theta: "(.)" \}', page)
    assert found is not None
    assert found.groups() == tuple(SIGNS[symbol] for symbol in ("x", "cross", "diamond"))


def test_histogram_counts_every_projection() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 200))
    a[0] = 1e6  # one wild sample must not ask for a million bins
    result = ProjectedCurvatures(a, b, c, 400, {"seed": 3})
    figure = curvature_figure(result, (-1.5, 2.25))
    for bars, kappa in zip(figure.data, (result.kappa_minus, result.kappa_plus), strict=True):
        half = np.array(bars.width) / 2
        edges = np.append(bars.x - half, bars.x[-1] + half[-1])
        assert len(bars.y) <= 80
        assert sum(bars.y) == 200
        assert all(
            n == ((kappa >= low - 1e-6) & (kappa < high - 1e-6)).sum()
            for n, (low, high) in zip(bars.y[:-1], pairwise(edges), strict=False)
        )
        assert f"mean {kappa.mean():.4g}".replace("-", "−") in bars.name
    assert [shape.x0 for shape in figure.layout.shapes] == [-1.5, 2.25]
    assert "κ₋ = −1.5" in words(figure)
    hidden = round(200 * result.p_no_saddle)
    interval = binomtest(hidden, 200).proportion_ci()
    told = f"200 random planes: {hidden} of them show no saddle ("
    title = figure.layout.title.text.replace("<br>", " ")  # which has no room in one line
    assert told in title
    low, high = map(float, title.split(told)[1].split(" %")[0].split("–"))
    assert 0 <= low <= 100 * interval.low
    assert 100 * interval.high <= high <= 100


@pytest.mark.parametrize(("normalize", "words"), [(None, ", directions about √N = 9.95 long"), ("unit", "")])
def test_the_axis_of_projections_says_how_long_their_directions_are(normalize: Any, words: str) -> None:
    told = {"n_parameters": 99, "normalize": normalize}
    figure = curvature_figure(ProjectedCurvatures(*np.random.default_rng(0).normal(size=(3, 5)), 10, told))
    assert figure.layout.xaxis.title.text == f"projected curvature κ{words}"


def test_spectrum_is_the_densitys_curve_with_its_certified_values() -> None:
    density = SpectralDensity(
        np.array([-1.0, 0, 4]), np.array([0.25, 0.5, 0.25]), np.array([-1, 0, -1]), 4, 3, {"seed": 0}
    )
    pairs = EigenPairs(np.array([4.0, -1]), np.eye(4)[:, :2], np.zeros(2), np.ones(2, bool), 9, 1)
    curve, marks = spectrum_figure(density, pairs).data
    x, y = density.curve()
    assert np.array_equal(curve.x, x)
    assert np.array_equal(curve.y, y)
    assert y.sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-3)
    assert marks.x.tolist() == [4, -1]
    assert "mean eigenvalue 0.75" in spectrum_figure(density).layout.title.text


def test_trace_shows_estimates_with_their_intervals() -> None:
    """Student's quantiles of 95 % for one and two degrees of freedom are 12.71 and 4.303."""

    def estimates(*values: tuple[float, float]) -> list[TraceEstimate]:
        return [TraceEstimate(v, e, i, i, 0, 0) for i, (v, e) in enumerate(values, start=1)]

    histories = {
        "hutchinson": estimates((9, np.nan), (5, 2), (6, 1)),
        "curvature-fit": estimates((8, np.nan)),
    }
    (line,) = trace_figure(histories).data
    assert (line.x, line.y) == ((2, 3), (5, 6))
    assert line.error_y.array == pytest.approx((2 * 12.706, 4.303), rel=1e-4)
    assert line.name == "Hutchinson: 6 ± 4.3"
    with pytest.raises(ValueError, match="Expected estimates with a standard error"):
        trace_figure({"hutchinson": estimates((9, np.nan))})

    exact = TraceEstimate(7.5, 0.0, 50, 50, 9, 0)
    biased = TraceEstimate(60, 5, 100, 0, 9, 1, bias=43.0)
    *_, fit, across = trace_figure({"exact": [exact], **histories, "curvature-fit": [biased]}).data
    assert (across.name, across.x, across.y) == ("exact: 7.5", (0, 100), (7.5, 7.5))
    assert across.error_y.array is None
    assert fit.name == "curvature fit: 60 ± 9.9, about 43 too high: outside of the parabola"
    (alone,) = trace_figure({"deflated": [TraceEstimate(7.5, 0.1, 50, 100, 9, 1)]}).data
    assert alone.name == "deflated: 7.5 ± 0.2"
    assert alone.error_y.array == pytest.approx((0.201, 0.201), rel=1e-2)


def test_an_explorer_draws_its_results(make_explorer: Make) -> None:
    explorer = make_explorer(gated_saddle()[1], domain=(-1, 1, -1, 1), face="trace")
    with pytest.raises(RuntimeError, match="as 'heatmap', there is none yet"):
        explorer.figure("heatmap")
    explorer.compute()
    results = explorer.results
    assert np.array_equal(explorer.figure(scale="linear").data[0].z, explorer.surface.loss)
    drawn = heatmap_figure(explorer.surface, explorer.plane, quadratic=explorer.quadratic)
    assert explorer.figure("heatmap") == drawn
    assert np.array_equal(explorer.figure(log=True).data[0].z, np.log10(explorer.surface.loss))
    assert explorer.figure("slices", log=True) == slices_figure(explorer.surface, explorer.plane, log=True)
    assert explorer.figure("spectrum") == spectrum_figure(explorer.density, explorer.eigenpairs)
    assert explorer.figure("trace") == trace_figure(explorer.traces)
    assert results.figure("curvature") == curvature_figure(explorer.projections, results.plane_curvature)
    np.testing.assert_allclose(results.plane_curvature, (-3, 4), rtol=1e-5)
    assert results.centre_loss == 2
    assert results.gradient_norm == 0
    with pytest.raises(ValueError, match=r"Expected kind as one of surface, heatmap.*, got 'pie'"):
        explorer.figure("pie")
