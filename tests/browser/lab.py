"""Notebooks in JupyterLab, driven through its own commands."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator

from .browser import Watch
from .jupyter import JupyterServer, KernelClient
from .waiting import wait_until

WIDGET = "application/vnd.jupyter.widget-view+json"
PANEL = "[...(window.jupyterapp?.shell?.widgets('main') ?? [])].find(({ context }) => context?.path === '%s')"
READY = """() => {
  const panel = %s;
  return panel?.context?.isReady && panel.sessionContext?.isReady
    && panel.sessionContext.session?.kernel?.status === "idle";
}"""


class Notebook:
    """A notebook that is open in JupyterLab, with a kernel of its own.

    Args:
        server: Where it is stored and where its kernel runs.
        watch: The page to open it in.
        cells: The sources of the code cells, or a notebook to copy.
        tab: Whether JupyterLab is on that page already, and the notebook opens beside others.
    """

    def __init__(
        self, server: JupyterServer, watch: Watch, cells: list[str] | Path, *, tab: bool = False
    ) -> None:
        self.name = f"{uuid.uuid4().hex[:8]}.ipynb"
        self._server = server
        path = server.root / self.name
        if isinstance(cells, Path):
            shutil.copy(cells, path)
        else:
            write_notebook(path, cells)
        self.watch = watch
        self.page = page = watch.page
        self._tab = tab
        self._panel = PANEL % self.name
        # A workspace of its own: tabs of another test's notebook must not come back.
        self._url = f"{server.url}/lab/workspaces/{uuid.uuid4().hex}/tree/{self.name}"
        if tab:
            page.evaluate(
                "path => window.jupyterapp.commands.execute('docmanager:open', { path })", self.name
            )
        else:
            page.goto(f"{self._url}?token={server.token}")
        page.wait_for_function(READY % self._panel, timeout=60_000)
        self.kernel_id = str(page.evaluate(f"{self._panel}.sessionContext.session.kernel.id"))
        self.kernel: KernelClient = server.connect(self.kernel_id)

    def run(self, index: int, *, timeout: float = 60) -> list[dict[str, Any]]:
        """Run the cell at `index`, wait for its end, and return its outputs (nbformat)."""
        self.start(index)
        return self.finish(index, timeout=timeout)

    def run_all(self, *, timeout: float = 120) -> None:
        """Run every cell as the menu does, and fail on the first error in an output."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        for index in range(self.n_cells()):
            if self._runs(index):
                self.finish(index, timeout=timeout)

    def start(self, index: int) -> None:
        """Run the cell at `index` without waiting for its end."""
        self.page.evaluate(
            f"""index => {{
              const notebook = {self._panel}.content;
              notebook.activeCellIndex = index;
              notebook.deselectAll();
              window.jupyterapp.commands.execute("notebook:run-cell");
            }}""",
            index,
        )

    def finish(self, index: int, *, timeout: float = 60) -> list[dict[str, Any]]:
        """Wait until the cell at `index` has run and return its outputs.

        Raises:
            AssertionError: If the cell ended with an error.
        """
        wait_until(
            lambda: (
                self._cell(index, "model.sharedModel.executionState") == "idle"
                and self._cell(index, "model.executionCount")
            ),
            f"cell {index} of {self.name} to end",
            timeout,
        )
        outputs: list[dict[str, Any]] = self._cell(index, "model.outputs.toJSON()")
        for output in outputs:
            if output["output_type"] == "error":
                raise AssertionError(re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output["traceback"])))
        return outputs

    def shows_widget(self, index: int) -> bool:
        """Return whether the cell at `index` has a widget among its outputs."""
        outputs = self._cell(index, "model.outputs?.toJSON()") or []
        return any(WIDGET in output.get("data", {}) for output in outputs)

    def add(self, source: str) -> int:
        """Append a code cell and return its index."""
        count: int = self.page.evaluate(
            f"""source => {{
              const model = {self._panel}.content.model.sharedModel;
              model.insertCell(model.cells.length, {{ cell_type: "code", source }});
              return model.cells.length;
            }}""",
            source,
        )
        return count - 1

    def remove(self, index: int) -> None:
        """Remove the cell at `index`, and what it shows."""
        self.page.evaluate(f"index => {self._panel}.content.model.sharedModel.deleteCell(index)", index)

    def set_cells(self, sources: list[str]) -> None:
        """Put code cells, with no outputs yet, in the place of all that there are."""
        self.page.evaluate(
            f"""sources => {{
              const model = {self._panel}.content.model.sharedModel;
              const before = model.cells.length;
              model.insertCells(before, sources.map(source => ({{ cell_type: "code", source }})));
              model.deleteCellRange(0, before);
            }}""",
            sources,
        )

    def n_cells(self) -> int:
        """Return the number of cells."""
        return int(self.page.evaluate(f"{self._panel}.content.model.cells.length"))

    def cell(self, index: int) -> Locator:
        """Return the element of the cell at `index`, scrolled into view (lab draws cells lazily)."""
        self.page.evaluate(f"index => {self._panel}.content.scrollToItem(index, 'start')", index)
        panel = self.page.evaluate(f"{self._panel}.id")
        return self.page.locator(f"[id='{panel}'] .jp-Cell[data-windowed-list-index='{index}']")

    def set_theme(self, theme: str) -> None:
        """Change JupyterLab's theme and wait until the page wears it."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        self.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")

    def draw_scenes(self, drawn: bool) -> None:
        """Have scenes drawn from their next picture on, or left empty where `UNDRAWN` is on the page."""
        self.page.evaluate("drawn => { sessionStorage.drawn = drawn ? 'yes' : ''; }", drawn)

    def save(self) -> None:
        """Save the notebook, outputs included."""
        self.page.evaluate(f"{self._panel}.context.save()")

    def show(self) -> None:
        """Bring it to the front of the tabs."""
        self.page.evaluate(f"window.jupyterapp.shell.activateById({self._panel}.id)")

    def reload(self) -> None:
        """Load the page anew; the kernel and its widgets go on living."""
        self.page.goto(self._url)
        self.page.wait_for_function(READY % self._panel, timeout=60_000)

    def close(self) -> None:
        """Close the page, or the tab, then end the kernel: a page whose kernel is gone complains."""
        if self._tab:
            self.page.evaluate(f"{self._panel}.dispose()")
        else:
            self.page.close()
        self.kernel.close()
        self._server.shut_down_kernel(self.kernel_id)

    def _runs(self, index: int) -> bool:
        """Return whether running the cell leaves an execution count: neither prose nor empty."""
        is_code: bool = self._cell(index, "model.type") == "code"
        return is_code and bool(self._cell(index, "model.sharedModel.source.trim()"))

    def _cell(self, index: int, attribute: str) -> Any:
        return self.page.evaluate(f"index => {self._panel}.content.widgets[index].{attribute}", index)


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of code cells (nbformat 4.5) for the default Python kernel."""
    path.write_text(
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "id": f"cell-{index}",
                        "metadata": {},
                        "source": source,
                        "outputs": [],
                        "execution_count": None,
                    }
                    for index, source in enumerate(cells)
                ],
                "metadata": {
                    "kernelspec": {
                        "name": "python3",
                        "display_name": "Python 3 (ipykernel)",
                        "language": "python",
                    }
                },
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        )
    )
