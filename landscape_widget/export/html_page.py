"""Figures as one page that needs neither a kernel nor a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

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
figure { margin: 0; min-width: 0; border-top: 1px solid var(--line); }
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
  for (const plot of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(plot, { template });
}
dark.addEventListener("change", dress);
if (dark.matches) dress();
</script>
</body>
</html>
""")

_DARK_PAPER, _DARK_INK = "#161616", "rgb(222,222,222)"


def page(title: str, sentence: str, figures: Sequence[go.Figure], provenance: Mapping[str, Any]) -> str:
    """A page of its own, plotly.js (about 5 MB) included; light or dark as the reader's system is.

    Args:
        title: Of the page.
        sentence: What the figures come to.
        figures: At least one.
        provenance: What a reader needs to repeat them.
    """
    parts = [
        pio.to_html(
            figure,
            full_html=False,
            include_plotlyjs=i == 0,
            config={"responsive": True},
            default_height="460px",
        )
        for i, figure in enumerate(figures)
    ]
    return _PAGE.substitute(
        title=escape(title),
        sentence=escape(sentence),
        figures="\n".join(f"<figure>{part}</figure>" for part in parts),
        provenance=escape(json.dumps(provenance, indent=2, ensure_ascii=False, default=str)),
        looks=_looks(figures[0]),
        dark_paper=_DARK_PAPER,
    )


def _looks(figure: go.Figure) -> str:
    """The figures' template and its dark counterpart, as JSON that may stand in a script."""
    light = json.dumps(figure.layout.template.to_plotly_json(), default=list).replace("</", "<\\/")
    dark = light.replace("rgb(36,36,36)", _DARK_INK).replace('"white"', json.dumps(_DARK_PAPER))
    return f'{{"light": {light}, "dark": {dark}}}'
