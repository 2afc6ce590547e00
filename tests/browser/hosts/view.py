"""One view of an explorer, used and read through its page alone: most hosts let nobody ask the kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page

from tests.browser.explorer import IS_DIVERGING, READ_GRID, VIEWS, Grid
from tests.browser.waiting import wait_until

from .sources import CURVATURES

PATIENCE = 300.0
BOXES = (Path(__file__).parents[1] / "boxes.js").read_text(encoding="utf-8")
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class View:
    """The view at `index` of those on a page."""

    def __init__(self, page: Page, index: int) -> None:
        self.page = page
        self.root = page.get_by_test_id("landscape-explorer").nth(index)

    def part(self, test_id: str) -> Locator:
        """The element with this test id."""
        return self.root.get_by_test_id(test_id)

    def status(self) -> str:
        """What the page says the kernel is doing."""
        return str(self.root.get_attribute("data-status"))

    def kernel(self) -> str:
        """What the page says of the kernel."""
        return str(self.root.get_attribute("data-kernel"))

    def request(self) -> int:
        """The number of the request that the heatmap shows; 0 before the first."""
        return int(self.part("heatmap").get_attribute("data-request") or 0)

    def wait_for_result(self, before: int = 0) -> int:
        """Wait until all its pictures are final, of another request than before, and return its number."""
        self.root.wait_for(timeout=PATIENCE * 1e3)
        self.root.scroll_into_view_if_needed(timeout=PATIENCE * 1e3)

        def complete() -> bool:
            final = all(self.part(view).get_attribute("data-final") == "true" for view in VIEWS)
            return self.status() == "done" and self.request() != before and final

        wait_until(complete, f"another result than that of request {before}; {self!r}", PATIENCE)
        return self.request()

    def choose(self, test_id: str, value: str) -> None:
        """Choose an option."""
        self.root.scroll_into_view_if_needed(timeout=PATIENCE * 1e3)
        self.part(test_id).select_option(value)

    def grid(self) -> Grid:
        """The losses in the heatmap."""
        self.part("scale").select_option("linear", force=True)  # also where settings are folded away
        plot = self.part("heatmap").locator(".js-plotly-plot")
        wait_until(lambda: not plot.evaluate(IS_DIVERGING), "a linear scale")
        return Grid(plot.evaluate(READ_GRID))

    def assert_losses(self, alpha: str, beta: str) -> None:
        """Check every number in the heatmap against the closed form of the loss in this plane."""
        grid = self.grid()
        exact = 3 + (CURVATURES[alpha] * grid.x[None, :] ** 2 + CURVATURES[beta] * grid.y[:, None] ** 2) / 2
        assert grid.z.shape == (11, 11)
        # what `accuracy` promises where nodes are interpolated, as a share of the range
        np.testing.assert_allclose(grid.z, exact, rtol=0, atol=0.002 * np.ptp(exact))

    def faults(self) -> list[str]:
        """What touches, covers or is cut off."""
        self.page.evaluate(FRAMES)
        found: list[str] = self.root.evaluate(BOXES)
        return found

    def __repr__(self) -> str:
        if not self.root.count():
            return "<no explorer on the page>"
        error = self.part("error").text_content()
        kernel = self.part("kernel").text_content()
        return f"<explorer {self.status()}, request {self.request()}, error {error!r}, kernel {kernel!r}>"
