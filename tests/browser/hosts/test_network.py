"""The guard that keeps pages from the network is itself held to what it is for."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from tests.browser.waiting import wait_until

from .network import Network

ASKS = {
    "https://example.invalid/picture.png": "<img src='{}'>",
    "http://example.invalid/plotly.js": "<script async src='{}'></script>",
    "https://example.invalid:8443/page.css?v=1": "<link rel='stylesheet' href='{}'>",
    "https://cdn.example.invalid/x": "<script>fetch('{}').catch(() => 0)</script>",
}

ASKS_ANYBODY = {
    "https://example.invalid/picture.png": "<img src='{}'>",
    "http://127.0.0.1:9/": "<script>fetch('{}').catch(() => 0)</script>",
    "wss://example.invalid/kernel": "<script>new WebSocket('{}')</script>",
}


@pytest.mark.parametrize(("asks", "packages"), [(ASKS, True), (ASKS_ANYBODY, False)])
def test_what_a_page_asks_for_is_caught(browser: Browser, asks: dict[str, str], packages: bool) -> None:
    """Of a page with a host, and of a document, which may ask neither this machine nor for a socket."""
    with browser.new_context() as context:
        network = Network(context, packages)
        shown = context.new_page()
        shown.set_content("".join(page.format(url) for url, page in asks.items()), wait_until="commit")
        # it is noted while playwright is talked to
        wait_until(
            lambda: shown.title() == "" and {*network.refused} >= {*asks},
            lambda: f"requests of {[*asks]}; noted: {network.refused}",
        )
        assert sorted(network.refused) == sorted(asks)
        for url in asks:
            with pytest.raises(AssertionError, match=re.escape(url)):
                network.check()


def test_a_page_that_asks_nothing_is_not(browser: Browser) -> None:
    with browser.new_context() as context:
        network = Network(context)
        context.new_page().set_content("<p>nothing</p>")
        network.check()
