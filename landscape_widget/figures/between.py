"""Loss and metrics on the way from one solution to another."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.style import MINUS, ORIGIN, PLUS, finished
from landscape_widget.numerics.checks import check_flag
from landscape_widget.planes.axes import words_of
from landscape_widget.results.given import check_given
from landscape_widget.results.lines import SOLUTIONS, LineLosses
from landscape_widget.results.paths import Interpolation

#: Of ways, one after the other; training data solid, test data dashed, metrics dotted.
COLOURS = (MINUS, PLUS, "#009e73", "#8c4fb5", "#e69f00", "#56b4e9")


def interpolation_figure(
    ways: Interpolation | Mapping[str, Interpolation], metric: str | None = None, *, log: bool = False
) -> go.Figure:
    """The loss from one solution, t = 0, to another, t = 1, and beyond (Li et al. 2018, Fig. 2).

    Args:
        ways: What ``interpolation`` and ``bezier_curve`` return, or several of them by name.
        metric: Name of a metric to draw on an axis of its own; default the first one there is.
        log: Whether the loss is drawn on a logarithmic axis.

    Raises:
        ValueError: For a metric that a way lacks.
    """
    named = dict(ways) if isinstance(ways, Mapping) else {"": ways}
    check_given(Interpolation, **{f"ways[{name!r}]" if name else "ways": way for name, way in named.items()})
    if not named:
        raise ValueError("Expected at least one way between solutions, got none.")
    first = next(iter(named.values()))
    metric = metric if metric is not None else next(iter(first.metrics), None)
    figure, keyed = go.Figure(), set[str]()
    for (name, way), colour in zip(named.items(), cycle(COLOURS), strict=False):
        if metric is not None and not (isinstance(metric, str) and metric in way.metrics):
            raise ValueError(f"Expected metric as one of {', '.join(way.metrics) or 'none'}, got {metric!r}.")
        splits = {"training": way} | ({} if way.test is None else {"test": way.test})
        for split, values in splits.items():
            caption = f"{name}, {split}" if name else split
            dash = "solid" if split == "training" else "dash"
            figure.add_scatter(
                x=values.t,
                y=values.loss,
                mode="lines",
                name=f"{caption}: {values.barrier_words}",
                line={"color": colour, "width": 2.5, "dash": dash},
            )
            if metric is not None:
                figure.add_scatter(
                    x=values.t,
                    y=values.metrics[metric],
                    mode="lines",
                    # one key for all ways, each of which has its colour in that of its loss
                    name=f"{split}: {metric}",
                    showlegend=split not in keyed,
                    line={"color": colour, "width": 1.2, "dash": "dot" if split == "training" else "dashdot"},
                    yaxis="y2",
                )
                keyed.add(split)
    for end in (0, 1):
        figure.add_vline(end, line={"color": ORIGIN, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="t: 0 is the first solution, 1 the second")
    figure.update_yaxes(title="loss", type="log" if check_flag(log, "log") else "linear")
    finished(figure, "Between two solutions", first.provenance, note=_batch_norm_of(named))
    # plotly hides the legend of a single line, and with it the barrier
    figure.update_layout(showlegend=True)
    if metric is not None:
        figure.update_layout(
            yaxis2={
                "title": {"text": f"{metric} (dotted)"},
                "overlaying": "y",
                "side": "right",
                "tickmode": "auto",
            },
            margin_r=70,
        )
    return figure


def lines_figure(found: LineLosses, *, log: bool = False) -> go.Figure:
    """Losses along several lines from θ*, t = 0 (Li et al. 2018, Section 3), training solid, test dashed.

    Args:
        found: What an explorer has as ``line_losses``.
        log: Whether the loss is drawn on a logarithmic axis.
    """
    check_given(LineLosses, found=found)
    figure, barriers = go.Figure(), found.barriers
    for (name, line), colour in zip(found.lines.items(), cycle(COLOURS), strict=False):
        for split, values in {"training": line, "test": line.test}.items():
            if values is None:
                continue
            caption = f"{name}, {split}" if line.test is not None else name
            told = f": {values.barrier_words}" if name in barriers else ""
            there = np.isfinite(values.loss) | found.final  # a hole is one where all was evaluated
            figure.add_scatter(
                x=values.t[there],
                y=values.loss[there],
                mode="lines",
                name=f"{caption}{told}",
                line={"color": colour, "width": 2, "dash": "solid" if split == "training" else "dash"},
            )
    for end in (0, 1) if found.along == SOLUTIONS else (0,):
        figure.add_vline(end, line={"color": ORIGIN, "width": 1, "dash": "dot"})
    figure.update_xaxes(title=axis_of(found))
    figure.update_yaxes(title="loss", type="log" if check_flag(log, "log") else "linear")
    finished(figure, "Along lines from θ*", found.provenance, note=_batch_norm_of(found.lines))
    figure.update_layout(showlegend=True)
    return figure


def axis_of(found: LineLosses) -> str:
    """What stands at the horizontal axis of lines."""
    if found.along == SOLUTIONS:
        return "t: 0 is θ*, 1 the solution"
    return f"t along {words_of(found.along)} directions"


def _batch_norm_of(named: Mapping[str, Interpolation]) -> str:
    """What batch-norm statistics are on the ways, of which ways where they differ; empty without any."""
    kinds: dict[str, list[str]] = {}
    for name, way in named.items():
        if kind := way.provenance.get("batch_norm"):
            kinds.setdefault(kind, []).append(name)
    several = len(kinds) > 1
    told = [f"{kind} ({', '.join(names)})" if several else kind for kind, names in kinds.items()]
    return f"batch-norm statistics {', '.join(told)}" if told else ""
