"""No serious finding by axe-core in the explorer, in either theme, alone and with a second plane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import Show
from .dev_page import DONE, FINAL, showing
from .explorer import ExplorerOnPage, without_plots
from .lab import Notebook
from .notebooks import EVERYTHING

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

#: Plotly draws its own pictures: an SVG with a mode bar. What they say stands in words beside them.
RUN = """async (root, only) => {
  const runOnly = only ? { runOnly: { type: "rule", values: only } } : {};
  const { violations, passes } = await axe.run(root, { resultTypes: ["violations"], ...runOnly });
  return {
    passes: passes.length,
    violations: violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`)),
  };
}"""


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """An explorer with every control that there is, and axe-core on its page."""
    with show(EVERYTHING + "explorer.resolution, explorer.examples = 11, 100", height=1600) as notebook:
        notebook.page.evaluate(AXE.read_text(encoding="utf-8"))
        explorer = ExplorerOnPage(notebook.page, notebook.kernel)
        explorer.open_settings()
        explorer.part("glossary-open").click()
        yield notebook
        notebook.set_theme("JupyterLab Light")  # the server keeps it for the tests that follow


def findings(explorer: ExplorerOnPage, *rules: str, within: str | None = None) -> list[str]:
    """What axe-core finds serious or critical in the explorer, or a part of it, by some rules or by all."""
    root = explorer.root if within is None else explorer.part(within)
    result: dict[str, Any] = root.evaluate(RUN, list(rules) or None)
    least = len(rules) or (11 if within is None else 6)
    assert result["passes"] >= least, "axe-core has looked at next to nothing"
    violations: list[str] = result["violations"]
    return violations


def findings_in_both_themes(
    notebook: Notebook, explorer: ExplorerOnPage, within: str | None = None
) -> list[str]:
    """In the theme that is on, and by the rule on colours in the other one, which changes nothing else."""
    return findings(explorer, within=within) + findings_of_colours(notebook, explorer)


def findings_of_colours(notebook: Notebook, explorer: ExplorerOnPage) -> list[str]:
    """In the theme that is not on, which it is from then on."""
    other = {"light": "dark", "dark": "light"}[explorer.root.get_attribute("data-theme") or ""]
    notebook.set_theme(f"JupyterLab {other.title()}")
    expect(explorer.root).to_have_attribute("data-theme", other)
    return findings(explorer, "color-contrast")


def test_no_serious_finding(notebook: Notebook) -> None:
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    assert findings_in_both_themes(notebook, explorer) == []

    request = explorer.request()
    with without_plots(explorer.page):
        explorer.part("compare").click()
        request = explorer.wait_for_result(request)
        expect(explorer.part("heatmap-2")).to_have_attribute("data-request", str(request))
        expect(explorer.part("comparison")).to_be_visible()
        for face in ("spectrum", "trace", "projections"):
            explorer.part(f"face-{face}").locator("xpath=..").click()
            request = explorer.wait_for_result(request)
            assert findings_in_both_themes(notebook, explorer, within="curvature") == [], face
        explorer.part("split-difference").locator("xpath=..").click()
        request = explorer.wait_for_result(request)
        assert findings_in_both_themes(notebook, explorer) == [], "difference"
    explorer.part("split-beside").locator("xpath=..").click()
    request = explorer.wait_for_result(request)
    assert findings(explorer) == [], "four pictures"
    with without_plots(explorer.page):
        assert findings_of_colours(notebook, explorer) == [], "four pictures"
        explorer.part("split-train").locator("xpath=..").click()
        explorer.wait_for_result(request)


def test_no_serious_finding_in_pins_and_scores(notebook: Notebook) -> None:
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    pin = notebook.kernel.value("explorer.pin(0.0, 0.0).number")
    expect(explorer.part(f"pin-{pin}")).to_have_attribute("data-done", "true", timeout=60_000)
    if explorer.part("table-open").get_attribute("aria-expanded") == "false":
        explorer.part("table-open").click()
    with without_plots(explorer.page):
        assert findings_in_both_themes(notebook, explorer) == []


@pytest.mark.parametrize(("theme", "face"), [("light", "spectrum"), ("dark", "projections")])
def test_no_serious_finding_without_a_host(dev: Page, theme: str, face: str) -> None:
    """With names and colours of words, of which axe-core sees next to none within JupyterLab's notebook."""
    asked = f"{FINAL}&theme={theme}&face={face}"
    with showing(dev, asked, width=1400, height=1600) as page, without_plots(page):
        page.evaluate(AXE.read_text(encoding="utf-8"))
        root = page.get_by_test_id("landscape-explorer")
        for part in ("settings-open", "glossary-open", "compare"):
            root.get_by_test_id(part).click()
        expect(root.get_by_test_id("heatmap-2")).to_have_attribute("data-final", "true", timeout=60_000)
        page.wait_for_function(DONE, timeout=60_000)
        result: dict[str, Any] = root.evaluate(RUN, None)
        assert result["violations"] == []
        assert result["passes"] >= 11


#: All that can be used and is in sight, by name, the first of which takes the focus; a group of radio buttons
#: is one stop.
STOPS = """root => {
  const all = [...root.querySelectorAll("button, input, select, summary, [tabindex='0'], a[href]")];
  const seen = all.filter(part => !part.disabled && part.checkVisibility({ visibilityProperty: true }));
  const stops = seen.filter(part => part.type !== "radio" || part.checked);
  const name = part => part.dataset.testid ?? part.getAttribute("aria-label") ?? part.className;
  stops[0].focus();
  return stops.map(name);
}"""

HERE = """() => {
  const part = document.activeElement;
  return part.dataset.testid ?? part.getAttribute("aria-label") ?? part.className;
}"""


def test_the_tab_key_reaches_everything(notebook: Notebook) -> None:
    """In order, from the first control to the last, with settings, glossary and the table of pins open."""
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    stops: list[str] = explorer.root.evaluate(STOPS)
    assert {"settings-open", "seed", "titled", "copy-python", "save-png"} <= set(stops)
    reached = [notebook.page.evaluate(HERE)]
    while len(reached) < len(stops):
        notebook.page.keyboard.press("Tab")
        reached.append(notebook.page.evaluate(HERE))
    assert sorted(reached) == sorted(stops)


def test_a_serious_fault_would_be_found(notebook: Notebook) -> None:
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    seed = explorer.part("seed")
    seed.evaluate("input => { input.dataset.was = input.id; input.id = 'nameless'; }")
    try:
        assert any(finding.startswith("label") for finding in findings(explorer))
    finally:
        seed.evaluate("input => { input.id = input.dataset.was; }")
