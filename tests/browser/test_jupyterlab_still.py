"""The still picture in JupyterLab: unseen beside the live explorer, on show wherever that is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from nbformat import read
from nbformat.sign import NotebookNotary
from playwright.sync_api import Locator, expect

from .conftest import OUTPUT, OpenNotebook
from .explorer import ExplorerOnPage
from .jupyter import JupyterServer
from .lab import Notebook
from .notebooks import BOWL, SHOW
from .waiting import wait_until


@pytest.fixture(scope="module")
def notebook(open_notebook: OpenNotebook) -> Iterator[Notebook]:
    with closing(open_notebook([BOWL, SHOW])) as notebook:
        notebook.run_all()
        yield notebook


def still(notebook: Notebook) -> Locator:
    return notebook.cell(1).locator(".landscape-still, figure:has(img[src^='data:image/png'])")


def has_picture(notebook: Notebook) -> bool:
    outputs = notebook._cell(1, "model.outputs.toJSON()")
    return any("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture
def live(notebook: Notebook) -> ExplorerOnPage:
    notebook.cell(1)
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    wait_until(lambda: has_picture(notebook), "the picture")
    return explorer


def test_beside_the_live_explorer_it_is_unseen_and_leaves_its_view_alone(
    notebook: Notebook, live: ExplorerOnPage
) -> None:
    expect(still(notebook)).to_have_count(1)
    expect(still(notebook)).to_be_hidden()
    view = live.part("heatmap")
    view.evaluate("element => { element.marked = true; }")
    before = still(notebook).locator("img").get_attribute("src")
    live.set_traits(axes=("random", "hessian:min"))
    wait_until(lambda: still(notebook).locator("img").get_attribute("src") != before, "a new picture")
    assert view.evaluate("element => element.marked && element.isConnected")
    notebook.watch.screenshot(OUTPUT / "still-live.png")


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_a_saved_notebook_shows_it_without_a_kernel_that_knows_it(
    notebook: Notebook,
    live: ExplorerOnPage,
    server: JupyterServer,
    open_notebook: OpenNotebook,
    trusted: bool,
) -> None:
    notebook.save()
    path: Path = server.root / notebook.name
    wait_until(lambda: "image/png" in path.read_text(), "the saved notebook")
    if trusted:
        NotebookNotary(data_dir=str(server.root.parent / "data")).sign(read(path, as_version=4))
    else:  # a copy whose content nobody has signed
        path = path.with_name("copy.ipynb")
        path.write_text(
            (server.root / notebook.name).read_text().replace('"explorer"', '"explorer  # copied"')
        )
    with closing(open_notebook(path)) as reader:
        assert (
            reader.page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets[1].model.trusted")
            is trusted
        )
        picture = reader.cell(1).locator("img[src^='data:image/png']")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth") == 860
        expect(reader.cell(1)).to_contain_text("still picture")
        reader.watch.screenshot(OUTPUT / f"still-{'trusted' if trusted else 'untrusted'}.png")
        reader.watch.take_errors()  # JupyterLab complains of the widget that it does not find
