"""The acts: what a person does with an explorer, the same in every host.

``LANDSCAPE_HOSTS=all`` runs them in all hosts, or ``LANDSCAPE_HOSTS=panel,voila`` in those. By default they
run in the static page alone, where each takes some seconds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browser import UNDRAWN, Watch
from tests.browser.explorer import LOST, expect_no_kernel
from tests.browser.pixels import middle, n_colours, pixels
from tests.browser.waiting import wait_until

from .hosts import HOSTS, Host
from .network import Network
from .view import View

TOPS = """plot => [plot, ...plot.querySelectorAll(".main-svg")]
  .map(each => Math.round(each.getBoundingClientRect().top))"""
"""Where a plot begins, and each of the drawings that plotly lays over one another."""

SAVED = "A saved page: it shows the pictures that it was saved with, and what is grey is not among them."
"""What a page says that never had a kernel."""

PICTURES = os.environ.get("LANDSCAPE_PICTURES")
"""A folder for a picture of each host, for who wants to look at them."""


def _names() -> list[str]:
    asked = os.environ.get("LANDSCAPE_HOSTS", "static")
    return list(HOSTS) if asked == "all" else asked.split(",")


class Stage:
    """A host, and the pages that are open in it."""

    def __init__(self, name: str, host: Host, browser: Browser, watches: list[Watch]) -> None:
        self.name = name
        self.host = host
        self.browser = browser
        self.watches = watches
        self.page: Page

    @contextmanager
    def session(self, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator[Page]:
        """Another person's browser at the host's address."""
        size = {"width": width, "height": height}
        context = self.browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        network = Network(context, packages=self.host.kernel)
        watch = Watch(context.new_page())
        self.watches.append(watch)
        if not PICTURES:
            watch.page.add_init_script(UNDRAWN)
        try:
            self.host.open(watch.page)
            yield watch.page
            network.check()
        except BaseException:
            if PICTURES:
                watch.page.screenshot(path=Path(PICTURES) / f"{self.name}-failed.png")
            raise
        finally:
            context.close()

    def views(self, page: Page) -> list[View]:
        """The views on a page: two of the first explorer, one each of two others; else of that one alone."""
        views = [View(page, index) for index in range(4 if self.host.kernel else 1)]
        for view in views:
            view.wait_for_result()
        return views


@pytest.fixture(scope="module", params=_names())
def stage(
    request: pytest.FixtureRequest,
    browser: Browser,
    watches: list[Watch],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """A host with one page open, all of whose results are there."""
    host = HOSTS[request.param](tmp_path_factory.mktemp(request.param))
    stage = Stage(request.param, host, browser, watches)
    try:
        with stage.session() as page:
            stage.page = page
            stage.views(page)
            yield stage
    finally:
        host.stop()


@pytest.fixture
def views(stage: Stage) -> list[View]:
    """The views on the page that is open, with results."""
    return stage.views(stage.page)


def picture(stage: Stage, page: Page, what: str, part: str = "preset") -> None:
    if PICTURES:
        View(page, 0).part(part).scroll_into_view_if_needed()
        page.screenshot(path=Path(PICTURES) / f"{stage.name}-{what}.png")


def test_display(stage: Stage, views: list[View]) -> None:
    """It is drawn, with its style sheet and plotly's, and shows the losses as they are."""
    view = views[0]
    heatmap = view.part("heatmap").locator(".js-plotly-plot")
    tops = heatmap.evaluate(TOPS)
    assert len(tops) > 2
    assert len(set(tops)) == 1, "plotly's drawings lie one above the other"
    assert view.part("preset").evaluate("e => getComputedStyle(e.closest('.lw-bar')).display") == "flex"
    assert n_colours(middle(pixels(heatmap))) > 50
    assert view.kernel() == ("there" if stage.host.kernel else "gone")
    picture(stage, stage.page, "display")
    view.assert_losses("hessian:max", "hessian:min")


def test_control_brings_a_result(views: list[View]) -> None:
    view = views[0]
    request = view.request()
    view.choose("axis-alpha", "hessian:max:2")
    view.wait_for_result(request)
    view.assert_losses("hessian:max:2", "hessian:min")
    request = view.request()
    view.choose("axis-alpha", "hessian:max")
    view.wait_for_result(request)


def test_second_view_follows_the_first_and_other_explorers_do_not(views: list[View]) -> None:
    first, again, second, third = views
    before = [view.request() for view in (second, third)]
    request = first.request()
    again.choose("axis-beta", "hessian:max:2")
    first.wait_for_result(request)
    again.wait_for_result(request)
    first.assert_losses("hessian:max", "hessian:max:2")
    assert first.request() == again.request()
    assert [view.request() for view in (second, third)] == before
    for view in (second, third):
        view.assert_losses("hessian:max", "hessian:min")
    request = first.request()
    first.choose("axis-beta", "hessian:min")
    first.wait_for_result(request)


def test_cancel(stage: Stage, views: list[View]) -> None:
    view = views[0]
    request = view.request()
    stage.host.slow.touch()
    try:
        view.choose("axis-alpha", "random")
        view.part("cancel").click(timeout=30_000)
        wait_until(lambda: view.status() == "cancelled", "the computation to be cancelled")
    finally:
        stage.host.slow.unlink()
    view.choose("axis-alpha", "hessian:max")
    view.wait_for_result(request)
    view.assert_losses("hessian:max", "hessian:min")


def test_narrow(stage: Stage, views: list[View]) -> None:
    stage.page.set_viewport_size({"width": 700, "height": 900})
    try:
        view = views[0]
        view.root.scroll_into_view_if_needed()
        wait_until(lambda: not view.faults(), f"nothing to touch: {view.faults()}", timeout=15)
        picture(stage, stage.page, "narrow")
    finally:
        stage.page.set_viewport_size({"width": 1280, "height": 900})


def test_second_session_in_the_dark(stage: Stage, views: list[View]) -> None:
    """Another person has explorers of her own, or the same ones where the kernel is shared; none is lost."""
    with stage.session(scheme="dark") as page:
        others = stage.views(page)
        picture(stage, page, "dark")
        expect(others[0].root).to_have_attribute("data-theme", "dark")
        light = others[0].root.evaluate("e => getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3)")
        assert max(map(int, light)) < 50, "dark colours on a dark page"
        mine, request = views[0].request(), others[0].request()
        others[0].choose("axis-alpha", "hessian:max:2")
        others[0].wait_for_result(request)
        others[0].assert_losses("hessian:max:2", "hessian:min")
        if stage.host.own_sessions:
            assert views[0].request() == mine
            views[0].assert_losses("hessian:max", "hessian:min")
            for view in others[2:]:
                view.assert_losses("hessian:max", "hessian:min")
        request = others[0].request()
        others[0].choose("axis-alpha", "hessian:max")
        others[0].wait_for_result(request)
        # a page of a file that is loaded anew is one that is opened
        for each in (page, stage.page) if stage.host.own_sessions and stage.host.kernel else ():
            stage.host.reload(each)
            for view in stage.views(each):
                view.assert_losses("hessian:max", "hessian:min")


def test_no_kernel(stage: Stage, views: list[View]) -> None:
    """The last act: the kernel is killed, if there is one. The page still shows the planes that it holds."""
    view = views[0]
    request = view.request()
    view.choose("axis-alpha", "hessian:max:2")
    request = view.wait_for_result(request)
    stage.host.kill()
    expect_no_kernel(view.root, LOST if stage.host.kernel else SAVED)
    picture(stage, stage.page, "no-kernel", "kernel")
    view.choose("axis-alpha", "hessian:max")
    view.wait_for_result(request)
    expect(view.part("heatmap")).to_have_attribute("data-provisional", "false")
    view.assert_losses("hessian:max", "hessian:min")
    for watch in stage.watches:
        watch.errors.clear()  # a host complains of what it has lost
