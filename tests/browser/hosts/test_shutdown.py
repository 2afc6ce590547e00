"""A kernel that is shut down from JupyterLab's own menu, under a page that shows an explorer."""

from __future__ import annotations

from contextlib import closing

from tests.browser.conftest import OpenNotebook
from tests.browser.notebooks import BOWL, SHOW
from tests.browser.test_no_kernel import expect_gone, shown


def test_the_page_says_so(open_notebook: OpenNotebook) -> None:
    with closing(open_notebook([BOWL, SHOW])) as notebook:
        explorer = shown(notebook)
        notebook.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        notebook.page.locator(".lm-Menu").get_by_text("Shut Down Kernel", exact=True).click()
        expect_gone(explorer)
