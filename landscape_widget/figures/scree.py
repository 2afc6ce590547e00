"""The share of a path that each of its components holds."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from landscape_widget.figures.style import MINUS, PLUS, finished, number
from landscape_widget.numerics.checks import check_integer
from landscape_widget.results.given import check_given
from landscape_widget.results.paths import PathComponents

#: Components that hold so much together leave nothing to be seen for the others.
_ALL = 0.999


def scree_figure(components: PathComponents, most: int = 20) -> go.Figure:
    """The share of a path's variation along each of its components, and what they hold together.

    Args:
        components: The components of the path.
        most: Components to draw, the first ones; fewer where those hold 99.9 % together, but all that there
            are directions of.
    """
    check_given(PathComponents, components=components)
    most = check_integer(most, "most", 1)
    # what they hold together hardly grows any more, and no direction of them is at hand
    enough = int(np.searchsorted(np.cumsum(components.shares), _ALL)) + 1
    shares = 100 * components.shares[: min(most, max(enough, components.directions.shape[1]))]
    ranks = np.arange(1, len(shares) + 1)
    figure = go.Figure(go.Bar(x=ranks, y=shares, name="each", marker_color=MINUS))
    figure.add_scatter(
        x=ranks, y=np.cumsum(shares), mode="lines+markers", name="together", line={"color": PLUS, "width": 2}
    )
    dtick = max(1, len(shares) // 10)
    figure.update_xaxes(title="component", tick0=1, dtick=dtick, range=[0.4, len(shares) + 0.6])
    figure.update_yaxes(title="share of Σ‖θᵢ − θ*‖² in %", range=[0, 105])
    two = number(float(shares[:2].sum()), 4)
    title = f"Components of {len(components.shares)} checkpoints: the first two hold {two} %"
    return finished(figure, title, components.provenance)
