"""What stands in one place and is used in others: controls, results, and what the page reads and asks for."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from anywidget import AnyWidget

from landscape_widget import LandscapeExplorer, Objective, Results
from landscape_widget.explorer.latest import RESULTS
from landscape_widget.explorer.messages import AT_POINTS
from landscape_widget.explorer.publisher import TOPICS
from landscape_widget.explorer.traits import CONTROLS
from landscape_widget.export.news import OF_A_PICTURE, PAYLOADS
from landscape_widget.study.controls import Controls
from landscape_widget.study.findings import Findings

KERNEL = Path(__file__).parents[2] / "js" / "src" / "kernel"
STATE = (KERNEL / "state.js").read_text(encoding="utf-8")
TRAITS = LandscapeExplorer.class_traits()


def words(pattern: str) -> set[str]:
    """The quoted words of a place in the page's source."""
    found = re.search(pattern, STATE, re.DOTALL)
    assert found is not None
    return set(re.findall(r'"(\w+)"', found[1]))


def test_every_control_is_a_trait_with_a_check() -> None:
    assert {name for name, trait in TRAITS.items() if "check" in trait.metadata} == set(CONTROLS)


def test_the_constructor_takes_every_control_and_every_keyword_of_an_objective() -> None:
    """With their defaults, but for the number of examples, which is that of all."""
    taken = keywords(LandscapeExplorer)
    controls = {control.name: control.default for control in fields(Controls)} | {"examples": None}
    others = dict.fromkeys(("test_loader", "trajectory", "solutions", "executor", "autosave", "view"))
    assert taken == {**others, **keywords(Objective), **controls}


def keywords(cls: type) -> dict[str, Any]:
    """Keyword-only parameters of a constructor, with their defaults."""
    found = inspect.signature(cls).parameters.values()
    return {each.name: each.default for each in found if each.kind is each.KEYWORD_ONLY}


def test_the_page_knows_every_trait_that_is_sent() -> None:
    sent = set(LandscapeExplorer.class_traits(sync=True)) - set(AnyWidget.class_traits(sync=True))
    results = re.search(r"const DECODERS = \{(.*?)\}", STATE, re.DOTALL)
    assert results is not None
    known = words(r"const CONTROLS = [^[]*\[(.*?)\]") | words(r"const OTHERS = \[(.*?)\.\.\.")
    known |= {f"_{name}" for name in re.findall(r"(\w+):", results[1])}
    assert sent - {"_page", "_runtime"} == known


def test_the_page_asks_for_what_the_kernel_answers() -> None:
    asked = words(r"@param \{([^}]*)\} type\n")
    assert asked == {"shown", "drawn", "compute", "cancel", "table", "along", *AT_POINTS}


def test_every_topic_has_a_trait_and_keeps_findings() -> None:
    assert all(TRAITS[topic.trait].metadata["sync"] for topic in TOPICS)
    known = {field.name for field in fields(Findings)}
    kept = [name for topic in TOPICS for name in topic.keeps(Findings())]
    assert len(kept) == len(set(kept))
    assert set(kept) <= known


def test_every_topic_has_a_payload_and_a_saved_page_holds_what_is_of_a_picture() -> None:
    sent = {topic.trait for topic in TOPICS}
    assert set(PAYLOADS) == sent
    assert set(OF_A_PICTURE) == sent - {"_compared", "progress"}  # a picture by itself, and of none
    held = re.search(
        r"const PARTS = \[(.*?)\n\]", (KERNEL / "saved-pictures.js").read_text("utf-8"), re.DOTALL
    )
    assert held is not None
    assert {f"_{name}" for name in re.findall(r'"(\w+)"', held[1])} == set(OF_A_PICTURE) - {"_surface"}


def test_every_result_is_an_attribute_of_an_explorer_and_comes_from_its_findings() -> None:
    names = {field.name for field in fields(Results)} - {"controls"}
    inner = {"centre_loss", "gradient_norm", "slopes"}  # told with other results
    assert all(isinstance(getattr(LandscapeExplorer, name), property) for name in names - inner)
    assert names - {"eigenpairs"} <= {field.name for field in fields(Findings)}
    put_together = {"evolution", "comparison"}  # of what was found at several centres
    assert (names - inner) | put_together == set(RESULTS), "of which observers hear"
