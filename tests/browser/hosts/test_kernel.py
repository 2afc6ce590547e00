"""A page in JupyterLab whose kernel is busy for long, killed, or shut down from the menu."""

from __future__ import annotations

import os
import signal
from contextlib import closing

from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenNotebook
from tests.browser.explorer import expect_no_kernel
from tests.browser.lab import Notebook
from tests.browser.notebooks import BOWL, SHOW

#: Longer than a silent kernel is left unasked and may take to answer.
BUSY = "import time\ntime.sleep(13)"

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


def test_a_kernel_that_is_busy_killed_or_shut_down(open_notebook: OpenNotebook) -> None:
    with closing(open_notebook([BOWL, SHOW, BUSY])) as notebook:
        explorer = shown(notebook)
        explorer.evaluate(SEEN)
        notebook.run(2)
        assert set(notebook.page.evaluate("() => window.seen")) == {"there"}

        os.kill(notebook.kernel.value("__import__('os').getpid()"), signal.SIGKILL)
        expect_no_kernel(explorer)
        notebook.watch.take_errors()  # JupyterLab complains of messages that the kill has cut
        notebook.page.get_by_role("button", name="Ok", exact=True).click()  # it starts a new one

        explorer = shown(notebook)
        notebook.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        notebook.page.locator(".lm-Menu").get_by_text("Shut Down Kernel", exact=True).click()
        expect_no_kernel(explorer)
