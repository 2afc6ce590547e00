"""The page on both papers says what the kept results say."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from .floors import ROOT


@pytest.fixture(scope="module")
def ledger() -> Any:
    sys.path.insert(0, str(ROOT / "notebooks" / "papers"))
    try:
        return importlib.import_module("ledger")
    finally:
        sys.path.pop(0)


def test_the_page_is_written_from_the_results(ledger: Any) -> None:
    text = ledger.PAGE.read_text("utf-8")
    assert ledger.page(text, ledger.results()) == text, "expected it as `make papers` writes it"


def test_every_verdict_holds(ledger: Any) -> None:
    found, wrong = ledger.results(), []
    for claim in [*ledger.BOTTCHER, *ledger.LI]:
        measured = claim.source not in ledger.PARTS or claim.source in found
        if measured and claim.holds is not None and not claim.holds(found):
            wrong.append(claim.place)
        if claim.verdict != "same":
            assert claim.why, claim.place
        known = claim.source in ledger.PARTS or (ROOT / "notebooks" / f"{claim.source}.ipynb").exists()
        assert known or claim.verdict == "cannot", claim.place
    assert not wrong


def test_a_figure_that_changes_is_noticed(ledger: Any) -> None:
    found = ledger.results()
    found["examples"]["26"]["means"]["A"][0] = 7.0
    assert not ledger.BOTTCHER[0].holds(found)
    text = ledger.PAGE.read_text("utf-8")
    assert ledger.page(text, found) != text
