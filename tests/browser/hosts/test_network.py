"""The guard that keeps pages from the network is itself held to what it is for."""

from __future__ import annotations

import re

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


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("<img src='{}'>", "https://example.invalid/picture.png"),
        ("<script>fetch('{}').catch(() => 0)</script>", "http://127.0.0.1:9/"),
        ("<script>new WebSocket('{}')</script>", "wss://example.invalid/kernel"),
    ],
    ids=["picture", "this machine", "socket"],
)
def test_a_document_that_asks_anybody_is_caught(browser: Browser, page: str, url: str) -> None:
    with browser.new_context() as context:
        network = Network(context, packages=False)
        shown = context.new_page()
        shown.set_content(page.format(url))
        # it is noted while playwright is talked to
        wait_until(lambda: shown.title() == "" and network.refused == [url], f"a request of {url}")
        with pytest.raises(AssertionError, match=re.escape(url)):
            network.check()


def test_a_page_that_asks_nothing_is_not(browser: Browser) -> None:
    with browser.new_context() as context:
        network = Network(context)
        context.new_page().set_content("<p>nothing</p>")
        network.check()
