"""What all figures share: colours, template, title, numbers, and the line of provenance."""

from __future__ import annotations

import plotly.graph_objects as go

from landscape_widget.results.base import Provenance

#: Perceptually uniform, safe for colour-blind readers, and the same as on the page.
COLOURS = "Viridis"

#: Of what belongs to the smaller and the larger curvature, or to one thing and another.
MINUS, PLUS = "#1f6fb2", "#c8620a"

#: Of θ* and of the lowest point: both stand out of every shade of the colour map.
ORIGIN, LOWEST = "#e0245e", "#ffffff"


def finished(
    figure: go.Figure, title: str, provenance: Provenance, subtitle: str = "", note: str = ""
) -> go.Figure:
    """The same with titles, a plain style, and a line below: ``note``, and what it rests on."""
    below = {"text": " · ".join(filter(None, [note, describe_provenance(provenance)]))}
    figure.add_annotation(
        below | {"font": {"size": 9, "color": "#777777"}, "showarrow": False},
        x=0,
        y=0,
        yshift=-62,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="top",
    )
    return figure.update_layout(
        template="simple_white",
        title={"text": title, "subtitle": {"text": subtitle}, "x": 0.02},
        margin={"l": 70, "r": 30, "t": 90, "b": 90},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
    )


def describe_provenance(provenance: Provenance) -> str:
    """Dtype, examples, parameters, seed of what is random, and versions in one line, as far as known."""
    versions = provenance.get("versions", {})
    counts = {"n_examples": "example", "n_parameters": "parameter"}
    plane = provenance.get("plane", provenance)
    drawn = "seed" in plane and any("random" in axis for axis in plane.get("axes", ("random",)))
    parts = [
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
    return f"{float(value):.{digits}g}".replace("-", "\N{MINUS SIGN}")


def colour_bar(title: str) -> dict[str, object]:
    """A slim colour bar with its title alongside."""
    return {"title": {"text": title, "side": "right"}, "thickness": 14, "outlinewidth": 0}
