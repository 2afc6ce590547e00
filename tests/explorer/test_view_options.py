"""How pages show losses at first: what may be asked for, and that the page knows the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import traitlets

from landscape_widget import LandscapeExplorer
from landscape_widget.explorer.view_options import CHOICES, CONTROLS

from ..support.gates import gated_saddle

Make = Callable[..., LandscapeExplorer]
JS = Path(__file__).parents[2] / "js" / "src"

EYE = {"eye": {"x": 1.2, "y": -1.3, "z": 1.0}}


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"scale": "log", "map": "Cividis"},
        {"contours": False, "camera": EYE},
        {"camera": None},
        {"camera": EYE | {"up": {"z": 1}, "projection": {"type": "orthographic"}}},
        {"controls": ["axes"]},
    ],
)
def test_what_may_be_asked_for(make_explorer: Make, view: dict[str, Any]) -> None:
    explorer = make_explorer(gated_saddle()[1], view=view)
    assert explorer.view == view
    explorer.view = {"quadratic": True}
    assert explorer.get_state("view")["view"] == {"quadratic": True}
    assert explorer.status == "idle", "it asks for no other result"


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"scales": "log"}, "Expected options of view among scale, map, .*, controls, got 'scales'"),
        ({"scale": "cubic"}, r"Expected view\['scale'\] as one of 'auto', 'linear', 'log', got 'cubic'"),
        ({"contours": 1}, r"Expected view\['contours'\] as one of True, False, got 1"),
        ({"camera": {"eye": {"x": float("nan")}}}, r"Expected view\['camera'\] as plotly's"),
        ({"camera": "north"}, r"Expected view\['camera'\] as plotly's"),
        ({"camera": {"eye": {"x": 10**400}}}, r"Expected view\['camera'\] as plotly's"),
        ({"camera": {"eye": {"w": 1}}}, r"Expected view\['camera'\] as plotly's"),
        ({"camera": {"eyes": EYE["eye"]}}, r"Expected view\['camera'\] as plotly's"),
        ({"camera": EYE | {"projection": {"type": object()}}}, r"Expected view\['camera'\] as plotly's"),
        (
            {"controls": "axes"},
            r"Expected view\['controls'\] as a list such as \['axes', 'seed'\], got 'axes'",
        ),
        ({"controls": ["axis"]}, r"Expected names in view\['controls'\] among axes, .*; got 'axis'.*'axes'"),
        ({"controls": [["axes"]]}, r"Expected names in view\['controls'\] among axes, .*; got \["),
    ],
)
def test_what_is_refused(make_explorer: Make, view: dict[str, Any], message: str) -> None:
    with pytest.raises(traitlets.TraitError, match=message):
        make_explorer(gated_saddle()[1], view=view)


def test_the_page_has_the_same_options_with_the_same_defaults() -> None:
    link = (JS / "ui" / "link.js").read_text(encoding="utf-8")
    usual = re.search(r"const USUAL = \{ (.*), camera: null, controls: null \};", link)
    assert usual is not None
    known = {"true": True, "false": False}
    found = dict(re.findall(r"(\w+): \"?(\w+)\"?", usual[1]))
    assert {name: known.get(value, value) for name, value in found.items()} == {
        name: choices[0] for name, choices in CHOICES.items()
    }
    options = (JS / "controls" / "view-options.js").read_text(encoding="utf-8")
    maps = (JS / "model" / "colours.js").read_text(encoding="utf-8")
    assert all(f'value: "{scale}"' in options for scale in CHOICES["scale"])
    assert all(f'value: "{colour}"' in options for colour in CHOICES["colour"])
    assert all(f'{name}: "{name}"' in maps for name in CHOICES["map"])


def test_the_page_knows_the_same_controls() -> None:
    text = (JS / "controls" / "offered.js").read_text(encoding="utf-8")
    parts = re.search(r"const PARTS = \{\n(.*?)\n\};", text, re.DOTALL)
    assert parts is not None
    assert sorted(re.findall(r"^  (\w+):", parts[1], re.MULTILINE)) == sorted(CONTROLS)
