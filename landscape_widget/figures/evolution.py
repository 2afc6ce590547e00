"""Loss and curvature along a training run."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.style import MINUS, ORIGIN, PLUS, finished
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.base import BoolArray
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.given import check_given

#: Of the verdicts.
_COLOURS = {
    "saddle": "#e69f00",
    "minimum": "#009e73",
    "maximum": "#8c4fb5",
    "slope": "#56b4e9",
    "undecided": "#999999",
}

_FURTHER = "#009e73"


def evolution_figure(evolution: Evolution, *, log_loss: bool = True) -> go.Figure:
    """Loss and ‖∇L‖ above, the ends of the spectrum below, with the threshold of stability (2/η for SGD).

    Values that are not certified have an open mark. Marks of the loss tell the verdict by their colours.

    Args:
        evolution: Of a run; what is not done yet is left out.
        log_loss: Whether loss and ‖∇L‖ are drawn on logarithmic axes.

    Raises:
        ValueError: If no checkpoint is done.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415 - slow to import

    check_given(Evolution, evolution=evolution)
    done = evolution.done
    if not done.any():
        raise ValueError("Expected an evolution with a checkpoint that is done, got none.")
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.4, 0.6],
        specs=[[{"secondary_y": True}], [{}]],
    )
    step = evolution.step[done]
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
        hovertemplate="step %{x}<br>loss %{y:.6g}<br>%{text}<extra></extra>",
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
            row=2,
            col=1,
        )
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
    kind = "log" if log_loss else "linear"
    figure.update_yaxes(title="loss", type=kind, row=1, col=1, secondary_y=False)
    figure.update_yaxes(title="‖∇L‖", type=kind, tickmode="auto", row=1, col=1, secondary_y=True)
    figure.update_yaxes(title="eigenvalue λ", row=2, col=1)
    figure.update_xaxes(title="step", row=2, col=1)
    open_marks = int((~evolution.converged[done]).any(axis=1).sum())
    note = f"open marks at {open_marks} checkpoints: not certified" if open_marks else ""
    finished(figure, "Along the training run", evolution.provenance, note=note)
    return figure.update_layout(margin_t=110, height=620, title={"y": 0.97, "yanchor": "top"})
