"""The quickstart as it is shipped, in JupyterLab: it runs, its numbers are right, a lost kernel is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from ..notebooks.test_notebooks import QUICKSTART as CHECKED
from ..notebooks.test_notebooks import check_quickstart
from .explorer import VIEWS, ExplorerOnPage, expect_no_kernel
from .jupyter import JupyterServer
from .lab import Notebook
from .notebooks import FEW_PICTURES
from .pixels import middle, pixels, sectors, spread
from .waiting import wait_until

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
#: What only takes time there, and what stands in its place: a third of the images, as often, and few pictures
#: on the way to a result.
SMALLER = {
    "test_size=0.25": "train_size=0.25, test_size=0.25",
    "range(20)": "range(40)",
    "resolution=31": "resolution=11",
    "from landscape_widget import": f"{json.dumps(FEW_PICTURES)[1:-1]}from landscape_widget import",
}


@pytest.fixture(scope="module")
def quickstart(
    server: JupyterServer, lab: Notebook, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notebook]:
    """The shipped notebook, executed in a tab with a kernel of its own, with its explorer in sight."""
    text = QUICKSTART.read_text("utf-8")
    for large, small in SMALLER.items():
        assert large in text
        text = text.replace(large, small)
    smaller = tmp_path_factory.mktemp("quickstart") / QUICKSTART.name
    smaller.write_text(text, "utf-8")
    lab.page.set_viewport_size({"width": 1400, "height": 1200})
    lab.draw_scenes(False)
    with closing(Notebook(server, lab.watch, smaller, tab=True)) as notebook:
        notebook.run_all(timeout=300)
        cells = [index for index in range(notebook.n_cells()) if notebook.shows_widget(index)]
        assert cells, "no cell of the quickstart shows a widget"
        notebook.cell(cells[0])
        yield notebook


def test_quickstart_runs(quickstart: Notebook, tmp_path: Path) -> None:
    explorer = ExplorerOnPage(quickstart.page, quickstart.kernel)
    explorer.wait_for_result()
    plane = explorer.part("heatmap").locator(".nsewdrag")
    wait_until(lambda: sectors(pixels(plane)) >= 4, "the saddle to be seen on the rendered plane")
    quickstart.draw_scenes(True)
    explorer.set_traits(split="difference")
    explorer.wait_for_result()
    explorer.assert_plots_equal_kernel()
    for view in VIEWS:
        assert spread(middle(pixels(explorer.part(view)))) > 5, f"{view} is blank"
    kept = ", ".join(f"{key!r}: {expression}" for key, expression in CHECKED.items())
    quickstart.kernel.run(f"torch.save({{{kept}}}, {str(tmp_path / 'kept.pt')!r})")
    check_quickstart(torch.load(tmp_path / "kept.pt", weights_only=False))


def test_a_kernel_that_another_client_restarts_is_gone(quickstart: Notebook, server: JupyterServer) -> None:
    """The last test of the quickstart's notebook, since it takes the kernel away."""
    server.request("POST", f"kernels/{quickstart.kernel_id}/restart")
    expect_no_kernel(ExplorerOnPage(quickstart.page, quickstart.kernel).root)
