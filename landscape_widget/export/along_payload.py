"""The curves along a training run as the page receives them, put together in pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from landscape_widget.export.payloads import Payload, buffer
from landscape_widget.figures.evolution import called, log_ticks, step_ticks
from landscape_widget.numerics.vectors import FloatArray
from landscape_widget.results.checkpoints import places, unit_of
from landscape_widget.results.evolution import Evolution
from landscape_widget.results.words import LOSSES

#: Marks of verdicts, for those who tell no colours apart, too; and that of none.
SYMBOLS = {"minimum": "circle", "saddle": "x", "maximum": "triangle-up", "slope": "triangle-down"}
_NONE = "circle-open"

#: The same in words.
_SIGNS = {"minimum": "●", "saddle": "×", "maximum": "▲", "slope": "▼", "undecided": "○"}

_LAYOUT = {
    "margin": {"l": 0, "r": 0, "t": 22, "b": 40},
    "showlegend": True,
    # of the whole place: one on the curves stays where more lines of it needed a wider margin
    "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container"},
    "hovermode": "x",
    "dragmode": False,
}

#: What is said while more is computed.
_MORE = ", more is being computed"

#: What is said in place of a line at 2/η.
_ANOTHER_EDGE = (
    " 2/η is not the edge of this optimiser; Adam's is drawn for a run that was recorded with "
    "preconditioner=True."
)

#: Colour, dashes and mark of an edge of stability.
_EDGE = ("second", "dash", None)

#: The line where one is.
_HERE = {"type": "line", "y0": 0, "y1": 1, "layer": "below"}

#: Room above and below curves, as a share of what they span.
_ROOM = 0.08


def along(
    evolution: Evolution,
    busy: bool,
    asked: bool,
    another_edge: bool = False,
    unfit: Sequence[str] = (),
    loss: str = LOSSES["train"],
    lacks: bool = False,
) -> Payload:
    """What is known at each checkpoint, in the words of plotly but for the page's own colours.

    Args:
        evolution: The evolution over all checkpoints, as far as it was found.
        busy: Whether more of it is being computed.
        asked: Whether that is because all of it was asked for.
        another_edge: Whether training was by an optimiser that is stable up to another edge than 2/η.
        unfit: Why there is no preconditioned curvature at checkpoints whose P is that of other parameters.
        loss: What the loss is called, beside pictures that may be of another one.
        lacks: Whether there is more of it to be computed.
    """
    n, done = len(evolution.done), int(evolution.done.sum())
    trace = np.full(n, math.nan) if evolution.trace is None else evolution.trace
    symbols = [SYMBOLS.get(verdict, _NONE) for verdict in evolution.verdict]
    # by Adam's edge the preconditioned curvature is measured, by any other one the Hessian's
    own, scaled = evolution.values, evolution.preconditioned
    edge = _in_sight(evolution.threshold, own if scaled is None else scaled)
    found = [
        _picture(
            "loss, ‖∇L‖",
            _line(loss, evolution.loss, "text", symbol=symbols),
            _line("‖∇L‖", evolution.gradient_norm, "muted", "dot"),
            log=True,
        ),
        _picture(
            "eigenvalue λ",
            _line("λmax", evolution.largest, "kappaPlus"),
            _line("λmin", evolution.smallest, "kappaMinus"),
            *([] if scaled is not None else [_line(evolution.threshold_words, edge, *_EDGE)]),
        ),
        _picture("tr(H)", _line("tr(H)", trace, "first")),
    ]
    if scaled is not None:
        found.append(
            _picture(
                "eigenvalue of P⁻¹H",
                _line("λmax of P^(−½)HP^(−½)", scaled, "kappaPlus"),
                _line(f"Adam's edge {evolution.threshold_words}", edge, *_EDGE),
            )
        )
    signs = [f"{_SIGNS[name]} {name}" for name in _SIGNS if name in evolution.verdict]
    words = f"Curvature at {done} of {n} checkpoints{_MORE if busy else ''}."
    if unfit:
        words += f" {unfit[0]}"
    elif another_edge and not (scaled is not None and (busy or done < n or np.isfinite(scaled).any())):
        words += _ANOTHER_EDGE
    shown = [picture for picture in found if picture is not None]
    names = called(evolution)
    # a point that is set off has a place on the axis, which is no number of a step
    set_off = [f", {name}" if np.isnan(at) else "" for at, name in zip(evolution.step, names, strict=True)]
    told = [f"{verdict}{name}" for verdict, name in zip(evolution.verdict, set_off, strict=True)]
    # without any step each stands by its name alone, where it is pointed at, too
    ticks = (
        step_ticks(evolution)
        if np.isfinite(evolution.step).any()
        else {"type": "category", "categoryarray": names}
    )
    for k, picture in enumerate(shown, 1):
        _place(picture, k, told)
        picture["x"] |= ticks
    return {
        "pictures": shown,
        "layout": _LAYOUT,
        "axis": unit_of(names),
        "places": places(evolution.step).tolist() if np.isfinite(evolution.step).any() else names,
        "verdicts": list(evolution.verdict),
        "words": words,
        "marks": f"Marks of the loss: {', '.join(signs)}." if signs else "",
        "offer": "Stop" if busy and asked else "Compute all" if lacks else "",
        "asked": busy and asked,
    }


def told_without_kernel(sent: Payload) -> Payload:
    """The same for a page that nothing is computed for."""
    return sent | {"asked": False, "offer": "", "words": sent["words"].replace(_MORE, "")} if sent else sent


def _line(
    name: str, values: FloatArray, colour: str, dash: str = "solid", symbol: str | list[str] | None = "circle"
) -> Payload:
    return {
        "values": values,
        "colour": colour,
        "trace": {
            "name": name,
            "mode": "lines" if symbol is None else "lines+markers",
            "line": {"dash": dash, "width": 1.5, "shape": "linear" if symbol else "hv"},
            "marker": {"size": 6, "symbol": symbol or "circle"},
            "hovertemplate": f"{name} %{{y:.4g}} %{{text}}<extra></extra>",
        },
    }


def _picture(title: str, *lines: Payload, log: bool = False) -> Payload | None:
    """Curves on one pair of axes; None without a number to draw."""
    shown = [line for line in lines if np.isfinite(line["values"]).any()]
    if not shown:
        return None
    values = np.concatenate([line["values"] for line in shown])
    values = values[np.isfinite(values)]
    log = log and bool((values > 0).all())
    if log:
        values = np.log10(values)
    low, high = float(values.min()), float(values.max())
    room = _ROOM * (high - low) or abs(high) / 10 or 1.0
    reach = [low - room, high + room]
    sent = [line | {"values": buffer(line["values"], np.float64)} for line in shown]
    axis: Payload = {"type": "log" if log else "linear", "range": reach, "nticks": 5, "fixedrange": True}
    if log:
        axis |= log_ticks(low, high)
    return {"title": title, "y": axis, "lines": sent}


def _place(picture: Payload, k: int, told: list[str]) -> None:
    """Puts a picture on the k-th pair of axes."""
    picture["x"] = {"anchor": f"y{k}", "zeroline": False, "fixedrange": True}
    picture["y"]["anchor"] = f"x{k}"
    picture["line"] = _HERE | {"xref": f"x{k}", "yref": f"y{k} domain"}
    for line in picture["lines"]:
        line["trace"] |= {"type": "scatter", "xaxis": f"x{k}", "yaxis": f"y{k}", "text": told}


def _in_sight(threshold: FloatArray, values: FloatArray) -> FloatArray:
    """The threshold of stability, but where it is so far above the curvature that this would lie flat."""
    ends = values[np.isfinite(values)]
    if not len(ends):
        return threshold
    high, low = max(float(ends.max()), 0.0), min(float(ends.min()), 0.0)
    found: FloatArray = np.where(threshold <= 2 * high - low, threshold, math.nan)
    return found
