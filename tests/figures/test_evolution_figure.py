"""The figure of curvature along a run: its axes follow what was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from landscape_widget import Evolution, evolution_figure
from landscape_widget.figures.evolution import step_ticks


def run(rates: list[float], gradients: list[float]) -> Evolution:
    """A run with λmax from 1 to 10 and λmin of −1."""
    n = len(rates)
    values = np.stack([np.linspace(1, 10, n), np.full(n, -1.0)], axis=1)
    return Evolution(
        checkpoint=np.arange(n),
        step=10 * np.arange(n),
        done=np.full(n, True),
        loss=np.array(gradients),
        gradient_norm=np.array(gradients),
        values=values,
        residuals=np.zeros((n, 2)),
        converged=np.full((n, 2), True),
        n_largest=1,
        overlaps=np.ones((n, 2)),
        follows=np.zeros((n, 2), int),
        n_hvp=np.ones(n, int),
        verdict=("saddle",) * n,
        learning_rate=np.array(rates),
    )


def figure_of(rates: list[float], gradients: list[float]) -> go.Figure:
    return evolution_figure(run(rates, gradients))


def test_of_points_whose_step_nobody_told_the_last_one_is_named() -> None:
    """They stand 8 % of the axis apart, and words would lie over one another."""
    told = run([0.2] * 5, [1.0] * 5)
    assert step_ticks(told) == {}
    names = ("step 0", "step 10", "step 20", "update 1", "update 2")
    ticks = step_ticks(replace(told, step=np.array([0, 10, 20, np.nan, np.nan]), names=names))
    assert ticks == {"tickvals": [0, 10, 40], "ticktext": ["0", "10", "update 2"]}
    unknown = step_ticks(replace(told, step=np.full(5, np.nan), names=("as given",) * 5))
    assert unknown == {"tickvals": [4], "ticktext": ["as given"]}


@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([0, 1, 10, 300, 900], ["0", "300", "as given"]),
        ([*range(10), 900], ["0", "as given"]),
        ([0, *range(890, 901)], ["0", "as given"]),
        ([0, 100, 200, 300, 400], ["0", "200", "as given"]),
    ],
)
def test_steps_close_together_have_one_label(steps: list[float], shown: list[str]) -> None:
    """Labels of steps a few pixels apart would lie over one another and over the name of the last point."""
    names = (*(f"step {step}" for step in steps), "as given")
    told = run([0.2] * len(names), [1.0] * len(names))
    ticks = step_ticks(replace(told, step=np.array([*steps, np.nan]), names=names))
    assert ticks["ticktext"] == shown


@pytest.mark.parametrize(
    ("rates", "steps"),
    [
        ([0.2, 0.2, 0.02, 0.02], [20]),
        ([0.02, 0.2, 0.002, 0.2], [0, 20]),
        ([1e-4] * 4, [0]),
    ],
)
def test_a_threshold_far_above_is_marked_where_it_leaves(rates: list[float], steps: list[int]) -> None:
    figure = figure_of(rates, [1.0, 0.5, 0.3, 0.2])
    low, high = figure.layout.yaxis3.range
    assert low < -1
    assert 10 < high < 25
    marks = next(trace for trace in figure.data if trace.mode == "markers+text")
    assert marks.x.tolist() == steps
    assert [float(text.split(" = ")[1].replace(",", "")) for text in marks.text] == pytest.approx(
        [2 / rates[step // 10] for step in steps]
    )
    assert all(low < y < high for y in marks.y)


@pytest.mark.parametrize("rates", [[0.2] * 4, [0.2, 0.2, 0.15, 0.15], [np.nan] * 4])
def test_a_threshold_near_the_curvature_leaves_the_axis_alone(rates: list[float]) -> None:
    figure = figure_of(rates, [1.0, 0.5, 0.3, 0.2])
    assert figure.layout.yaxis3.range is None
    assert all(trace.mode != "markers+text" for trace in figure.data)


@pytest.mark.parametrize(
    ("last", "step", "words"),
    [
        (0.5, None, ("0.5", "1")),
        (0.03, None, ("0.05", "0.1", "0.2", "0.5", "1")),
        (1e-4, 1, None),
        (1e-14, 3, None),
        (0.9, None, None),
        (0.0, None, None),
        (np.nan, None, None),
    ],
)
def test_ticks_of_logarithmic_axes_have_room(
    last: float, step: int | None, words: tuple[str, ...] | None
) -> None:
    figure = figure_of([0.2] * 3, [1.0, 0.9, last])
    for axis in (figure.layout.yaxis, figure.layout.yaxis2):
        assert (axis.dtick, axis.ticktext) == (step, words)
        assert axis.tickmode in (None, "array" if words else "linear")


def test_the_trace_has_a_scale_of_its_own() -> None:
    """It is many times λmax, which would lie on the axis beside it."""
    told = run([0.2] * 5, [1.0] * 5)
    figure = evolution_figure(replace(told, trace=np.full(5, 300.0), trace_stderr=np.ones(5)))
    axes = {each.name: each.yaxis for each in figure.data}
    assert len({axes["tr(H)"], axes["λmax"], axes["loss"], axes["‖∇L‖"]}) == 4
    assert axes["λmin"] == axes["λmax"]
    assert figure.layout[axes["tr(H)"].replace("y", "yaxis")].title.text == "tr(H)"
    assert figure.layout.height > evolution_figure(told).layout.height
