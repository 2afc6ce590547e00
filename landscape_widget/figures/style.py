"""What all figures share: colours, template, title, numbers, and the line of provenance."""

from __future__ import annotations

from bisect import bisect
from textwrap import wrap

import plotly.graph_objects as go

from landscape_widget.planes.axes import depends_on_seed
from landscape_widget.results.base import Provenance
from landscape_widget.results.tables import brief

#: Without a middle: perceptually uniform, safe for colour-blind readers, and the same as on the page.
COLOURS = "Viridis"

#: For losses around L(θ*): blue below, red above, equally dark and safe for colour-blind readers. The hues
#: come early, so that little of either is seen.
DIVERGING = {
    -1.0: "#053061",
    -0.6: "#2166ac",
    -0.25: "#67a9cf",
    -0.06: "#d1e5f0",
    0.0: "#f7f7f7",
    0.06: "#fddbc7",
    0.25: "#ef8a62",
    0.6: "#b2182b",
    1.0: "#67001f",
}

#: Of what belongs to the smaller and the larger curvature, or to one thing and another.
MINUS, PLUS = "#1f6fb2", "#c8620a"

#: Of a line through θ*.
ORIGIN = "#e0245e"

#: The marks of places, the same as on the page; a black rim around white stands out of every colour.
RIM = {"color": "#000000", "width": 1.5}
THETA = {"symbol": "diamond", "color": "#ffffff", "line": RIM}
LOWEST = {"symbol": "x", "color": "#ffffff", "line": RIM}
LOWEST_TEST = {"symbol": "cross", "color": "#ffffff", "line": RIM}

#: The same in text, by plotly's names.
SIGNS = {"diamond": "◇", "x": "×", "cross": "+"}

#: The symbol of another solution, which has a colour of its own.
SOLUTION = "square"

#: How far, of all heights, a line on a surface is raised: else the surface hides half of it.
LIFT = 0.004

#: From where a surface is seen, and its height by its width.
CAMERA = {"eye": {"x": 1.26, "y": -1.5, "z": 1.02}, "center": {"x": -0.07, "y": -0.06, "z": -0.18}}
DEPTH = 0.72

#: Name of the annotation below a figure.
BELOW = "below"

#: In a figure 700 pixels wide: characters of a line of the title, and of one below; pixels for a legend.
_TITLE, _BELOW, _LEGEND = 64, 122, 520


def finished(
    figure: go.Figure, title: str, provenance: Provenance, subtitle: str = "", note: str = ""
) -> go.Figure:
    """The same with titles, a plain style, and lines below: ``note``, and what it rests on.

    What stands above and below has room for itself, also where a figure is 700 pixels wide.
    """
    heading = _wrapped(title, _TITLE)
    below = _wrapped(" · ".join(filter(None, [note, describe_provenance(provenance)])), _BELOW)
    solid = any(trace.type == "surface" for trace in figure.data)
    under = 4 if solid else _under(figure)
    figure.add_annotation(
        {"text": "<br>".join(below), "font": {"size": 9, "color": "#777777"}, "showarrow": False},
        name=BELOW,
        x=0,
        y=0,
        yshift=-under,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="top",
        align="left",
    )
    top = 20 + 28 * len(heading) + 28 * bool(subtitle) + 21 * legend_rows(figure) + 26 * _has_heads(figure)
    bottom = under + 8 + 13 * len(below)
    return figure.update_layout(
        template="simple_white",
        title={
            "text": "<br>".join(heading),
            "font": {"size": 16},
            "subtitle": {"text": subtitle, "font": {"size": 12}},
            "x": 0.02,
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 12 + 8 * (len(heading) - 1)},
        },
        height=max(450, 290 + top + bottom),
        margin={"l": 20 if solid else 70, "r": 30, "t": top, "b": bottom},
        # a mark on the border reaches beyond it
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0, 0, 0, 0)"},
    )


def _under(figure: go.Figure) -> int:
    """Pixels that labels and titles of horizontal axes take."""
    titles = [axis.title.text or "" for axis in figure.select_xaxes()]
    return 52 + 18 * max((title.count("<br>") for title in titles), default=0)


def _has_heads(figure: go.Figure) -> bool:
    """Whether subplots have titles of their own."""
    return any(a.yref == "paper" and a.y == 1 and a.yanchor == "bottom" for a in figure.layout.annotations)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of so many characters at most, where there is a place to break them."""
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def legend_rows(figure: go.Figure) -> int:
    """How many rows the legend has, where there are 520 pixels for it; plotly makes all columns equal."""
    names = [trace.name for trace in figure.data if trace.name and trace.showlegend is not False]
    widths = [46 + 6.4 * len(name) for name in names]
    if sum(widths) <= _LEGEND:
        return int(bool(names))
    return -(-len(names) // max(1, int(_LEGEND // max(widths))))


def describe_provenance(provenance: Provenance) -> str:
    """What is known of model, loss, dtype, data, seed of what is random, and versions, in one line."""
    versions = provenance.get("versions", {})
    counts = {"n_examples": "example", "n_parameters": "parameter"}
    plane = provenance.get("plane", provenance)
    drawn = "seed" in plane and depends_on_seed(plane.get("axes", ("random",)))
    names = dict.fromkeys(str(provenance.get(key, "")) for key in ("model", "loss_fn"))
    parts = [
        *names,
        str(provenance.get("dtype", "")),
        *(
            f"{provenance[key]:,} {what}{'s' * (provenance[key] != 1)}"
            for key, what in counts.items()
            if key in provenance
        ),
        f"seed {plane['seed']}" if drawn else "",
        *(f"{name} {versions[name]}" for name in ("landscape-widget", "torch") if name in versions),
    ]
    return " · ".join(filter(None, parts))


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits and a true minus sign."""
    return brief(float(value), digits)


def colour_bar(title: str) -> dict[str, object]:
    """A slim colour bar with its title alongside."""
    return {"title": {"text": title, "side": "right"}, "thickness": 14, "outlinewidth": 0}


def diverging(low: float, high: float) -> list[tuple[float, str]]:
    """The part of the diverging colour map between two positions, −1 to 1, as plotly's stops from 0 to 1."""
    inside = [(at, colour) for at, colour in DIVERGING.items() if low < at < high]
    stops = [(low, _between(low)), *inside, (high, _between(high))]
    return [((at - low) / (high - low), colour) for at, colour in stops]


def _between(position: float) -> str:
    """The colour at a position of the diverging map, −1 to 1."""
    stops = list(DIVERGING.items())
    places = [at for at, _ in stops]
    i = min(max(bisect(places, position), 1), len(stops) - 1)
    (start, one), (end, other) = stops[i - 1], stops[i]
    share = (position - start) / (end - start)
    parts = [(int(one[k : k + 2], 16), int(other[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(x + share * (y - x)):02x}" for x, y in parts)
