"""The front page and the docs: short where they should be, links that lead somewhere, code that runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import landscape_widget
from landscape_widget.study.controls import FACES

from . import api, floors
from .floors import ROOT

DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)


def links(page: Path) -> list[str]:
    """Addresses of links and pictures within the repository."""
    found = LINK.findall(CODE.sub("", page.read_text("utf-8")))
    return [address for address in found if not address.startswith(("https:", "http:"))]


def anchors(page: Path) -> set[str]:
    """What headings are called in an address."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for address in links(page):
        name, _, anchor = address.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), address
        assert not anchor or anchor in anchors(target), address


def test_every_page_is_linked_from_the_front_page() -> None:
    linked = {(ROOT / address.partition("#")[0]).resolve() for address in links(ROOT / "README.md")}
    assert set(DOCS[1:]) <= linked


def test_the_front_page_is_short_and_names_both_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", CODE.sub("", text)).split()
    assert 240 <= len(words) <= 450
    commands = re.findall(r"^make (\w+)", text, re.MULTILINE)
    assert commands == ["demo", "test"]


def test_the_code_of_the_front_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 11
    data = torch.randn(12, 3), torch.arange(12) % 2
    names: dict[str, Any] = {"model": nn.Linear(3, 2), "train_loader": data, "test_loader": data}
    exec(code, names)
    explorer = names["explorer"]
    assert explorer.axes == ("hessian:max", "random")
    assert explorer.eigenpairs.converged.all()
    assert explorer.surface.final
    assert (tmp_path / "run.html").stat().st_size > 0.5e6, "plotly.js is in it"
    explorer.close()


def test_each_view_has_its_part_on_the_page_of_views() -> None:
    """By the titles of the page's panels: what each shows, how it is read, and what misleads."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "js" / "src").rglob("*.js"))
    titles = re.findall(r'createPanel\([^,]+, "([^"]+)"|const TITLE = "([^"]+)"', sources)
    panels = {one or other for one, other in titles} - {"Curvature"}
    faces = {f"Curvature: {face}" for face in FACES}
    assert {"Surface", "Plane", "Slices", "Lines from θ*"} <= panels
    _, *parts = (ROOT / "docs" / "views.md").read_text("utf-8").split("\n## ")
    told = {}
    for part in parts:
        heading, _, words = part.partition("\n")
        told[heading.replace("\\", "").removeprefix("The ").capitalize()] = words
    wanted = {title.capitalize() for title in panels | faces} | {"Verdict", "Compare", "Pins", "Caption"}
    assert wanted <= set(told)
    for heading in wanted:
        leads = re.findall(r"^- \*\*(\w+)", told[heading], re.MULTILINE)
        assert leads == ["Shows", "Read", "Misleads"], heading


def test_the_moving_picture_is_light_and_moves() -> None:
    from PIL import Image

    path = ROOT / "docs" / "images" / "explorer.webp"
    assert path.stat().st_size < 1.5e6
    with Image.open(path) as picture:
        assert picture.n_frames > 5


def test_the_floors_are_those_of_the_contract() -> None:
    found = floors.PICTURE.search(floors.PAGE.read_text("utf-8"))
    assert found, "expected a picture after <!-- floors -->"
    assert found[0] == floors.picture(), "draw it anew: python -m tests.project.floors"


def test_the_contract_holds_every_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "landscape_widget").glob("*/__init__.py")}
    assert {room for floor in floors.floors() for room in floor} == rooms


def test_each_room_of_the_page_has_its_line() -> None:
    rooms = {path.name for path in (ROOT / "js" / "src").iterdir() if path.is_dir()}
    named = re.findall(r"^\| `(\w+)/` \|", floors.PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(named) == rooms
    assert len(named) == len(rooms)


STEP = re.compile(r"^\| .* \| `([\w/.]+)` \| `(\w+)` \|$", re.MULTILINE)


def test_the_ways_through_the_house_lead_past_what_is_there() -> None:
    steps = STEP.findall(floors.PAGE.read_text("utf-8"))
    assert len(steps) > 15
    for path, name in steps:
        source = (ROOT / path).read_text("utf-8")
        assert re.search(rf"\b(def|class|function|const) {name}\b", source), f"{name} in {path}"


def test_every_name_has_its_line_in_the_list() -> None:
    found = api.LISTS.search(api.PAGE.read_text("utf-8"))
    assert found, "expected lists between <!-- lists --> and <!-- end -->"
    assert found[0] == api.lists(), "write them anew: python -m tests.project.api"
    names = re.findall(r"^\| `(\w+)` \| \S.*\.? \|$", found[0], re.MULTILINE)
    assert sorted(names) == sorted(landscape_widget.__all__)
    rows = re.findall(r"^\| `(\.?\w+)` \| (.*) \|$", found[0], re.MULTILINE)
    assert [name for name, words in rows if not words] == []
