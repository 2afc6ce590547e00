"""Loss and curvature along a training run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.style import MINUS, ORIGIN, PLUS, finished, number
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import BoolArray
from landscape_widget.results.checkpoints import places, unit_of
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.given import check_given
from landscape_widget.results.tables import brief

#: Of the verdicts.
_COLOURS = {
    "saddle": "#e69f00",
    "minimum": "#009e73",
    "maximum": "#8c4fb5",
    "slope": "#56b4e9",
    "undecided": "#999999",
}

_FURTHER = "#009e73"

#: Ticks of a logarithmic axis, at most, or nearly so.
_MOST_TICKS = 5

#: Of an axis: what is between two labels at least, so that words of ten letters stand apart.
_APART = 0.2


def evolution_figure(evolution: Evolution, *, log_loss: bool = True) -> go.Figure:
    """Loss and ‖∇L‖ above, the ends of the spectrum below, with the threshold of stability (2/η for SGD).

    Below these is tr(H) where it was estimated, on a scale of its own: it is often many times λmax.
    Values that are not certified have an open mark. Marks of the loss tell the verdict by their colours.

    Args:
        evolution: The evolution of a run; what is not done yet is left out.
        log_loss: Whether loss and ‖∇L‖ are drawn on logarithmic axes.

    Raises:
        ValueError: If no checkpoint is done.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415 - slow to import

    check_given(Evolution, evolution=evolution)
    done = evolution.done
    if not done.any():
        raise ValueError("Expected an evolution with a checkpoint that is done, got none.")
    heights = [180, 270] if evolution.trace is None else [180, 270, 120]
    figure = make_subplots(
        rows=len(heights),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=heights,
        specs=[[{"secondary_y": True}], *([{}] for _ in heights[1:])],
    )
    step = places(evolution.step)[done]
    names = [name for name, is_done in zip(called(evolution), done, strict=True) if is_done]
    verdicts = [verdict for verdict, one in zip(evolution.verdict, done, strict=True) if one]
    colours = [_COLOURS.get(verdict, _COLOURS["undecided"]) for verdict in verdicts]
    figure.add_scatter(
        x=step,
        y=evolution.loss[done],
        mode="lines+markers",
        name="loss",
        line={"color": "#333333", "width": 2},
        marker={"color": colours, "size": 7, "line": {"color": "#333333", "width": 0.5}},
        text=verdicts,
        customdata=names,
        hovertemplate="%{customdata}<br>loss %{y:.6g}<br>%{text}<extra></extra>",
        row=1,
        col=1,
    )
    for verdict in dict.fromkeys(verdicts):
        figure.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=verdict,
            marker={"color": _COLOURS.get(verdict, _COLOURS["undecided"]), "size": 8},
        )
    figure.add_scatter(
        x=step,
        y=evolution.gradient_norm[done],
        mode="lines",
        name="‖∇L‖",
        line={"color": _FURTHER, "width": 1.5, "dash": "dot"},
        row=1,
        col=1,
        secondary_y=True,
    )
    last = evolution.values.shape[1] - 1
    curves: dict[str, tuple[FloatArray, BoolArray, str]] = {
        "λmax": (evolution.largest, evolution.converged[:, 0], PLUS),
        "λmin": (evolution.smallest, evolution.converged[:, last], MINUS),
    }
    if evolution.preconditioned is not None and evolution.preconditioned_converged is not None:
        flags = evolution.preconditioned_converged
        curves["λmax of P^(−½) H P^(−½)"] = evolution.preconditioned, flags, "#8c4fb5"
    for name, (values, certified, colour) in curves.items():
        symbols = np.where(certified[done], "circle", "circle-open")
        figure.add_scatter(
            x=step,
            y=values[done],
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2},
            marker={"symbol": symbols, "size": 6, "color": colour},
            row=2,
            col=1,
        )
    if evolution.trace is not None and evolution.trace_stderr is not None:
        figure.add_scatter(
            x=step,
            y=evolution.trace[done],
            error_y={"array": evolution.trace_stderr[done], "thickness": 1},
            mode="lines",
            name="tr(H)",
            line={"color": "#777777", "width": 1.5, "dash": "dash"},
            row=3,
            col=1,
        )
        figure.update_yaxes(title="tr(H)", row=3, col=1)
    shown = [values[done] for values, *_ in curves.values()]
    threshold = evolution.threshold[done]
    if np.isfinite(threshold).any():
        figure.add_scatter(
            x=step,
            y=threshold,
            mode="lines",
            name=f"{evolution.threshold_words}, the edge of stability",
            line={"color": ORIGIN, "width": 1.5, "dash": "dash", "shape": "hv"},
            row=2,
            col=1,
        )
        _keep_in_view(figure, evolution.threshold_words, step, threshold, np.concatenate(shown))
    kind = "log" if log_loss else "linear"
    above = {"loss": evolution.loss[done], "‖∇L‖": evolution.gradient_norm[done]}
    for second, (title, values) in enumerate(above.items()):
        ticks = _ticks_of(values) if log_loss else {}
        figure.update_yaxes(
            title=title,
            type=kind,
            exponentformat="power",
            **ticks,
            row=1,
            col=1,
            secondary_y=bool(second),
        )
    figure.update_yaxes(title="eigenvalue λ", row=2, col=1)
    figure.update_xaxes(title=unit_of(called(evolution)), row=len(heights), col=1)
    figure.update_xaxes(**step_ticks(evolution))
    open_marks = int((~evolution.converged[done]).any(axis=1).sum())
    note = f"open marks at {open_marks} checkpoints: not certified" if open_marks else ""
    finished(figure, "Along the training run", evolution.provenance, note=note)
    return figure.update_layout(margin_t=125, height=185 + sum(heights), title={"y": 0.97, "yanchor": "top"})


def called(evolution: Evolution) -> list[str]:
    """What each checkpoint is called."""
    return [evolution.called(row) for row in range(len(evolution.done))]


def step_ticks(evolution: Evolution) -> dict[str, list[Any]]:
    """Ticks of an axis of steps on which a point without a step stands by its name; empty without such.

    Of several the last one does: they stand close together, and words would lie over one another. So would
    steps close to it or to each other: the middle one of the run, or else the one nearest to the middle of
    the axis, stands where it is away from both ends.
    """
    told = np.isfinite(evolution.step)
    if told.all():
        return {}
    at = places(evolution.step)
    last = int(np.flatnonzero(~told)[-1])
    words = {last: evolution.called(last)}
    if told.any():
        rows = np.flatnonzero(told)
        nearest = rows[np.abs(at[rows] - (at[0] + at[-1]) / 2).argmin()]
        for row in map(int, (rows[0], rows[(len(rows) - 1) // 2], nearest)):
            away = min(abs(at[row] - at[other]) for other in words)
            if len(words) < 3 and away >= _APART * (at[-1] - at[0]):
                words[row] = brief(at[row], 6)
    shown = sorted(words)
    return {"tickvals": [float(at[row]) for row in shown], "ticktext": [words[row] for row in shown]}


def _keep_in_view(
    figure: go.Figure, words: str, step: FloatArray, threshold: FloatArray, values: FloatArray
) -> None:
    """Has the axis follow the curvature, with a mark where the threshold leaves the picture above it.

    A learning rate that falls to a tenth would otherwise press all curvature to the axis.
    """
    values = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(values.min()), float(values.max())
    room = (high - low) or 1.0
    near = threshold[threshold <= high + room]
    top = max(high, float(near.max(initial=high))) + 0.12 * room
    beyond = threshold > top
    if not beyond.any():
        return
    leaves = np.flatnonzero(beyond & ~np.append(False, beyond[:-1]))
    figure.add_scatter(
        x=step[leaves],
        y=np.full(len(leaves), top - 0.04 * room),
        mode="markers+text",
        text=[f"{words} = {number(float(threshold[i]), 4)}" for i in leaves],
        textposition=["middle left" if step[i] > step.mean() else "middle right" for i in leaves],
        marker={"symbol": "triangle-up", "size": 9, "color": ORIGIN},
        hoverinfo="skip",
        showlegend=False,
        row=2,
        col=1,
    )
    figure.update_yaxes(range=[low - 0.06 * room, top], row=2, col=1)


def log_ticks(low: float, high: float) -> dict[str, object]:
    """Ticks of a logarithmic axis from 10^low to 10^high: few, and each with its whole number.

    Of plotly's own those within a decade are single digits, which crowd and have to be put together with the
    power above or below. They stay where the axis is so short that it has too few of these.
    """
    for digits in (1, 2, 5), (1, 3):
        marks = [float(f"{d}e{k}") for k in range(math.floor(low), math.floor(high) + 1) for d in digits]
        marks = [mark for mark in marks if low <= math.log10(mark) <= high]
        if len(marks) < 2:
            return {}
        if len(marks) <= _MOST_TICKS:
            return {"tickvals": marks, "ticktext": [number(mark, 1) for mark in marks]}
    return {"dtick": math.ceil((high - low) / _MOST_TICKS)}


def _ticks_of(values: FloatArray) -> dict[str, object]:
    positive = values[np.isfinite(values) & (values > 0)]
    return log_ticks(*np.log10([positive.min(), positive.max()])) if len(positive) else {}
