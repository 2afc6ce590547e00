"""Ten things that people come for, from a cold start in JupyterLab on a laptop, in three acts at most.

An act is a click, a drag, a choice from a list, a line that is typed or a cell that is run. To look, to
scroll and to point are none.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, expect

from .explorer import ExplorerOnPage
from .lab import Notebook
from .waiting import wait_until

BOXES = (Path(__file__).parent / "boxes.js").read_text(encoding="utf-8")
MOST = 3
SCREEN = {"width": 1280, "height": 720}
NARROW = {"width": 700, "height": 720}

NETWORK = """
import torch
from sklearn.datasets import load_digits
from landscape_widget import LandscapeExplorer

torch.manual_seed(0)
digits = load_digits()
x, y = torch.tensor(digits.data[:, 18:46:3] / 16), torch.tensor(digits.target % 3)
train_data, held_out = (x[:300], y[:300]), (x[300:500], y[300:500])
net = torch.nn.Sequential(torch.nn.Linear(10, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
hidden, _, output = net
with torch.no_grad():
    hidden.weight[2:], hidden.bias[2:] = hidden.weight[:2], hidden.bias[:2]
    output.weight[:, 2:] = output.weight[:, :2]
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.LBFGS(net.parameters(), max_iter=400, line_search_fn="strong_wolfe")

def step():
    optimizer.zero_grad()
    loss = criterion(net(train_data[0]), train_data[1])
    loss.backward()
    return loss

optimizer.step(step)
options = {}
"""
"""A network of a person's own, under names of their own. Its hidden units are twins, and stay so while it is
trained: it ends at a saddle, from which the loss falls where twins part."""

SHOW = """
explorer = LandscapeExplorer(net, train_data, criterion, test_loader=held_out, resolution=21, **options)
explorer
"""

PIXEL_OF = """(plot, [x, y]) => {
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
}"""


class Person:
    """Someone at the screen, whose acts are counted."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.explorer = ExplorerOnPage(notebook.page, notebook.kernel)
        self.acts: list[str] = []

    def part(self, name: str) -> Locator:
        return self.explorer.part(name)

    def click(self, part: Locator) -> None:
        self.acts.append("click")
        part.click(timeout=60_000)

    def click_at(self, alpha: float, beta: float) -> None:
        """Click a place of the plane."""
        self.acts.append("click")
        plot = self.part("heatmap").locator(".js-plotly-plot")
        plot.scroll_into_view_if_needed()
        at = plot.evaluate(PIXEL_OF, [alpha, beta])
        self.page.mouse.move(at[0] - 3, at[1] - 3)  # plotly clicks what it hovers
        self.page.mouse.move(*at)
        self.page.mouse.click(*at)

    def run_line(self, source: str) -> Locator:
        """Type a line into a new cell and run it; returns the cell."""
        self.acts += ["type", "run"]
        index = self.notebook.add(source)
        self.notebook.run(index)
        return self.notebook.cell(index)

    def looks(self) -> None:
        """Scroll to the explorer, which is no act."""
        self.explorer.root.evaluate("root => root.scrollIntoView()")

    def sees(self, part: Locator) -> bool:
        """Whether a part is whole on the screen as it stands."""
        box, screen = part.bounding_box(), self.page.locator(".jp-WindowedPanel-outer").first.bounding_box()
        assert screen is not None
        return box is not None and screen["y"] <= box["y"] <= screen["y"] + screen["height"] - box["height"]


@pytest.fixture(scope="module")
def notebook(lab: Notebook) -> Iterator[Notebook]:
    """A notebook with that network, whose second cell shows an explorer of it."""
    lab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab.page.set_viewport_size(SCREEN)
    lab.set_cells([NETWORK, SHOW])
    lab.run(0, timeout=120)
    yield lab
    lab.kernel.run("explorer.close()")
    lab.set_cells([""])


Start = Callable[..., Person]


@pytest.fixture
def start(notebook: Notebook) -> Iterator[Start]:
    """Run the cell that shows the explorer, with further arguments; acts are counted from then on.

    Not ``anew`` where those before have left the explorer as it was.
    """
    people: list[Person] = []

    def start(options: str = "{}", anew: bool = True) -> Person:
        notebook.page.set_viewport_size(SCREEN)
        if anew or not notebook.shows_widget(1):
            notebook.kernel.run(f"options = {options}")
            notebook.run(1)
        notebook.cell(1)
        person = Person(notebook)
        person.explorer.wait_for_result()
        people.append(person)
        return person

    yield start
    for person in people:
        assert len(person.acts) <= MOST, person.acts


def assert_nothing_touches(root: Locator) -> None:
    """Wait until plots have followed the last change of their places, and nothing touches or is cut off."""

    def faults() -> list[str]:
        root.page.screenshot(timeout=60_000)  # plots follow in frames, which it asks for
        found: list[str] = root.evaluate(BOXES)
        return found

    try:
        wait_until(lambda: not faults(), "nothing to touch", timeout=60)
    except TimeoutError:
        pytest.fail(str(faults()))


def sectors(losses: NDArray[np.float64]) -> int:
    """Sectors above and below L(θ*) on circles around θ* in the square picture, the most of all circles."""
    middle = len(losses) // 2
    counts = []
    for radius in range(3, middle + 1):
        angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        i, j = (np.rint(middle + radius * f(angles)).astype(int) for f in (np.sin, np.cos))
        above = losses[i, j] > losses[middle, middle]
        counts.append(int((above != np.roll(above, 1)).sum()))
    return max(counts)


def test_find_the_verdict(start: Start) -> None:
    person = start()
    expect(person.part("verdict")).to_contain_text("Saddle at this scale: λmax")
    assert person.sees(person.part("verdict"))
    assert person.acts == []


def test_see_the_saddle(start: Start) -> None:
    person = start(anew=False)
    expect(person.part("verdict")).to_contain_text("this plane shows it")
    person.looks()
    assert person.sees(person.part("heatmap"))
    assert sectors(person.explorer.positions("heatmap")) >= 4
    assert person.acts == []


def test_a_dark_theme_in_a_narrow_column(start: Start) -> None:
    person = start(anew=False)
    person.acts.append("theme")
    person.notebook.set_theme("JupyterLab Dark")
    try:
        root = person.explorer.root
        expect(root).to_have_attribute("data-theme", "dark")
        person.page.set_viewport_size(NARROW)
        person.looks()
        image = np.asarray(Image.open(io.BytesIO(person.page.screenshot(timeout=60_000))).convert("L"))
        assert np.median(image) < 60, "the page is dark"
        expect(person.part("verdict")).to_be_visible()
        assert_nothing_touches(root)
    finally:
        person.notebook.set_theme("JupyterLab Light")


def test_save_a_picture_for_a_paper(start: Start) -> None:
    person = start(anew=False)
    panel = person.part("heatmap")
    panel.hover()
    with person.page.expect_download(timeout=60_000) as download:
        person.click(panel.get_by_test_id("save-png"))
    image = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
    image.load()
    texts: dict[str, str] = image.text  # type: ignore[attr-defined] # of PNG files alone
    assert texts["Title"] == "Loss of Sequential: Hessian λmax × λmin"
    told = json.loads(texts["landscape-widget"])
    assert told["Model"] == "Sequential, 59 parameters"
    assert told["Loss"] == "CrossEntropyLoss"
    assert told["Examples"] == "300 training examples"
    assert told["Verdict"].startswith("Saddle")
    smallest = person.explorer.trait("eigenpairs.values[-1]")
    assert f"λmin {smallest:.4g}".replace("-", "−").rstrip("0") in told["Eigenvalues"]
    assert told["Software"].startswith("landscape-widget ")


def test_pin_a_point(start: Start) -> None:
    person = start(anew=False)
    lowest = person.explorer.trait("surface.minimum")
    person.click_at(*lowest[:2])
    expect(person.part("pin-1")).to_have_attribute("data-done", "true", timeout=60_000)
    told = person.part("pin-1-loss-train").get_attribute("title") or ""
    assert float(told) == pytest.approx(lowest[2], rel=1e-6)


def test_compare_with_a_random_plane(start: Start) -> None:
    person = start(anew=False)
    request = person.explorer.request()
    person.click(person.part("compare"))
    person.explorer.wait_for_result(request)
    expect(person.part("sight-1")).to_contain_text("Shows the saddle")
    expect(person.part("sight-2")).to_contain_text("Hides the saddle")
    expect(person.part("heatmap-2").locator("h3")).to_contain_text("Random (seed 0)")


def test_look_at_the_test_loss(start: Start) -> None:
    person = start(anew=False)
    request = person.explorer.request()
    person.click(person.part("settings-open"))
    person.click(person.part("split-test").locator("xpath=.."))
    person.explorer.wait_for_result(request)
    expect(person.part("heatmap").locator("h3")).to_contain_text("Test loss", ignore_case=True)
    person.explorer.assert_plots_equal_kernel()


def test_go_to_where_it_is_seen(start: Start) -> None:
    person = start("{'domain': (-3, 3, -3, 3), 'view': {'scale': 'linear'}}")
    expect(person.part("verdict")).to_contain_text("cannot be seen at this domain")
    request = person.explorer.request()
    person.click(person.part("show-saddle"))
    person.explorer.wait_for_result(request)
    expect(person.part("verdict")).to_contain_text("this plane shows it")
    assert sectors(person.explorer.positions("heatmap")) >= 4


def test_take_the_picture_along_as_python(start: Start) -> None:
    """What is copied runs where nothing but the network is known, under the names it was given."""
    person = start("{'axes': ('hessian:max', 'random'), 'seed': 3, 'view': {'scale': 'log'}}")
    person.click(person.part("copy-python"))
    expect(person.part("copied")).to_have_text("Copied.")
    source: str = person.page.evaluate("navigator.clipboard.readText()")
    assert "# net, train_data, criterion and held_out are yours" in source
    losses = [person.explorer.trait("surface.loss.tolist()")]
    notebook = person.notebook
    notebook.kernel.run("explorer.close(); get_ipython().reset()")
    assert not notebook.kernel.value("[name for name in globals() if name in ('explorer', 'net')]")
    notebook.set_cells([NETWORK.replace("from landscape_widget import LandscapeExplorer", ""), source])
    try:
        notebook.run_all()
        notebook.cell(1)
        again = ExplorerOnPage(notebook.page, notebook.kernel)
        again.wait_for_result()
        expect(again.part("scale")).to_have_value("log")
        losses.append(again.trait("surface.loss.tolist()"))
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)
    finally:
        notebook.kernel.run("if 'explorer' in globals(): explorer.close()")
        notebook.set_cells([NETWORK, SHOW])
        notebook.run(0)


def test_two_explorers_in_a_row(start: Start) -> None:
    person = start()
    cell = person.run_line(
        "import ipywidgets; ipywidgets.HBox([explorer, LandscapeExplorer(net, held_out, criterion)])"
    )
    both = cell.get_by_test_id("landscape-explorer")
    expect(both).to_have_count(2, timeout=60_000)
    for index in range(2):
        expect(both.nth(index).get_by_test_id("verdict")).to_be_visible(timeout=60_000)
        expect(both.nth(index)).to_have_attribute("data-status", "done", timeout=60_000)
    left, right = (both.nth(index).bounding_box() for index in range(2))
    assert left is not None
    assert right is not None
    assert min(left["width"], right["width"]) >= 320
    assert left["x"] + left["width"] <= right["x"]
    for index in range(2):
        assert_nothing_touches(both.nth(index))
