"""Batch-norm statistics in JupyterLab: frozen, recomputed, and the difference, each from the kernel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from .conftest import Show
from .explorer import ExplorerOnPage
from .notebooks import BATCH_NORM

DOMAIN = "explorer.domain = (-0.4, 0.4, -0.4, 0.4)"


@pytest.fixture(scope="module")
def explorer(show: Show) -> Iterator[ExplorerOnPage]:
    """The explorer of a network with batch normalisation, with a result on show."""
    with show(BATCH_NORM + "explorer.resolution, explorer.examples = 9, 100\n" + DOMAIN) as notebook:
        explorer = ExplorerOnPage(notebook.page, notebook.kernel)
        explorer.open_settings()
        yield explorer


def choose(explorer: ExplorerOnPage, mode: str, key: str | None = None) -> NDArray[np.float64]:
    """Chooses a mode as a person does, by a key where one is given; returns what the heatmap shows then."""
    request = explorer.request()
    if key:
        explorer.press(f"batch-norm-{explorer.trait('batch_norm')}", key)
    else:
        explorer.part(f"batch-norm-{mode}").locator("xpath=..").click()
    explorer.wait_for_result(request)
    assert explorer.trait("batch_norm") == mode
    assert explorer.trait("surface.provenance['batch_norm']") == mode
    explorer.assert_plots_equal_kernel()
    return explorer.grid("heatmap").z


def test_the_difference_is_what_lies_between_the_two_pictures(explorer: ExplorerOnPage) -> None:
    """The choice is reached by the keyboard and by a click."""
    frozen = explorer.grid("heatmap").z
    values = explorer.trait("eigenpairs.values.tolist()")

    recomputed = choose(explorer, "recomputed", "ArrowRight")
    difference = choose(explorer, "difference")

    assert np.abs(difference).max() > 1e-4 * frozen.max()
    # three numbers of 24 bits each, as they travel
    np.testing.assert_allclose(difference, recomputed - frozen, rtol=0, atol=2e-7 * frozen.max())
    assert explorer.trait("eigenpairs.values.tolist()") == values, "curvature is that of frozen statistics"
    expect(explorer.part("caption")).to_contain_text("verdict and curvature are those of frozen ones")
    np.testing.assert_array_equal(choose(explorer, "frozen"), frozen)
    expect(explorer.part("caption")).not_to_contain_text("batch-norm")


def test_a_model_that_a_pin_is_loaded_into_has_the_loss_of_the_picture(explorer: ExplorerOnPage) -> None:
    """In eval mode on all of the data, by plain torch in the kernel; and all is put back."""
    loss = "loss_fn(model.eval()(inputs), targets).item()"
    before = explorer.kernel.value(loss)
    explorer.set_traits(examples=400)
    picture = choose(explorer, "recomputed")
    alpha, beta = (explorer.trait(f"surface.{axis}[2].item()") for axis in ("alpha", "beta"))
    explorer.kernel.run(f"pin = explorer.pin({alpha}, {beta})")
    row = explorer.part("pin-1")
    expect(row).to_have_attribute("data-done", "true", timeout=60_000)
    row.get_by_role("button", name="Load into model").click()
    expect(explorer.part("applied")).to_contain_text("holds the weights of pin 1")
    assert explorer.kernel.value(loss) == pytest.approx(picture[2, 2], rel=1e-5)
    shown = float(explorer.part("pin-1-loss").get_attribute("title") or "nan")
    assert shown == pytest.approx(picture[2, 2], rel=1e-5)
    explorer.kernel.run("frozen = explorer.objective.loss(torch.from_numpy(pin.theta).float()).item()")
    assert explorer.kernel.value("frozen") != pytest.approx(picture[2, 2], rel=1e-3)
    explorer.part("restore").click()
    expect(explorer.part("applied")).to_be_hidden()
    assert explorer.kernel.value(loss) == before
