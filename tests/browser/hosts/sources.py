"""What each host is given to show: the same explorers of a function whose every loss is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CURVATURES = {"hessian:max": 4.0, "hessian:max:2": 2.0, "hessian:min": -1.0}
"""Curvatures along the axes that the acts choose; the loss in their plane is 3 + ½ (a α² + b β²)."""

_MAKE = """
import time
from pathlib import Path
import torch
from landscape_widget import LandscapeExplorer, Objective

slow = Path({slow!r})
curvatures = torch.tensor([4.0, 2.0, 1.0, 0.5, -0.5, -1.0], dtype=torch.float64)

def bowl(theta):
    if slow.exists():
        time.sleep(0.3)
    return (curvatures * theta**2).sum() / 2 + 3

def make():
    objective = Objective.from_function(bowl, torch.zeros(6, dtype=torch.float64))
    return LandscapeExplorer(objective, resolution=11)

first, second, third = make(), make(), make()
"""
NAMES = ("first", "second", "third")

_SHOW = "[first, first, second, third]"
"""The first one in two views: four on a page."""


def made(slow: Path) -> str:
    """Three explorers in Python, whose function is slow while a file exists."""
    return _MAKE.format(slow=str(slow))


def cells(slow: Path) -> list[str]:
    """A notebook that shows them."""
    return [made(slow), f"from IPython.display import display\nfor each in {_SHOW}:\n    display(each)"]


def run(slow: Path) -> dict[str, Any]:
    """The three explorers, made here; who asks for them closes them."""
    made_here: dict[str, Any] = {}
    exec(made(slow), made_here)
    return {name: made_here[name] for name in NAMES}


def static(slow: Path, path: Path) -> None:
    """Write the first of them as a page that holds two of its planes."""
    explorers = run(slow)
    try:
        planes = [("hessian:max", "hessian:min"), ("hessian:max:2", "hessian:min")]
        explorers["first"].to_html(path, planes=planes)
    finally:
        for explorer in explorers.values():
            explorer.close()


def marimo(slow: Path) -> str:
    """A marimo notebook that shows them."""
    lines = "\n".join(f"    {line}" for line in made(slow).splitlines())
    shown = ", ".join(f"mo.ui.anywidget({name})" for name in ("first", "first", "second", "third"))
    return (
        f"import marimo\napp = marimo.App(width='full')\n\n@app.cell\ndef _():\n{lines}\n"
        "    return first, second, third\n\n"
        "@app.cell\ndef _(first, second, third):\n    import marimo as mo\n"
        f"    mo.vstack([{shown}])\n    return\n\nif __name__ == '__main__':\n    app.run()\n"
    )


def solara(slow: Path) -> str:
    """A Solara app that shows them, made anew for each person."""
    lines = "\n".join(
        f"    {line}" for line in made(slow).splitlines() if not line.startswith(("import", "from"))
    )
    return (
        "import time\nfrom pathlib import Path\nimport solara\nimport solara.lab\nimport torch\n"
        f"from landscape_widget import LandscapeExplorer, Objective\n\ndef explorers():\n{lines}\n"
        "    return first, second, third\n\n@solara.component\ndef Page():\n"
        "    if solara.use_router().search == 'dark':\n        solara.lab.theme.dark = True\n"
        "    first, second, third = solara.use_memo(explorers, [])\n"
        "    with solara.Column():\n"
        f"        for each in {_SHOW}:\n            solara.display(each)\n"
    )


def panel(slow: Path) -> str:
    """A Panel app that shows them."""
    return (
        f"import panel as pn\npn.extension('ipywidgets')\n{made(slow)}\n"
        f"panes = [pn.pane.IPyWidget(each, sizing_mode='stretch_width') for each in {_SHOW}]\n"
        "pn.Column(*panes, sizing_mode='stretch_width').servable()\n"
    )
