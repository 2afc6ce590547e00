"""The explorer on a page, in whatever host: what a person can do to it and read from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from .jupyter import KernelClient
from .waiting import wait_until

VIEWS = ("surface", "heatmap", "curvature")
TIMEOUT = 60.0

READ_GRID = """plot => {
  const full = plot._fullData.find(trace => trace.z?.length && trace.z[0]?.length);
  const plain = values => Array.from(values, value => Number.isFinite(value) ? value : null);
  return { x: plain(full.x), y: plain(full.y), z: Array.from(full.z, plain) };
}"""

IS_DIVERGING = "plot => Array.isArray(plot.data[0].colorscale)"

READ_TRACES = """plot => plot._fullData.map(trace => ({
  type: trace.type,
  name: trace.name,
  x: trace.x && Array.from(trace.x),
  y: trace.y && Array.from(trace.y),
}))"""


READ_FINAL = """(root, views) => {
  const parts = views.map(name => root.querySelector(`[data-testid="${name}"]`));
  const final = root.dataset.status === "done" && parts.every(part => part?.dataset.final === "true");
  return final ? Number(parts[0].dataset.request ?? 0) : 0;
}"""
"""The number of the request whose final result every view shows; 0 while one does not."""


LOST = "No kernel: showing saved results; run the cell to go on."
"""What a page says whose kernel is gone."""


def expect_no_kernel(explorer: Locator, words: str = LOST) -> None:
    """Expect a page to say soon that there is no kernel, to grey what needs one, and to show what it has."""
    expect(explorer).to_have_attribute("data-kernel", "gone", timeout=30_000)
    expect(explorer.get_by_test_id("kernel")).to_have_text(words)
    expect(explorer.get_by_test_id("resolution")).to_be_disabled()
    expect(explorer.get_by_test_id("surface").locator(".js-plotly-plot")).to_be_visible()


@contextmanager
def without_plots(page: Page) -> Iterator[None]:
    """All that is said and chosen is there; plots are not, which would be drawn anew at each change."""
    style = page.add_style_tag(content=".lw-plot { display: none; }")
    try:
        yield
    finally:
        style.evaluate("style => style.remove()")


class Grid:
    """A surface or heatmap as plotly holds it: x (nα,), y (nβ,), z (nβ, nα), holes as NaN."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.x = np.array(raw["x"], dtype=np.float64)
        self.y = np.array(raw["y"], dtype=np.float64)
        self.z: NDArray[np.float64] = np.array(raw["z"], dtype=np.float64)


class ExplorerOnPage:
    """One view of an explorer and, beside it, the kernel that holds the same explorer.

    Args:
        page: Where it is.
        kernel: Where the variable `name` holds it.
        name: The variable.
        index: Which one, where a page shows several.
    """

    def __init__(self, page: Page, kernel: KernelClient, name: str = "explorer", index: int = 0) -> None:
        self.page = page
        self.root = page.get_by_test_id("landscape-explorer").nth(index)
        self.kernel = kernel
        self._name = name

    def part(self, test_id: str) -> Locator:
        """Return the element with this test id."""
        return self.root.get_by_test_id(test_id)

    def trait(self, name: str) -> Any:
        """Return an attribute of the explorer in the kernel."""
        return self.kernel.value(f"{self._name}.{name}")

    def set_traits(self, **values: Any) -> None:
        """Set traits in the kernel and wait for the page to show the result."""
        before = self.request()
        changed = any(self.trait(trait) != _as_json(value) for trait, value in values.items())
        # at once: what is between two of them may be computed, too, and nodes of it are known then
        self.kernel.run("\n".join(f"{self._name}.{trait} = {value!r}" for trait, value in values.items()))
        self.wait_for_result(before if changed else before - 1)

    def request(self) -> int:
        """Return the number of the request that the surface shows; 0 before the first."""
        self.root.wait_for()
        return int(self.part("surface").get_attribute("data-request") or 0)

    def wait_for_result(self, after: int = 0) -> int:
        """Wait until every view shows its final result, and return the surface's request number.

        Args:
            after: The result must answer a later request than this one.
        """

        self.root.wait_for(timeout=TIMEOUT * 1e3)
        # what was asked for last: a picture may wait until the page has drawn the one before
        of_kernel = f"[{self._name}.status, {self._name}._number]"

        def complete() -> int:
            shown: int = self.root.evaluate(READ_FINAL, VIEWS)
            return shown if shown > after and self.kernel.value(of_kernel) == ["done", shown] else 0

        return wait_until(complete, lambda: f"a result after request {after}; the page: {self!r}", TIMEOUT)

    def status(self) -> str:
        """Return the status that the page shows."""
        return str(self.root.get_attribute("data-status"))

    def wait_for_status(self, status: str) -> None:
        """Wait until page and kernel agree on this status."""
        expect(self.root).to_have_attribute("data-status", status, timeout=TIMEOUT * 1e3)
        assert self.trait("status") == status

    def grid(self, view: str) -> Grid:
        """Return what the plot of "surface" or "heatmap" holds, on a scale that shows losses."""
        scale = self.part("scale")
        if scale.input_value() == "auto":
            scale.select_option("linear", force=True)  # also where settings are folded away
            if self.trait("split") != "difference":  # which is linear, and diverges about 0, in any case
                wait_until(
                    lambda: not self._plot(view).evaluate(IS_DIVERGING), f"a linear scale in {view}", TIMEOUT
                )
        return Grid(self._plot(view).evaluate(READ_GRID))

    def positions(self, view: str) -> NDArray[np.float64]:
        """Return the heights or colours of a plot on the scale that is on show."""
        return Grid(self._plot(view).evaluate(READ_GRID)).z

    def traces(self, view: str) -> list[dict[str, Any]]:
        """Return type, name, x and y of each trace of a plot."""
        traces: list[dict[str, Any]] = self._plot(view).evaluate(READ_TRACES)
        return traces

    def projections(self, name: str) -> list[float]:
        """Return "kappa_minus" or "kappa_plus" of the random projections, as the kernel sent them."""
        buffer = f"{self._name}._projections['{name}']"
        values: list[float] = self.kernel.value(
            f"__import__('numpy').frombuffer({buffer}, 'float32').tolist()"
        )
        return values

    def assert_plots_equal_kernel(self) -> None:
        """Check every number in the surface and the heatmap against the kernel's arrays."""
        alpha, beta, loss = (
            np.array(self.kernel.value(f"{self._name}.surface.{field}.tolist()"), dtype=np.float64)
            for field in ("alpha", "beta", "loss")
        )
        for view in ("surface", "heatmap"):
            grid = self.grid(view)
            np.testing.assert_array_equal(grid.x, alpha, err_msg=view)
            np.testing.assert_array_equal(grid.y, beta, err_msg=view)
            # The loss travels as float32: half a unit in the last of 24 bits is 6e-8.
            np.testing.assert_allclose(grid.z, loss, rtol=6e-8, atol=0, err_msg=view)

    def open_settings(self) -> None:
        """Unfold what is set once and then left alone, where it is folded away."""
        button = self.part("settings-open")
        if button.get_attribute("aria-expanded") == "false":
            button.click()

    def press(self, test_id: str, *keys: str) -> None:
        """Press keys on a control that has the focus, as a person without a mouse does."""
        control = self.part(test_id)
        control.focus()
        for key in keys:
            control.press(key)

    def _plot(self, view: str) -> Locator:
        return self.part(view).locator(".js-plotly-plot")

    def __repr__(self) -> str:
        if not self.root.count():
            return "<no explorer on the page>"
        views = {view: self.part(view).get_attribute("data-request") for view in VIEWS}
        error = self.part("error").text_content()
        return f"<explorer {self.status()}, {views}, error {error!r}>"


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
