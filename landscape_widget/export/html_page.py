"""Figures as one page that needs neither a kernel nor a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from landscape_widget.figures.style import BELOW, KEY, legend_rows

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --text: #1f2328; --muted: #626a73; --paper: #ffffff; --line: #d9d9d9; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e3e5e8; --muted: #9aa2ab; --paper: $dark_paper; --line: #3d3d3d; }
}
body { margin: 0 auto; max-width: 1500px; padding: 1rem; color: var(--text); background: var(--paper);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; padding-top: .5rem; border-top: 1px solid var(--line); }
figcaption { overflow-wrap: anywhere; }
.below { margin: 0; color: var(--muted); font-size: 12px; overflow-wrap: anywhere; }
pre { overflow-x: auto; color: var(--muted); font-size: 12px; }
</style>
</head>
<body>
<header><h1>$title</h1>
<p>$sentence</p></header>
<main>
$figures
</main>
<details><summary>What it rests on</summary>
<pre>$provenance</pre></details>
<script>
const looks = $looks;
const dark = matchMedia("(prefers-color-scheme: dark)");
function dress() {
  const template = looks[dark.matches ? "dark" : "light"];
  const ink = getComputedStyle(document.body).color;
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const keys = plot.data.flatMap(({ meta }, i) => (meta === "$key" ? [i] : []));
    if (keys.length) Plotly.restyle(plot, { "line.color": ink }, keys);
    Plotly.relayout(plot, { template });
  }
}
dark.addEventListener("change", dress);
if (dark.matches) dress();
</script>
</body>
</html>
""")

#: Pixels of a plot, and of a row of its legend, which would else take them from the picture.
_HEIGHT, _ROW = 440, 21

_DARK_PAPER, _DARK_INK = "#161616", "rgb(222,222,222)"


def page(title: str, sentence: str, figures: Sequence[go.Figure], provenance: Mapping[str, Any]) -> str:
    """A page of its own, plotly.js (about 5 MB) included; light or dark as the reader's system is.

    Args:
        title: Of the page.
        sentence: What the figures come to.
        figures: At least one.
        provenance: What a reader needs to repeat them.
    """
    parts = [_figure(figure, i == 0) for i, figure in enumerate(figures)]
    return _PAGE.substitute(
        title=escape(title),
        sentence=escape(sentence),
        figures="\n".join(parts),
        provenance=escape(json.dumps(provenance, indent=2, ensure_ascii=False, default=str)),
        looks=_looks(figures[0]),
        dark_paper=_DARK_PAPER,
        key=KEY,
    )


def _figure(figure: go.Figure, first: bool) -> str:
    """A figure with its titles and what stands below as text of the page, which breaks lines by itself."""
    bare = go.Figure(figure)
    title, subtitle = bare.layout.title.text, bare.layout.title.subtitle.text
    below = [a.text for a in bare.layout.annotations if a.name == BELOW]
    bare.layout.annotations = [a for a in bare.layout.annotations if a.name != BELOW]
    bare.update_layout(title={"text": "", "subtitle": {"text": ""}}, margin={"t": 30, "b": 50}, height=None)
    plot = pio.to_html(
        bare,
        full_html=False,
        include_plotlyjs=first,
        config={"responsive": True},
        default_height=f"{_HEIGHT + _ROW * legend_rows(bare)}px",
    )
    more = f'<div class="below">{_plain(subtitle)}</div>' if subtitle else ""
    words = "".join(f'<p class="below">{_plain(text)}</p>' for text in below)
    return f"<figure><figcaption><strong>{_plain(title)}</strong>{more}</figcaption>{plot}{words}</figure>"


def _plain(text: str) -> str:
    """A line of a figure as HTML: names of models, losses and axes are no tags."""
    return escape(text.replace("<br>", " "))


def _looks(figure: go.Figure) -> str:
    """The figures' template and its dark counterpart, as JSON that may stand in a script."""
    light = json.dumps(figure.layout.template.to_plotly_json(), default=list).replace("</", "<\\/")
    dark = light.replace("rgb(36,36,36)", _DARK_INK).replace('"white"', json.dumps(_DARK_PAPER))
    return f'{{"light": {light}, "dark": {dark}}}'
