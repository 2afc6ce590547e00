"""What a notebook keeps of an explorer, and what goes when a cell is run again, in a real kernel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from ipywidgets.embed import embed_data
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbconvert import HTMLExporter, LatexExporter

from landscape_widget import LandscapeExplorer

from ..support.gates import HUNG, gated_saddle, settle
from ..support.scripts import SHORT_DENSITIES

WIDGET = "application/vnd.jupyter.widget-view+json"

BEGINNING = """
import gc, threading, time, weakref
import torch
from ipywidgets import Accordion, Button, HBox, IntSlider, Tab, VBox, jsdlink, jslink
from traitlets import link
from landscape_widget import LandscapeExplorer, Objective

def f(t):
    return (4 * t[0] ** 2 - t[1] ** 2) / 2 + 1

# to look for them among all objects may break a tuple that another thread is making
made = weakref.WeakSet()

def explorer_of(loss, **more):
    theta = torch.zeros(4, dtype=torch.float64)
    explorer = LandscapeExplorer(Objective.from_function(loss, theta), resolution=5, **more)
    made.add(explorer)
    return explorer

def make():
    return explorer_of(f, samples=4)

def wait():
    for one in list(made):
        one.wait()

def alive(expected):
    # a cancelled computation ends after its present step
    until = time.monotonic() + 30
    while len(made) != expected and time.monotonic() < until:
        time.sleep(0.05)
        gc.collect()
    return len(made)

# drawing took most of the time of these tests
from landscape_widget.export import still_output
drawn = []
def one_for_all(*given, draw=still_output.still_picture, **more):
    if not drawn:
        drawn.append(draw(*given, **more))
    return drawn[0]
still_output.still_picture = one_for_all

gc.collect()
gc.freeze()  # to look through what libraries hold took most of the time of these tests
"""

SLOW = """
entered, gate = threading.Event(), threading.Event()
def held(t):
    if threading.current_thread() is not threading.main_thread():
        entered.set()
        gate.wait(60)
    return f(t)
def slow():
    return explorer_of(held)
"""
"""An explorer whose computation waits for an event."""

Outputs = list[dict[str, Any]]


class Kernel:
    """A kernel and what its cells put out."""

    def __init__(self) -> None:
        self.manager, self._client = start_new_kernel(env={**os.environ, "OMP_NUM_THREADS": "1"})
        self.run(SHORT_DENSITIES + BEGINNING)

    def run(self, code: str, cell: str | None = None, attended: bool = True) -> Outputs:
        """Messages of outputs that came while the cell ran."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": attended,
            "stop_on_error": True,
        }
        session = self._client.session
        message = session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self._client.shell_channel.send(message)
        outputs: Outputs = []
        while True:
            got = self._client.get_iopub_msg(timeout=HUNG)
            mine = got["parent_header"].get("msg_id") == message["header"]["msg_id"]
            if mine and got["content"].get("execution_state") == "idle":
                break
            assert got["msg_type"] != "error", "\n".join(got["content"]["traceback"])
            if got["msg_type"] in ("stream", "display_data", "execute_result", "update_display_data"):
                outputs.append({"kind": got["msg_type"], "mine": mine, **got["content"]})
        self._client.get_shell_msg(timeout=HUNG)
        return outputs

    def tell(self, expression: str) -> str:
        return "".join(
            o["text"] for o in self.run(f"print({expression})") if o.get("name") == "stdout"
        ).strip()

    def close(self) -> None:
        self._client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def running() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.fixture
def kernel(running: Kernel) -> Kernel:
    """A kernel without explorers of other tests."""
    for cell in ("one", "two", "three"):
        running.run("explorer = other = box = None", cell)
    running.run("gc.collect();")
    assert running.tell("alive(0)") == "0"
    return running


def still(outputs: Outputs) -> list[dict[str, Any]]:
    return [o["data"] for o in outputs if "landscape-still" in o.get("data", {}).get("text/html", "")]


@pytest.mark.parametrize(
    ("code", "numbered", "times"),
    [
        ("explorer = make()\nexplorer", True, 3),
        ("make()", False, 2),
        ("explorer = make()\nbox = HBox([Button(), VBox([explorer])])\ndisplay(box)", True, 2),
        ("Tab([Accordion([make()])])", False, 2),
        (
            "explorer, other = make(), IntSlider()\nlink((explorer, 'seed'), (other, 'value'))\n"
            "VBox([other, explorer])",
            True,
            2,
        ),
        (
            "explorer, other = make(), IntSlider()\njslink((other, 'value'), (explorer, 'seed'))\n"
            "VBox([other, explorer])",
            True,
            2,
        ),
        ("explorer = make()\ndisplay(explorer)\nVBox([explorer])", True, 2),
    ],
    ids=[
        "a variable",
        "cells known by their code",
        "a container in a container that is displayed",
        "a container of containers by their code",
        "a linked control beside it",
        "a control beside it that the page links",
        "in a container and by itself",
    ],
)
def test_a_cell_that_is_run_again_keeps_one_explorer(
    kernel: Kernel, code: str, numbered: bool, times: int
) -> None:
    threads = []
    for _ in range(times):
        kernel.run(code, "one" if numbered else None)
        kernel.run("wait()")
        threads.append(int(kernel.tell("threading.active_count()")))
    assert kernel.tell("alive(1)") == "1"
    assert threads[-1] <= threads[0]
    if numbered:
        kernel.run("explorer = other = box = None", "one")
    else:  # the same cell, and no explorer
        kernel.run("kept, make = make, Button")
        kernel.run(code)
        kernel.run("make = kept")
    assert kernel.tell("alive(0)") == "0"


def test_a_cell_that_is_run_again_ends_what_its_explorer_computes(kernel: Kernel) -> None:
    kernel.run(SLOW)
    kernel.run("explorer = slow()\nexplorer", "one")
    kernel.run("entered.wait(60); request = explorer._request", "three")
    kernel.run("explorer = make()\nexplorer", "one")
    assert kernel.tell("request.cancelled") == "True"
    kernel.run("gate.set(); request.done.wait(60); explorer.wait(); del request")
    kernel.run("None")  # the next cell that ends frees what has ended meanwhile
    assert kernel.tell("alive(1)") == "1"


def test_what_another_cell_shows_or_a_variable_holds_stays(kernel: Kernel) -> None:
    kernel.run("explorer = make()\nexplorer", "one")
    kernel.run("explorer", "two")
    kernel.run("other = make()\nother", "three")
    kernel.run("explorer = box = None", "one")  # no longer shown there
    kernel.run("box, other = [other], None", "three")
    assert kernel.tell("alive(2)") == "2"
    kernel.run("box[0].compute(); box[0].resolution = 7; box[0].wait(); None")
    assert kernel.tell("box[0].surface.loss.shape, box[0].status") == "(7, 7) done"
    kernel.run("None", "two")
    assert kernel.tell("alive(1)") == "1"
    kernel.run("box[0]", "one")  # shown again, and kept again
    kernel.run("box = None; gc.collect();")
    assert kernel.tell("alive(1)") == "1"


def test_what_a_container_elsewhere_or_a_variable_holds_stays(kernel: Kernel) -> None:
    kernel.run("explorer, button = make(), Button()\nbox = VBox([explorer, button])\nbox", "one")
    kernel.run("HBox([explorer])", "two")
    kernel.run("number = box.model_id\nexplorer = box = None", "one")  # shown in the second cell alone
    assert kernel.tell("alive(1)") == "1"
    assert kernel.tell("number in type(button).widgets, button.comm is None") == "False False"
    kernel.run("other = VBox([make()])\nother", "three")
    kernel.run("box, other = other, None", "three")
    assert kernel.tell("alive(2)") == "2"
    kernel.run("box.children[0].compute(); None")
    kernel.run("box", "three")  # shown again
    kernel.run("box.children = (make(),)")
    kernel.run("box = None", "two")
    assert kernel.tell("alive(1)") == "1"  # of the box that is on show, the one that it holds now
    kernel.run("None", "three")
    assert kernel.tell("alive(0)") == "0"


def test_what_the_page_links_lasts_as_long_as_the_explorer_and_keeps_none(kernel: Kernel) -> None:
    links = "sum(type(one).__name__ in ('Link', 'DirectionalLink') for one in gc.get_objects())"
    before = int(kernel.tell(links))
    kernel.run("other = IntSlider()\nother", "two")
    for _ in range(2):  # a control of another cell outlives the explorers that it is linked to
        kernel.run("explorer = make(); jsdlink((other, 'value'), (explorer, 'seed'))\nexplorer", "one")
    assert kernel.tell("alive(1)") == "1"
    kernel.run("wait()")
    assert int(kernel.tell(links)) == before + 1
    kernel.run("None", "one")  # shown nowhere, and linked as before: it is still there
    assert int(kernel.tell(f"gc.collect() * 0 + {links}")) == before + 1
    kernel.run("explorer", "one")
    kernel.run("explorer = None", "one")
    assert kernel.tell("alive(0)") == "0"
    assert int(kernel.tell(links)) == before


def test_a_cell_that_is_run_again_ends_what_an_explorer_in_its_container_computes(kernel: Kernel) -> None:
    """Unless a variable leads to it, as the container that was kept does."""
    kernel.run(SLOW)
    kernel.run("kept = box = VBox([slow()])\nbox", "one")
    kernel.run("entered.wait(60); request = box.children[0]._request", "three")
    kernel.run("box = None", "one")
    assert kernel.tell("request.cancelled") == "False"
    kernel.run("kept", "one")
    kernel.run("kept = None", "one")
    assert kernel.tell("request.cancelled") == "True"
    kernel.run("gate.set(); request.done.wait(60); del request")
    kernel.run("None")
    assert kernel.tell("alive(0)") == "0"


@pytest.mark.parametrize("attended", [True, False])
def test_a_container_has_a_picture_of_each_explorer_below(kernel: Kernel, attended: bool) -> None:
    first = kernel.run("explorer, other = make(), make()\nTab([explorer, VBox([other])])", "one", attended)
    assert sum(WIDGET in o.get("data", {}) for o in first if o["mine"]) == 1
    assert len([o for o in first if o["kind"] == "display_data"]) == 2
    later = kernel.run("explorer.wait(); other.wait(); None", "two")
    pictures = {o["transient"]["display_id"] for o in first + later if "image/png" in o.get("data", {})}
    assert pictures == set(kernel.tell("explorer._still_class + ' ' + other._still_class").split())


def test_the_picture_follows_the_explorer_and_never_its_own_output(kernel: Kernel) -> None:
    """A host that gets new data for a view makes it anew, so the explorer's own output is left alone."""
    first = kernel.run("explorer = make()\nexplorer", "one")
    kinds = [(o["kind"], WIDGET in o["data"]) for o in first if o["mine"] and "data" in o]
    assert kinds[:2] == [("execute_result", True), ("display_data", False)]
    words = next(o["data"]["text/plain"] for o in first if o["kind"] == "execute_result")
    assert words == "LandscapeExplorer: a still picture of it is below."  # whatever it did meanwhile
    number = next(o for o in first if o["kind"] == "display_data")["transient"]["display_id"]
    for resolution in (7, 9):
        kernel.run("explorer.wait(); None")
        later = kernel.run(f"explorer.resolution = {resolution}; explorer.wait(); None")
        updates = [o for o in later if o["kind"] == "update_display_data"]
        assert [o["transient"]["display_id"] for o in updates] == [number]
        assert "image/png" in updates[0]["data"]
        assert "Saddle" in updates[0]["data"]["text/plain"]
        assert not [o for o in later if WIDGET in o.get("data", {})]


def test_a_cell_that_is_executed_unattended_ends_with_finished_pictures(kernel: Kernel) -> None:
    (shown,) = still(kernel.run("explorer = make()\nexplorer", "one", attended=False))
    assert "image/png" in shown
    later = kernel.run("explorer.resolution = 9", "two", attended=False)
    assert "image/png" in still(later)[0]
    assert kernel.tell("explorer.surface.loss.shape") == "(9, 9)"


def test_a_failure_is_told_where_the_picture_would_be(kernel: Kernel) -> None:
    kernel.run("explorer = make()\nexplorer._study.steps = lambda *_: 1 / 0", "two")
    (shown,) = still(kernel.run("explorer", "one", attended=False))
    assert "could not be computed" in shown["text/plain"]
    assert "ZeroDivisionError" in shown["text/html"]


@pytest.fixture(scope="module")
def executed(running: Kernel) -> Any:
    """A notebook that only displays explorers, executed as a whole."""
    cells = [nbformat.v4.new_code_cell(code) for code in (BEGINNING, "explorer = make()\nexplorer", "make()")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    return NotebookClient(notebook, km=running.manager, timeout=HUNG, store_widget_state=False).execute()


def test_an_executed_notebook_shows_finished_pictures(executed: Any) -> None:
    for cell in executed.cells[1:]:
        widget, picture = [output["data"] for output in cell.outputs if "data" in output]
        assert WIDGET in widget
        assert widget["text/plain"].startswith("LandscapeExplorer(done; Saddle")
        assert len(picture["image/png"]) < 80_000
        assert "Saddle" in picture["text/plain"]


@pytest.mark.parametrize("exporter", [HTMLExporter, LatexExporter])
def test_a_converted_notebook_shows_them_offline(executed: Any, exporter: Any) -> None:
    text, resources = exporter().from_notebook_node(executed)
    if exporter is LatexExporter:
        assert len(resources["outputs"]) == 2
        assert text.count("includegraphics") >= 2
    else:
        assert text.count('src="data:image/png;base64,') == 2
        assert "Saddle" in text


def test_other_hosts_have_the_picture_in_the_bundle(make_explorer: Callable[..., LandscapeExplorer]) -> None:
    explorer = make_explorer(gated_saddle()[1])
    data, _ = explorer._repr_mimebundle_()
    assert "explorer.wait()" in data["text/html"]
    settle(explorer)
    data, _ = explorer._repr_mimebundle_()
    assert {WIDGET, "image/png", "text/html"} <= set(data)
    assert data["text/plain"] == repr(explorer)


def test_a_host_with_a_shell_of_its_own_kind_has_no_cells(
    monkeypatch: pytest.MonkeyPatch, make_explorer: Callable[..., LandscapeExplorer]
) -> None:
    """As Solara puts one in the place of IPython's, with a kernel and little else."""
    shell = SimpleNamespace(kernel=object(), user_ns={})
    monkeypatch.setattr("landscape_widget.explorer.cells.get_ipython", lambda: shell)
    explorer = make_explorer(gated_saddle()[1]).compute()
    data, _ = explorer._repr_mimebundle_()
    assert {WIDGET, "image/png", "text/html"} <= set(data)


def test_embedding_with_the_defaults_keeps_the_page(make_explorer: Callable[..., LandscapeExplorer]) -> None:
    explorer = make_explorer(gated_saddle()[1]).compute()
    states = embed_data(views=[explorer])["manager_state"]["state"]
    for widget in (explorer, explorer._page, explorer._runtime):
        assert states[widget.model_id]["state"]["_esm"] == widget._esm
    assert states[explorer.model_id]["state"]["resolution"] == explorer.resolution
