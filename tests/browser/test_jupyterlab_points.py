"""Points in JupyterLab: pins by click and key, another centre, weights; against plain torch in the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .lab import Notebook
from .notebooks import POINTS
from .waiting import wait_until

SHOW_CELL = 1

PIXEL_OF = """(plot, [x, y]) => {
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
}"""

READ_PINS = """plot => {
  const { x, y, text } = plot._fullData.find(trace => trace.name === "pins") ?? { x: [], y: [], text: [] };
  // The number of one on θ* or on a lowest point stands beside it.
  const beside = (plot.layout.annotations ?? []).filter(({ name }) => name === "pin number");
  const number = (i) => text[i] || beside.find((note) => note.x === x[i] && note.y === y[i])?.text;
  return Array.from(x, (value, i) => [number(i), value, y[i]]).filter(([number]) => number);
}"""


@pytest.fixture(scope="module")
def notebook(show: Show) -> Iterator[Notebook]:
    """A notebook that shows the explorer of a network with test data and a metric."""
    with show(POINTS) as notebook:
        yield notebook


@pytest.fixture
def explorer(notebook: Notebook) -> ExplorerOnPage:
    """That explorer without pins."""
    notebook.cell(SHOW_CELL)
    notebook.kernel.run("for pin in explorer.pins: explorer.unpin(pin.number)")
    explorer = ExplorerOnPage(notebook.page, notebook.kernel)
    explorer.wait_for_result()
    expect(explorer.part("pin-table").locator("tbody tr")).to_have_count(0)
    return explorer


def click(explorer: ExplorerOnPage, alpha: float, beta: float) -> int:
    """Click a node of the heatmap and return the number of the pin, with all its values there."""
    before = explorer.trait("_points.pins.count")
    plot = explorer.part("heatmap").locator(".js-plotly-plot")
    plot.scroll_into_view_if_needed()
    x, y = plot.evaluate(PIXEL_OF, [alpha, beta])
    explorer.page.mouse.move(x - 3, y - 3)  # plotly clicks what it hovers
    explorer.page.mouse.move(x, y)
    explorer.page.mouse.click(x, y)
    return wait_for_pin(explorer, before + 1)


def wait_for_pin(explorer: ExplorerOnPage, number: int) -> int:
    expect(explorer.part(f"pin-{number}")).to_have_attribute("data-done", "true", timeout=60_000)
    return number


def shown(explorer: ExplorerOnPage, number: int, column: str) -> float:
    """The number in a cell of the table, in full."""
    return float(explorer.part(f"pin-{number}-{column}").get_attribute("title") or "nan")


def assert_pin_is_what_torch_says(explorer: ExplorerOnPage, number: int, alpha: float, beta: float) -> None:
    for data in ("train", "test"):
        state = f"explorer.parameters_at({alpha}, {beta})"
        loss, accuracy = explorer.kernel.value(f"scores({state}, {data})")
        # the weights are rounded to single precision on the way
        assert shown(explorer, number, f"loss-{data}") == pytest.approx(loss, rel=1e-5)
        assert shown(explorer, number, f"accuracy-{data}") == pytest.approx(accuracy, abs=1e-12)


def marks(explorer: ExplorerOnPage, view: str) -> list[list[object]]:
    found: list[list[object]] = explorer.part(view).locator(".js-plotly-plot").evaluate(READ_PINS)
    return found


def test_a_click_pins_and_tells_what_holds_there(explorer: ExplorerOnPage) -> None:
    number = click(explorer, 0.4, -0.6)
    assert_pin_is_what_torch_says(explorer, number, 0.4, -0.6)
    # in the scene it stands a hair nearer to the eye than the surface
    for view, hair in (("heatmap", 1e-9), ("surface", 0.02)):
        expected = [[str(number), pytest.approx(0.4, abs=hair), pytest.approx(-0.6, abs=hair)]]
        wait_until(lambda view=view, e=expected: marks(explorer, view) == e, f"the pin in the {view}")
    grid = explorer.grid("heatmap")
    assert shown(explorer, number, "loss-train") == pytest.approx(grid.z[2, 7], rel=1e-5)
    assert shown(explorer, number, "gradient") > 0


def test_keys_alone_pin_and_remove(explorer: ExplorerOnPage) -> None:
    number = explorer.trait("_points.pins.count") + 1
    body = explorer.part("heatmap").locator("[tabindex='0']")
    explorer.page.mouse.move(0, 0)  # or the crosshair would follow the pointer
    body.focus()
    for key in ("Escape", "ArrowRight", "ArrowRight", "ArrowUp", "Enter"):
        body.press(key)
    wait_for_pin(explorer, number)
    assert_pin_is_what_torch_says(explorer, number, 0.4, 0.2)
    explorer.press(f"pin-{number}-remove", "Enter")
    expect(explorer.part(f"pin-{number}")).to_have_count(0)
    assert explorer.trait("pins") == []
    wait_until(lambda: marks(explorer, "heatmap") == [], "the mark to go")


def test_a_pin_says_its_plane_while_another_is_on_show(explorer: ExplorerOnPage) -> None:
    number = click(explorer, 0.4, -0.6)
    place = explorer.part(f"pin-{number}-place")
    expect(place).to_have_text("0.400, −0.600")
    theta = explorer.kernel.value("explorer.pins[-1].theta.tolist()")
    axes = explorer.kernel.value("list(explorer.axes)")
    request = explorer.request()
    explorer.kernel.run("explorer.axes = ('random', 'random')")
    explorer.wait_for_result(request)
    expect(place).to_have_text("0.400, −0.600 on Hessian λmax × λmin")
    wait_until(lambda: marks(explorer, "heatmap") == [], "the mark to go")
    assert explorer.kernel.value("explorer.pins[-1].theta.tolist()") == theta
    request = explorer.request()
    explorer.kernel.run(f"explorer.axes = {tuple(axes)}")
    explorer.wait_for_result(request)
    expect(place).to_have_text("0.400, −0.600")


def test_weights_are_copied_on_a_click_and_put_back(explorer: ExplorerOnPage) -> None:
    before = explorer.kernel.value("scores(model.state_dict(), train)")
    number = click(explorer, -0.4, 0.2)
    assert explorer.kernel.value("scores(model.state_dict(), train)") == before
    explorer.part(f"pin-{number}-apply").click()
    expect(explorer.part("applied")).to_contain_text(f"holds the weights of pin {number}")
    loss, _ = explorer.kernel.value("scores(model.state_dict(), train)")
    assert loss == pytest.approx(shown(explorer, number, "loss-train"), rel=1e-5)
    explorer.part("restore").click()
    expect(explorer.part("applied")).to_be_hidden()
    assert explorer.kernel.value("scores(model.state_dict(), train)") == before


def test_training_on_from_copied_weights_is_not_lost_in_silence(explorer: ExplorerOnPage) -> None:
    before = explorer.kernel.value("scores(model.state_dict(), train)")
    number = click(explorer, -0.4, 0.2)
    explorer.part(f"pin-{number}-apply").click()
    expect(explorer.part("applied")).to_be_visible()
    explorer.kernel.run("with torch.no_grad(): model[0].bias.add_(1.0)")
    trained = explorer.kernel.value("scores(model.state_dict(), train)")
    explorer.part("restore").click()
    expect(explorer.part("note")).to_contain_text("changed since")
    assert explorer.kernel.value("scores(model.state_dict(), train)") == trained
    explorer.part("restore-force").click()
    expect(explorer.part("note")).to_be_hidden()
    assert explorer.kernel.value("scores(model.state_dict(), train)") == before


def test_what_was_trained_since_is_told_where_weights_are_loaded_over_it(explorer: ExplorerOnPage) -> None:
    before = explorer.kernel.value("scores(model.state_dict(), train)")
    number = click(explorer, -0.4, 0.2)
    explorer.kernel.run("kept = {name: value.clone() for name, value in model.state_dict().items()}")
    explorer.kernel.run("with torch.no_grad(): model[0].bias.add_(1.0)")
    trained = explorer.kernel.value("scores(model.state_dict(), train)")
    explorer.part(f"pin-{number}-apply").click()
    expect(explorer.part("note")).to_contain_text("had been trained on since its weights were taken")
    assert explorer.kernel.value("scores(model.state_dict(), train)") != trained
    explorer.part("restore").click()
    expect(explorer.part("note")).to_be_hidden()
    assert explorer.kernel.value("scores(model.state_dict(), train)") == trained
    explorer.kernel.run("model.load_state_dict(kept)")
    assert explorer.kernel.value("scores(model.state_dict(), train)") == before


def test_a_pin_becomes_the_centre_and_back(explorer: ExplorerOnPage) -> None:
    number = click(explorer, 0.2, 0.4)
    loss = shown(explorer, number, "loss-train")
    request, values = explorer.request(), explorer.kernel.value("explorer.eigenpairs.values.tolist()")
    explorer.part(f"pin-{number}-recentre").click()
    explorer.wait_for_result(request)
    explorer.assert_plots_equal_kernel()
    expect(explorer.part("centre")).to_contain_text("away from your model's weights")
    assert explorer.kernel.value("explorer.surface.loss[5, 5]") == pytest.approx(loss, rel=1e-6)
    assert explorer.kernel.value("scores(explorer.parameters_at(0, 0), train)[0]") == pytest.approx(
        loss, rel=1e-5
    )
    assert explorer.kernel.value("explorer.eigenpairs.values.tolist()") != values
    zero = pytest.approx(0, abs=1e-5)  # of weights in single precision
    wait_until(lambda: marks(explorer, "heatmap") == [[str(number), zero, zero]], "the pin at the centre")
    request = explorer.request()
    explorer.part("centre-back").click()
    explorer.wait_for_result(request)
    expect(explorer.part("centre")).to_be_hidden()
    assert explorer.kernel.value("explorer.eigenpairs.values.tolist()") == values


def test_the_table_of_minima(explorer: ExplorerOnPage) -> None:
    explorer.part("table-open").click()
    expect(explorer.part("score-table")).to_be_visible(timeout=60_000)
    alpha, beta, _ = explorer.kernel.value("explorer.surface.minimum")
    for row, at in enumerate([(0, 0), (alpha, beta)]):
        for data in ("train", "test"):
            cells = [explorer.part(f"row-{row}-{name}-{data}") for name in ("loss", "accuracy")]
            found = [float(cell.get_attribute("title") or "nan") for cell in cells]
            truth = explorer.kernel.value(f"scores(explorer.parameters_at{at}, {data})")
            assert found == pytest.approx(truth, rel=1e-5)
    with explorer.page.expect_download() as download:
        explorer.part("table-csv").click()
    assert download.value.suggested_filename == "minima.csv"
    assert Path(download.value.path()).read_text(encoding="utf-8") == explorer.trait("table().csv")
