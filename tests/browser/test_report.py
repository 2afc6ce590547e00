"""The page of figures: it opens without kernel and network, and shows the very numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Route

from landscape_widget import LandscapeExplorer, load, save

from ..support.gates import gated_saddle
from .browser import Watch
from .conftest import OpenPage
from .waiting import wait_until

READ = """plots => plots.map(plot => plot._fullData.map(trace => ({
  type: trace.type,
  x: Array.from(trace.x ?? []),
  y: Array.from(trace.y ?? []),
  losses: trace.customdata && Array.from(trace.customdata, row => Array.from(row)),
})))"""
DRAWN = """document.querySelectorAll('details').length === 1 &&
  [...document.querySelectorAll("figure")].every(f => f.querySelector(".js-plotly-plot .main-svg"))"""
#: Milliseconds for six plots, one of them in software WebGL, on a busy machine.
PATIENCE = 120_000


def refuse_network(watch: Watch) -> list[str]:
    """Refuses everything that the page asks the network for, and returns the list that it is noted in."""
    requests: list[str] = []

    def refuse(route: Route) -> None:
        requests.append(route.request.url)
        route.abort()

    watch.page.route(re.compile(r"^(https?|wss?):"), refuse)
    return requests


@pytest.fixture
def explorer() -> LandscapeExplorer:
    return LandscapeExplorer(
        gated_saddle()[1], domain=(-1, 1, -0.5, 0.5), resolution=9, samples=20, face="trace"
    ).compute()


@pytest.fixture
def opened(open_page: OpenPage, tmp_path: Path) -> Callable[[Path], Watch]:
    def open_(path: Path) -> Watch:
        watch = open_page()
        requests = refuse_network(watch)
        watch.page.goto(path.as_uri(), wait_until="commit")
        watch.page.wait_for_function(DRAWN, timeout=PATIENCE)
        assert not requests, "the page asks the network"
        return watch

    return open_


def test_page_shows_the_results(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path
) -> None:
    path = tmp_path / "run.html"
    explorer.to_html(path, title="Saddle <5 parameters>")
    page = opened(path).page
    assert page.get_by_role("heading").inner_text() == page.title() == "Saddle <5 parameters>"
    assert explorer.results.verdict.sentence in page.locator("header").inner_text()
    plots = page.locator(".js-plotly-plot").evaluate_all(READ)
    assert [plot[0]["type"] for plot in plots] == [
        "surface",
        "heatmap",
        "scatter",
        "bar",
        "scatter",
        "scatter",
    ]
    for plot in plots[:2]:
        np.testing.assert_array_equal(plot[0]["x"], explorer.surface.alpha)
        np.testing.assert_array_equal(plot[0]["y"], explorer.surface.beta)
        np.testing.assert_array_equal(plot[0]["losses"], explorer.surface.loss)
    assert sum(plots[3][0]["y"]) == 20
    for figure in page.locator("figure").all():
        assert figure.locator(".js-plotly-plot").bounding_box()["width"] <= figure.bounding_box()["width"]
    page.get_by_text("What it rests on").click()
    assert '"n_parameters": 5' in page.locator("pre").inner_text()


def test_page_follows_the_readers_theme_and_width(
    explorer: LandscapeExplorer, opened: Callable[[Path], Watch], tmp_path: Path
) -> None:
    save(explorer.results, tmp_path / "run.npz")
    path = tmp_path / "run.html"
    load(tmp_path / "run.npz").to_html(path)
    page = opened(path).page
    paper = "() => document.querySelector('.js-plotly-plot')._fullLayout.paper_bgcolor"
    assert page.evaluate(paper) == "white"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"({paper})() === '#161616'", timeout=PATIENCE)
    page.set_viewport_size({"width": 380, "height": 800})
    page.wait_for_function("document.querySelector('.js-plotly-plot').clientWidth < 380", timeout=PATIENCE)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("asks", "url"),
    [
        ("<img src='{}'>", "http://example.invalid/picture.png"),
        ("<script src='{}'></script>", "https://example.invalid/plotly.js"),
        ("<link rel=stylesheet href='{}'>", "https://example.invalid:8443/page.css?v=1"),
        ("<script>fetch('{}').catch(() => {{}})</script>", "http://127.0.0.1:9/"),
    ],
    ids=["picture", "script", "style", "fetch"],
)
def test_a_page_that_asks_the_network_is_caught(
    open_page: OpenPage, tmp_path: Path, asks: str, url: str
) -> None:
    path = tmp_path / "asks.html"
    path.write_text(f"<!doctype html><title>asks</title>{asks.format(url)}")
    watch = open_page()
    requests = refuse_network(watch)
    watch.page.goto(path.as_uri())
    # what is asked for after the page has loaded is noted while playwright is talked to
    wait_until(
        lambda: watch.page.title() == "asks" and requests == [url],
        f"a request of {url}; those noted: {requests}",
    )
    watch.page.close()
    watch.take_errors()  # the browser tells of what was refused


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="there are none yet"):
        LandscapeExplorer(gated_saddle()[1]).to_html(tmp_path / "run.html")
    assert not list(tmp_path.iterdir())
