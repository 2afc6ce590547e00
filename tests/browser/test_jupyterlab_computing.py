"""Computing in JupyterLab: the kernel stays free, and what is shown survives cancel, failure, reload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .lab import Notebook
from .notebooks import AS_MANY_PICTURES_AS_IN_USE, BOWL, SHOW
from .pixels import middle, pixels, spread

SHOW_CELL = 1

#: Counts in the kernel the pictures that were sent, and those of them that the page has not acknowledged.
COUNT = """
import sys
sending = [sys.modules[f"landscape_widget.explorer.{name}"] for name in ("in_flight", "sending")]
patience = [module.PATIENCE for module in sending]
for module in sending:  # a lost acknowledgement must not hide behind the next picture
    module.PATIENCE = 1e9
sent, undrawn, most, at_cancel = 0, set(), 0, None
acknowledge, cancel = explorer._publisher.flight.acknowledge, explorer.cancel

def counted(change):
    global sent, most
    if change.new is not None:
        sent += 1
        undrawn.add(change.new["sent"])
        most = max(most, len(undrawn))

def acknowledged(number):
    undrawn.discard(number)
    acknowledge(number)

def cancelled():
    global at_cancel
    cancel()
    at_cancel = sent

undrawn.clear()
explorer._publisher.flight.acknowledge, explorer.cancel = acknowledged, cancelled
explorer.observe(counted, ["_surface", "_compared", "_projections", "_spectrum", "_trace"])
"""


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a function under the test's control."""
    with show(BOWL) as notebook:
        yield notebook


@pytest.fixture
def bowl(notebook: Notebook) -> ExplorerOnPage:
    """That explorer with a fast, working function and a result on show."""
    notebook.cell(SHOW_CELL)
    notebook.kernel.run("broken = False; fast.set(); explorer.domain = None; explorer.resolution = 21")
    notebook.kernel.run("explorer.compute()")
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    return explorer


def test_cell_runs_during_a_long_computation(notebook: Notebook, bowl: ExplorerOnPage) -> None:
    start_long_computation(bowl)

    cell = notebook.add("print(6 * 7)")
    outputs = notebook.run(cell)

    assert "".join(outputs[0]["text"]) == "42\n"
    assert bowl.trait("status") == "computing"


def test_cancel_stops_and_recompute_finishes(bowl: ExplorerOnPage) -> None:
    request = bowl.request()
    start_long_computation(bowl)
    expect(bowl.part("progress")).to_be_visible()

    bowl.part("cancel").click()

    bowl.wait_for_status("cancelled")
    expect(bowl.part("cancel")).to_be_hidden()
    bowl.kernel.run("fast.set()")
    bowl.part("recompute").click()
    bowl.wait_for_result(request)
    bowl.assert_plots_equal_kernel()


def test_new_value_replaces_the_running_request(bowl: ExplorerOnPage) -> None:
    request = bowl.request()
    start_long_computation(bowl)
    bowl.kernel.run("fast.set()")
    bowl.kernel.run("explorer.resolution = 11")

    bowl.wait_for_result(request)

    assert bowl.grid("surface").z.shape == (11, 11)
    bowl.assert_plots_equal_kernel()


def test_failure_is_told_and_the_last_picture_kept(notebook: Notebook, bowl: ExplorerOnPage) -> None:
    notebook.draw_scenes(True)
    bowl.set_traits(domain=(-0.9, 0.9, -0.9, 0.9))
    picture = bowl.grid("surface").z
    bowl.kernel.run("broken = True")

    bowl.press("resolution", "ArrowRight")

    bowl.wait_for_status("failed")
    expect(bowl.part("error")).to_be_visible()
    expect(bowl.part("error")).to_contain_text("the loss broke on purpose")
    assert (bowl.grid("surface").z == picture).all()
    assert spread(middle(pixels(bowl.part("surface")))) > 5
    notebook.draw_scenes(False)

    request = bowl.request()
    bowl.kernel.run("broken = False")
    bowl.part("recompute").click()
    bowl.wait_for_result(request)
    expect(bowl.part("error")).to_be_hidden()


def test_one_picture_at_a_time_is_on_its_way_and_none_after_cancel(
    notebook: Notebook, bowl: ExplorerOnPage
) -> None:
    """By counters, with two views that draw the same pictures."""
    second = notebook.add(SHOW)
    notebook.run(second)
    ExplorerOnPage(notebook.page, notebook.kernel, index=1).wait_for_result()
    request = bowl.request()
    notebook.kernel.run(AS_MANY_PICTURES_AS_IN_USE + COUNT)
    bowl.kernel.run("width *= 1.37; explorer.domain = (-width, width, -width, width)")
    bowl.kernel.run("explorer.resolution = 101")
    bowl.wait_for_result(request)
    bowl.assert_plots_equal_kernel()
    assert notebook.kernel.value("sent") > 2
    assert notebook.kernel.value("most") == 1

    start_long_computation(bowl)
    bowl.part("cancel").first.click()
    bowl.wait_for_status("cancelled")
    bowl.kernel.run("fast.set(); explorer._worker.errand(lambda: iter(())).done.wait(60)")

    assert notebook.kernel.value("most") == 1
    assert notebook.kernel.value("sent == at_cancel")
    notebook.kernel.run("for module, usual in zip(sending, patience): module.PATIENCE = usual")
    notebook.remove(second)


def test_second_view_shows_the_same(notebook: Notebook, bowl: ExplorerOnPage) -> None:
    bowl.wait_for_result()
    calls = notebook.kernel.value("calls")
    request = bowl.request()
    cell = notebook.add(SHOW)
    notebook.run(cell)
    second = ExplorerOnPage(notebook.page, notebook.kernel, index=1)

    second.wait_for_result()
    second.assert_plots_equal_kernel()
    assert second.request() == request
    assert notebook.kernel.value("calls") == calls

    second.press("resolution", "ArrowRight")
    second.wait_for_result(request)
    bowl.wait_for_result(request)
    assert bowl.request() == second.request()
    assert bowl.part("resolution").input_value() == second.part("resolution").input_value()
    notebook.remove(cell)


def test_reloaded_page_shows_the_same_without_computing(notebook: Notebook, bowl: ExplorerOnPage) -> None:
    picture, request = bowl.grid("surface").z, bowl.request()
    calls = notebook.kernel.value("calls")
    notebook.save()
    notebook.draw_scenes(True)

    notebook.reload()
    notebook.cell(SHOW_CELL)

    assert bowl.wait_for_result() == request
    assert (bowl.grid("surface").z == picture).all()
    assert spread(middle(pixels(bowl.part("surface")))) > 5
    assert notebook.kernel.value("calls") == calls


def start_long_computation(bowl: ExplorerOnPage) -> None:
    """Ask for far more points than the slow function gets done during a test."""
    # Another domain each time: points that are known already would not be computed again.
    bowl.kernel.run("fast.clear(); width *= 1.37; explorer.domain = (-width, width, -width, width)")
    bowl.kernel.run("explorer.resolution = 51")
    bowl.wait_for_status("computing")
