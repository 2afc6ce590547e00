"""The guard that keeps pages from the network is itself held to what it is for."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.waiting import wait_until

from .network import Network


@pytest.mark.parametrize(
    "page",
    [
        "<img src='https://example.invalid/picture.png'>",
        "<script src='http://example.invalid/plotly.js'></script>",
        "<link rel='stylesheet' href='https://example.invalid:8443/page.css?v=1'>",
        "<script>fetch('https://cdn.example.invalid/x').catch(() => 0)</script>",
    ],
)
def test_a_page_that_asks_is_caught(browser: Browser, page: str) -> None:
    with browser.new_context() as context:
        network = Network(context)
        shown = context.new_page()
        with shown.expect_request("**/*"):
            shown.set_content(page)
        shown.wait_for_load_state("networkidle")
        with pytest.raises(AssertionError, match=r"example\.invalid"):
            network.check()


def test_a_document_that_opens_a_socket_is_caught(browser: Browser) -> None:
    with browser.new_context() as context:
        network = Network(context, packages=False)
        shown = context.new_page()
        shown.set_content("<script>new WebSocket('wss://example.invalid/kernel')</script>")
        # it is noted while playwright is talked to
        wait_until(lambda: shown.title() == "" and network.refused, "the socket")
        with pytest.raises(AssertionError, match=r"example\.invalid/kernel"):
            network.check()


def test_a_page_that_asks_nothing_is_not(browser: Browser) -> None:
    with browser.new_context() as context:
        network = Network(context)
        context.new_page().set_content("<p>nothing</p>")
        network.check()
