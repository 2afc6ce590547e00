"""A page in JupyterLab whose kernel is busy for long, restarted by another client, or killed."""

from __future__ import annotations

import os
import signal
from contextlib import closing

from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .jupyter import JupyterServer
from .lab import Notebook
from .notebooks import BOWL, SHOW

#: Longer than a silent kernel is left unasked and may take to answer.
BUSY = "import time\ntime.sleep(13)"

GONE = "No kernel: showing saved results; run the cell to go on."

SEEN = """e => {
  window.seen = [e.dataset.kernel];
  const look = () => window.seen.push(e.dataset.kernel);
  new MutationObserver(look).observe(e, {attributeFilter: ["data-kernel"]});
}"""


def shown(notebook: Notebook) -> Locator:
    """The explorer of the second cell, once it is done."""
    notebook.run(0)
    notebook.run(1)
    explorer = notebook.cell(1).get_by_test_id("landscape-explorer")
    expect(explorer).to_have_attribute("data-status", "done", timeout=60_000)
    expect(explorer).to_have_attribute("data-kernel", "there")
    return explorer


def expect_gone(explorer: Locator) -> None:
    expect(explorer).to_have_attribute("data-kernel", "gone", timeout=30_000)
    expect(explorer.get_by_test_id("kernel")).to_have_text(GONE)
    expect(explorer.get_by_test_id("resolution")).to_be_disabled()
    expect(explorer.get_by_test_id("surface").locator(".js-plotly-plot")).to_be_visible()


def test_a_kernel_that_is_busy_restarted_or_killed(
    open_notebook: OpenNotebook, server: JupyterServer
) -> None:
    with closing(open_notebook([BOWL, SHOW, BUSY])) as notebook:
        explorer = shown(notebook)
        explorer.evaluate(SEEN)
        notebook.run(2)
        assert set(notebook.page.evaluate("() => window.seen")) == {"there"}

        server.request("POST", f"kernels/{notebook.kernel_id}/restart")
        expect_gone(explorer)

        explorer = shown(notebook)
        os.kill(notebook.kernel.value("__import__('os').getpid()"), signal.SIGKILL)
        expect_gone(explorer)
